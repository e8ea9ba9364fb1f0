"""The parts of one running service, shared by its addresses."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from latentops.service import failures, refusal
from latentops.service.current import Current
from latentops.service.limits import Limits
from latentops.service.loaded import Loaded
from latentops.service.questions import Answer, Question, ask, is_quick, require_allowed
from latentops.service.watch import Watch

LOADED = "latentops.loaded"  # in a request's scope: the model that it began with
_SMALL_BODY_BYTES = 16 * 2**10
_THREADS = 4

_log = logging.getLogger("latentops.service")


class Asked(NamedTuple):
    """A request, understood."""

    question: Question
    reply: Callable[[Answer], Response]  # in the protocol that it came in


Endpoint = Callable[[Request], Awaitable[Response]]
Read = Callable[[Loaded, bytes], Asked]
"""A protocol: the body, understood. Raises RefusalError for what it cannot be."""


@dataclass
class Service:
    """`ending`: asked to end; what is being answered still is. `closing`: nobody can connect any
    more, so that who is told to come again by another connection is not cut off on the way."""

    current: Current
    limits: Limits
    watch: Watch
    token: str | None = None  # None: whoever reaches the service is answered
    ending: bool = False
    closing: bool = False
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_THREADS, "task")
    )

    free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_THREADS))

    @property
    def ready(self) -> bool:
        return self.current.loaded is not None and not self.ending

    async def answer(self, request: Request, read: Read) -> Response:
        """One short text at once, for changing threads costs more; all else in a thread."""
        loaded = model_of(request)
        raw = await request.body()
        if len(raw) > _SMALL_BODY_BYTES:
            return await self._aside(lambda: self._replied(loaded, read(loaded, raw)))
        asked = read(loaded, raw)
        if is_quick(asked.question, loaded):
            answer = self._answer(loaded, asked.question)
            response = asked.reply(answer)
            # Behind the reply, which nobody should wait for longer than he must.
            loop = asyncio.get_running_loop()
            loop.call_soon(self._remember, loaded, asked.question, answer)
            return response
        return await self._aside(lambda: self._replied(loaded, asked))

    def _replied(self, loaded: Loaded, asked: Asked) -> Response:
        answer = self._answer(loaded, asked.question)
        response = asked.reply(answer)
        self._remember(loaded, asked.question, answer)
        return response

    def _remember(self, loaded: Loaded, question: Question, answer: Answer) -> None:
        """What fails here is logged, without what was asked: the answer stands."""
        try:
            self.watch.answered(loaded, question, answer)
        except Exception as error:
            _log.error("An answer was not counted: %s", failures.where(error))

    def _answer(self, loaded: Loaded, question: Question) -> Answer:
        require_allowed(question, self.limits)
        return ask(loaded, question)

    async def _aside(self, act: Callable[[], Response]) -> Response:
        """One that waits for a thread when its deadline passes never gets one, and is forgotten."""
        await self.free.acquire()
        loop = asyncio.get_running_loop()
        future = self.threads.submit(act)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self.free.release))
        return await asyncio.wrap_future(future)


def model_of(request: Request) -> Loaded:
    """The one that the request began with. RefusalError 503 where none is loaded yet."""
    loaded: Loaded | None = request.scope[LOADED]
    if loaded is None:
        raise refusal.not_ready()
    return loaded

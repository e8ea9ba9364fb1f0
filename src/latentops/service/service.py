"""The parts of one running service, shared by its addresses."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from latentops.service import refusal
from latentops.service.current import Current
from latentops.service.limits import Limits
from latentops.service.loaded import Loaded
from latentops.service.questions import Answer, Question, ask, is_quick, require_allowed
from latentops.service.watch import Watch

LOADED = "latentops.loaded"  # in a request's scope: the model that it began with
_SMALL_BODY_BYTES = 16 * 2**10
_THREADS = 4


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
            return self._replied(loaded, asked)
        return await self._aside(lambda: self._replied(loaded, asked))

    def _replied(self, loaded: Loaded, asked: Asked) -> Response:
        require_allowed(asked.question, self.limits)
        answer = ask(loaded, asked.question)
        question = asked.question
        self.watch.answered(loaded, question.task, question.inputs, answer)
        return asked.reply(answer)

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

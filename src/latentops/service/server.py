"""The process: it listens, drains when it is asked to end, and says in one line why it cannot."""

import asyncio
import contextlib
import logging
import math
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn

from latentops.errors import SettingsError
from latentops.service.app import Settings, create_app
from latentops.service.connection import Connection
from latentops.service.service import Service
from latentops.service.sources import Source

_KEEP_ALIVE_SECONDS = 75
_LINGER_SECONDS = 1.0  # for who holds a connection open: a reply that ends it may be under way
_LINGER_STEP_SECONDS = 0.05

_log = logging.getLogger("latentops.service")


def serve(source: Source, host: str, port: int, settings: Settings) -> None:
    """Answer until asked to end by SIGTERM or SIGINT; what is being answered is finished.

    Raises SettingsError where nothing can listen there, and what keeps the first model from
    answering.
    """
    with listening(host, port) as listener:
        server = Server(source, settings)
        _log_to_stderr()
        _log.info("listening on http://%s:%s", *listener.getsockname()[:2])
        if settings.watch.window is not None:
            settings.watch.window.start()
        server.run(sockets=[listener])
        if failure := server.service.current.failure:
            raise failure


def _log_to_stderr() -> None:
    """Of the service alone: which model answers since when, and what failed."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)


def listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise SettingsError(
            f"Cannot listen on {host}, port {port}: {error.strerror}. "
            "Choose another --port or --host."
        ) from error


class Server(uvicorn.Server):
    """uvicorn's, which ends in order: not ready, no new connections, and then none at all."""

    def __init__(self, source: Source, settings: Settings) -> None:
        app = create_app(source, settings, on_failure=self._give_up)
        self.service: Service = app.state.service
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_whole_seconds(settings.limits.deadline_seconds),
            )
        )

    def _give_up(self) -> None:
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.service.ending = True
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """A reply now ends its connection; who is silent for a second is cut off."""
        self.service.ending = True
        for listener in self.servers:
            listener.close()
        self.service.closing = True
        loop = asyncio.get_running_loop()
        end = loop.time() + _LINGER_SECONDS
        while self.server_state.connections and loop.time() < end and not self.force_exit:
            await asyncio.sleep(_LINGER_STEP_SECONDS)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Without uvicorn's own signal to itself at the end: to end when asked is no failure."""
        with _handled_by(self.handle_exit):
            yield


@contextlib.contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Signals reach the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {sig: signal.signal(sig, handler) for sig in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for sig, original in before.items():
            signal.signal(sig, original)


def _whole_seconds(seconds: float) -> int:
    return math.ceil(seconds) + 1

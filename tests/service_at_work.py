"""A service in a thread of the test's own process, spoken to over HTTP."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from tiny_model import write_project

from latentops.artifacts import Spec
from latentops.inference.folder import export
from latentops.service.app import Settings
from latentops.service.server import Server, listening
from latentops.service.sources import Source

SECONDS = 60


def folder_of(spec: Spec, path: Path, seed: int = 0) -> Path:
    """A model folder of a few weights."""
    write_project(path / "project", spec, seed)
    export(path / "project", path / "model")
    return path / "model"


@contextmanager
def running(
    source: Source, settings: Settings | None = None, ready: bool = True
) -> Iterator[tuple[httpx.Client, Server]]:
    """Ended, with all that it answers, when the block ends."""
    listener = listening("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = Server(source, settings or Settings())
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        until(lambda: server.started)
        if ready:
            until(lambda: server.service.ready)
        with httpx.Client(base_url=address, timeout=SECONDS) as client:
            yield client, server
    finally:
        server.should_exit = True
        thread.join()


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)

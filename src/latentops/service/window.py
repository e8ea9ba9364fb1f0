"""A sample of what was answered, for `latentops monitor`: numbers and classes, and no text."""

import logging
import random
from collections.abc import Iterable
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from latentops import observations
from latentops.errors import ArtifactError
from latentops.observations import About, Row
from latentops.release import Release
from latentops.service import failures
from latentops.service.loaded import Loaded
from latentops.service.observing import observed

ROWS = 2_000
SECONDS = 30.0

_log = logging.getLogger("latentops.service")


class Window:
    """A uniform sample, of at most `most` rows, of all that the model answered since it answers.

    That is algorithm R (Vitter 1985). A row that is chosen waits, in memory, until the thread has
    made an observation of it, at most `seconds`; what is written and kept after that has no text.
    Another model, or the file being taken away, begins a new window.
    """

    def __init__(self, path: Path, most: int = ROWS, seconds: float = SECONDS) -> None:
        self._path = path
        self._most = most
        self._seconds = seconds
        self._draw = random.Random()  # of the system: who asks should not know what is kept
        self._lock = Lock()
        self._ending = Event()
        self._release: Release | None = None
        self._begin(None)
        self._thread: Thread | None = None

    def start(self) -> None:
        self._thread = Thread(target=self._keep, name="window", daemon=True)
        self._thread.start()

    def offer(self, loaded: Loaded, inputs: Iterable[Any]) -> None:
        """Rows that were just answered."""
        with self._lock:
            if loaded.release != self._release:
                self._begin(loaded)
            for one in inputs:
                self._seen += 1
                place = self._place()
                if place < self._most:
                    self._waiting[place] = one

    def close(self) -> None:
        """Write it a last time."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def _begin(self, loaded: Loaded | None) -> None:
        self._loaded = loaded
        self._release = None if loaded is None else loaded.release
        self._seen = 0
        self._rows: dict[int, Row] = {}  # by place
        self._waiting: dict[int, Any] = {}
        self._written = False

    def _place(self) -> int:
        return self._seen - 1 if self._seen <= self._most else self._draw.randrange(self._seen)

    def _keep(self) -> None:
        while not self._ending.wait(self._seconds):
            self._write()
        self._write()

    def _write(self) -> None:
        """A failure, as of a full disk, is logged: the service answers on."""
        try:
            self.write()
        except ArtifactError as error:
            _log.error("The window was not written. %s", error)
        except Exception as error:  # the thread goes on; what failed may be one row
            _log.error("The window was not written: %s", failures.where(error))

    def write(self) -> None:
        """Observe what waits, and write the whole file. Nothing where no row was answered."""
        with self._lock:
            if self._written and not self._path.exists():
                self._begin(self._loaded)
            loaded, waiting, seen = self._loaded, self._waiting, self._seen
            self._waiting = {}
        if loaded is None or not seen:
            return
        made = dict(zip(waiting, observed(loaded, list(waiting.values())), strict=True))
        with self._lock:
            if self._loaded is not loaded:
                return  # of a model that answers no more
            self._rows |= made
            rows = list(self._rows.values())
            self._written = True
        observations.write(rows, _about(loaded.release, max(seen, len(rows))), self._path)


def _about(release: Release, seen: int) -> About:
    return About(
        name=release.name,
        version=release.version,
        lineage_key=release.lineage_key,
        rows_seen=seen,
    )

"""The model that answers, and the thread that exchanges it when the source names another.

The next one is loaded, checked and warmed beside the one that answers, which then is exchanged by
one assignment. Where the next one fails, the one that answers stays; it is tried again when the
source names another version.
"""

import logging
from collections.abc import Callable
from threading import Event, Thread

from latentops.errors import ArtifactError, LatentOpsError
from latentops.release import Release
from latentops.service import loaded as loading
from latentops.service.loaded import Loaded
from latentops.service.metrics import Metrics
from latentops.service.sources import Source

_log = logging.getLogger("latentops.service")


class Current:
    """`loaded` is the model that answers; None until the first one is ready."""

    def __init__(
        self,
        source: Source,
        metrics: Metrics,
        poll_seconds: float,
        load: Callable[[Release], Loaded] = loading.load,
    ) -> None:
        self.loaded: Loaded | None = None
        self.failure: Exception | None = None  # of the first model, without which nothing can be
        self.source = source
        self._metrics = metrics
        self._poll_seconds = poll_seconds
        self._load = load
        self._refused: Release | None = None
        self._told = ""
        self._ending = Event()

    def start(self, on_failure: Callable[[], None]) -> Thread:
        """A thread, which calls `on_failure` where not even the first model can be loaded."""
        thread = Thread(target=self._keep, args=(on_failure,), name="model", daemon=True)
        thread.start()
        return thread

    def end(self) -> None:
        self._ending.set()

    def _keep(self, on_failure: Callable[[], None]) -> None:
        try:
            self._exchange(self.source.current())
        except Exception as error:  # told by who began the service, a bug with its traceback
            self.failure = error
            on_failure()
            return
        while not self._ending.wait(self._poll_seconds):
            self.look()

    def look(self) -> None:
        """Ask the source once, and exchange the model where it names another."""
        try:
            release = self.source.current()
            if self._is_served(release):
                self._refused, self._told = None, ""
            elif release != self._refused:
                self._refused = release  # until it is served
                self._exchange(release)
                self._told = ""
        except LatentOpsError as error:
            self._stays(str(error))
        except Exception as error:  # whatever a model's files, or the store, bring about
            self._stays(" ".join(f"{type(error).__name__}: {error}".split()))

    def _exchange(self, release: Release) -> None:
        following = self._load(release)
        if self.loaded is not None:
            _require_same_form(self.loaded, following)
            self._metrics.swaps.labels("done").inc()
        self.loaded = following
        self._metrics.serves(release)
        _log.info("version %s of %s answers", release.version, release.name)

    def _is_served(self, release: Release) -> bool:
        return self.loaded is not None and self.loaded.release == release

    def _stays(self, why: str) -> None:
        """Counted and logged once, however often the source repeats it."""
        if why == self._told:
            return
        self._told = why
        self._metrics.swaps.labels("failed").inc()
        _log.error("The model stays the one that it was. %s", why)


def _require_same_form(before: Loaded, following: Loaded) -> None:
    """Who sends texts, or images of one shape, could not be answered any more."""
    if before.reads != following.reads:
        raise ArtifactError(
            f"Version {following.release.version} of {following.release.name} reads "
            f"{following.reads}, and the one that is served reads {before.reads}. Serve it by a "
            "service of its own."
        )

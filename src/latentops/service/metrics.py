"""What Prometheus reads: counts and durations, and nothing of what was asked."""

from collections.abc import Sequence
from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from latentops.release import Release

_SECONDS = (
    *(0.0001, 0.0002, 0.0003, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05),
    *(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0),
)
_SHARES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
_OF_MODEL = ("name", "version", "lineage_key")


class Metrics:
    """Of one service, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.seconds = Histogram(
            "latentops_request_seconds",
            "From the head of a request to the end of its reply.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.requests = self._counter(
            "requests", "Replies, refusals among them.", ["route", "status"]
        )
        self.refusals = self._counter("refusals", "Requests not answered, and why.", ["reason"])
        self.rows = self._counter("rows", "Rows answered.", ["task"])
        self.out_of_scope = self._counter(
            "out_of_scope_rows", "Of the rows classified, those out of scope.", []
        )
        self.unknown_share = Histogram(
            "latentops_unknown_words_share",
            "Of each text classified or scored, the share of its words that the model never saw.",
            buckets=_SHARES,
            registry=self.registry,
        )
        self.swaps = self._counter(
            "model_swaps", "Models that were to replace the one before.", ["result"]
        )
        self.in_flight = self._gauge("requests_in_flight", "Requests being answered.", [])
        self.ready = self._gauge("ready", "1: models are loaded, checked and warm.", [])
        self._model = self._gauge("model_info", "The model that answers.", _OF_MODEL)
        self._of_route = cache(self._requests_and_seconds)

    def serves(self, release: Release) -> None:
        """From now on."""
        self._model.clear()
        self._model.labels(release.name, release.version, release.lineage_key).set(1)
        self.ready.set(1)

    def replied(self, route: str, status: int, seconds: float) -> None:
        requests, durations = self._of_route(route, status)
        requests.inc()
        durations.observe(seconds)

    def saw(self, unknown_share_N: Sequence[float]) -> None:
        for share in unknown_share_N:
            self.unknown_share.observe(share)

    def text(self) -> bytes:
        return generate_latest(self.registry)

    def _requests_and_seconds(self, route: str, status: int) -> tuple[Counter, Histogram]:
        return self.requests.labels(route, status), self.seconds.labels(route)

    def _counter(self, name: str, help_text: str, labels: Sequence[str]) -> Counter:
        return Counter(f"latentops_{name}", help_text, labels, registry=self.registry)

    def _gauge(self, name: str, help_text: str, labels: Sequence[str]) -> Gauge:
        return Gauge(f"latentops_{name}", help_text, labels, registry=self.registry)

"""What a trial found."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from latentops.tuning.settings import Settings

Row: TypeAlias = dict[str, float]
Report: TypeAlias = Callable[[Row, float | None], None]
"""Is given each epoch's row, and by then the value by which trials compare, if there is one; it may
raise to stop."""

CURVE = ("epoch", "valid_elbo_nats", "valid_rate_nats", "valid_distortion_nats")
"""What is kept of each epoch of a trial."""
HEAD_SCORES = ("accuracy", "macro_recall")


@dataclass(frozen=True)
class Outcome:
    """Validation scores of one trained model."""

    rate_nats: float
    distortion_nats: float
    elbo_nats: float  # at beta 1
    active_units: int
    seconds: float  # of the training
    epochs: int
    accuracy: float | None = None
    macro_recall: float | None = None


def column(score: str) -> str:
    """The field of an outcome that a score of `tune.score` means."""
    return "elbo_nats" if score == "elbo" else score


def values(outcome: Outcome, settings: Settings) -> list[float]:
    """What the sampler is told: to minimise in mode pareto, to maximise in the others."""
    if settings.mode == "pareto":
        return [outcome.rate_nats, outcome.distortion_nats]
    if settings.mode == "budget":
        return [-outcome.distortion_nats]
    return [float(getattr(outcome, column(name))) for name in settings.score]


def excess_rate_nats(rate_nats: float, settings: Settings) -> float:
    """By how much a rate is above the budget of mode budget: at most 0 where it is kept."""
    assert settings.rate_nats is not None, "mode budget has one"
    return rate_nats - settings.rate_nats

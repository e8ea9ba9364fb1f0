"""What a trial found."""

from dataclasses import dataclass

from latentops.tuning.settings import Settings


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


def values(outcome: Outcome, settings: Settings) -> list[float]:
    """What the sampler is told: to minimise in mode pareto, to maximise in the others."""
    if settings.mode == "pareto":
        return [outcome.rate_nats, outcome.distortion_nats]
    if settings.mode == "budget":
        return [-outcome.distortion_nats]
    return [_of(outcome, name) for name in settings.score]


def excess_rate_nats(outcome: Outcome, settings: Settings) -> float | None:
    """By how much the rate is above the budget: at most 0 where it holds. None without one."""
    return outcome.rate_nats - settings.rate_nats if settings.rate_nats is not None else None


def _of(outcome: Outcome, score: str) -> float:
    found = outcome.elbo_nats if score == "elbo" else getattr(outcome, score)
    assert found is not None, f"{score} was measured"
    return float(found)

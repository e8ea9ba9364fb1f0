"""What a trial found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """Validation scores of one trained model. A higher `score` is better."""

    score: float
    rate_nats: float
    distortion_nats: float
    elbo_nats: float
    active_units: int
    seconds: float  # of the training

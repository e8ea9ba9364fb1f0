"""Which dimensions of a code are used."""

from torch import Tensor

ACTIVE_VARIANCE = 0.01  # of the posterior mean over examples: Burda et al. 2016


def active(mean_NZ: Tensor) -> Tensor:
    """Which dimensions' means vary over the examples by more than `ACTIVE_VARIANCE`: [Z], bool."""
    return mean_NZ.double().var(0, correction=0) > ACTIVE_VARIANCE


def active_units(mean_NZ: Tensor) -> int:
    return int(active(mean_NZ).sum())

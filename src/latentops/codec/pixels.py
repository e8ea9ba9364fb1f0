# ruff: noqa: N815 - names end in their shape suffixes
"""p(x given z) as the coder takes it: a distribution function over the levels of each pixel.

Both ends must compute the same bits of every probability. So what the networks give, in float64, is
rounded to a coarse grid, and what follows uses only +, -, *, / and `tables`, which every IEEE
machine rounds alike. What is left is a network's output that lies so near the middle of two grid
points that another batch size, number of threads or BLAS, which move it by some 1e-14, rounds it
the other way: a chance of 1e-12 for a pixel of two levels, of 1e-11 for one of 256, so of 1e-5 and
1e-4 for 10,000 images of 28 x 28. It cannot pass unnoticed: the checksum of the pixels finds it.

Shape suffixes: P pixels of all images of a group, K components of a mixture.
"""

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
from torch import Tensor

from latentops.codec import tables
from latentops.likelihoods import Bernoulli, DiscretizedLogistic, LogisticMixture

STEPS = tables.STEPS  # to 1, of logits, locations in levels, log-scales: < 1e-4 bits a pixel more
SHARES = 4096  # to 1, of a component of a mixture


@dataclass(frozen=True)
class Logistics:
    """Independent pixels in 0..levels-1: mixtures of logistic densities rounded to the levels.

    Locations and precisions (1 / scale) are in levels; shares add up to 1 over K.
    """

    levels: int
    share_KP: np.ndarray
    location_KP: np.ndarray
    precision_KP: np.ndarray

    def below(self, level_P: np.ndarray) -> np.ndarray:
        """P(pixel < level), [P], for levels in 1..levels-1."""
        from_location_KP = (level_P - 0.5) - self.location_KP
        below_KP = tables.logistic(from_location_KP * self.precision_KP)
        below_P: np.ndarray = (self.share_KP * below_KP).sum(0)
        return below_P


@singledispatch
def rounded(likelihood: Any) -> Logistics:
    """The levels that a likelihood [B, *event] in float64 describes, its parameters rounded."""
    raise TypeError(f"no lossless code is known for {type(likelihood).__name__}")


@rounded.register
def _(likelihood: Bernoulli) -> Logistics:
    logit_KP = _steps(likelihood.logits[None]) / STEPS
    one = np.ones_like(logit_KP)
    return Logistics(2, share_KP=one, location_KP=0.5 + logit_KP, precision_KP=one)


@rounded.register
def _(likelihood: DiscretizedLogistic) -> Logistics:
    share_KP = np.ones((1, likelihood.mean.numel()))
    return _logistics(
        likelihood.levels, share_KP, likelihood.mean[None], likelihood.log_scale[None]
    )


@rounded.register
def _(likelihood: LogisticMixture) -> Logistics:
    share_KP = np.rint(SHARES * _flat(likelihood.logits.softmax(0)))
    share_KP /= share_KP.sum(0)
    return _logistics(likelihood.levels, share_KP, likelihood.location, likelihood.log_scale)


def _logistics(levels: int, share_KP: np.ndarray, location: Tensor, log_scale: Tensor) -> Logistics:
    """Of locations and scales [K, B, *event] on pixels divided by levels - 1."""
    top = levels - 1
    return Logistics(
        levels,
        share_KP,
        location_KP=_steps(location * top) / STEPS,
        precision_KP=tables.exp(-_steps(log_scale)) / top,
    )


def _steps(values: Tensor) -> np.ndarray:
    """Whole numbers of steps, float64 [K, P], of values [K, B, *event]."""
    steps_KP: np.ndarray = np.rint(_flat(values) * STEPS)
    return steps_KP


def _flat(values: Tensor) -> np.ndarray:
    flat_KP: np.ndarray = values.flatten(1).numpy()
    return flat_KP

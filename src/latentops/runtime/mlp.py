"""The fully connected model of images in numpy: `networks.mlp` at prediction.

Shape suffixes: B images, P their pixels in a row, Z latent dimensions; M parts of a mixture.
"""

import math
from collections.abc import Callable

import numpy as np

from latentops.artifacts import Spec
from latentops.networks.settings import (
    FIRST_LOG_SCALE,
    LOG_SCALE_RANGE,
    LOG_VARIANCE_RANGE,
    Mlp,
)
from latentops.runtime.layers import (
    Reading,
    chain,
    halves,
    scaled_mean,
    side_by_side,
    sigmoid,
    through,
)
from latentops.runtime.likelihoods import Bernoulli, DiscretizedLogistic, LogisticMixture, Pixels
from latentops.runtime.weights import Weights

_Head = Callable[[np.ndarray], Pixels]


class Encoder:
    """Pixels [B, P] in [0, 1] to what the encoder says of them."""

    def __init__(self, weights: Weights, settings: Mlp, shape: tuple[int, ...]) -> None:
        self._activation = settings.activation
        widths = [math.prod(shape), *settings.hidden, 2 * settings.latent]
        layers = list(chain(weights, "encoder.body", widths))
        if settings.mean_scale is not None:
            folded = scaled_mean(weights, settings.latent, settings.mean_scale)
            layers[-1] = layers[-1].rescaled(*folded)
        self._first, *self._body = layers

    def __call__(self, pixels_BP: np.ndarray) -> Reading:
        heads, hidden = through(self._first(pixels_BP), self._body, self._activation)
        mean_BZ, log_variance_BZ = halves(heads)
        clipped_BZ = log_variance_BZ.clip(*LOG_VARIANCE_RANGE)
        return Reading(mean_BZ, clipped_BZ, side_by_side(hidden, len(pixels_BP)))


class Decoder:
    """z [..., Z] to a likelihood of pixels [..., P]."""

    def __init__(self, weights: Weights, settings: Mlp, spec: Spec) -> None:
        planes, self._head = _head(spec, settings)
        self._activation = settings.activation
        widths = [settings.latent, *settings.decoder_hidden, planes * math.prod(spec.shape)]
        self._first, *self._body = chain(weights, "decoder.body", widths)

    def __call__(self, z: np.ndarray) -> Pixels:
        return self._head(through(self._first(z), self._body, self._activation)[0])


def _head(spec: Spec, settings: Mlp) -> tuple[int, _Head]:
    """How many numbers it reads for each pixel, and what it makes of them."""
    read, parts = spec.levels_read, settings.mixtures
    if settings.likelihood == "bernoulli" or (settings.likelihood == "auto" and read == 2):
        return 1, Bernoulli
    if parts == 1:
        return 2, lambda raw: _logistic(raw, read)
    return 3 * parts, lambda raw: _mixture(raw, parts, read)


def _logistic(raw: np.ndarray, levels: int) -> DiscretizedLogistic:
    location, log_scale = np.split(raw, 2, axis=-1)
    return DiscretizedLogistic(sigmoid(location), _held(log_scale), levels)


def _mixture(raw: np.ndarray, parts: int, levels: int) -> LogisticMixture:
    pixels = raw.shape[-1] // (3 * parts)
    by_part = np.moveaxis(raw.reshape(*raw.shape[:-1], 3, parts, pixels), (-3, -2), (0, 1))
    logits, location, log_scale = by_part
    return LogisticMixture(logits, location + 0.5, _held(log_scale), levels)


def _held(log_scale: np.ndarray) -> np.ndarray:
    return np.asarray((log_scale + FIRST_LOG_SCALE).clip(*LOG_SCALE_RANGE))

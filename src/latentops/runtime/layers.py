# ruff: noqa: N802, N815 - names end in their shape suffixes
"""What the numpy networks share: activations, linear layers, and what an encoder says.

Shape suffixes: B examples, I and O numbers before and behind a layer, Z latent dimensions, H units
of the encoder's hidden layers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from latentops.networks.settings import Activation
from latentops.runtime.weights import Weights


class Reading(NamedTuple):
    """q(z given x) of B examples, and every hidden layer after its activation, side by side."""

    mean_BZ: np.ndarray
    log_variance_BZ: np.ndarray
    hidden_BH: np.ndarray

    @property
    def sd_BZ(self) -> np.ndarray:
        return np.exp(0.5 * self.log_variance_BZ)


def kl_BZ(mean_BZ: np.ndarray, log_variance_BZ: np.ndarray) -> np.ndarray:
    """To the standard normal, of each dimension, nats."""
    excess_BZ = np.expm1(log_variance_BZ)
    return np.asarray(0.5 * (np.square(mean_BZ) + excess_BZ - log_variance_BZ))


@dataclass(frozen=True)
class Linear:
    weight_OI: np.ndarray
    bias_O: np.ndarray

    @classmethod
    def taken(cls, weights: Weights, name: str, before: int, behind: int) -> "Linear":
        weight_OI = weights.take(f"{name}.weight", behind, before)
        return cls(weight_OI, weights.take(f"{name}.bias", behind))

    def __call__(self, x_BI: np.ndarray) -> np.ndarray:
        return np.asarray(x_BI @ self.weight_OI.T + self.bias_O)

    def rescaled(self, gain_O: np.ndarray, shift_O: np.ndarray) -> "Linear":
        """With a BatchNorm behind it folded in."""
        return Linear(self.weight_OI * gain_O[:, None], self.bias_O * gain_O + shift_O)


def chain(weights: Weights, name: str, widths: Sequence[int], first: int = 0) -> tuple[Linear, ...]:
    """The linear layers of `networks.layers.perceptron`, which stand at every second place."""
    return tuple(
        Linear.taken(weights, f"{name}.{first + 2 * number}", before, behind)
        for number, (before, behind) in enumerate(pairwise(widths))
    )


def scaled_mean(weights: Weights, latent: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Gain and shift of `networks.layers.ScaledMean` behind heads [B, 2 Z]: the means alone."""
    gain_Z, shift_Z = weights.norm("encoder.mean.norm", latent)
    moved_Z = np.float32(scale) * shift_Z + weights.take("encoder.mean.shift", latent)
    gain_O = np.concatenate([np.float32(scale) * gain_Z, np.ones_like(gain_Z)])
    return gain_O, np.concatenate([moved_Z, np.zeros_like(gain_Z)])


def sigmoid(x: np.ndarray) -> np.ndarray:
    """By tanh, which overflows nowhere."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))


def log_sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(-np.logaddexp(0, -x))


def softplus(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.logaddexp(0, x))


def log_sum_exp(x: np.ndarray, axis: int) -> np.ndarray:
    """Without that axis."""
    most = x.max(axis=axis, keepdims=True)
    summed = np.log(np.exp(x - most).sum(axis=axis, keepdims=True)) + most
    return np.asarray(summed.squeeze(axis))


def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    odds = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(odds / odds.sum(axis=axis, keepdims=True))


def _relu(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(x, 0))


def _tanh(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.tanh(x))


def _silu(x: np.ndarray) -> np.ndarray:
    return np.asarray(x * sigmoid(x))


def _gelu(x: np.ndarray) -> np.ndarray:
    from scipy.special import erf  # slow to import, and few models ask for it

    return np.asarray(0.5 * x * (1 + erf(x * np.float32(0.5**0.5))))


ACTIVATIONS: dict[Activation, Callable[[np.ndarray], np.ndarray]] = {
    "relu": _relu,
    "tanh": _tanh,
    "silu": _silu,
    "gelu": _gelu,
}


def through(
    values_BI: np.ndarray, layers: Sequence[Linear], activation: Activation
) -> tuple[np.ndarray, list[np.ndarray]]:
    """What the last layer gives and each activation gave, of a first layer's values."""
    activate, hidden = ACTIVATIONS[activation], []
    for layer in layers:
        hidden.append(activate(values_BI))
        values_BI = layer(hidden[-1])
    return values_BI, hidden


def halves(heads_BO: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and log-variances, [B, Z] each."""
    latent = heads_BO.shape[1] // 2
    return heads_BO[:, :latent], heads_BO[:, latent:]


def side_by_side(hidden: Sequence[np.ndarray], rows: int) -> np.ndarray:
    """[B, H]; H may be 0."""
    if len(hidden) == 1:
        return hidden[0]
    return np.concatenate([np.zeros((rows, 0), np.float32), *hidden], axis=1)

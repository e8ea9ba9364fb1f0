# ruff: noqa: N802, N815 - names end in their shape suffixes
"""p(z) in numpy: see `latentops.priors`, which has the sources.

Shape suffixes: K samples, B examples, N codes, Z latent dimensions, P parts of a mixture.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from latentops.networks.settings import Bow, Images
from latentops.runtime.draws import Draws
from latentops.runtime.layers import Reading, kl_BZ, log_sum_exp, softmax
from latentops.runtime.weights import Weights


class Prior(Protocol):
    def rate(self, read: Reading, z_KBZ: np.ndarray) -> np.ndarray:
        """KL(q(z given x) || p(z)), nats: in closed form, [B], or as estimated at z, [K, B]."""

    def by_dimension(self, read: Reading) -> np.ndarray:
        """KL of each dimension, nats, [B, Z]; nearly so where it has no closed form."""

    @property
    def mean_Z(self) -> np.ndarray:
        """float32."""

    def sample(self, n: int, draws: Draws) -> np.ndarray:
        """[n, Z], float32."""


@dataclass(frozen=True)
class Normal:
    """Independent normals of mean 0 and one variance; with 1 the standard normal."""

    latent: int
    variance: float

    def rate(self, read: Reading, z_KBZ: np.ndarray) -> np.ndarray:
        return np.asarray(self.by_dimension(read).sum(axis=1))

    def by_dimension(self, read: Reading) -> np.ndarray:
        mean_BZ = read.mean_BZ / math.sqrt(self.variance)
        return kl_BZ(mean_BZ, read.log_variance_BZ - math.log(self.variance))

    @property
    def mean_Z(self) -> np.ndarray:
        return np.zeros(self.latent, np.float32)

    def sample(self, n: int, draws: Draws) -> np.ndarray:
        return math.sqrt(self.variance) * _noise(n, self.latent, draws)


@dataclass(frozen=True)
class Mixture:
    mean_PZ: np.ndarray
    log_variance_PZ: np.ndarray
    logits_P: np.ndarray

    def rate(self, read: Reading, z_KBZ: np.ndarray) -> np.ndarray:
        standardized = (z_KBZ - read.mean_BZ) / read.sd_BZ
        squares_KB = np.square(standardized).sum(-1) + read.log_variance_BZ.sum(-1)
        constant = z_KBZ.shape[-1] * math.log(2 * math.pi)
        return np.asarray(-0.5 * (squares_KB + constant) - self._log_prob(z_KBZ))

    def by_dimension(self, read: Reading) -> np.ndarray:
        spread_PZ = np.exp(self.log_variance_PZ) + np.square(self.mean_PZ - self.mean_Z)
        variance_Z = softmax(self.logits_P) @ spread_PZ
        mean_BZ = (read.mean_BZ - self.mean_Z) / np.sqrt(variance_Z)
        return kl_BZ(mean_BZ, read.log_variance_BZ - np.log(variance_Z))

    @property
    def mean_Z(self) -> np.ndarray:
        return np.asarray(softmax(self.logits_P) @ self.mean_PZ)

    def _log_prob(self, z_KBZ: np.ndarray) -> np.ndarray:
        precision_PZ = np.exp(-self.log_variance_PZ)
        squares_KBP = (
            np.square(z_KBZ) @ precision_PZ.T
            - 2 * z_KBZ @ (self.mean_PZ * precision_PZ).T
            + (np.square(self.mean_PZ) * precision_PZ).sum(-1)
        )
        constant_P = self.log_variance_PZ.sum(-1) + z_KBZ.shape[-1] * math.log(2 * math.pi)
        log_share_P = self.logits_P - log_sum_exp(self.logits_P, 0)
        return log_sum_exp(log_share_P - 0.5 * (squares_KBP + constant_P), -1)

    def sample(self, n: int, draws: Draws) -> np.ndarray:
        from scipy.special import ndtr  # slow to import, and few models ask for it

        noise_NZ1 = _noise(n, self.mean_PZ.shape[1] + 1, draws)
        upto_P = softmax(self.logits_P).cumsum()
        part_N = np.searchsorted(upto_P[:-1], ndtr(noise_NZ1[:, -1]))
        spread_NZ = np.exp(0.5 * self.log_variance_PZ[part_N])
        return np.asarray(self.mean_PZ[part_N] + spread_NZ * noise_NZ1[:, :-1])


def _noise(n: int, width: int, draws: Draws) -> np.ndarray:
    """As `latentops.priors` draws it, by sixteens: [n, width]."""
    return draws.normal(16 * math.ceil(n / 16), width)[:n]


def taken(weights: Weights, settings: Bow | Images) -> Prior:
    """Of a model with these settings."""
    latent = settings.latent
    if settings.prior == "dirichlet":
        return Normal(latent, (1 - 1 / latent) / settings.concentration)
    if settings.prior == "normal":
        return Normal(latent, 1.0)
    parts = settings.prior_parts
    return Mixture(
        weights.take("prior.mean", parts, latent),
        weights.take("prior.log_variance", parts, latent),
        weights.take("prior.logits", parts),
    )

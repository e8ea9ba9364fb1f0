"""p(x given z) in numpy: what a decoder says, and the log-probability of what was there, in nats.

The formulas are those of `latentops.likelihoods`, which has their sources. Shape suffixes: K
samples of z, B examples, P pixels, W words; M parts of a mixture; n words of one document.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from latentops.runtime.draws import Draws
from latentops.runtime.layers import log_sigmoid, log_sum_exp, sigmoid, softmax, softplus

Document = tuple[np.ndarray, np.ndarray]
"""Columns among the target words and their counts, each [n]."""


class Likelihood(Protocol):
    @property
    def mean(self) -> np.ndarray:
        """[..., P] in [0, 1], or the share of each word, [..., W]."""


class Pixels(Likelihood, Protocol):
    def log_prob(self, x_BP: np.ndarray) -> np.ndarray:
        """[K, B], of parameters [K, B, P]."""


@dataclass(frozen=True)
class Bernoulli:
    logits: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        return sigmoid(self.logits)

    def log_prob(self, x_BP: np.ndarray) -> np.ndarray:
        return np.asarray((x_BP * self.logits - softplus(self.logits)).sum(-1))


@dataclass(frozen=True)
class DiscretizedLogistic:
    mean: np.ndarray
    log_scale: np.ndarray
    levels: int

    def log_prob(self, x_BP: np.ndarray) -> np.ndarray:
        each = _logistic_log_prob(x_BP, self.mean, self.log_scale, self.levels)
        return np.asarray(each.sum(-1))


@dataclass(frozen=True)
class LogisticMixture:
    """Parameters [M, ..., P]."""

    logits: np.ndarray
    location: np.ndarray
    log_scale: np.ndarray
    levels: int

    @property
    def mean(self) -> np.ndarray:
        scale = np.exp(self.log_scale)
        reach = softplus(self.location / scale) - softplus((self.location - 1) / scale)
        return np.asarray((softmax(self.logits, 0) * scale * reach).sum(0).clip(0, 1))

    def log_prob(self, x_BP: np.ndarray) -> np.ndarray:
        parts = _logistic_log_prob(x_BP, self.location, self.log_scale, self.levels)
        log_share = self.logits - log_sum_exp(self.logits, 0)
        return np.asarray(log_sum_exp(log_share + parts, 0).sum(-1))


@dataclass(frozen=True)
class Words:
    """Documents given logits [..., W]: multinomial, or Dirichlet-multinomial with `dirichlet`."""

    logits: np.ndarray
    dirichlet: bool

    @property
    def mean(self) -> np.ndarray:
        return softmax(self.logits)

    def shares(self, draws: Draws) -> np.ndarray:
        """Of each word in the document that is drawn next, float32 [..., W]."""
        if not self.dirichlet:
            return self.mean
        weights = draws.gammas(np.exp(self.logits.astype(np.float64)))
        return np.asarray(weights / weights.sum(-1, keepdims=True), dtype=np.float32)

    def log_prob(self, documents: Sequence[Document]) -> np.ndarray:
        """[K, B], of logits [K, B, W]."""
        total_KB = log_sum_exp(self.logits, -1)
        one: Callable[..., np.ndarray] = _dirichlet if self.dirichlet else _multinomial
        found = [
            one(self.logits[:, row, columns_n], counts_n, total_KB[:, row])
            for row, (columns_n, counts_n) in enumerate(documents)
        ]
        return np.stack(found, axis=1)


def _multinomial(own_Kn: np.ndarray, counts_n: np.ndarray, total_K: np.ndarray) -> np.ndarray:
    return np.asarray((own_Kn - total_K[:, None]) @ counts_n)


def _dirichlet(own_Kn: np.ndarray, counts_n: np.ndarray, total_K: np.ndarray) -> np.ndarray:
    of_words_K = _log_rising(own_Kn.astype(np.float64), counts_n).sum(-1)
    rising_K = _log_rising(total_K.astype(np.float64), counts_n.sum(dtype=np.float64))
    return np.asarray(of_words_K - rising_K)


_LARGE_LOG = 20.0  # from here on both forms are right to 1e-5 nats for 100,000 words


def _log_rising(log_a: np.ndarray, n: np.ndarray) -> np.ndarray:
    """log of a (a + 1) ... (a + n - 1)."""
    from scipy.special import gammaln  # slow to import, and few models ask for it

    a = np.exp(log_a.clip(max=_LARGE_LOG))
    below = np.exp(-log_a.clip(min=_LARGE_LOG))
    series = n * log_a + n * (n - 1) * below * (0.5 - (2 * n - 1) * below / 12)
    exact = gammaln(a + n) - gammaln(a)
    return np.asarray(np.where(log_a < _LARGE_LOG, exact, series))


def _logistic_log_prob(
    x_BP: np.ndarray, location: np.ndarray, log_scale: np.ndarray, levels: int
) -> np.ndarray:
    precision = np.exp(-log_scale) / (levels - 1)
    from_location = x_BP - location * (levels - 1)
    below_top = log_sigmoid(precision * (from_location + 0.5))
    above_bottom = log_sigmoid(-precision * (from_location - 0.5))
    inner = below_top + above_bottom + np.log(-np.expm1(-precision))
    return np.where(x_BP == 0, below_top, np.where(x_BP == levels - 1, above_bottom, inner))

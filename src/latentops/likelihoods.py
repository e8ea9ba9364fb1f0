"""p(x given z) as distributions over whole examples.

Shapes: B examples, V words; x is [B, *event]. Parameters are [..., B, *event]: leading
dimensions are samples of z, and one x is compared with each of them.
"""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


class Likelihood(Protocol):
    """What a decoder returns."""

    @property
    def mean(self) -> Tensor:
        """[..., B, *event]: pixels in [0, 1], or the share of each word."""

    def log_prob(self, x: Tensor) -> Tensor:
        """[..., B], nats, summed over the event."""

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """[..., B, *event], in the values that `log_prob` takes."""


@runtime_checkable
class OverLevels(Likelihood, Protocol):
    """Of pixels that are independent given z, each one of a few levels: what a coder needs."""

    def level_probabilities(self) -> Tensor:
        """[..., B, *event, levels]; each pixel's sum to one but for rounding. 0 by underflow."""


@dataclass(frozen=True)
class Bernoulli:
    """Independent binary pixels, given logits [..., B, *event]; x is 0 or 1."""

    logits: Tensor

    @property
    def mean(self) -> Tensor:
        return self.logits.sigmoid()

    def log_prob(self, x: Tensor) -> Tensor:
        wrong = F.binary_cross_entropy_with_logits(
            self.logits, x.expand_as(self.logits), reduction="none"
        )
        return -_sum_event(wrong, x)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        return torch.bernoulli(self.mean, generator=generator)

    def level_probabilities(self) -> Tensor:
        return torch.stack([(-self.logits).sigmoid(), self.logits.sigmoid()], dim=-1)


@dataclass(frozen=True)
class DiscretizedLogistic:
    """Independent pixels x in 0..levels-1: a logistic density rounded to the nearest level.

    `mean` and exp(`log_scale`), [..., B, *event], are its location and scale on pixels divided by
    levels - 1. The lowest and the highest level hold the tails (Salimans et al. 2017).
    """

    mean: Tensor
    log_scale: Tensor
    levels: int

    def log_prob(self, x: Tensor) -> Tensor:
        precision = (-self.log_scale).exp() / (self.levels - 1)
        from_mean = x - self.mean * (self.levels - 1)
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)) loses no digit.
        below_top = F.logsigmoid(precision * (from_mean + 0.5))
        above_bottom = F.logsigmoid(-precision * (from_mean - 0.5))
        between = torch.log(-torch.expm1(-precision)).expand_as(below_top)
        inner = below_top + above_bottom + between
        log_prob = torch.where(x == 0, below_top, inner)
        return _sum_event(torch.where(x == self.levels - 1, above_bottom, log_prob), x)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        uniform = torch.rand(
            self.mean.shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype
        )
        continuous = self.mean + self.log_scale.exp() * uniform.logit()
        return (continuous.clamp(0, 1) * (self.levels - 1)).round()

    def level_probabilities(self) -> Tensor:
        """As differences of the distribution function: the relative error of small ones is large.

        In double precision the absolute one is below 1e-15.
        """
        steps = torch.arange(self.levels - 1, device=self.mean.device, dtype=self.mean.dtype)
        edges = (steps + 0.5) / (self.levels - 1)
        precision = (-self.log_scale).exp().unsqueeze(-1)
        below = (precision * (edges - self.mean.unsqueeze(-1))).sigmoid()
        return F.pad(F.pad(below, (1, 0)), (0, 1), value=1.0).diff(dim=-1)


@dataclass(frozen=True)
class Multinomial:
    """Word counts x [B, V], dense or CSR, given logits [..., B, V].

    The multinomial coefficient is left out: it does not depend on the model, and leaving it out
    makes the value the log-probability of one ordering of the words. A document without words has
    log-probability 0.
    """

    logits: Tensor

    @property
    def mean(self) -> Tensor:
        return self.logits.softmax(-1)

    def log_prob(self, x: Tensor) -> Tensor:
        if x.layout != torch.sparse_csr:
            return (x * self.logits).sum(-1) - x.sum(-1) * self.logits.logsumexp(-1)
        rows = torch.repeat_interleave(x.crow_indices().diff(), output_size=len(x.values()))
        places = rows * x.shape[1] + x.col_indices()
        log_prob: Tensor = _StoredWords.apply(  # type: ignore[no-untyped-call]
            self.logits, rows, places, x.values()
        )
        return log_prob

    def sample(self, generator: torch.Generator | None = None, tokens: int = 1) -> Tensor:
        """Counts [..., B, V] of documents with that many words."""
        flat = self.mean.flatten(0, -2)
        words = torch.multinomial(flat, tokens, replacement=True, generator=generator)
        ones = torch.ones_like(words, dtype=flat.dtype)
        return torch.zeros_like(flat).scatter_add(1, words, ones).reshape(self.logits.shape)


class _StoredWords(torch.autograd.Function):
    """The sum of count times log softmax of the logits [..., B, V] over stored words, [..., B].

    `places` [nnz] are theirs in the flattened [B, V], `rows` [nnz] their documents. By hand,
    because autograd would make four arrays of the size of the logits where one is enough: a
    third of the time at 30,000 words.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, rows: Tensor, places: Tensor, counts: Tensor) -> Tensor:
        log_share = logits.log_softmax(-1)
        ctx.save_for_backward(log_share, rows, places, counts)
        scores = counts * log_share.flatten(-2).index_select(-1, places)
        return scores.new_zeros(logits.shape[:-1]).index_add_(-1, rows, scores)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        log_share, rows, places, counts = ctx.saved_tensors
        tokens_B = counts.new_zeros(log_share.shape[-2]).index_add_(0, rows, counts)
        to_logits = log_share.exp().mul_(-(gradient * tokens_B).unsqueeze(-1))
        to_words = counts * gradient.index_select(-1, rows)
        to_logits.flatten(-2).index_add_(-1, places, to_words)  # a view
        return to_logits, None, None, None


def _sum_event(values: Tensor, x: Tensor) -> Tensor:
    """Sum [..., B, *event] to [..., B], the event being that of x [B, *event]."""
    return values.flatten(start_dim=1 - x.dim()).sum(-1)

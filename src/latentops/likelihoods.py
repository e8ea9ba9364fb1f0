"""p(x given z) as distributions over whole examples.

Shapes: B examples, V words; x is [B, *event]. Parameters are [..., B, *event]: leading
dimensions are samples of z, and one x is compared with each of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from latentops.artifacts import END, LONGEST, PAD, START

# Places [rows, T] that a decoder of sentences reads at once: some hundred MB of hidden layers.
_PLACES_AT_ONCE = 2**15


_LARGE_LOG = 20.0  # from here on both forms are right to 1e-5 nats for 100,000 words


class Likelihood(Protocol):
    """What a decoder returns."""

    @property
    def mean(self) -> Tensor:
        """[..., B, *event]: pixels in [0, 1], or the share of each word."""

    def log_prob(self, x: Tensor) -> Tensor:
        """[..., B], nats, summed over the event."""

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """[..., B, *event], in the values that `log_prob` takes."""


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
        return _sum_event(_logistic_log_prob(x, self.mean, self.log_scale, self.levels), x)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        return _logistic_sample(self.mean, self.log_scale, self.levels, generator)


@dataclass(frozen=True)
class LogisticMixture:
    """Independent pixels x in 0..levels-1, each drawn from one of K discretized logistics.

    `logits`, `location` and `log_scale` are [K, ..., B, *event]: of the shares of the parts, and of
    the parts as `DiscretizedLogistic` has them (Salimans et al. 2017, without their conditioning on
    the pixels before). A location may lie outside [0, 1], where a pixel is black or white for sure.
    """

    logits: Tensor
    location: Tensor
    log_scale: Tensor
    levels: int

    @property
    def mean(self) -> Tensor:
        """But for what rounding to levels changes, which is less than half a level.

        Of each part, logistic but held in [0, 1]: the integral of 1 - F from 0 to 1.
        """
        scale = self.log_scale.exp()
        reach = F.softplus(self.location / scale) - F.softplus((self.location - 1) / scale)
        return (self.logits.softmax(0) * scale * reach).sum(0).clamp(0, 1)

    def log_prob(self, x: Tensor) -> Tensor:
        parts = _logistic_log_prob(x, self.location, self.log_scale, self.levels)
        return _sum_event((self.logits.log_softmax(0) + parts).logsumexp(0), x)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        shares = self.logits.softmax(0).movedim(0, -1)
        part = torch.multinomial(shares.flatten(0, -2), 1, generator=generator)
        chosen = part.reshape(1, *shares.shape[:-1])
        location, log_scale = (
            each.gather(0, chosen)[0] for each in (self.location, self.log_scale)
        )
        return _logistic_sample(location, log_scale, self.levels, generator)


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
        log_prob: Tensor = _StoredWords.apply(  # type: ignore[no-untyped-call]
            self.logits, *_stored(x)
        )
        return log_prob

    def shares(self, generator: torch.Generator | None = None) -> Tensor:
        """[..., B, V]: of each word in the document that is drawn next."""
        return self.mean

    def sample(self, generator: torch.Generator | None = None, tokens: int = 1) -> Tensor:
        """Counts [..., B, V] of documents with that many words."""
        flat = self.shares(generator).flatten(0, -2)
        words = torch.multinomial(flat, tokens, replacement=True, generator=generator)
        ones = torch.ones_like(words, dtype=flat.dtype)
        return torch.zeros_like(flat).scatter_add(1, words, ones).reshape(self.logits.shape)


class DirichletMultinomial(Multinomial):
    """Word counts x [B, V], dense or CSR, of documents whose own shares of words are Dirichlet.

    Its concentrations are exp(`logits`), [..., B, V]: the shares have their softmax as mean, and
    the lower their sum is, the more a word that came once will come again (Madsen et al. 2005).
    The multinomial coefficient is left out, as `Multinomial` leaves it.
    """

    def log_prob(self, x: Tensor) -> Tensor:
        rows, places, counts = _stored(x)
        own = self.logits.flatten(-2).index_select(-1, places).double()
        of_words = _summed(_log_rising(own, counts), rows, len(x))
        total = self.logits.logsumexp(-1).double()
        log_prob_B = of_words - _log_rising(total, _summed(counts, rows, len(x)))
        return log_prob_B.to(self.logits.dtype)

    def shares(self, generator: torch.Generator | None = None) -> Tensor:
        gammas = torch._standard_gamma(self.logits.double().exp(), generator=generator)
        least = torch.finfo(torch.float64).tiny
        return gammas.clamp(min=least).log().to(self.logits.dtype).softmax(-1)


def _stored(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Row, place in the flattened [B, V] and count, [nnz], of what x [B, V] holds."""
    if x.layout == torch.sparse_csr:
        rows = torch.repeat_interleave(x.crow_indices().diff(), output_size=len(x.values()))
        columns, counts = x.col_indices(), x.values()
    else:
        rows, columns = x.nonzero(as_tuple=True)
        counts = x[rows, columns]
    return rows, rows * x.shape[1] + columns, counts


def _summed(values: Tensor, rows: Tensor, count: int) -> Tensor:
    """The sums of values [..., nnz] over each of so many rows, float64 [..., B]."""
    zeros = values.new_zeros((*values.shape[:-1], count), dtype=torch.float64)
    return zeros.index_add(-1, rows, values.double())


def _log_rising(log_a: Tensor, n: Tensor) -> Tensor:
    """log of a (a + 1) ... (a + n - 1), float64 [..., nnz] or [..., B].

    Of a large a it is a series in 1 / a, where the difference of two logarithms of the gamma
    function would lose its digits.
    """
    a = log_a.clamp(max=_LARGE_LOG).exp()
    exact = torch.lgamma(a + n) - torch.lgamma(a)
    below = (-log_a.clamp(min=_LARGE_LOG)).exp()
    series = n * log_a + n * (n - 1) * below * (0.5 - (2 * n - 1) * below / 12)
    return torch.where(log_a < _LARGE_LOG, exact, series)


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


State = tuple[Tensor, ...]
"""What a writer remembers of R sentences half written: each tensor is [R, ...]."""

Choose = Callable[[Tensor], Tensor]
"""Logits [R, V] of the next token to one token of each row, [R]."""


class Writer(Protocol):
    """A network that gives a sentence's tokens one after the other, each knowing those before."""

    def log_prob(
        self, read: Tensor, wanted: Tensor, z: Tensor, generator: torch.Generator | None
    ) -> Tensor:
        """Of each wanted token [R, T], having read [R, T] and z [R, Z], in nats; 0 where PAD."""

    def begin(self, z: Tensor) -> State:
        """Before the first token, for z [R, Z]."""

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Logits [R, V] of what follows `tokens` [R], and the state after them."""


@dataclass(frozen=True)
class Autoregressive:
    """Sentences x, int64 [B, T]: tokens, END, then PAD, each token given z and those before.

    The first is given START. END counts, PAD does not: a sentence cut off before its END has the
    probability of all that go on from there. z is [..., B, Z]; the generator serves dropout.
    """

    writer: Writer
    z: Tensor
    generator: torch.Generator | None = None

    def log_prob(self, x: Tensor) -> Tensor:
        return self.token_log_prob(x).sum(-1)

    def token_log_prob(self, x: Tensor) -> Tensor:
        """[..., B, T], nats, with 0 where x is PAD."""
        read_BT = torch.cat([torch.full_like(x[:, :1], START), x[:, :-1]], dim=1)
        z_RZ = self.z.flatten(0, -2)
        parts = [
            self.writer.log_prob(read_BT[of], x[of], z_RZ[rows], self.generator)
            for rows, of in _portions(len(z_RZ), x)
        ]
        return torch.cat(parts).reshape(*self.z.shape[:-1], x.shape[1])

    def sample(self, generator: torch.Generator | None = None, longest: int = LONGEST) -> Tensor:
        """[..., B, T], with as many places as the longest sentence needs."""
        return self.write(
            lambda logits: torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0],
            longest,
        )

    @torch.no_grad()
    def write(self, choose: Choose, longest: int = LONGEST) -> Tensor:
        """Token by token as `choose` says, [..., B, T]; what needs more than `longest` is cut."""
        state = self.writer.begin(self.z.flatten(0, -2))
        tokens_R = torch.full(self.z.shape[:-1], START, device=self.z.device).flatten()
        ended_R = torch.zeros_like(tokens_R, dtype=torch.bool)
        written_RT = tokens_R.new_zeros(len(tokens_R), 0)
        while written_RT.shape[1] < longest and not ended_R.all():
            logits_RV, state = self.writer.step(tokens_R, state)
            tokens_R = choose(logits_RV).masked_fill(ended_R, PAD)
            ended_R = ended_R | (tokens_R == END)
            written_RT = torch.cat([written_RT, tokens_R.unsqueeze(1)], dim=1)
        return written_RT.reshape(*self.z.shape[:-1], written_RT.shape[1])


def _portions(rows: int, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Numbers of z's rows, of a bounded number of places, and of the rows of x to go with them."""
    at_once = max(1, _PLACES_AT_ONCE // x.shape[1])
    for portion in torch.split(torch.arange(rows, device=x.device), at_once):
        yield portion, portion % len(x)


def _logistic_log_prob(x: Tensor, location: Tensor, log_scale: Tensor, levels: int) -> Tensor:
    """Of each pixel, nats."""
    precision = (-log_scale).exp() / (levels - 1)
    from_location = x - location * (levels - 1)
    # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)) loses no digit.
    below_top = F.logsigmoid(precision * (from_location + 0.5))
    above_bottom = F.logsigmoid(-precision * (from_location - 0.5))
    between = torch.log(-torch.expm1(-precision)).expand_as(below_top)
    inner = below_top + above_bottom + between
    log_prob = torch.where(x == 0, below_top, inner)
    return torch.where(x == levels - 1, above_bottom, log_prob)


def _logistic_sample(
    location: Tensor, log_scale: Tensor, levels: int, generator: torch.Generator | None
) -> Tensor:
    uniform = torch.rand(
        location.shape, generator=generator, device=location.device, dtype=location.dtype
    )
    continuous = location + log_scale.exp() * uniform.logit()
    return (continuous.clamp(0, 1) * (levels - 1)).round()


def _sum_event(values: Tensor, x: Tensor) -> Tensor:
    """Sum [..., B, *event] to [..., B], the event being that of x [B, *event]."""
    return values.flatten(start_dim=1 - x.dim()).sum(-1)

# ruff: noqa: N815 - names end in their shape suffixes
"""The neural document model: bags of words in, a distribution over words out (Miao et al. 2016).

Shape suffixes: B documents, V terms that the encoder reads, W words that the decoder gives, Z
latent dimensions; nnz counts of words that are stored.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from latentops.elbo import Posterior
from latentops.likelihoods import DirichletMultinomial, Multinomial
from latentops.networks import layers
from latentops.networks.settings import (
    LOG_VARIANCE_RANGE,
    MOST_LOG_EVIDENCE,
    TYPICAL_LOG_LENGTH,
    Bow,
)

Settings = Bow

FIRST_EVIDENCE = -3.0  # before softplus: of one word, about a twentieth of what the prior says
FIRST_LOG_CONCENTRATION = 4.0  # of all words of a document together: neither rigid nor bursty


class Bag(nn.Module):
    """A linear layer on sparse rows [B, V]: a sum over the terms that a document holds."""

    def __init__(self, terms: int, width: int) -> None:
        super().__init__()
        weight = torch.empty(terms, width)
        if not weight.is_meta:  # where weights follow, normal_ would load the whole compiler
            weight.normal_(std=terms**-0.5)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, columns: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
        return summed(self.weight, columns, offsets, weights) + self.bias


def summed(weight: Tensor, columns: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
    """The product of sparse rows [B, V] and `weight` [V, D], [B, D]."""
    sums: Tensor = F.embedding_bag(
        columns,
        weight,
        offsets,
        mode="sum",
        per_sample_weights=weights,
        include_last_offset=True,
    )
    return sums


class Sizes(NamedTuple):
    """Of each document of CSR counts [B, V]: its words and its distinct words."""

    words_B: Tensor
    distinct_B: Tensor


class Encoder(layers.Encoder):
    """Terms as CSR [B, V], weighted or as counts (`Settings.reads_counts`), to a posterior."""

    def __init__(self, terms: int, settings: Settings) -> None:
        super().__init__(settings)
        self.word_dropout = settings.word_dropout
        self.scale = settings.input_scale if settings.reads_counts else None
        first, *rest = *settings.hidden, 2 * settings.latent
        self.bag = Bag(terms, first)
        if rest:
            self.body.append(layers.activation(settings.activation))
            self.body.extend(layers.perceptron([first, *rest], settings.activation))
        self.lengths = nn.Linear(2, first, bias=False) if settings.length_features else None
        self.evidence: nn.Parameter | None = None
        if settings.posterior == "evidence":
            self.evidence = nn.Parameter(torch.full((terms,), FIRST_EVIDENCE))
        self.trust: nn.Parameter | None = None
        if settings.tied:
            self.trust = nn.Parameter(torch.zeros(settings.latent))
        self._words: tuple[nn.Linear, ...] = ()

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Posterior:
        reads_counts = self.scale is not None
        if reads_counts and self.training and self.word_dropout > 0:
            x = _without_some(x, self.word_dropout, generator)  # for every layer that reads them
        return super().forward(x, generator)

    def tie(self, words: nn.Linear) -> None:
        """Have the last layer of the decoder advise a step: `Settings.tied`."""
        self._words = (words,)  # in a tuple: no weights of this network

    def enter(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        if self.scale is not None:
            weights = log1p_weights(x, self.scale)
        elif self.training and self.word_dropout > 0:
            weights = _dropped(x.values(), self.word_dropout, generator)
        else:
            weights = x.values()
        entered: Tensor = self.bag(x.col_indices(), x.crow_indices(), weights)
        if self.lengths is None:
            return entered
        log_B2 = torch.stack(sizes(x), dim=1).log1p()
        told: Tensor = self.lengths((log_B2 - TYPICAL_LOG_LENGTH) / 2)
        return entered + told

    def posterior(self, heads: Tensor, x: Tensor) -> Posterior:
        plain = super().posterior(heads, x)
        log_variance_BZ = plain.log_variance
        if self.evidence is not None:
            log_heard_BZ = layers.widened(heads).chunk(2, dim=-1)[1]
            log_variance_BZ = self._narrowed(log_heard_BZ, self.evidence, x)
        if self.trust is None:
            return Posterior(plain.mean, log_variance_BZ)
        step_BZ = log_variance_BZ.exp() * self._gradient(x, len(self.trust))
        return Posterior(plain.mean + self.trust * step_BZ, log_variance_BZ)

    def _gradient(self, x: Tensor, latent: int) -> Tensor:
        """Of log p(x given z) by z at 0, [B, Z], were the decoder's linear map all of it.

        Times the variance it is a step of Newton's method towards the best code; the network then
        has only to correct it. What a rare word means is so learned once and not twice.
        """
        (words,) = self._words
        weight_VZ = words.weight[:, :latent].contiguous()
        read_BZ = summed(weight_VZ, x.col_indices(), x.crow_indices(), x.values())
        expected_Z = words.bias.softmax(0) @ weight_VZ
        return read_BZ - sizes(x).words_B.unsqueeze(1) * expected_Z

    def _narrowed(self, log_heard_BZ: Tensor, evidence_V: Tensor, x: Tensor) -> Tensor:
        """The log-variance that falls with every word, the more of it is heard in a dimension.

        As if each word were an observation with Gaussian noise: precisions add up to the prior's.
        """
        said = x.values() * F.softplus(evidence_V).index_select(0, x.col_indices())
        heard_BZ = log_heard_BZ.clamp(max=MOST_LOG_EVIDENCE).exp()
        log_variance_BZ = -torch.log1p(_row_sums(x, said).unsqueeze(1) * heard_BZ)
        return log_variance_BZ.clamp(*LOG_VARIANCE_RANGE)


def sizes(counts: Tensor) -> Sizes:
    values = counts.values()
    return Sizes(_row_sums(counts, values), _row_sums(counts, (values > 0).to(values.dtype)))


def log1p_weights(counts: Tensor, scale: float) -> Tensor:
    """log(1 + count) of each stored count of CSR [B, V], [nnz]; each row has length `scale`."""
    logs = counts.values().log1p()
    tiny = torch.finfo(logs.dtype).tiny  # a row may have no word left
    norms_B = _row_sums(counts, logs.square()).clamp(min=tiny).sqrt()
    scaled: Tensor = logs * (scale / norms_B).index_select(0, _rows(counts))
    return scaled


def _row_sums(x: Tensor, values: Tensor) -> Tensor:
    """Of values [nnz] stored as those of CSR x [B, V], [B]."""
    return values.new_zeros(len(x)).index_add(0, _rows(x), values)


def _rows(x: Tensor) -> Tensor:
    return torch.repeat_interleave(x.crow_indices().diff(), output_size=len(x.values()))


class Decoder(nn.Module):
    """z [..., Z] to a distribution over W words.

    Hidden layers stand beside the linear map from z, not in its place: both reach the words.
    """

    def __init__(self, words: int, settings: Settings, log_unigram: Tensor | None = None) -> None:
        super().__init__()
        self.dirichlet = settings.likelihood == "dirichlet"
        widths = [settings.latent, *settings.decoder_hidden]
        self.hidden = nn.Sequential()
        if settings.decoder_hidden:
            self.hidden.extend(layers.perceptron(widths, settings.activation))
            self.hidden.append(layers.activation(settings.activation))
        self.words = nn.Linear(settings.latent + sum(settings.decoder_hidden[-1:]), words)
        nn.init.zeros_(self.words.bias)
        if log_unigram is not None:
            self.words.bias.data.copy_(log_unigram)
        if self.dirichlet:
            self.words.bias.data += FIRST_LOG_CONCENTRATION

    def forward(self, z: Tensor, generator: torch.Generator | None = None) -> Multinomial:
        features = torch.cat([z, self.hidden(z)], dim=-1) if self.hidden else z
        return _counted(self.words(features), self.dirichlet)


class TopicDecoder(nn.Module):
    """z [..., Z] to a product of Z experts over W words: ProdLDA (Srivastava and Sutton 2017).

    The shares of the topics are the softmax of z. Their logits, BatchNorm apart, are mixed and not
    their distributions, so that a topic may also say which words do not come. What stands beside
    them, the background, is how often each word comes anyway.
    """

    def __init__(self, words: int, settings: Settings, log_unigram: Tensor | None = None) -> None:
        super().__init__()
        self.dirichlet = settings.likelihood == "dirichlet"
        self.words = nn.Linear(settings.latent, words, bias=False)
        self.norm = layers.BatchNorm(words, affine=False)
        background = torch.zeros(words) if log_unigram is None else log_unigram
        self.background = nn.Parameter(background + FIRST_LOG_CONCENTRATION * self.dirichlet)

    def forward(self, z: Tensor, generator: torch.Generator | None = None) -> Multinomial:
        mixed = self.words(layers.widened(z).softmax(-1))
        normed = self.norm(mixed.flatten(0, -2)).reshape(mixed.shape)
        return _counted(normed + self.background, self.dirichlet)


def _counted(logits: Tensor, dirichlet: bool) -> Multinomial:
    """`Multinomial`, or with `dirichlet` the distribution that is a kind of it."""
    return (DirichletMultinomial if dirichlet else Multinomial)(layers.widened(logits))


def _dropped(weights: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """Each weight is set to 0 with probability `share`; the rest grow so that sums are kept."""
    return weights * _kept(weights, share, generator) / (1 - share)


def _without_some(x: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """CSR counts [B, V] of which each stored one is 0 with probability `share`."""
    left = x.values() * _kept(x.values(), share, generator)
    return torch.sparse_csr_tensor(
        x.crow_indices(), x.col_indices(), left, x.shape, check_invariants=False
    )


def _kept(values: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    return torch.rand(values.shape, generator=generator, device=values.device) >= share

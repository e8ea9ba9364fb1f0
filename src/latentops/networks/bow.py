"""The neural document model: bags of words in, a distribution over words out (Miao et al. 2016).

Shape suffixes: B documents, V terms that the encoder reads, W words that the decoder gives.
"""

from typing import Literal

import pydantic
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from latentops.likelihoods import Multinomial
from latentops.networks import layers


class Settings(layers.Common):
    """Section `model` with kind bow."""

    kind: Literal["bow"] = "bow"
    terms: Literal["all", "words"] = pydantic.Field(
        "all", description="what the encoder reads; words: single words only"
    )
    input: Literal["log1p", "tfidf"] = pydantic.Field(
        "log1p", description="weights of the terms that the encoder reads; each row has length 1"
    )
    input_scale: float = pydantic.Field(5.0, gt=0, description="the rows are multiplied by this")
    target: Literal["counts", "presence"] = pydantic.Field(
        "counts", description="what the decoder reconstructs"
    )
    word_dropout: float = pydantic.Field(
        0.0, ge=0, lt=1, description="share of the input terms dropped in training"
    )


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
        sums = F.embedding_bag(
            columns,
            self.weight,
            offsets,
            mode="sum",
            per_sample_weights=weights,
            include_last_offset=True,
        )
        return sums + self.bias


class Encoder(layers.Encoder):
    """Weighted terms as CSR [B, V] to a posterior."""

    def __init__(self, terms: int, settings: Settings) -> None:
        super().__init__(settings)
        self.word_dropout = settings.word_dropout
        first, *rest = *settings.hidden, 2 * settings.latent
        self.bag = Bag(terms, first)
        if rest:
            self.body.append(layers.activation(settings.activation))
            self.body.extend(layers.perceptron([first, *rest], settings.activation))

    def enter(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        weights = x.values()
        if self.training and self.word_dropout > 0:
            weights = _dropped(weights, self.word_dropout, generator)
        entered: Tensor = self.bag(x.col_indices(), x.crow_indices(), weights)
        return entered


class Decoder(nn.Module):
    """z [..., Z] to a distribution over W words.

    Hidden layers stand beside the linear map from z, not in its place: both reach the words.
    """

    def __init__(self, words: int, settings: Settings, log_unigram: Tensor | None = None) -> None:
        super().__init__()
        widths = [settings.latent, *settings.decoder_hidden]
        self.hidden = nn.Sequential()
        if settings.decoder_hidden:
            self.hidden.extend(layers.perceptron(widths, settings.activation))
            self.hidden.append(layers.activation(settings.activation))
        self.words = nn.Linear(settings.latent + sum(settings.decoder_hidden[-1:]), words)
        nn.init.zeros_(self.words.bias)
        if log_unigram is not None:
            self.words.bias.data.copy_(log_unigram)

    def forward(self, z: Tensor) -> Multinomial:
        features = torch.cat([z, self.hidden(z)], dim=-1) if self.hidden else z
        return Multinomial(layers.widened(self.words(features)))


def _dropped(weights: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """Each weight is set to 0 with probability `share`; the rest grow so that sums are kept."""
    drawn = torch.rand(weights.shape, generator=generator, device=weights.device)
    return weights * (drawn >= share) / (1 - share)

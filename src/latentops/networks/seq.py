"""Sentences in, sentences out, token by token: what recurrent networks and Transformers share.

Shape suffixes: R rows (sentences, or samples of them), T places, V kinds of token, E width of the
embedding, H width of the last layer, Z latent dimensions.
"""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Self

import pydantic
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from latentops.artifacts import PAD, START, UNKNOWN
from latentops.elbo import Posterior
from latentops.likelihoods import Autoregressive, State
from latentops.networks import layers
from latentops.networks.settings import Common, Widths

# Logits that are made at once, [tokens, V]: 16 MB of float32, which memory is found for fast.
_LOGITS_AT_ONCE = 2**22


class Settings(Common):
    """Section `model` with kind seq.

    Of recurrent networks `activation` is not read, of a Transformer it is that of the blocks.
    """

    kind: Literal["seq"] = "seq"
    network: Literal["gru", "lstm", "transformer"] = pydantic.Field(
        "gru", description="of encoder and decoder"
    )
    embedding: int = pydantic.Field(128, ge=1, description="width of a token's vector")
    hidden: Widths = pydantic.Field(
        (256,), min_length=1, description="widths of the encoder's layers"
    )
    decoder_hidden: Widths = pydantic.Field(
        (256,), min_length=1, description="widths of the decoder's layers"
    )
    tied: bool = pydantic.Field(
        True, description="the output layer has the weights of the decoder's embedding"
    )
    heads: int = pydantic.Field(4, ge=1, description="of a Transformer's attention")
    word_dropout: float = pydantic.Field(
        0.0, ge=0, le=1, description="share of the tokens that the decoder reads as unknown"
    )
    dropout: float = pydantic.Field(
        0.0, ge=0, lt=1, description="share of the units of embeddings and last layers set to 0"
    )

    @pydantic.model_validator(mode="after")
    def _blocks_fit_each_other(self) -> Self:
        for name, widths in (("hidden", self.hidden), ("decoder_hidden", self.decoder_hidden)):
            if self.network == "transformer" and (
                len(set(widths)) > 1 or widths[0] % (2 * self.heads)
            ):
                raise ValueError(
                    f"{name}: the blocks of a transformer have one width, a multiple of twice the "
                    f"{self.heads} heads. Got {list(widths)}: try {[64 * self.heads] * len(widths)}"
                )
        return self


class Encoder(layers.Encoder):
    """Sentences, int64 [B, T], to a posterior: what a network makes of a whole one, then two heads.

    PAD changes nothing. What `read` gives as hidden layers is that summary, [B, H].
    """

    def __init__(self, tokens: int, settings: Settings) -> None:
        super().__init__(settings)
        self.embedding = embedding(tokens, settings.embedding)
        self.dropout = settings.dropout
        self.body.append(nn.Linear(settings.hidden[-1], 2 * settings.latent))

    @abstractmethod
    def summary(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        """[B, H] of [B, T, E], whose rows have [B] tokens."""

    def enter(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        share = self.dropout if self.training else 0.0
        embedded_BTE = dropped(self.embedding(x), share, generator)
        return dropped(self.summary(embedded_BTE, (x != PAD).sum(1)), share, generator)

    def read(self, x: Tensor) -> tuple[Posterior, Tensor]:
        summary_BH = self.enter(x, None)
        return self.posterior(self.body(summary_BH), x), summary_BH


class Decoder(nn.Module, ABC):
    """z [..., Z] to a distribution over sentences; as a `Writer` it gives their tokens.

    `word_dropout` has it read UNKNOWN in the place of a token (Bowman et al. 2016), START never.
    PAD and START have probability 0.
    """

    def __init__(self, tokens: int, settings: Settings, log_unigram: Tensor | None = None) -> None:
        super().__init__()
        self.word_dropout, self.dropout = settings.word_dropout, settings.dropout
        last, width = settings.decoder_hidden[-1], settings.embedding
        self.embedding = embedding(tokens, width)
        self.narrow = nn.Linear(last, width) if last != width else nn.Identity()
        self.output = None if settings.tied else nn.Parameter(embedding(tokens, width).weight.data)
        self.bias = nn.Parameter(torch.zeros(tokens))
        if log_unigram is not None:
            self.bias.data.copy_(log_unigram)

    @abstractmethod
    def last_layer(self, embedded: Tensor, z: Tensor) -> Tensor:
        """[R, T, H], place t knowing the embeddings [R, T, E] up to t, and z [R, Z]."""

    @abstractmethod
    def begin(self, z: Tensor) -> State:
        """See `Writer`."""

    @abstractmethod
    def last_layer_after(self, embedded: Tensor, state: State) -> tuple[Tensor, State]:
        """`last_layer` [R, H] at one more place, of embedding [R, E]."""

    def forward(self, z: Tensor, generator: torch.Generator | None = None) -> Autoregressive:
        return Autoregressive(_InPrecision(self, _autocast_now(z)), z, generator)

    def log_prob(
        self, read: Tensor, wanted: Tensor, z: Tensor, generator: torch.Generator | None
    ) -> Tensor:
        share = self.dropout if self.training else 0.0
        embedded_RTE = dropped(self.embedding(self._forgotten(read, generator)), share, generator)
        last_RTH = self.last_layer(embedded_RTE, z)
        return self._scores(dropped(last_RTH, share, generator), wanted)

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        last_RH, after = self.last_layer_after(self.embedding(tokens), state)
        return self._logits(last_RH), after

    def _scores(self, last: Tensor, wanted: Tensor) -> Tensor:
        """Log-probability of each token [R, T] after last layers [R, T, H]; 0 where PAD.

        In training PAD takes part, and counts 0: batches of like length have little of it, and a
        CPU compiles its products anew for each number of tokens that it has not met.
        """
        if self.training:
            return self._log_prob(last.flatten(0, 1), wanted.flatten()).reshape(wanted.shape)
        counted_RT = wanted != PAD
        scores = self._log_prob(last[counted_RT], wanted[counted_RT])
        return torch.zeros_like(counted_RT, dtype=scores.dtype).masked_scatter(counted_RT, scores)

    def _log_prob(self, last: Tensor, wanted: Tensor) -> Tensor:
        """Of tokens [N] after last layers [N, H]."""
        at_once = max(1, _LOGITS_AT_ONCE // len(self.bias))
        parts = zip(torch.split(last, at_once), torch.split(wanted, at_once), strict=True)
        return -torch.cat(
            [
                F.cross_entropy(self._logits(each), tokens, ignore_index=PAD, reduction="none")
                for each, tokens in parts
            ]
        )

    def _logits(self, last: Tensor) -> Tensor:
        weight = self.embedding.weight if self.output is None else self.output
        bias = self.bias.index_fill(0, self.bias.new_tensor([PAD, START]).long(), -torch.inf)
        return layers.widened(F.linear(self.narrow(last), weight, bias))

    def _forgotten(self, read: Tensor, generator: torch.Generator | None) -> Tensor:
        if not (self.training and self.word_dropout > 0):
            return read
        drawn = torch.rand(read.shape, generator=generator, device=read.device)
        return torch.where((drawn < self.word_dropout) & (read != START), UNKNOWN, read)


class _InPrecision:
    """A writer that works under the autocast in which its likelihood was made.

    A likelihood is asked for its value later, when that is over.
    """

    def __init__(self, writer: Decoder, autocast: AbstractContextManager[object]) -> None:
        self._writer = writer
        self._autocast = autocast

    def log_prob(
        self, read: Tensor, wanted: Tensor, z: Tensor, generator: torch.Generator | None
    ) -> Tensor:
        with self._autocast:
            return self._writer.log_prob(read, wanted, z, generator)

    def begin(self, z: Tensor) -> State:
        return self._writer.begin(z)

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        return self._writer.step(tokens, state)


def _autocast_now(values: Tensor) -> AbstractContextManager[object]:
    """What is in force where the values are."""
    kind = values.device.type
    if not torch.is_autocast_enabled(kind):
        return nullcontext()
    return torch.autocast(kind, torch.get_autocast_dtype(kind))


def embedding(tokens: int, width: int) -> nn.Embedding:
    """Rows whose length is about 1, so that as an output layer they start out near to uniform."""
    weight = torch.empty(tokens, width)
    if not weight.is_meta:  # where weights follow, normal_ would load the whole compiler
        weight.normal_(std=width**-0.5)
    return nn.Embedding(tokens, width, _weight=weight)


def dropped(values: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """Each value is 0 with probability `share`; the rest grow so that their mean is kept."""
    if share == 0:
        return values
    drawn = torch.rand(values.shape, generator=generator, device=values.device)
    return values * (drawn >= share) / (1 - share)

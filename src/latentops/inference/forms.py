# ruff: noqa: N815 - names end in their shape suffixes
"""What people get to see of a decoded code: an image, words without an order, or a sentence.

Shape suffixes: B codes, W target words.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from latentops import build
from latentops.artifacts import Spec, Vocabulary
from latentops.data import tokens
from latentops.inference.tasks import DOCUMENT_WORDS, TOP_WORDS, target_words
from latentops.inference.writing import DEFAULT, Writing
from latentops.likelihoods import Autoregressive, Likelihood, Multinomial
from latentops.model import VAE
from latentops.networks import decoding, seq

Result = pd.DataFrame | np.ndarray

CODES_AT_ONCE = 256


class Form(Protocol):
    """Of what one kind of model decodes."""

    def shown(self, likelihood: Likelihood, writing: Writing) -> Result:
        """What each code stands for most of all: a row for each of B."""

    def dreamt(
        self, likelihood: Likelihood, writing: Writing, generator: torch.Generator
    ) -> Result:
        """The same, or what is drawn where there is no such thing without chance."""


def of(spec: Spec, vocabulary: Vocabulary, settings: build.Model) -> Form:
    """Of a model with these settings."""
    if spec.kind == "image":
        return Pictures()
    if isinstance(settings, seq.Settings):
        return Sentences(vocabulary.tokenizer)
    return Words(target_words(vocabulary))


class Pictures:
    """Mean images [B, C, H, W] in [0, 1]."""

    def shown(self, likelihood: Likelihood, writing: Writing) -> Result:
        return likelihood.mean.numpy()

    def dreamt(
        self, likelihood: Likelihood, writing: Writing, generator: torch.Generator
    ) -> Result:
        return self.shown(likelihood, writing)


@dataclass(frozen=True)
class Words:
    """Column words, the most probable ones; of what is dreamt also a drawn document."""

    words_W: np.ndarray

    def shown(self, likelihood: Likelihood, writing: Writing) -> pd.DataFrame:
        best = likelihood.mean.topk(min(TOP_WORDS, len(self.words_W))).indices
        return pd.DataFrame({"words": self.words_W[best.numpy()].tolist()})

    def dreamt(
        self, likelihood: Likelihood, writing: Writing, generator: torch.Generator
    ) -> pd.DataFrame:
        assert isinstance(likelihood, Multinomial), "a model of bags of words"
        documents = [self._document(row_W, generator) for row_W in likelihood.shares(generator)]
        return self.shown(likelihood, writing).assign(document=documents)

    def _document(self, share_W: Tensor, generator: torch.Generator) -> str:
        drawn = torch.multinomial(share_W, DOCUMENT_WORDS, replacement=True, generator=generator)
        return " ".join(self.words_W[drawn.numpy()])


@dataclass(frozen=True)
class Sentences:
    """Column text: the most probable sentence, or of what is dreamt a drawn one."""

    tokenizer: str

    def shown(self, likelihood: Likelihood, writing: Writing = DEFAULT) -> pd.DataFrame:
        return self._table(self._most_probable(_sentences(likelihood), writing))

    def dreamt(
        self, likelihood: Likelihood, writing: Writing, generator: torch.Generator
    ) -> pd.DataFrame:
        if writing.temperature == 0:
            return self.shown(likelihood, writing)
        choose = decoding.sampled(
            generator, writing.temperature, writing.top_k or None, writing.top_p
        )
        return self._table(_sentences(likelihood).write(choose))

    def of_codes(
        self, vae: VAE, z_NZ: Tensor, generator: torch.Generator | None = None
    ) -> list[str]:
        """The most probable sentence of each code; with a generator a drawn one."""
        texts: list[str] = []
        for z_BZ in torch.split(z_NZ, CODES_AT_ONCE):
            decoded = vae.decode(z_BZ)
            made = self.dreamt(decoded, DEFAULT, generator) if generator else self.shown(decoded)
            texts += made["text"].tolist()
        return texts

    def _most_probable(self, likelihood: Autoregressive, writing: Writing) -> Tensor:
        if writing.beams == 1:
            return greedy(likelihood)
        return decoding.beam(likelihood, writing.beams)

    def _table(self, tokens_BT: Tensor) -> pd.DataFrame:
        return pd.DataFrame({"text": tokens.decode(tokens_BT.tolist(), self.tokenizer)})


def greedy(likelihood: Likelihood | Autoregressive) -> Tensor:
    """The tokens [B, T] that are the most probable, one after the other."""
    return _sentences(likelihood).write(decoding.greedy)


def _sentences(likelihood: Likelihood | Autoregressive) -> Autoregressive:
    assert isinstance(likelihood, Autoregressive), "a model of sentences"
    return likelihood

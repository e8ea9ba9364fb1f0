# ruff: noqa: N815 - names end in their shape suffixes
"""The rows of a split that are scored: as the model reads them, as they are, and as it codes them.

Shape suffixes: N rows, Z latent dimensions, H units of the encoder's hidden layers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import pandas as pd
import scipy.sparse
import torch

from latentops import build
from latentops.artifacts import Arrays, Spec, Split, Vocabulary
from latentops.classifier import Classifier, Inputs
from latentops.data import familiarity, tokens, weighting
from latentops.data import vocabulary as counting
from latentops.data.batches import Examples, in_batches
from latentops.elbo import Posterior
from latentops.errors import DataError
from latentops.model import VAE

ROWS_AT_ONCE = 256

Features = np.ndarray | scipy.sparse.csr_matrix  # [N, features]


@dataclass(frozen=True)
class Prepared:
    """What stage prepare wrote of one split."""

    arrays: Arrays
    table: pd.DataFrame


def arrays_of_texts(texts: Sequence[str], vocabulary: Vocabulary, model: build.Model) -> Arrays:
    """What stage prepare would write of them: counts, and tokens for a model that reads these."""
    counts = counting.count(texts, vocabulary)
    arrays = {"indptr": counts.indptr, "indices": counts.indices, "counts": counts.data}
    return arrays | tokens.encode(texts, vocabulary.tokenizer) if model.kind == "seq" else arrays


@dataclass(frozen=True)
class Portion:
    """N rows of one split."""

    examples: Examples  # every random choice made
    counts: scipy.sparse.csr_matrix | None  # [N, V]; none for images
    y: np.ndarray  # [N], -1: no label
    in_scope: np.ndarray  # [N], bool
    table: pd.DataFrame

    def __len__(self) -> int:
        return len(self.y)

    def subset(self, rows: np.ndarray) -> Self:
        return type(self)(
            examples=self.examples.subset(torch.from_numpy(rows)),
            counts=None if self.counts is None else self.counts[rows],
            y=self.y[rows],
            in_scope=self.in_scope[rows],
            table=self.table.iloc[rows].reset_index(drop=True),
        )

    def sample(self, most: int, seed: int) -> Self:
        """At most that many rows, drawn without replacement and left in order."""
        if len(self) <= most:
            return self
        drawn = np.random.default_rng(seed).choice(len(self), most, replace=False)
        return self.subset(np.sort(drawn))

    def labelled(self) -> Self:
        return self.subset(np.flatnonzero(self.y >= 0))

    @property
    def texts(self) -> list[str] | None:
        """None where the counts came ready, and for images."""
        return self.table["text"].tolist() if "text" in self.table else None

    def matrix(self) -> Features:
        """What a baseline reads: counts [N, V], or the pixels that the model reads, [N, D]."""
        if self.counts is not None:
            return self.counts
        return _pixels(self.examples)


def whole(
    split: Split,
    prepared: Prepared,
    spec: Spec,
    vocabulary: Vocabulary,
    model: build.Model,
    seed: int,
) -> Portion:
    """Every row, in scope or not; `seed` binarizes dynamic images once."""
    arrays = prepared.arrays
    return Portion(
        examples=build.examples(spec, vocabulary, arrays, model).frozen(seed),
        counts=counted(arrays, spec) if spec.kind == "counts" else None,
        y=arrays["y"],
        in_scope=arrays["in_scope"],
        table=prepared.table,
    )


def in_scope(
    split: Split,
    prepared: Prepared,
    spec: Spec,
    vocabulary: Vocabulary,
    model: build.Model,
    seed: int,
) -> Portion:
    """The rows in scope, as `whole` has them."""
    portion = whole(split, prepared, spec, vocabulary, model, seed)
    rows = np.flatnonzero(portion.in_scope)
    if not len(rows):
        raise DataError(
            f"The {split} split of {spec.source!r} has no row in scope, so that nothing can be "
            "scored. Give it some, or cut another one in prepare."
        )
    return portion.subset(rows)


def seen_in_train(train: Portion, test: Portion) -> np.ndarray:
    """Which test rows stand in train too: [N], bool.

    Texts are compared without regard to case and white space; where there is no text, the counts
    are compared.
    """
    known = set(_identities(train))
    return np.array([identity in known for identity in _identities(test)], dtype=bool)


def _identities(rows: Portion) -> list[object]:
    if "text" in rows.table:
        return [" ".join(text.casefold().split()) for text in rows.table["text"]]
    counts = rows.counts
    if counts is None:
        raise TypeError("images have no words to compare")
    return [
        (counts.indices[start:end].tobytes(), counts.data[start:end].tobytes())
        for start, end in pairwise(counts.indptr)
    ]


def _pixels(examples: Examples) -> np.ndarray:
    batches = in_batches(examples, ROWS_AT_ONCE)
    return torch.cat([batch.input.flatten(1) for batch in batches]).numpy()


def counted(arrays: Arrays, spec: Spec) -> scipy.sparse.csr_matrix:
    """Of texts, float32 [N, V]."""
    parts = (arrays["counts"].astype(np.float32), arrays["indices"], arrays["indptr"])
    return scipy.sparse.csr_matrix(parts, shape=(len(arrays["indptr"]) - 1, spec.shape[0]))


@torch.no_grad()
def encode(vae: VAE, examples: Examples) -> Posterior:
    """q(z given x) of every example, [N, Z]."""
    parts = [vae.encode(batch.input) for batch in in_batches(examples, ROWS_AT_ONCE)]
    return Posterior(
        torch.cat([part.mean for part in parts]), torch.cat([part.log_variance for part in parts])
    )


@dataclass(frozen=True)
class Code:
    """What the encoder makes of N examples, float32."""

    mean_NZ: np.ndarray
    log_variance_NZ: np.ndarray
    rate_nats_N: np.ndarray  # to the model's prior, dimension by dimension: `Prior.by_dimension`
    hidden_NH: np.ndarray  # every hidden layer after its activation, side by side; H may be 0


@torch.no_grad()
def read(vae: VAE, examples: Examples) -> Code:
    """The code of every example; `vae` in evaluation mode."""
    parts = [vae.read(batch.input) for batch in in_batches(examples, ROWS_AT_ONCE)]
    return Code(
        mean_NZ=torch.cat([part.posterior.mean for part in parts]).numpy(),
        log_variance_NZ=torch.cat([part.posterior.log_variance for part in parts]).numpy(),
        rate_nats_N=torch.cat(
            [vae.prior.by_dimension(part.posterior).sum(-1) for part in parts]
        ).numpy(),
        hidden_NH=torch.cat([part.hidden_BH for part in parts]).numpy(),
    )


def inputs(
    classifier: Classifier,
    vae: VAE,
    examples: Examples,
    counts: scipy.sparse.csr_matrix | None,
    vocabulary: Vocabulary,
    texts: Sequence[str] | None,
) -> Inputs:
    """What the classifier needs of these examples and no more: it may do without the encoder."""
    needs = classifier.needs
    known_N, unknown_N = None, None
    if counts is not None and texts is not None and "familiarity" in needs:
        known_N, unknown_N = familiarity.known_and_unknown(texts, counts, vocabulary)
    code = read(vae, examples) if classifier.needs_encoder else None
    return Inputs(
        terms_NV=weighting.tfidf(counts, vocabulary)
        if counts is not None and "terms" in needs
        else None,
        pixels_ND=_pixels(examples) if "pixels" in needs else None,
        mean_NZ=code.mean_NZ if code else None,
        hidden_NH=code.hidden_NH if code else None,
        rate_nats_N=code.rate_nats_N if code else None,
        known_N=known_N,
        unknown_N=unknown_N,
    )

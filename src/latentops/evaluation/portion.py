"""The rows of a split that are scored: as the model reads them, and as they are."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import scipy.sparse
import torch

from latentops import build
from latentops.artifacts import Arrays, Spec, Split, Vocabulary
from latentops.data.batches import Examples, in_batches
from latentops.elbo import Posterior
from latentops.errors import DataError
from latentops.metrics.classification import Features
from latentops.model import VAE

ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class Prepared:
    """What stage prepare wrote of one split."""

    arrays: Arrays
    table: pd.DataFrame


@dataclass(frozen=True)
class Portion:
    """N rows of one split, all in scope."""

    examples: Examples  # every random choice made
    counts: scipy.sparse.csr_matrix | None  # [N, V]; none for images
    y: np.ndarray  # [N], -1: no label
    table: pd.DataFrame

    def __len__(self) -> int:
        return len(self.y)

    def subset(self, rows: np.ndarray) -> Self:
        return type(self)(
            examples=self.examples.subset(torch.from_numpy(rows)),
            counts=None if self.counts is None else self.counts[rows],
            y=self.y[rows],
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

    def matrix(self) -> Features:
        """What a baseline reads: counts [N, V], or the pixels that the model reads, [N, D]."""
        if self.counts is not None:
            return self.counts
        pixels = [batch.input.flatten(1) for batch in in_batches(self.examples, ROWS_AT_ONCE)]
        return torch.cat(pixels).numpy()


def in_scope(
    split: Split,
    prepared: Prepared,
    spec: Spec,
    vocabulary: Vocabulary,
    model: build.Model,
    seed: int,
) -> Portion:
    """The rows in scope; `seed` binarizes dynamic images once."""
    arrays = prepared.arrays
    rows = np.flatnonzero(arrays["in_scope"])
    if not len(rows):
        raise DataError(
            f"The {split} split of {spec.source!r} has no row in scope, so that nothing can be "
            "scored. Give it some, or cut another one in prepare."
        )
    whole = Portion(
        examples=build.examples(spec, vocabulary, arrays, model),
        counts=_counts(arrays, spec) if spec.kind == "counts" else None,
        y=arrays["y"],
        table=prepared.table,
    )
    portion = whole.subset(rows)
    return Portion(portion.examples.frozen(seed), portion.counts, portion.y, portion.table)


def _counts(arrays: Arrays, spec: Spec) -> scipy.sparse.csr_matrix:
    parts = (arrays["counts"].astype(np.float32), arrays["indices"], arrays["indptr"])
    return scipy.sparse.csr_matrix(parts, shape=(len(arrays["y"]), spec.shape[0]))


@torch.no_grad()
def encode(vae: VAE, examples: Examples) -> Posterior:
    """q(z given x) of every example, [N, Z]."""
    parts = [vae.encode(batch.input) for batch in in_batches(examples, ROWS_AT_ONCE)]
    return Posterior(
        torch.cat([part.mean for part in parts]), torch.cat([part.log_variance for part in parts])
    )

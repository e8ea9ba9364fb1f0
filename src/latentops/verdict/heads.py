# ruff: noqa: N815 - names end in their shape suffixes
"""Linear classifiers on blocks of features, and the choices that are made inside the labels.

Shape suffixes: N examples, F numbers of all blocks, C classes that stand in the labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse

from latentops.portion import Features
from latentops.verdict.features import Blocks, names

Kind = Literal["logistic", "svm"]

JOINS = (0.35, 0.7, 1.4)


@dataclass(frozen=True)
class Choice:
    """`inverse_penalty` is scikit-learn's C; `join` multiplies every block after the first."""

    classifier: Kind
    inverse_penalty: float
    join: float


def sliced(blocks: Blocks, rows: np.ndarray) -> Blocks:
    return {name: block[rows] for name, block in blocks.items()}


def stacked(blocks: Blocks, features: str, join: float) -> Features:
    """The blocks of `features` side by side, each after the first times `join`: [N, F]."""
    first, *later = (blocks[name] for name in names(features))
    if not later:
        return first
    parts = [first, *(block * np.float32(join) for block in later)]
    if any(scipy.sparse.issparse(part) for part in parts):
        return scipy.sparse.csr_matrix(scipy.sparse.hstack(parts, format="csr", dtype=np.float32))
    return np.hstack(parts)


@dataclass(frozen=True)
class Head:
    """A linear map of blocks to one number for each class."""

    features: str
    choice: Choice
    classes_C: np.ndarray  # class indices, rising: those that stood in the labels
    coefficients: dict[str, np.ndarray]  # of each block [F, C]; `join` is folded in
    bias_C: np.ndarray

    def decision(self, blocks: Blocks) -> np.ndarray:
        """[N, C]; of two classes -d/2 and d/2."""
        parts = (np.asarray(blocks[name] @ each_FC) for name, each_FC in self.coefficients.items())
        return np.asarray(sum(parts, start=self.bias_C))

    def predict(self, blocks: Blocks) -> np.ndarray:
        """The class index of each row, [N]."""
        return np.asarray(self.classes_C[self.decision(blocks).argmax(axis=1)])


def choose(
    blocks: Blocks,
    y: np.ndarray,
    features: str,
    seed: int,
    valid: tuple[Blocks, np.ndarray] | None = None,
    classifiers: Sequence[Kind] = ("svm", "logistic"),
) -> tuple[Choice, float | None]:
    """The best choice on `valid`, or inside the labels, and the accuracy that it had there.

    None where nothing can be chosen: one label of each class and no validation rows.
    """
    raise NotImplementedError


def fit(blocks: Blocks, y: np.ndarray, features: str, choice: Choice) -> Head:
    """On every row given; `y` holds two classes or more."""
    raise NotImplementedError

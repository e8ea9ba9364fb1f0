# ruff: noqa: N815 - names end in their shape suffixes
"""Codes in fewer bits: every dimension is cut into equal cells over its range in training.

Shape suffixes: N examples, Z dimensions.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

MOST_BITS = 16  # of a dimension: what a float16 takes


@dataclass(frozen=True)
class Quantiser:
    """A dimension of b bits has 2 ** b cells and is read back as the centre of its cell.

    One of 0 bits is read back as its mean in training. What lies outside the range falls into the
    cell at that end.
    """

    low_Z: np.ndarray
    step_Z: np.ndarray
    bits_Z: np.ndarray  # whole numbers

    @classmethod
    def fit(cls, train_NZ: np.ndarray, bits_Z: np.ndarray) -> Self:
        low_Z, step_Z = train_NZ.min(axis=0), np.ptp(train_NZ, axis=0) / 2.0**bits_Z
        around_mean_Z = train_NZ.mean(axis=0) - step_Z / 2
        return cls(np.where(bits_Z > 0, low_Z, around_mean_Z), step_Z, bits_Z)

    def __call__(self, code_NZ: np.ndarray) -> np.ndarray:
        """As it is read back, float32 [N, Z]."""
        wide_Z = np.where(self.step_Z > 0, self.step_Z, 1.0)  # a constant has one cell, of width 0
        cell_NZ = np.floor((code_NZ - self.low_Z) / wide_Z).clip(0, 2.0**self.bits_Z - 1)
        return np.asarray(self.low_Z + (cell_NZ + 0.5) * self.step_Z, dtype=np.float32)

    @property
    def bytes(self) -> int:
        """Of one example, its bits side by side."""
        return math.ceil(int(self.bits_Z.sum()) / 8)


def allocated(train_NZ: np.ndarray, spread_Z: np.ndarray, total: int) -> np.ndarray:
    """`total` bits, one after the other to the dimension whose cells are the widest: bits_Z.

    Widths are counted in `spread_Z`: how far each dimension may be off at equal cost. A dimension
    that hardly moves gets none. Bits that no dimension can use are left over.
    """
    bits_Z = np.zeros(train_NZ.shape[1], dtype=np.int64)
    width_Z = np.ptp(train_NZ, axis=0) / spread_Z
    for _ in range(total):
        widest = int(width_Z.argmax())
        if width_Z[widest] <= 0:
            break
        bits_Z[widest] += 1
        width_Z[widest] = width_Z[widest] / 2 if bits_Z[widest] < MOST_BITS else 0.0
    return bits_Z

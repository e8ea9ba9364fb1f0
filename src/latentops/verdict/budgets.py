"""How many labels a classifier is given, and which ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

Depth = Literal["quick", "full"]

SAMPLES = 5
PER_CLASS: dict[Depth, tuple[int, ...]] = {"quick": (1, 10), "full": (1, 5, 10, 50)}
# Of few classes there would be too few labels; of few labels too few totals.
MOST_CLASSES_OF_TOTALS = 4
TOTALS: dict[Depth, tuple[int, ...]] = {"quick": (200, 2_500), "full": (200, 500, 2_500, 10_000)}


@dataclass(frozen=True)
class LabelBudget:
    """`samples` are rows of the labelled training rows: one set where all of them are taken."""

    name: str
    samples: tuple[np.ndarray, ...]
    takes_all: bool

    @property
    def mean_labels(self) -> float:
        return float(np.mean([len(rows) for rows in self.samples]))


def budgets(
    y: np.ndarray, depth: Depth, seed: int, complete: bool = True
) -> tuple[LabelBudget, ...]:
    """From few labels to all. One that would take all of them under another name is left out.

    `y` holds the class indices of the labelled training rows: `complete`, or as many as are used.
    """
    few_classes = len(np.unique(y)) <= MOST_CLASSES_OF_TOTALS
    draw, sizes, name = (
        (_of_all, TOTALS[depth], "{} labels")
        if few_classes and len(y) > min(TOTALS[depth])
        else (_of_each_class, PER_CLASS[depth], "{} per class")
    )
    drawn = (
        LabelBudget(name.format(size), _samples(draw, y, size, seed), takes_all=False)
        for size in sizes
    )
    all_name = "all" if complete else f"{len(y)} labels"
    everything = LabelBudget(all_name, (np.arange(len(y)),), takes_all=True)
    return (*(budget for budget in drawn if budget.mean_labels < len(y)), everything)


def of_each_class(y: np.ndarray, size: int, seed: int) -> tuple[np.ndarray, ...]:
    """Samples of so many rows of each class, or of all that it has."""
    return _samples(_of_each_class, y, size, seed)


Draw = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]


def _samples(draw: Draw, y: np.ndarray, size: int, seed: int) -> tuple[np.ndarray, ...]:
    return tuple(
        np.sort(draw(y, size, np.random.default_rng([seed, size, sample])))
        for sample in range(SAMPLES)
    )


def _of_each_class(y: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """So many rows of each class, or all that it has."""
    order = rng.permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    starts = np.searchsorted(y[order], y[order])  # where the class of each begins
    return np.asarray(order[np.arange(len(y)) - starts < size])


def _of_all(y: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """So many rows in all, one of each class among them."""
    order = rng.permutation(len(y))
    first_of_each = np.unique(y[order], return_index=True)[1]
    others = np.delete(order, first_of_each)
    return np.concatenate([order[first_of_each], others])[:size]

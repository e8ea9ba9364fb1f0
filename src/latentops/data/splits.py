"""Train, valid and test: the source's own where it has them, else cut with a fixed seed."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from latentops.artifacts import Split
from latentops.data.raw import Raw
from latentops.data.settings import Settings
from latentops.errors import DataError

_STREAM = {"test": 1, "valid": 2}  # each cut draws from its own stream of the seed


def cut(raw: Raw, settings: Settings) -> Raw:
    """`raw` with every row in a split; test is cut first, then valid from what is left."""
    split = raw.table["split"].astype(object).where(raw.table["split"].notna(), "train")
    if not (split == "train").any():
        raise DataError(f"{raw.name}: no row is in the training split.")
    stratum = _strata(raw.table)
    fractions: list[tuple[Split, float]] = [
        ("test", settings.test_fraction),
        ("valid", settings.valid_fraction),
    ]
    for name, fraction in fractions:
        if not (split == name).any():
            left = np.flatnonzero(split == "train")
            rng = np.random.default_rng([settings.seed, _STREAM[name]])
            drawn = draw(stratum[left], fraction, rng)
            if len(drawn) == 0:
                raise _too_few(raw.name, name, fraction, len(left))
            split.iloc[left[drawn]] = name
    return replace(raw, table=raw.table.assign(split=split.astype("str")))


def draw(strata: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Positions of round(fraction * N) rows, evenly over the strata, in rising order.

    One row of each stratum stays behind, so that what is left still knows all of them. The rest
    are put in random order, then by stratum, and taken at even steps: a stratum of n rows gives
    n * step of them, rounded up or down. Empty where there are too few rows.
    """
    shuffled = rng.permutation(len(strata))
    order = shuffled[np.argsort(strata[shuffled], kind="stable")]
    candidates = order[1:][strata[order][1:] == strata[order][:-1]]
    wanted = round(fraction * len(strata))
    if wanted > len(candidates):
        return np.empty(0, dtype=np.int64)
    start = rng.random()
    taken = np.floor((np.arange(wanted) + start) * (len(candidates) / max(1, wanted)))
    return np.sort(candidates[taken.astype(np.int64)])


def _strata(table: pd.DataFrame) -> np.ndarray:
    """A number for each label; rows without one, and rows out of scope, have their own."""
    label: Any = table["label"].astype(object).where(table["label"].notna(), "")
    scope = np.where(table["in_scope"], "in ", "out ")
    return np.unique(scope + label.to_numpy(dtype=str), return_inverse=True)[1]


def _too_few(source: str, split: Split, fraction: float, rows: int) -> DataError:
    return DataError(
        f"{source}: {rows} rows are too few to cut {fraction:.0%} of them for {split}. "
        f"Bring more rows, or raise data.{split}_fraction."
    )

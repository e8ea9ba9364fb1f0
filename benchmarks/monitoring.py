# ruff: noqa: N815 - names end in their shape suffixes
"""Windows of real utterances through `latentops monitor`: false alarms, and what it finds.

    python -m benchmarks.monitoring PROJECT [STRANGERS] [unchanged windows] [changed windows]

PROJECT is a folder after the stages prepare, train and head. Strangers are the rows of its test
split that are out of scope, or where STRANGERS, another such folder, is not `-`, rows in scope of
its test split. The model sees each row once; windows are drawn from what it saw.

Every window is drawn beside a profile of its own, of as many rows as validation has in scope: both
without replacement from the rows of validation and test in scope, so that an unchanged window and
its profile are alike by construction. The other case is the one profile that the model has, of its
validation rows, beside windows of its test split. Profiles hold rows in scope alone here.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from latentops import artifacts
from latentops.artifacts import Split
from latentops.inference.predictor import Predictor
from latentops.monitor import observe, profile
from latentops.monitor.compare import LEVEL, compare
from latentops.monitor.results import Finding
from latentops.observations import Observations

UNCHANGED, CHANGED = 1_000, 200
SIZES = (200, 1_000)
STRANGERS = (0.05, 0.1, 0.2)
TRIPLED = (0.05, 0.1, 0.2)  # of the classes; beside one alone


@dataclass(frozen=True)
class Pool:
    """What the model saw in held-out rows: validation, then test, then strangers."""

    seen: Observations
    label_N: np.ndarray  # the true one; "" of a stranger
    valid: int
    own: int  # rows in scope: those before the strangers

    @property
    def classes(self) -> np.ndarray:
        return np.unique(self.label_N[: self.own])

    def profile(self, rows: np.ndarray) -> profile.Profile:
        return profile.of(self.seen.subset(rows))


def pool(project: Path, strangers: Path | None) -> Pool:
    predictor = Predictor.from_project(project)
    valid, test = (_in_scope(_table(project, split)) for split in ("valid", "test"))
    odd = _in_scope(_table(strangers, "test")) if strangers else _strange(_table(project, "test"))
    rows = pd.concat([valid, test, odd.assign(label="")], ignore_index=True)
    return Pool(
        seen=observe.texts(predictor, rows["text"].tolist()),
        label_N=rows["label"].to_numpy(dtype=object),
        valid=len(valid),
        own=len(valid) + len(test),
    )


def _table(project: Path, split: Split) -> pd.DataFrame:
    return artifacts.read_table(project / artifacts.table_path(split))


def _in_scope(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["in_scope"]]


def _strange(table: pd.DataFrame) -> pd.DataFrame:
    return table[~table["in_scope"]]


def redrawn(
    given: Pool, size: int, windows: int, strangers: float = 0.0, tripled: int = 0
) -> Iterator[tuple[Finding, ...]]:
    """Each window beside a profile of its own; so many of its classes are tripled."""
    odd = round(strangers * size)
    for number in range(windows):
        draw = np.random.default_rng([number, size])
        order = draw.permutation(given.own)
        known, rest = given.profile(order[: given.valid]), order[given.valid :]
        chance = _chances(given, rest, tripled, draw)
        own_rows = draw.choice(rest, size - odd, replace=False, p=chance)
        odd_rows = given.own + draw.choice(len(given.seen) - given.own, odd, replace=False)
        rows = np.concatenate([own_rows, odd_rows])
        yield compare(known, given.seen.subset(rows)).findings


def validation_beside_test(given: Pool, size: int, windows: int) -> Iterator[tuple[Finding, ...]]:
    """Windows of the test split beside the profile of validation."""
    known = given.profile(np.arange(given.valid))
    for number in range(windows):
        draw = np.random.default_rng([number, size])
        rows = given.valid + draw.choice(given.own - given.valid, size, replace=False)
        yield compare(known, given.seen.subset(rows)).findings


def _chances(given: Pool, rows: np.ndarray, tripled: int, draw: np.random.Generator) -> np.ndarray:
    """Of each row, to be drawn first."""
    chosen = draw.choice(given.classes, tripled, replace=False)
    weight_N = np.where(np.isin(given.label_N[rows], chosen), 3.0, 1.0)
    return np.asarray(weight_N / weight_N.sum())


def report(given: Pool, unchanged: int, changed: int) -> None:
    classes = len(given.classes)
    print(f"{'':34}  rows windows      any  {'  '.join(f'{name:>13}' for name in _names(given))}")
    for size in SIZES:
        _line("unchanged", size, list(redrawn(given, size, unchanged)))
        _line("validation beside test", size, list(validation_beside_test(given, size, unchanged)))
        for share in STRANGERS:
            found = list(redrawn(given, size, changed, strangers=share))
            _line(f"{share:.0%} strangers", size, found)
        for many in sorted({1, *(round(share * classes) for share in TRIPLED)} - {0}):
            found = list(redrawn(given, size, changed, tripled=many))
            _line(f"{many} of {classes} classes tripled", size, found)
    _tell_splits(given)


def _tell_splits(given: Pool) -> None:
    """Whether the two are alike at all."""
    known = given.profile(np.arange(given.valid))
    found = compare(known, given.seen.subset(np.arange(given.valid, given.own))).findings
    told = ", ".join(f"{one.test} {one.before:.4g} {one.now:.4g} (p {one.p:.2g})" for one in found)
    print(f"validation and all of test: {told}")


def _names(given: Pool) -> list[str]:
    return [one.test for one in next(validation_beside_test(given, SIZES[0], 1))]


def _line(name: str, size: int, windows: list[tuple[Finding, ...]]) -> None:
    """Shares of windows: where any test found a change, and each test alone at the same level."""
    any_share = np.mean([any(one.changed for one in window) for window in windows])
    alone = np.mean([[one.p < LEVEL for one in window] for window in windows], axis=0)
    told = "  ".join(f"{share:13.1%}" for share in alone)
    print(f"{name:34} {size:5} {len(windows):7} {any_share:8.1%}  {told}", flush=True)


def main() -> None:
    project, *rest = sys.argv[1:]
    strangers = Path(rest[0]) if rest and rest[0] != "-" else None
    counts = [int(number) for number in rest[1:]] or [UNCHANGED, CHANGED]
    started = time.perf_counter()
    given = pool(Path(project), strangers)
    print(
        f"{len(given.seen):,} rows seen in {time.perf_counter() - started:.0f} s: "
        f"{given.valid:,} of validation, {given.own - given.valid:,} of test, "
        f"{len(given.seen) - given.own:,} strangers"
    )
    report(given, *counts)


if __name__ == "__main__":
    main()

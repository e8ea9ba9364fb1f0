"""A window beside a profile: each test that both allow, corrected for their number.

The tests take the rows as drawn independently of each other. Shape suffixes: N rows, C classes.
"""

import zlib
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from latentops.errors import DataError
from latentops.monitor import counted, histogram, holm, latent, profile
from latentops.monitor.counted import Tested
from latentops.monitor.histogram import Histogram
from latentops.monitor.latent import Reference, Told
from latentops.monitor.profile import Classes, Profile
from latentops.monitor.results import Finding, Moved, TestName, Untested
from latentops.observations import Observations

LEVEL = 0.01
NOT_IN_PROFILE = "The profile says nothing of it: the validation rows had none."
NOT_IN_WINDOW = "No row of the window has it."
_MOST_MOVED = 5
_LEAST_RESIDUAL = 3.0  # standard deviations by which a class that is named has moved


class Compared(NamedTuple):
    """What was found; and the classifier of codes, if any, which knows the rows unlike before."""

    findings: tuple[Finding, ...]
    untested: tuple[Untested, ...]
    told: Told | None


TwoSamples = Callable[[np.ndarray, np.ndarray, np.random.Generator], Tested]


class _Alone(NamedTuple):
    """A test before the correction."""

    before: float
    now: float
    tested: Tested
    rows: int
    moved: tuple[Moved, ...] = ()


def compare(known: Profile, seen: Observations, level: float = LEVEL) -> Compared:
    """The same window gets the same answer.

    Raises DataError for a window without rows, and for one of another model.
    """
    if not len(seen):
        raise DataError("The window has no rows that could be tested. Give it some.")
    draws = np.random.default_rng(_seed(seen)).spawn(5)
    told = _told(known.latent, profile.codes(seen), draws[4])
    found: dict[TestName, _Alone | str] = {
        "unknown_words": _number(
            known.unknown_share, profile.unknown_shares(seen), counted.mean_difference, draws[0]
        ),
        "nats_per_word": _number(
            known.nats_per_word, profile.scores(seen), counted.anderson_darling, draws[1]
        ),
        "classes": _classes(known.classes, Counter(profile.labels(seen)), draws[2]),
        "out_of_scope": _refused(known.out_of_scope, profile.flags(seen), draws[3]),
        "latent": told if isinstance(told, str) else _codes(told, seen),
    }
    alone = {name: one for name, one in found.items() if not isinstance(one, str)}
    untested = [
        Untested(test=name, reason=one) for name, one in found.items() if isinstance(one, str)
    ]
    classifier = None if isinstance(told, str) else told
    return Compared(_corrected(alone, level), tuple(untested), classifier)


def _seed(seen: Observations) -> int:
    """Of the window's own: one stream for all windows would make the same error in each."""
    parts = (seen.words_N, seen.unknown_words_N, seen.z_NZ)
    return zlib.crc32(b"".join(np.ascontiguousarray(part).tobytes() for part in parts))


def _corrected(alone: dict[TestName, _Alone], level: float) -> tuple[Finding, ...]:
    p_holm = holm.adjusted([found.tested.p for found in alone.values()])
    return tuple(
        Finding(
            test=name,
            before=found.before,
            now=found.now,
            statistic=found.tested.statistic,
            p=found.tested.p,
            p_holm=corrected,
            changed=corrected < level,
            rows=found.rows,
            moved=found.moved,
        )
        for (name, found), corrected in zip(alone.items(), p_holm, strict=True)
    )


def _number(
    known: Histogram | None, value_N: np.ndarray, test: TwoSamples, draw: np.random.Generator
) -> _Alone | str:
    if known is None:
        return NOT_IN_PROFILE
    if not len(value_N):
        return NOT_IN_WINDOW
    tested = test(*histogram.beside(known, value_N), draw)
    return _Alone(known.mean, float(value_N.mean()), tested, len(value_N))


def _classes(known: Classes | None, rows: Counter[str], draw: np.random.Generator) -> _Alone | str:
    if known is None:
        return NOT_IN_PROFILE
    if not rows:
        return NOT_IN_WINDOW
    before_C, now_C = _beside(known, rows)
    tested = counted.chi_square(before_C, now_C, draw)
    freedom = max(1, int((before_C + now_C > 0).sum()) - 1)
    moved = _moved(list(known.rows), before_C, now_C)
    return _Alone(1.0, tested.statistic / freedom, tested, rows.total(), moved)


def _beside(known: Classes, rows: Counter[str]) -> tuple[np.ndarray, np.ndarray]:
    """Counts by named class, the last of all others: two times [C]."""
    now = [rows[name] for name in known.rows]
    return (
        np.array([*known.rows.values(), known.others]),
        np.array([*now, rows.total() - sum(now)]),
    )


def _moved(names: list[str], before_C: np.ndarray, now_C: np.ndarray) -> tuple[Moved, ...]:
    """The named classes that stand out, by their residuals, the one that does most first."""
    share = now_C.sum() / (now_C.sum() + before_C.sum())
    pooled_C = np.maximum(before_C + now_C, 1)
    residual_C = (now_C - pooled_C * share) / np.sqrt(pooled_C * share * (1 - share))
    ranked = np.argsort(-np.abs(residual_C[: len(names)]), kind="stable")[:_MOST_MOVED]
    return tuple(
        Moved(
            name=names[place],
            before=before_C[place] / before_C.sum(),
            now=now_C[place] / now_C.sum(),
        )
        for place in ranked
        if abs(residual_C[place]) >= _LEAST_RESIDUAL
    )


def _refused(
    known: tuple[int, int] | None, flag_N: np.ndarray, draw: np.random.Generator
) -> _Alone | str:
    if known is None:
        return NOT_IN_PROFILE
    if not len(flag_N):
        return NOT_IN_WINDOW
    outside = int(flag_N.sum())
    tested = counted.chi_square(np.array(known), np.array([len(flag_N) - outside, outside]), draw)
    return _Alone(known[1] / sum(known), outside / len(flag_N), tested, len(flag_N))


def _told(known: Reference | None, z_NZ: np.ndarray, draw: np.random.Generator) -> Told | str:
    if known is None:
        return NOT_IN_PROFILE
    if not len(z_NZ):
        return NOT_IN_WINDOW
    if z_NZ.shape[1] != known.latent:
        raise DataError(
            f"The profile's model has {known.latent} latent dimensions, and those of the window "
            f"{z_NZ.shape[1]}: it is of another model."
        )
    if len(z_NZ) < (needed := latent.rows_needed(known)):
        return f"It needs {needed} rows that have a code, and the window has {len(z_NZ)}."
    return latent.tell_apart(known, z_NZ, draw)


def _codes(told: Told, seen: Observations) -> _Alone:
    return _Alone(0.5, told.chance, told.tested, len(profile.codes(seen)))

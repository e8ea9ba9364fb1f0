# ruff: noqa: N815 - names end in their shape suffixes
"""A classifier that learns to tell codes of a window from those of reference rows.

Where it succeeds on codes that it has not learned from, the two differ (Lopez-Paz and Oquab 2017,
Revisiting classifier two-sample tests). It is Fisher's linear discriminant, leaving one out, and
the mean difference of its scores rather than its hits, which sees more (Kim, Ramdas, Singh and
Wasserman 2021, Classification accuracy as a proxy for two-sample testing).

A profile has no room for the codes of thousands of rows, but for the means of as many in groups of
a few: a window is grouped likewise, and groups of as many rows are alike where rows are.

Shape suffixes: N rows, Z latent dimensions, F features, G groups of both samples, D draws.
"""

import base64
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from latentops.artifacts import Schema
from latentops.monitor import permutation
from latentops.monitor.counted import Tested

MOST_BYTES = 8_100  # of the groups' codes: as text a third more
MOST_DIMENSIONS = 128
MOST_GROUPED = 20  # rows in a group: a window of some hundred rows should still have several
MOST_GROUPS = 500  # of the reference, and twice as many of a window: more would tell little more
LEAST_GROUPS = 4
_LEAST_VARIANCE = 1e-12  # in squared steps: codes of a collapsed model are all the same
_STEPS = 7  # of a code, to either side of the features' middle


class Reference(Schema):
    """Means of features over groups of `group_rows` rows, drawn by chance, in whole steps.

    Features are the posterior means of `dimensions`, those that vary most, and the length of the
    whole posterior mean, which is near 0 for a row that the model knows nothing of.
    """

    latent: int  # dimensions of the model
    dimensions: tuple[int, ...]
    group_rows: int
    middle: tuple[float, ...]  # of each feature
    step: tuple[float, ...]
    codes: str  # base64 of two steps in a byte, + 8 each, group after group


class Told(NamedTuple):
    """How well window and reference are told apart."""

    tested: Tested
    chance: float  # that a row of the window scores above one of the reference; 0.5: not at all
    direction_F: np.ndarray  # a row whose features have a larger product with it is unlike before


def reference(z_NZ: np.ndarray, generator: np.random.Generator) -> Reference:
    """Of at least `LEAST_GROUPS` rows without NaN."""
    varying = np.argsort(-z_NZ.var(axis=0), kind="stable")[:MOST_DIMENSIONS]
    dimensions = tuple(sorted(varying.tolist()))
    most_groups = min(MOST_BYTES * 2 // (len(dimensions) + 2), MOST_GROUPS)
    group_rows = min(-(-len(z_NZ) // most_groups), MOST_GROUPED)
    groups_GF = grouped(features(z_NZ, dimensions), group_rows, generator)[:most_groups]
    middle_F = _rounded(groups_GF.mean(axis=0))
    widest_F = np.abs(groups_GF - middle_F).max(axis=0)
    step_F = _rounded(np.where(widest_F > 0, widest_F, 1.0) / _STEPS)
    return Reference(
        latent=z_NZ.shape[1],
        dimensions=dimensions,
        group_rows=group_rows,
        middle=tuple(middle_F.tolist()),
        step=tuple(step_F.tolist()),
        codes=_packed(np.rint((groups_GF - middle_F) / step_F).clip(-_STEPS, _STEPS)),
    )


def features(z_NZ: np.ndarray, dimensions: Sequence[int]) -> np.ndarray:
    """float64 [N, F]."""
    length_N1 = np.linalg.norm(z_NZ, axis=1, keepdims=True)
    return np.concatenate([z_NZ[:, list(dimensions)], length_N1], axis=1).astype(np.float64)


def grouped(features_NF: np.ndarray, group_rows: int, generator: np.random.Generator) -> np.ndarray:
    """Means over groups of so many rows, drawn by chance; rows that are left over are left out."""
    groups = len(features_NF) // group_rows
    rows = generator.permutation(len(features_NF))[: groups * group_rows]
    return np.asarray(features_NF[rows].reshape(groups, group_rows, -1).mean(axis=1))


def rows_needed(known: Reference) -> int:
    """The fewest rows of a window that can be tested."""
    return LEAST_GROUPS * known.group_rows


def tell_apart(known: Reference, z_NZ: np.ndarray, generator: np.random.Generator) -> Told:
    """Of a window of `rows_needed` rows or more, without NaN."""
    drawn = generator.permutation(len(z_NZ))[: 2 * MOST_GROUPS * known.group_rows]
    window_GF = grouped(features(z_NZ[drawn], known.dimensions), known.group_rows, generator)
    before_GF = _unpacked(known)
    now_GF = np.rint((window_GF - known.middle) / known.step)  # as the reference was
    both_GF = np.concatenate([before_GF, now_GF])
    side_G = np.repeat([-1 / len(before_GF), 1 / len(now_GF)], [len(before_GF), len(now_GF)])
    whitening_FF = _whitening(both_GF)
    whitened_GF = (both_GF - both_GF.mean(axis=0)) @ whitening_FF
    tested = _tested(whitened_GF, side_G, generator)
    distance = _distance(tested.statistic, len(now_GF) / len(both_GF)) / math.sqrt(known.group_rows)
    direction_F = whitening_FF @ (side_G @ whitened_GF) / known.step
    return Told(tested, float(stats.norm.cdf(distance / math.sqrt(2))), direction_F)


def _tested(whitened_GF: np.ndarray, side_G: np.ndarray, generator: np.random.Generator) -> Tested:
    """The difference of the mean scores of both sides, each group scored without itself."""
    own_G = np.square(whitened_GF).sum(axis=1)

    def statistic(side_DG: np.ndarray) -> np.ndarray:
        all_D = np.square(side_DG @ whitened_GF).sum(-1)
        return np.asarray(all_D - np.square(side_DG) @ own_G)

    def draw(draws: int) -> np.ndarray:
        return statistic(generator.permuted(np.tile(side_G, (draws, 1)), axis=1))

    observed = float(statistic(side_G))
    return Tested(observed, permutation.p_value(observed, draw))


def _distance(squared: float, share: float) -> float:
    """In standard deviations within a side, of a square by the covariance of both together, to
    which the distance itself adds; `share` of the groups are the window's."""
    explained = min(max(squared, 0.0) * share * (1 - share), 1 - _LEAST_VARIANCE)
    return math.sqrt(explained / (share * (1 - share) * (1 - explained)))


def _whitening(both_GF: np.ndarray) -> np.ndarray:
    """[F, F]: of both samples together, so that it is the same whatever the permutation."""
    from sklearn.covariance import ledoit_wolf  # slow to import

    covariance_FF, _ = ledoit_wolf(both_GF)
    values_F, vectors_FF = np.linalg.eigh(covariance_FF)
    return np.asarray(vectors_FF / np.sqrt(values_F.clip(min=_LEAST_VARIANCE)))


def _rounded(value_F: np.ndarray) -> np.ndarray:
    """To four digits: they stand in JSON."""
    return np.array([float(f"{value:.4g}") for value in value_F])


def _packed(step_GF: np.ndarray) -> str:
    nibbles = np.append(
        (step_GF + 8).astype(np.uint8).ravel(), np.zeros(step_GF.size % 2, np.uint8)
    )
    return base64.b64encode((nibbles[::2] << 4 | nibbles[1::2]).tobytes()).decode("ascii")


def _unpacked(known: Reference) -> np.ndarray:
    """In steps, float64 [G, F]."""
    pairs = np.frombuffer(base64.b64decode(known.codes), np.uint8)
    nibbles = np.stack([pairs >> 4, pairs & 15], axis=1).ravel().astype(np.float64)
    groups = len(nibbles) // len(known.step)
    return nibbles[: groups * len(known.step)].reshape(groups, -1) - 8

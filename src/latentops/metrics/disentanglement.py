# ruff: noqa: N815 - names end in their shape suffixes
"""Whether each latent dimension stands for one known factor, and each factor in one dimension.

Shape suffixes: N rows, Z latent dimensions, F factors, B bins of a dimension, K values of a factor.

Definitions are those of Locatello et al. 2019 ("Challenging Common Assumptions in the Unsupervised
Learning of Disentangled Representations") but for what each function names:

- rows are observed ones, where theirs are rendered at will: a factor's missing values are left out,
  and factors may depend on each other;
- a dimension that is constant is dead: it takes no part in modularity, where theirs counts as 0;
- thresholds of SAP are edges of bins.

Every score but the accuracies (`dci_informativeness`, `factor_vae`) is 0 for a constant code. Noise
scores above 0 where rows are few, modularity far above: compare with a random encoder.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

MISSING = -1
BINS = 20  # of equal width, as there
VOTES = 2_000  # that fit the FactorVAE classifier; half as many judge it. There: 10,000 and 5,000
VOTERS = 64  # rows behind a vote
ROUNDS = 10  # of boosting, a tree for each value. There: 100, with ten times the rows

_ROWS_AT_ONCE = 1 << 22  # numbers: 32 MB

Scores = dict[str, float | None]  # None: not defined for so few factors or dimensions


@dataclass(frozen=True)
class Rows:
    """Codes, and the value of each factor from 0 on; `MISSING` where it has none."""

    code_NZ: np.ndarray
    factors_NF: np.ndarray  # whole numbers

    def known(self, factor: int) -> np.ndarray:
        """The rows that have a value of the factor, bool [N]."""
        return np.asarray(self.factors_NF[:, factor] != MISSING)


def scores(train: Rows, test: Rows, seed: int) -> Scores:
    """All scores of `test`; what is fitted is fitted to `train`. At least one factor.

    With one factor there is no telling factors apart: disentanglement, modularity and the FactorVAE
    score are None. With one dimension completeness is.
    """
    information_FZ = mutual_information_nats(test)
    importance_FZ, informativeness = importances(train, test)
    return {
        "mig": gap(information_FZ, entropies_nats(test)),
        "dci_disentanglement": disentanglement(importance_FZ),
        "dci_completeness": completeness(importance_FZ),
        "dci_informativeness": informativeness,
        "sap": sap(train, test),
        "factor_vae": factor_vae(train, test, seed),
        "modularity": modularity(information_FZ),
    }


def mutual_information_nats(rows: Rows) -> np.ndarray:
    """Between each factor and each dimension cut into bins, [F, Z].

    Too high where rows are few, by about (B - 1)(K - 1) / 2N.
    """
    bins_NZ = _binned(rows.code_NZ, rows.code_NZ)
    per_factor = [
        [_information(counts_BK) for counts_BK in _tables(bins_NZ, rows, factor)]
        for factor in range(rows.factors_NF.shape[1])
    ]
    return np.array(per_factor).reshape(rows.factors_NF.shape[1], rows.code_NZ.shape[1])


def entropies_nats(rows: Rows) -> np.ndarray:
    """Of each factor over the rows that have it, [F]."""
    each = (
        rows.factors_NF[rows.known(factor), factor] for factor in range(rows.factors_NF.shape[1])
    )
    return np.array([_entropy(np.bincount(values_N)) for values_N in each])


def gap(information_FZ: np.ndarray, entropy_F: np.ndarray) -> float:
    """MIG (Chen et al. 2018, eq. 6): of each factor's two dimensions of the largest mutual
    information the difference, as a share of the factor's entropy; the mean over factors.

    There is a factor in one dimension, and nowhere else: 1. With one dimension the second has 0.
    """
    second_FZ = np.pad(information_FZ, ((0, 0), (1, 0)))
    ranked_FZ = np.sort(second_FZ, axis=1)
    return float(((ranked_FZ[:, -1] - ranked_FZ[:, -2]) / entropy_F).mean())


def modularity(information_FZ: np.ndarray) -> float | None:
    """Ridgeway and Mozer 2018, section 3: 1 where each dimension tells of one factor alone.

    The mean over dimensions that are not dead; 0 where all are.
    """
    factors = len(information_FZ)
    if factors < 2:
        return None
    squares_FZ = np.square(information_FZ[:, information_FZ.max(axis=0) > 0])
    if not squares_FZ.size:
        return 0.0
    most_Z = squares_FZ.max(axis=0)
    others_Z = (squares_FZ.sum(axis=0) - most_Z) / (most_Z * (factors - 1))
    return float((1 - others_Z).mean())


def sap(train: Rows, test: Rows) -> float:
    """SAP (Kumar et al. 2018, section 3): of each factor's two dimensions that alone predict it
    best the difference of their balanced accuracies; the mean over factors.

    A dimension predicts by thresholds, which are the edges of the training rows' bins: in each, the
    value whose rows stand there with the largest share. Locatello et al. use a linear SVM, which
    has one threshold for each value, and accuracy that is not balanced.
    """
    fitted_NZ = _binned(train.code_NZ, train.code_NZ)
    judged_NZ = _binned(test.code_NZ, train.code_NZ)
    factors = range(train.factors_NF.shape[1])
    gaps = []
    for factor in factors:
        pairs = zip(
            _tables(fitted_NZ, train, factor), _tables(judged_NZ, test, factor), strict=True
        )
        ranked = sorted((_balanced_accuracy(*pair) for pair in pairs), reverse=True)
        second = ranked[1] if len(ranked) > 1 else 0.0
        gaps.append(ranked[0] - second)
    return float(np.mean(gaps))


def importances(train: Rows, test: Rows) -> tuple[np.ndarray, float]:
    """How much each dimension serves to predict each factor, [F, Z], rows of sum 1 (0 without any),
    and how well all of them do: the accuracy on `test`, mean over factors (DCI's informativeness).

    By gradient boosted trees, as in Locatello et al.: an importance is the share of the gain of all
    splits. Here thresholds are edges of 255 bins, which takes a tenth of the time. Equal dimensions
    share their importance.
    """
    distinct_NU, place_Z, times_U = np.unique(
        train.code_NZ, axis=1, return_inverse=True, return_counts=True
    )
    asked_NU = test.code_NZ[:, _first_places(place_Z, len(times_U))]
    fitted = [
        _importance(Rows(distinct_NU, train.factors_NF), Rows(asked_NU, test.factors_NF), factor)
        for factor in range(train.factors_NF.shape[1])
    ]
    importance_FU = np.array([importance_U for importance_U, _ in fitted]) / times_U
    return importance_FU[:, place_Z], float(np.mean([accuracy for _, accuracy in fitted]))


def disentanglement(importance_FZ: np.ndarray) -> float | None:
    """DCI (Eastwood and Williams 2018, section 2): 1 where each dimension serves one factor.

    1 - entropy, to base F, of what a dimension serves; each weighs by its share of all importance.
    """
    return _purity(importance_FZ.T)


def completeness(importance_FZ: np.ndarray) -> float | None:
    """DCI: 1 where each factor is served by one dimension. 1 - entropy, to base Z, as above."""
    return _purity(importance_FZ)


def factor_vae(train: Rows, test: Rows, seed: int) -> float | None:
    """The accuracy of a vote on which factor is held fixed (Kim and Mnih 2018, section 4).

    A vote: rows that share a value of a factor, drawn with replacement; of their dimensions the one
    that varies least, as a share of its variance over all training rows. What most votes of a
    dimension stand for in `train` is what it predicts in `test`. Factors are drawn evenly, and
    so are the values of each that two rows share. Guessing reaches 1 / F.
    """
    shared = [
        factor
        for factor in range(train.factors_NF.shape[1])
        if all(len(_groups(rows, factor)) for rows in (train, test))
    ]
    if len(shared) < 2:
        return None
    variance_Z = _variance(train.code_NZ)
    if not variance_Z.any():
        return 0.0
    rng = np.random.default_rng(seed)
    fitted_FZ, judged_FZ = (
        np.array([_votes(rows, factor, count // len(shared), variance_Z, rng) for factor in shared])
        for rows, count in ((train, VOTES), (test, VOTES // 2))
    )
    right_Z = judged_FZ[fitted_FZ.argmax(axis=0), np.arange(len(variance_Z))]
    return float(right_Z.sum() / judged_FZ.sum())


def _variance(code_NZ: np.ndarray) -> np.ndarray:
    """[Z]; 0 where it is but a rounding of 0."""
    return np.where(np.ptp(code_NZ, axis=0) > 0, code_NZ.var(axis=0), 0)


def _binned(code_NZ: np.ndarray, of_NZ: np.ndarray) -> np.ndarray:
    """The bin of each number, among those from the least to the largest of `of_NZ`."""
    low_Z, width_Z = of_NZ.min(axis=0), np.ptp(of_NZ, axis=0)
    share_NZ = (code_NZ - low_Z) / np.where(width_Z > 0, width_Z, 1)
    return np.asarray((share_NZ * BINS).astype(np.int64).clip(0, BINS - 1))


def _tables(bins_NZ: np.ndarray, rows: Rows, factor: int) -> Iterator[np.ndarray]:
    """How many rows stand in each bin with each value, [B, K]: of each dimension."""
    known = rows.known(factor)
    values_N = rows.factors_NF[known, factor]
    count = int(rows.factors_NF[:, factor].max()) + 1
    for bins_N in bins_NZ[known].T:
        cells_N = bins_N * count + values_N
        yield np.bincount(cells_N, minlength=BINS * count).reshape(BINS, count)


def _information(counts_BK: np.ndarray) -> float:
    parts = (counts_BK.sum(axis=1), counts_BK.sum(axis=0))
    found = sum(map(_entropy, parts)) - _entropy(counts_BK.ravel())
    return max(0.0, float(found))  # rounding


def _entropy(counts: np.ndarray) -> float:
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log(share)).sum())


def _balanced_accuracy(fitted_BK: np.ndarray, judged_BL: np.ndarray) -> float:
    """The mean over the values that were asked for; a split may lack the last ones."""
    values = max(fitted_BK.shape[1], judged_BL.shape[1])
    fitted_BK, judged_BK = (
        np.pad(counts, ((0, 0), (0, values - counts.shape[1]))) for counts in (fitted_BK, judged_BL)
    )
    share_BK = fitted_BK / np.maximum(fitted_BK.sum(axis=0), 1)
    right_BK = judged_BK * (share_BK.argmax(axis=1)[:, None] == np.arange(values))
    asked_K = judged_BK.sum(axis=0)
    return float((right_BK.sum(axis=0)[asked_K > 0] / asked_K[asked_K > 0]).mean())


def _first_places(place_Z: np.ndarray, distinct: int) -> np.ndarray:
    """The first dimension of each kind."""
    return np.array([np.flatnonzero(place_Z == kind)[0] for kind in range(distinct)])


def _importance(train: Rows, test: Rows, factor: int) -> tuple[np.ndarray, float]:
    known, asked = train.known(factor), test.known(factor)
    model = HistGradientBoostingClassifier(
        max_iter=ROUNDS, max_depth=3, early_stopping=False, random_state=0
    ).fit(train.code_NZ[known], train.factors_NF[known, factor])
    gain_Z = np.zeros(train.code_NZ.shape[1])
    # scikit-learn tells the importances of its exact trees alone; the gains are there.
    for tree in chain.from_iterable(model._predictors):
        splits = tree.nodes[tree.nodes["is_leaf"] == 0]
        np.add.at(gain_Z, splits["feature_idx"], splits["gain"])
    right_N = model.predict(test.code_NZ[asked]) == test.factors_NF[asked, factor]
    return gain_Z / (gain_Z.sum() or 1.0), float(right_N.mean())


def _purity(importance_AB: np.ndarray) -> float | None:
    """1 - entropy to base B of each row of A, weighed by the row's share of the whole."""
    kinds = importance_AB.shape[1]
    if kinds < 2:
        return None
    total_A = importance_AB.sum(axis=1)
    if not total_A.any():
        return 0.0
    entropy_A = np.array([_entropy(row_B) if row_B.any() else 0.0 for row_B in importance_AB])
    return float(((1 - entropy_A / np.log(kinds)) * total_A).sum() / total_A.sum())


def _groups(rows: Rows, factor: int) -> list[np.ndarray]:
    """The rows that share a value, where two do."""
    values_N = rows.factors_NF[:, factor]
    groups = (np.flatnonzero(values_N == value) for value in range(int(values_N.max()) + 1))
    return [group for group in groups if len(group) > 1]


def _votes(
    rows: Rows, factor: int, count: int, variance_Z: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """How often each dimension varies least, [Z]; a dead one never does."""
    groups = _groups(rows, factor)
    times = np.bincount(rng.integers(len(groups), size=count), minlength=len(groups))
    alive = np.flatnonzero(variance_Z > 0)
    votes_Z = np.zeros(len(variance_Z), dtype=np.int64)
    for group, votes in zip(groups, times, strict=True):
        drawn = rng.choice(group, (votes, VOTERS))
        at_once = max(1, _ROWS_AT_ONCE // (VOTERS * len(alive)))
        for start in range(0, votes, at_once):
            code_CVZ = rows.code_NZ[drawn[start : start + at_once]][..., alive]
            least_C = (code_CVZ.var(axis=1) / variance_Z[alive]).argmin(axis=1)
            votes_Z += np.bincount(alive[least_C], minlength=len(variance_Z))
    return votes_Z

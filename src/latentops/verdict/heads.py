# ruff: noqa: N815 - names end in their shape suffixes
"""Linear classifiers on blocks of features, and the choices that are made inside the labels.

Shape suffixes: N examples, F numbers of all blocks, C classes that stand in the labels.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from latentops.portion import Features
from latentops.verdict.features import Blocks, names

Kind = Literal["svm", "logistic"]

JOINS = (0.7, 0.35, 0.15, 1.4)  # the first serves the choice of everything else
# Each a decade apart, the likeliest first, so that it wins a tie.
INVERSE_PENALTIES: dict[Kind, tuple[float, ...]] = {
    "svm": (1.0, 0.1, 10.0),
    "logistic": (10.0, 1.0, 100.0),
}

# Two classes try both kinds. Of more, sparse features try the SVM alone: on 30 classes of TF-IDF
# logistic regression takes 10 to 100 times as long and is never better (.949 and .951 at all
# labels). Dense features of more classes than this try logistic regression alone: on 30 classes
# and 320 columns it takes .7 s, the SVM 2 to 3, and is better (.866 and .850).
_BOTH_ON_DENSE = 20
# What is measured is an accuracy, which 0.01 and 0.0001 did not change by more than .002.
_SVM_TOLERANCE = 0.1
_GRADIENT_TOLERANCE = 0.1  # of the summed loss, as liblinear counts it
_ITERATIONS = 1000
_NEWTON_STEPS = 50  # of lbfgs: on 150 classes 200 change the validation accuracy by no digit

_FOLDS = 5
_FEWER_FOLDS = 3
_LABELS_FOR_ONE_CUT = 1_000
# Rows times classes: what a fit costs. Above the first, fewer folds; above the second, a choice is
# first made on a part of the labels, drawn at random: a fit on 2,000 of 8,000 rows takes a sixth
# to a tenth of the time. On CLINC150 2,000 labels prefer C = 10, while all 15,000 do half a point
# better with C = 1: hence `_refined`, but for the many draws of a budget where a part is no less
# than a share of the labels.
_CELLS_OF_MANY_FOLDS = 5_000
_CELLS_OF_A_CHOICE = 60_000
_SMALLEST_PART = 2_000
_SHARE_THAT_SUFFICES = 0.3
# Below so many rows for each dense column, liblinear's dual is up to three times as fast as its
# primal, at every C; above, the primal is up to forty times as fast where C is large.
_ROWS_FOR_THE_PRIMAL = 200


@dataclass(frozen=True)
class Choice:
    """`inverse_penalty` is scikit-learn's C; `join` multiplies every block after the first."""

    classifier: Kind = "svm"
    inverse_penalty: float = 1.0
    join: float = JOINS[0]


def sliced(blocks: Blocks, rows: np.ndarray) -> Blocks:
    return {name: block[rows] for name, block in blocks.items()}


def stacked(blocks: Blocks, features: str, join: float) -> Features:
    """The blocks of `features` side by side, each after the first times `join`: [N, F]."""
    first, *later = (blocks[name] for name in names(features))
    if not later:
        return first
    parts = [first, *(block * np.float32(join) for block in later)]
    if any(scipy.sparse.issparse(part) for part in parts):
        sparse = [scipy.sparse.csr_matrix(part) for part in parts]
        return scipy.sparse.csr_matrix(scipy.sparse.hstack(sparse, format="csr"))
    return np.hstack([np.asarray(part) for part in parts])


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

    def accuracy(self, blocks: Blocks, y: np.ndarray) -> float:
        return float((self.predict(blocks) == y).mean())


def choose(
    blocks: Blocks,
    y: np.ndarray,
    features: str,
    seed: int,
    valid: tuple[Blocks, np.ndarray] | None = None,
    classifiers: Sequence[Kind] = ("svm", "logistic"),
) -> tuple[Choice, float | None]:
    """The best choice on `valid`, or inside the labels, and the accuracy that it had there.

    Inside: stratified cross-validation, or a single cut of 20 % of many labels. Kind and penalty
    are chosen first, then the join. Where nothing can be chosen, which is so with one label of
    each class and no validation rows, the accuracy is None and the choice a default. Labels are
    class indices.
    """
    trials = _Trials(blocks, y, features, seed, valid)
    if not trials.cuts:
        return Choice(classifier=classifiers[0]), None
    kinds = _tried(trials.stacked(JOINS[0]), y, classifiers)
    best = trials.best(
        Choice(kind, inverse_penalty)
        for kind in kinds
        for inverse_penalty in INVERSE_PENALTIES[kind]
    )
    if len(names(features)) > 1:
        best = trials.best(replace(best, join=join) for join in JOINS)
    if trials.on_a_part:
        trials = _Trials(blocks, y, features, seed, valid, on_a_part=False)
        best = _refined(best, features, trials)
    return best, trials.accuracy(best)


def _refined(choice: Choice, features: str, trials: "_Trials") -> Choice:
    """What more labels may prefer: they say more of a word, so that the other blocks weigh less.

    Dense features prefer the same with few labels and with many.
    """
    if not scipy.sparse.issparse(trials.stacked(choice.join)):
        return choice
    stronger = replace(choice, inverse_penalty=choice.inverse_penalty / 10)
    best = trials.best(iter((choice, stronger)))
    if len(names(features)) == 1:
        return best
    lighter = (replace(best, join=join) for join in JOINS if join < best.join)
    return trials.best(iter((best, *lighter)))


def fit(
    blocks: Blocks,
    y: np.ndarray,
    features: str,
    choice: Choice,
    weight_N: np.ndarray | None = None,
) -> Head:
    """On every row given; `y` holds two classes or more. A row's loss is times its weight, or 1."""
    estimator = _fitted(stacked(blocks, features, choice.join), y, choice, weight_N)
    weights_FC = np.asarray(estimator.coef_.T, dtype=np.float32)
    bias_C = np.asarray(estimator.intercept_, dtype=np.float32)
    if len(bias_C) == 1:
        weights_FC = np.hstack([-weights_FC / 2, weights_FC / 2])
        bias_C = np.concatenate([-bias_C / 2, bias_C / 2])
    return Head(
        features=features,
        choice=choice,
        classes_C=np.asarray(estimator.classes_),
        coefficients=_by_block(weights_FC, blocks, features, choice.join),
        bias_C=bias_C,
    )


class _Trials:
    """Accuracies of choices, each fitted on some rows of the labels and scored on others."""

    def __init__(
        self,
        blocks: Blocks,
        y: np.ndarray,
        features: str,
        seed: int,
        valid: tuple[Blocks, np.ndarray] | None,
        on_a_part: bool = True,
    ) -> None:
        self._features = features
        self._labels = (blocks, y)
        self._valid = valid
        self._stacked: dict[float, tuple[Features, Features]] = {}
        self._accuracies: dict[Choice, float] = {}
        cuts = list(_cuts(y, seed) if valid is None else _cut_at_validation(y))
        parts = [(_part(fitted, y, seed), scored) for fitted, scored in cuts]
        sufficient = 1.0 if valid is not None else _SHARE_THAT_SUFFICES
        smaller = any(
            len(part) < sufficient * len(fitted)
            for (part, _), (fitted, _) in zip(parts, cuts, strict=True)
        )
        self.cuts = parts if on_a_part else cuts
        self.on_a_part = on_a_part and smaller

    def best(self, choices: Iterator[Choice]) -> Choice:
        """The first of the most accurate."""
        return max(choices, key=self.accuracy)

    def accuracy(self, choice: Choice) -> float:
        if choice not in self._accuracies:
            found = [self._on_cut(choice, *cut) for cut in self.cuts]
            self._accuracies[choice] = float(np.concatenate(found).mean())
        return self._accuracies[choice]

    def stacked(self, join: float) -> Features:
        return self._both(join)[0]

    def _both(self, join: float) -> tuple[Features, Features]:
        """What is fitted on and what is scored on; the same where there is no validation."""
        if join not in self._stacked:
            x = stacked(self._labels[0], self._features, join)
            other = x if self._valid is None else stacked(self._valid[0], self._features, join)
            self._stacked[join] = x, other
        return self._stacked[join]

    def _on_cut(self, choice: Choice, fitted: np.ndarray, scored: np.ndarray | None) -> np.ndarray:
        """Whether each scored row is right."""
        x, other = self._both(choice.join)
        y = self._labels[1]
        y_scored = y if self._valid is None else self._valid[1]
        rows = slice(None) if scored is None else scored
        estimator = _fitted(x[fitted], y[fitted], choice)
        return np.asarray(estimator.predict(other[rows]) == y_scored[rows])


def _cut_at_validation(y: np.ndarray) -> Iterator[tuple[np.ndarray, None]]:
    yield np.arange(len(y)), None


def _cuts(y: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows to fit on and rows to score on; the latter are every row once, or a fifth of many.

    Every class stands among the rows to fit on.
    """
    count, classes = len(y), len(np.unique(y))
    folds = _FOLDS if count * classes <= _CELLS_OF_MANY_FOLDS else _FEWER_FOLDS
    if count >= _LABELS_FOR_ONE_CUT:
        folds = _FOLDS
    fold_N = _folds(y, folds, seed)
    for fold in range(1 if count >= _LABELS_FOR_ONE_CUT else folds):
        fitted, scored = np.flatnonzero(fold_N != fold), np.flatnonzero(fold_N == fold)
        if len(scored):
            yield fitted, scored


def _folds(y: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """The fold of each row, [N]: each class dealt out evenly, and all rows too.

    The only row of a class is in no fold (-1): whoever scored it would not have seen the class.
    """
    order = np.random.default_rng(seed).permutation(len(y))
    by_class = order[np.argsort(y[order], kind="stable")]
    lone = np.bincount(y)[y[by_class]] == 1
    fold_N = np.full(len(y), -1)
    fold_N[by_class[~lone]] = np.arange(np.count_nonzero(~lone)) % folds
    return fold_N


def _part(rows: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """Few enough of `rows` that a choice is quick; at least two classes where there are two."""
    most = max(_SMALLEST_PART, _CELLS_OF_A_CHOICE // len(np.unique(y)))
    if len(rows) <= most:
        return rows
    drawn = np.random.default_rng(seed).permutation(rows)
    first_of_each = np.unique(y[drawn], return_index=True)[1]
    return np.union1d(drawn[:most], drawn[first_of_each])


def _tried(x: Features, y: np.ndarray, classifiers: Sequence[Kind]) -> list[Kind]:
    classes = len(np.unique(y))
    left_out: Kind | None = None
    if classes > 2 and scipy.sparse.issparse(x):
        left_out = "logistic"
    elif classes > _BOTH_ON_DENSE:
        left_out = "svm"
    return [kind for kind in classifiers if kind != left_out] or list(classifiers)


def _fitted(
    x: Features, y: np.ndarray, choice: Choice, weight_N: np.ndarray | None = None
) -> LinearSVC | LogisticRegression:
    estimator = _estimator(x, len(np.unique(y)), choice)
    with warnings.catch_warnings():
        # What is reported is the accuracy of the weights reached, on rows not fitted on.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # A label or two of each class are few, and are classes all the same.
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        return estimator.fit(x, y, sample_weight=weight_N)


def _estimator(x: Features, classes: int, choice: Choice) -> LinearSVC | LogisticRegression:
    dual = scipy.sparse.issparse(x) or x.shape[0] < _ROWS_FOR_THE_PRIMAL * x.shape[1]
    settings = {"C": choice.inverse_penalty, "max_iter": _ITERATIONS, "random_state": 0}
    if choice.classifier == "svm":
        return LinearSVC(dual=dual, tol=_SVM_TOLERANCE, **settings)
    if classes == 2:
        return LogisticRegression(
            solver="liblinear", dual=dual, tol=_GRADIENT_TOLERANCE, **settings
        )
    settings["max_iter"] = _NEWTON_STEPS
    return LogisticRegression(tol=_GRADIENT_TOLERANCE / x.shape[0], **settings)


def _by_block(
    weights_FC: np.ndarray, blocks: Blocks, features: str, join: float
) -> dict[str, np.ndarray]:
    widths = [blocks[name].shape[1] for name in names(features)]
    parts = np.split(weights_FC, np.cumsum(widths)[:-1])
    joins = [np.float32(1.0 if place == 0 else join) for place in range(len(parts))]
    return {
        name: np.ascontiguousarray(part * weight)
        for name, part, weight in zip(names(features), parts, joins, strict=True)
    }

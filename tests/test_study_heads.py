"""Linear classifiers and the choices inside the labels, against scikit-learn and at extremes."""

from typing import Any

import numpy as np
import pytest
import scipy.sparse
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from latentops.verdict import heads
from latentops.verdict.features import Blocks
from latentops.verdict.heads import Choice

CLASSES = 3
X, Y = make_classification(
    600, n_features=10, n_informative=5, n_classes=CLASSES, class_sep=1.5, random_state=0
)
X = X.astype(np.float32) / 3
FEW, MANY = np.arange(60), np.arange(60, 600)


def dense(rows: np.ndarray = FEW) -> Blocks:
    return {"vae": X[rows]}


def joined(rows: np.ndarray = FEW) -> Blocks:
    """Sparse beside dense, half of the columns in each."""
    return {"tfidf": scipy.sparse.csr_matrix(X[rows, :5]), "vae": X[rows, 5:]}


@pytest.mark.parametrize(
    ("kind", "exact"),
    [("svm", LinearSVC(C=0.1, tol=1e-8)), ("logistic", LogisticRegression(C=0.1, tol=1e-8))],
)
def test_the_head_is_that_of_scikit_learn(
    kind: heads.Kind, exact: LinearSVC | LogisticRegression
) -> None:
    head = heads.fit(dense(MANY), Y[MANY], "vae", Choice(kind, 0.1))
    expected = exact.fit(X[MANY], Y[MANY]).decision_function(X[FEW])
    np.testing.assert_allclose(head.decision(dense()), expected, atol=0.03)


def test_of_two_classes_each_gets_half_of_the_decision() -> None:
    y = (Y[MANY] == 2).astype(int) + 4
    head = heads.fit(dense(MANY), y, "vae", Choice("svm", 0.1))
    exact = LinearSVC(C=0.1, tol=1e-8).fit(X[MANY], y)
    half = exact.decision_function(X[FEW]) / 2
    np.testing.assert_allclose(head.decision(dense()), np.stack([-half, half], axis=1), atol=0.03)
    clear = np.abs(half) > 0.03
    assert set(y) == {4, 5}
    np.testing.assert_array_equal(head.predict(dense(FEW[clear])), exact.predict(X[FEW[clear]]))


def test_a_join_multiplies_every_block_but_the_first() -> None:
    choice = Choice("svm", 0.1, join=0.35)
    head = heads.fit(joined(MANY), Y[MANY], "tfidf+vae", choice)
    weighed = X * np.array([1.0] * 5 + [0.35] * 5)
    exact = LinearSVC(C=0.1, tol=1e-8).fit(weighed[MANY], Y[MANY])
    expected = exact.decision_function(weighed[FEW])
    np.testing.assert_allclose(head.decision(joined()), expected, atol=0.03)
    assert head.coefficients["vae"].shape == (5, CLASSES)


def test_the_choice_is_the_best_on_validation() -> None:
    valid = dense(MANY), Y[MANY]
    choice, accuracy = heads.choose(dense(), Y[FEW], "vae", 0, valid)
    tried = {
        Choice(kind, c): heads.fit(dense(), Y[FEW], "vae", Choice(kind, c)).accuracy(*valid)
        for kind, penalties in heads.INVERSE_PENALTIES.items()
        for c in penalties
    }
    assert tried[choice] == max(tried.values())
    assert accuracy == pytest.approx(tried[choice])


@pytest.mark.parametrize("count", [60, 600, 1_500], ids=["five folds", "three folds", "one cut"])
def test_labels_that_mean_nothing_are_told_inside_the_labels(count: int) -> None:
    """So no row is scored by a classifier that was fitted to it."""
    rng = np.random.default_rng(0)
    classes = 4 if count == 60 else 10
    blocks: Blocks = {"vae": rng.normal(size=(count, 200)).astype(np.float32)}
    _, accuracy = heads.choose(blocks, rng.integers(classes, size=count), "vae", 0)
    assert accuracy is not None
    assert accuracy < 1 / classes + 4 * np.sqrt(1 / classes / min(count, 300))


def test_the_accuracy_inside_the_labels_is_about_that_on_other_rows() -> None:
    rows = MANY[:300]
    choice, accuracy = heads.choose(dense(rows), Y[rows], "vae", 0)
    head = heads.fit(dense(rows), Y[rows], "vae", choice)
    other = MANY[300:]
    assert accuracy == pytest.approx(head.accuracy(dense(other), Y[other]), abs=0.06)


def test_noise_beside_few_columns_that_matter_gets_a_strong_penalty() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 60)).astype(np.float32)
    y = (x[:, 0] + rng.normal(size=100) > 0).astype(int)
    choice, _ = heads.choose({"vae": x}, y, "vae", 0, classifiers=("svm",))
    assert choice.inverse_penalty == min(heads.INVERSE_PENALTIES["svm"])


def test_a_second_block_counts_for_more_where_the_first_is_noise() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(len(MANY), 30)).astype(np.float32)
    chosen = {
        name: heads.choose(blocks, Y[MANY], "lsa+vae", 0)[0].join
        for name, blocks in {
            "noise first": {"lsa": noise, "vae": X[MANY]},
            "noise later": {"lsa": X[MANY], "vae": noise},
        }.items()
    }
    assert chosen["noise first"] > chosen["noise later"]


def test_with_one_label_of_each_class_nothing_is_chosen() -> None:
    rows = np.unique(Y, return_index=True)[1]
    choice, accuracy = heads.choose(joined(rows), Y[rows], "tfidf+vae", 0)
    assert accuracy is None
    assert choice == Choice()
    head = heads.fit(joined(rows), Y[rows], "tfidf+vae", choice)
    assert head.accuracy(joined(MANY), Y[MANY]) > 1 / CLASSES


def test_a_class_with_a_single_label_is_fitted_and_not_scored() -> None:
    rows = np.concatenate([np.flatnonzero(Y == 0)[:10], np.flatnonzero(Y == 1)[:10], [500]])
    y = np.where(rows == 500, 7, Y[rows])
    choice, accuracy = heads.choose(dense(rows), y, "vae", 0)
    assert accuracy is not None
    assert heads.fit(dense(rows), y, "vae", choice).classes_C.tolist() == [0, 1, 7]


def test_two_classes_of_which_one_has_one_label_leave_nothing_to_choose() -> None:
    rows = np.concatenate([np.flatnonzero(Y == 0)[:5], np.flatnonzero(Y == 1)[:1]])
    choice, _ = heads.choose(dense(rows), Y[rows], "vae", 0)
    assert heads.fit(dense(rows), Y[rows], "vae", choice).classes_C.tolist() == [0, 1]


def test_a_choice_among_many_labels_still_sees_every_class() -> None:
    """A part of 2,000 of 30,000 rows would seldom hold one of the two rows of the last class."""
    rng = np.random.default_rng(0)
    y = np.concatenate([np.arange(30_000) % 40, [40, 40]])
    x = (np.eye(41)[y] + 0.1 * rng.normal(size=(len(y), 41))).astype(np.float32)
    blocks: Blocks = {"tfidf": scipy.sparse.csr_matrix(x)}
    _, accuracy = heads.choose(blocks, y, "tfidf", 0, valid=({"tfidf": x[-2:]}, y[-2:]))
    assert accuracy == 1.0


def test_what_a_part_of_the_labels_prefers_is_weighed_again_on_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Here a part likes weak penalties and heavy joins, and all labels the reverse."""
    monkeypatch.setattr(heads, "_CELLS_OF_A_CHOICE", 1)
    monkeypatch.setattr(heads, "_SMALLEST_PART", 40)

    def liking(trials: Any, choice: heads.Choice) -> float:
        sign = 1 if trials.on_a_part else -1
        return float(sign * (choice.inverse_penalty + choice.join))

    monkeypatch.setattr(heads._Trials, "accuracy", liking)
    choice, _ = heads.choose(joined(MANY), Y[MANY], "tfidf+vae", 0)
    assert (choice.inverse_penalty, choice.join) == (1.0, min(heads.JOINS))

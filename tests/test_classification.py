"""Linear heads: what they choose, on which rows, and what they say of themselves."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from latentops.metrics import classification

X, Y = make_classification(
    600, n_features=10, n_informative=5, n_classes=3, class_sep=1.5, random_state=0
)
TRAIN, VALID, TEST = slice(0, 300), slice(300, 450), slice(450, 600)


def fitted(x: classification.Features = X) -> classification.Head:
    return classification.fit_head(x[TRAIN], Y[TRAIN], x[VALID], Y[VALID])


def test_the_head_is_scikit_learns_best_on_validation() -> None:
    scaler = StandardScaler().fit(X[TRAIN])
    x_train, x_valid, x_test = (scaler.transform(X[rows]) for rows in (TRAIN, VALID, TEST))
    candidates = [
        LogisticRegression(C=c, max_iter=1000).fit(x_train, Y[TRAIN])
        for c in classification.INVERSE_PENALTIES
    ]
    best = max(candidates, key=lambda candidate: candidate.score(x_valid, Y[VALID]))
    head = fitted()
    assert head.inverse_penalty == best.C
    np.testing.assert_array_equal(head.predict(X[TEST]), best.predict(x_test))


def test_noise_gets_a_strong_penalty() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(400, 60))
    y = x[:, 0] + 0.5 * generator.normal(size=400) > 0
    assert classification.fit_head(x[:80], y[:80], x[80:], y[80:]).inverse_penalty <= 0.1


def test_a_search_goes_on_where_strong_penalties_all_give_the_commonest_class() -> None:
    rare = np.eye(4)[np.repeat(np.arange(4), [160, 20, 12, 8])]
    x, y = scipy.sparse.csr_matrix(rare), rare.argmax(1)
    head = classification.fit_head(x[::2], y[::2], x[1::2], y[1::2])
    assert classification.scores(y, head.predict(x))["accuracy"] == 1.0


def test_the_unit_of_a_dense_feature_does_not_matter() -> None:
    scaled = X * np.logspace(-3, 3, X.shape[1])
    np.testing.assert_array_equal(fitted(scaled).predict(scaled[TEST]), fitted().predict(X[TEST]))


def test_sparse_and_dense_features_end_at_the_same_regression() -> None:
    counts = np.random.default_rng(0).poisson(0.3, (600, 10)) + (Y[:, None] == np.arange(10))
    sparse = scipy.sparse.csr_matrix(counts.astype(float))
    head = fitted(sparse)
    exact = LogisticRegression(C=head.inverse_penalty, tol=1e-8, max_iter=5000)
    exact.fit(counts[TRAIN], Y[TRAIN])
    same = head.predict(sparse[TEST]) == exact.predict(counts[TEST])
    assert same.mean() > 0.97


def test_without_validation_rows_the_penalty_is_not_chosen() -> None:
    head = classification.fit_head(X[TRAIN], Y[TRAIN], X[:0], Y[:0])
    assert head.inverse_penalty == 1.0


def test_a_head_that_did_not_converge_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fitted().converged
    monkeypatch.setattr(classification, "_ITERATIONS", 1)
    assert not fitted().converged


def test_a_constant_code_gives_the_commonest_class() -> None:
    y = np.array([0] * 60 + [1] * 40)
    x = np.full((100, 3), 0.25, dtype=np.float32)
    head = classification.fit_head(x, y, x, y)
    assert set(head.predict(x)) == {0}


def test_the_bytes_are_those_of_weights_and_scaling() -> None:
    assert fitted().bytes == 8 * (3 * 10 + 3 + 10 + 10)


def test_scores_by_hand() -> None:
    y, predicted = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 2])
    found = classification.scores(y, predicted)
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["recall_macro"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert found["f1_macro"] == pytest.approx((6 / 7 + 1 / 2) / 2)


def test_a_classifier_that_always_says_the_same_has_the_recall_of_chance() -> None:
    found = classification.scores(np.array([0] * 97 + [1, 2, 3]), np.zeros(100, int))
    assert found["accuracy"] == 0.97
    assert found["recall_macro"] == 0.25

"""How well predicted classes fit the true ones, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, recall_score

from latentops.metrics import classification


@pytest.mark.parametrize("classes", [2, 3, 40])
def test_scores_are_those_of_scikit_learn_over_the_classes_that_stand_in_y(classes: int) -> None:
    generator = np.random.default_rng(classes)
    y = generator.integers(classes, size=100)
    predicted = np.where(generator.random(100) < 0.5, y, generator.integers(classes + 3, size=100))
    macro = {"labels": np.unique(y), "average": "macro", "zero_division": 0}
    assert classification.scores(y, predicted) == pytest.approx(
        {
            "accuracy": accuracy_score(y, predicted),
            "recall_macro": recall_score(y, predicted, **macro),
            "f1_macro": f1_score(y, predicted, **macro),
        }
    )


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

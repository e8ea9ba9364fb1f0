"""The scores of a detector, against scikit-learn, counting, and a bootstrap written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from latentops.metrics import detection

few_values = st.lists(st.integers(0, 5), min_size=1, max_size=30)


@given(few_values, few_values)
def test_auroc_is_that_of_scikit_learn_with_ties(in_scope: list[int], strangers: list[int]) -> None:
    truth = roc_auc_score([0] * len(in_scope) + [1] * len(strangers), in_scope + strangers)
    found = detection.auroc(np.array(in_scope, float), np.array(strangers, float))
    assert found == pytest.approx(truth, abs=1e-12)


def test_auroc_at_its_extremes() -> None:
    low, high = np.arange(5.0), np.arange(5.0) + 10
    assert detection.auroc(low, high) == 1.0
    assert detection.auroc(high, low) == 0.0
    assert detection.auroc(np.zeros(4), np.zeros(3)) == 0.5


@pytest.mark.parametrize(
    ("rows", "refuse", "above"), [(100, 0.05, 5), (20, 0.05, 1), (19, 0.05, 0)]
)
def test_the_threshold_refuses_the_share_asked_for_and_no_row_more(
    rows: int, refuse: float, above: int
) -> None:
    values = np.random.default_rng(0).permutation(np.arange(float(rows)))
    threshold = detection.threshold_at(values, refuse)
    assert (values > threshold).sum() == above
    assert above / rows <= refuse < (above + 1) / rows


def test_tied_rows_at_the_threshold_are_not_refused() -> None:
    assert detection.threshold_at(np.array([1.0, 2.0, 2.0, 2.0]), 0.5) == 2.0


def test_recall_counts_what_is_above() -> None:
    assert detection.recall(np.array([0.0, 1.0, 2.0, 3.0]), 1.0) == 0.5


def test_a_draw_scores_the_rows_that_it_took() -> None:
    """Each draw against AUROC and recall of the drawn rows, taken one by one."""
    rng = np.random.default_rng(3)
    in_scope, strangers = rng.integers(0, 6, (12, 2)) * 1.0, rng.integers(2, 9, (7, 2)) * 1.0
    found = detection.bootstrap(in_scope, strangers, np.array([3.0, 4.0]), seed=5, draws=20)
    again = np.random.default_rng(5)
    own = again.integers(12, size=(20, 12))
    strange = again.integers(7, size=(20, 7))
    for draw in range(20):
        for signal, threshold in enumerate((3.0, 4.0)):
            drawn = in_scope[own[draw], signal], strangers[strange[draw], signal]
            truth = detection.auroc(*drawn)
            assert found.auroc_BG[draw, signal] == pytest.approx(truth, abs=1e-12)
            assert found.recall_BG[draw, signal] == pytest.approx((drawn[1] > threshold).mean())


def test_draws_are_centred_on_the_score_and_as_wide_as_theory_says() -> None:
    """Recall is a share of S independent strangers: its standard error is known."""
    rng = np.random.default_rng(0)
    in_scope, strangers = rng.normal(size=(400, 1)), rng.normal(1.0, size=(300, 1))
    found = detection.bootstrap(in_scope, strangers, np.array([1.5]), seed=0)
    recall = detection.recall(strangers[:, 0], 1.5)
    assert found.recall_BG.mean() == pytest.approx(recall, abs=0.003)
    assert found.recall_BG.std() == pytest.approx(np.sqrt(recall * (1 - recall) / 300), rel=0.08)
    auroc = detection.auroc(in_scope[:, 0], strangers[:, 0])
    assert found.auroc_BG.mean() == pytest.approx(auroc, abs=0.003)
    low, high = detection.interval(found.auroc_BG[:, 0])
    assert low < auroc < high


def test_equal_signals_never_differ_in_a_draw() -> None:
    rng = np.random.default_rng(0)
    in_scope, strangers = rng.normal(size=(50, 1)), rng.normal(1.0, size=(40, 1))
    twice = np.repeat(in_scope, 2, axis=1), np.repeat(strangers, 2, axis=1)
    found = detection.bootstrap(*twice, np.array([0.5, 0.5]), seed=0, draws=50)
    assert (found.auroc_BG[:, 0] == found.auroc_BG[:, 1]).all()
    assert (found.recall_BG[:, 0] == found.recall_BG[:, 1]).all()


def test_the_chunks_of_a_bootstrap_together_are_all_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "_NUMBERS_AT_ONCE", 60)
    rng = np.random.default_rng(0)
    found = detection.bootstrap(
        rng.normal(size=(10, 1)), rng.normal(size=(10, 1)), np.zeros(1), seed=0, draws=7
    )
    assert found.auroc_BG.shape == (7, 1)
    assert np.isfinite(found.auroc_BG).all()

"""Cuts: even over the labels, fixed by the seed, and never over what a source has cut itself."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentops.data.raw import Raw, make_table
from latentops.data.settings import Settings
from latentops.data.splits import cut, draw
from latentops.errors import DataError


def rng(seed=0):
    return np.random.default_rng(seed)


def raw(size, **columns):
    return Raw("own.csv", "image", make_table(size, **columns))


def cut_table(size, settings=None, **columns):
    return cut(raw(size, **columns), settings or Settings()).table


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=12),
    fraction=st.floats(0.05, 0.5),
    seed=st.integers(0, 99),
)
def test_a_draw_is_even_over_the_strata_and_leaves_each_a_row(sizes, fraction, seed):
    strata = rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    drawn = draw(strata, fraction, rng(seed))
    wanted, candidates = round(fraction * len(strata)), len(strata) - len(sizes)
    assert len(drawn) == (wanted if wanted <= candidates else 0)
    assert len(np.unique(drawn)) == len(drawn)
    left = np.delete(strata, drawn)
    assert set(left) == set(range(len(sizes)))
    if len(drawn):
        expected = (np.array(sizes) - 1) * wanted / candidates
        assert np.abs(np.bincount(strata[drawn], minlength=len(sizes)) - expected).max() <= 1 + 1e-9


def test_every_candidate_is_drawn_about_as_often():
    strata = np.repeat([0, 1], [30, 10])
    times = np.zeros(40)
    for seed in range(2000):
        times[draw(strata, 0.2, rng(seed))] += 1
    # 8 of 40 rows, while one row of each stratum stays behind: 29 and 9 candidates for 8 places.
    expected = np.repeat([29 / 38 * 8 / 30, 9 / 38 * 8 / 10], [30, 10])
    assert times / 2000 == pytest.approx(expected, abs=0.04)


def test_a_source_without_splits_is_cut_into_the_shares_asked_for():
    label = [f"intent {i % 7}" for i in range(1000)]
    table = cut_table(1000, Settings(test_fraction=0.3, valid_fraction=0.2), label=label)
    assert table["split"].value_counts().to_dict() == {"train": 560, "test": 300, "valid": 140}
    shares = pd.crosstab(table["label"], table["split"], normalize="columns")
    assert (shares - 1 / 7).abs().max(axis=None) < 0.01


def test_its_own_splits_are_kept_and_only_validation_is_cut_from_train():
    split = ["train"] * 60 + ["test"] * 20
    table = cut_table(80, split=split)
    assert (table["split"][60:] == "test").all()
    assert table["split"].value_counts().to_dict() == {"train": 54, "test": 20, "valid": 6}
    all_three = ["train"] * 50 + ["valid"] * 10 + ["test"] * 20
    assert cut_table(80, split=all_three)["split"].tolist() == all_three


def test_rows_without_label_and_out_of_scope_are_spread_as_well():
    label = ["a"] * 100 + [None] * 200
    in_scope = [True] * 200 + [False] * 100
    table = cut_table(300, label=label, in_scope=in_scope)
    kind = table["label"].fillna("none") + table["in_scope"].astype(str)
    counts = pd.crosstab(kind, table["split"])
    assert (counts["test"] - 20).abs().max() <= 1
    assert (counts["valid"] - 8).abs().max() <= 1


def test_the_seed_fixes_the_cuts_and_another_gives_others():
    first, again = (cut_table(200, Settings(seed=5)) for _ in range(2))
    other = cut_table(200, Settings(seed=6))
    assert first["split"].equals(again["split"])
    assert not first["split"].equals(other["split"])


def test_test_rows_stay_test_rows_when_the_share_for_validation_changes():
    few, many = (cut_table(200, Settings(valid_fraction=share)) for share in (0.1, 0.4))
    assert few.index[few["split"] == "test"].equals(many.index[many["split"] == "test"])


@pytest.mark.parametrize(
    ("size", "columns", "test_fraction", "message"),
    [
        (2, {}, 0.2, "2 rows are too few to cut 20% of them for test"),
        (5, {}, 0.2, "4 rows are too few to cut 10% of them for valid"),
        (10, {"label": list("aabbccddee")}, 0.5, "5 rows are too few to cut 10% of them for valid"),
        (9, {"label": list("abcdefghi")}, 0.2, "9 rows are too few to cut 20% of them for test"),
        (8, {"split": ["test"] * 8}, 0.2, "no row is in the training split"),
    ],
)
def test_too_few_rows_to_cut_are_one_line(size, columns, test_fraction, message):
    with pytest.raises(DataError, match=message) as error:
        cut_table(size, Settings(test_fraction=test_fraction), **columns)
    assert "\n" not in str(error.value)

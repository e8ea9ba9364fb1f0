"""Every row is kept or refused with its number and reason, and none is lost between."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from latentops.data import validation
from latentops.data.prepared import prepare
from latentops.data.raw import Raw, make_table, refusals
from latentops.data.settings import Settings
from latentops.errors import DataError


def raw(text, label=None, split=None, in_scope=None, **fields):
    table = make_table(len(text), text=text, label=label, split=split, in_scope=in_scope)
    return Raw("own.csv", "text", table, **fields)


def good(count=20):
    return [f"good text {i}" for i in range(count)]


def reasons(checked):
    return checked.refused[["row", "column", "reason"]].values.tolist()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "is missing"),
        (np.nan, "is missing"),
        (pd.NA, "is missing"),
        ("", "is empty"),
        (" \t\n\u3000", "is empty"),
        (3, "is not text"),
        (2.5, "is not text"),
        (True, "is not text"),
        (b"bytes", "is not text"),
        (["a", "list"], "is not text"),
        ({"a": "dict"}, "is not text"),
    ],
)
def test_a_text_that_cannot_be_used_is_refused_with_its_row(value, reason):
    checked = validation.check(raw([*good(), value]))
    assert reasons(checked) == [[20, "text", reason]]
    assert checked.table["text"].tolist() == good()
    assert checked.table["row"].tolist() == list(range(20))


@pytest.mark.parametrize("value", [0.5, ["a"], {"a": 1}, b"x"])
def test_a_label_that_is_no_word_is_refused(value):
    checked = validation.check(raw([*good(), "one more"], label=[*"ab" * 10, value]))
    assert reasons(checked) == [[20, "label", "is not a word or a whole number"]]


@pytest.mark.parametrize(("value", "reason"), [("tset", "is none of"), (None, "is missing")])
def test_a_split_that_is_none_is_refused(value, reason):
    split = ["train"] * 15 + ["test"] * 5 + [value]
    checked = validation.check(raw([*good(), "one more"], split=split))
    assert checked.refused["row"].tolist() == [20]
    assert checked.refused["reason"][0].startswith(reason)


def test_a_scope_that_is_neither_true_nor_false_is_refused():
    checked = validation.check(raw([*good(), "one more"], in_scope=[True] * 20 + ["maybe"]))
    assert reasons(checked) == [[20, "in_scope", "is not true or false"]]


def test_a_row_with_two_faults_is_refused_once_for_the_first():
    checked = validation.check(raw([*good(), ""], label=[*"ab" * 10, 0.5]))
    assert reasons(checked) == [[20, "text", "is empty"]]


def test_the_value_is_shown_short():
    long = ["word " * 100] * 2
    checked = validation.check(raw([*good(), *long], label=[*"ab" * 10, "a", "a"]))
    assert len(checked.refused["value"][0]) == 80
    assert checked.refused["value"][0].endswith("...")


def test_duplicates_are_refused_but_for_the_first_and_another_label_is_kept():
    text = [*good(), "good text 0", "good text 0", "good text 1"]
    checked = validation.check(raw(text, label=[*"ab" * 10, "a", "b", "b"]))
    assert checked.refused["row"].tolist() == [20, 22]
    assert checked.refused["reason"].str.startswith("is a duplicate").all()
    assert validation.counts(checked) == {
        "rows_read": 23,
        "rows_refused": 2,
        "contents_with_several_labels": 1,
    }


def test_the_same_row_in_two_splits_is_no_duplicate_but_is_kept_from_training():
    text = [*good(), "good text 0", "good text 1"]
    split = ["train"] * 14 + ["valid"] * 3 + ["test"] * 3 + ["valid", "test"]
    checked = validation.check(raw(text, split=split))
    assert reasons(checked) == []
    left = validation.check_splits(checked)
    assert sorted(reasons(left)) == [
        [0, "text", "stands in valid too: left out of train"],
        [1, "text", "stands in test too: left out of train"],
    ]
    assert validation.check_splits(left).table.equals(left.table)


def test_a_validation_row_that_stands_in_test_is_left_out_of_validation():
    split = ["train"] * 14 + ["valid"] * 3 + ["test"] * 4
    left = validation.check_splits(validation.check(raw([*good(), "good text 15"], split=split)))
    assert reasons(left) == [[15, "text", "stands in test too: left out of valid"]]


def test_a_label_seen_once_is_refused():
    checked = validation.check(raw([*good(), "a rare one"], label=[*"ab" * 10, "rare"]))
    assert reasons(checked) == [[20, "label", "is a label seen once"]]
    assert checked.refused["value"].tolist() == ["rare"]


def test_a_label_once_out_of_scope_or_missing_is_no_rare_label():
    checked = validation.check(
        raw(
            [*good(), "far off", "unknown"],
            [*"ab" * 10, "oos", None],
            None,
            [True] * 20 + [False, True],
        )
    )
    assert reasons(checked) == []
    assert checked.table["label"].isna().tolist() == [False] * 20 + [True, True]


def test_a_published_benchmark_keeps_all_of_its_rows():
    text = [*good(), "good text 0", "good text 1", "once"]
    split = ["train"] * 15 + ["test"] * 5 + ["train", "test", "test"]
    published = raw(text, [*"ab" * 10, "a", "b", "c"], split, published=True)
    checked = validation.check_splits(validation.check(published))
    assert reasons(checked) == []
    assert len(checked.table) == 23


def test_a_benchmark_that_says_so_loses_training_rows_that_stand_in_test_alone():
    text = [*good(), "good text 0", "good text 1", "good text 2"]
    split = ["train"] * 15 + ["test"] * 5 + ["train", "test", "valid"]
    benchmark = raw(text, None, split, published=True, test_only_once=True)
    checked = validation.check_splits(validation.check(benchmark))
    assert reasons(checked) == [[1, "text", "stands in test too: left out of train"]]


def test_images_and_bags_are_the_same_when_their_values_are():
    grey = np.random.default_rng(0).integers(0, 9, size=(12, 1, 3, 3), dtype=np.uint8)
    grey[5], grey[7] = grey[2], grey[2].transpose(0, 2, 1)
    images = Raw("x", "image", make_table(12), images=grey, levels=256)
    checked = validation.check(images)
    assert checked.refused["row"].tolist() == [5]
    assert (checked.images == np.delete(grey, 5, axis=0)).all()

    dense = grey.reshape(12, 9)
    bags = Raw("x", "counts", make_table(12), counts=scipy.sparse.csr_matrix(dense))
    checked = validation.check(bags)
    assert checked.refused["row"].tolist() == [5]
    assert (checked.counts.toarray() == np.delete(dense, 5, axis=0)).all()


def test_half_of_the_rows_may_be_refused_and_not_one_more():
    assert len(validation.check(raw(["", "", "a", "b"])).table) == 2
    with pytest.raises(
        DataError, match=r"own.csv: 3 of 5 rows would be refused, more than half"
    ) as e:
        validation.check(raw(["", "", "", "a", "b"]))
    assert "Mostly: text is empty, as in row 0 ('')" in str(e.value)
    assert "\n" not in str(e.value)


def test_what_the_reader_refused_counts_towards_the_half():
    unread = refusals((i, "", "is not JSON", "{") for i in range(3))
    with pytest.raises(DataError, match=r"3 of 5 rows would be refused.* is not JSON, as in row 0"):
        validation.check(raw(["a", "b"], refused=unread))


def test_a_file_that_stands_in_test_altogether_is_refused():
    split = ["train"] * 10 + ["test"] * 8
    doubled = raw([*good(10), *good(8)], split=split)
    checked = validation.check_splits(validation.check(doubled))
    assert checked.table["split"].value_counts().to_dict() == {"test": 8, "train": 2}
    split = ["train"] * 10 + ["valid"] * 10 + ["test"] * 10
    with pytest.raises(DataError, match="20 of 30 rows would be refused"):
        validation.check_splits(validation.check(raw(good(10) * 3, split=split)))


def test_one_label_alone_is_one_line():
    with pytest.raises(DataError, match="every label is 'a', so there is nothing to tell apart"):
        validation.check(raw(good(), label=["a"] * 20))
    assert len(validation.check(raw(good(), label=[None] * 20)).table) == 20


def test_a_split_without_rows_in_scope_is_one_line():
    checked = validation.check(raw(good(), split=["train"] * 15 + ["test"] * 5))
    with pytest.raises(DataError, match="no row is left for valid"):
        validation.require_rows_in_every_split(checked)
    outside = raw(
        good(), None, ["train"] * 10 + ["valid"] * 5 + ["test"] * 5, [True] * 15 + [False] * 5
    )
    with pytest.raises(DataError, match="no row is left for test"):
        validation.require_rows_in_every_split(validation.check(outside))


VALUES = st.one_of(
    st.none(), st.integers(), st.just(""), st.sampled_from(good(6)), st.text(max_size=3)
)


@settings(max_examples=30, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=30))
def test_no_row_is_lost_and_none_comes_twice(values):
    try:
        checked = validation.check(raw(values))
    except DataError:
        return
    assert sorted([*checked.table["row"], *checked.refused["row"]]) == list(range(len(values)))
    assert checked.table["text"].str.strip().ne("").all()
    assert checked.table["text"].is_unique


def test_nothing_is_written_when_data_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.csv").write_text("text,label\n" + "same,a\n" * 30)
    with pytest.raises(DataError, match="more than half"):
        prepare(Settings(source="own.csv"))
    assert [path.name for path in tmp_path.iterdir()] == ["own.csv"]

"""The data report: counted by hand on tables small enough to see through."""

import json

import numpy as np
import pandas as pd
import pytest

from latentops.artifacts import Spec, Vocabulary
from latentops.data import vocabulary
from latentops.data.summary import summarize
from latentops.report import canvas
from latentops.report.data_picture import data_picture

NOTHING_REFUSED = pd.DataFrame(columns=["row", "column", "reason", "value"])


def table(texts, labels, in_scope=None):
    return pd.DataFrame(
        {
            "row": range(len(texts)),
            "text": texts,
            "label": pd.Series(labels, dtype=object),
            "in_scope": [True] * len(texts) if in_scope is None else in_scope,
        }
    )


def arrays_of(texts, terms):
    counts = vocabulary.count(texts, terms)
    return {
        "indptr": counts.indptr.astype(np.int64),
        "indices": counts.indices,
        "counts": counts.data,
    }


TERMS = Vocabulary(terms=("set", "alarm", "the"), target=(0, 1), documents=3)
TABLES = {
    "train": table(
        ["set the alarm", "set the alarm", "buzz", "weather"],
        ["set", "set", "buzz", None],
        [True, True, True, False],
    ),
    "valid": table(["the the the set"], [None]),
    "test": table(["set the alarm", "alarm alarm now then"], ["set", "buzz"]),
}
REFUSED = pd.DataFrame(
    {
        "row": [4, 4, 9, 11],
        "column": ["text", "label", "text", "text"],
        "reason": ["is empty", "is NaN", "is empty", "stands twice"],
        "value": ["", "nan", "", "x"],
    }
)


@pytest.fixture(scope="module")
def report():
    spec = Spec(source="mine", kind="counts", shape=(3,), classes=("buzz", "set", "wake"))
    arrays = {split: arrays_of(rows["text"], TERMS) for split, rows in TABLES.items()}
    return summarize(spec, TABLES, arrays, TERMS, REFUSED)


def test_rows_and_refusals(report):
    assert report["rows"] == {"train": 4, "valid": 1, "test": 2}
    assert report["refused"] == {
        "rows": 3,
        "by_reason": {"is empty": 2, "is NaN": 1, "stands twice": 1},
    }


def test_labels_count_rows_in_scope_and_name_absent_classes(report):
    labels = report["labels"]
    assert labels["counts"]["train"] == {"buzz": 1, "set": 2, "wake": 0}
    assert labels["counts"]["valid"] == {"buzz": 0, "set": 0, "wake": 0}
    assert labels["largest_share"] == {"train": 2 / 3, "valid": None, "test": 0.5}
    assert labels["unlabelled"] == {"train": 0, "valid": 1, "test": 0}
    assert labels["out_of_scope"] == {"train": 1, "valid": 0, "test": 0}


def test_duplicates_within_and_across_splits(report):
    assert report["duplicates"] == {
        "within": {"train": 1, "valid": 0, "test": 0},
        "across": {"valid in train": 0, "test in train": 1, "test in valid": 0},
    }


def test_lengths_are_those_of_the_texts_not_of_what_is_known(report):
    terms = report["terms_per_text"]
    assert terms["quantiles"]["train"]["mean"] == (3 + 3 + 1 + 1) / 4
    assert terms["quantiles"]["test"]["max"] == 4
    assert terms["quantiles"]["valid"]["median"] == 4
    assert report["characters_per_text"]["quantiles"]["valid"]["min"] == len("the the the set")
    for split, rows in report["rows"].items():
        assert sum(terms["histogram"]["counts"][split]) == rows


def test_coverage_is_the_share_of_tokens(report):
    assert report["vocabulary"] == {
        "terms": 3,
        "target": 2,
        "known_share": {"train": 6 / 8, "valid": 1.0, "test": 5 / 7},
        "target_share": {"train": 4 / 8, "valid": 1 / 4, "test": 4 / 7},
        "texts_without_a_term": {"train": 2, "valid": 0, "test": 0},
    }


def test_pairs_and_ngrams_do_not_count_as_words_that_are_known():
    terms = Vocabulary(
        terms=("set", "~se", "~et", "set sea"),
        target=(0,),
        documents=1,
        pairs=True,
        characters=(2, 2),
    )
    tables = {"train": table(["set sea"], ["a"])}
    spec = Spec(source="mine", kind="counts", shape=(4,), classes=("a",))
    arrays = {"train": arrays_of(tables["train"]["text"], terms)}
    assert arrays["train"]["counts"].sum() == 5  # "se" stands there twice
    found = summarize(spec, tables, arrays, terms, NOTHING_REFUSED)
    assert found["vocabulary"]["known_share"]["train"] == 1 / 2
    assert found["terms_per_text"]["quantiles"]["train"]["mean"] == 2


def test_ready_counts_have_lengths_without_texts():
    terms = Vocabulary(terms=("a", "b"), target=(1,), documents=3)
    rows = pd.DataFrame({"row": [0, 1, 2], "label": [None] * 3, "in_scope": [True] * 3})
    arrays = {
        "indptr": np.array([0, 2, 2, 4]),
        "indices": np.array([0, 1, 0, 1], dtype=np.int32),
        "counts": np.array([3, 1, 3, 1], dtype=np.int32),
    }
    spec = Spec(source="ready", kind="counts", shape=(2,))
    found = summarize(spec, {"train": rows}, {"train": arrays}, terms, NOTHING_REFUSED)
    assert found["terms_per_text"]["quantiles"]["train"]["mean"] == 8 / 3
    assert found["vocabulary"]["target_share"]["train"] == 2 / 8
    assert found["vocabulary"]["texts_without_a_term"]["train"] == 1
    assert found["duplicates"]["within"]["train"] == 1
    assert "characters_per_text" not in found


def image_report(levels=3):
    black, white = np.zeros((1, 2, 2), np.uint8), np.full((1, 2, 2), levels - 1, np.uint8)
    mixed = np.array([[[0, 1], [2, 2]]], np.uint8)
    images = {"train": np.stack([black, mixed, mixed]), "test": np.stack([white])}
    tables = {
        split: pd.DataFrame({"row": range(len(x)), "label": ["0"] * len(x), "in_scope": True})
        for split, x in images.items()
    }
    spec = Spec(source="tiny", kind="image", shape=(1, 2, 2), levels=levels, classes=("0",))
    arrays = {split: {"x": x} for split, x in images.items()}
    return summarize(spec, tables, arrays, Vocabulary(), NOTHING_REFUSED), images


def test_images_report_pixels_as_numpy_does():
    report, images = image_report()
    pixels = report["images"]["pixels"]["train"]
    assert pixels["mean"] == pytest.approx((images["train"] / 2).mean())
    assert pixels["standard_deviation"] == pytest.approx((images["train"] / 2).std())
    assert pixels["histogram"] == [6, 2, 4]
    assert pixels["blank"] == 1
    assert report["images"]["shape"] == [1, 2, 2]
    assert report["duplicates"]["within"] == {"train": 1, "test": 0}
    assert "vocabulary" not in report


def test_images_are_counted_alike_in_any_block(monkeypatch):
    whole, _ = image_report()
    monkeypatch.setattr("latentops.data.summary._IMAGES_AT_ONCE", 2)
    assert image_report()[0] == whole


def test_the_report_is_json_without_nan(report):
    for each in (report, image_report()[0]):
        assert json.loads(json.dumps(each, allow_nan=False)) == each


def empty_report():
    spec = Spec(source="none", kind="counts", shape=(3,))
    tables = {split: table([], []) for split in ("train", "valid", "test")}
    arrays = {split: arrays_of([], TERMS) for split in tables}
    return summarize(spec, tables, arrays, TERMS, NOTHING_REFUSED)


def test_empty_splits_are_reported_as_empty():
    found = empty_report()
    assert found["vocabulary"]["known_share"]["test"] is None
    assert found["terms_per_text"]["quantiles"]["train"]["mean"] is None


def words_of(figure):
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"many labels": 150},
        {"no labels": 0},
        {"strange labels": 3},
        {"nothing at all": 0},
        {"images": 1},
    ],
    ids=lambda changed: next(iter(changed), "as it is"),
)
def test_every_report_can_be_drawn(report, changed):
    samples = None
    match next(iter(changed), ""):
        case "many labels":
            labels = {f"label {index}": index for index in range(150)}
            report = with_train_labels(report, labels)
        case "no labels":
            report = with_train_labels(report, {})
        case "strange labels":
            report = with_train_labels(report, {"$x^": 3, "闹钟": 1, "a" * 90: 2})
        case "nothing at all":
            report = empty_report()
        case "images":
            report, images = image_report()
            samples = images["train"] / 2
    assert canvas.png(data_picture(report, samples)).startswith(b"\x89PNG")


def with_train_labels(report, counts):
    labels = report["labels"]
    return {**report, "labels": {**labels, "counts": {**labels["counts"], "train": counts}}}


def test_the_picture_says_what_was_refused_and_what_is_synthetic(report):
    words = words_of(data_picture({**report, "synthetic": True}))
    assert any("mine (synthetic)" in word for word in words)
    assert any("Refused rows: 3" in word for word in words)
    assert any("is empty" in word for word in words)
    assert not any("synthetic" in word for word in words_of(data_picture(report)))

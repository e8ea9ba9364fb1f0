"""A person's own files: every format gives the same rows, and bad ones give one clear line."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from latentops.data.prepared import prepare
from latentops.data.settings import Settings
from latentops.data.sources import read
from latentops.errors import DataError

WORDS = ["refund", "invoice", "parcel", "broken", "late", "agent", "login", "reset", "box", "bill"]
TEXTS = [f"{WORDS[i % 10]} {WORDS[(i * 7 + 3) % 10]} number {i}" for i in range(40)]
LABELS = ["billing" if i % 2 else "delivery" for i in range(40)]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data" / "raw"
    folder.mkdir(parents=True)
    return folder


def settings(path, **fields):
    return Settings(source=str(path), min_documents=1, **fields)


def table(**columns):
    return pd.DataFrame({"text": TEXTS, "label": LABELS, **columns})


def write_json_lines(frame, path):
    path.write_text(frame.to_json(orient="records", lines=True, force_ascii=False))


WRITERS = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    "jsonl": write_json_lines,
    "parquet": lambda frame, path: frame.to_parquet(path, index=False),
}


@pytest.fixture(params=WRITERS)
def written(request, project):
    """Gives a function from a table to a file that holds it, once for each format."""

    def write(frame):
        path = project / f"own.{request.param}"
        WRITERS[request.param](frame, path)
        return path

    return write


# What every table format must do


def test_every_format_gives_the_same_rows(written):
    raw = read(settings(written(table())))
    assert raw.table["text"].tolist() == TEXTS
    assert raw.table["label"].tolist() == LABELS
    assert raw.table["row"].tolist() == list(range(40))


def test_text_with_quotes_line_breaks_and_any_script_survives(written):
    texts = ['a "quoted", word', "two\nlines", "我想查一下我的账单", "naïve 🙂", *TEXTS[4:]]
    raw = read(settings(written(table(text=texts))))
    assert raw.table["text"].tolist() == texts


def test_other_column_names_and_no_labels(written):
    path = written(table().rename(columns={"text": "utterance"}))
    ready = prepare(settings(path, text_column="utterance", label_column=None))
    assert ready.spec.classes == ()
    assert (ready.arrays["train"]["y"] == -1).all()


def test_whole_number_labels_are_the_same_in_every_format(written):
    labels = pd.array([i % 3 if i else None for i in range(40)], dtype="Int64")
    ready = prepare(settings(written(table(label=labels))))
    assert ready.spec.classes == ("0", "1", "2")
    assert sum((arrays["y"] == -1).sum() for arrays in ready.arrays.values()) == 1


def test_numbers_that_a_missing_label_made_floats_are_whole_again(project):
    label = [None, *(float(i % 2) for i in range(39))]
    table(label=label).to_parquet(project / "own.parquet")
    assert prepare(settings("data/raw/own.parquet")).spec.classes == ("0", "1")


def test_classes_of_numbers_are_in_the_order_of_their_values(project):
    table(label=[(i % 11) for i in range(40)]).to_csv(project / "own.csv", index=False)
    assert prepare(settings("data/raw/own.csv")).spec.classes == tuple(map(str, range(11)))


def test_its_own_splits_are_kept(written):
    split = ["train"] * 20 + ["dev"] * 10 + ["Test"] * 10
    ready = prepare(settings(written(table(split=split))))
    assert {name: rows["row"].tolist() for name, rows in ready.tables.items()} == {
        "train": list(range(20)),
        "valid": list(range(20, 30)),
        "test": list(range(30, 40)),
    }


def test_rows_out_of_scope_have_no_label(written):
    ready = prepare(settings(written(table(in_scope=[i % 5 > 0 for i in range(40)]))))
    for name, rows in ready.tables.items():
        outside = rows["row"] % 5 == 0
        assert (rows["in_scope"] == ~outside).all()
        assert rows["label"].isna().equals(outside)
        assert ((ready.arrays[name]["y"] == -1) == outside).all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"text_column": "txt"}, r"no column 'txt'\. Did you mean 'text'\? It has 'text', 'label'"),
        ({"text_column": "TEXT"}, r"no column 'TEXT'\. Did you mean 'text'\?"),
        ({"label_column": "intent"}, r"no column 'intent'\. .*data\.label_column.*null: no labels"),
    ],
)
def test_a_missing_column_is_one_line_with_a_guess(written, fields, message):
    with pytest.raises(DataError, match=message) as error:
        prepare(settings(written(table()), **fields))
    assert "\n" not in str(error.value)


def test_an_empty_file_is_one_line(written):
    path = written(table())
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"own\.\w+ is empty\."):
        prepare(settings(path))


def test_binary_junk_is_one_line(written):
    path = written(table())
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(
        DataError, match=r"own\.\w+ (is not a text file|cannot be read as)"
    ) as error:
        prepare(settings(path))
    assert "\n" not in str(error.value)


def test_a_table_without_rows_is_one_line(written):
    with pytest.raises(DataError, match="holds no"):
        prepare(settings(written(table()[:0])))


def test_a_column_of_numbers_is_no_text(project):
    table(text=range(40)).to_parquet(project / "own.parquet")
    with pytest.raises(DataError, match=r"40 of 40 rows would be refused.*text is not text"):
        prepare(settings("data/raw/own.parquet"))


# CSV


def write_csv(project, content):
    path = project / "own.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return settings(path)


def lines(*more):
    rows = [f"{text},{label}" for text, label in zip(TEXTS, LABELS, strict=True)]
    return "\n".join(["text,label", *rows, *more]) + "\n"


def test_a_byte_order_mark_is_no_part_of_the_first_name(project):
    assert len(read(write_csv(project, b"\xef\xbb\xbf" + lines().encode())).table) == 40


def test_rows_that_are_not_utf8_are_refused_and_no_others(project):
    content = lines("caf\u00e9 closed,billing").encode("latin-1")
    ready = prepare(write_csv(project, content))
    assert ready.refused[["row", "column", "reason"]].values.tolist() == [
        [40, "text", "is not UTF-8"]
    ]
    assert ready.refused["value"].tolist() == ["caf\\udce9 closed"]
    ready.refused.to_csv("refused.csv")


def test_a_file_in_another_encoding_stops_with_its_name(project):
    with pytest.raises(DataError, match=r"own.csv is UTF-16. Save it as UTF-8"):
        prepare(write_csv(project, lines().encode("utf-16")))


def test_rows_with_another_number_of_fields_are_refused_by_number(project):
    refused = prepare(write_csv(project, lines("one, two,billing", "alone"))).refused
    assert refused["row"].tolist() == [40, 41]
    assert refused["reason"].str.contains("number of fields than the header's 2").all()
    assert refused["value"].tolist() == ["one, two,billing", "alone"]


def test_a_quote_left_open_does_not_swallow_the_rest(project):
    with pytest.raises(DataError, match=r"cannot be read as CSV .*Is a quote left open"):
        prepare(write_csv(project, lines('"and then,billing')))


def test_the_line_of_a_broken_quote_is_named(project):
    with pytest.raises(DataError, match=r"line 42: ',' expected after"):
        prepare(write_csv(project, lines('"and" then,billing')))


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_another_separator_is_one_line_that_names_it(project, mark):
    with pytest.raises(DataError, match=r"Are the fields separated by") as error:
        prepare(write_csv(project, lines().replace(",", mark)))
    assert repr(mark) in str(error.value)
    assert "\n" not in str(error.value)


def test_the_word_nan_is_no_label(project):
    raw = read(write_csv(project, lines("one,nan", "two,NaN", "three,nancy")))
    assert raw.table["label"].iloc[-3:].tolist() == [None, None, "nancy"]


def test_a_field_longer_than_the_csv_module_allows_is_read(project):
    long = "word " * 40_000
    assert read(write_csv(project, lines(f"{long},billing"))).table["text"].iloc[-1] == long


def test_a_column_that_stands_twice_is_one_line(project):
    with pytest.raises(DataError, match="has the column 'text' twice"):
        prepare(write_csv(project, "text,text\na,b\n"))


def test_columns_without_a_name_that_a_spreadsheet_leaves_are_not_in_the_way(project):
    content = lines().replace("\n", ",,\n")
    assert read(write_csv(project, content)).table["text"].tolist() == TEXTS


# JSON Lines


def test_lines_that_are_not_json_objects_are_refused_by_number(project):
    good = [
        json.dumps({"text": text, "label": label})
        for text, label in zip(TEXTS, LABELS, strict=True)
    ]
    bad = ["{broken", "[1, 2]", '{"label": "billing"}', '{"text": ["a"], "label": "billing"}']
    bad += ['{"text": "half \\ud83d", "label": "billing"}', '{"text": "x", "label": {"a": 1}}']
    (project / "own.jsonl").write_text("\n".join([*good, "", *bad]))
    refused = prepare(settings("data/raw/own.jsonl")).refused
    found = zip(refused["row"], refused["column"], refused["reason"], strict=True)
    assert sorted(found) == [
        (40, "", "is not JSON"),
        (41, "", "is not a JSON object"),
        (42, "text", "is missing"),
        (43, "text", "is not text"),
        (44, "text", "is not UTF-8"),
        (45, "label", "is not a word or a whole number"),
    ]


# Where it lies


def test_a_file_outside_the_watched_folder_works_and_says_what_dvc_cannot_see(project, tmp_path):
    for path, notes in ((project / "own.csv", 0), (tmp_path / "own.csv", 1)):
        table().to_csv(path, index=False)
        assert len(prepare(settings(path)).notes) == notes
    assert "DVC will not notice" in prepare(settings("own.csv")).notes[0]


def test_the_same_file_and_seed_give_the_same_splits(project):
    table().to_csv(project / "own.csv", index=False)
    first, again = (prepare(settings("data/raw/own.csv", seed=3)) for _ in range(2))
    other = prepare(settings("data/raw/own.csv", seed=4))
    assert first.tables["test"].equals(again.tables["test"])
    assert not first.tables["test"].equals(other.tables["test"])


# Images


def pictures(count=24, size=(6, 5)):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, size=(count, *size), dtype=np.uint8)


def save_folder(folder, images, name="{label}/{i:02}.png"):
    for i, image in enumerate(images):
        path = folder / name.format(label="ab"[i % 2], i=i)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


def test_a_folder_of_images_takes_its_classes_from_its_subfolders(project):
    images = pictures()
    save_folder(project / "shapes", images)
    ready = prepare(settings("data/raw/shapes"))
    assert ready.spec.classes == ("a", "b")
    assert ready.spec.shape == (1, 6, 5)
    assert ready.spec.levels == 256
    in_order = np.concatenate([images[::2], images[1::2]])
    for split, rows in ready.tables.items():
        assert (ready.arrays[split]["x"][:, 0] == in_order[rows["row"]]).all()


def test_a_folder_without_subfolders_has_no_labels(project):
    save_folder(project / "shapes", pictures(), "{i}.png")
    assert prepare(settings("data/raw/shapes")).spec.classes == ()


def test_folders_named_after_splits_are_the_splits(project):
    for split, count in (("train", 10), ("valid", 4), ("test", 6)):
        images = np.random.default_rng(count).integers(0, 256, (count, 4, 4), dtype=np.uint8)
        save_folder(project / "shapes" / split, images)
    ready = prepare(settings("data/raw/shapes"))
    assert {split: len(rows) for split, rows in ready.tables.items()} == {
        "train": 10,
        "valid": 4,
        "test": 6,
    }
    assert ready.spec.classes == ("a", "b")


def test_one_colour_image_makes_all_colour_and_transparency_is_dropped(project):
    save_folder(project / "shapes", pictures())
    colour = np.random.default_rng(1).integers(0, 256, (6, 5, 4), dtype=np.uint8)
    Image.fromarray(colour, "RGBA").save(project / "shapes" / "a" / "00.png")
    raw = read(settings("data/raw/shapes"))
    assert raw.images.shape == (24, 3, 6, 5)
    assert (raw.images[0] == colour[..., :3].transpose(2, 0, 1)).all()


def test_black_and_white_images_have_two_levels(project):
    save_folder(project / "shapes", (pictures() > 127).astype(np.uint8) * 255)
    raw = read(settings("data/raw/shapes"))
    assert raw.levels == 2
    assert set(np.unique(raw.images)) == {0, 1}


def test_files_that_are_no_images_are_refused_and_hidden_ones_ignored(project):
    save_folder(project / "shapes", pictures())
    (project / "shapes" / "a" / ".DS_Store").write_bytes(b"x")
    (project / "shapes" / "a" / "notes.txt").write_text("x")
    (project / "shapes" / "b" / "junk.png").write_bytes(b"\x89PNG junk")
    Image.fromarray(np.zeros((6, 5), dtype=np.uint16)).save(project / "shapes" / "b" / "z.png")
    ready = prepare(settings("data/raw/shapes"))
    assert dict(zip(ready.refused["value"], ready.refused["reason"], strict=True)) == {
        "a/notes.txt": "is not named .png, .jpg or .jpeg",
        "b/junk.png": "cannot be read as an image",
        "b/z.png": "has more than 8 bits a pixel",
    }
    assert sum(map(len, ready.tables.values())) == 24


def test_images_of_unequal_size_are_one_line_with_both(project):
    save_folder(project / "shapes", pictures())
    Image.fromarray(np.zeros((7, 5), dtype=np.uint8)).save(project / "shapes" / "b" / "99.png")
    message = r"a/00\.png is 5 x 6 and .*b/99\.png is 5 x 7 pixels: resize"
    with pytest.raises(DataError, match=message):
        prepare(settings("data/raw/shapes"))


def test_a_folder_without_images_is_one_line(project):
    (project / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds no files. Expected PNG or JPEG"):
        prepare(settings("data/raw/empty"))
    (project / "empty" / "x.txt").write_text("x")
    with pytest.raises(DataError, match="holds no image that can be read"):
        prepare(settings("data/raw/empty"))


@pytest.mark.parametrize(
    ("x", "levels", "expected"),
    [
        (pictures(), 256, pictures()),
        (pictures()[:, None] / 255.0, 256, pictures()),
        (pictures() > 127, 2, pictures() > 127),
        ((pictures() > 127).astype(np.float32), 2, pictures() > 127),
        (pictures().astype(np.int64), 256, pictures()),
    ],
)
def test_an_npz_holds_levels_or_shares_of_white(project, x, levels, expected):
    np.savez(project / "own.npz", x=x, y=np.arange(24) % 2)
    raw = read(settings("data/raw/own.npz"))
    assert raw.levels == levels
    assert raw.images.dtype == np.uint8
    assert (raw.images[:, 0] == expected).all()
    assert raw.table["label"].tolist() == ["0", "1"] * 12


def with_value(value, dtype=np.float32):
    x = pictures() / np.float32(255)
    x[7, 0, 0] = value
    return x.astype(dtype)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": with_value(np.nan)}, "image 7 holds NaN or infinity"),
        ({"x": with_value(np.inf)}, "image 7 holds NaN or infinity"),
        ({"x": with_value(2.0)}, r"float32 should lie in 0\.\.1\. Found 0\.\.2"),
        ({"x": with_value(255.0)}, r"0\.\.1\. Found 0\.\.255\. Divide them by 255\."),
        ({"x": pictures().astype(np.int64) - 1}, r"int64 should lie in 0\.\.255\. Found -1"),
        ({"x": pictures().astype(complex)}, "pixels should be numbers. Found complex128"),
        ({"x": pictures().astype(str)}, "pixels should be numbers"),
        ({"x": pictures().reshape(24, 30)}, r"x should be \[N, H, W\].* Found \[24, 30\]"),
        ({"x": pictures()[:0]}, r"x should be \[N, H, W\]"),
        ({"x": pictures(), "y": np.arange(3)}, "y should have one value for each of the 24"),
        ({"images": pictures()}, "has no array 'x'. It has 'images'"),
        ({"x": np.array([None, 1])}, "cannot be read as .npz of plain arrays"),
    ],
)
def test_an_npz_that_cannot_be_used_is_one_line(project, arrays, message):
    np.savez(project / "own.npz", **arrays)
    with pytest.raises(DataError, match=message) as error:
        prepare(settings("data/raw/own.npz"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"junk", b"PK\x03\x04junk", b""])
def test_an_npz_of_junk_is_one_line(project, content):
    (project / "own.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be read as .npz of plain arrays"):
        prepare(settings("data/raw/own.npz"))


def test_an_image_twice_is_refused_once(project):
    images = pictures()
    images[4] = images[2]
    np.savez(project / "own.npz", x=images)
    ready = prepare(settings("data/raw/own.npz"))
    assert ready.refused[["row", "column"]].values.tolist() == [[4, "image"]]

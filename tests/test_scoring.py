"""Files through a model, against the model itself; and what is said of unusable files."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
from tiny_model import COUNTS, IMAGES, TEXTS, write_project

from latentops.errors import ArtifactError, DataError, SettingsError
from latentops.inference.folder import export
from latentops.inference.predictor import Predictor
from latentops.scoring import readers, run, writers
from latentops.scoring.run import score_file

ROOT = Path(__file__).resolve().parents[1]
ROWS = pd.DataFrame(
    {
        "id": ["007", "8", "", "10", "11"],
        "text": [TEXTS[0], 'say "play, now"\nplease', "", TEXTS[1], " "],
        "note": ["NA", "light, on", "x", "", "1e5"],
    }
)
LEVELS = np.random.default_rng(0).integers(0, 256, size=(7, 3, 2), dtype=np.uint8)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("models")
    for spec in (COUNTS, IMAGES):
        write_project(base / f"project-{spec.kind}", spec)
        export(base / f"project-{spec.kind}", base / spec.kind)
    return {spec.kind: base / spec.kind for spec in (COUNTS, IMAGES)}


@pytest.fixture
def texts(folders: dict[str, Path]) -> Predictor:
    return Predictor.from_folder(folders["counts"])


@pytest.fixture
def images(folders: dict[str, Path]) -> Predictor:
    return Predictor.from_folder(folders["image"])


def write(rows: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        rows.to_parquet(path, index=False)
    elif path.suffix == ".jsonl":
        rows.to_json(path, orient="records", lines=True, force_ascii=False)
    else:
        rows.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".jsonl":
        return pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()])
    return pd.read_csv(path, dtype={"id": str, "note": str}, keep_default_na=False)


def expected_of(predictor: Predictor, task: str) -> pd.DataFrame:
    """Rows 0, 1 and 3 of ROWS have a text."""
    answered = predictor.predict([ROWS["text"][row] for row in (0, 1, 3)], task)
    assert isinstance(answered, pd.DataFrame)
    return answered


# What comes out


@pytest.mark.parametrize("output", ["out.csv", "out.jsonl", "out.parquet"])
@pytest.mark.parametrize("source", ["in.csv", "in.tsv", "in.jsonl", "in.parquet"])
@pytest.mark.parametrize("task", ["classify", "encode", "score"])
def test_every_row_comes_back_with_its_answer(
    texts: Predictor, tmp_path: Path, source: str, output: str, task: run.Task
) -> None:
    given = write(ROWS, tmp_path / source)
    done = score_file(texts, given, tmp_path / output, task, rows_at_once=2)
    assert (done.rows, done.without_text) == (5, 2)
    found = read(tmp_path / output)
    expected = expected_of(texts, task)
    assert list(found.columns) == [*ROWS.columns, *expected.columns]
    pd.testing.assert_frame_equal(found[[*ROWS.columns]], ROWS, check_dtype=False)
    answered = found.loc[[0, 1, 3], list(expected.columns)].reset_index(drop=True)
    answered = answered.map(lambda cell: {"true": True, "false": False}.get(cell, cell))
    for name in expected.columns:
        cells = answered[name].astype(expected[name].dtype)
        pd.testing.assert_series_equal(cells, expected[name], rtol=1e-5)
    empty = found.loc[[2, 4], list(expected.columns)]
    assert (empty.isna() | (empty == "")).all(axis=None)


def test_csv_is_written_as_people_read_it(texts: Predictor, tmp_path: Path) -> None:
    given = write(ROWS, tmp_path / "in.csv")
    score_file(texts, given, tmp_path / "out.csv", "classify")
    with (tmp_path / "out.csv").open(newline="") as file:
        records = list(csv.reader(file))
    answers = expected_of(texts, "classify").iloc[0]
    shown = [
        answers["label"],
        str(answers["probability"]),  # as many digits as single precision has
        str(answers["out_of_scope"]).lower(),
        str(answers["out_of_scope_score"]),
    ]
    assert records[1] == ["007", TEXTS[0], "NA", *shown]
    assert records[3] == ["", "", "x", "", "", "", ""]


def test_types_of_a_typed_file_stay(texts: Predictor, tmp_path: Path) -> None:
    kept = pyarrow.table(
        {
            "id": pyarrow.array([1, None, 3], pyarrow.int64()),
            "at": pyarrow.array([0, 1, 2], pyarrow.timestamp("ms")),
            "tags": pyarrow.array([["a"], [], None], pyarrow.list_(pyarrow.string())),
            "kind": pyarrow.array(["x", "y", "x"]).dictionary_encode(),
            "share": pyarrow.array([0.1, float("nan"), None], pyarrow.float32()),
            "text": pyarrow.array(["turn on", None, "play"]),
        }
    )
    pyarrow.parquet.write_table(kept, tmp_path / "in.parquet")
    score_file(texts, tmp_path / "in.parquet", tmp_path / "out.parquet", "classify")
    found = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert found.schema.types[:6] == kept.schema.types
    assert str(found.select(kept.column_names).to_pylist()) == str(kept.to_pylist())  # nan is nan
    assert found.column("label").null_count == 1
    score_file(texts, tmp_path / "in.parquet", tmp_path / "out.jsonl", "classify")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [1, None, 3]
    assert [line["tags"] for line in lines] == [["a"], [], None]
    assert [line["share"] for line in lines] == [0.1, None, None]
    assert lines[1]["label"] is None
    with pytest.raises(DataError, match=r"'tags'.*\.jsonl or \.parquet"):
        score_file(texts, tmp_path / "in.parquet", tmp_path / "out.csv", "classify")


def test_columns_of_json_lines_may_begin_late_and_widen(texts: Predictor, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"text": "turn on", "n": 1} for _ in range(5)]
    rows += [{"text": "play", "n": 1.5, "late": {"a": [1]}}]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    assert readers._ROWS_TO_GUESS_FROM > 6
    for guessed_from in (2, 100):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(readers, "_ROWS_TO_GUESS_FROM", guessed_from)
            score_file(texts, tmp_path / "in.jsonl", tmp_path / "out.jsonl", "score", "text", 2)
        found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert [row["n"] for row in found] == [1, 1, 1, 1, 1, 1.5]
        assert [row["late"] for row in found] == [None] * 5 + [{"a": [1]}]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", ["in.npy", "in.npz"])
def test_images_are_answered_by_their_row(
    images: Predictor, tmp_path: Path, name: str, compressed: bool
) -> None:
    given = tmp_path / name
    if name == "in.npy":
        np.save(given, LEVELS)
    else:
        (np.savez_compressed if compressed else np.savez)(given, y=np.zeros(7), x=LEVELS)
    done = score_file(images, given, tmp_path / "out.parquet", "classify", rows_at_once=3)
    assert (done.rows, done.without_text) == (7, 0)
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert found.pop("row").tolist() == list(range(7))
    pd.testing.assert_frame_equal(found, images.classify(LEVELS), check_dtype=False, rtol=1e-5)


def test_a_file_without_rows_has_an_answer_without_rows(texts: Predictor, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,text\n")
    done = score_file(texts, tmp_path / "in.csv", tmp_path / "out.csv", "score")
    assert done.rows == 0
    assert (tmp_path / "out.csv").read_text() == "id,text,elbo_nats\n"


# In bounded memory, whole or not at all


def long_csv(path: Path, rows: int) -> Path:
    with path.open("w") as file:
        file.write("id,text\n")
        file.writelines(f"{row},turn on the light number {row}\n" for row in range(rows))
    return path


def in_format(source: Path, suffix: str) -> Path:
    table = pd.read_csv(source)
    return source if suffix == ".csv" else write(table, source.with_suffix(suffix))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_no_more_rows_are_held_than_asked(
    texts: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    """A chunk is written before the one after the next is read."""
    seen: list[tuple[str, int]] = []
    predict = Predictor.predict

    def spy(self: Predictor, raw: Any, task: str) -> Any:
        seen.append(("read", len(raw)))
        return predict(self, raw, task)

    def writing(path: Path, schema: pyarrow.Schema) -> Any:
        class Writer:
            def __enter__(self) -> Callable[[pyarrow.Table], None]:
                path.touch()
                return lambda table: seen.append(("written", len(table)))

            def __exit__(self, *_: object) -> None: ...

        return Writer()

    given = in_format(long_csv(tmp_path / "in.csv", 25), suffix)
    monkeypatch.setattr(Predictor, "predict", spy)
    monkeypatch.setitem(run.writers.WRITERS, ".csv", writing)
    score_file(texts, given, tmp_path / "out.csv", "score", rows_at_once=10)
    blank, *rest = seen
    assert blank == ("read", 1)
    assert rest == [(what, rows) for rows in (10, 10, 5) for what in ("read", "written")]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_memory_does_not_grow_with_the_file(
    texts: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    def constant(self: Predictor, raw: list[str], task: str) -> pd.DataFrame:
        return pd.DataFrame({"elbo_nats": np.zeros(len(raw), dtype=np.float32)})

    def peak_bytes(rows: int) -> int:
        given = in_format(long_csv(tmp_path / "in.csv", rows), suffix)
        tracemalloc.start()
        score_file(texts, given, tmp_path / "out.csv", "score", rows_at_once=100)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    monkeypatch.setattr(Predictor, "predict", constant)
    monkeypatch.setattr(readers, "_ROWS_TO_GUESS_FROM", 100)
    peak_bytes(200)  # what is imported and cached on the first call
    few, many = peak_bytes(500), peak_bytes(10_000)
    assert many < 1.5 * few


def test_images_are_not_read_at_once(
    images: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez_compressed(tmp_path / "in.npz", x=np.zeros((100_000, 3, 2), dtype=np.uint8))
    given = readers.open_input(tmp_path / "in.npz", "image", "text")
    tracemalloc.start()
    rows = sum(len(chunk.raw) for chunk in given.chunks(100))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 100_000
    assert peak < 200_000


SLOW = """
import sys, time
from pathlib import Path
from latentops.inference.predictor import Predictor
from latentops.scoring import run

predict = Predictor.predict
def slow(self, raw, task):
    time.sleep(0.2)
    return predict(self, raw, task)
Predictor.predict = slow
run.score_file(Predictor.from_folder(Path(sys.argv[1])), Path("in.csv"), Path("out.csv"), "score",
               rows_at_once=10)
"""


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
def test_a_kill_leaves_the_output_as_it_was(
    folders: dict[str, Path], tmp_path: Path, by: signal.Signals
) -> None:
    long_csv(tmp_path / "in.csv", 100_000)
    (tmp_path / "out.csv").write_text("of yesterday\n")
    command = [sys.executable, "-c", SLOW, str(folders["counts"])]
    with (
        (tmp_path / "stderr").open("w") as said,
        subprocess.Popen(command, cwd=tmp_path, stderr=said) as process,
    ):
        while not any(part.stat().st_size for part in tmp_path.glob(".out.csv.*.partial")):
            assert process.poll() is None, (tmp_path / "stderr").read_text()
            time.sleep(0.05)
        os.kill(process.pid, by)
    assert (tmp_path / "out.csv").read_text() == "of yesterday\n"
    if by == signal.SIGINT:
        assert not list(tmp_path.glob(".out.csv.*.partial"))


# Unusable files


BROKEN = [
    ("in.csv", b"id,text\n1,turn on\n2,turn, on\n", r"3 fields.*header has 2 \(line 3\)"),
    ("in.csv", b'id,text\n1,"turn on\n', "cannot be read"),
    ("in.csv", b"id,text\n1,turn \xff\n", "cannot be read .*utf-8"),
    ("in.csv", b"id,txet\n1,turn on\n", r"no column 'text'. Did you mean 'txet'.*--text-column"),
    ("in.csv", b"text,text\n1,turn on\n", "column 'text' twice"),
    ("in.csv", b"label,text\n1,turn on\n", "column 'label' already"),
    ("in.csv", b"", "is empty"),
    ("in.jsonl", b'{"text": "a"}\n{"text": \n', "line 2"),
    ("in.jsonl", b'{"text": "a"}\n[1]\n', "line 2 is no object"),
    ("in.jsonl", b'{"text": "a", "n": 1}\n{"text": "b", "n": "x"}\n', "'n' holds values of"),
    ("in.jsonl", b'{"text": "a"}\n{"text": 5}\n', "'text' holds values of several"),
    ("in.jsonl", b'{"text": 4}\n{"text": 5}\n', "Row 0 holds 4"),
    ("in.jsonl", b'{"text": "\\ud800"}\n', "cannot be read"),
    ("in.jsonl", b'{"n": 10000000000000000000000}\n', "cannot be read"),
    ("in.parquet", b"PAR1 junk", "cannot be read"),
    ("in.xlsx", b"PK", r"should end in \.csv, .*'.xlsx'"),
    ("in.npz", b"PK", r"should end in .*reads texts"),
    ("absent.csv", b"", "is no file"),
]


@pytest.mark.parametrize(("name", "content", "said"), BROKEN)
def test_what_is_no_table_of_texts_is_said_in_one_line(
    texts: Predictor, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    if name != "absent.csv":
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said) as error:
        score_file(texts, tmp_path / name, tmp_path / "out.csv", "classify", rows_at_once=1)
    assert "\n" not in str(error.value)
    assert not [path for path in tmp_path.iterdir() if path.name != name]


def test_what_is_no_file_of_images_is_said_in_one_line(images: Predictor, tmp_path: Path) -> None:
    def refused(path: Path) -> str:
        with pytest.raises(DataError) as error:
            score_file(images, path, tmp_path / "out.csv", "classify")
        assert "\n" not in str(error.value)
        return str(error.value)

    np.savez(tmp_path / "named.npz", images=LEVELS)
    assert "no array 'x'. It has 'images'" in refused(tmp_path / "named.npz")
    np.save(tmp_path / "objects.npy", np.array([["a"], [b"b"]], dtype=object), allow_pickle=True)
    assert "of object" in refused(tmp_path / "objects.npy")
    np.save(tmp_path / "columns.npy", np.asfortranarray(LEVELS))
    assert "column after column" in refused(tmp_path / "columns.npy")
    np.save(tmp_path / "large.npy", np.zeros((2, 9, 9), np.uint8))
    assert "[N, 1, 3, 2]" in refused(tmp_path / "large.npy")
    np.save(tmp_path / "cut.npy", LEVELS)
    whole = (tmp_path / "cut.npy").read_bytes()
    (tmp_path / "cut.npy").write_bytes(whole[:-5])
    assert "cannot be read" in refused(tmp_path / "cut.npy")
    (tmp_path / "junk.npz").write_bytes(b"junk")
    assert "cannot be read" in refused(tmp_path / "junk.npz")
    assert "reads images" in refused(write(ROWS, tmp_path / "in.csv"))
    assert not (tmp_path / "out.csv").exists()


def test_an_output_that_cannot_be_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    given = write(ROWS, tmp_path / "in.csv")
    (tmp_path / "link.csv").symlink_to(given)
    (tmp_path / "folder.csv").mkdir()
    for name, said in (
        ("in.csv", "the input itself"),
        ("link.csv", "the input itself"),
        ("folder.csv", "is a folder"),
        ("out.xlsx", r"should end in \.csv, \.jsonl"),
        ("out", "no ending"),
    ):
        with pytest.raises(SettingsError, match=said):
            writers.check_paths(given, tmp_path / name)
    writers.check_paths(given, tmp_path / "out.csv")


def test_an_output_that_cannot_be_written_is_one_line(texts: Predictor, tmp_path: Path) -> None:
    given = write(ROWS, tmp_path / "in.csv")
    with pytest.raises(ArtifactError, match="cannot be written"):
        score_file(texts, given, given / "out.csv", "classify")

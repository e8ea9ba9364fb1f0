"""A file through a model: each row as it was, with the model's answers beside it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
import pyarrow
from tqdm import tqdm

from latentops import artifacts
from latentops.artifacts import Spec
from latentops.errors import DataError
from latentops.inference.raw import Raw
from latentops.runtime.model import Result
from latentops.scoring import readers, writers
from latentops.scoring.readers import Chunk

Task = Literal["classify", "encode", "score"]
"""Those whose answer to an example is a row of plain values."""


class Predictor(Protocol):
    """Of either kind: `inference.predictor` or `runtime`."""

    @property
    def spec(self) -> Spec: ...
    def predict(self, raw: Raw, task: str) -> Result: ...


@dataclass(frozen=True)
class Summary:
    """What was done."""

    rows: int
    without_text: int  # rows that got empty answers
    seconds: float


def score_file(
    predictor: Predictor,
    source: Path,
    target: Path,
    task: Task,
    text_column: str = "text",
    rows_at_once: int = 4096,
) -> Summary:
    """Write the rows of `source` to `target`, in order, with the columns of the task's answer.

    Never more than `rows_at_once` rows are held in memory, and `target` is written whole or not at
    all. A row without a text gets empty answers. Raises DataError and SettingsError.
    """
    answer = _answer_schema(predictor, task)
    given = readers.open_input(source, predictor.spec.kind, text_column)
    schema = _joined(given.schema, answer, source)
    writers.check_columns(target, schema)
    started, rows, without_text = time.perf_counter(), 0, 0
    with (
        artifacts.whole_file(target) as partial,
        writers.WRITERS[target.suffix.lower()](partial, schema) as write,
        tqdm(total=given.rows, unit=" rows", disable=None) as bar,  # None: only in a terminal
    ):
        for chunk in given.chunks(rows_at_once):
            there = present(chunk, rows, text_column)
            answers = _answers(predictor, task, chunk, there, answer)
            columns = [*chunk.kept.columns, *answers.columns]
            write(pyarrow.Table.from_arrays(columns, schema=schema))
            rows += len(chunk.raw)
            without_text += len(chunk.raw) - len(there)
            bar.update(len(chunk.raw))
    return Summary(rows, without_text, time.perf_counter() - started)


def _answer_schema(predictor: Predictor, task: Task) -> pyarrow.Schema:
    """Of what the task answers to any input: with no input read, its names and types are known."""
    answered = predictor.predict(_blank(predictor.spec), task)
    assert isinstance(answered, pd.DataFrame)
    return pyarrow.schema([(name, _type(answered[name].dtype)) for name in answered])


def _blank(spec: Spec) -> list[str] | np.ndarray:
    return [""] if spec.kind == "counts" else np.zeros((1, *spec.shape), dtype=np.uint8)


def _type(dtype: Any) -> pyarrow.DataType:
    return pyarrow.from_numpy_dtype(dtype) if dtype.kind in "bf" else pyarrow.string()


def _joined(kept: pyarrow.Schema, answer: pyarrow.Schema, source: Path) -> pyarrow.Schema:
    if both := [name for name in answer.names if name in kept.names]:
        raise DataError(
            f"{source} has the column {both[0]!r} already, which the answers would have too. "
            "Rename it first."
        )
    return pyarrow.schema([*kept, *answer])


def present(chunk: Chunk, rows_before: int, text_column: str) -> Sequence[int]:
    """Which rows of the chunk have something to read: every image, every text that is not blank."""
    if isinstance(chunk.raw, np.ndarray):
        return range(len(chunk.raw))
    for row, text in enumerate(chunk.raw, rows_before):
        if not isinstance(text, str) and not _is_missing(text):
            raise DataError(f"Column {text_column!r} should hold texts. Row {row} holds {text!r}.")
    return [row for row, text in enumerate(chunk.raw) if isinstance(text, str) and text.strip()]


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def _answers(
    predictor: Predictor, task: Task, chunk: Chunk, there: Sequence[int], schema: pyarrow.Schema
) -> pyarrow.Table:
    """A row for each row of the chunk, null where there is nothing to read."""
    if not there:
        return schema.empty_table().take(pyarrow.nulls(len(chunk.raw), pyarrow.int64()))
    raw = [chunk.raw[row] for row in there] if isinstance(chunk.raw, list) else chunk.raw
    found = pyarrow.Table.from_pandas(
        predictor.predict(raw, task), schema=schema, preserve_index=False
    )
    if len(there) == len(chunk.raw):
        return found
    place_of = {row: place for place, row in enumerate(there)}
    places = [place_of.get(row) for row in range(len(chunk.raw))]
    return found.take(pyarrow.array(places, pyarrow.int64()))

"""Chunks of rows into a file, one after the other: CSV, JSON Lines or Parquet by its name."""

import csv
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.compute
import pyarrow.parquet

from latentops.errors import DataError, SettingsError

Write = Callable[[pyarrow.Table], None]


def check_paths(source: Path, target: Path, endings: Sequence[str] = ()) -> None:
    """Raises SettingsError where nothing could be written; `endings` are those of tables else.

    To be called before a model is loaded for nothing.
    """
    check_output(target, endings)
    if source.exists() and target.exists() and source.samefile(target):
        raise SettingsError(f"{target} is the input itself. Name another file for the output.")


def check_output(target: Path, endings: Sequence[str] = ()) -> None:
    """The same, of a command that reads no file."""
    endings = endings or tuple(WRITERS)
    if target.suffix.lower() not in endings:
        raise SettingsError(
            f"{target} should end in {', '.join(endings)}. Found {target.suffix or 'no ending'!r}."
        )
    if target.is_dir():
        raise SettingsError(f"{target} is a folder. Name a file to write.")


def check_columns(path: Path, schema: pyarrow.Schema) -> None:
    """Raises DataError for a column that the format of `path` cannot hold."""
    if path.suffix.lower() == ".csv":
        for field in schema:
            if pyarrow.types.is_nested(field.type):
                raise DataError(
                    f"Column {field.name!r} holds {field.type}, which no CSV can hold. "
                    "Write .jsonl or .parquet."
                )


@contextmanager
def _csv(path: Path, schema: pyarrow.Schema) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(schema.names)

        def write(table: pyarrow.Table) -> None:
            cells = [_as_text(column).to_pylist() for column in table.columns]
            writer.writerows(zip(*cells, strict=True))

        yield write


@contextmanager
def _json_lines(path: Path, schema: pyarrow.Schema) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:

        def write(table: pyarrow.Table) -> None:
            columns = [_as_values(column) for column in table.columns]
            for values in zip(*columns, strict=True):
                row = dict(zip(schema.names, values, strict=True))
                file.write(json.dumps(row, ensure_ascii=False, allow_nan=False, default=str) + "\n")

        yield write


@contextmanager
def _parquet(path: Path, schema: pyarrow.Schema) -> Iterator[Write]:
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        yield writer.write_table


WRITERS: dict[str, Callable[[Path, pyarrow.Schema], AbstractContextManager[Write]]] = {
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
}


def _as_text(column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    """The fewest digits that give a number back in its precision; missing values stay missing."""
    return pyarrow.compute.cast(column, pyarrow.string())


def _as_values(column: pyarrow.ChunkedArray) -> list[Any]:
    """As JSON can hold them: a number that is not finite is null."""
    if pyarrow.types.is_float32(column.type):
        column = pyarrow.compute.cast(_as_text(column), pyarrow.float64())  # 0.1, not 0.10000000149
    values: list[Any] = column.to_pylist()
    if pyarrow.types.is_floating(column.type) or pyarrow.types.is_nested(column.type):
        return [_finite(value) for value in values]
    return values


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_finite(one) for one in value]
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    return value

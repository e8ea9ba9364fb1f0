"""Files as chunks of rows: what is kept of a row, and what a model reads of it.

Texts stand in CSV, TSV, JSON Lines or Parquet, whose columns are all kept (those of CSV as text).
Images are the array of an .npy, or `x` of an .npz, [N, H, W] or [N, C, H, W]; of them the row's
number is kept.
"""

import csv
import difflib
import json
import math
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, TypeVar

import numpy as np
import pyarrow
import pyarrow.parquet

from latentops.errors import DataError

_ROWS_TO_GUESS_FROM = 4096

T = TypeVar("T")


class Chunk(NamedTuple):
    """Some rows, in order."""

    kept: pyarrow.Table
    raw: list[Any] | np.ndarray  # texts, of which some may be missing; or images


@dataclass(frozen=True)
class Input:
    """A file that was looked into but not read yet."""

    schema: pyarrow.Schema  # of `Chunk.kept`
    rows: int | None  # None: not known before the end
    chunks: Callable[[int], Iterator[Chunk]]  # of at most so many rows


@dataclass(frozen=True)
class _Table:
    schema: pyarrow.Schema
    rows: int | None
    parts: Callable[[int], Iterator[pyarrow.Table]]


def open_input(path: Path, kind: Literal["image", "counts"], text_column: str) -> Input:
    """What a model of that kind reads. Raises DataError for anything else, here or in a chunk."""
    readers: dict[str, Callable[[Path], Any]] = IMAGES if kind == "image" else TABLES
    if path.suffix.lower() not in readers:
        what = "images" if kind == "image" else "texts"
        raise DataError(
            f"{path} should end in {', '.join(readers)}: the model reads {what}. "
            f"Found {path.suffix or 'no ending'!r}."
        )
    if not path.is_file():
        raise DataError(f"{path} is no file.")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty.")
    if kind == "image":
        return IMAGES[path.suffix.lower()](path)
    return _of_texts(TABLES[path.suffix.lower()](path), path, text_column)


def _of_texts(table: _Table, path: Path, text_column: str) -> Input:
    names = table.schema.names
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{path} has the column {twice[0]!r} twice. Rename one.")
    if text_column not in names:
        guess = difflib.get_close_matches(text_column, names, n=1)
        hint = f" Did you mean {guess[0]!r}?" if guess else ""
        raise DataError(
            f"{path} has no column {text_column!r}.{hint} It has {_some(names)}: name the one with "
            "the texts by --text-column."
        )
    return Input(
        table.schema,
        table.rows,
        lambda size: (
            Chunk(part, part.column(text_column).to_pylist()) for part in table.parts(size)
        ),
    )


def _some(names: list[str]) -> str:
    shown = ", ".join(repr(name[:40]) for name in names[:8])
    return f"{shown}, ..." if len(names) > 8 else shown or "none"


# CSV


def _csv(path: Path, delimiter: str = ",") -> _Table:
    with _records(path, delimiter) as records:
        header = next(records, [])
    schema = pyarrow.schema([(name, pyarrow.string()) for name in header])
    return _Table(schema, None, partial(_csv_parts, path, delimiter, schema))


def _csv_parts(
    path: Path, delimiter: str, schema: pyarrow.Schema, size: int
) -> Iterator[pyarrow.Table]:
    with _records(path, delimiter) as records:
        next(records)
        for block in _blocks(records, size):
            columns = [list(column) for column in zip(*block, strict=True)]
            yield pyarrow.table(columns, schema=schema)


@contextmanager
def _records(path: Path, delimiter: str) -> Iterator[Iterator[list[str]]]:
    """The header and every record of as many fields; blank lines are none."""
    previous = csv.field_size_limit(sys.maxsize)
    try:
        with _reading(path), path.open(encoding="utf-8-sig", newline="") as file:
            yield _even(csv.reader(file, delimiter=delimiter, strict=True), path)
    finally:
        csv.field_size_limit(previous)


def _even(records: Any, path: Path) -> Iterator[list[str]]:
    width = None
    for record in records:
        if not record:
            continue
        if len(record) != (width := width or len(record)):
            raise DataError(
                f"{path} has {len(record)} fields where the header has {width} (line "
                f"{records.line_num}). A field that holds {records.dialect.delimiter!r}, quotes or "
                "line breaks stands in double quotes."
            )
        yield record


# JSON Lines


def _json_lines(path: Path) -> _Table:
    """Read once for its columns and their types, which may first show on the last line."""
    schema, rows = pyarrow.schema([]), 0
    for block in _blocks(_objects(path), _ROWS_TO_GUESS_FROM):
        with _reading(path):
            both = [schema, _guessed(block)]
            schema = pyarrow.unify_schemas(both, promote_options="permissive")
        rows += len(block)
    schema = pyarrow.schema([_typed(field) for field in schema])
    return _Table(schema, rows, partial(_json_parts, path, schema))


def _guessed(block: list[dict[str, Any]]) -> pyarrow.Schema:
    names = dict.fromkeys(name for row in block for name in row)
    return pyarrow.schema([(name, _type_of(name, block)) for name in names])


def _type_of(name: str, block: list[dict[str, Any]]) -> pyarrow.DataType:
    try:
        return pyarrow.array([row.get(name) for row in block]).type
    except (pyarrow.ArrowException, OverflowError) as error:
        raise ValueError(f"{name!r} holds values of several kinds: {error}") from error


def _typed(field: pyarrow.Field) -> pyarrow.Field:
    return field.with_type(pyarrow.string()) if pyarrow.types.is_null(field.type) else field


def _json_parts(path: Path, schema: pyarrow.Schema, size: int) -> Iterator[pyarrow.Table]:
    with _reading(path):
        for block in _blocks(_objects(path), size):
            yield pyarrow.Table.from_pylist(block, schema=schema)


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    with _reading(path), path.open(encoding="utf-8-sig", newline="\n") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(f"{path} is not JSON Lines (line {number}: {error}).") from error
            if not isinstance(value, dict):
                raise DataError(f"{path} is not JSON Lines: line {number} is no object in braces.")
            yield value


# Parquet


def _parquet(path: Path) -> _Table:
    with _reading(path), pyarrow.parquet.ParquetFile(path) as file:
        schema = file.schema_arrow.remove_metadata()
        return _Table(schema, file.metadata.num_rows, partial(_parquet_parts, path, schema))


def _parquet_parts(path: Path, schema: pyarrow.Schema, size: int) -> Iterator[pyarrow.Table]:
    with _reading(path), pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(size):
            yield pyarrow.Table.from_batches([batch]).cast(schema)


# Images


class _Array(NamedTuple):
    """What stands before the values of an .npy."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def _images(path: Path) -> Input:
    with _reading(path), _open_array(path) as file:
        found = _array_header(file, path)
    schema = pyarrow.schema([("row", pyarrow.int64())])
    return Input(schema, found.shape[0], partial(_image_chunks, path, schema))


def _image_chunks(path: Path, schema: pyarrow.Schema, size: int) -> Iterator[Chunk]:
    """Read in order rather than mapped into memory: that serves compressed files too."""
    with _reading(path), _open_array(path) as file:
        (rows, *shape), dtype = _array_header(file, path)
        for start in range(0, rows, size):
            stop = min(start + size, rows)
            content = file.read((stop - start) * math.prod(shape) * dtype.itemsize)
            images = np.frombuffer(content, dtype).reshape(stop - start, *shape)
            yield Chunk(pyarrow.table([range(start, stop)], schema=schema), images)


@contextmanager
def _open_array(path: Path) -> Iterator[IO[bytes]]:
    if path.suffix.lower() == ".npy":
        with path.open("rb") as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive:
        if "x.npy" not in archive.namelist():
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            raise DataError(f"{path} has no array 'x'. It has {_some(names)}.")
        with archive.open("x.npy") as member:
            yield member


def _array_header(file: IO[bytes], path: Path) -> _Array:
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[np.lib.format.read_magic(file)]
    shape, columns_first, dtype = read_header(file)
    if dtype.hasobject or columns_first or len(shape) not in (3, 4):
        raise DataError(
            f"{path} should hold images, [N, H, W] or [N, C, H, W], of numbers, row after row. "
            f"Found {list(shape)} of {dtype}{', column after column' if columns_first else ''}."
        )
    return _Array(shape, dtype)


TABLES: dict[str, Callable[[Path], _Table]] = {
    ".csv": _csv,
    ".tsv": partial(_csv, delimiter="\t"),
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
}
IMAGES: dict[str, Callable[[Path], Input]] = {".npy": _images, ".npz": _images}

_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    RuntimeError,  # an archive with a password
    csv.Error,
    zlib.error,
    zipfile.BadZipFile,
    pyarrow.ArrowException,
)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} cannot be read ({reason[:300]}).") from error


def _blocks(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    remaining = iter(rows)
    while block := list(islice(remaining, size)):
        yield block

"""A person's own table of texts: CSV, Parquet or JSON Lines.

Here a file becomes rows; whether a row can be learned from is for validation to say. What cannot
even be read as a row is refused with its number: the row's place in the file, counted from 0
without the header.
"""

import csv
import difflib
import io
import json
import sys
from collections.abc import Callable, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet

from latentops.data.raw import Raw, make_table, refusals
from latentops.data.settings import Settings
from latentops.errors import DataError

SPLITS = {
    "train": ("train", "training"),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test", "testing"),
}
_SPLIT_OF = {spelling: split for split, spellings in SPLITS.items() for spelling in spellings}
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class Rows(NamedTuple):
    """Columns of equal length, the place of each row in the file, and what could not be read."""

    columns: dict[str, list[Any]]
    places: list[int]
    refused: list[tuple[int, str, str, Any]]


def read_table(path: Path, settings: Settings) -> Raw:
    """The texts, labels, splits and scope that `path` holds."""
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty.")
    rows = READERS[path.suffix.lower()](path)
    if not rows.columns or not (rows.places or rows.refused):
        raise DataError(f"{path} holds no rows.")
    rows = without_broken_text(rows)
    return Raw(
        name=str(path),
        kind="text",
        table=_table(rows, path, settings),
        refused=refusals(rows.refused),
    )


def _table(rows: Rows, path: Path, settings: Settings) -> pd.DataFrame:
    text = _column(rows, settings.text_column, "data.text_column", path)
    label = None
    if settings.label_column is not None:
        label = _column(rows, settings.label_column, "data.label_column", path)
    table = make_table(
        len(rows.places),
        text=[None if is_null(value) else value for value in text],
        label=None if label is None else map(as_label, label),
        split=map(as_split, rows.columns.get("split", [])) if "split" in rows.columns else None,
        in_scope=map(as_truth, rows.columns["in_scope"]) if "in_scope" in rows.columns else None,
    )
    return table.assign(row=np.array(rows.places, dtype=np.int64))


def without_broken_text(rows: Rows) -> Rows:
    """`rows` without those where a value holds a lone surrogate, which no file could be given."""
    broken = {
        i: (rows.places[i], name, "is not UTF-8", value)
        for name, values in rows.columns.items()
        for i, value in enumerate(values)
        if isinstance(value, str) and not _is_utf8(value)
    }
    keep = [i for i in range(len(rows.places)) if i not in broken]
    return Rows(
        {name: [values[i] for i in keep] for name, values in rows.columns.items()},
        [rows.places[i] for i in keep],
        [*rows.refused, *(broken[i] for i in sorted(broken))],
    )


def _is_utf8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _column(rows: Rows, name: str, setting: str, path: Path) -> list[Any]:
    if name in rows.columns:
        return rows.columns[name]
    found = list(rows.columns)
    if mark := _other_separator(found):
        raise DataError(
            f"{path} has no column {name!r}, for its first line is one field: {found[0][:40]!r}. "
            f"Are the fields separated by {mark!r}? A .csv has commas between them, a .tsv tabs."
        )
    guess = difflib.get_close_matches(name.lower(), [column.lower() for column in found], n=1)
    near = next((column for column in found if guess and column.lower() == guess[0]), None)
    shown = ", ".join(repr(column[:40]) for column in found[:8]) + (", ..." if found[8:] else "")
    hint = f" Did you mean {near!r}?" if near else ""
    without = " (null: no labels)" if setting == "data.label_column" else ""
    raise DataError(
        f"{path} has no column {name!r}.{hint} "
        f"It has {shown}: set {setting} to one of them{without}."
    )


def _other_separator(names: Sequence[str]) -> str:
    """What stands between the names where they were read as one; else empty."""
    return next((mark for mark in ";\t|," if len(names) == 1 and mark in names[0]), "")


def is_null(value: Any) -> bool:
    """None, NaN and NaT; an array or a list is none of them."""
    return value is None or (not isinstance(value, str) and value != value and np.ndim(value) == 0)


def as_label(value: Any) -> Any:
    """A label as text: whole numbers lose their `.0`, blanks and the word nan are null; the rest
    stays as it is."""
    if is_null(value):
        return None
    if isinstance(value, str):
        name = value.strip()
        return None if name.lower() in ("", "nan") else name
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Integral) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    return value


def as_split(value: Any) -> Any:
    """train, valid or test for their usual spellings; the rest stays as it is."""
    return _SPLIT_OF.get(value.strip().lower(), value) if isinstance(value, str) else value


def as_truth(value: Any) -> Any:
    """True or False for their usual spellings; the rest stays as it is."""
    return _TRUTH.get(str(value).strip().lower(), value)


def _read_csv(path: Path, delimiter: str = ",") -> Rows:
    text = decode(path)
    records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    previous = csv.field_size_limit(sys.maxsize)
    try:
        return _align([record for record in records if record], path)
    except csv.Error as error:
        raise DataError(
            f"{path} cannot be read as CSV (line {records.line_num}: {error}). Is a quote left "
            "open? A field that holds quotes or line breaks stands in double quotes, and quotes in "
            "it are doubled."
        ) from error
    finally:
        csv.field_size_limit(previous)


def _align(records: Sequence[list[str]], path: Path) -> Rows:
    header, *body = records or [[]]
    if twice := {name for name in header if name and header.count(name) > 1}:
        raise DataError(f"{path} has the column {sorted(twice)[0]!r} twice. Rename one.")
    fits = [len(record) == len(header) for record in body]
    reason = f"has another number of fields than the header's {len(header)}"
    refused = [
        (place, "", reason, ",".join(record))
        for place, (record, fit) in enumerate(zip(body, fits, strict=True))
        if not fit
    ]
    places = [place for place, fit in enumerate(fits) if fit]
    columns = {name: [body[place][i] for place in places] for i, name in enumerate(header)}
    return Rows(columns, places, refused)


def _read_tsv(path: Path) -> Rows:
    return _read_csv(path, delimiter="\t")


def _read_json_lines(path: Path) -> Rows:
    objects: dict[int, dict[str, Any]] = {}
    refused = []
    lines = [line for line in decode(path).split("\n") if line.strip()]
    for place, line in enumerate(lines):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            refused.append((place, "", "is not JSON", line))
            continue
        if isinstance(value, dict):
            objects[place] = value
        else:
            refused.append((place, "", "is not a JSON object", line))
    if not objects:
        raise DataError(
            f"{path} holds no JSON object. JSON Lines has one, in braces, on each line."
        )
    names = dict.fromkeys(name for value in objects.values() for name in value)
    columns = {name: [value.get(name) for value in objects.values()] for name in names}
    return Rows(columns, list(objects), refused)


def _read_parquet(path: Path) -> Rows:
    try:
        table = pyarrow.parquet.read_table(path)
        columns = {name: table.column(name).to_pylist() for name in table.column_names}
    except (pyarrow.ArrowException, ValueError, OSError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{path} cannot be read as Parquet ({reason}).") from error
    return Rows(columns, list(range(table.num_rows)), [])


READERS: dict[str, Callable[[Path], Rows]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
}


def decode(path: Path) -> str:
    """The text of a UTF-8 file; bytes that are not UTF-8 stay in it as lone surrogates, so that
    their rows are refused and no others."""
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path} is UTF-16. Save it as UTF-8: `iconv -f UTF-16 -t UTF-8`.")
    text = content.decode("utf-8-sig", errors="surrogateescape")
    if "\0" in text or _share(text[:4096], _is_control) > 0.05:
        raise DataError(f"{path} is not a text file: it holds binary data.")
    return text


def _share(text: str, of: Callable[[str], bool]) -> float:
    return sum(map(of, text)) / max(1, len(text))


def _is_control(character: str) -> bool:
    return character < " " and character not in "\t\n\r"

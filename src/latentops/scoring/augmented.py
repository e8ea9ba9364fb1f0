"""A file of texts in, new rows made of them out, each with where it came from."""

import difflib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow
from tqdm import tqdm

from latentops import artifacts
from latentops.data import corruption
from latentops.errors import DataError, SettingsError
from latentops.inference import augmenting, tasks
from latentops.inference.predictor import Predictor
from latentops.scoring import readers, run, writers

VAE = "vae"
METHODS = (VAE, *augmenting.EASY)
LABEL = "label"  # a column of this name is carried over unasked
_ORIGIN = (("source_row", pyarrow.int64()), ("method", pyarrow.string()), ("seed", pyarrow.int64()))
_ROWS_AT_ONCE = 4096  # made ones that are held in memory


@dataclass(frozen=True)
class Summary:
    """What was done."""

    rows: int  # of the input
    made: int
    skipped: int  # rows of which nothing could be made
    seconds: float


@dataclass(frozen=True)
class Recipe:
    """How rows are made. Method vae takes a model of texts, the others need none."""

    method: str
    n: int  # new rows of each
    seed: int
    predictor: Predictor | None = None

    def of(self, texts: Sequence[str], rows: Sequence[int]) -> pd.DataFrame:
        """Columns row, of `rows`, and text; nothing of a text without a word (vae: a known one)."""
        if self.predictor is None:
            return self._changed(texts, rows)
        made = self.predictor.augment(texts, self.n, self.seed, rows)
        assert isinstance(made, pd.DataFrame)
        return made

    def _changed(self, texts: Sequence[str], rows: Sequence[int]) -> pd.DataFrame:
        pairs = zip(rows, texts, strict=True)
        made = [
            (row, augmenting.easy(text, self.method, tasks.draw_of(self.seed, row, number)))
            for row, text in pairs
            if corruption.word_count(text)
            for number in range(self.n)
        ]
        return pd.DataFrame(made, columns=["row", "text"])


class _Columns(NamedTuple):
    text: str
    label: str | None


def require_texts(predictor: Predictor) -> None:
    """Raises SettingsError for a model of images."""
    if predictor.spec.kind == "image":
        raise SettingsError(
            "This command makes rows of texts, and the model reads images. Ask it for new images "
            "by its task augment: model.predict(images, params={'task': 'augment', 'n': 2})."
        )


def augment_file(
    recipe: Recipe, source: Path, target: Path, text_column: str = "text", label: str | None = None
) -> Summary:
    """Write what is made of each row of `source` to `target`, in order, whole or not at all.

    Columns: the text, the label as it was (`label`, or where there is one the column of that name),
    source_row counted from 0, method and seed. Raises DataError and SettingsError.
    """
    given = readers.open_input(source, "counts", text_column)
    if label == text_column:
        raise SettingsError(f"Column {label!r} holds the texts: name another one for the labels.")
    columns = _Columns(text_column, _label_column(given.schema, label, source))
    schema = _schema(given.schema, columns, source)
    writers.check_columns(target, schema)
    started, rows, made, used = time.perf_counter(), 0, 0, 0
    with (
        artifacts.whole_file(target) as partial,
        writers.WRITERS[target.suffix.lower()](partial, schema) as write,
        tqdm(total=given.rows, unit=" rows", disable=None) as bar,  # None: only in a terminal
    ):
        for chunk in given.chunks(max(1, _ROWS_AT_ONCE // recipe.n)):
            there = run.present(chunk, rows, text_column)
            texts = [chunk.raw[place] for place in there]
            found = recipe.of(texts, [rows + place for place in there]) if texts else _NOTHING
            write(_table(found, chunk.kept, rows, recipe, schema, columns))
            rows += len(chunk.raw)
            made += len(found)
            used += found["row"].nunique()
            bar.update(len(chunk.raw))
    return Summary(rows, made, rows - used, time.perf_counter() - started)


_NOTHING = pd.DataFrame({"row": [], "text": []})


def _table(
    found: pd.DataFrame,
    kept: pyarrow.Table,
    rows_before: int,
    recipe: Recipe,
    schema: pyarrow.Schema,
    columns: _Columns,
) -> pyarrow.Table:
    row = found["row"].astype("int64")
    values: dict[str, object] = {
        columns.text: found["text"].tolist(),
        "source_row": row.to_numpy(),
        "method": [recipe.method] * len(found),
        "seed": [recipe.seed] * len(found),
    }
    if columns.label is not None:
        places = pyarrow.array(row.to_numpy() - rows_before)
        values[columns.label] = kept.column(columns.label).take(places)
    return pyarrow.table({name: values[name] for name in schema.names}, schema=schema)


def _schema(given: pyarrow.Schema, columns: _Columns, source: Path) -> pyarrow.Schema:
    taken = [name for name, _ in _ORIGIN if name in columns]
    if taken:
        raise DataError(
            f"{source} has its texts or labels in the column {taken[0]!r}, which says of new rows "
            "where they came from. Rename it first."
        )
    label = [] if columns.label is None else [given.field(columns.label)]
    return pyarrow.schema([(columns.text, pyarrow.string()), *label, *_ORIGIN])


def _label_column(given: pyarrow.Schema, asked: str | None, source: Path) -> str | None:
    if asked is None:
        return LABEL if LABEL in given.names else None
    if asked not in given.names:
        guess = difflib.get_close_matches(asked, given.names, n=1)
        hint = f" Did you mean {guess[0]!r}?" if guess else ""
        raise DataError(f"{source} has no column {asked!r} for the labels.{hint}")
    return asked

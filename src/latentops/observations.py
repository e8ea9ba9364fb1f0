# ruff: noqa: N815 - names end in their shape suffixes
"""What a model saw in some rows of use, without their texts: the file that `monitor` reads.

The service writes it of the rows that it answered; `latentops monitor` makes the same of a table
of texts or of images. Shape suffixes: N rows, Z latent dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import pyarrow
import pyarrow.parquet

from latentops import artifacts
from latentops.artifacts import Schema
from latentops.errors import DataError

_ABOUT = b"latentops.window"  # a key of the Parquet file's own metadata


class About(Schema):
    """Whose observations they are, and of how many rows the file's are a sample."""

    name: str  # of the model
    version: str
    lineage_key: str
    rows_seen: int  # as many as the file has, or more: then chance chose those that it has


class Row(NamedTuple):
    """One row; None: nobody asked for it, or there is no such thing."""

    words: int | None  # of the text (`terms.analyze`), each as often as it stands; images: None
    unknown_words: int | None  # of these, how many have no column in the vocabulary
    nats_per_word: float | None  # -ELBO by known words; None where none is known. Images: by pixels
    label: str | None  # the most probable class, out of scope or not
    out_of_scope: bool | None
    z: Sequence[float] | None  # the posterior mean


SCHEMA = pyarrow.schema(
    [
        ("words", pyarrow.int32()),
        ("unknown_words", pyarrow.int32()),
        ("nats_per_word", pyarrow.float32()),
        ("label", pyarrow.string()),
        ("out_of_scope", pyarrow.bool_()),
        ("z", pyarrow.list_(pyarrow.float32())),
    ]
)


@dataclass(frozen=True)
class Observations:
    """The same in columns."""

    words_N: np.ndarray  # int64; -1: None
    unknown_words_N: np.ndarray  # int64; -1: None
    nats_per_word_N: np.ndarray  # float64; NaN: None
    label_N: np.ndarray  # str objects, or None
    out_of_scope_N: np.ndarray  # int8: 1, 0, or -1: None
    z_NZ: np.ndarray  # float32; a row of NaN: None. Z is 0 where no row has one

    def __len__(self) -> int:
        return len(self.words_N)

    @classmethod
    def joined(cls, parts: "Sequence[Observations]") -> Self:
        """Those of one model, one after another."""
        return cls(
            *(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(cls))
        )

    def subset(self, rows: np.ndarray) -> Self:
        """Those of these places, or where the truth is."""
        return type(self)(
            self.words_N[rows],
            self.unknown_words_N[rows],
            self.nats_per_word_N[rows],
            self.label_N[rows],
            self.out_of_scope_N[rows],
            self.z_NZ[rows],
        )


def nats_per_word(
    elbo_nats_N: np.ndarray, words_N: np.ndarray, unknown_words_N: np.ndarray
) -> np.ndarray:
    """-ELBO by known words, however many of them the decoder reconstructs; NaN where there is none.

    An unknown word costs a model nothing: it does not see it.
    """
    known_N = (words_N - unknown_words_N).astype(np.float64)
    return np.asarray(-elbo_nats_N / np.where(known_N > 0, known_N, np.nan))


def rows(seen: Observations) -> list[Row]:
    """The same by row."""
    columns = (
        seen.words_N,
        seen.unknown_words_N,
        seen.nats_per_word_N,
        seen.label_N,
        seen.out_of_scope_N,
        seen.z_NZ,
    )
    return [
        Row(
            None if words < 0 else words,
            None if unknown < 0 else unknown,
            None if np.isnan(nats) else nats,
            label,
            None if outside < 0 else bool(outside),
            z_Z,
        )
        for words, unknown, nats, label, outside, z_Z in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def write(rows: Sequence[Row], about: About, path: Path) -> None:
    """As Parquet, whole or not at all."""
    columns = zip(*rows, strict=True) if rows else ((),) * len(SCHEMA)
    arrays = [
        pyarrow.array(column, type=field.type)
        for column, field in zip(columns, SCHEMA, strict=True)
    ]
    schema = SCHEMA.with_metadata({_ABOUT: about.model_dump_json().encode()})
    with artifacts.whole_file(path) as partial:
        pyarrow.parquet.write_table(pyarrow.Table.from_arrays(arrays, schema=schema), partial)


def is_window(path: Path) -> bool:
    """Whether `write` wrote it; any other file, and none, is not."""
    try:
        return _ABOUT in (pyarrow.parquet.read_schema(path).metadata or {})
    except (OSError, pyarrow.ArrowException):
        return False


def read(path: Path) -> tuple[Observations, About]:
    """What `write` wrote. Raises DataError for anything else."""
    try:
        table = pyarrow.parquet.read_table(path)
        about = About.model_validate_json((table.schema.metadata or {})[_ABOUT])
        return _columns(table.cast(SCHEMA)), about
    except (OSError, KeyError, ValueError, pyarrow.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path} is no window that the service counted ({reason[:200]}). `latentops serve "
            "--window FILE` writes one."
        ) from error


def _columns(table: pyarrow.Table) -> Observations:
    def numbers(name: str, missing: float) -> np.ndarray:
        return np.asarray(table[name].fill_null(missing).to_numpy())

    return Observations(
        words_N=numbers("words", -1).astype(np.int64),
        unknown_words_N=numbers("unknown_words", -1).astype(np.int64),
        nats_per_word_N=numbers("nats_per_word", np.nan).astype(np.float64),
        label_N=np.array([*table["label"].to_pylist()], dtype=object),
        out_of_scope_N=numbers_of_truths(table["out_of_scope"].to_pylist()),
        z_NZ=_codes(table["z"].to_pylist()),
    )


def numbers_of_truths(truths: Sequence[bool | None]) -> np.ndarray:
    """int8 [N]: 1, 0, or -1 for None."""
    return np.array([-1 if truth is None else int(truth) for truth in truths], dtype=np.int8)


def _codes(rows: Sequence[Sequence[float] | None]) -> np.ndarray:
    """Raises ValueError where their lengths differ."""
    lengths = {len(row) for row in rows if row is not None}
    if len(lengths) > 1:
        raise ValueError(f"codes of {min(lengths)} and of {max(lengths)} dimensions")
    latent = lengths.pop() if lengths else 0
    missing = [np.nan] * latent
    filled = [missing if row is None else row for row in rows]
    return np.array(filled, dtype=np.float32).reshape(len(rows), latent)

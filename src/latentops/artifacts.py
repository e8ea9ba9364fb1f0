"""The files that stages exchange: their names, their schemas, and reading and writing them whole.

Tensors travel as numpy arrays in safetensors, tables as Parquet, the rest as JSON without NaN.
Paths are relative to the folder that holds dvc.yaml, which is where every stage runs.
"""

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import pydantic
import safetensors
import safetensors.numpy

from latentops.errors import ArtifactError

if TYPE_CHECKING:
    import pandas as pd

Split = Literal["train", "valid", "test"]
Arrays = dict[str, np.ndarray]

SPEC = Path("data/spec.json")
VOCABULARY = Path("data/vocabulary.json")
REFUSED = Path("data/refused.csv")
DATA_REPORT = Path("data/report.json")
DATA_PICTURE = Path("data/report.png")
WEIGHTS = Path("model/weights.safetensors")
MODEL_SETTINGS = Path("model/settings.json")
RUN = Path("model/run.json")
REPEATS = Path("model/repeats")
REPEATS_LIST = Path("model/repeats/repeats.json")
HELD_OUT_WEIGHTS = Path("model/repeats/held-out.safetensors")
HEAD = Path("model/head.safetensors")
HEAD_FACTS = Path("model/head.json")
TRAIN_METRICS = Path("metrics/train.json")
EVAL_METRICS = Path("metrics/eval.json")
VERDICT = Path("metrics/verdict.json")
APPLICATIONS = Path("metrics/applications.json")
APPLICATION_IMAGES = Path("plots/applications/images.safetensors")
TRAINING_CURVE = Path("plots/training.csv")
VERDICT_PLOTS = Path("plots/verdict")
REPORT_PAGE = Path("reports/report.html")
REPORT_TEXT = Path("reports/report.md")
REGISTERED = Path("mlruns/registered.json")
STUDY_BEST = Path("tune/best.json")
STUDY_TRIALS = Path("tune/trials.parquet")
STUDY_CURVES = Path("tune/curves.csv")
STUDY_IMPORTANCE = Path("tune/importance.csv")
STUDY_PICTURES = Path("tune/pictures")
STUDY_REPORT = Path("tune/report.html")
STUDY_COMPARE = Path("tune/compare.json")

_WRITTEN_BY = {
    "data": "prepare",
    "model": "train",
    "repeats": "repeat",
    "tune": "tune/dvc.yaml:tune",
}
_WRITTEN_BY_FILE = {
    HEAD: "head",
    HEAD_FACTS: "head",
    VERDICT: "verdict",
    APPLICATIONS: "applications",
    APPLICATION_IMAGES: "applications",
    TRAIN_METRICS: "train",
    TRAINING_CURVE: "train",
    EVAL_METRICS: "evaluate",
    REGISTERED: "register",
}


def table_path(split: Split) -> Path:
    """What each example is: row, text, label, in_scope and known factors."""
    return Path(f"data/{split}.parquet")


def tensors_path(split: Split) -> Path:
    """What a model sees: images or CSR word counts, y and in_scope."""
    return Path(f"data/{split}.safetensors")


def repeat_path(offset: int) -> Path:
    """Weights of the model trained once more with `train.seed` + `offset`; from 1."""
    return REPEATS / f"seed-{offset}.safetensors"


PAD, UNKNOWN, START, END = range(4)
"""The tokens that every tokenizer has."""

LONGEST = 200
"""Tokens, END among them, at which the writing of a sentence is cut off."""


class Schema(pydantic.BaseModel):
    """A JSON file with known fields."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Spec(Schema):
    """How to read the tensors of one prepared data set."""

    source: str
    kind: Literal["image", "counts"]
    shape: tuple[int, ...]  # image: channels, height, width; counts: terms
    levels: int | None = None  # image: grey levels of a stored pixel, 2 when binary
    binarization: Literal["none", "static", "dynamic"] = "none"
    classes: tuple[str, ...] = ()  # y indexes these; y = -1 has no label
    factors: tuple[str, ...] = ()  # table columns with known generative factors
    synthetic: bool = False
    tokens: int | None = None  # kinds of token, where texts are sequences of them too
    licence: str = ""

    @property
    def levels_stored(self) -> int:
        """Of a pixel as it is given. Raises ArtifactError where the file does not say."""
        if self.levels is None:
            raise ArtifactError(
                f"spec.json of {self.source!r} states no grey levels. Stage 'prepare' writes it: "
                "run `dvc repro prepare`."
            )
        return self.levels

    @property
    def levels_read(self) -> int:
        """Of a pixel as the model reads it."""
        return 2 if self.binarization == "dynamic" else self.levels_stored


class Vocabulary(Schema):
    """The terms of a bag of words. Empty for images.

    `terms[i]` is column i of the counts. `target` lists the columns that a decoder reconstructs.
    `document_frequency[i]` counts the training documents, of `documents`, that hold term i.
    """

    terms: tuple[str, ...] = ()
    target: tuple[int, ...] = ()
    document_frequency: tuple[int, ...] = ()
    documents: int = 0
    words: bool = True
    pairs: bool = False  # pairs of neighbouring words
    characters: tuple[int, int] | None = None  # n-gram lengths inside words, or none
    tokenizer: str = ""  # the JSON of the `tokenizers` library; empty: no sequences


class Repeat(Schema):
    """One more training with the same settings and another seed."""

    seed: int
    file: str  # in the folder of repeats.json
    train_seconds: float


class HeldOut(Schema):
    """A training without the rows of some classes, named by `Spec.classes`."""

    classes_valid: tuple[str, ...]
    classes_test: tuple[str, ...]
    file: str
    train_seconds: float


class OfBeta(Schema):
    """Trainings with another `objective.beta`, one for each seed."""

    beta: float
    repeats: tuple[Repeat, ...]


class Repeats(Schema):
    """model/repeats/repeats.json: the trainings beside the one that is shipped."""

    seeds: tuple[Repeat, ...] = ()
    held_out: HeldOut | None = None
    denoising: Repeat | None = None  # with damaged inputs, and the seed of the one that is shipped
    by_beta: tuple[OfBeta, ...] = ()


M = TypeVar("M", bound=pydantic.BaseModel)


def read_schema(schema: type[M], path: Path) -> M:
    """Read a JSON file into its schema."""
    try:
        return schema.model_validate(read_json(path))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ArtifactError(
            f"{path} does not fit this version ({place}: {first['msg']}). {_remedy(path)}"
        ) from error


def read_json(path: Path) -> Any:
    with _reading(path):
        return json.loads(path.read_text(encoding="utf-8"))


def write_json(value: Mapping[str, Any] | pydantic.BaseModel, path: Path) -> None:
    """Write JSON that every reader accepts: NaN and infinity are refused."""
    plain = value.model_dump(mode="json") if isinstance(value, pydantic.BaseModel) else value
    try:
        text = json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise ArtifactError(f"{path} would hold a number that is not finite: {plain}") from error
    write_text(text + "\n", path)


def write_text(text: str, path: Path) -> None:
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def read_table(path: Path) -> "pd.DataFrame":
    """Read Parquet, or CSV where the name ends so."""
    import pandas as pd  # slow to import, and a model is served without it

    with _reading(path):
        return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


def write_table(table: "pd.DataFrame", path: Path) -> None:
    """Write Parquet, or CSV where the name ends so."""
    with whole_file(path) as partial:
        if path.suffix == ".csv":
            table.to_csv(partial, index=False)
        else:
            table.to_parquet(partial, index=False)


def read_tensors(path: Path) -> Arrays:
    with _reading(path):
        return safetensors.numpy.load_file(path)


def write_tensors(arrays: Arrays, path: Path) -> None:
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    with whole_file(path) as partial:
        partial.write_bytes(safetensors.numpy.save(contiguous))


def md5(path: Path) -> str:
    """The digest by which DVC knows the file."""
    with _reading(path), path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def sha256(path: Path) -> str:
    """Of the bytes of a file, which somebody might want to exchange."""
    with _reading(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tensors_sha256(arrays: Arrays) -> str:
    """A digest of names, types, shapes and values, whatever the file format adds."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        digest.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


_UNWRITABLE = (
    errno.EACCES,
    errno.EROFS,
    errno.EPERM,
    errno.EEXIST,  # a file where the folder should be
    errno.EISDIR,
    errno.ENOTDIR,
    errno.ENAMETOOLONG,
)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Write to the path this gives; `path` then changes in one step, or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        os.replace(partial, path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ArtifactError(
                f"No space is left to write {path}. The file was left as it was: free some space "
                "and run the command again."
            ) from error
        if error.errno in _UNWRITABLE or not path.parent.is_dir():
            raise ArtifactError(
                f"{path} cannot be written: {error.strerror}. Make it writable, or write elsewhere."
            ) from error
        raise
    finally:
        with suppress(OSError):  # where its folder cannot be, it is not either
            partial.unlink()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} is missing. {_remedy(path)}") from error
    except (ValueError, OSError, safetensors.SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise ArtifactError(f"{path} cannot be read ({reason}). {_remedy(path)}") from error


def _remedy(path: Path) -> str:
    stage = _WRITTEN_BY_FILE.get(path) or _WRITTEN_BY.get(path.parent.name)
    return f"Stage {stage!r} writes it: run `dvc repro {stage}`." if stage else "Write it again."

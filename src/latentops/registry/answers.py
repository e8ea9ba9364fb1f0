# ruff: noqa: N802, N815 - names end in their shape suffixes
"""What a model folder makes of the project's test split, row by row.

Shape suffixes: N rows in scope, S rows out of scope.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import scipy.sparse
import torch

from latentops import artifacts, portion, provenance
from latentops.artifacts import Arrays, Spec, Vocabulary
from latentops.classifier import Judgement
from latentops.data.batches import Images
from latentops.errors import DataError
from latentops.evaluation.scores import elbo_terms
from latentops.inference.predictor import Predictor
from latentops.metrics import latent
from latentops.portion import Portion, Prepared

_TEST = artifacts.tensors_path("test")
ROWS_IN_MEMORY = 4 * portion.ROWS_AT_ONCE  # a multiple, as elbo_terms asks


@dataclass(frozen=True)
class CurrentTest:
    """The test split as the project's files hold it now; images as they are read, nothing drawn."""

    spec: Spec
    vocabulary: Vocabulary
    arrays: Arrays
    table: pd.DataFrame

    @classmethod
    def read(cls, seed: int) -> Self:
        """`seed` binarizes dynamic images, as it does in evaluation."""
        _require_prepared()
        spec = artifacts.read_schema(Spec, artifacts.SPEC)
        arrays = artifacts.read_tensors(_TEST)
        table = artifacts.read_table(artifacts.table_path("test"))
        if len(table) != (rows := len(arrays["y"])):
            raise DataError(
                f"{artifacts.table_path('test')} has {len(table)} rows and {_TEST} {rows}: they "
                "are not of one preparation. Run `dvc repro`."
            )
        if "text" in table:  # each model counts them anew
            arrays = {name: arrays[name] for name in ("y", "in_scope")}
        if spec.binarization == "dynamic":
            arrays["x"] = _binarized(arrays["x"], spec, seed)
            spec = spec.model_copy(update={"levels": 2, "binarization": "none"})
        return cls(
            spec=spec,
            vocabulary=artifacts.read_schema(Vocabulary, artifacts.VOCABULARY),
            arrays=arrays,
            table=table,
        )

    def __len__(self) -> int:
        return len(self.arrays["y"])

    @property
    def in_scope_N(self) -> np.ndarray:
        """Row numbers."""
        return np.flatnonzero(self.arrays["in_scope"])

    @property
    def strangers_S(self) -> np.ndarray:
        """Row numbers."""
        return np.flatnonzero(~self.arrays["in_scope"])

    @property
    def label_N(self) -> np.ndarray:
        """Names of classes; empty where a row in scope has no label."""
        names = np.array([*self.spec.classes, ""], dtype=object)
        return np.asarray(names[self.arrays["y"][self.in_scope_N]])  # -1: the last

    @property
    def has_texts(self) -> bool:
        return "text" in self.table

    def raw(self, rows: np.ndarray) -> list[str] | np.ndarray:
        """As a person would give them; ready counts become texts again, of their words."""
        if self.spec.kind == "image":
            return np.asarray(self.arrays["x"][rows])
        if self.has_texts:
            return [str(text) for text in self.table["text"].iloc[rows]]
        counts = self._ready_counts(rows)
        return [" ".join(np.repeat(self._terms_V[row.indices], row.data)) for row in counts]

    def portion(self, predictor: Predictor, rows: np.ndarray) -> Portion:
        """Those rows as that model reads them: texts through its own vocabulary."""
        known = {name: self.arrays[name][rows] for name in ("y", "in_scope")}
        prepared = Prepared({**known, **self._seen(predictor, rows)}, self.table.iloc[rows])
        spec = self.spec if self.spec.kind == "image" else predictor.spec
        model, vocabulary = predictor.settings, predictor.vocabulary
        return portion.whole("test", prepared, spec, vocabulary, model, seed=0)

    def _seen(self, predictor: Predictor, rows: np.ndarray) -> Arrays:
        if self.spec.kind == "image":
            return {"x": self.arrays["x"][rows]}
        if self.has_texts:
            texts = [str(text) for text in self.table["text"].iloc[rows]]
            return portion.arrays_of_texts(texts, predictor.vocabulary, predictor.settings)
        counts = self._ready_counts(rows)
        return {"indptr": counts.indptr, "indices": counts.indices, "counts": counts.data}

    def _ready_counts(self, rows: np.ndarray) -> scipy.sparse.csr_matrix:
        parts = (self.arrays["counts"], self.arrays["indices"], self.arrays["indptr"])
        counts = scipy.sparse.csr_matrix(parts, shape=(len(self), self.spec.shape[0]))
        return counts[rows]

    @property
    def _terms_V(self) -> np.ndarray:
        return np.array(self.vocabulary.terms, dtype=object)


def _require_prepared() -> None:
    """DataError where a file is not what stage prepare made; without dvc.lock nobody knows."""
    paths = (artifacts.SPEC, artifacts.VOCABULARY, _TEST, artifacts.table_path("test"))
    recorded = provenance.locked_md5("prepare")
    for path in paths:
        if path in recorded and artifacts.md5(path) != recorded[path]:
            raise DataError(
                f"{path} is not what dvc.lock says that stage prepare made, so it scores nobody. "
                f"`dvc checkout {path}` brings it back, `dvc repro` goes on with what changed."
            )


def require_readable(predictor: Predictor, test: CurrentTest, who: str) -> None:
    """DataError where the model cannot read the rows; `who` is challenger or champion."""
    theirs, ours = _read_by(predictor.spec), _read_by(test.spec)
    if theirs != ours:
        raise _other_data(who, theirs, ours)
    if test.spec.kind == "image" or test.has_texts:
        return
    if predictor.vocabulary.terms != test.vocabulary.terms:
        terms, needed = len(predictor.vocabulary.terms), len(test.vocabulary.terms)
        raise _other_data(who, f"{terms} terms", f"counts of {needed} other terms and no texts")
    if predictor.writes_sentences:
        raise _other_data(who, "sentences", "counts without an order")
    if not isinstance(predictor.head, str) and "familiarity" in predictor.head.needs:
        raise _other_data(who, "texts, in which it looks for unknown words", "no texts")


def _other_data(who: str, reads: str, found: str) -> DataError:
    return DataError(
        f"The {who} reads {reads}, and the project's test split holds {found}: it cannot be scored "
        "again. Give models of other data another registry.name."
    )


def _read_by(spec: Spec) -> str:
    if spec.kind == "counts":
        return "words"
    levels = 2 if spec.binarization == "dynamic" else spec.levels
    return f"images of {' x '.join(map(str, spec.shape))} with {levels} levels"


@dataclass(frozen=True)
class Judged:
    """By a classifier: names of classes, and how strange each row is to it."""

    label_N: np.ndarray
    strangeness_N: np.ndarray
    strangeness_S: np.ndarray
    threshold: float  # above it a row is out of scope


@dataclass(frozen=True)
class Answers:
    """Of one model."""

    rate_N: np.ndarray  # nats
    distortion_N: np.ndarray  # nats
    active_units: int
    judged: Judged | None  # None: it has no classifier

    @property
    def elbo_N(self) -> np.ndarray:
        return np.asarray(-(self.rate_N + self.distortion_N))


def answers(predictor: Predictor, test: CurrentTest, seed: int) -> Answers:
    """The ELBO's terms are those of evaluation with that seed. Numbers need not be finite."""
    generator = torch.Generator().manual_seed(seed)
    terms, known = [], []
    for some in _portions(predictor, test, test.in_scope_N):
        terms.append(elbo_terms(predictor.vae, some.examples, generator))
        known.append(_judgement(predictor, some))
    strange = [_judgement(predictor, some) for some in _portions(predictor, test, test.strangers_S)]
    none = torch.empty(0, dtype=torch.float64)
    means = [each.mean_NZ for each in terms]
    return Answers(
        rate_N=torch.cat([none, *(each.rate_N for each in terms)]).numpy(),
        distortion_N=torch.cat([none, *(each.distortion_N for each in terms)]).numpy(),
        active_units=latent.active_units(torch.cat(means)) if means else 0,
        judged=_judged(predictor, known, strange),
    )


def _portions(predictor: Predictor, test: CurrentTest, rows: np.ndarray) -> Iterator[Portion]:
    for start in range(0, len(rows), ROWS_IN_MEMORY):
        yield test.portion(predictor, rows[start : start + ROWS_IN_MEMORY])


def _judgement(predictor: Predictor, rows: Portion) -> Judgement | None:
    head = predictor.head
    if isinstance(head, str):
        return None
    given = portion.inputs(
        head, predictor.vae, rows.examples, rows.counts, predictor.vocabulary, rows.texts
    )
    return head.judge(given)


def _judged(
    predictor: Predictor, known: list[Judgement | None], strange: list[Judgement | None]
) -> Judged | None:
    if isinstance(predictor.head, str):
        return None
    names = np.array(predictor.head.classes, dtype=object)
    labels = [names[each.label_N] for each in known if each]
    return Judged(
        label_N=np.concatenate([np.empty(0, dtype=object), *labels]),
        strangeness_N=_strangeness(known),
        strangeness_S=_strangeness(strange),
        threshold=predictor.head.threshold,
    )


def _strangeness(judged: list[Judgement | None]) -> np.ndarray:
    return np.concatenate([np.empty(0), *(each.strangeness_N for each in judged if each)])


def _binarized(pixels: np.ndarray, spec: Spec, seed: int) -> np.ndarray:
    images = Images(torch.tensor(pixels), spec.levels or 2, dynamic=True)
    return images.frozen(seed).pixels.numpy()

# ruff: noqa: N802, N815 - names end in their shape suffixes
"""The shipped classifier: one linear map of terms or pixels, of means and of hidden layers.

Whatever it was fitted on (TF-IDF, LSA, PCA, means, joins of them) is folded into that map, so that
a prediction needs these tensors, head.json and numpy. Beside the class it gives the strangeness of
a row: how little it is like the rows of training.

Beside that map it keeps where each class lies in the latent space, for generation.

Shape suffixes: N rows, V terms, D pixels, Z latent dimensions, H hidden units, C classes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import numpy as np

from latentops import artifacts
from latentops.artifacts import Arrays, Schema
from latentops.errors import ArtifactError

Need = Literal["terms", "pixels", "mean", "hidden", "rate", "familiarity"]

_INT8 = 127


class Rows(Protocol):
    """N rows of numbers: an array, or sparse as those of scipy are."""

    def __matmul__(self, other: np.ndarray, /) -> Any: ...


@dataclass(frozen=True)
class Inputs:
    """N rows as a classifier reads them; what it does not need (`Classifier.needs`) may be None."""

    terms_NV: Rows | None = None  # data.weighting.tfidf
    pixels_ND: np.ndarray | None = None  # as the model reads them
    mean_NZ: np.ndarray | None = None
    hidden_NH: np.ndarray | None = None
    rate_nats_N: np.ndarray | None = None
    known_N: np.ndarray | None = None  # words and pairs of the text that have a column
    unknown_N: np.ndarray | None = None  # and that have none: data.familiarity


class Candidate(Schema):
    """One feature set that was tried."""

    features: str
    classifier: Literal["logistic", "svm"]
    inverse_penalty: float
    join: float | None  # weight of the blocks after the first; None: a single block
    accuracy: float | None  # of the rows that chose; None: nothing could be chosen
    bytes: int  # of the numbers that a prediction needs, the encoder's included


class Weighed(Schema):
    """One signal of the detector: `weight` x (signal - `mean`) / `sd`, over validation in scope."""

    weight: float
    mean: float
    sd: float

    def of(self, signal_N: np.ndarray) -> np.ndarray:
        return self.weight * (signal_N - self.mean) / self.sd


class Detector(Schema):
    """Strangeness is the sum of the weighed signals; a row above `threshold` is out of scope."""

    signals: dict[str, Weighed]
    threshold: float
    refused: float  # share of the in-scope validation rows above the threshold
    note: str  # what the weights were fitted on


class HeadFile(Schema):
    """model/head.json. Without a classifier `classes` is empty and `reason` says why."""

    classes: tuple[str, ...] = ()  # as Spec.classes; logits have their order
    reason: str = ""
    absent: tuple[str, ...] = ()  # classes without a training row: never predicted
    chosen: Candidate | None = None
    chosen_by: str = ""
    candidates: tuple[Candidate, ...] = ()
    train_rows: int = 0
    temperature: float = 1.0
    refuse: float = 0.05  # share of in-scope validation rows that was to be out of scope
    rounded_labels: float | None = None  # share of rows whose label int8 weights leave as it was
    detector: Detector | None = None


@dataclass(frozen=True)
class Rounded:
    """Weights in whole steps: `steps_VC` times `scale_C`, at most half a step from the original."""

    steps_VC: np.ndarray  # int8
    scale_C: np.ndarray  # float32

    @classmethod
    def of(cls, weights_VC: np.ndarray) -> Self:
        """With the largest weight of each class at 127 steps."""
        largest_C = np.abs(weights_VC).max(axis=0, initial=0.0)
        scale_C = np.where(largest_C > 0, largest_C / _INT8, 1.0).astype(np.float32)
        return cls(np.rint(weights_VC / scale_C).astype(np.int8), scale_C)

    @cached_property
    def weights_VC(self) -> np.ndarray:
        return np.asarray(self.steps_VC * self.scale_C, dtype=np.float32)


@dataclass(frozen=True)
class ClassCodes:
    """Mean and standard deviation of each class's aggregated posterior, [C, Z], float32.

    That is the mixture of q(z given x) over the training rows of the class. A class without a row
    has those of the prior.
    """

    mean_CZ: np.ndarray
    sd_CZ: np.ndarray

    @classmethod
    def of(
        cls, mean_NZ: np.ndarray, log_variance_NZ: np.ndarray, y_N: np.ndarray, classes: int
    ) -> Self:
        """Of the posteriors of N rows; those of y = -1 have no class."""
        mean_CZ = np.zeros((classes, mean_NZ.shape[1]), dtype=np.float32)
        sd_CZ = np.ones_like(mean_CZ)
        for y in np.unique(y_N[y_N >= 0]):
            own_NZ = mean_NZ[y_N == y].astype(np.float64)
            inside_NZ = np.exp(log_variance_NZ[y_N == y], dtype=np.float64)
            mean_CZ[y] = own_NZ.mean(axis=0)
            sd_CZ[y] = np.sqrt(own_NZ.var(axis=0) + inside_NZ.mean(axis=0))
        return cls(mean_CZ, sd_CZ)


@dataclass(frozen=True)
class Judgement:
    """What the classifier says of N rows."""

    label_N: np.ndarray  # indices of `Classifier.classes`
    probability_N: np.ndarray  # of that label
    strangeness_N: np.ndarray
    out_of_scope_N: np.ndarray  # bool


@dataclass(frozen=True)
class Classifier:
    """Tensors that a head does not read are None. `bias_C` is -inf for a class never predicted."""

    head: HeadFile
    bias_C: np.ndarray
    terms: Rounded | None = None
    pixels_DC: np.ndarray | None = None
    mean_ZC: np.ndarray | None = None
    hidden_HC: np.ndarray | None = None
    codes: ClassCodes | None = None  # None: it was made before there were any

    @property
    def classes(self) -> tuple[str, ...]:
        return self.head.classes

    @property
    def detector(self) -> Detector:
        assert self.head.detector is not None, "a head with classes has a detector"
        return self.head.detector

    @property
    def threshold(self) -> float:
        return self.detector.threshold

    @property
    def needs(self) -> frozenset[Need]:
        """Which of the inputs it reads."""
        signals = self.detector.signals
        parts: dict[Need, bool] = {
            "terms": self.terms is not None,
            "pixels": self.pixels_DC is not None,
            "mean": self.mean_ZC is not None,
            "hidden": self.hidden_HC is not None,
            "rate": "rate" in signals,
            "familiarity": "known" in signals or "unknown" in signals,
        }
        return frozenset(name for name, needed in parts.items() if needed)

    @property
    def needs_encoder(self) -> bool:
        return not self.needs.isdisjoint({"mean", "hidden", "rate"})

    @property
    def bytes(self) -> int:
        """Of the tensors that a prediction needs, as they are stored."""
        return sum(tensor.nbytes for tensor in self._map().values())

    def logits(self, inputs: Inputs) -> np.ndarray:
        """[N, C], float32; -inf for a class never predicted."""
        given: tuple[tuple[Rows | None, np.ndarray | None], ...] = (
            (inputs.terms_NV, None if self.terms is None else self.terms.weights_VC),
            (inputs.pixels_ND, self.pixels_DC),
            (inputs.mean_NZ, self.mean_ZC),
            (inputs.hidden_NH, self.hidden_HC),
        )
        read = [(rows, weights) for rows, weights in given if weights is not None]
        assert all(rows is not None for rows, _ in read), f"this head needs {sorted(self.needs)}"
        parts = [np.asarray(rows @ weights) for rows, weights in read if rows is not None]
        return np.asarray(sum(parts, start=self.bias_C), dtype=np.float32)

    def probabilities(self, logits_NC: np.ndarray) -> np.ndarray:
        """[N, C]; each row sums to 1."""
        scaled_NC = logits_NC / self.head.temperature
        odds_NC = np.exp(scaled_NC - scaled_NC.max(axis=1, keepdims=True))
        return np.asarray(odds_NC / odds_NC.sum(axis=1, keepdims=True))

    def strangeness(self, inputs: Inputs, logits_NC: np.ndarray) -> np.ndarray:
        """[N], higher for a row less like those of training; see `Detector`."""
        parts = [
            weighed.of(SIGNALS[name](inputs, logits_NC))
            for name, weighed in self.detector.signals.items()
        ]
        return np.asarray(sum(parts))

    def judge(self, inputs: Inputs) -> Judgement:
        logits_NC = self.logits(inputs)
        strangeness_N = self.strangeness(inputs, logits_NC)
        return Judgement(
            label_N=logits_NC.argmax(axis=1),
            probability_N=self.probabilities(logits_NC).max(axis=1),
            strangeness_N=strangeness_N,
            out_of_scope_N=strangeness_N > self.threshold,
        )

    def save(self, folder: Path) -> None:
        """head.safetensors and head.json."""
        tensors = self._map()
        if self.codes is not None:
            tensors |= {"class_mean": self.codes.mean_CZ, "class_sd": self.codes.sd_CZ}
        artifacts.write_tensors(tensors, folder / artifacts.HEAD.name)
        artifacts.write_json(self.head, folder / artifacts.HEAD_FACTS.name)

    def _map(self) -> Arrays:
        named: Mapping[str, np.ndarray | None] = {
            "bias": self.bias_C,
            "terms": None if self.terms is None else self.terms.steps_VC,
            "terms_scale": None if self.terms is None else self.terms.scale_C,
            "pixels": self.pixels_DC,
            "mean": self.mean_ZC,
            "hidden": self.hidden_HC,
        }
        return {name: array for name, array in named.items() if array is not None}


def save_absence(reason: str, folder: Path) -> None:
    """The files of a model without a classifier."""
    artifacts.write_tensors({}, folder / artifacts.HEAD.name)
    artifacts.write_json(HeadFile(reason=reason), folder / artifacts.HEAD_FACTS.name)


def load(folder: Path) -> Classifier | None:
    """The classifier that stands in `folder`; None where head.json says why there is none."""
    head = artifacts.read_schema(HeadFile, folder / artifacts.HEAD_FACTS.name)
    if not head.classes:
        return None
    tensors = artifacts.read_tensors(folder / artifacts.HEAD.name)
    if "bias" not in tensors or len(tensors["bias"]) != len(head.classes):
        raise ArtifactError(
            f"{folder / artifacts.HEAD.name} does not belong to the {len(head.classes)} classes of "
            "head.json beside it. Stage 'head' writes both: run `dvc repro head`."
        )
    terms = Rounded(tensors["terms"], tensors["terms_scale"]) if "terms" in tensors else None
    return Classifier(
        head=head,
        bias_C=tensors["bias"],
        terms=terms,
        pixels_DC=tensors.get("pixels"),
        mean_ZC=tensors.get("mean"),
        hidden_HC=tensors.get("hidden"),
        codes=ClassCodes(tensors["class_mean"], tensors["class_sd"])
        if "class_mean" in tensors
        else None,
    )


def _margin(inputs: Inputs, logits_NC: np.ndarray) -> np.ndarray:
    return np.asarray(-logits_NC.max(axis=1))


def _rate(inputs: Inputs, logits_NC: np.ndarray) -> np.ndarray:
    """A row that the encoder knows nothing about stays near the prior."""
    assert inputs.rate_nats_N is not None
    return -inputs.rate_nats_N


def _known(inputs: Inputs, logits_NC: np.ndarray) -> np.ndarray:
    assert inputs.known_N is not None
    return np.asarray(-np.log1p(inputs.known_N))


def _unknown(inputs: Inputs, logits_NC: np.ndarray) -> np.ndarray:
    assert inputs.unknown_N is not None
    return np.asarray(np.log1p(inputs.unknown_N))


SIGNALS: dict[str, Callable[[Inputs, np.ndarray], np.ndarray]] = {
    "margin": _margin,
    "rate": _rate,
    "known": _known,
    "unknown": _unknown,
}
"""What a detector may weigh, each [N] of the inputs and the logits, higher for a stranger."""

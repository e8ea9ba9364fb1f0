"""The classifier that is shipped: chosen on validation, folded, calibrated, with a detector.

Shape suffixes: N rows, F numbers of a block, C classes of the data.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import scipy.optimize
import scipy.special

from latentops import portion
from latentops.artifacts import Spec, Vocabulary
from latentops.classifier import (
    SIGNALS,
    Candidate,
    Classifier,
    Detector,
    HeadFile,
    Inputs,
    Rounded,
    Weighed,
)
from latentops.errors import SettingsError
from latentops.model import VAE
from latentops.portion import Portion
from latentops.verdict import detector, heads
from latentops.verdict.features import Basis, Blocks, available, names, uses_vae
from latentops.verdict.heads import Choice, Head
from latentops.verdict.settings import AUTO, CANDIDATES, CHOICES, DEFAULTS, HeadSettings

SEED = 0  # of LSA and of cuts inside the labels

_TEMPERATURES = (0.01, 100.0)
_READS = {
    "tfidf": "terms",
    "lsa": "terms",
    "pixels": "pixels",
    "pca": "pixels",
    "vae": "mean",
    "hidden": "hidden",
}
_WIDTH_OF = {"terms": "tfidf", "pixels": "pixels", "mean": "vae", "hidden": "hidden"}

Shipped = Classifier | str


@dataclass(frozen=True)
class Subject:
    """What is to be given a classifier."""

    vae: VAE  # in evaluation mode
    spec: Spec
    vocabulary: Vocabulary

    def inputs(self, classifier: Classifier, rows: Portion) -> Inputs:
        return portion.inputs(
            classifier, self.vae, rows.examples, rows.counts, self.vocabulary, rows.texts
        )


@dataclass(frozen=True)
class _Labelled:
    """Rows in scope that have a label."""

    portion: Portion
    blocks: Blocks

    @classmethod
    def of(cls, rows: Portion, blocks: Blocks) -> Self:
        at = np.flatnonzero(rows.y >= 0)
        return cls(rows.subset(at), heads.sliced(blocks, at))

    @property
    def y(self) -> np.ndarray:
        return self.portion.y


def ship(subject: Subject, train: Portion, valid: Portion, settings: HeadSettings) -> Shipped:
    """The classifier, or why there is none.

    `train` and `valid` are whole splits: rows of train that are out of scope are left out, those
    of valid are the strangers on which the detector is fitted. The rows of train without a label
    serve LSA, PCA and the scale of the features. Raises SettingsError for features that the data
    does not have.
    """
    train = train.subset(np.flatnonzero(train.in_scope))
    if reason := _no_classifier(train.y, subject.spec):
        return reason
    code = portion.read(subject.vae, train.examples)
    basis = Basis.fit(train, code, subject.vocabulary, subject.vae.latent, SEED)
    learned = _Labelled.of(train, basis.blocks(train, code))
    checked = _checked(subject, basis, valid)
    tried = _try(subject, learned, checked, settings)
    candidate, choice = min(tried, key=lambda each: _rank(each[0], subject.spec))
    head = heads.fit(learned.blocks, learned.y, candidate.features, choice)
    facts = HeadFile(
        classes=subject.spec.classes,
        absent=_absent(head, subject.spec),
        chosen=candidate,
        chosen_by=_chosen_by(candidate, checked, settings),
        candidates=tuple(each for each, _ in tried),
        train_rows=len(learned.y),
        refuse=settings.refuse,
        detector=_unfitted(["margin"]),
    )
    classifier = fold(head, basis, facts)
    if checked is not None:
        classifier = _calibrated(classifier, subject, head, checked)
    return _guarded(classifier, subject, valid)


def linear_map(head: Head, basis: Basis) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """`head` as weights [F, C] on what the blocks are made of (terms or pixels, means, hidden
    layers) and a bias [C]; float64, C the classes of the head."""
    bias_C = head.bias_C.astype(np.float64)
    sums: dict[str, np.ndarray] = {}
    for name, coefficients_FC in head.coefficients.items():
        weights_FC = coefficients_FC.astype(np.float64)
        if scale := basis.scales.get(name):
            weights_FC = weights_FC / scale.divisor_F[:, None]
            bias_C = bias_C - scale.mean_F @ weights_FC
        if name == basis.projected and basis.projection is not None:
            bias_C = bias_C - basis.projection.origin_K @ weights_FC
            weights_FC = basis.projection.components_DK @ weights_FC
        sums[_READS[name]] = sums.get(_READS[name], 0.0) + weights_FC
    return sums, bias_C


def fold(head: Head, basis: Basis, facts: HeadFile) -> Classifier:
    """That map for all classes of the data, terms in int8."""
    sums, bias_K = linear_map(head, basis)
    maps = {name: _widened(sums_FK, head, facts) for name, sums_FK in sums.items()}
    bias_C = np.full(len(facts.classes), -np.inf, dtype=np.float32)
    bias_C[head.classes_C] = bias_K
    return Classifier(
        head=facts,
        bias_C=bias_C,
        terms=Rounded.of(maps["terms"]) if "terms" in maps else None,
        pixels_DC=maps.get("pixels"),
        mean_ZC=maps.get("mean"),
        hidden_HC=maps.get("hidden"),
    )


def temperature(logits_NC: np.ndarray, y_N: np.ndarray) -> float:
    """That at which the labels are most probable; 1 without any. Logits are finite at `y_N`."""
    if not len(y_N):
        return 1.0

    def nll_nats(log_temperature: float) -> float:
        log_p_NC = scipy.special.log_softmax(logits_NC / np.exp(log_temperature), axis=1)
        return -float(log_p_NC[np.arange(len(y_N)), y_N].mean())

    bounds = tuple(np.log(_TEMPERATURES))
    return float(np.exp(scipy.optimize.minimize_scalar(nll_nats, bounds=bounds).x))


def _no_classifier(y: np.ndarray, spec: Spec) -> str:
    found = np.unique(y[y >= 0])
    if not len(found):
        return f"the training rows of {spec.source!r} have no labels."
    if len(found) == 1:
        return f"all labelled training rows of {spec.source!r} are {spec.classes[found[0]]!r}."
    return ""


def _checked(subject: Subject, basis: Basis, valid: Portion) -> _Labelled | None:
    """The rows of validation on which choices are made."""
    rows = valid.subset(np.flatnonzero(valid.in_scope)).labelled()
    if not len(rows):
        return None
    return _Labelled(rows, basis.blocks(rows, portion.read(subject.vae, rows.examples)))


def _names(spec: Spec, blocks: Blocks, settings: HeadSettings) -> Sequence[str]:
    """The feature sets to compare; raises SettingsError where the data has not the one named."""
    there = available(blocks)
    wanted = CANDIDATES[spec.kind] if settings.features == AUTO else (settings.features,)
    found = [name for name in wanted if name in there]
    if not found:
        choices = ", ".join(name for name in CHOICES[spec.kind] if name in there)
        raise SettingsError(
            f"head.features: {spec.source!r} has no {settings.features!r}. Set it to one of "
            f"{AUTO}, {choices}."
        )
    return found


def _try(
    subject: Subject, learned: _Labelled, checked: _Labelled | None, settings: HeadSettings
) -> list[tuple[Candidate, Choice]]:
    named = settings.classifier
    kinds: tuple[heads.Kind, ...] = ("svm", "logistic") if named == "auto" else (named,)
    valid = None if checked is None else (checked.blocks, checked.y)
    tried = []
    for name in _names(subject.spec, learned.blocks, settings):
        choice, accuracy = heads.choose(learned.blocks, learned.y, name, SEED, valid, kinds)
        candidate = Candidate(
            features=name,
            classifier=choice.classifier,
            inverse_penalty=choice.inverse_penalty,
            join=choice.join if "+" in name else None,
            accuracy=accuracy,
            bytes=_bytes(name, learned.blocks, subject),
        )
        tried.append((candidate, choice))
    return tried


def _bytes(features: str, blocks: Blocks, subject: Subject) -> int:
    """Of the tensors that a prediction reads: the folded map, and the encoder where needed."""
    classes = len(subject.spec.classes)
    size = 4 * classes
    for read in {_READS[name] for name in names(features)}:
        width = blocks[_WIDTH_OF[read]].shape[1]
        size += width * classes + 4 * classes if read == "terms" else 4 * width * classes
    if uses_vae(features):
        size += sum(each.numel() * each.element_size() for each in subject.vae.encoder.parameters())
    return size


def _rank(candidate: Candidate, spec: Spec) -> tuple[float, bool, int]:
    """Lowest for the most accurate; then, where nothing could be measured, for the default; then
    for the smallest."""
    measured = candidate.accuracy is not None
    is_default = candidate.features == DEFAULTS[spec.kind]
    return -(candidate.accuracy or 0.0), not (measured or is_default), candidate.bytes


def _chosen_by(candidate: Candidate, checked: _Labelled | None, settings: HeadSettings) -> str:
    if settings.features != AUTO:
        return "named in params.yaml"
    if candidate.accuracy is None:
        return "the default, for there are too few labels to compare"
    if checked is not None:
        return f"accuracy on {len(checked.y)} labelled validation rows"
    return "accuracy inside the training labels, for no validation row has a label"


def _absent(head: Head, spec: Spec) -> tuple[str, ...]:
    return tuple(name for y, name in enumerate(spec.classes) if y not in head.classes_C)


def _widened(weights_FK: np.ndarray, head: Head, facts: HeadFile) -> np.ndarray:
    """With columns of zeros for the classes that stood not in the labels, float32 [F, C]."""
    weights_FC = np.zeros((len(weights_FK), len(facts.classes)), dtype=np.float32)
    weights_FC[:, head.classes_C] = weights_FK
    return weights_FC


def _calibrated(
    classifier: Classifier, subject: Subject, head: Head, checked: _Labelled
) -> Classifier:
    """With its temperature, and what rounding does to the labels of the validation rows."""
    logits_NC = classifier.logits(subject.inputs(classifier, checked.portion))
    kept = float((logits_NC.argmax(axis=1) == head.predict(checked.blocks)).mean())
    possible = np.isin(checked.y, head.classes_C)
    found = temperature(logits_NC[possible], checked.y[possible])
    return _with(classifier, temperature=found, rounded_labels=kept)


def _guarded(classifier: Classifier, subject: Subject, valid: Portion) -> Classifier:
    """With its detector."""
    signal_names = _signals(valid)
    reading = _with(classifier, detector=_unfitted(signal_names))
    inputs = subject.inputs(reading, valid)
    logits_NC = reading.logits(inputs)
    signals = {name: SIGNALS[name](inputs, logits_NC) for name in signal_names}
    fitted = detector.fit(
        {name: values_N[valid.in_scope] for name, values_N in signals.items()},
        {name: values_N[~valid.in_scope] for name, values_N in signals.items()},
        classifier.head.refuse,
    )
    return _with(classifier, detector=fitted)


def _signals(valid: Portion) -> Sequence[str]:
    if (~valid.in_scope).sum() < detector.LEAST_STRANGERS:
        return ["margin"]
    has_texts = valid.counts is not None and valid.texts is not None
    return ["margin", "rate", "known", "unknown"] if has_texts else ["margin", "rate"]


def _unfitted(signals: Sequence[str]) -> Detector:
    """One that reads what these signals read."""
    weighed = dict.fromkeys(signals, Weighed(weight=1.0, mean=0.0, sd=1.0))
    return Detector(signals=weighed, threshold=0.0, refused=0.0, note="")


def _with(classifier: Classifier, **facts: Any) -> Classifier:
    return replace(classifier, head=classifier.head.model_copy(update=facts))

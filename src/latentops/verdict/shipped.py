"""The classifier that is shipped: chosen on validation, folded, calibrated, with a detector.

Shape suffixes: N rows, F numbers of a block, C classes of the data.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.optimize
import scipy.special

from latentops import portion
from latentops.artifacts import Spec, Vocabulary
from latentops.classifier import (
    SIGNALS,
    ClassCodes,
    Classifier,
    Detector,
    HeadFile,
    Inputs,
    Rounded,
    Weighed,
)
from latentops.model import VAE
from latentops.portion import Portion
from latentops.verdict import detector, selection
from latentops.verdict.features import Basis
from latentops.verdict.heads import Head
from latentops.verdict.selection import READS, SEED, Labelled, Progress
from latentops.verdict.settings import HeadSettings

_LEAST_TO_CALIBRATE = 50
_TEMPERATURES = (0.01, 100.0)
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


def ship(
    subject: Subject,
    train: Portion,
    valid: Portion,
    settings: HeadSettings,
    progress: Progress = iter,
) -> Shipped:
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
    learned = Labelled.of(train, basis.blocks(train, code))
    checked = _checked(subject, basis, valid)
    size = _encoder_bytes(subject.vae)
    found = selection.select(subject.spec, size, learned, checked, settings, progress)
    facts = HeadFile(
        classes=subject.spec.classes,
        absent=_absent(found.head, subject.spec),
        chosen=found.chosen,
        chosen_by=found.chosen_by,
        candidates=found.candidates,
        train_rows=len(learned.y),
        refuse=settings.refuse,
        detector=_unfitted(["margin"]),
    )
    codes = ClassCodes.of(code.mean_NZ, code.log_variance_NZ, train.y, len(facts.classes))
    classifier = replace(fold(found.head, basis, facts), codes=codes)
    if checked is not None:
        classifier = _calibrated(classifier, subject, found.head, checked)
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
        sums[READS[name]] = sums.get(READS[name], 0.0) + weights_FC
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
    """That at which the labels are most probable, by validation (Guo et al. 2017).

    1 where there are few labels: all of a handful right would make every probability 1. Logits
    are finite at `y_N`.
    """
    if len(y_N) < _LEAST_TO_CALIBRATE:
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


def _checked(subject: Subject, basis: Basis, valid: Portion) -> Labelled | None:
    """The rows of validation on which choices are made."""
    rows = valid.subset(np.flatnonzero(valid.in_scope)).labelled()
    if not len(rows):
        return None
    return Labelled(rows, basis.blocks(rows, portion.read(subject.vae, rows.examples)))


def _absent(head: Head, spec: Spec) -> tuple[str, ...]:
    return tuple(name for y, name in enumerate(spec.classes) if y not in head.classes_C)


def _widened(weights_FK: np.ndarray, head: Head, facts: HeadFile) -> np.ndarray:
    """With columns of zeros for the classes that stood not in the labels, float32 [F, C]."""
    weights_FC = np.zeros((len(weights_FK), len(facts.classes)), dtype=np.float32)
    weights_FC[:, head.classes_C] = weights_FK
    return weights_FC


def _calibrated(
    classifier: Classifier, subject: Subject, head: Head, checked: Labelled
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


def _encoder_bytes(vae: VAE) -> int:
    return sum(each.numel() * each.element_size() for each in vae.encoder.parameters())


def _unfitted(signals: Sequence[str]) -> Detector:
    """One that reads what these signals read."""
    weighed = dict.fromkeys(signals, Weighed(weight=1.0, mean=0.0, sd=1.0))
    return Detector(signals=weighed, threshold=0.0, refused=0.0, note="")


def _with(classifier: Classifier, **facts: Any) -> Classifier:
    return replace(classifier, head=classifier.head.model_copy(update=facts))

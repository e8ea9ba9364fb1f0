"""Which features and which linear classifier are shipped: the best on validation."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from latentops.artifacts import Spec
from latentops.classifier import Candidate
from latentops.errors import SettingsError
from latentops.portion import Portion
from latentops.verdict import heads
from latentops.verdict.features import Blocks, available, names, uses_vae
from latentops.verdict.heads import Choice, Head
from latentops.verdict.settings import AUTO, CANDIDATES, CHOICES, DEFAULTS, HeadSettings

Progress = Callable[[Sequence[str]], Iterable[str]]

SEED = 0  # of LSA and of cuts inside the labels

# What the folded map of a block reads.
READS = {
    "tfidf": "terms",
    "lsa": "terms",
    "pixels": "pixels",
    "pca": "pixels",
    "vae": "mean",
    "hidden": "hidden",
}

_BLOCK_OF = {"terms": "tfidf", "pixels": "pixels", "mean": "vae", "hidden": "hidden"}


@dataclass(frozen=True)
class Labelled:
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


@dataclass(frozen=True)
class Selection:
    head: Head
    chosen: Candidate
    chosen_by: str
    candidates: tuple[Candidate, ...]


def select(
    spec: Spec,
    encoder_bytes: int,
    learned: Labelled,
    checked: Labelled | None,
    settings: HeadSettings,
    progress: Progress = iter,
) -> Selection:
    """`checked` are rows of validation; None where none has a label.

    Raises SettingsError where the data has not the features that are named.
    """
    sized = _Sizes(learned.blocks, len(spec.classes), encoder_bytes)
    tried = [
        _compared(name, learned, checked, settings, sized)
        for name in progress(_names(spec, learned.blocks, settings))
    ]
    best = min(tried, key=lambda each: _rank(each, spec))
    head = heads.fit(learned.blocks, learned.y, best.features, _choice(best))
    return Selection(head, best, _chosen_by(best, checked, settings), tuple(tried))


@dataclass(frozen=True)
class _Sizes:
    blocks: Blocks
    classes: int
    encoder_bytes: int

    def bytes(self, features: str) -> int:
        """Of the tensors that a prediction reads: the folded map, and the encoder where needed."""
        size = 4 * self.classes
        for read in {READS[name] for name in names(features)}:
            numbers = self.blocks[_BLOCK_OF[read]].shape[1] * self.classes
            size += numbers + 4 * self.classes if read == "terms" else 4 * numbers
        return size + (self.encoder_bytes if uses_vae(features) else 0)


def _names(spec: Spec, blocks: Blocks, settings: HeadSettings) -> Sequence[str]:
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


def _compared(
    name: str, learned: Labelled, checked: Labelled | None, settings: HeadSettings, sized: _Sizes
) -> Candidate:
    named = settings.classifier
    kinds: tuple[heads.Kind, ...] = ("svm", "logistic") if named == "auto" else (named,)
    valid = None if checked is None else (checked.blocks, checked.y)
    choice, accuracy = heads.choose(learned.blocks, learned.y, name, SEED, valid, kinds)
    return Candidate(
        features=name,
        classifier=choice.classifier,
        inverse_penalty=choice.inverse_penalty,
        join=choice.join if "+" in name else None,
        accuracy=accuracy,
        bytes=sized.bytes(name),
    )


def _choice(candidate: Candidate) -> Choice:
    return Choice(candidate.classifier, candidate.inverse_penalty, candidate.join or 1.0)


def _rank(candidate: Candidate, spec: Spec) -> tuple[float, bool, int]:
    """Lowest for the most accurate; then, where nothing could be measured, for the default; then
    for the smallest."""
    measured = candidate.accuracy is not None
    is_default = candidate.features == DEFAULTS[spec.kind]
    accuracy = candidate.accuracy or 0.0
    return -accuracy, not (measured or is_default), candidate.bytes


def _chosen_by(best: Candidate, checked: Labelled | None, settings: HeadSettings) -> str:
    if settings.features != AUTO:
        return "named in params.yaml"
    if best.accuracy is None:
        return "the default, for there are too few labels to compare"
    if checked is not None:
        return f"accuracy on {len(checked.y)} labelled validation rows"
    return "accuracy inside the training labels, for no validation row has a label"

"""Augmentation, measured: a classifier of few labels with and without rows made of them.

Shape suffixes: N test rows, S label samples, V VAE seeds (one).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse

from latentops import portion
from latentops.applications import made_rows
from latentops.applications.made_rows import REPEATED, Given, Method, Reader
from latentops.applications.results import Augmentation, Augmented, AugmentedBudget, MadeTexts
from latentops.applications.subject import Measured, Subject
from latentops.artifacts import Arrays
from latentops.classifier import Classifier
from latentops.data.batches import Images
from latentops.inference import augmenting, tasks
from latentops.metrics.bootstrap import Bootstrap
from latentops.portion import Features, Portion
from latentops.verdict import budgets, heads, study
from latentops.verdict.features import Basis, Blocks, names
from latentops.verdict.heads import Choice, Head
from latentops.verdict.results import Claim
from latentops.verdict.selection import SEED
from latentops.verdict.settings import DEFAULTS
from latentops.verdict.strangers import Splits

PER_CLASS = (5, 10)
SAMPLES = {"quick": 2, "full": 5}
MADE = (1, 2, 4)  # of each row
LIGHT = 0.25  # of a real row's weight, which is the other choice
NONE = "none"
_MOST_FITTED = {"quick": 2_000, "full": 20_000}  # rows for the scale of the code, LSA and PCA
_SHOWN = {"counts": 3, "image": 8}  # validation rows


@dataclass(frozen=True)
class Amount:
    """Made rows of each row, and what one weighs beside a real row."""

    made: int
    weight: float
    accuracy: float | None = None  # on validation, where it was chosen there


@dataclass(frozen=True)
class Sample:
    """The labels of one draw, and the classifier that was chosen inside them."""

    given: Given
    choice: Choice


def measure(subject: Subject) -> Measured[Augmentation]:
    splits = Splits(subject.train, subject.valid, subject.test)
    if reason := study.no_study(splits, subject.predictor.spec.source):
        return Measured(Augmentation(reason=reason), {})
    experiment = _Experiment(subject)
    found = tuple(
        experiment.budget(features, size)
        for features in _feature_sets(subject)
        for size in PER_CLASS
    )
    result = Augmentation(
        samples=SAMPLES[subject.depth],
        test_rows=len(experiment.test.y),
        budgets=found,
    )
    return _with_examples(subject, result)


def _feature_sets(subject: Subject) -> tuple[str, ...]:
    """What the shipped classifier reads, and where there is time the observed alone."""
    plain = "tfidf" if subject.predictor.spec.kind == "counts" else "pixels"
    wanted = (_shipped(subject), plain) if subject.depth == "full" else (_shipped(subject),)
    return tuple(dict.fromkeys(wanted))


def _shipped(subject: Subject) -> str:
    head = subject.predictor.head
    if isinstance(head, Classifier) and head.head.chosen is not None:
        return head.head.chosen.features
    return DEFAULTS[subject.predictor.spec.kind]


class _Experiment:
    """One VAE; what depends on no label is read once."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._train = subject.train.labelled()
        self._count = SAMPLES[subject.depth]
        basis = _basis(subject)
        self._reader = Reader(subject.predictor, basis, subject.seed)
        self.test = self._reader.read(subject.test.labelled())
        valid = subject.valid.labelled()
        self._valid = self._reader.read(valid) if len(valid) else None
        self._bootstrap = Bootstrap(len(self.test.y), subject.seed)

    def budget(self, features: str, size: int) -> AugmentedBudget:
        samples = self._samples(features, size)
        predicted = {NONE: self._predicted(samples, features, None, Amount(0, 1.0))}
        amounts = {NONE: Amount(0, 1.0)}
        for name, method in made_rows.methods(samples[0].given, features).items():
            amounts[name] = self._chosen(samples[0], features, method)
            predicted[name] = self._predicted(samples, features, method, amounts[name])
        correct = {name: each == self.test.y for name, each in predicted.items()}
        return AugmentedBudget(
            features=features,
            per_class=size,
            labels=float(np.mean([len(sample.given.y) for sample in samples])),
            scores=tuple(self._score(name, amounts[name], correct) for name in correct),
        )

    def _samples(self, features: str, size: int) -> list[Sample]:
        drawn = budgets.of_each_class(self._train.y, size, self._subject.seed)[: self._count]
        given = [self._reader.read(self._train.subset(rows), rows) for rows in drawn]
        return [
            Sample(each, heads.choose(each.blocks, each.y, features, self._subject.seed)[0])
            for each in given
        ]

    def _chosen(self, sample: Sample, features: str, method: Method) -> Amount:
        """By validation, with the first sample of labels: the number, then the weight."""
        if self._valid is None:
            return Amount(1, 1.0)
        made = method(self._reader, sample.given, max(MADE))

        def tried(number: int, weight: float) -> Amount:
            assert self._valid is not None
            head = _fitted(sample, features, made, Amount(number, weight))
            return Amount(number, weight, head.accuracy(self._valid.blocks, self._valid.y))

        best = max((tried(number, 1.0) for number in MADE), key=_accuracy)
        return max((best, tried(best.made, LIGHT)), key=_accuracy)

    def _predicted(
        self, samples: Sequence[Sample], features: str, method: Method | None, amount: Amount
    ) -> np.ndarray:
        """[S, V, N]."""
        return np.array([[self._of_sample(sample, features, method, amount)] for sample in samples])

    def _of_sample(
        self, sample: Sample, features: str, method: Method | None, amount: Amount
    ) -> np.ndarray:
        made = method(self._reader, sample.given, amount.made) if method else {}
        head = _fitted(sample, features, made, amount)
        return head.predict(self.test.blocks)

    def _score(self, name: str, amount: Amount, correct: Mapping[str, np.ndarray]) -> Augmented:
        accuracy = self._bootstrap.interval(correct[name])
        return Augmented(
            method=name,
            made=amount.made,
            weight=amount.weight,
            valid_accuracy=amount.accuracy,
            accuracy=accuracy.mean,
            accuracy_low=accuracy.low,
            accuracy_high=accuracy.high,
            gain=self._claim(name, NONE, correct),
            over_repeated=self._claim(name, REPEATED, correct),
        )

    def _claim(self, ours: str, theirs: str, correct: Mapping[str, np.ndarray]) -> Claim | None:
        if ours in (NONE, theirs):
            return None
        found = self._bootstrap.paired_difference(correct[ours], correct[theirs])
        return Claim.of(ours, theirs, found)


def _accuracy(amount: Amount) -> float:
    return amount.accuracy or 0.0


def _basis(subject: Subject) -> Basis:
    """LSA takes seconds: only where it is read."""
    vocabulary, latent = subject.predictor.vocabulary, subject.vae.latent
    rows = subject.train.sample(_MOST_FITTED[subject.depth], subject.seed)
    code = portion.read(subject.vae, rows.examples)
    if rows.counts is None or "lsa" in names(_shipped(subject)):
        return Basis.fit(rows, code, vocabulary, latent, SEED)
    return Basis(vocabulary, None, {}, {}).with_code(code)


def _fitted(sample: Sample, features: str, made: Blocks, amount: Amount) -> Head:
    """On the labels and, of the rows made of each, the first so many."""
    own, y = sample.given.blocks, sample.given.y
    if not amount.made:
        return heads.fit(own, y, features, sample.choice)
    of_each = made[names(features)[0]].shape[0] // len(y)
    taken = np.flatnonzero(np.arange(of_each * len(y)) % of_each < amount.made)
    both = {name: _joined(own[name], made[name][taken]) for name in names(features)}
    y_made = np.repeat(y, amount.made)
    weights = np.concatenate([np.ones(len(y)), np.full(len(y_made), amount.weight)])
    return heads.fit(both, np.concatenate([y, y_made]), features, sample.choice, weights)


def _joined(own: Features, made: Features) -> Features:
    if scipy.sparse.issparse(own):
        both = [scipy.sparse.csr_matrix(each) for each in (own, made)]
        return scipy.sparse.csr_matrix(scipy.sparse.vstack(both, format="csr"))
    return np.vstack([np.asarray(own), np.asarray(made)])


def _with_examples(subject: Subject, result: Augmentation) -> Measured[Augmentation]:
    """What is made of some validation rows."""
    rows = subject.valid.sample(_SHOWN[subject.predictor.spec.kind], subject.seed)
    if rows.counts is None:
        shown = _images(subject, rows)
        update = {"shown": tuple(shown)}
        return Measured(result.model_copy(update=update), {"made": np.stack([*shown.values()])})
    if rows.texts is None:
        return Measured(result, {})
    examples = tuple(_made_texts(subject, text, row) for row, text in enumerate(rows.texts))
    return Measured(result.model_copy(update={"examples": examples}), {})


def _images(subject: Subject, rows: Portion) -> Arrays:
    """[rows, C, H, W] as they are and by each method, by its name."""
    assert isinstance(rows.examples, Images)
    images = np.asarray(rows.matrix()).reshape(-1, *subject.predictor.spec.shape)
    drawn = [tasks.draw_of(subject.seed, row, 0) for row in range(len(rows))]
    changed = {
        name: np.stack([change(*each) for each in zip(images, drawn, strict=True)]).clip(0, 1)
        for name, change in made_rows.CHANGES.items()
    }
    dreamt = augmenting.images(subject.vae, rows.examples, 1, subject.seed, range(len(rows)))
    shown = {NONE: images, **changed, "vae": dreamt}
    return {name: array.astype(np.float32) for name, array in shown.items()}


def _made_texts(subject: Subject, text: str, row: int) -> MadeTexts:
    dreamt = subject.predictor.augment([text], 1, subject.seed, [row])
    assert isinstance(dreamt, pd.DataFrame)
    changed = {
        name: augmenting.easy(text, name, tasks.draw_of(subject.seed, row, 0))
        for name in augmenting.EASY
    }
    return MadeTexts(text=text, made=changed | {"vae": " ".join(dreamt["text"])})

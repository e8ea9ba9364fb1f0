"""Denoising, measured: damaged inputs, what the VAE and its twin return, and what heads make of it.

Heads are fitted on clean rows with all labels: the damage is news to them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from latentops import portion
from latentops.applications import damage, repair, twin
from latentops.applications.damage import Damage
from latentops.applications.results import Damaged, Denoising, Mended, Pictured, Recognised
from latentops.applications.subject import Measured, Subject
from latentops.artifacts import Arrays
from latentops.inference.predictor import Predictor
from latentops.metrics.bootstrap import Bootstrap
from latentops.model import VAE
from latentops.portion import Portion
from latentops.verdict import heads, study
from latentops.verdict.features import Basis, Blocks, names, uses_vae
from latentops.verdict.heads import Choice, Head
from latentops.verdict.selection import SEED, Labelled
from latentops.verdict.strangers import Splits

MOST_ROWS = {"quick": 1_000, "full": 10_000}  # of test, and of validation
MOST_TRAIN = {"quick": 3_000, "full": study.MOST_LABELS}
SHOWN_IMAGES = 8
SHOWN_TEXTS = 6

FEATURES = {  # the baseline first
    "counts": ("tfidf", "lsa", "vae", "tfidf+vae"),
    "image": ("pixels", "pca", "vae", "pixels+vae"),
}
# A quick look chooses nothing: what is chosen most often on intents and digits.
_USUAL = {True: Choice("logistic", 10.0), False: Choice("svm", 1.0)}  # of dense features or not


def measure(subject: Subject) -> Measured[Denoising]:
    spec, settings = subject.predictor.spec, subject.predictor.settings
    if spec.kind == "counts" and subject.train.texts is None:
        return Measured(Denoising(reason="The counts came ready: there is no text to damage."), {})
    rows = subject.test.sample(MOST_ROWS[subject.depth], subject.seed)
    bench = Bench.of(subject, rows)
    pictures = _pictures(bench) if spec.kind == "image" else {}
    result = Denoising(
        rows=len(rows),
        labelled_rows=len(rows.labelled()),
        reads_damaged=twin.reads_damaged(settings),
        damage_in_training=twin.described(settings, spec),
        has_twin=subject.denoising is not None,
        reference=repair.REFERENCE[spec.kind],
        clean=bench.measured(rows, damage.NONE),
        damaged=tuple(bench.measured(rows, each) for each in damage.planned(spec)),
        leading=bench.leading(),
        without_heads=bench.without_heads,
        mended=_mended(bench) if spec.kind == "counts" else (),
        pictured=tuple(
            Pictured(kind=done.kind, strength=done.strength, rows=tuple(returned))
            for done, returned in pictures.items()
        ),
    )
    images: Arrays = {done.kind: np.stack(list(each.values())) for done, each in pictures.items()}
    return Measured(result, images)


@dataclass(frozen=True)
class Reader:
    """A VAE, the scale of its codes, and the heads that read them, by their features."""

    vae: VAE
    basis: Basis
    heads: Mapping[str, Head]

    def blocks(self, rows: Portion) -> Blocks:
        return self.basis.blocks(rows, portion.read(self.vae, rows.examples))

    def right(self, rows: Portion) -> dict[str, np.ndarray]:
        """Which rows each head puts right, [N]."""
        blocks = self.blocks(rows)
        return {name: head.predict(blocks) == rows.y for name, head in self.heads.items()}


@dataclass(frozen=True)
class Bench:
    """All that damaged rows are given to."""

    subject: Subject
    readers: Mapping[str, Reader]  # vae, and twin where there is one
    without_heads: str  # why there are none, or empty

    @classmethod
    def of(cls, subject: Subject, rows: Portion) -> Self:
        """`rows` are those that are to be measured."""
        splits = Splits(subject.train, subject.valid, rows)
        without_heads = study.no_study(splits, subject.predictor.spec.source)
        vaes = {"vae": subject.vae}
        if subject.denoising is not None:
            vaes["twin"] = subject.denoising
        readers = {
            name: _reader(subject, vae, fit_heads=not without_heads, baselines=name == "vae")
            for name, vae in vaes.items()
        }
        return cls(subject, readers, without_heads)

    @property
    def vaes(self) -> dict[str, VAE]:
        return {name: reader.vae for name, reader in self.readers.items()}

    def damaged(self, rows: Portion, done: Damage) -> Portion:
        return damage.damaged(rows, done, self.subject.predictor, self.subject.seed)

    def measured(self, rows: Portion, done: Damage) -> Damaged:
        given, seed = self.damaged(rows, done), self.subject.seed
        repairs = (
            repair.of_images(rows, given, self.vaes, self.readers["vae"].basis.projection, seed)
            if rows.counts is None
            else repair.of_texts(rows, given, self.vaes, seed)
        )
        recognised = () if self.without_heads else recognitions(self.right(given.labelled()), seed)
        return Damaged(
            kind=done.kind, strength=done.strength, repairs=repairs, recognised=recognised
        )

    def right(self, rows: Portion) -> dict[str, np.ndarray]:
        """Which rows each head puts right, [N]; the baseline's first."""
        return {
            features.replace("vae", name): right_N
            for name, reader in self.readers.items()
            for features, right_N in reader.right(rows).items()
        }

    def leading(self) -> str:
        """The features with a VAE that do best on damaged validation rows; empty: no telling."""
        rows = self.subject.valid.labelled().sample(
            MOST_ROWS[self.subject.depth], self.subject.seed
        )
        if self.without_heads or not len(rows):
            return ""
        plan = damage.planned(self.subject.predictor.spec)
        right = self.right(self.damaged(rows, damage.middle(plan, plan[0].kind)))
        ours = [features for features in right if uses_vae(features.replace("twin", "vae"))]
        return max(ours, key=lambda features: right[features].mean())


def recognitions(right: Mapping[str, np.ndarray], seed: int) -> tuple[Recognised, ...]:
    """The accuracy of each, and its gain over the first, row by row of the same rows."""
    first, *_ = correct = {features: right_N[None, None] for features, right_N in right.items()}
    bootstrap = Bootstrap(correct[first].shape[-1], seed)

    def recognised(features: str) -> Recognised:
        mean, low, high = bootstrap.interval(correct[features])
        gain = bootstrap.paired_difference(correct[features], correct[first])
        over = {} if features == first else {"gain": gain.mean, "low": gain.low, "high": gain.high}
        return Recognised(
            features=features, accuracy=mean, accuracy_low=low, accuracy_high=high, **over
        )

    return tuple(map(recognised, correct))


def _reader(subject: Subject, vae: VAE, fit_heads: bool, baselines: bool) -> Reader:
    """With LSA or PCA of clean rows, labelled or not; heads of baselines where they are wanted."""
    train = subject.train.sample(MOST_TRAIN[subject.depth], subject.seed)
    code = portion.read(vae, train.examples)
    basis = Basis.fit(train, code, subject.predictor.vocabulary, vae.latent, SEED)
    reader = Reader(vae, basis, {})
    return Reader(vae, basis, _heads(subject, reader, baselines)) if fit_heads else reader


def _heads(subject: Subject, reader: Reader, baselines: bool) -> dict[str, Head]:
    learned = _labelled(subject.train, reader, MOST_TRAIN[subject.depth], subject.seed)
    checked = None
    if subject.depth == "full" and len(subject.valid.labelled()):
        checked = _labelled(subject.valid, reader, MOST_ROWS[subject.depth], subject.seed)
    wanted = [
        features
        for features in FEATURES[subject.predictor.spec.kind]
        if set(names(features)) <= set(learned.blocks) and (baselines or uses_vae(features))
    ]
    return {
        features: heads.fit(
            learned.blocks, learned.y, features, _choice(features, learned, checked, subject)
        )
        for features in wanted
    }


def _labelled(rows: Portion, reader: Reader, most: int, seed: int) -> Labelled:
    drawn = rows.labelled().sample(most, seed)
    return Labelled(drawn, reader.blocks(drawn))


def _choice(features: str, learned: Labelled, checked: Labelled | None, subject: Subject) -> Choice:
    """Of a strength, and a weight of joined features: on clean validation rows."""
    if subject.depth == "quick":
        return _USUAL[features in ("vae", "lsa", "pca")]
    valid = (checked.blocks, checked.y) if checked else None
    return heads.choose(learned.blocks, learned.y, features, SEED, valid)[0]


def _shown(rows: Portion, most: int) -> Portion:
    """So many, evenly spread."""
    return rows.subset(np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)))


def _pictures(bench: Bench) -> dict[Damage, dict[str, np.ndarray]]:
    """By damage: validation images [n, C, H, W] as they were, damaged, and returned."""
    spec = bench.subject.predictor.spec
    shown = _shown(bench.subject.valid, SHOWN_IMAGES)
    pca = bench.readers["vae"].basis.projection
    plan = damage.planned(spec)
    pictures: dict[Damage, dict[str, np.ndarray]] = {}
    for done in (damage.middle(plan, kind) for kind in dict.fromkeys(each.kind for each in plan)):
        returned = repair.returned_pixels(bench.damaged(shown, done), bench.vaes, pca)
        rows = {"clean": np.asarray(shown.matrix())} | returned
        pictures[done] = {by: each.reshape(-1, *spec.shape) for by, each in rows.items()}
    return pictures


def _mended(bench: Bench) -> tuple[Mended, ...]:
    """Validation texts with a third of the words dropped, and the words that come back."""
    plan = damage.planned(bench.subject.predictor.spec)
    shown = _shown(bench.subject.valid, SHOWN_TEXTS)
    given = bench.damaged(shown, damage.middle(plan, "drop")).texts or []
    by = {name: _words(bench.subject.predictor, vae, given) for name, vae in bench.vaes.items()}
    return tuple(
        Mended(clean=clean, damaged=each, by_vae=by_vae, by_twin=by_twin)
        for clean, each, by_vae, by_twin in zip(
            shown.texts or [], given, by["vae"], by.get("twin", [()] * len(given)), strict=True
        )
    )


def _words(predictor: Predictor, vae: VAE, texts: Sequence[str]) -> list[tuple[str, ...]]:
    parts = predictor.spec, predictor.vocabulary, predictor.settings, predictor.head
    told = Predictor(vae, *parts).denoise(texts)
    assert isinstance(told, pd.DataFrame)
    if "text" in told:
        return [(sentence,) for sentence in told["text"]]
    return [tuple(words) for words in told["words"]]

# ruff: noqa: N815 - names end in their shape suffixes
"""Which numbers of a row tell that it is a stranger, and what the VAE adds to those without one.

Two settings: rows that the data itself calls out of scope, and rows of classes that were held out
of training.

Shape suffixes: N rows, S strangers, G signals, M training rows, Z latent dimensions, B draws.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from latentops import portion
from latentops.artifacts import HeldOut
from latentops.classifier import Candidate, Detector, HeadFile
from latentops.metrics import detection
from latentops.metrics.detection import Draws
from latentops.portion import Portion
from latentops.verdict import detector, heads, signals
from latentops.verdict.features import Basis, Blocks, uses_vae
from latentops.verdict.heads import Choice, Head
from latentops.verdict.results import Claim, Signal, Strangers
from latentops.verdict.selection import SEED
from latentops.verdict.shipped import Subject

COMBINATION = "combination"
WITHOUT_VAE = "combination_without_vae"

_OF_VAE = {"rate", "elbo", "knn_latent", "mahalanobis", COMBINATION}

Values = dict[str, np.ndarray]


@dataclass(frozen=True)
class Splits:
    """Every row of each split; `in_scope` says which of valid and test are the strangers."""

    train: Portion
    valid: Portion
    test: Portion


@dataclass(frozen=True)
class _Learned:
    """What the signals of a row are measured against."""

    subject: Subject
    basis: Basis
    blocks: Blocks  # of the labelled training rows in scope
    y: np.ndarray
    margins: Mapping[str, Head]  # by the name of the signal


def own(subject: Subject, splits: Splits, head: HeadFile, seed: int) -> Strangers | None:
    """Of the rows that the data calls out of scope; None where test has none of them."""
    return _study("own", subject, splits, head, seed, note="")


def held_out(
    subject: Subject, splits: Splits, head: HeadFile, held: HeldOut, seed: int
) -> Strangers | None:
    """Of the held-out classes, which the VAE of `subject` never saw; nor does any classifier."""
    numbers = {name: y for y, name in enumerate(subject.spec.classes)}
    for_valid = [numbers[name] for name in held.classes_valid]
    for_test = [numbers[name] for name in held.classes_test]
    marked = Splits(
        train=_as_strangers(splits.train, [*for_valid, *for_test], dropped=[]),
        valid=_as_strangers(splits.valid, for_valid, dropped=for_test),
        test=_as_strangers(splits.test, for_test, dropped=for_valid),
    )
    note = (
        f"{len(for_valid)} classes are the strangers of validation and {len(for_test)} others "
        "those of test; no VAE, LSA or classifier here was fitted on them, but the vocabulary was, "
        "and the kind of classifier was chosen with them."
    )
    return _study("held_out", subject, marked, head, seed, note)


def _as_strangers(rows: Portion, strangers: Sequence[int], dropped: Sequence[int]) -> Portion:
    """Labelled rows in scope, without the classes `dropped`; `strangers` are now out of scope."""
    kept = rows.subset(np.flatnonzero((rows.y >= 0) & rows.in_scope & ~np.isin(rows.y, dropped)))
    return replace(kept, in_scope=~np.isin(kept.y, strangers))


def _study(
    setting: Literal["own", "held_out"],
    subject: Subject,
    splits: Splits,
    head: HeadFile,
    seed: int,
    note: str,
) -> Strangers | None:
    if splits.test.in_scope.all() or not splits.test.in_scope.any():
        return None
    learned = _learn(subject, splits, head)
    valid, test = (_values(learned, rows, seed) for rows in (splits.valid, splits.test))
    known = splits.valid.in_scope
    combined = _combined(learned, valid, known, head.refuse)
    for name, fitted in combined.items():
        for values in (valid, test):
            values[name] = detector.combine(fitted.signals, values)
    fitted_on = f"{COMBINATION}: {combined[COMBINATION].note}."
    scored = _Scored.of(valid, known, test, splits.test.in_scope, head.refuse, seed)
    ours = COMBINATION
    theirs = scored.best([name for name in scored.names if not _reads_vae(name, learned)])
    return Strangers(
        setting=setting,
        in_scope_rows=int(splits.test.in_scope.sum()),
        stranger_rows=int((~splits.test.in_scope).sum()),
        note=f"{note} {fitted_on}".strip(),
        signals=tuple(
            scored.signal(name, uses_vae=_reads_vae(name, learned)) for name in scored.names
        ),
        share_auroc=scored.claim_auroc(ours, theirs),
        share_recall=scored.claim_recall(ours, theirs),
    )


def _learn(subject: Subject, splits: Splits, head: HeadFile) -> _Learned:
    train = splits.train.subset(np.flatnonzero(splits.train.in_scope))
    code = portion.read(subject.vae, train.examples)
    basis = Basis.fit(train, code, subject.vocabulary, subject.vae.latent, SEED)
    labelled = np.flatnonzero(train.y >= 0)
    blocks, y = heads.sliced(basis.blocks(train, code), labelled), train.y[labelled]
    assert head.chosen is not None, "a study of strangers needs a classifier"
    plain = _plain(blocks)
    margins = {"margin": heads.fit(blocks, y, head.chosen.features, _choice(head.chosen))}
    if head.chosen.features != plain:
        choice = _plain_choice(head, plain) or heads.choose(blocks, y, plain, SEED)[0]
        margins[f"margin_{plain}"] = heads.fit(blocks, y, plain, choice)
    return _Learned(subject, basis, blocks, y, margins)


def _plain(blocks: Blocks) -> str:
    """The features that need no fit."""
    return "tfidf" if "tfidf" in blocks else "pixels"


def _plain_choice(head: HeadFile, plain: str) -> Choice | None:
    found = [_choice(each) for each in head.candidates if each.features == plain]
    return found[0] if found else None


def _choice(candidate: Candidate) -> Choice:
    return Choice(candidate.classifier, candidate.inverse_penalty, candidate.join or 1.0)


def _values(learned: _Learned, rows: Portion, seed: int) -> Values:
    """Each [N], higher for a stranger."""
    vae, plain = learned.subject.vae, _plain(learned.blocks)
    code = portion.read(vae, rows.examples)
    blocks = learned.basis.blocks(rows, code)
    means_NZ, train_MZ = (np.asarray(each["vae"]) for each in (blocks, learned.blocks))
    margins = {name: -head.decision(blocks).max(axis=1) for name, head in learned.margins.items()}
    return {
        **margins,
        f"knn_{plain}": signals.neighbour_distance(blocks[plain], learned.blocks[plain]),
        **signals.of_familiarity(rows, learned.subject.vocabulary),
        "rate": -code.rate_nats_N,
        "elbo": -signals.elbo_nats(vae, rows.examples, seed),
        "knn_latent": signals.neighbour_distance(means_NZ, train_MZ),
        "mahalanobis": signals.mahalanobis(means_NZ, train_MZ, learned.y),
    }


def _combined(
    learned: _Learned, valid: Values, in_scope_N: np.ndarray, refuse: float
) -> dict[str, Detector]:
    """All signals together, and those that need no VAE; margins come first."""
    plain = [name for name in valid if not _reads_vae(name, learned)]
    return {
        name: detector.fit(
            {each: valid[each][in_scope_N] for each in chosen},
            {each: valid[each][~in_scope_N] for each in chosen},
            refuse,
        )
        for name, chosen in ((COMBINATION, list(valid)), (WITHOUT_VAE, plain))
    }


def _reads_vae(name: str, learned: _Learned) -> bool:
    head = learned.margins.get(name)
    return uses_vae(head.features) if head else name in _OF_VAE


@dataclass(frozen=True)
class _Scored:
    """Every signal on test, and in bootstrap draws of its rows."""

    names: tuple[str, ...]
    auroc_G: np.ndarray
    recall_G: np.ndarray
    valid_auroc_G: np.ndarray  # NaN where validation has no strangers
    draws: Draws

    @classmethod
    def of(
        cls,
        valid: Values,
        valid_in_scope: np.ndarray,
        test: Values,
        test_in_scope: np.ndarray,
        refuse: float,
        seed: int,
    ) -> "_Scored":
        known, own_NG = (np.stack(list(each.values()), axis=1) for each in (valid, test))
        in_scope_NG, strangers_SG = own_NG[test_in_scope], own_NG[~test_in_scope]
        thresholds = [detection.threshold_at(column, refuse) for column in known[valid_in_scope].T]
        pairs = list(zip(in_scope_NG.T, strangers_SG.T, strict=True))
        of_valid = zip(known[valid_in_scope].T, known[~valid_in_scope].T, strict=True)
        return cls(
            names=tuple(valid),
            auroc_G=np.array([detection.auroc(*pair) for pair in pairs]),
            recall_G=np.array(
                [detection.recall(out, at) for (_, out), at in zip(pairs, thresholds, strict=True)]
            ),
            valid_auroc_G=np.array(
                [detection.auroc(*pair) if len(pair[1]) else np.nan for pair in of_valid]
            ),
            draws=detection.bootstrap(in_scope_NG, strangers_SG, np.array(thresholds), seed),
        )

    def best(self, names: Sequence[str]) -> str:
        """By AUROC on validation; the last where it has no strangers."""
        found = self.valid_auroc_G[[self.names.index(name) for name in names]]
        return names[-1] if np.isnan(found).any() else names[int(found.argmax())]

    def signal(self, name: str, uses_vae: bool) -> Signal:
        at = self.names.index(name)
        auroc_low, auroc_high = detection.interval(self.draws.auroc_BG[:, at])
        recall_low, recall_high = detection.interval(self.draws.recall_BG[:, at])
        return Signal(
            name=name,
            auroc=float(self.auroc_G[at]),
            auroc_low=auroc_low,
            auroc_high=auroc_high,
            recall=float(self.recall_G[at]),
            recall_low=recall_low,
            recall_high=recall_high,
            uses_vae=uses_vae,
        )

    def claim_auroc(self, ours: str, theirs: str) -> Claim:
        return self._claim(ours, theirs, self.auroc_G, self.draws.auroc_BG)

    def claim_recall(self, ours: str, theirs: str) -> Claim:
        return self._claim(ours, theirs, self.recall_G, self.draws.recall_BG)

    def _claim(self, ours: str, theirs: str, value_G: np.ndarray, value_BG: np.ndarray) -> Claim:
        """A draw takes the same rows for both."""
        one, other = self.names.index(ours), self.names.index(theirs)
        low, high = detection.interval(value_BG[:, one] - value_BG[:, other])
        difference = float(value_G[one] - value_G[other])
        return Claim(ours=ours, theirs=theirs, difference=difference, low=low, high=high)

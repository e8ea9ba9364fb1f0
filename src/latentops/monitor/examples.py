"""Texts of a window that show what changed. Shape suffixes: N rows."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from latentops.artifacts import Vocabulary
from latentops.monitor import latent, observe
from latentops.monitor.compare import Compared
from latentops.monitor.profile import Profile
from latentops.monitor.results import Example, Finding, TestName, Word
from latentops.observations import Observations

OF_EACH = 5
MOST_WORDS = 12
LONGEST_TEXT = 200

Noted = list[tuple[int, str]]  # rows, and what is to be said of each


@dataclass(frozen=True)
class Told:
    """N rows, the texts that they are of, and what was found in them."""

    known: Profile
    compared: Compared
    seen: Observations
    texts: Sequence[str]
    vocabulary: Vocabulary


def of(told: Told) -> tuple[Example, ...]:
    """Of each change the texts that show it most."""
    return tuple(
        Example(test=finding.test, text=_cut(told.texts[row]), note=note)
        for finding in told.compared.findings
        if finding.changed
        for row, note in _BY_TEST[finding.test](told, finding)
    )


def words(told: Told) -> tuple[Word, ...]:
    """The unknown ones that stand in most texts."""
    found: Counter[str] = Counter()
    for text in told.texts:
        found.update(observe.unknown_words(text, told.vocabulary))
    ranked = sorted(found, key=lambda word: (-found[word], word))[:MOST_WORDS]
    return tuple(Word(word=_cut(word), texts=found[word]) for word in ranked)


def _of_unknown_words(told: Told, finding: Finding) -> Noted:
    share_N = told.seen.unknown_words_N / np.maximum(told.seen.words_N, 1)
    rows = _extreme(share_N, finding, told.texts)
    return [(row, _unknown(told.texts[row], told.vocabulary)) for row in rows]


def _of_scores(told: Told, finding: Finding) -> Noted:
    nats_N = told.seen.nats_per_word_N
    rows = _extreme(nats_N, finding, told.texts)
    return [(row, f"{nats_N[row]:.1f} nats per word") for row in rows]


def _of_scope(told: Told, finding: Finding) -> Noted:
    outside = finding.now > finding.before
    rows = _different(np.flatnonzero(told.seen.out_of_scope_N == outside), told.texts)
    scope = "out of scope" if outside else "in scope"
    return [(row, f"{scope}, nearest: {told.seen.label_N[row]}") for row in rows]


def _of_classes(told: Told, finding: Finding) -> Noted:
    """Of each class that became more frequent."""
    risen = [moved.name for moved in finding.moved if moved.now > moved.before]
    return [
        (row, f"predicted: {name}")
        for name in risen
        for row in _different(np.flatnonzero(told.seen.label_N == name), told.texts)[:2]
    ]


def _of_codes(told: Told, _: Finding) -> Noted:
    """Those that the classifier puts furthest on the window's side."""
    assert told.known.latent is not None
    assert told.compared.told is not None, "codes were told apart"
    features_NF = latent.features(told.seen.z_NZ, told.known.latent.dimensions)
    rows = _highest(features_NF @ told.compared.told.direction_F, told.texts)
    return [(row, "") for row in rows]


_BY_TEST: dict[TestName, Callable[[Told, Finding], Noted]] = {
    "unknown_words": _of_unknown_words,
    "nats_per_word": _of_scores,
    "classes": _of_classes,
    "out_of_scope": _of_scope,
    "latent": _of_codes,
}


def _extreme(value_N: np.ndarray, finding: Finding, texts: Sequence[str]) -> list[int]:
    """Where the values lie furthest out, to the side to which the mean moved."""
    return _highest(value_N if finding.now > finding.before else -value_N, texts)


def _highest(value_N: np.ndarray, texts: Sequence[str]) -> list[int]:
    order = np.argsort(-value_N, kind="stable")  # NaN last
    return _different(order, texts)


def _different(rows: np.ndarray, texts: Sequence[str]) -> list[int]:
    """The first of these rows whose texts differ."""
    first: dict[str, int] = {}
    for row in rows:
        first.setdefault(texts[row], int(row))
        if len(first) == OF_EACH:
            break
    return list(first.values())


def _unknown(text: str, vocabulary: Vocabulary) -> str:
    found = observe.unknown_words(text, vocabulary)
    return f"unknown: {', '.join(map(_cut, found[:OF_EACH]))}" if found else "every word is known"


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TEXT else f"{line[:LONGEST_TEXT]}…"

"""Texts of a window that show what changed. Shape suffixes: N rows."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from latentops.artifacts import Vocabulary
from latentops.monitor import latent, observe
from latentops.monitor.compare import Compared
from latentops.monitor.profile import Profile
from latentops.monitor.results import Example, Finding, Word
from latentops.observations import Observations

OF_EACH = 5
MOST_WORDS = 12
LONGEST_TEXT = 200


def of(
    known: Profile,
    compared: Compared,
    seen: Observations,
    texts: Sequence[str],
    vocabulary: Vocabulary,
) -> tuple[Example, ...]:
    """Of each change those of the N texts that show it most; a text once for each change."""
    return tuple(
        Example(test=finding.test, text=_cut(texts[row]), note=note)
        for finding in compared.findings
        if finding.changed
        for row, note in _rows(finding, known, compared, seen, texts, vocabulary)
    )


def words(texts: Sequence[str], vocabulary: Vocabulary) -> tuple[Word, ...]:
    """The unknown ones that stand in most texts."""
    found = Counter(word for text in texts for word in observe.unknown_words(text, vocabulary))
    ranked = sorted(found, key=lambda word: (-found[word], word))[:MOST_WORDS]
    return tuple(Word(word=_cut(word), texts=found[word]) for word in ranked)


def _rows(
    finding: Finding,
    known: Profile,
    compared: Compared,
    seen: Observations,
    texts: Sequence[str],
    vocabulary: Vocabulary,
) -> list[tuple[int, str]]:
    """Rows and what is to be said of each."""
    match finding.test:
        case "unknown_words":
            rows = _extreme(seen.unknown_words_N / np.maximum(seen.words_N, 1), finding, texts)
            return [(row, _unknown(texts[row], vocabulary)) for row in rows]
        case "nats_per_word":
            rows = _extreme(seen.nats_per_word_N, finding, texts)
            return [(row, f"{seen.nats_per_word_N[row]:.1f} nats per word") for row in rows]
        case "out_of_scope":
            side = int(finding.now > finding.before)
            rows = _different(np.flatnonzero(seen.out_of_scope_N == side), texts)
            return [
                (row, f"{'out of' if side else 'in'} scope, nearest: {seen.label_N[row]}")
                for row in rows
            ]
        case "classes":
            return _of_classes(finding, seen, texts)
        case "latent":
            return [(row, "") for row in _unlike(known, compared, seen, texts)]


def _of_classes(
    finding: Finding, seen: Observations, texts: Sequence[str]
) -> list[tuple[int, str]]:
    """Some of each class that became more frequent."""
    risen = [moved for moved in finding.moved if moved.now > moved.before]
    return [
        (row, f"predicted: {moved.name}")
        for moved in risen[:OF_EACH]
        for row in _different(np.flatnonzero(seen.label_N == moved.name), texts)[:2]
    ]


def _unlike(
    known: Profile, compared: Compared, seen: Observations, texts: Sequence[str]
) -> list[int]:
    assert known.latent is not None
    assert compared.told is not None, "codes were told apart"
    features_NF = latent.features(seen.z_NZ, known.latent.dimensions)
    return _highest(features_NF @ compared.told.direction_F, texts)


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

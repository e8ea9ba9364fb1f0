"""Texts -> the terms that are worth a column -> sparse counts. What a term is: see `terms`."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain, islice
from typing import Literal, Protocol

import numpy as np
from scipy import sparse

from latentops.artifacts import Vocabulary
from latentops.data import pairs
from latentops.data.terms import Kind, analyze, kind_of
from latentops.errors import DataError

_DOCUMENTS_AT_ONCE = 4096


class Choice(Protocol):
    """The settings of section `data` that choose the terms."""

    @property
    def words(self) -> bool: ...
    @property
    def word_pairs(self) -> bool: ...
    @property
    def characters(self) -> tuple[int, int] | None: ...
    @property
    def min_documents(self) -> int: ...
    @property
    def vocabulary_size(self) -> int: ...
    @property
    def target_size(self) -> int: ...
    @property
    def target_pairs(self) -> int: ...
    @property
    def stop_words(self) -> Literal["none", "english"]: ...


def build(texts: Iterable[str], settings: Choice) -> Vocabulary:
    """The commonest terms of each kind by document frequency, ties in alphabetical order.

    The target is chosen first, among words and pairs where words are terms: even where stop words
    are commoner, what the decoder reconstructs also stands in the vocabulary.
    """
    texts = list(texts)
    frequency = _document_frequency(texts, settings)
    ranked = _ranked(frequency, settings.min_documents)
    if not ranked:
        raise _no_term(len(texts), len(frequency), settings)
    target = _target(ranked, settings)
    if not target:
        raise DataError(
            f"All {len(ranked)} terms are English stop words, so nothing is left to reconstruct. "
            "Set data.stop_words: none."
        )
    chosen = _chosen(ranked, target, settings.vocabulary_size)
    terms = [term for term in ranked if term in chosen]
    return Vocabulary(
        terms=tuple(terms),
        target=tuple(column for column, term in enumerate(terms) if term in target),
        document_frequency=tuple(frequency[term] for term in terms),
        documents=len(texts),
        words=settings.words,
        pairs=settings.word_pairs,
        characters=settings.characters,
    )


def count(texts: Iterable[str], vocabulary: Vocabulary) -> sparse.csr_matrix:
    """How often each term stands in each text: int32, a column per term, indices sorted."""
    blocks = [_count_block(block, vocabulary) for block in _blocks(texts)]
    return sparse.csr_matrix(sparse.vstack(blocks, format="csr", dtype=np.int32))


def _document_frequency(texts: list[str], settings: Choice) -> Counter[str]:
    frequency: Counter[str] = Counter()
    for text in texts:
        frequency.update(set(analyze(text, settings.words, settings.characters)))
    if settings.word_pairs:
        least = settings.min_documents  # a word stands wherever a pair of it does
        words = [term for term in frequency if frequency[term] >= least and kind_of(term) == "word"]
        frequency.update(pairs.document_frequency(_blocks(texts), words, least))
    return frequency


def _ranked(frequency: Counter[str], min_documents: int) -> list[str]:
    common = [term for term, documents in frequency.items() if documents >= min_documents]
    return sorted(common, key=lambda term: (-frequency[term], term))


def _target(ranked: list[str], settings: Choice) -> set[str]:
    kind: Kind = "word" if settings.words else "ngram"
    sizes: dict[Kind, int] = {kind: settings.target_size, "pair": settings.target_pairs}
    left_out = _english_stop_words() if settings.stop_words == "english" else frozenset()
    telling = [term for term in ranked if not left_out.issuperset(term.split(" "))]
    of_each = (
        islice(
            (term for term in telling if kind_of(term) == kind), min(size, settings.vocabulary_size)
        )
        for kind, size in sizes.items()
    )
    return set(chain.from_iterable(of_each))


def _chosen(ranked: list[str], target: set[str], most: int) -> set[str]:
    """The target, and the commonest other terms: at most `most` of each kind in all."""
    chosen = set(target)
    count = Counter(kind_of(term) for term in target)
    for term in ranked:
        kind = kind_of(term)
        if term not in chosen and count[kind] < most:
            chosen.add(term)
            count[kind] += 1
    return chosen


def _english_stop_words() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS  # slow, and seldom needed

    return frozenset(ENGLISH_STOP_WORDS)


def _no_term(documents: int, found: int, settings: Choice) -> DataError:
    if found == 0:
        return DataError(
            f"None of the {documents} training texts holds a letter or a digit. Check "
            "data.text_column, or take n-grams of any characters: data.characters: [2, 5]."
        )
    return DataError(
        f"None of the {found} terms in {documents} training texts stands in "
        f"{settings.min_documents} of them. Lower data.min_documents, or bring more texts."
    )


def _blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    """At least one block, which is empty where there are no texts."""
    remaining = iter(texts)
    yield list(islice(remaining, _DOCUMENTS_AT_ONCE))
    while block := list(islice(remaining, _DOCUMENTS_AT_ONCE)):
        yield block


def _count_block(texts: list[str], vocabulary: Vocabulary) -> sparse.csr_matrix:
    column = _columns(vocabulary)
    columns, ends = array("i"), array("q", [0])
    for text in texts:
        terms = analyze(text, vocabulary.words, vocabulary.characters)
        columns.extend([column[term] for term in terms if term in column])
        ends.append(len(columns))
    indices = np.array(columns, dtype=np.int32)
    ones = np.ones(len(indices), dtype=np.int32)
    shape = (len(texts), len(vocabulary.terms))
    counts = sparse.csr_matrix((ones, indices, np.array(ends)), shape=shape)
    counts.sum_duplicates()
    if not vocabulary.pairs:
        return counts
    of_pairs = pairs.count(texts, _pair_columns(vocabulary), len(vocabulary.terms))
    return sparse.csr_matrix(counts + of_pairs)


@lru_cache(maxsize=4)
def _columns(vocabulary: Vocabulary) -> dict[str, int]:
    """Remembered, for a service counts one text at a time."""
    return {term: index for index, term in enumerate(vocabulary.terms)}


@lru_cache(maxsize=4)
def _pair_columns(vocabulary: Vocabulary) -> pairs.Columns:
    return pairs.columns(vocabulary.terms)

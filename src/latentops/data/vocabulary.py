"""Text in any script -> terms -> sparse counts.

A term is a word, or a character n-gram, which begins with `NGRAM` as no word does. Words are
casefolded runs of letters, marks and digits with inner apostrophes. Where a script writes no
spaces (Chinese, Japanese, Thai, ...) its characters and their pairs stand for words.
"""

import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice, pairwise
from typing import Literal, Protocol

import numpy as np
import regex
from scipy import sparse

from latentops.artifacts import Vocabulary
from latentops.errors import DataError

NGRAM = "~"

_WITHOUT_SPACES = "".join(
    rf"\p{{scx={script}}}" for script in ("Hani", "Hira", "Kana", "Thai", "Laoo", "Khmr", "Mymr")
)
_START = rf"[[\p{{L}}\p{{N}}]--[{_WITHOUT_SPACES}]]"
_INNER = rf"[[\p{{L}}\p{{N}}\p{{M}}]--[{_WITHOUT_SPACES}]]"
_WORD_OR_RUN = regex.compile(
    rf"(?V1)(?P<word>{_START}{_INNER}*(?:'{_INNER}+)*)"
    rf"|(?P<run>[[\p{{L}}\p{{N}}\p{{M}}]&&[{_WITHOUT_SPACES}]]+)"
)
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*")  # what _WORD_OR_RUN finds there, sooner
_CHARACTER = regex.compile(r"\X")  # with its vowel signs and tone marks

# Curly apostrophes are apostrophes. What only shapes letters (soft hyphens, joiners, the emoji
# selectors and keycap) would otherwise split words or stand as words.
_SPELLING = {
    0x2019: "'",
    **dict.fromkeys((0xAD, 0x200C, 0x200D, 0x2060, 0x20E3, 0xFE0E, 0xFE0F, 0xFEFF)),
}

_DOCUMENTS_AT_ONCE = 4096
_REMEMBERED_CHUNKS = 50_000  # 60 MB where n-grams of 2 to 5 characters are terms


class Choice(Protocol):
    """The settings of section `data` that choose the terms."""

    @property
    def words(self) -> bool: ...
    @property
    def characters(self) -> tuple[int, int] | None: ...
    @property
    def min_documents(self) -> int: ...
    @property
    def vocabulary_size(self) -> int: ...
    @property
    def target_size(self) -> int: ...
    @property
    def stop_words(self) -> Literal["none", "english"]: ...


def analyze(text: str, words: bool, characters: tuple[int, int] | None) -> list[str]:
    """Every term of `text`, as often as it stands there."""
    if characters is None and text.isascii():
        return _ASCII_WORD.findall(text.lower()) if words else []
    return [term for chunk in _chunks(text) for term in _terms(chunk, words, characters)]


def build(texts: Iterable[str], settings: Choice) -> Vocabulary:
    """The commonest terms by document frequency, ties in alphabetical order.

    The target is chosen first, and among words where words are terms: however many n-grams are
    commoner, what the decoder reconstructs also stands in the vocabulary.
    """
    documents, frequency = _document_frequency(texts, settings.words, settings.characters)
    ranked = _ranked(frequency, settings.min_documents)
    if not ranked:
        raise _no_term(documents, len(frequency), settings)
    target = _target(ranked, settings)
    if not target:
        raise DataError(
            f"All {len(ranked)} terms are English stop words, so nothing is left to reconstruct. "
            "Set data.stop_words: none."
        )
    rest = (term for term in ranked if term not in target)
    chosen = target.union(islice(rest, settings.vocabulary_size - len(target)))
    terms = [term for term in ranked if term in chosen]
    return Vocabulary(
        terms=tuple(terms),
        target=tuple(column for column, term in enumerate(terms) if term in target),
        document_frequency=tuple(frequency[term] for term in terms),
        documents=documents,
        words=settings.words,
        characters=settings.characters,
    )


def count(texts: Iterable[str], vocabulary: Vocabulary) -> sparse.csr_matrix:
    """How often each term stands in each text: int32, a column per term, indices sorted."""
    column = {term: index for index, term in enumerate(vocabulary.terms)}
    blocks = [_count_block(block, column, vocabulary) for block in _blocks(texts)]
    return sparse.csr_matrix(sparse.vstack(blocks, format="csr", dtype=np.int32))


def _chunks(text: str) -> list[str]:
    """The normalized text, cut at white space: no term reaches over it."""
    if text.isascii():
        return text.lower().split()
    normalized = unicodedata.normalize("NFKC", text.translate(_SPELLING)).casefold()
    return unicodedata.normalize("NFKC", normalized).split()


@lru_cache(maxsize=_REMEMBERED_CHUNKS)
def _terms(chunk: str, words: bool, characters: tuple[int, int] | None) -> tuple[str, ...]:
    """Few chunks make up most of any text, so their terms are remembered."""
    of_words = _words(chunk) if words else ()
    of_characters = _ngrams(f" {chunk} ", *characters) if characters else ()
    return (*of_words, *of_characters)


def _words(chunk: str) -> Iterator[str]:
    for match in _WORD_OR_RUN.finditer(chunk):
        if match["run"] is None:
            yield match["word"]
        else:
            run = _CHARACTER.findall(match["run"])
            yield from run
            yield from ("".join(pair) for pair in pairwise(run))


def _ngrams(padded: str, shortest: int, longest: int) -> Iterator[str]:
    """scikit-learn's `char_wb`: a chunk shorter than n is given whole, and once."""
    for n in range(shortest, longest + 1):
        for start in range(max(1, len(padded) - n + 1)):
            yield NGRAM + padded[start : start + n]
        if len(padded) <= n:
            return


def _document_frequency(
    texts: Iterable[str], words: bool, characters: tuple[int, int] | None
) -> tuple[int, Counter[str]]:
    documents = 0
    frequency: Counter[str] = Counter()
    for text in texts:
        frequency.update(set(analyze(text, words, characters)))
        documents += 1
    return documents, frequency


def _ranked(frequency: Counter[str], min_documents: int) -> list[str]:
    common = [term for term, documents in frequency.items() if documents >= min_documents]
    return sorted(common, key=lambda term: (-frequency[term], term))


def _target(ranked: list[str], settings: Choice) -> set[str]:
    left_out = _english_stop_words() if settings.stop_words == "english" else frozenset()
    candidates = (
        term
        for term in ranked
        if term not in left_out and not (settings.words and term.startswith(NGRAM))
    )
    return set(islice(candidates, min(settings.target_size, settings.vocabulary_size)))


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


def _count_block(
    texts: list[str], column: dict[str, int], vocabulary: Vocabulary
) -> sparse.csr_matrix:
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
    return counts

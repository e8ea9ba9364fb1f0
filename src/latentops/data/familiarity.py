"""How much of a text the vocabulary knows. Shape suffixes: N texts."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from latentops.artifacts import Vocabulary
from latentops.data import terms

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def known_and_unknown(
    texts: Sequence[str], counts: "csr_matrix", vocabulary: Vocabulary
) -> tuple[np.ndarray, np.ndarray]:
    """How many of each text's words, and pairs where those are terms, have a column; and how many
    have none: whole numbers [N], the same word counted as often as it stands there.

    `counts` are those of `texts`. N-grams say little here: nearly all short ones are known.
    """
    known_N = (counts @ _is_word_or_pair(vocabulary)).astype(np.int64)
    all_N = np.array([_terms(text, vocabulary) for text in texts], dtype=np.int64)
    return known_N, all_N - known_N


def word_counts(text: str, vocabulary: Vocabulary) -> tuple[int, int]:
    """Words of the text, and how many of these have no column; -1 where words are no terms."""
    if not vocabulary.words:
        return -1, -1
    found, known = terms.analyze(text, words=True, characters=None), known_terms(vocabulary)
    return len(found), sum(word not in known for word in found)


@lru_cache(maxsize=4)
def known_terms(vocabulary: Vocabulary) -> frozenset[str]:
    return frozenset(vocabulary.terms)


@lru_cache(maxsize=4)
def _is_word_or_pair(vocabulary: Vocabulary) -> np.ndarray:
    """Of each column, 0 or 1."""
    return np.array([terms.kind_of(term) != "ngram" for term in vocabulary.terms], dtype=np.int64)


def _terms(text: str, vocabulary: Vocabulary) -> int:
    words = len(terms.analyze(text, words=True, characters=None)) if vocabulary.words else 0
    return words + (_neighbours(text) if vocabulary.pairs else 0)


def _neighbours(text: str) -> int:
    return sum(bool(one and other) for one, other in pairwise(terms.in_a_row(text)))

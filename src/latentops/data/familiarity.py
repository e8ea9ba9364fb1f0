"""How much of a text the vocabulary knows. Shape suffixes: N texts."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import scipy.sparse

from latentops.artifacts import Vocabulary
from latentops.data import terms


def known_and_unknown(
    texts: Sequence[str], counts: scipy.sparse.csr_matrix, vocabulary: Vocabulary
) -> tuple[np.ndarray, np.ndarray]:
    """How many of each text's words, and pairs where those are terms, have a column; and how many
    have none: whole numbers [N], the same word counted as often as it stands there.

    `counts` are those of `texts`. N-grams say little here: nearly all short ones are known.
    """
    known_N = (counts @ _is_word_or_pair(vocabulary)).astype(np.int64)
    all_N = np.array([_terms(text, vocabulary) for text in texts], dtype=np.int64)
    return known_N, all_N - known_N


@lru_cache(maxsize=4)
def _is_word_or_pair(vocabulary: Vocabulary) -> np.ndarray:
    """Of each column, 0 or 1."""
    return np.array([terms.kind_of(term) != "ngram" for term in vocabulary.terms], dtype=np.int64)


def _terms(text: str, vocabulary: Vocabulary) -> int:
    words = len(terms.analyze(text, words=True, characters=None)) if vocabulary.words else 0
    return words + (_neighbours(text) if vocabulary.pairs else 0)


def _neighbours(text: str) -> int:
    return sum(bool(one and other) for one, other in pairwise(terms.in_a_row(text)))

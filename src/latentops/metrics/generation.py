# ruff: noqa: N815 - names end in their shape suffixes
"""How varied generated examples are, and how near to those of training.

A document is a sequence of words, of whatever type; an image or a bag of words is a row of numbers.

Shape suffixes: N examples that were made, M known ones, D numbers of an example, K neighbours.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse

Document = Sequence[Hashable]

NEIGHBOURS = 50
_UNSEEN = 0.1  # counted for no match at all: method 1 of Chen and Cherry 2014, as Texygen sets it
_ROWS_AT_ONCE = 256


def distinct(documents: Sequence[Document], n: int) -> float | None:
    """Different n-grams in all of the n-grams of all documents (Li et al. 2016); None: no n-gram.

    It falls with the number of words, so that only equal amounts of text compare.
    """
    grams = [gram for document in documents for gram in _grams(document, n)]
    return len(set(grams)) / len(grams) if grams else None


def self_bleu(documents: Sequence[Document], order: int) -> float | None:
    """Mean BLEU of each document with all others as references (Zhu et al. 2018); None: below two.

    BLEU is that of Papineni et al. 2002 with equal weights of 1 to `order` words; without a common
    word it is 0. Higher is less varied; it rises with the number of documents.
    """
    if len(documents) < 2:
        return None
    lengths = Counter(map(len, documents))
    log_precision_N = np.zeros(len(documents))
    for n in range(1, order + 1):
        log_precision_N += np.log(_precisions(documents, n)) / order
    shared_N = np.exp(log_precision_N) * _common_word(documents)
    brevity_N = [_brevity(len(document), lengths) for document in documents]
    return float(np.mean(shared_N * brevity_N))


def _grams(document: Document, n: int) -> Iterator[tuple[Hashable, ...]]:
    return (tuple(document[at : at + n]) for at in range(len(document) - n + 1))


def _precisions(documents: Sequence[Document], n: int) -> list[float]:
    """Of each document: the share of its n-grams that stand in another, each as often there."""
    counts = [Counter(_grams(document, n)) for document in documents]
    most = _most(counts)
    return [_precision(own, place, most) for place, own in enumerate(counts)]


class _Most(NamedTuple):
    """The highest count of an n-gram in a document, which document that is, and the next one."""

    first: int
    owner: int
    second: int


def _most(counts: Sequence[Counter[tuple[Hashable, ...]]]) -> dict[tuple[Hashable, ...], _Most]:
    most: dict[tuple[Hashable, ...], _Most] = {}
    for place, own in enumerate(counts):
        for gram, count in own.items():
            first, owner, second = most.get(gram, _Most(0, -1, 0))
            if count > first:
                most[gram] = _Most(count, place, first)
            else:
                most[gram] = _Most(first, owner, max(second, count))
    return most


def _precision(
    own: Counter[tuple[Hashable, ...]], place: int, most: dict[tuple[Hashable, ...], _Most]
) -> float:
    matched = 0
    for gram, count in own.items():
        first, owner, second = most[gram]
        matched += min(count, second if owner == place else first)
    return (matched or _UNSEEN) / max(1, own.total())


def _common_word(documents: Sequence[Document]) -> np.ndarray:
    """Whether any word of a document stands in another: [N], bool."""
    standing = Counter(word for document in documents for word in set(document))
    return np.array([any(standing[word] > 1 for word in document) for document in documents])


def _brevity(length: int, lengths: Counter[int]) -> float:
    """BLEU's penalty of a document that is shorter than the reference nearest in length."""
    others = (other for other, count in lengths.items() if count > (other == length))
    nearest = min(others, key=lambda other: (abs(other - length), other))
    if length >= nearest:
        return 1.0
    return math.exp(1 - nearest / length) if length else 0.0


class Nearest(NamedTuple):
    """Of each example, the K nearest known rows, the nearest first: [N, K]."""

    row_NK: np.ndarray
    distance_NK: np.ndarray


def nearest_by_angle(
    made_ND: scipy.sparse.csr_matrix, known_MD: scipy.sparse.csr_matrix
) -> Nearest:
    """The one row of the highest cosine, of rows of length 1 or 0; the distance is 1 - cosine."""
    rows, cosines = [], []
    for start in range(0, made_ND.shape[0], _ROWS_AT_ONCE):
        cosine_NM = (made_ND[start : start + _ROWS_AT_ONCE] @ known_MD.T).toarray()
        rows.append(cosine_NM.argmax(axis=1))
        cosines.append(cosine_NM.max(axis=1))
    distance_N = 1 - np.concatenate(cosines).astype(np.float64)
    return Nearest(np.concatenate(rows)[:, None], np.maximum(distance_N, 0)[:, None])


def nearest_by_distance(made_ND: np.ndarray, known_MD: np.ndarray, most: int) -> Nearest:
    """The rows of the lowest root mean square difference, at most so many."""
    most = min(most, len(known_MD))
    known_squares_M = np.square(known_MD).sum(axis=1)
    found = []
    for start in range(0, len(made_ND), _ROWS_AT_ONCE):
        some_ND = made_ND[start : start + _ROWS_AT_ONCE]
        order_NM = known_squares_M - 2 * some_ND @ known_MD.T  # but for the square of its own row
        near_NK = np.argpartition(order_NM, most - 1, axis=1)[:, :most]
        found.append(_sorted(some_ND, known_MD, near_NK))
    row_NK, distance_NK = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Nearest(row_NK, distance_NK)


def _sorted(made_ND: np.ndarray, known_MD: np.ndarray, near_NK: np.ndarray) -> Nearest:
    """By the differences themselves: a square less a square leaves no digit of a small one."""
    distance_NK = np.stack(
        [
            np.sqrt(np.square(known_MD[rows_K] - made_D, dtype=np.float64).mean(axis=1))
            for made_D, rows_K in zip(made_ND, near_NK, strict=True)
        ]
    )
    order_NK = np.argsort(distance_NK, axis=1, kind="stable")
    return Nearest(
        np.take_along_axis(near_NK, order_NK, axis=1),
        np.take_along_axis(distance_NK, order_NK, axis=1),
    )


def lone_distance(distance_NK: np.ndarray) -> np.ndarray:
    """The nearest row's distance in the mean of all K, [N]: low where one row alone is near.

    Carlini et al. 2023 (Extracting Training Data from Diffusion Models) find copies so, since a
    smooth image is near to many others without being a copy of any. 1 where all are at 0.
    """
    mean_N = distance_NK.mean(axis=1)
    ones_N = np.ones_like(mean_N)
    return np.asarray(np.divide(distance_NK[:, 0], mean_N, out=ones_N, where=mean_N > 0))


def standing_in(documents: Sequence[Document], known: Sequence[Document]) -> np.ndarray:
    """Which documents are one of the known: [N], bool."""
    there = set(map(tuple, known))
    return np.array([tuple(document) in there for document in documents], dtype=bool)

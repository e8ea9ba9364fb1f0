"""How well topics hold together, and how much they differ; a topic is its top words, best first.

Shape suffixes: N documents of the reference corpus, V words, T topics, M words of a topic.
"""

from collections.abc import Sequence

import numpy as np
import scipy.sparse

Topics = Sequence[Sequence[int]]  # columns of the counts


def npmi(topics: Topics, counts: scipy.sparse.csr_matrix) -> np.ndarray:
    """Of each topic the mean over pairs of its words of their normalised PMI: [T], -1 to 1.

    log(p(a, b) / (p(a) p(b))) / -log p(a, b), where p is the share of the documents of `counts`
    [N, V] that hold the words (Bouma 2009; Lau et al. 2014, there in windows of ten words): 1 for
    words that come only together, 0 for words that do not know of each other, -1 for words that
    never meet. A word that no document holds meets no other; two that all hold count 0.
    """
    present = scipy.sparse.csc_matrix(counts > 0, dtype=np.float64)
    return np.array([_npmi(present[:, list(topic)]) for topic in topics])


def _npmi(present_NM: scipy.sparse.csc_matrix) -> float:
    shares_MM = (present_NM.T @ present_NM).toarray() / present_NM.shape[0]
    first, second = np.triu_indices(len(shares_MM), k=1)
    both, alone = shares_MM[first, second], np.diag(shares_MM)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.log(both / (alone[first] * alone[second])) / -np.log(both)
    values[both == 0] = -1.0
    values[both == 1] = 0.0
    return float(values.mean()) if len(values) else 0.0  # of one word there is no pair


def diversity(topics: Topics) -> float:
    """The share of all top words that are different ones, up to 1 (Dieng et al. 2020)."""
    words = [word for topic in topics for word in topic]
    return len(set(words)) / len(words)

"""Numbers of a row that may tell a stranger, each measured against the training rows.

Shape suffixes: N rows, M training rows, Z latent dimensions.
"""

import numpy as np
import scipy.sparse
import torch
from sklearn.covariance import LedoitWolf
from sklearn.preprocessing import normalize

from latentops import elbo
from latentops.artifacts import Vocabulary
from latentops.data import familiarity
from latentops.data.batches import Examples, in_batches
from latentops.model import VAE
from latentops.portion import Features, Portion

NEIGHBOUR = 5
REFERENCE_ROWS = 20_000  # of training, among which neighbours are sought

_ROWS_AT_ONCE = 256
_SEED = 0  # of the reference rows


def of_familiarity(rows: Portion, vocabulary: Vocabulary) -> dict[str, np.ndarray]:
    """As the detector that is shipped has them; none where there are no texts."""
    if rows.counts is None or rows.texts is None:
        return {}
    known_N, unknown_N = familiarity.known_and_unknown(rows.texts, rows.counts, vocabulary)
    return {"known": -np.log1p(known_N), "unknown": np.log1p(unknown_N)}


@torch.no_grad()
def elbo_nats(vae: VAE, examples: Examples, seed: int) -> np.ndarray:
    """With one sample of z for each row, [N]."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for batch in in_batches(examples, _ROWS_AT_ONCE):
        output = vae(batch.input, generator)
        terms = elbo.terms(output.rate_BZ, output.likelihood, batch.target)
        found.append(terms.elbo_B)
    return np.asarray(torch.cat(found).numpy())


def _sampled(rows: Features) -> Features:
    count = rows.shape[0]
    if count <= REFERENCE_ROWS:
        return rows
    drawn = np.random.default_rng(_SEED).choice(count, REFERENCE_ROWS, replace=False)
    return rows[np.sort(drawn)]


def neighbour_distance(rows: Features, train: Features) -> np.ndarray:
    """One minus the cosine to the 5th nearest training row, [N]; to the furthest of fewer.

    Of more than `REFERENCE_ROWS` training rows, so many are drawn.
    """
    unit, others = normalize(rows), normalize(_sampled(train)).T
    nearest = min(NEIGHBOUR, others.shape[1])
    found = []
    for start in range(0, unit.shape[0], _ROWS_AT_ONCE):
        cosines = _dense(unit[start : start + _ROWS_AT_ONCE] @ others)
        found.append(1 - np.partition(cosines, -nearest, axis=1)[:, -nearest])
    return np.concatenate(found)


def mahalanobis(rows_NZ: np.ndarray, train_MZ: np.ndarray, y_M: np.ndarray) -> np.ndarray:
    """Distance to the nearest class mean, all rows at unit length, [N].

    The classes share one covariance, shrunk after Ledoit and Wolf (2004). After Lee et al. (2018).
    """
    rows_NZ, train_MZ = normalize(rows_NZ), normalize(train_MZ)
    classes, at_M = np.unique(y_M, return_inverse=True)
    means = np.stack([train_MZ[at_M == number].mean(axis=0) for number in range(len(classes))])
    precision_ZZ = LedoitWolf(assume_centered=True).fit(train_MZ - means[at_M]).precision_
    own_N = ((rows_NZ @ precision_ZZ) * rows_NZ).sum(axis=1)
    of_means = ((means @ precision_ZZ) * means).sum(axis=1)
    squares = own_N[:, None] - 2 * rows_NZ @ precision_ZZ @ means.T + of_means
    return np.asarray(np.sqrt(np.maximum(squares.min(axis=1), 0)))


def _dense(rows: Features) -> np.ndarray:
    return rows.toarray() if isinstance(rows, scipy.sparse.csr_matrix) else np.asarray(rows)

"""Distances of two sets of examples by features of them: lower is more alike.

Shape suffixes: N and M examples of the two sets, D features.
"""

import numpy as np


def frechet(first_ND: np.ndarray, second_MD: np.ndarray) -> float:
    """Of the normals that have the moments of the sets (Heusel et al. 2017): squared, as they do.

    With few examples it is too large, so that only sets of the same size compare.
    """
    moments = [(each.mean(axis=0), _covariance(each)) for each in (first_ND, second_MD)]
    return frechet_of_moments(*moments[0], *moments[1])


def frechet_of_moments(
    first_mean_D: np.ndarray,
    first_covariance_DD: np.ndarray,
    second_mean_D: np.ndarray,
    second_covariance_DD: np.ndarray,
) -> float:
    """|m - n|^2 + tr(A + B - 2 (A B)^1/2), of covariances A and B (Dowson and Landau 1982).

    tr (A B)^1/2 is that of (A^1/2 B A^1/2)^1/2, which is symmetric: no complex number comes up.
    """
    root_DD = _root(first_covariance_DD)
    between_DD = root_DD @ second_covariance_DD @ root_DD
    common = np.sqrt(np.maximum(np.linalg.eigvalsh(between_DD), 0)).sum()
    apart = np.square(first_mean_D - second_mean_D).sum()
    spreads = np.trace(first_covariance_DD) + np.trace(second_covariance_DD)
    return max(float(apart + spreads - 2 * common), 0.0)


def kernel_distance(first_ND: np.ndarray, second_MD: np.ndarray) -> float:
    """Squared maximum mean discrepancy with the kernel (x y / D + 1)^3 (Binkowski et al. 2018).

    It is unbiased: what is expected does not depend on the number of examples, of which each set
    needs two, and of sets that are alike it is below 0 half of the time.
    """
    first_ND, second_MD = (np.asarray(each, dtype=np.float64) for each in (first_ND, second_MD))
    within = _mean_of_pairs(first_ND) + _mean_of_pairs(second_MD)
    return float(within - 2 * _kernel(first_ND, second_MD).mean())


def _mean_of_pairs(rows_ND: np.ndarray) -> float:
    """Of two different rows."""
    kernel_NN = _kernel(rows_ND, rows_ND)
    count = len(rows_ND)
    return float((kernel_NN.sum() - np.trace(kernel_NN)) / (count * (count - 1)))


def _kernel(first_ND: np.ndarray, second_MD: np.ndarray) -> np.ndarray:
    return np.asarray((first_ND @ second_MD.T / first_ND.shape[1] + 1) ** 3)


def _covariance(rows_ND: np.ndarray) -> np.ndarray:
    return np.atleast_2d(np.cov(rows_ND, rowvar=False, dtype=np.float64))


def _root(covariance_DD: np.ndarray) -> np.ndarray:
    values_D, vectors_DD = np.linalg.eigh(covariance_DD)
    return np.asarray((vectors_DD * np.sqrt(np.maximum(values_D, 0))) @ vectors_DD.T)

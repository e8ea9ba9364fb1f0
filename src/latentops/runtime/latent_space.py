"""Codes to decode, in numpy: see `inference.latent_space` and `inference.neighbours`.

Shape suffixes: B pairs, N codes, Z latent dimensions, S steps, K neighbours.
"""

import numpy as np

from latentops.inference import tasks

_LEAST_SINE = 1e-6  # of an angle along which there is an arc


def between(first_BZ: np.ndarray, second_BZ: np.ndarray, steps: int) -> np.ndarray:
    """[B, S, Z], float32: codes in equal steps on an arc around 0, both ends included."""
    tasks.require_steps(steps)
    first_B1Z = first_BZ.astype(np.float64)[:, None]
    second_B1Z = second_BZ.astype(np.float64)[:, None]
    share_S1 = np.linspace(0, 1, steps)[:, None]
    angle_B11 = _angle(first_B1Z, second_B1Z)
    is_arc_B11 = np.sin(angle_B11) > _LEAST_SINE
    sine_B11 = np.where(is_arc_B11, np.sin(angle_B11), 1.0)
    before_BS1 = np.where(is_arc_B11, np.sin((1 - share_S1) * angle_B11) / sine_B11, 1 - share_S1)
    after_BS1 = np.where(is_arc_B11, np.sin(share_S1 * angle_B11) / sine_B11, share_S1)
    return (before_BS1 * first_B1Z + after_BS1 * second_B1Z).astype(np.float32)


def nearest(mean_NZ: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each example the others, the nearest first: their places and distances, [N, K]."""
    tasks.require_neighbours(most, len(mean_NZ))
    kept = min(most, len(mean_NZ) - 1)
    found = [_nearest_of(row, mean_NZ, kept) for row in range(len(mean_NZ))]
    return np.stack([place_K for place_K, _ in found]), np.stack([each_K for _, each_K in found])


def _nearest_of(row: int, mean_NZ: np.ndarray, kept: int) -> tuple[np.ndarray, np.ndarray]:
    distance_N = np.sqrt(np.square(mean_NZ - mean_NZ[row]).sum(axis=1))
    distance_N[row] = np.inf  # nobody is a neighbour of itself
    place_K = np.argsort(distance_N, kind="stable")[:kept]
    return place_K, distance_N[place_K]


def _angle(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Between vectors in the last dimension, which stays with size 1; 0 where one is 0."""
    lengths = np.linalg.norm(first, axis=-1, keepdims=True)
    lengths = lengths * np.linalg.norm(second, axis=-1, keepdims=True)
    cosine = (first * second).sum(-1, keepdims=True) / np.where(lengths > 0, lengths, 1.0)
    return np.where(lengths > 0, np.arccos(cosine.clip(-1, 1)), 0.0)

"""Codes to decode: of a class, between two examples.

Shape suffixes: B pairs, N codes, Z latent dimensions, S steps.
"""

import numpy as np
import torch
from torch import Tensor

from latentops.classifier import ClassCodes
from latentops.inference import tasks

_LEAST_SINE = 1e-6  # of an angle along which there is an arc


def of_classes(codes: ClassCodes, y_N: np.ndarray, generator: torch.Generator) -> Tensor:
    """[N, Z], each of the normal that has the moments of its class's aggregated posterior."""
    noise_NZ = torch.randn((len(y_N), codes.mean_CZ.shape[1]), generator=generator)
    mean_NZ, sd_NZ = torch.from_numpy(codes.mean_CZ[y_N]), torch.from_numpy(codes.sd_CZ[y_N])
    return mean_NZ + sd_NZ * noise_NZ


def between(first_BZ: Tensor, second_BZ: Tensor, steps: int) -> Tensor:
    """[B, S, Z]: codes in equal steps on an arc around 0 (slerp), both ends included.

    A straight line would pass nearer to 0 than codes lie (White 2016, Sampling Generative
    Networks); docs/applications.md has both measured. From a code that is 0, or to one in the same
    or the opposite direction, no arc is told from the others: the line is straight.
    """
    tasks.require_steps(steps)
    first_B1Z, second_B1Z = first_BZ.double()[:, None], second_BZ.double()[:, None]
    share_S1 = torch.linspace(0, 1, steps, dtype=torch.float64)[:, None]
    angle_B11 = _angle(first_B1Z, second_B1Z)
    is_arc_B11 = angle_B11.sin() > _LEAST_SINE
    sine_B11 = torch.where(is_arc_B11, angle_B11.sin(), 1.0)
    before_BS1 = torch.where(
        is_arc_B11, ((1 - share_S1) * angle_B11).sin() / sine_B11, 1 - share_S1
    )
    after_BS1 = torch.where(is_arc_B11, (share_S1 * angle_B11).sin() / sine_B11, share_S1)
    return (before_BS1 * first_B1Z + after_BS1 * second_B1Z).to(first_BZ.dtype)


def _angle(first: Tensor, second: Tensor) -> Tensor:
    """Between vectors in the last dimension, which stays with size 1; 0 where one is 0."""
    lengths = first.norm(dim=-1, keepdim=True) * second.norm(dim=-1, keepdim=True)
    cosine = (first * second).sum(-1, keepdim=True) / torch.where(lengths > 0, lengths, 1.0)
    return torch.where(lengths > 0, cosine.clamp(-1, 1).acos(), 0.0)

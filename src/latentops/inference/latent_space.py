"""Codes to decode: from the prior, of a class, around an example, between two.

Shape suffixes: B examples, n codes of each, N codes, Z latent dimensions, S steps.
"""

import difflib

import numpy as np
import torch
from torch import Tensor

from latentops.classifier import ClassCodes, Classifier
from latentops.elbo import Posterior
from latentops.errors import DataError

_MOST_NAMED = 8  # classes in a message


def from_prior(n: int, latent: int, generator: torch.Generator) -> Tensor:
    """[N, Z], of the standard normal: the same first rows for any n."""
    return torch.randn((n, latent), generator=generator)


def of_classes(codes: ClassCodes, y_N: np.ndarray, generator: torch.Generator) -> Tensor:
    """[N, Z], each of the normal that has the moments of its class's aggregated posterior."""
    noise_NZ = from_prior(len(y_N), codes.mean_CZ.shape[1], generator)
    mean_NZ, sd_NZ = torch.from_numpy(codes.mean_CZ[y_N]), torch.from_numpy(codes.sd_CZ[y_N])
    return mean_NZ + sd_NZ * noise_NZ


def around(
    posterior: Posterior, n: int, generator: torch.Generator, noise_sd: float | None = None
) -> Tensor:
    """n codes near each of B examples, [B, n, Z].

    They are samples of q(z given x), as spread as the encoder is unsure of each dimension; with
    `noise_sd` (in standard deviations of the prior) the mean of q plus as much noise in every
    dimension. The examples share the noise, so that the codes of one do not depend on how many
    others there are, nor on its place among them.
    """
    noise_nZ = from_prior(n, posterior.mean.shape[1], generator)
    spread_BZ = posterior.standard_deviation
    if noise_sd is not None:
        spread_BZ = torch.full_like(spread_BZ, noise_sd)
    return posterior.mean[:, None] + spread_BZ[:, None] * noise_nZ


def between(first_BZ: Tensor, second_BZ: Tensor, steps: int) -> Tensor:
    """[B, S, Z]: codes in equal steps on the straight line, both ends included.

    Straight and not along a sphere (White 2016, Sampling Generative Networks): that keeps the
    length which samples of the prior have in common, sqrt(Z), but the means of posteriors have
    none in common, for a dimension that is not used has the mean 0. An arc also has no direction
    from a code that is 0 or to one that is opposite.
    """
    if steps < 2:
        raise DataError(f"n should be at least 2 steps, which are the two ends. Got {steps}.")
    share_S1 = torch.linspace(0, 1, steps, dtype=first_BZ.dtype)[:, None]
    return torch.lerp(first_BZ[:, None], second_BZ[:, None], share_S1)


def codes_of(head: Classifier | str) -> ClassCodes:
    """Where the classes lie. Raises DataError where the model does not know."""
    if isinstance(head, str):
        raise DataError(f"This model cannot generate by class: {head}")
    if head.codes is None:
        raise DataError(
            "This model cannot generate by class: its classifier was made before models kept where "
            "the classes lie. Make it again: `dvc repro head`."
        )
    return head.codes


def class_index(head: Classifier, label: str) -> int:
    """Of a class that was learned from. Raises DataError where `label` is none."""
    learned = [name for name in head.classes if name not in head.head.absent]
    if label in learned:
        return head.classes.index(label)
    if label in head.classes:
        problem = f"Class {label!r} had no training row."
    else:
        guess = difflib.get_close_matches(label, learned, n=1)
        problem = f"There is no class {label!r}."
        problem += f" Did you mean {guess[0]!r}?" if guess else ""
    raise DataError(f"{problem} There {_listed(learned)}.")


def _listed(names: list[str]) -> str:
    named = ", ".join(map(repr, names[:_MOST_NAMED]))
    more = len(names) - _MOST_NAMED
    return f"are {named}" + (f" and {more} more" if more > 0 else "")

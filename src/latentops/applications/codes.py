# ruff: noqa: N815 - names end in their shape suffixes
"""The codes that are compared, each of training rows and of test rows.

Shape suffixes: N rows, Z latent dimensions.
"""

from dataclasses import dataclass

import numpy as np

from latentops import build, portion
from latentops.artifacts import Spec, Vocabulary
from latentops.build import Model
from latentops.elbo import Posterior
from latentops.metrics import latent
from latentops.model import VAE
from latentops.portion import Portion
from latentops.verdict.features import Basis


@dataclass(frozen=True)
class Codes:
    """float64. Dead dimensions are 0: what is left of them the decoder does not read."""

    train_NZ: np.ndarray
    test_NZ: np.ndarray
    alive_Z: np.ndarray  # bool
    posterior: Posterior | None = None  # of test rows


def of_vae(vae: VAE, train: Portion, test: Portion) -> Codes:
    """Posterior means; dead are the dimensions whose means hardly vary (Burda et al. 2016)."""
    train_mean_NZ = portion.encode(vae, train.examples).mean
    alive_Z, posterior = latent.active(train_mean_NZ).numpy(), portion.encode(vae, test.examples)
    train_NZ, test_NZ = (
        mean_NZ.double().numpy() * alive_Z for mean_NZ in (train_mean_NZ, posterior.mean)
    )
    return Codes(train_NZ, test_NZ, alive_Z, posterior)


def of_chance(
    spec: Spec, vocabulary: Vocabulary, settings: Model, seed: int, train: Portion, test: Portion
) -> Codes:
    """Posterior means of weights as they are drawn. Their scale means nothing: none is dead."""
    vae = build.model(spec, vocabulary, settings, seed).eval()
    train_NZ, test_NZ = (
        portion.encode(vae, rows.examples).mean.double().numpy() for rows in (train, test)
    )
    return Codes(train_NZ, test_NZ, np.ones(vae.latent, dtype=bool))


def of_projection(
    vae: VAE, vocabulary: Vocabulary, fitted_to: Portion, seed: int, train: Portion, test: Portion
) -> tuple[str, Codes] | None:
    """lsa or pca, and its codes of as many dimensions; None where there is but one term or pixel.

    It learns from as many rows as `fitted_to` has, without their labels.
    """
    first = fitted_to.subset(np.arange(1))
    basis = Basis.fit(fitted_to, portion.read(vae, first.examples), vocabulary, vae.latent, seed)
    if basis.projection is None:
        return None
    train_NZ, test_NZ = (
        basis.dense(basis.observed(rows))[basis.projected].astype(np.float64)
        for rows in (train, test)
    )
    return basis.projected, Codes(train_NZ, test_NZ, np.ones(train_NZ.shape[1], dtype=bool))

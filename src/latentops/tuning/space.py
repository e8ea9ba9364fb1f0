"""What a trial may choose."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna

from latentops.tuning.settings import Settings

BETA, LATENT = "objective.beta", "model.latent"


@dataclass(frozen=True)
class Choice:
    """The settings that one trial is trained with."""

    beta: float
    latent: int

    @property
    def params(self) -> dict[str, Any]:
        """By their dotted names in params.yaml."""
        return {BETA: self.beta, LATENT: self.latent}


def suggest(trial: optuna.Trial, settings: Settings) -> Choice:
    trial.suggest_float(BETA, *settings.beta, log=True)
    trial.suggest_int(LATENT, *settings.latent, log=True)
    return chosen(trial.params, settings)


def chosen(params: Mapping[str, Any], settings: Settings) -> Choice:
    """What is trained for a trial's params: beta to four digits, as params.yaml will hold it."""
    low, high = settings.beta
    return Choice(min(max(float(f"{params[BETA]:.4g}"), low), high), params[LATENT])


def grid(settings: Settings) -> list[Choice]:
    """At most `trials` points, even on the log scale of both, ends included."""
    latents = _even(*settings.latent, count=round(math.sqrt(settings.trials)))
    whole = sorted({round(latent) for latent in latents})
    betas = sorted(set(_even(*settings.beta, count=settings.trials // len(whole))))
    return [Choice(beta, latent) for beta, latent in itertools.product(betas, whole)]


def _even(low: float, high: float, count: int) -> list[float]:
    points = np.geomspace(low, high, max(1, count))
    return [float(point) for point in points.clip(low, high)]


def sampler(settings: Settings, spent: int) -> optuna.samplers.BaseSampler:
    """The sampler of the trial that follows `spent` others.

    Its seed follows from that number, so that a study that was stopped and taken up again asks
    for the same trials as one that ran through.
    """
    seed = int(np.random.SeedSequence([settings.seed, spent]).generate_state(1)[0])
    if settings.sampler == "tpe":
        return optuna.samplers.TPESampler(seed=seed, multivariate=True)
    if settings.sampler == "gp":
        return optuna.samplers.GPSampler(seed=seed)
    return optuna.samplers.RandomSampler(seed=seed)

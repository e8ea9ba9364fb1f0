"""Who proposes a trial: a plan made beforehand, or a sampler that learns from earlier trials."""

import itertools
import json
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial
from scipy.stats import qmc

from latentops.errors import StudyError
from latentops.tuning import space
from latentops.tuning.settings import Dimension, Settings
from latentops.tuning.space import Choice, Sections

SLOT = "slot"  # user attribute of a trial: its number in the study, however often it is tried


def planned(settings: Settings, sections: Sections, numbers: Sequence[int]) -> list[Choice | None]:
    """The choices of the trials of these numbers where they do not depend on earlier ones.

    None: the sampler proposes it when the trial begins.
    """
    if settings.sampler == "grid":
        points = grid(settings, sections)
        return [points[number] for number in numbers]
    if settings.sampler == "qmc":
        units = _sobol(settings, 1 + max(numbers, default=0))
        return [_at(units[number], settings, sections) for number in numbers]
    return [None for _ in numbers]


def total(settings: Settings, sections: Sections) -> int:
    """How many trials the study has in the end: a grid may have fewer points."""
    grid_points = len(grid(settings, sections)) if settings.sampler == "grid" else settings.trials
    return min(settings.trials, grid_points)


def grid(settings: Settings, sections: Sections) -> list[Choice]:
    """At most `trials` points, even on the scale of each setting, ends included."""
    counts = _grid_counts(settings, sections)
    units = [_even(count) for count in counts]
    points = [_at(point, settings, sections) for point in itertools.product(*units)]
    return list({json.dumps(point, sort_keys=True): point for point in points}.values())


def sampler(settings: Settings) -> optuna.samplers.BaseSampler:
    """What it proposes for a trial follows from the trial's slot and the trials before it.

    So a study that was stopped and taken up again, or that has several workers, does not repeat
    itself.
    """
    return _ByNumber(settings)


def pruner(settings: Settings) -> optuna.pruners.BasePruner:
    """After the first five trials."""
    if settings.pruner == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=5)
    if settings.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(max_resource=settings.epochs)
    return optuna.pruners.NopPruner()


class _ByNumber(optuna.samplers.BaseSampler):
    """A fresh sampler for each trial, seeded by its slot."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._number = -1
        self._sampler: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler()

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._of(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, distribution: BaseDistribution
    ) -> Any:
        return self._of(trial).sample_independent(study, trial, param_name, distribution)

    def _of(self, trial: FrozenTrial) -> optuna.samplers.BaseSampler:
        if trial.number != self._number:
            self._number = trial.number
            self._sampler = _proposing(self._settings, trial.user_attrs.get(SLOT, trial.number))
        return self._sampler


def _proposing(settings: Settings, slot: int) -> optuna.samplers.BaseSampler:
    seed = int(np.random.SeedSequence([settings.seed, slot]).generate_state(1)[0])
    if settings.sampler == "tpe":
        return _tpe(seed, any(dimension.when for dimension in settings.space.values()))
    if settings.sampler == "gp":
        return optuna.samplers.GPSampler(seed=seed)
    return optuna.samplers.RandomSampler(seed=seed)


def _tpe(seed: int, conditional: bool) -> optuna.samplers.TPESampler:
    """Trials that others train at the moment count as bad, so that two do not go to one place."""
    with warnings.catch_warnings():  # what is asked for here is called experimental
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            seed=seed, multivariate=True, group=conditional, constant_liar=True
        )


def _at(units: Sequence[float], settings: Settings, sections: Sections) -> Choice:
    """The choice at a point of the unit cube that has an axis for each setting."""
    chosen: Choice = {}
    for (name, dimension), unit in zip(settings.space.items(), units, strict=True):
        if space.holds(dimension.when, chosen):
            integer = space.is_integer(name, dimension, sections)
            chosen[name] = space.rounded(_along(dimension, unit, integer), dimension)
    return chosen


def _along(dimension: Dimension, unit: float, integer: bool) -> Any:
    """0 is the first value, 1 the last."""
    if dimension.choices is not None:
        index = min(int(unit * len(dimension.choices)), len(dimension.choices) - 1)
        return space.text(dimension.choices[index])
    low, high = float(dimension.low or 0), float(dimension.high or 0)
    if dimension.log:
        value = math.exp(math.log(low) + unit * (math.log(high) - math.log(low)))
    else:
        value = low + unit * (high - low)
    step = dimension.step or (1 if integer else None)
    if step is not None:
        value = low + step * min(round((value - low) / step), space.steps(low, high, step))
    return round(value) if integer else min(max(value, low), high)


def _sobol(settings: Settings, count: int) -> np.ndarray:
    """The first points of a scrambled Sobol sequence, [count, settings of the space]."""
    sequence = qmc.Sobol(len(settings.space), scramble=True, rng=settings.seed)
    return np.asarray(sequence.random_base2(max(1, count - 1).bit_length()))


def _even(count: int) -> list[float]:
    return [float(unit) for unit in np.linspace(0.0, 1.0, count)] if count > 1 else [0.0]


def _grid_counts(settings: Settings, sections: Sections) -> list[int]:
    """How many values of each setting: all choices, and of the ranges as many as fit, evenly."""
    names = list(settings.space)
    most = [_values(settings.space[name], name, sections) for name in names]
    counts = [most[i] if settings.space[name].choices else 1 for i, name in enumerate(names)]
    if math.prod(counts) > settings.trials:
        raise StudyError(
            f"A grid of the choices in tune.space has {math.prod(counts)} points, tune.trials is "
            f"{settings.trials}. Raise tune.trials, or take another tune.sampler."
        )
    while growing := [
        i
        for i, count in enumerate(counts)
        if count < most[i] and math.prod(counts) // count * (count + 1) <= settings.trials
    ]:
        counts[min(growing, key=lambda i: counts[i])] += 1
    return counts


def _values(dimension: Dimension, name: str, sections: Sections) -> int:
    """How many different ones there are, 10,000 at most."""
    if dimension.choices is not None:
        return len(dimension.choices)
    low, high = float(dimension.low or 0), float(dimension.high or 0)
    step = dimension.step or (1 if space.is_integer(name, dimension, sections) else None)
    if low == high:
        return 1
    return min(10_000, 1 + space.steps(low, high, step)) if step else 10_000

"""Which trial of a study is chosen.

`trials` is the table of tune/trials.parquet: a row per spent trial, by number. Only complete trials
can be chosen; each function expects one at least.
"""

from collections.abc import Sequence

import pandas as pd

from latentops.errors import StudyError
from latentops.metrics import rate_distortion
from latentops.tuning.settings import Pick, Settings

PLANE = ["rate_nats", "distortion_nats"]


def chosen(trials: pd.DataFrame, settings: Settings) -> int:
    """The number of the trial that `tune.pick` means."""
    return by(settings.pick, trials, settings.mode, settings.rate_nats)


def by(pick: Pick, trials: pd.DataFrame, mode: str, rate_nats: float | None) -> int:
    """The number of the trial of that pick.

    In mode budget only a trial that keeps the budget is one. Raises StudyError where none does.
    """
    eligible = _keeping(rate_nats, trials) if mode == "budget" else trials
    if pick == "budget":
        return within(eligible, rate_nats)
    return knee(eligible) if pick == "knee" else best(eligible)


def complete(trials: pd.DataFrame) -> pd.DataFrame:
    return trials[trials["state"] == "complete"]


def front(trials: pd.DataFrame) -> pd.DataFrame:
    """Complete trials that no other matches in rate and distortion at once, by rising rate."""
    return rate_distortion.front(complete(trials))


def best(trials: pd.DataFrame) -> int:
    """The highest score, the first of equals."""
    return _number(complete(trials).sort_values("score", ascending=False, kind="stable"))


def knee(trials: pd.DataFrame) -> int:
    """The point of the front furthest below the chord between its ends, both axes scaled to [0, 1].

    Of equals the one of least rate. Where no point lies below the chord, as with fewer than three:
    the highest ELBO.
    """
    line = front(trials).reset_index(drop=True)
    spans = line[PLANE].max() - line[PLANE].min()
    if (spans > 0).all():
        scaled = (line[PLANE] - line[PLANE].min()) / spans
        below = 1 - scaled.sum(axis="columns")  # the chord is where both add up to 1
        if below.max() > 0:
            return _number(line.iloc[[int(below.argmax())]])
    return _number(line.sort_values("elbo_nats", ascending=False, kind="stable"))


def within(trials: pd.DataFrame, rate_nats: float | None) -> int:
    """The least distortion with a rate of at most `rate_nats`; of equals the least rate."""
    kept = _keeping(rate_nats, trials)
    return _number(kept.sort_values(["distortion_nats", "rate_nats"], kind="stable"))


def standardised(
    trials: pd.DataFrame, names: Sequence[str], among: pd.DataFrame | None = None
) -> pd.Series:
    """The mean of the z-scores of these columns, for complete trials; missing for the others.

    Zero and one are the mean and the standard deviation of the complete trials of `among`, which is
    `trials` if left out. A column in which those are all equal counts 0.
    """
    columns = list(names)
    values = complete(trials)[columns].astype("float64")
    known = complete(trials if among is None else among)[columns].astype("float64")
    scores = (values - known.mean()) / known.std(ddof=0)
    scores.loc[:, known.max() == known.min()] = 0.0
    return scores.mean(axis="columns").reindex(trials.index)


def _keeping(rate_nats: float | None, trials: pd.DataFrame) -> pd.DataFrame:
    if rate_nats is None:
        raise StudyError("Pick budget needs a rate. Set tune.rate_nats to the most nats allowed.")
    found = complete(trials)
    kept = found[found["rate_nats"] <= rate_nats]
    if kept.empty:
        raise StudyError(
            f"No trial has a rate of at most {rate_nats:g} nats: the lowest is "
            f"{found['rate_nats'].min():.4g}. Raise tune.rate_nats, or let tune.space reach a "
            "larger objective.beta."
        )
    return kept


def _number(ordered: pd.DataFrame) -> int:
    return int(ordered["trial"].iloc[0])

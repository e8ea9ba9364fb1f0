"""Whether tuning helped: the chosen settings beside the former ones, each with the same new seeds.

Both are trained to the end of `train.epochs` and scored on the validation split, as the study did.
"""

import dataclasses
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import pandas as pd
from scipy import stats

from latentops.artifacts import Schema
from latentops.errors import StudyError
from latentops.training.settings import Settings as TrainSettings
from latentops.tuning import outcome, picks
from latentops.tuning.choice import Best
from latentops.tuning.outcome import Outcome
from latentops.tuning.settings import Settings
from latentops.tuning.space import Choice

SEED = "train.seed"
CAVEAT = (
    "The seeds are new, but the validation rows are those on which the choice was made: what is "
    "gained on other rows may be a little less."
)
_LEVEL = 0.95

Arm = Literal["chosen", "default"]
Verdict = Literal["helped", "no clear difference", "made it worse"]
Found = Outcome | str  # of a training; the text says why there is none
ARMS: tuple[Arm, Arm] = ("chosen", "default")


class Interval(NamedTuple):
    """A mean, and the ends of its 95 % interval."""

    mean: float
    low: float
    high: float


class Training(Schema):
    """One of the models. Scores are missing where it could not be trained."""

    arm: Arm
    seed: int
    score: float | None = None  # higher is better
    rate_nats: float | None = None
    distortion_nats: float | None = None
    elbo_nats: float | None = None
    active_units: int | None = None
    accuracy: float | None = None
    macro_recall: float | None = None
    error: str = ""


class Comparison(Schema):
    """tune/compare.json. Gains are of the chosen over the former settings: above 0 is better."""

    study: str
    trial: int
    score_name: str
    seeds: int  # with which both could be trained
    epochs: int
    chosen: dict[str, Any]
    default: dict[str, Any]
    gain: float  # of the score
    low: float
    high: float
    elbo_gain_nats: float
    elbo_low_nats: float
    elbo_high_nats: float
    rate_budget_nats: float | None
    rate_nats: dict[Arm, float]  # means
    verdict: Verdict
    sentence: str
    caveat: str = CAVEAT
    trainings: list[Training]


def nothing_to_compare(best: Best) -> bool:
    """Whether the study chose what params.yaml held."""
    return best.default | best.settings == best.default


def check_same_score(best: Best, tune: Settings) -> None:
    """Raise StudyError where params.yaml now asks for another score than the study was by."""
    chosen_by = _criterion(best.mode, best.score_name, best.rate_budget_nats)
    asked_for = _criterion(tune.mode, tune.score_name, tune.rate_nats)
    if chosen_by != asked_for:
        raise StudyError(
            f"Study {best.study} chose by {chosen_by}, section tune of params.yaml now asks for "
            f"{asked_for}. Set it back, or run `make tune` for this one first."
        )


def _criterion(mode: str, score_name: str, budget_nats: float | None) -> str:
    within = f" within {budget_nats:g} nats" if mode == "budget" and budget_nats is not None else ""
    return f"mode {mode}, {score_name}{within}"


def points(best: Best, train: TrainSettings, seeds: int) -> list[Choice]:
    """What is trained: both arms of each seed, the seeds after `train.seed`, to the last epoch."""
    settings = {"chosen": best.default | best.settings, "default": best.default}
    return [
        settings[arm] | {"train.epochs": train.epochs, SEED: train.seed + offset}
        for offset in range(1, seeds + 1)
        for arm in ARMS
    ]


def compared(
    best: Best,
    trials: pd.DataFrame,
    tune: Settings,
    trained: Sequence[tuple[int, Found]],
) -> Comparison:
    """`trained` is of `points`, in their order: the seed, and the outcome or why there is none.

    `trials` is tune/trials.parquet, which says what one is where several scores are standardised.
    Raises StudyError where fewer than two seeds have both.
    """
    table = _table(trained)
    table["score"] = _scores(table, trials, tune)
    pairs = _pairs(table)
    gain = interval(_gains(pairs, "score"))
    elbo = interval(_gains(pairs, "elbo_nats"))
    rates = {arm: float(pairs["rate_nats"][arm].mean()) for arm in ARMS}
    budget = tune.rate_nats if tune.mode == "budget" else None
    verdict = _verdict(gain, rates, budget)
    return Comparison(
        study=best.study,
        trial=best.trial,
        score_name=best.score_name,
        seeds=len(pairs),
        epochs=int(table["epochs"].max()),
        chosen=best.settings,
        default=best.default,
        gain=gain.mean,
        low=gain.low,
        high=gain.high,
        elbo_gain_nats=elbo.mean,
        elbo_low_nats=elbo.low,
        elbo_high_nats=elbo.high,
        rate_budget_nats=budget,
        rate_nats=rates,
        verdict=verdict,
        sentence=_sentence(verdict, gain, len(pairs), best.score_name, rates, budget),
        trainings=[*_trainings(table)],
    )


def interval(gains: Sequence[float]) -> Interval:
    """The mean of paired differences, of which there are two or more, by Student's t."""
    mean, error = statistics.mean(gains), statistics.stdev(gains) / math.sqrt(len(gains))
    half = float(stats.t.ppf((1 + _LEVEL) / 2, len(gains) - 1)) * error
    return Interval(mean, mean - half, mean + half)


def scores(found: Comparison) -> dict[str, float]:
    """For the run of the study."""
    names = ("gain", "low", "high", "elbo_gain_nats", "elbo_low_nats", "elbo_high_nats")
    return {f"compare_{name}": getattr(found, name) for name in names}


def summary(found: Comparison) -> pd.DataFrame:
    """A row for each training that succeeded, for people; what was not measured is left out."""
    rows = pd.DataFrame([row.model_dump() for row in found.trainings if not row.error])
    return rows.drop(columns="error").dropna(axis="columns", how="all")


def failures(found: Comparison) -> Iterator[str]:
    """A line for each training that failed."""
    for row in found.trainings:
        if row.error:
            yield f"{row.arm} settings, seed {row.seed}: left out, it failed: {row.error}"


def _table(trained: Sequence[tuple[int, Found]]) -> pd.DataFrame:
    """A row for each training, in the words of tune/trials.parquet."""
    names = [field.name for field in dataclasses.fields(Outcome)]
    rows = [
        {"arm": ARMS[place % 2], "seed": seed}
        | (
            {"state": "failed", "error": found}
            if isinstance(found, str)
            else {"state": "complete", "error": "", **dataclasses.asdict(found)}
        )
        for place, (seed, found) in enumerate(trained)
    ]
    table = pd.DataFrame(rows, columns=["arm", "seed", "state", "error", *names])
    return table.astype(dict.fromkeys(names, "float64"))


def _scores(table: pd.DataFrame, trials: pd.DataFrame, tune: Settings) -> pd.Series:
    if tune.mode == "pareto":
        return table["elbo_nats"]
    if tune.mode == "budget":
        return -table["distortion_nats"]
    columns = [*map(outcome.column, tune.score)]
    if len(columns) == 1:
        return table[columns[0]]
    return picks.standardised(table, columns, among=trials)


def _pairs(table: pd.DataFrame) -> pd.DataFrame:
    """A row per seed with which both were trained; columns (score, arm)."""
    wide = table.pivot(index="seed", columns="arm", values=["score", "elbo_nats", "rate_nats"])
    pairs = wide.dropna()
    if len(pairs) < 2:
        errors = table.loc[table["error"] != "", "error"]
        raise StudyError(
            f"Both settings could be trained with {len(pairs)} of {len(wide)} seeds, and an "
            f"interval needs two: {errors.mode().iloc[0]}"
        )
    return pairs


def _gains(pairs: pd.DataFrame, score: str) -> list[float]:
    return [float(gain) for gain in pairs[score]["chosen"] - pairs[score]["default"]]


def _verdict(gain: Interval, rates: Mapping[Arm, float], budget_nats: float | None) -> Verdict:
    """Settings that keep the budget are better than settings that do not."""
    if budget_nats is not None:
        kept = {arm: rates[arm] <= budget_nats for arm in ARMS}
        if kept["chosen"] != kept["default"]:
            return "helped" if kept["chosen"] else "made it worse"
    if gain.low > 0:
        return "helped"
    return "made it worse" if gain.high < 0 else "no clear difference"


def _sentence(
    verdict: Verdict,
    gain: Interval,
    seeds: int,
    score_name: str,
    rates: Mapping[Arm, float],
    budget_nats: float | None,
) -> str:
    ends = f"95 % interval {_signed(gain.low)} to {_signed(gain.high)}, {seeds} seeds"
    said = f"{_VERDICTS[verdict]}: {_title(score_name)} {_signed(gain.mean)} ({ends})."
    if budget_nats is None:
        return said
    told = (
        f"{arm} settings have {rates[arm]:.4g} and "
        f"{'keep' if rates[arm] <= budget_nats else 'exceed'} it"
        for arm in ARMS
    )
    return f"{said} Of the budget of {budget_nats:g} nats of rate: {', '.join(told)}."


_VERDICTS: dict[Verdict, str] = {
    "helped": "Tuning helped",
    "no clear difference": "No clear difference",
    "made it worse": "Tuning made it worse",
}


def _title(score_name: str) -> str:
    names = {"elbo": "ELBO on validation, in nats,", "-distortion": "less distortion, in nats,"}
    return names.get(score_name, f"{score_name} on validation")


def _signed(value: float) -> str:
    return f"{value:+.3g}"


def _trainings(table: pd.DataFrame) -> Iterator[Training]:
    for row in table.drop(columns=["state", "epochs", "seconds"]).to_dict("records"):
        yield Training.model_validate(
            {str(name): None if _missing(value) else value for name, value in row.items()}
        )


def _missing(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)

"""What a study tells on stderr: its plan, then how far it is, what is best, what time is left."""

import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, Self

from tqdm import tqdm

from latentops.tuning import study as studies
from latentops.tuning.settings import Dimension, Settings
from latentops.tuning.study import Record, Study

_TRIALS_BEFORE_AN_ESTIMATE = 2


def plan(study: Study, total: int, machines: str) -> Iterator[str]:
    """The lines that say what will be searched, how, and how much of it is left."""
    tune = study.settings
    pruned = "" if tune.pruner == "none" else f", pruned by {tune.pruner}"
    yield f"study {study.name}: {_goal(tune)}"
    yield (
        f"  {total} trials of {tune.epochs} epochs by {tune.sampler}{pruned}; "
        f"{tune.workers} {'worker' if tune.workers == 1 else 'workers'} here{machines}"
    )
    width = max(map(len, tune.space))
    for name, dimension in tune.space.items():
        yield f"  {name:{width}}  {_range(dimension)}{_condition(dimension)}"
    done = len(study.spent())
    left = "nothing is left to do" if done >= total else "how long it takes is told after two more"
    yield f"  {done} of {total} trials are done; {left}"


class Progress:
    """A bar in a terminal, else a line per trial."""

    def __init__(self, study: Study, total: int) -> None:
        self._study, self._total = study, total
        self._earlier = {trial.number for trial in study.spent()}
        self._records: list[Record] = []
        self._started = time.monotonic()
        terminal = sys.stderr.isatty()
        self._bar = tqdm(
            total=total, initial=len(self._earlier), unit="trial", disable=not terminal
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, record: Record) -> None:
        self._records.append(record)
        if record.trial in self._earlier:
            return
        best = self._best()
        self._bar.set_postfix_str(best, refresh=False)
        self._bar.update()
        if self._bar.disable:
            done = f"trial {record.trial} ({len(self._records)} of {self._total})"
            said = f"{done}: {self._found(record)}; {best}{self._left()}"
            print(said, file=sys.stderr, flush=True)

    def _left(self) -> str:
        here = len(self._records) - len(self._earlier)
        missing = self._total - len(self._records)
        if here < _TRIALS_BEFORE_AN_ESTIMATE or missing <= 0:
            return ""
        return f"; {_duration((time.monotonic() - self._started) / here * missing)} left"

    def _best(self) -> str:
        if not any(record.state == "complete" for record in self._records):
            return "none complete yet"
        scores = studies.scores(self._records, self._study.settings)
        if scores.isna().all():
            return "none within the budget yet"
        best = self._records[int(scores.argmax())]
        return f"best {scores.max():.5g} (trial {best.trial}: {_settings(best.choice)})"

    def _found(self, record: Record) -> str:
        if record.outcome is None:
            after = f" after {len(record.curve)} epochs" if record.state == "pruned" else ""
            return f"{record.state}{after}{record.error and f': {record.error}'}"
        found = record.outcome
        terms = {
            "ELBO": found.elbo_nats,
            "rate": found.rate_nats,
            "distortion": found.distortion_nats,
        }
        nats = ", ".join(f"{name} {value:.5g}" for name, value in terms.items())
        scores = {"accuracy": found.accuracy, "macro recall": found.macro_recall}
        told = [f"{name} {value:.4f}" for name, value in scores.items() if value is not None]
        return ", ".join([*told, f"{nats} nats"])


def _goal(tune: Settings) -> str:
    if tune.mode == "pareto":
        return "rate against distortion of the validation split"
    if tune.mode == "budget":
        return f"the least distortion with a rate of at most {tune.rate_nats:g} nats, on validation"
    scores = " and ".join(name.replace("_", " ") for name in tune.score)
    by_likelihood = tune.labels is None or tune.score == ("elbo",)
    labels = "" if by_likelihood else f" with {tune.labels} labels of each class"
    return f"the highest {scores.replace('elbo', 'ELBO')} on validation{labels}"


def _range(dimension: Dimension) -> str:
    if dimension.choices is not None:
        return "one of " + ", ".join(map(_value, dimension.choices))
    scale = ", log scale" if dimension.log else ""
    step = f", in steps of {dimension.step:g}" if dimension.step else ""
    return f"{dimension.low:g} to {dimension.high:g}{scale}{step}"


def _condition(dimension: Dimension) -> str:
    parts = [
        f"{parent} is {' or '.join(map(_value, values))}"
        for parent, values in dimension.when.items()
    ]
    return f", where {' and '.join(parts)}" if parts else ""


def _value(value: Any) -> str:
    return str(list(value)) if isinstance(value, tuple) else "null" if value is None else str(value)


def _settings(choice: Mapping[str, Any]) -> str:
    """`beta 0.42, latent 16`"""
    shown = {name.partition(".")[2]: value for name, value in choice.items()}
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in shown.items()
    )


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    if minutes < 1.5:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"

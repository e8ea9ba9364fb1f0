"""A process that takes part in a study: it claims a slot, trains, tells, and claims the next.

python -m latentops.tuning.worker STUDY      one more on this machine, as stage tune starts it
"""

import dataclasses
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import Trial, TrialState

from latentops.errors import NumericalError, SettingsError, StudyError, exit_on_known_error
from latentops.tuning import alive, outcome, prepared, space, storage
from latentops.tuning import study as studies
from latentops.tuning.outcome import CURVE, Outcome, Report, Row
from latentops.tuning.space import Choice
from latentops.tuning.study import Study

SECONDS_BETWEEN_LOOKS = 0.5
MOST_IDLE_SECONDS = 600.0

Attempt = Callable[[Choice, Report], Outcome]
"""Raises NumericalError where a model cannot be trained, SettingsError where it cannot be made."""


class Pruned(Exception):  # noqa: N818  as Optuna's TrialPruned, it is no error
    """The trial fell behind."""


def work(
    study: Study,
    attempt: Attempt,
    private: bool = False,
    most_idle_seconds: float = MOST_IDLE_SECONDS,
) -> int:
    """Do trials until the study has ended, or none was to be had for so long; how many."""
    done, idle_since = 0, time.monotonic()
    while not study.ended:
        if (trial := study.claim()) is not None:
            tried(study, trial, attempt, private)
            done, idle_since = done + 1, time.monotonic()
        elif time.monotonic() - idle_since > most_idle_seconds:
            break
        else:
            time.sleep(SECONDS_BETWEEN_LOOKS)
    return done


def tried(study: Study, trial: Trial, attempt: Attempt, private: bool = False) -> None:
    """One trial. What is no error of its own leaves it running: the next process takes it up."""
    with nullcontext() if private else alive.beating(trial):
        try:
            _attempted(study, trial, attempt)
        except KeyboardInterrupt:
            study.give_back(trial)
            raise
        except (UpdateFinishedTrialError, _TakenError):
            print(
                f"trial {trial.number} was given to another process, since nothing was seen of "
                "this one: its result is left out",
                file=sys.stderr,
            )


class _TakenError(Exception):
    """Whoever watches took this process for dead."""


def _attempted(study: Study, trial: Trial, attempt: Attempt) -> None:
    given = trial.user_attrs.get(studies.CHOICE)
    choice = given or space.suggest(trial, study.settings, study.sections)
    watched = _Watched(study, trial, prunes=given is None)
    try:
        found = attempt(study.default | choice, watched.report)
    except Pruned:
        _keep(trial, choice, watched.curve)
        _tell(study, trial, TrialState.PRUNED)
    except (NumericalError, SettingsError) as error:
        _keep(trial, choice, watched.curve)
        trial.set_user_attr(studies.ERROR, str(error))
        _tell(study, trial, TrialState.FAIL)
    else:
        _keep(trial, choice, watched.curve, found)
        if study.settings.mode == "budget":
            excess_nats = outcome.excess_rate_nats(found.rate_nats, study.settings)
            trial.set_constraint("rate", excess_nats)
        _tell(study, trial, TrialState.COMPLETE, outcome.values(found, study.settings))


class _Watched:
    """The curve of a running trial, which Optuna's pruner sees."""

    def __init__(self, study: Study, trial: Trial, prunes: bool) -> None:
        self.curve: list[Row] = []
        self._trial = trial
        self._prunes = prunes and study.settings.pruner != "none"

    def report(self, row: Row, value: float | None) -> None:
        self.curve.append({name: row[name] for name in CURVE})
        if self._prunes and value is not None:
            self._trial.report(value, int(row["epoch"]))
            if self._trial.should_prune():
                raise Pruned


def _keep(trial: Trial, choice: Choice, curve: list[Row], found: Outcome | None = None) -> None:
    scores = dataclasses.asdict(found) if found else None
    trial.set_user_attr(studies.FOUND, {"choice": choice, "outcome": scores, "curve": curve})


def _tell(study: Study, trial: Trial, state: TrialState, values: Any = None) -> None:
    try:
        study.optuna.tell(trial, values, state=state)
    except ValueError as error:  # Optuna's word for a trial that is not running any more
        if study.storage.get_trial(trial._trial_id).state == TrialState.RUNNING:
            raise
        raise _TakenError from error


def die_with(parent_pid: int) -> None:
    """End at once when the process that started this one is gone, however it went."""

    def watch() -> None:
        while os.getppid() == parent_pid:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(address: str | None = None, name: str | None = None) -> None:
    """Take part in the study of this project's settings and data, or in the one named.

    `address` is where it lives, its own journal by default. Raises StudyError where a study of
    another experiment was named.
    """
    ready = prepared.read()
    if name is not None and not name.startswith(ready.name):
        raise StudyError(
            f"Study {name} is not that of this folder's settings, data and code, which is "
            f"{ready.name}. Bring them to the state of the machine that asked for the study."
        )
    trainer = ready.trainer(int(os.environ.get("OMP_NUM_THREADS", 0)) or None)
    with storage.opened(address, prepared.journal(name or ready.name)) as opened:
        study = Study(opened, name or ready.name, ready.settings.tune, ready.settings.sections)
        work(study, trainer, address is None)


if __name__ == "__main__":
    _, of_study, parent_pid = sys.argv
    die_with(int(parent_pid))
    with exit_on_known_error(), suppress(KeyboardInterrupt):
        main(prepared.address(), of_study)

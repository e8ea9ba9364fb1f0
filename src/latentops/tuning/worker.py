"""A process that takes part in a study: it claims a slot, trains, tells, and claims the next.

`python -m latentops.tuning.worker STUDY PARENT_PID` is one more, as stage tune starts it.
"""

import dataclasses
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.study._frozen import FrozenStudy
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
            if tried(study, trial, attempt, private):
                done += 1
                if not private:
                    _say(f"trial {trial.number} is done")
            idle_since = time.monotonic()
        elif time.monotonic() - idle_since > most_idle_seconds:
            break
        else:
            time.sleep(SECONDS_BETWEEN_LOOKS)
    return done


def tried(study: Study, trial: Trial, attempt: Attempt, private: bool = False) -> bool:
    """One trial; whether its result was taken. What is no error of its own leaves it running: the
    next process takes it up."""
    with nullcontext() if private else alive.beating(trial):
        try:
            _attempted(study, trial, attempt)
        except KeyboardInterrupt:
            study.give_back(trial)
            raise
        except (UpdateFinishedTrialError, _TakenError):
            _say(
                f"trial {trial.number} was given to another process, since nothing was seen of "
                "this one: its result is left out"
            )
            return False
    return True


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


def join(address: str) -> None:
    """Be a worker of this folder's study at an address, where another machine begins it.

    Raises StudyError where it is not begun in time.
    """
    ready = prepared.read()
    trainer = ready.trainer(_threads())
    own = prepared.journal(ready.name)
    with storage.interrupted_by_sigterm(), storage.opened(address, own) as opened:
        _await(opened, ready.name)
        study = Study(opened, ready.name, ready.settings.tune, ready.settings.sections)
        _say(f"study {study.name}: taking part")
        done = work(study, trainer, private=False)
        _say(f"study {study.name}: {'ended' if study.ended else 'nothing to do'}; {done} done here")


def _await(opened: BaseStorage, name: str) -> None:
    """A study that this process made would have this folder's settings for its default."""
    end, told = time.monotonic() + MOST_IDLE_SECONDS, False
    while not _is_begun(name, there := opened.get_all_studies()):
        names = ", ".join(study.study_name for study in there)
        others = f"It has {names}: those are of other data, settings or code. "
        missing = f"The storage has no study {name}, which is that of this folder. "
        if time.monotonic() > end:
            raise StudyError(missing + others * bool(there) + "Begin it with `make tune`.")
        if not told:
            _say(f"{missing}{others * bool(there)}Waiting for it.")
            told = True
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _threads() -> int | None:
    """Of $OMP_NUM_THREADS, whose first number is meant for this process; None where it has none."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return int(first) if first.isdecimal() and int(first) else None


def _is_begun(name: str, there: Sequence[FrozenStudy]) -> bool:
    """Whether it is there with the default of the folder that asked for it."""
    return any(name == study.study_name and studies.DEFAULT in study.user_attrs for study in there)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _beside_its_parent(name: str) -> None:
    """One of several on a machine: the process that begun the study says what there is to say."""
    ready = prepared.read()
    trainer = ready.trainer(_threads())
    with storage.opened(prepared.address(), prepared.journal(name)) as opened:
        study = Study(opened, name, ready.settings.tune, ready.settings.sections)
        work(study, trainer, private=prepared.address() is None)


if __name__ == "__main__":
    _, of_study, parent_pid = sys.argv
    die_with(int(parent_pid))
    with exit_on_known_error(), suppress(KeyboardInterrupt):
        _beside_its_parent(of_study)

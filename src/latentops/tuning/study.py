"""One study: an Optuna journal that one process at a time continues, and that survives a kill.

A trial is spent when it completed or failed by its own number. One whose process died is failed
and asked for again, at most twice. Running a study again goes on until `trials` are spent.
"""

import collections
import dataclasses
import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import filelock
import optuna
import pandas as pd
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import FrozenTrial, TrialState
from tqdm import tqdm

from latentops.errors import NumericalError, StudyError
from latentops.tuning import space
from latentops.tuning.outcome import Outcome
from latentops.tuning.settings import Settings
from latentops.tuning.space import Choice

MOST_ATTEMPTS = 3
_ERROR, _ATTEMPT, _RETRY_OF, _INTERRUPTED = "error", "attempt", "retry_of", "interrupted"


@dataclasses.dataclass(frozen=True)
class Record:
    """One spent trial: an outcome, or an error."""

    trial: int
    choice: Choice
    outcome: Outcome | None
    error: str = ""

    @property
    def state(self) -> Literal["complete", "failed"]:
        return "failed" if self.outcome is None else "complete"


Attempt = Callable[[Choice], Outcome]  # raises NumericalError where the model cannot be trained
OnTrial = Callable[[Record], None]


@contextmanager
def opened(name: str, folder: Path) -> Iterator[optuna.Study]:
    """The study `name` of `folder`, new or taken up, while no other process has it.

    Raises StudyError where another has, or where the journal is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(name, folder):
        study = _read(name, folder)
        _take_up(study)
        yield study


def run(
    study: optuna.Study, attempt: Attempt, settings: Settings, on_trial: OnTrial | None = None
) -> list[Record]:
    """Go on until the study has its trials; all that are spent.

    Raises StudyError where all of them failed.
    """
    points = space.grid(settings) if settings.sampler == "grid" else None
    total = settings.trials if points is None else len(points)
    with _Progress(study.study_name, total, records(study, settings)) as progress:
        while (spent := len(_spent(study))) < total:
            if points is not None and not study.get_trials(states=[TrialState.WAITING]):
                study.enqueue_trial(points[spent].params)
            study.sampler = space.sampler(settings, spent)
            record = _tried(study, attempt, settings)
            progress.show(record)
            if on_trial is not None:
                on_trial(record)
    return _with_a_success(records(study, settings))


def records(study: optuna.Study, settings: Settings) -> list[Record]:
    """The spent trials, oldest first."""
    return [_record(trial, settings) for trial in _spent(study)]


def table(trials: list[Record]) -> pd.DataFrame:
    """A row per trial; scores are missing where it failed."""
    scores = [field.name for field in dataclasses.fields(Outcome)]
    rows = [
        {"trial": r.trial, "state": r.state, **r.choice.params}
        | {score: getattr(r.outcome, score, None) for score in scores}
        | {"error": r.error}
        for r in trials
    ]
    numbers = dict.fromkeys([*scores], "float64") | {"active_units": "Int64"}
    return pd.DataFrame(rows).astype(numbers)


def best(trials: list[Record]) -> Record:
    """The highest score; the first of equals."""
    return max(
        (record for record in trials if record.outcome is not None),
        key=lambda record: record.outcome.score if record.outcome else 0.0,
    )


def _tried(study: optuna.Study, attempt: Attempt, settings: Settings) -> Record:
    """One trial. What is no NumericalError leaves it running: the next process takes it up."""
    trial = study.ask()
    choice = space.suggest(trial, settings)
    try:
        outcome = attempt(choice)
    except NumericalError as error:
        trial.set_user_attr(_ERROR, str(error))
        study.tell(trial, state=TrialState.FAIL)
        return Record(trial.number, choice, None, str(error))
    except KeyboardInterrupt:
        trial.set_user_attr(_INTERRUPTED, True)
        raise
    for name, value in dataclasses.asdict(outcome).items():
        trial.set_user_attr(name, value)
    study.tell(trial, outcome.score)
    return Record(trial.number, choice, outcome)


def _take_up(study: optuna.Study) -> None:
    """Fail the trials of dead processes and ask for them again. Whoever calls holds the lock."""
    for trial in study.get_trials(states=[TrialState.RUNNING]):
        study.tell(trial.number, state=TrialState.FAIL)
    asked_again = {trial.user_attrs.get(_RETRY_OF) for trial in study.get_trials(deepcopy=False)}
    for trial in study.get_trials(states=[TrialState.FAIL]):
        if trial.number in asked_again or _is_spent(trial) or not trial.params:
            continue
        attempts = trial.user_attrs.get(_ATTEMPT, 1) + (_INTERRUPTED not in trial.user_attrs)
        study.enqueue_trial(trial.params, {_RETRY_OF: trial.number, _ATTEMPT: attempts})


def _spent(study: optuna.Study) -> list[FrozenTrial]:
    return [trial for trial in study.get_trials(deepcopy=False) if _is_spent(trial)]


def _is_spent(trial: FrozenTrial) -> bool:
    if trial.state == TrialState.FAIL:
        return _ERROR in trial.user_attrs or _is_given_up(trial)
    return trial.state == TrialState.COMPLETE


def _is_given_up(trial: FrozenTrial) -> bool:
    last = trial.user_attrs.get(_ATTEMPT, 1) == MOST_ATTEMPTS
    return last and _INTERRUPTED not in trial.user_attrs


def _record(trial: FrozenTrial, settings: Settings) -> Record:
    choice = space.chosen(trial.params, settings)
    if trial.state == TrialState.COMPLETE:
        scores = {f.name: trial.user_attrs[f.name] for f in dataclasses.fields(Outcome)}
        return Record(trial.number, choice, Outcome(**scores))
    killed = f"Its process died in each of {MOST_ATTEMPTS} attempts. Is there enough memory?"
    return Record(trial.number, choice, None, trial.user_attrs.get(_ERROR, killed))


def _with_a_success(trials: list[Record]) -> list[Record]:
    if any(record.outcome for record in trials):
        return trials
    causes = collections.Counter(re.sub(r"\d+", "#", record.error) for record in trials)
    commonest, count = causes.most_common(1)[0]
    example = next(r.error for r in trials if re.sub(r"\d+", "#", r.error) == commonest)
    raise StudyError(f"All {len(trials)} trials failed, {count} of them like this: {example}")


@contextmanager
def _alone(name: str, folder: Path) -> Iterator[None]:
    """Hold the study: the system lets go of it when the process ends, however it ends."""
    lock = filelock.FileLock(folder / f"{name}.running")
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout as error:
        raise StudyError(
            f"Study {name} is being run by another process ({lock.lock_file} is locked). "
            "Wait for it or stop it; trials are a total, so nothing is gained by two."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _read(name: str, folder: Path) -> optuna.Study:
    journal = folder / f"{name}.journal"
    _mend(journal)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        storage = JournalStorage(JournalFileBackend(str(journal)))
        return optuna.create_study(
            storage=storage, study_name=name, direction="maximize", load_if_exists=True
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StudyError(
            f"The journal {journal} is damaged{_place(journal)}. Bring it back from a copy, or "
            "move it away: the study then starts from the beginning."
        ) from error


def _mend(journal: Path) -> None:
    """Undo what a kill in the middle of a write leaves: half a line, and Optuna's own lock."""
    journal.with_name(journal.name + ".lock").unlink(missing_ok=True)
    if not journal.exists():
        return
    with journal.open("r+b") as file:
        content = file.read()
        end = content.rfind(b"\n") + 1
        if content[end:].startswith(b"{"):
            file.truncate(end)


def _place(journal: Path) -> str:
    for number, line in enumerate(journal.read_bytes().splitlines(), start=1):
        try:
            json.loads(line)
        except ValueError:
            return f" in line {number}"
    return ""


class _Progress:
    """Trials done and the best so far, on stderr: a bar in a terminal, else a line per trial."""

    def __init__(self, name: str, total: int, done: list[Record]) -> None:
        print(f"study {name}: {len(done)} of {total} trials are done", file=sys.stderr)
        self._records = list(done)
        self._total = total
        self._bar = tqdm(
            total=total, initial=len(done), unit="trial", disable=not sys.stderr.isatty()
        )

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.close()

    def show(self, record: Record) -> None:
        self._records.append(record)
        self._bar.set_postfix_str(f"best {self._best()}", refresh=False)
        self._bar.update()
        if self._bar.disable:
            said = f"trial {record.trial} ({len(self._records)} of {self._total}): {_said(record)}"
            print(f"{said}; best {self._best()}", file=sys.stderr)

    def _best(self) -> str:
        return _said(best(self._records)) if any(r.outcome for r in self._records) else "none yet"


def _said(record: Record) -> str:
    """`-71.2 (beta 0.42, latent 16)`"""
    found = "failed" if record.outcome is None else f"{record.outcome.score:.5g}"
    return f"{found} (beta {record.choice.beta:.3g}, latent {record.choice.latent})"

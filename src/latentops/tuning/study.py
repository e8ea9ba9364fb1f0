"""One study in an Optuna storage, shared by whatever processes work on it.

A study has slots: waiting trials, as many as are missing to its total. A process claims one, which
a storage grants once, and nothing else begins a trial: so the total is exact and nothing is done
twice. A trial is spent when it was completed or pruned, or failed by its own number. One whose
process died is failed and asked for again, at most twice.
"""

import collections
import dataclasses
import itertools
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any, Literal

import optuna
import pandas as pd
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from latentops.errors import StudyError
from latentops.tuning import alive, cells, outcome, picks, proposals, space
from latentops.tuning.outcome import HEAD_SCORES, Outcome
from latentops.tuning.proposals import SLOT
from latentops.tuning.settings import Settings
from latentops.tuning.space import Choice, Sections

MOST_ATTEMPTS = 3
_MOST_WAITING = 500
ATTEMPT, RETRY_OF, CHOICE = "attempt", "retry_of", "choice"
FOUND, ERROR, INTERRUPTED, CANCELLED = "found", "error", "interrupted", "cancelled"
ENDED, DEFAULT = "ended", "default"  # user attributes of the study
_KEPT = (SLOT, CHOICE)  # when a trial is asked for again
_MEASURED = tuple(field.name for field in dataclasses.fields(Outcome))

State = Literal["complete", "pruned", "failed"]
Row = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Record:
    """One spent trial: an outcome, or an error. `curve` has a row of validation scores an epoch."""

    trial: int
    state: State
    choice: Choice
    outcome: Outcome | None = None
    curve: tuple[Row, ...] = ()
    error: str = ""
    worker: str = ""


class Study:
    """What every process needs to take part."""

    def __init__(
        self, storage: BaseStorage, name: str, settings: Settings, sections: Sections
    ) -> None:
        """Made where the storage does not have it.

        `default` is what params.yaml held for the searched settings then: of a trial, those that
        its conditions leave out. Raises StudyError where what the storage has cannot be read.
        """
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.name, self.settings, self.sections = name, settings, sections
        self.storage = storage
        try:
            self.optuna = optuna.create_study(
                storage=storage,
                study_name=name,
                directions=_directions(settings),
                sampler=proposals.sampler(settings),
                pruner=proposals.pruner(settings),
                load_if_exists=True,
            )
            self.default = self._first_given(DEFAULT, space.present(settings, sections))
            self.trials()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StudyError(
                f"Study {name} cannot be read from its storage ({type(error).__name__}). Bring "
                "that back from a copy, or move it away: the study then starts anew."
            ) from error

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self.optuna.get_trials(deepcopy=False, states=states or None)

    def plan(self, total: int, points: Sequence[Choice] | None = None) -> None:
        """Have as many slots wait as are missing to `total`, the choices of `points` in theirs.

        Of a large study only the next ones, for each process reads all that wait.
        """
        self._ask_again()
        there = [*filter(_counts, self.trials())]  # read once: a worker may claim one meanwhile
        doubled = {trial.number: trial for trial in _doubled(there)}
        waiting = [trial for trial in _waiting(there) if trial.number not in doubled]
        taken = {_slot(trial) for trial in there}
        missing = total - len(taken)
        for trial in [*doubled.values(), *(waiting[missing:] if missing < 0 else ())]:
            self._fail(trial, CANCELLED)
        asked = min(missing, _MOST_WAITING - len(waiting))
        if asked > 0:  # a large grid takes a while to be laid out
            free = (slot for slot in itertools.count() if slot not in taken)
            self._enqueue([*itertools.islice(free, asked)], points)

    def claim(self) -> Trial | None:
        """A slot that nobody else has, the first of them; None where none waits."""
        for trial in _waiting(self.trials(TrialState.WAITING)):
            try:
                if self.storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING):
                    self.storage.set_trial_user_attr(trial._trial_id, alive.OWNER, alive.me())
                    return Trial(self.optuna, trial._trial_id)
            except UpdateFinishedTrialError:  # another process had it, and has finished
                continue
        return None

    def give_back(self, trial: Trial) -> None:
        """A trial that was interrupted: it is asked for again, and this was no attempt."""
        self._fail(self.storage.get_trial(trial._trial_id), INTERRUPTED)

    def reap(self, watch: alive.Watch) -> bool:
        """Fail the trials whose process died; whether there were any."""
        dead = [trial for trial in self.trials(TrialState.RUNNING) if watch.is_dead(trial)]
        for trial in dead:
            self._fail(trial)
        return bool(dead)

    def spent(self) -> list[FrozenTrial]:
        return [trial for trial in self.trials() if _is_spent(trial)]

    def filled(self) -> int:
        """How many slots are done with."""
        return len({_slot(trial) for trial in self.spent()})

    def records(self, but: Container[int] = ()) -> list[Record]:
        """The spent trials, oldest first, without those of the numbers given."""
        spent = (trial for trial in self.spent() if trial.number not in but)
        return [record(trial, self.settings) for trial in spent]

    @property
    def ended(self) -> bool:
        return bool(self.optuna.user_attrs.get(ENDED))

    @ended.setter
    def ended(self, ended: bool) -> None:
        if self.ended != ended:
            self.optuna.set_user_attr(ENDED, ended)

    def _first_given(self, name: str, value: Any) -> Any:
        """What the study was given under a name by the process that made it."""
        if name not in self.optuna.user_attrs:
            self.optuna.set_user_attr(name, value)
        return self.optuna.user_attrs[name]

    def _ask_again(self) -> None:
        """For the trials that were lost with their process, in the slots that they had."""
        asked = {trial.user_attrs.get(RETRY_OF) for trial in self.trials()}
        for trial in self.trials(TrialState.FAIL):
            if trial.number in asked or not _is_lost(trial):
                continue
            kept = {name: trial.user_attrs[name] for name in _KEPT if name in trial.user_attrs}
            attempt = trial.user_attrs.get(ATTEMPT, 1) + (INTERRUPTED not in trial.user_attrs)
            self.optuna.enqueue_trial(
                trial.system_attrs.get("fixed_params", {}) | trial.params,
                user_attrs=kept | {RETRY_OF: trial.number, ATTEMPT: attempt},
            )

    def _enqueue(self, slots: Sequence[int], points: Sequence[Choice] | None) -> None:
        if points is not None:
            for slot in slots:
                self.optuna.enqueue_trial({}, user_attrs={SLOT: slot, CHOICE: points[slot]})
            return
        planned = proposals.planned(self.settings, self.sections, slots)
        for slot, choice in zip(slots, planned, strict=True):
            params = {name: space.text(value) for name, value in (choice or {}).items()}
            self.optuna.enqueue_trial(params, user_attrs={SLOT: slot})

    def _fail(self, trial: FrozenTrial, *marks: str) -> None:
        try:
            for mark in marks:
                self.storage.set_trial_user_attr(trial._trial_id, mark, True)
            self.storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        except UpdateFinishedTrialError:  # it was only slow
            return


def record(trial: FrozenTrial, settings: Settings) -> Record:
    """Of a spent trial."""
    found = trial.user_attrs.get(FOUND, {})
    scores = found.get("outcome")
    killed = f"Its process died in each of {MOST_ATTEMPTS} attempts. Is there enough memory?"
    failed = trial.state == TrialState.FAIL
    return Record(
        trial=trial.number,
        state="failed" if failed else "pruned" if trial.state == TrialState.PRUNED else "complete",
        choice=found.get("choice") or space.choice(trial.params, settings),
        outcome=Outcome(**scores) if scores else None,
        curve=tuple(found.get("curve", ())),
        error=trial.user_attrs.get(ERROR, killed) if failed else "",
        worker=trial.user_attrs.get(alive.OWNER, {}).get("name", ""),
    )


def table(records: Sequence[Record], settings: Settings) -> pd.DataFrame:
    """A row per trial: its settings, its scores where it was completed, and what it came from."""
    found = _outcomes(records).assign(
        trial=[r.trial for r in records],
        epochs=pd.array([len(r.curve) or None for r in records], dtype="Int64"),
        worker=[r.worker for r in records],
        error=[r.error for r in records],
    )
    found["score"] = _scores(found, settings)
    searched = [cells.column(name, [r.choice for r in records]) for name in settings.space]
    measured = [name for name in _MEASURED if name not in HEAD_SCORES or found[name].notna().any()]
    found["active_units"] = found["active_units"].astype("Int64")
    ends = found[["trial", "state"]], found[["score", *measured, "worker", "error"]]
    return pd.concat([ends[0], *searched, ends[1]], axis="columns")


def scores(records: Sequence[Record], settings: Settings) -> pd.Series:
    """The column `score` of their table, in a fraction of the time."""
    return _scores(_outcomes(records), settings)


def curves(records: Sequence[Record]) -> pd.DataFrame:
    """A row for each trial and each epoch that it was trained."""
    rows = [{"trial": r.trial, "state": r.state} | row for r in records for row in r.curve]
    return pd.DataFrame(rows, columns=["trial", "state", *outcome.CURVE])


def require_success(records: Sequence[Record]) -> None:
    """Raise StudyError with the commonest cause where no trial was completed."""
    if any(record.state == "complete" for record in records):
        return
    kinds = collections.Counter(_kind(record.error) for record in records)
    commonest, count = kinds.most_common(1)[0]
    example = next(record.error for record in records if _kind(record.error) == commonest)
    raise StudyError(f"All {len(records)} trials failed, {count} of them like this: {example}")


def _kind(error: str) -> str:
    return re.sub(r"\d+", "#", error)


def _outcomes(records: Sequence[Record]) -> pd.DataFrame:
    """What each trial measured, missing where it was not completed, and its state."""
    measured = {name: [getattr(r.outcome, name, None) for r in records] for name in _MEASURED}
    return pd.DataFrame(measured, dtype="float64").assign(state=[r.state for r in records])


def _scores(trials: pd.DataFrame, settings: Settings) -> pd.Series:
    """Higher is better; missing where a trial was not completed, or is over the budget."""
    if settings.mode == "budget":
        return -trials["distortion_nats"].where(trials["rate_nats"] <= settings.rate_nats)
    columns = ["elbo_nats"] if settings.mode == "pareto" else [*map(outcome.column, settings.score)]
    return trials[columns[0]] if len(columns) == 1 else picks.standardised(trials, columns)


def _is_spent(trial: FrozenTrial) -> bool:
    if trial.state == TrialState.FAIL:
        return ERROR in trial.user_attrs or _is_given_up(trial)
    return trial.state in (TrialState.COMPLETE, TrialState.PRUNED)


def _is_lost(trial: FrozenTrial) -> bool:
    """Whether a slot failed without an outcome or an error of its own."""
    return SLOT in trial.user_attrs and CANCELLED not in trial.user_attrs and not _is_spent(trial)


def _counts(trial: FrozenTrial) -> bool:
    """Towards the total. What somebody else made wait, without a slot, does not."""
    waits = trial.state == TrialState.WAITING and SLOT in trial.user_attrs
    return waits or trial.state == TrialState.RUNNING or _is_spent(trial)


def _slot(trial: FrozenTrial) -> int | str:
    """One that somebody else made has none, and a place of its own."""
    slot: int | None = trial.user_attrs.get(SLOT)
    return f"trial {trial.number}" if slot is None else slot


def _doubled(trials: Iterable[FrozenTrial]) -> Iterator[FrozenTrial]:
    """Those that wait for a slot which an older trial has, as when two machines plan at once."""
    seen = set()
    for trial in trials:
        if trial.state == TrialState.WAITING and _slot(trial) in seen:
            yield trial
        seen.add(_slot(trial))


def _waiting(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """The slots that wait, in their order."""
    slots = (t for t in trials if t.state == TrialState.WAITING and SLOT in t.user_attrs)
    return sorted(slots, key=lambda trial: (trial.user_attrs[SLOT], trial.number))


def _is_given_up(trial: FrozenTrial) -> bool:
    dead = INTERRUPTED not in trial.user_attrs and CANCELLED not in trial.user_attrs
    return dead and trial.user_attrs.get(ATTEMPT, 1) == MOST_ATTEMPTS


def _directions(settings: Settings) -> list[StudyDirection]:
    if settings.mode == "pareto":
        return [StudyDirection.MINIMIZE] * 2
    return [StudyDirection.MAXIMIZE] * (len(settings.score) if settings.mode == "score" else 1)

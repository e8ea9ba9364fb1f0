"""A study's storage that may be away for a while: on another machine, or on a network's disk."""

import copy
import errno
import json
import sys
import threading
import time
import uuid
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import sqlalchemy.exc
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from latentops.errors import StudyError

LIMIT_SECONDS = 600.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds
_ONCE = "latentops:once"  # a system attribute that names the call that made a trial
_AWAY_DISK = (errno.ESTALE, errno.EIO, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH)
_AWAY_SERVER = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED")  # as gRPC calls it
_REFUSED = ("authentication failed", "no pg_hba.conf entry", "does not exist", "No space left")
T = TypeVar("T")


class Patience:
    """Tries again what is away, says once that it waits and once that it is back.

    Any number of threads may share one.
    """

    def __init__(self, place: str, limit_s: float = LIMIT_SECONDS) -> None:
        """`place` as a person may see it: without a password."""
        self._place = place
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._away = False

    def call(self, first: Callable[[], T], again: Callable[[], T] | None = None) -> T:
        """What `first` returns, or `again` where `first` may have happened and its answer was lost.

        Raises StudyError where the storage stays away, or refuses for another reason.
        """
        attempt, pause, end = first, _SHORTEST_PAUSE, time.monotonic() + self._limit_s
        while True:
            try:
                found = attempt()
            except Exception as error:
                self._require_away(error, end)
            else:
                self._say_back()
                return found
            time.sleep(pause)
            attempt, pause = again or first, min(2 * pause, _LONGEST_PAUSE)

    def _require_away(self, error: Exception, end: float) -> None:
        if not is_away(error):
            if _is_of_a_server(error):
                raise StudyError(
                    f"The study's storage {self._place} refused: {_reason(error)}"
                ) from error
            if isinstance(error, json.JSONDecodeError):
                raise StudyError(
                    f"The study's storage {self._place} was damaged while it was used. Run "
                    "`make tune` again: it keeps the damaged line aside and goes on."
                ) from error
            raise error
        if time.monotonic() > end:
            raise StudyError(
                f"The study's storage {self._place} did not answer for {self._limit_s:.0f} s "
                f"({_reason(error)}). Start it, then run the command again: nothing is lost."
            ) from error
        self._say_away(error)

    def _say_away(self, error: Exception) -> None:
        with self._lock:
            if not self._away:
                _say(f"{self._place} does not answer ({_reason(error)}): waiting for it")
            self._away = True

    def _say_back(self) -> None:
        if self._away:
            with self._lock:
                if self._away:
                    _say(f"{self._place} answers: going on")
                self._away = False


def is_away(error: BaseException) -> bool:
    """Whether the storage may come back, so that trying again is no waste."""
    causes = list(_chain(error))
    if any(sign in str(cause) for cause in causes for sign in _REFUSED):
        return False
    return any(map(_is_away, causes))


def _is_away(error: BaseException) -> bool:
    if status := _grpc_status(error):
        return status in _AWAY_SERVER
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        lost = isinstance(error, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError)
        return lost or error.connection_invalidated
    if isinstance(error, sqlalchemy.exc.PendingRollbackError):
        return True  # the connection was lost within a call, and Optuna went on to its next query
    if isinstance(error, OSError):
        lost = isinstance(error, ConnectionError | TimeoutError)
        return lost or error.errno in _AWAY_DISK
    return False


def _is_of_a_server(error: BaseException) -> bool:
    known = isinstance(error, sqlalchemy.exc.SQLAlchemyError | StorageInternalError)
    return known or _grpc_status(error) is not None


def _grpc_status(error: BaseException) -> str | None:
    """The name of the status; None for an error that is not gRPC's."""
    grpc = sys.modules.get("grpc")  # an optional package: whoever did not load it did not call it
    if grpc is None or not isinstance(error, grpc.RpcError):
        return None
    return str(error.code().name)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Optuna says that a commit failed; its cause says why."""
    while error is not None:
        yield error
        error = error.__cause__  # type: ignore[assignment]


def _reason(error: BaseException) -> str:
    """One line, without the statement or the request that failed."""
    *_, cause = _chain(error)
    details = cause.details() if _grpc_status(cause) else str(cause)  # type: ignore[attr-defined]
    return " ".join((details or type(cause).__name__).split())[:300]


def _say(message: str) -> None:
    print(f"study storage {message}", file=sys.stderr, flush=True)


def _patient(name: str) -> Any:
    """A method that may happen twice and be the same as once."""

    def method(self: "Patient", *args: Any, **kwargs: Any) -> Any:
        return self.patience.call(lambda: getattr(self.inner, name)(*args, **kwargs))

    method.__name__ = name
    return method


class Patient(BaseStorage):
    """A storage that waits where the one inside is away, and in which a call happens once.

    A try whose answer was lost may have happened, even later than the next one:

    - A trial made twice bears the mark of one call: who reads sees the first of them alone.
    - A trial that is finished the second time as it was the first time is finished.
    - A claim (the state RUNNING) that is answered the second time counts as another's: the trial
      then runs and nobody has it, which the coordinator notices as it notices a dead worker.
    - A study made twice raises DuplicatedStudyError: open it with `load_if_exists`.
    """

    def __init__(
        self,
        inner: BaseStorage,
        place: str,
        limit_s: float = LIMIT_SECONDS,
        marked_by_caller: bool = False,
    ) -> None:
        """`marked_by_caller` in a server, to which the tries of one call are several calls."""
        self.inner = inner
        self.patience = Patience(place, limit_s)
        self._marks = not marked_by_caller

    create_new_study = _patient("create_new_study")
    delete_study = _patient("delete_study")
    set_study_user_attr = _patient("set_study_user_attr")
    set_study_system_attr = _patient("set_study_system_attr")
    get_study_id_from_name = _patient("get_study_id_from_name")
    get_study_name_from_id = _patient("get_study_name_from_id")
    get_study_directions = _patient("get_study_directions")
    get_study_user_attrs = _patient("get_study_user_attrs")
    get_study_system_attrs = _patient("get_study_system_attrs")
    get_all_studies = _patient("get_all_studies")
    set_trial_param = _patient("set_trial_param")
    get_trial_id_from_study_id_trial_number = _patient("get_trial_id_from_study_id_trial_number")
    set_trial_intermediate_value = _patient("set_trial_intermediate_value")
    set_trial_user_attr = _patient("set_trial_user_attr")
    set_trial_system_attr = _patient("set_trial_system_attr")
    get_trial = _patient("get_trial")
    remove_session = _patient("remove_session")

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        marked = _marked(template_trial) if template_trial and self._marks else template_trial
        return self.patience.call(lambda: self.inner.create_new_trial(study_id, marked))

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        def again() -> bool:
            try:
                return self.inner.set_trial_state_values(trial_id, state, values)
            except UpdateFinishedTrialError:
                there = self.inner.get_trial(trial_id)
                if (there.state, list(there.values or ())) == (state, list(values or ())):
                    return True
                raise

        return self.patience.call(
            lambda: self.inner.set_trial_state_values(trial_id, state, values), again
        )

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        everything = self.patience.call(lambda: self.inner.get_all_trials(study_id, deepcopy=False))
        found = [t for t in _made_once(everything) if states is None or t.state in states]
        return copy.deepcopy(found) if deepcopy else found


def _marked(template: FrozenTrial) -> FrozenTrial:
    marked = copy.copy(template)
    marked.system_attrs = {**template.system_attrs, _ONCE: uuid.uuid4().hex}
    return marked


def _made_once(trials: Iterable[FrozenTrial]) -> Iterator[FrozenTrial]:
    """Without the trials that a call made when it was tried again; oldest first."""
    seen = set()
    for trial in trials:
        mark = trial.system_attrs.get(_ONCE, trial.number)
        if mark not in seen:
            seen.add(mark)
            yield trial

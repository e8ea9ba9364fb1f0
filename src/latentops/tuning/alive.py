"""Who works on a trial, and whether that process still lives.

On one machine the system knows. Of a process elsewhere, only the beat of its heart is seen: a
number in the storage that it raises while it works. Beats are compared on the clock of whoever
watches, so that no two clocks need to agree.
"""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import psutil
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial

from latentops.errors import StudyError

OWNER, BEAT = "owner", "beat"  # user attributes of a trial
SECONDS_BETWEEN_BEATS = 10.0
SECONDS_WITHOUT_BEAT = 60.0  # after which a process elsewhere is taken for dead
SECONDS_WITHOUT_OWNER = 5.0  # after which whoever claimed a trial was killed in that moment

_SAME_START_SECONDS = 1.0


def me() -> dict[str, Any]:
    """This process, as it stands in the trials that it works on."""
    pid = os.getpid()
    return {
        "name": f"{socket.gethostname()}:{pid}",
        "machine": _machine(),
        "pid": pid,
        "started": psutil.Process(pid).create_time(),
    }


@contextmanager
def beating(trial: Trial, seconds_between: float = SECONDS_BETWEEN_BEATS) -> Iterator[None]:
    """Raise the beat of a trial from another thread while the body works on it."""
    ended = threading.Event()

    def beat() -> None:
        count = 0
        # A trial that was taken away meanwhile, or a storage that stays away, is the worker's.
        with suppress(UpdateFinishedTrialError, StudyError):
            while not ended.wait(seconds_between):
                count += 1
                trial.set_user_attr(BEAT, count)

    heart = threading.Thread(target=beat, daemon=True)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()


class Watch:
    """Tells which running trials have nobody any more."""

    def __init__(self, private: bool, patience_seconds: float = SECONDS_WITHOUT_BEAT) -> None:
        """`private`: no other machine can have the storage open."""
        self.private = private
        self._patience_seconds = patience_seconds
        self._seen: dict[int, tuple[Any, float, float]] = {}  # sign of life, its age, last look

    def is_dead(self, trial: FrozenTrial) -> bool:
        owner = trial.user_attrs.get(OWNER)
        if owner is None:
            return self._is_still(trial, min(SECONDS_WITHOUT_OWNER, self._patience_seconds))
        if owner["machine"] == _machine():
            return not _runs(owner)
        return self.private or self._is_still(trial, self._patience_seconds)

    def _is_still(self, trial: FrozenTrial, patience_seconds: float) -> bool:
        """The time between two looks counts for half of the patience at most: in it the storage
        may have been away, or this process stopped, and the owner not to blame."""
        sign = trial.user_attrs.get(OWNER), trial.user_attrs.get(BEAT)
        now = time.monotonic()
        last, age, looked = self._seen.get(trial.number, (None, 0.0, now))
        seen_before = trial.number in self._seen and sign == last
        age = age + min(now - looked, patience_seconds / 2) if seen_before else 0.0
        self._seen[trial.number] = sign, age, now
        return seen_before and age >= patience_seconds


def _runs(owner: Mapping[str, Any]) -> bool:
    """The process of that number, if it is the same one and no zombie."""
    try:
        process = psutil.Process(owner["pid"])
        same = abs(process.create_time() - owner["started"]) < _SAME_START_SECONDS
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@cache
def _machine() -> str:
    """Differs between machines, between their boots, and between containers on one."""
    parts = [
        socket.gethostname(),
        _text("/proc/sys/kernel/random/boot_id"),
        _link("/proc/self/ns/pid"),
    ]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:  # not on this system
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""

"""A whole study, from where it was asked for: slots planned, workers started, the dead replaced.

This process is the first of the study's workers, unless `tune.workers` is 0. Those that it starts
end with it, however it ends; those of other machines go on with what they have.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import filelock
import joblib

from latentops.errors import StudyError
from latentops.tuning import alive, journal, prepared, storage, worker
from latentops.tuning.prepared import Prepared
from latentops.tuning.space import Choice
from latentops.tuning.study import Record, Study
from latentops.tuning.worker import Attempt

OnRecord = Callable[[Record], None]

_SECONDS_TO_END = 10.0
_MOST_STARTS = 3  # of each worker here: one that dies again and again is not replaced


@contextmanager
def opened(ready: Prepared, name: str) -> Iterator[Study]:
    """The study of that name where this project's studies live, made if it is new.

    Raises StudyError where another process of this machine has it, or where it cannot be read.
    """
    address, own = prepared.address(), prepared.journal(name)
    with alone(name, own.parent):
        if address is None:
            journal.mend(own)
        with storage.opened(address, own) as lying_in:
            yield Study(lying_in, name, ready.settings.tune, ready.settings.sections)


def carry_out(
    ready: Prepared,
    study: Study,
    total: int,
    on_record: OnRecord,
    points: Sequence[Choice] | None = None,
) -> list[Record]:
    """`run` with the workers here that the settings ask for; of `points` one at least.

    Raises StudyError where nobody could work.
    """
    count = study.settings.workers if points is None else max(1, study.settings.workers)
    if not count and prepared.address() is None:
        raise StudyError(
            f"tune.workers is 0, which leaves the trials to other machines, and {prepared.STORAGE} "
            "does not say where they meet. Set it (docs/jobs.md), or raise tune.workers."
        )
    with workers(study.name, count) as others:
        attempt = ready.trainer(threads_of_each(count)) if count else None
        watch = alive.Watch(private=prepared.address() is None)
        return run(study, total, attempt, on_record, watch, others, points)


def run(
    study: Study,
    total: int,
    attempt: Attempt | None,
    on_record: OnRecord,
    watch: alive.Watch,
    others: "Workers",
    points: Sequence[Choice] | None = None,
) -> list[Record]:
    """Go on until `total` trials are spent; all of them. `attempt` is None where only others work.

    `on_record` is called once for each trial that is spent, those of earlier runs first.
    """
    told: dict[int, Record] = {}
    study.ended = False
    while True:
        study.reap(watch)
        study.plan(total, points)  # also what a worker elsewhere gave back meanwhile
        for record in study.records(but=told):
            told[record.trial] = record
            on_record(record)
        if study.filled() >= total:
            study.ended = True
            return [told[number] for number in sorted(told)]
        others.keep()
        if attempt is None or (trial := study.claim()) is None:
            time.sleep(worker.SECONDS_BETWEEN_LOOKS)
        else:
            worker.tried(study, trial, attempt, watch.private)


@contextmanager
def alone(name: str, folder: Path) -> Iterator[None]:
    """Hold the study: the system lets go of it when the process ends, however it ends.

    Raises StudyError where another process on this machine has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / f"{name}.running")
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout as error:
        raise StudyError(
            f"Study {name} is being run by another process ({lock.lock_file} is locked). Wait for "
            "it or stop it; for more workers raise tune.workers."
        ) from error
    try:
        yield
    finally:
        lock.release()


class Workers:
    """The other workers of this machine."""

    def __init__(self, command: Sequence[str], count: int, threads: int) -> None:
        self._command, self._threads = command, threads
        self._running: list[subprocess.Popen[bytes] | None] = [None] * count
        self._starts = [0] * count

    def keep(self) -> None:
        """Start those that do not run."""
        for index, process in enumerate(self._running):
            ended = process is None or process.poll() is not None
            if ended and self._starts[index] < _MOST_STARTS:
                self._running[index] = self._started()
                self._starts[index] += 1

    def end(self, by: signal.Signals) -> None:
        for process in filter(None, self._running):
            process.send_signal(by)
        for process in filter(None, self._running):
            try:
                process.wait(_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        threads = {
            f"{library}_NUM_THREADS": str(self._threads) for library in ("OMP", "MKL", "OPENBLAS")
        }
        # Not of this process's group: Ctrl-C in a terminal would reach them beside `end`, and the
        # second signal would stop a worker that is giving its trial back.
        return subprocess.Popen(self._command, env=os.environ | threads, process_group=0)


@contextmanager
def workers(name: str, count: int) -> Iterator[Workers]:
    """So many processes with this one, which end when the body does."""
    command = [sys.executable, "-m", "latentops.tuning.worker", name, str(os.getpid())]
    started = Workers(command, max(0, count - 1), threads_of_each(count))
    try:
        yield started
    except BaseException:
        started.end(signal.SIGINT)  # as Ctrl-C does: what they work on counts as no attempt
        raise
    started.end(signal.SIGTERM)


def threads_of_each(count: int) -> int:
    """A fair share of the cores that this process may use."""
    return max(1, int(joblib.cpu_count()) // max(1, count))

"""A study's journal: a line for each change, appended by any number of processes.

Optuna reads it; here stand the parts that a kill, a full disk and a damaged line ask for.
"""

import datetime
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import filelock
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.storages.journal._file import BaseJournalFileLock
from optuna.storages.journal._storage import JournalOperation

from latentops import artifacts
from latentops.errors import StudyError

_LOCK_SECONDS = 30  # a write takes a hundredth; who holds it longer was stopped
_POLL_SECONDS = 0.002
_RECORD = b'{"op_code":'
_Record = dict[str, Any]


class SystemLock(BaseJournalFileLock):
    """Of one writer at a time. The system frees it when its holder dies, however it dies."""

    def __init__(self, journal: Path) -> None:
        # Not `.lock`: there Optuna's own lock may lie, a link to the journal itself.
        file = journal.with_name(f"{journal.name}.writing")
        self._lock = filelock.FileLock(file, timeout=_LOCK_SECONDS, poll_interval=_POLL_SECONDS)

    def acquire(self) -> bool:
        """Raises TimeoutError where another holds it for too long."""
        self._lock.acquire()
        return True

    def release(self) -> None:
        self._lock.release()


class WholeLines(JournalFileBackend):
    """Of a write that failed nothing stays, and half a line of a killed process is cut."""

    def __init__(self, journal: Path) -> None:
        journal.parent.mkdir(parents=True, exist_ok=True)
        self._journal = journal
        self._writing = SystemLock(journal)
        super().__init__(str(journal), self._writing)

    def append_logs(self, logs: list[_Record]) -> None:
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        with _held(self._writing), self._journal.open("r+b") as file:
            end = _cut_half_line(file)
            try:
                file.write(lines.encode())
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.truncate(self._journal, end)
                raise


def read(journal: Path) -> JournalStorage:
    """The journal, made where it is missing. StudyError where it is damaged."""
    try:
        return JournalStorage(WholeLines(journal))
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
        raise damaged(journal) from error


def damaged(journal: Path | str) -> StudyError:
    return StudyError(
        f"The journal {journal} is damaged. Bring it back from a copy, or move it away: the study "
        "then starts from the beginning."
    )


def mend(journal: Path) -> None:
    """Keep damaged lines aside in `<journal>.corrupt`, so that the rest can be read.

    Only while no process has the journal open: readers remember how far they came, in bytes.
    Raises StudyError where what was lost decides what the rest means.
    """
    if not journal.exists():
        return
    with _held(SystemLock(journal)):
        lines = journal.read_bytes().split(b"\n")
        half = lines.pop()
        mended = _Mended(journal)
        for number, line in enumerate(lines, start=1):
            mended.add(number, line)
        if half:
            mended.keep_aside(len(lines) + 1, half)
        mended.write()


class _Mended:
    """The journal as it will be, and what is kept aside.

    A trial's id is its place among the lines that create trials. So in the place of such a line,
    when it was lost, stands one of a running trial that nobody has: lines that follow fill it in.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._kept: list[bytes] = []
        self._aside: list[tuple[int, bytes]] = []
        self._illegible: list[int] = []  # where a line was lost that may have created a trial
        self._studies: list[str] = []
        self._trials = 0

    def add(self, number: int, line: bytes) -> None:
        record = _parsed(line)
        start = line.rfind(_RECORD)
        if record is None and start > 0:  # half a line, and a whole one that was written behind it
            self.keep_aside(number, line[:start])
            self.add(number, line[start:])
        elif record is None:
            self.keep_aside(number, line)
            self._replace(line)
        else:
            self._require_study(record)
            self._require_trial(record)
            self._count(record)
            self._kept.append(line)

    def keep_aside(self, number: int, line: bytes) -> None:
        self._aside.append((number, line))

    def write(self) -> None:
        if not self._aside:
            return
        aside = self._journal.with_name(f"{self._journal.name}.corrupt")
        with aside.open("ab") as file:
            file.writelines(b"line %d: %s\n" % entry for entry in self._aside)
        with artifacts.whole_file(self._journal) as partial:
            partial.write_bytes(b"".join(line + b"\n" for line in self._kept))
        numbers = ", ".join(str(number) for number, _ in self._aside)
        print(
            f"The journal {self._journal} was damaged in line {numbers}: kept aside in {aside}, "
            "the rest was read.",
            file=sys.stderr,
        )

    def _replace(self, line: bytes) -> None:
        """What stands for a lost line in the count of studies and trials."""
        operation = re.search(rb'"op_code":(\d+)', line)
        if operation is None:
            self._illegible.append(len(self._kept))
        elif int(operation[1]) == JournalOperation.CREATE_STUDY:
            raise damaged(self._journal)
        elif int(operation[1]) == JournalOperation.CREATE_TRIAL:
            study = re.search(rb'"study_id":(\d+)', line)
            self._insert_trial(len(self._kept), int(study[1]) if study else None)

    def _insert_trial(self, place: int, study: int | None = None) -> None:
        """The last study's where it is not known whose."""
        record = {
            "op_code": int(JournalOperation.CREATE_TRIAL),
            "worker_id": "mended",
            "study_id": len(self._studies) - 1 if study is None else study,
            "datetime_start": datetime.datetime.now(tz=datetime.UTC).isoformat(),
        }
        self._kept.insert(place, json.dumps(record, separators=(",", ":")).encode())
        self._trials += 1

    def _require_study(self, record: _Record) -> None:
        if record.get("study_id", -1) >= len(self._studies):
            raise damaged(self._journal)

    def _require_trial(self, record: _Record) -> None:
        """Where a trial is not there that should be, illegible lines must have created it."""
        missing = record.get("trial_id", -1) + 1 - self._trials
        if missing <= 0:
            return
        if missing != len(self._illegible):
            raise damaged(self._journal)
        for place in reversed(self._illegible):
            self._insert_trial(place)
        self._illegible.clear()

    def _count(self, record: _Record) -> None:
        if record["op_code"] == JournalOperation.CREATE_TRIAL:
            self._trials += 1
        elif record["op_code"] == JournalOperation.CREATE_STUDY:
            names = [*self._studies, record["study_name"]]
            self._studies = list(dict.fromkeys(names))  # a second one of a name is refused


def _parsed(line: bytes) -> _Record | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    known = isinstance(record, dict) and record.get("op_code") in set(JournalOperation)
    return record if known and "worker_id" in record else None


def _cut_half_line(file: IO[bytes]) -> int:
    """Go to the end of the last whole line, and end the file there."""
    end = file.seek(0, os.SEEK_END)
    if end and file.seek(end - 1) is not None and file.read(1) != b"\n":
        file.seek(0)
        end = file.read().rfind(b"\n") + 1
        file.truncate(end)
    return file.seek(end)


@contextmanager
def _held(lock: BaseJournalFileLock) -> Iterator[None]:
    lock.acquire()
    try:
        yield
    finally:
        lock.release()

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
from optuna.storages.journal._storage import JournalOperation, JournalStorageReplayResult

from latentops import artifacts
from latentops.errors import StudyError

_LOCK_SECONDS = 30  # a write takes a hundredth; who holds it longer was stopped
_POLL_SECONDS = 0.002
_BEGIN = re.compile(rb'(?={"op_code":)')  # of a record
_Record = dict[str, Any]
_NO_RECORD = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    AssertionError,
)  # reading what is none


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
    except _NO_RECORD as error:
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
        if lines and not mended.has_a_study():
            raise damaged(journal)
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
        self._illegible: list[int] = []  # places in `kept` where a trial may have been created
        self._reader = JournalStorageReplayResult("mend")

    def add(self, number: int, line: bytes) -> None:
        """A line, or what stands in one since the end of another was lost."""
        *unended, last = _BEGIN.split(line)
        for part in filter(None, unended):
            self._add(number, part, surely_written=False)
        self._add(number, last, surely_written=True)

    def keep_aside(self, number: int, line: bytes) -> None:
        self._aside.append((number, line))

    def has_a_study(self) -> bool:
        return bool(self._reader._next_study_id)

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

    def _add(self, number: int, text: bytes, surely_written: bool) -> None:
        if end := self._read(text):
            self._kept.append(text[:end])
        if not end or text[end:]:
            self.keep_aside(number, text[end:])
        if not end:
            self._stand_in(text, surely_written)

    def _read(self, text: bytes) -> int:
        """The length of the record in front, 0 if there is none that means something here."""
        try:
            record, end = json.JSONDecoder().raw_decode(text.decode("ascii"))
            known = (
                "worker_id" in record  # which the reader asks for when it is half done
                and self._has_study(record.get("study_id", -1))
                and self._has_trial(record.get("trial_id", -1))
            )
            if not known:
                return 0
            self._reader.apply_logs([record])
        except _NO_RECORD:
            return 0
        return end

    def _has_study(self, study: int) -> bool:
        missing = study + 1 - self._reader._next_study_id
        if missing > 0 and self._illegible:
            raise damaged(self._journal)
        return missing <= 0

    def _has_trial(self, trial: int) -> bool:
        """An illegible line must have created the trial that is missing, if there is one."""
        missing = trial + 1 - len(self._reader._trials)
        if missing <= 0 or not self._illegible:
            return missing <= 0
        if missing != len(self._illegible):
            raise damaged(self._journal)
        for place in reversed(self._illegible):
            self._kept.insert(place, self._new_trial())
        self._illegible.clear()
        self._reader = JournalStorageReplayResult("mend")
        self._reader.apply_logs(map(json.loads, self._kept))
        return True

    def _stand_in(self, text: bytes, surely_written: bool) -> None:
        """For a lost record that others count on."""
        operation = re.match(rb'{"op_code":(\d+)', text)
        kind = int(operation[1]) if operation else None
        if kind == JournalOperation.CREATE_STUDY:
            raise damaged(self._journal)
        if kind == JournalOperation.CREATE_TRIAL and surely_written:
            self._kept.append(self._new_trial(text))
            self._reader.apply_logs([json.loads(self._kept[-1])])
        elif kind in (None, JournalOperation.CREATE_TRIAL):
            self._illegible.append(len(self._kept))

    def _new_trial(self, text: bytes = b"") -> bytes:
        """Of the last study where the text does not say of which."""
        last = self._reader._next_study_id - 1
        if last < 0:
            raise damaged(self._journal)
        study = re.search(rb'"study_id":(\d+)', text)
        record = {
            "op_code": int(JournalOperation.CREATE_TRIAL),
            "worker_id": "mended",
            "study_id": min(int(study[1]), last) if study else last,
            "datetime_start": datetime.datetime.now(tz=datetime.UTC).isoformat(),
        }
        return json.dumps(record, separators=(",", ":")).encode()


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

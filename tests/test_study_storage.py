"""Where studies live: what is lost, damaged, away or done twice."""

import collections
import errno
import itertools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import grpc
import mlflow_server
import optuna
import pytest
import sqlalchemy.exc
import study_worker
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow_server import Postgres, free_port
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import TrialState

from latentops.errors import StudyError
from latentops.tuning import alive, coordinator, journal, patience, proposals, storage
from latentops.tuning import study as studies
from latentops.tuning.patience import Patient
from latentops.tuning.space import BETA

SET_STUDY, CREATE_TRIAL, SET_PARAM, SET_STATE, SET_ATTRIBUTE = 2, 4, 5, 6, 8  # Optuna's op_code


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_SHORTEST_PAUSE", 0.01)
    monkeypatch.setattr(patience, "_LONGEST_PAUSE", 0.05)


class Faulty(InMemoryStorage):
    """Raises `error` in the next `faults` calls of a method, before or after it does its work."""

    def __init__(self, error: Exception, after: bool = True) -> None:
        super().__init__()
        self.error, self.after = error, after
        self.faults: dict[str, int] = {}

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        faults = super().__getattribute__("__dict__").get("faults", {})
        return self._failing(name, found) if faults.get(name) else found

    def _failing(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            left, self.faults = self.faults, {}  # what it calls itself is whole
            if self.after:
                method(*args, **kwargs)
            self.faults = left | {name: left[name] - 1}
            raise self.error

        return call


class Status(grpc.RpcError):
    """As a gRPC client raises it."""

    def __init__(self, code: grpc.StatusCode, details: str = "of a test") -> None:
        super().__init__(details)
        self.code, self.details = lambda: code, lambda: details


def refused_by_database(error: Exception) -> StorageInternalError:
    """As Optuna raises it."""
    found = StorageInternalError("An exception is raised during the commit.")
    found.__cause__ = error
    return found


def operational(reason: str) -> Exception:
    return sqlalchemy.exc.OperationalError("UPDATE trials", {}, Exception(reason))


AWAY = [
    Status(grpc.StatusCode.UNAVAILABLE),
    Status(grpc.StatusCode.DEADLINE_EXCEEDED),
    refused_by_database(operational("server closed the connection unexpectedly")),
    refused_by_database(sqlalchemy.exc.PendingRollbackError("Can't reconnect until ...")),
    operational("connection refused"),
    ConnectionResetError("by a peer"),
    TimeoutError("of a lock"),
    OSError(errno.ESTALE, "Stale file handle"),
    OSError(errno.EIO, "Input/output error"),
]


def with_slots(storage: BaseStorage, count: int) -> optuna.Study:
    study = optuna.create_study(
        storage=storage, study_name="study", direction="maximize", load_if_exists=True
    )
    for slot in range(count):
        study.enqueue_trial({}, user_attrs={"slot": slot})
    return study


class TestPatience:
    @pytest.mark.parametrize("error", AWAY, ids=str)
    @pytest.mark.parametrize("after", [False, True], ids=["call lost", "answer lost"])
    def test_a_study_is_the_same_whether_or_not_calls_and_answers_are_lost(
        self, error: Exception, after: bool
    ) -> None:
        inner = Faulty(error, after)
        study = with_slots(Patient(inner, "there"), 1)
        writing = ("set_trial_param", "set_trial_intermediate_value", "set_trial_user_attr")
        reading = ("get_all_trials", "get_trial", "get_study_directions", "get_study_user_attrs")
        inner.faults = dict.fromkeys((*writing, *reading, "create_new_trial"), 2)
        study.enqueue_trial({"x": 0.25}, user_attrs={"slot": 1})
        for _ in range(2):
            trial = study.ask()
            inner.faults |= dict.fromkeys(("set_trial_state_values", *writing, *reading), 2)
            trial.report(1.0, step=0)
            trial.set_user_attr("seen", True)
            study.tell(trial, trial.suggest_float("x", 0, 1))
        assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 2
        assert study.trials[1].value == study.trials[1].params["x"] == 0.25
        assert [trial.user_attrs for trial in study.trials] == [
            {"slot": 0, "seen": True},
            {"slot": 1, "seen": True},
        ]

    def test_a_slot_whose_answer_was_lost_is_there_once(self) -> None:
        inner = Faulty(Status(grpc.StatusCode.DEADLINE_EXCEEDED))
        study = with_slots(Patient(inner, "there"), 2)
        inner.faults = {"create_new_trial": 3}
        study.enqueue_trial({}, user_attrs={"slot": 2})
        assert len(inner.get_all_trials(0)) == 2 + 4
        assert [trial.user_attrs["slot"] for trial in study.trials] == [0, 1, 2]
        asked = [study.ask().user_attrs["slot"] for _ in range(3)]
        assert asked == [0, 1, 2]
        assert not study.get_trials(states=[TrialState.WAITING])

    def test_a_slot_made_later_than_its_second_try_is_not_seen_by_any_process(self) -> None:
        inner = InMemoryStorage()
        study = with_slots(Patient(inner, "there"), 1)
        late = inner.get_trial(0)
        study.tell(study.ask(), 1.0)
        inner.create_new_trial(0, late)
        assert [t.number for t in Patient(inner, "there").get_all_trials(0)] == [0]

    def test_slots_that_are_alike_are_not_taken_for_one(self) -> None:
        study = with_slots(Patient(InMemoryStorage(), "there"), 0)
        for _ in range(3):
            study.enqueue_trial({"x": 1.0})
        assert len(study.trials) == 3

    def test_a_claim_whose_answer_was_lost_is_nobodys(self) -> None:
        inner = Faulty(Status(grpc.StatusCode.UNAVAILABLE))
        study = with_slots(Patient(inner, "there"), 2)
        inner.faults = {"set_trial_state_values": 1}
        assert study.ask().number == 1
        assert inner.get_trial(0).state == TrialState.RUNNING

    @pytest.mark.parametrize(
        ("state", "values"), [(TrialState.COMPLETE, [2.0]), (TrialState.FAIL, None)]
    )
    def test_what_another_process_made_of_a_trial_is_not_taken_for_ones_own(
        self, state: TrialState, values: list[float] | None
    ) -> None:
        inner = Faulty(Status(grpc.StatusCode.UNAVAILABLE), after=False)
        study = with_slots(Patient(inner, "there"), 1)
        trial = study.ask()
        inner.set_trial_state_values(trial._trial_id, state, values)
        inner.faults = {"set_trial_state_values": 1}
        with pytest.raises(UpdateFinishedTrialError):
            study._storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [1.0])

    def test_a_trial_finished_twice_by_one_call_is_finished(self) -> None:
        inner = Faulty(Status(grpc.StatusCode.UNAVAILABLE))
        study = with_slots(Patient(inner, "there"), 1)
        trial = study.ask()
        inner.faults = {"set_trial_state_values": 1}
        assert study._storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [1.0])

    def test_finishing_a_trial_again_is_an_error_where_nothing_was_lost(self) -> None:
        study = with_slots(Patient(InMemoryStorage(), "there"), 1)
        study.tell(study.ask(), 1.0)
        with pytest.raises(UpdateFinishedTrialError):
            study._storage.set_trial_state_values(0, TrialState.COMPLETE, [1.0])

    def test_it_says_once_that_it_waits_and_once_that_it_is_over(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        inner = Faulty(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), False)
        patient = Patient(inner, "grpc://there:1")
        study = with_slots(patient, 1)
        inner.faults = {"get_all_trials": 8, "get_trial": 8}
        calls = [study.get_trials, lambda: patient.get_trial(0)]
        threads = [threading.Thread(target=call) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        first, last = capsys.readouterr().err.splitlines()
        assert first == (
            "study storage grpc://there:1 does not answer ([Errno 111] Connection refused): "
            "waiting for it"
        )
        assert last == "study storage grpc://there:1 answers: going on"

    def test_it_gives_up_in_one_line(self) -> None:
        inner = Faulty(Status(grpc.StatusCode.UNAVAILABLE, "failed\nto connect"), False)
        patient = Patient(inner, "grpc://there:1", limit_s=0.1)
        inner.faults = {"get_all_studies": 10_000}
        with pytest.raises(StudyError, match=r"^[^\n]*did not answer for 0 s \(failed to connect"):
            patient.get_all_studies()

    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (OSError(errno.ENOSPC, "No space left on device"), OSError),
            (PermissionError(errno.EACCES, "Permission denied"), PermissionError),
            (KeyError("no such trial"), KeyError),
            (Status(grpc.StatusCode.UNIMPLEMENTED, "no such method"), StudyError),
            (operational('password authentication failed for user "ada"'), StudyError),
            (
                refused_by_database(sqlalchemy.exc.DataError("INSERT", {}, Exception("too long"))),
                StudyError,
            ),
            (json.JSONDecodeError("Extra data", "{}{", 2), StudyError),
        ],
        ids=str,
    )
    def test_what_will_not_pass_is_not_waited_for(
        self, error: Exception, expected: type[Exception], capsys: pytest.CaptureFixture[str]
    ) -> None:
        inner = Faulty(error, after=False)
        inner.faults = {"get_all_studies": 1}
        with pytest.raises(expected):
            Patient(inner, "there").get_all_studies()
        assert not capsys.readouterr().err


def history(path: Path, trials: int = 6) -> None:
    """Slots made at once, claimed in turn, finished but for the last two: one runs, one waits."""
    study = with_slots(JournalStorage(journal.WholeLines(path)), trials)
    study.set_user_attr("of", "a test")
    study._storage.set_trial_user_attr(trials - 1, "waits", True)
    for _ in range(trials - 2):
        trial = study.ask()
        value = trial.suggest_float("x", 0, 1)
        trial.set_user_attr("twice", 2 * value)
        study.tell(trial, value)
    study.ask()


def seen(path: Path) -> list[tuple[int, TrialState, dict[str, Any], float | None]]:
    """By Optuna's own reader."""
    study = optuna.load_study(
        study_name="study", storage=JournalStorage(JournalFileBackend(str(path)))
    )
    return [(t.number, t.state, t.params, t.value) for t in study.trials]


def place_of(path: Path, operation: int, which: int) -> int:
    """The line, from 0, of the `which`-th record of an operation."""
    records = map(json.loads, path.read_bytes().splitlines())
    return [i for i, record in enumerate(records) if record["op_code"] == operation][which]


def replace_line(path: Path, place: int, new: bytes) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    lines[place] = new
    path.write_bytes(b"".join(lines))


class TestJournal:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        history(tmp_path / "study.journal")
        return tmp_path / "study.journal"

    def test_a_sound_journal_is_left_alone(self, path: Path) -> None:
        before = path.read_bytes()
        journal.mend(path)
        assert path.read_bytes() == before
        assert not list(path.parent.glob("*.corrupt"))

    def test_a_missing_journal_is_not_made(self, tmp_path: Path) -> None:
        journal.mend(tmp_path / "none.journal")
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("half", [b'{"op_code":8,"wor', b"\0\0\0", b"{"])
    def test_half_a_last_line_is_kept_aside(
        self, path: Path, half: bytes, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = seen(path)
        whole = path.read_bytes()
        path.write_bytes(whole + half)
        journal.mend(path)
        assert path.read_bytes() == whole
        assert seen(path) == before
        number = whole.count(b"\n") + 1
        assert path.with_name("study.journal.corrupt").read_bytes() == b"line %d: %s\n" % (
            number,
            half,
        )
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert f"damaged in line {number}:" in said

    @pytest.mark.parametrize("damage", [b"\n", b"\0" * 40 + b"\n", b"{not JSON\n", b"[]\n"])
    @pytest.mark.parametrize("operation", [SET_PARAM, SET_ATTRIBUTE])
    def test_a_lost_value_costs_that_value_alone(
        self, path: Path, operation: int, damage: bytes
    ) -> None:
        before = seen(path)
        replace_line(path, place_of(path, operation, 1), damage)
        journal.mend(path)
        after = seen(path)
        assert after[0] == before[0]
        assert after[2:] == before[2:]
        assert (after[1] == before[1]) == (operation == SET_ATTRIBUTE)
        assert after[1][3] == before[1][3]

    @pytest.mark.parametrize("which", range(6))
    @pytest.mark.parametrize(
        "damaged",
        [
            lambda line: line[:-20] + b"\n",
            lambda line: line.replace(b'"worker_id"', b'"work\0r_id"'),
            lambda line: b"\0" * len(line) + b"\n",
        ],
        ids=["cut", "one byte", "zeros"],
    )
    def test_a_lost_trial_does_not_shift_the_others(
        self, path: Path, which: int, damaged: Callable[[bytes], bytes]
    ) -> None:
        before = seen(path)
        place = place_of(path, CREATE_TRIAL, which)
        replace_line(path, place, damaged(path.read_bytes().splitlines(keepends=True)[place]))
        journal.mend(path)
        after = seen(path)
        assert after[:which] == before[:which]
        assert after[which + 1 :] == before[which + 1 :]
        if before[which][1] != TrialState.WAITING:
            assert after[which] == before[which]

    def test_a_record_behind_half_of_another_is_read(self, path: Path) -> None:
        before = seen(path)
        place = place_of(path, SET_STATE, 3)
        line = path.read_bytes().splitlines(keepends=True)[place]
        replace_line(path, place, b'{"op_code":4,"worker_id":"killed' + line)
        journal.mend(path)
        assert seen(path) == before

    def test_all_trials_of_another_study_are_left_as_they_were(self, path: Path) -> None:
        other = optuna.create_study(
            storage=JournalStorage(journal.WholeLines(path)), study_name="other"
        )
        other.enqueue_trial({"x": 0.5})
        trial = other.ask()
        other.tell(trial, trial.suggest_float("x", 0, 1))
        before = seen(path)
        replace_line(path, place_of(path, CREATE_TRIAL, 2), b'{"op_code":4,"study_id":0,\n')
        journal.mend(path)
        assert seen(path) == before
        storage = JournalStorage(JournalFileBackend(str(path)))
        assert optuna.load_study(study_name="other", storage=storage).best_value == 0.5

    def test_a_lost_study_is_an_error_that_says_what_to_do(self, path: Path) -> None:
        text = path.read_bytes()
        replace_line(path, 0, b"\0\0\n")
        damaged = path.read_bytes()
        with pytest.raises(StudyError, match=r"is damaged\. Bring it back from a copy, or move it"):
            journal.mend(path)
        assert path.read_bytes() == damaged
        path.write_bytes(text[1:])
        with pytest.raises(StudyError, match="is damaged"):
            journal.mend(path)

    def test_where_it_cannot_be_known_whose_trial_was_lost_nothing_is_guessed(
        self, path: Path
    ) -> None:
        places = place_of(path, CREATE_TRIAL, 1), place_of(path, SET_STUDY, 0)
        for place in places:
            replace_line(path, place, b"\0\n")
        with pytest.raises(StudyError, match="is damaged"):
            journal.mend(path)

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(data=st.data())
    def test_whatever_is_overwritten_it_is_mended_for_good_or_refused(
        self, path: Path, tmp_path: Path, data: st.DataObject
    ) -> None:
        text = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 3))):
            start = data.draw(st.integers(0, len(text) - 1))
            new = data.draw(st.binary(min_size=1, max_size=30) | st.sampled_from(b'019,:{}"\n'))
            new = new if isinstance(new, bytes) else bytes([new])
            text[start : start + len(new)] = new
        broken = tmp_path / "broken.journal"
        broken.write_bytes(text)
        try:
            journal.mend(broken)
        except StudyError:
            assert broken.read_bytes() == text
            return
        mended = broken.read_bytes()
        journal.mend(broken)
        assert broken.read_bytes() == mended
        with storage.opened(None, broken) as opened:
            opened.get_all_studies()

    def test_nothing_stays_of_a_write_that_failed(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = path.read_bytes()
        backend = journal.WholeLines(path)

        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

        patient = Patient(JournalStorage(backend), "there")
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            patient.set_study_user_attr(0, "a", "b" * 100_000)
        assert path.read_bytes() == before

    def test_the_next_write_cuts_half_a_line_of_a_killed_process(self, path: Path) -> None:
        with storage.opened(None, path) as opened:
            before = path.read_bytes()
            path.write_bytes(before + b'{"op_code":8,"worker_id":"killed in the mid')
            opened.set_study_user_attr(0, "after", "the kill")
            assert opened.get_study_user_attrs(0)["after"] == "the kill"
        assert seen(path)
        assert path.read_bytes().startswith(before + b'{"op_code":2,')

    def test_a_damaged_line_that_nobody_mended_is_an_error_in_one_line(self, path: Path) -> None:
        with storage.opened(None, path) as opened:
            path.write_bytes(path.read_bytes() + b"{}{\n{}\n")
            with pytest.raises(StudyError, match="was damaged while it was used"):
                opened.get_all_studies()
        with pytest.raises(StudyError, match="is damaged"), storage.opened(None, path):
            pass


class TestAddresses:
    @pytest.mark.parametrize(
        ("address", "found"),
        [
            ("host:13000", "'host:13000'"),
            ("http://host:13000", "http://"),
            ("postgres://ada:secret@host/studies", "postgres://"),
            ("sqlite:///studies.db", "sqlite://"),
            ("ada:secret@host", "'host'"),
            ("grpc://host", "'grpc://host'"),
            ("grpc://host:many", "'grpc://host:many'"),
            ("grpc://host:13000/studies", "'grpc://host:13000/studies'"),
            ("grpc://ada:secret@host:13000", "'host:13000'"),
            ("postgresql://ada:secret@host:many/studies", "quoted"),
            ("", "''"),
        ],
    )
    def test_one_that_cannot_be_used_is_an_error_that_keeps_secrets(
        self, address: str, found: str, tmp_path: Path
    ) -> None:
        with pytest.raises(StudyError) as raised, storage.opened(address, tmp_path / "unused"):
            pass
        assert "expected grpc://host:port or postgresql://" in str(raised.value)
        assert found in str(raised.value)
        assert "secret" not in str(raised.value)
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("address", "package"), [("grpc://h:1", "grpc"), ("postgresql://h/d", "psycopg")]
    )
    def test_a_missing_driver_is_named(
        self, address: str, package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setitem(sys.modules, package, None)
        error = pytest.raises(StudyError, match=f"needs the package {package}")
        with error, storage.opened(address, tmp_path):
            pass

    @pytest.mark.parametrize(
        "address", ["grpc://127.0.0.1:{}", "postgresql://a:secret@127.0.0.1:{}/b"]
    )
    def test_where_nobody_answers_is_said_at_once_and_given_up_in_the_end(
        self,
        address: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(storage, "_FIRST_CONTACT_SECONDS", 3)
        error = pytest.raises(StudyError, match="did not answer for 3 s")
        with error as raised, storage.opened(address.format(free_port()), tmp_path):
            pass
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "refused" in said
        assert "secret" not in said + str(raised.value)


@contextmanager
def served(journal: Path, port: int) -> Iterator["subprocess.Popen[str]"]:
    """`latentops tune storage` without a project, from when it is ready."""
    text = (
        "import sys, pathlib\n"
        "from latentops.errors import exit_on_known_error\n"
        "from latentops.tuning import storage\n"
        "with exit_on_known_error():\n"
        "    storage.serve(pathlib.Path(sys.argv[1]), 'localhost', int(sys.argv[2]))"
    )
    command = [sys.executable, "-W", "error", "-c", text, str(journal), str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert f"grpc://localhost:{port}" in process.stderr.readline()
            yield process
        finally:
            process.kill()


class TestServer:
    @pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
    def test_it_ends_without_a_word(self, sent: signal.Signals, tmp_path: Path) -> None:
        with served(tmp_path / "shared.journal", port := free_port()) as process:
            with storage.opened(f"grpc://localhost:{port}", tmp_path) as opened:
                with_slots(opened, 2)
                process.send_signal(sent)
                assert process.wait(20) == 0
            assert process.stderr.read() == ""
        assert len(seen(tmp_path / "shared.journal")) == 2

    def test_a_port_and_a_journal_are_served_once(self, tmp_path: Path) -> None:
        with served(tmp_path / "shared.journal", port := free_port()):
            with pytest.raises(StudyError, match="is being served already"):
                storage.serve(tmp_path / "shared.journal", "localhost", free_port())
            with pytest.raises(StudyError, match=f"cannot be served at localhost:{port}: another"):
                storage.serve(tmp_path / "another.journal", "localhost", port)

    def test_a_host_that_is_not_this_machine_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(StudyError, match=r"cannot be served at 203\.0\.113\.1:1300"):
            storage.serve(tmp_path / "shared.journal", "203.0.113.1", 1300)

    def test_it_mends_the_journal_first(self, tmp_path: Path) -> None:
        history(tmp_path / "shared.journal")
        with (tmp_path / "shared.journal").open("ab") as file:
            file.write(b'{"op_code":8,"wor')
        with pytest.raises(StudyError, match="cannot be served"):
            storage.serve(tmp_path / "shared.journal", "203.0.113.1", 1300)
        assert (tmp_path / "shared.journal.corrupt").exists()

    def test_a_stopped_server_holds_up_nobody_for_ever(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(storage, "_ANSWER_SECONDS", 1)
        address = f"grpc://localhost:{(port := free_port())}"
        with (
            served(tmp_path / "shared.journal", port) as process,
            storage.opened(address, tmp_path) as opened,
        ):
            study = with_slots(opened, 2)
            process.send_signal(signal.SIGSTOP)
            threading.Timer(3, process.send_signal, [signal.SIGCONT]).start()
            study.enqueue_trial({}, user_attrs={"slot": 2})
            assert [trial.user_attrs["slot"] for trial in study.trials] == [0, 1, 2]
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 2
        assert "Deadline Exceeded" in said[0]
        assert "going on" in said[1]

    def test_the_tries_of_one_call_are_one_trial_to_a_server_too(self, tmp_path: Path) -> None:
        address = f"grpc://localhost:{(port := free_port())}"
        with (
            served(tmp_path / "shared.journal", port),
            storage.opened(address, tmp_path) as opened,
        ):
            study = with_slots(opened, 1)
            assert isinstance(opened, Patient)
            opened.inner.create_new_trial(0, opened.get_trial(0))  # a try that came late
            assert len(study.trials) == 1
        assert len(seen(tmp_path / "shared.journal")) == 2

    def test_a_worker_may_start_before_the_server(self, tmp_path: Path) -> None:
        port = free_port()
        done: list[int] = []

        def work() -> None:
            with storage.opened(f"grpc://localhost:{port}", tmp_path) as opened:
                with_slots(opened, 1)
            done.append(1)

        worker = threading.Thread(target=work)
        worker.start()
        with served(tmp_path / "shared.journal", port):
            worker.join()
        assert done


# That a heart may stand still. Once the storage is back, a worker has half of this to find it
# again: a busy machine lets a process wait for seconds.
HEART_SECONDS = 10.0


class Cluster:
    """Workers of one study, each a process, and what a test does to them."""

    def __init__(self, address: str, trials: int, log: Path) -> None:
        self.address, self.trials, self.log = address, trials, log
        self.processes: list[BaseProcess] = []
        self.victims: set[int] = set()

    def start(self, seconds: float = 0.2) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["study_worker", "grpc", "psycopg"])
        arguments = (self.address, self.trials, self.log, seconds)
        self.processes.append(context.Process(target=study_worker.main, args=arguments))
        self.processes[-1].start()

    def begun(self) -> list[tuple[int, float]]:
        """Process and beta of each trial that was begun, and again when it was ended."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [(int(pid), float(beta)) for pid, beta in map(str.split, lines)]

    def hit(self, sent: signal.Signals) -> None:
        """A worker in the middle of a trial."""
        while True:
            pid = next((p for p, _ in self.begun() if self._is_busy(p)), None)
            if pid is not None:
                os.kill(pid, sent)
                self.victims.add(pid)
                return
            time.sleep(0.01)

    def _is_busy(self, pid: int) -> bool:
        lines = [line for line in self.begun() if line[0] == pid]
        return pid not in self.victims and len(lines) % 2 == 1

    def wake(self) -> None:
        for process in self.processes:
            if process.is_alive() and process.pid is not None:
                os.kill(process.pid, signal.SIGCONT)

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.join()


def run_study(cluster: Cluster, events: dict[int, Callable[[], None]]) -> list[studies.Record]:
    """As stage tune does; an event comes when so many trials are spent."""
    numbers = itertools.count(1)
    tuning = study_worker.settings(cluster.trials)
    with (
        storage.opened(cluster.address, cluster.log) as opened,
        coordinator.workers("none", 0) as none,
    ):
        study = studies.Study(opened, study_worker.NAME, tuning, study_worker.SECTIONS)
        found = coordinator.run(
            study,
            cluster.trials,
            attempt=None,
            on_record=lambda _: events.pop(next(numbers), lambda: None)(),
            watch=alive.Watch(private=False, patience_seconds=HEART_SECONDS),
            others=none,
        )
    assert not events
    return found


def check_each_slot_once(cluster: Cluster, found: list[studies.Record]) -> None:
    tuning = study_worker.settings(cluster.trials)
    planned = [point[BETA] for point in proposals.grid(tuning, study_worker.SECTIONS)]
    assert [record.state for record in found] == ["complete"] * cluster.trials
    assert sorted(record.choice[BETA] for record in found) == pytest.approx(sorted(planned))
    for record in found:
        assert record.outcome == study_worker.outcome(record.choice[BETA])
    begun = collections.Counter(beta for _, beta in dict.fromkeys(cluster.begun()))
    twice = {beta for beta, times in begun.items() if times > 1}
    of_victims = {beta for pid, beta in cluster.begun() if pid in cluster.victims}
    assert twice <= of_victims, "a trial was done by two processes, and none of them had died"


def check_eight_workers(cluster: Cluster, take_storage_away: Callable[[], None]) -> None:
    """One is slow, one is killed, one is stopped until the study is nearly done."""
    for seconds in [0.2] * 7 + [1.5]:
        cluster.start(seconds)
    found = run_study(
        cluster,
        {
            4: lambda: cluster.hit(signal.SIGKILL),
            12: lambda: cluster.hit(signal.SIGSTOP),
            16: lambda: threading.Thread(target=take_storage_away).start(),
            cluster.trials - 7: cluster.wake,
        },
    )
    check_each_slot_once(cluster, found)
    for process in cluster.processes:
        process.join(60)
    assert sorted(process.exitcode or 0 for process in cluster.processes) == [-9] + [0] * 7


@pytest.fixture
def cluster_at(tmp_path: Path) -> Iterator[Callable[[str, int], Cluster]]:
    made: list[Cluster] = []

    def make(address: str, trials: int) -> Cluster:
        made.append(Cluster(address, trials, tmp_path / "log"))
        return made[-1]

    yield make
    for cluster in made:
        cluster.end()


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with mlflow_server._folder() as folder, mlflow_server._postgres(folder) as running:
        yield running


class TestCluster:
    def test_eight_workers_through_the_proxy_killed_slow_and_stopped_and_the_proxy_restarted(
        self, tmp_path: Path, cluster_at: Callable[[str, int], Cluster]
    ) -> None:
        port = free_port()
        with ExitStack() as stack:
            servers = [stack.enter_context(served(tmp_path / "shared.journal", port))]

            def restart() -> None:
                servers[-1].kill()
                servers[-1].wait()
                time.sleep(1.2 * HEART_SECONDS)
                servers.append(stack.enter_context(served(tmp_path / "shared.journal", port)))

            check_eight_workers(cluster_at(f"grpc://localhost:{port}", 48), restart)

    def test_eight_workers_on_postgres_killed_slow_and_stopped_and_no_connection_for_a_while(
        self, postgres: Postgres, cluster_at: Callable[[str, int], Cluster]
    ) -> None:
        import psycopg

        def cut_off() -> None:
            with psycopg.connect(postgres.uri("postgres"), autocommit=True) as connection:
                connection.execute("ALTER DATABASE studies ALLOW_CONNECTIONS false")
                for _ in range(round(1.2 * HEART_SECONDS)):
                    connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = 'studies'"
                    )
                    time.sleep(1)
                connection.execute("ALTER DATABASE studies ALLOW_CONNECTIONS true")

        check_eight_workers(cluster_at(postgres.make("studies"), 40), cut_off)

    def test_a_trial_whose_worker_is_told_to_end_is_no_attempt(
        self, tmp_path: Path, cluster_at: Callable[[str, int], Cluster]
    ) -> None:
        address = f"grpc://localhost:{(port := free_port())}"
        with (
            served(tmp_path / "shared.journal", port),
            storage.opened(address, tmp_path) as opened,
        ):
            tuning = study_worker.settings(1)
            study = studies.Study(opened, study_worker.NAME, tuning, study_worker.SECTIONS)
            study.plan(1)
            cluster = cluster_at(address, 1)
            cluster.start(seconds=300.0)
            cluster.hit(signal.SIGTERM)
            cluster.processes[0].join()
            (trial,) = study.trials()
            assert trial.user_attrs[studies.INTERRUPTED]

    def test_workers_that_come_at_once_make_the_tables_once(
        self, postgres: Postgres, tmp_path: Path
    ) -> None:
        address = postgres.make("fresh")
        together = threading.Barrier(8)

        def come(_: int) -> int:
            together.wait()
            with storage.opened(address, tmp_path) as opened:
                return len(opened.get_all_studies())

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(come, range(8))) == [0] * 8

    def test_a_password_that_is_wrong_is_an_error_at_once(
        self, postgres: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        wrong = postgres.uri("postgres").replace(postgres.password, "not{this}")
        # Through a socket the address has no host.
        error = pytest.raises(StudyError, match=r"refused: .*password authentication failed")
        with error as raised, storage.opened(wrong, tmp_path):
            pass
        assert "not{this}" not in str(raised.value)
        assert not capsys.readouterr().err

    def test_a_database_that_does_not_exist_is_an_error_at_once(
        self, postgres: Postgres, tmp_path: Path
    ) -> None:
        error = pytest.raises(StudyError, match='database "none" does not exist')
        with error, storage.opened(postgres.uri("none"), tmp_path):
            pass

    def test_a_password_with_any_character_is_taken_as_it_is(
        self, postgres: Postgres, tmp_path: Path
    ) -> None:
        import psycopg

        password = "{a}%b/@:ä"
        with psycopg.connect(postgres.uri("postgres"), autocommit=True) as connection:
            connection.execute(
                psycopg.sql.SQL("CREATE ROLE grace SUPERUSER LOGIN PASSWORD {}").format(password)
            )
        own = postgres.make("own")
        quoted = urllib.parse.quote(password, safe="{}")
        address = own.replace(f"latentops:{postgres.password}", f"grace:{quoted}")
        with storage.opened(address, tmp_path) as opened:
            assert len(with_slots(opened, 2).trials) == 2

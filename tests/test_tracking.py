"""Runs and the store: MLflow is read back through a client of its own."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from latentops import artifacts, config, provenance, store, tracking
from latentops.errors import StoreError

EPOCH = {"epoch": 1.0, "valid_elbo_nats": -12.5}


class Model(config.Section):
    latent: int = 2
    hidden: tuple[int, ...] = (8, 4)


class Settings(config.Section):
    model: Model = Model()
    note: str | None = None


@pytest.fixture
def inputs(mlflow_store: Path) -> dict[str, Path]:
    path = Path("data/train.safetensors")
    path.parent.mkdir()
    path.write_bytes(b"some tensors")
    return {"train": path}


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """First how many more writes of metrics are to fail, then the size of each that did not."""
    left = [0]
    write = MlflowClient.log_batch

    def log_batch(self: MlflowClient, run_id: str, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("metrics") and left[0] > 0:
            left[0] -= 1
            raise MlflowException("(sqlite3.OperationalError) database is locked\n[SQL: ...]")
        left.append(len(kwargs.get("metrics", ())))
        return write(self, run_id, *args, **kwargs)

    monkeypatch.setattr(MlflowClient, "log_batch", log_batch)
    return left


def only_run(client: MlflowClient) -> Run:
    experiments = [found.experiment_id for found in client.search_experiments()]
    (found,) = client.search_runs(experiments)
    return found


def steps(client: MlflowClient, run_id: str, key: str = "epoch") -> list[int]:
    return [metric.step for metric in client.get_metric_history(run_id, key)]


# A run


def test_a_run_records_settings_numbers_data_and_where_it_came_from(
    client: MlflowClient, inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "shy-heron")
    Path("dvc.lock").write_text("schema: '2.0'\n")
    with tracking.run("first", Settings(), inputs, tags={"synthetic": "true"}) as run:
        run.log(7, EPOCH)
    found = client.get_run(run.id)
    assert client.get_experiment(found.info.experiment_id).name == "first"
    assert found.info.status == "FINISHED"
    assert found.data.params == {"model.latent": "2", "model.hidden": "[8, 4]", "note": "None"}
    assert found.data.metrics == EPOCH
    assert steps(client, run.id) == [7]
    md5 = subprocess.run(
        ["md5sum", inputs["train"]], capture_output=True, text=True, check=True
    ).stdout.split()[0]
    (data,) = found.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("data/train.safetensors", md5)
    assert [(tag.key, tag.value) for tag in data.tags] == [("mlflow.data.context", "train")]
    tags = found.data.tags
    assert json.loads(tags["data_md5"]) == {"data/train.safetensors": md5}
    assert (tags["synthetic"], tags["dvc_experiment"]) == ("true", "shy-heron")
    assert len(tags["dvc_lock_sha256"]) == 64


def test_an_epoch_is_one_write(
    client: MlflowClient, inputs: dict[str, Path], refusing: list[int]
) -> None:
    with tracking.run("e", Settings(), inputs) as run:
        written = len(refusing)
        run.log(1, EPOCH)
        run.log(2, EPOCH)
    assert refusing[written:] == [2, 2]


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED"), (SystemExit, "FAILED")],
)
def test_an_error_ends_the_run_and_is_not_hidden(
    client: MlflowClient, inputs: dict[str, Path], error: type[BaseException], status: str
) -> None:
    with pytest.raises(error), tracking.run("e", Settings(), inputs):
        raise error
    assert only_run(client).info.status == status


def test_a_missing_data_file_leaves_no_run_running(
    client: MlflowClient, mlflow_store: Path
) -> None:
    with (
        pytest.raises(artifacts.ArtifactError, match="missing"),
        tracking.run("e", Settings(), {"train": Path("data/train.safetensors")}),
    ):
        pytest.fail("not reached")
    assert only_run(client).info.status == "FAILED"


# Going on with a run


def test_a_killed_run_goes_on_and_no_epoch_is_logged_twice(
    client: MlflowClient, inputs: dict[str, Path]
) -> None:
    with suppress(KeyboardInterrupt), tracking.run("e", Settings(), inputs) as first:
        first.log(10, EPOCH)
        first.log(20, EPOCH)
        raise KeyboardInterrupt
    with tracking.run("e", Settings(), inputs, run_id=first.id) as second:
        assert client.get_run(second.id).info.status == "RUNNING"
        second.log(20, EPOCH)
        second.log(30, EPOCH)
    assert second.id == first.id
    assert steps(client, first.id) == [10, 20, 30]
    assert client.get_run(first.id).info.status == "FINISHED"
    assert len(client.get_run(first.id).inputs.dataset_inputs) == 1


def forget(client: MlflowClient, run_id: str) -> str:
    client.delete_run(run_id)
    return run_id


@pytest.mark.parametrize(
    ("settings", "lost"),
    [
        (Settings(note="another"), lambda client, run_id: run_id),
        (Settings(), forget),
        (Settings(), lambda client, run_id: "0" * 32),
        (Settings(), lambda client, run_id: "../not an id"),
    ],
    ids=["other settings", "deleted", "unknown", "no id"],
)
def test_a_run_that_cannot_go_on_gives_way_to_a_new_one(
    client: MlflowClient,
    inputs: dict[str, Path],
    settings: Settings,
    lost: Callable[[MlflowClient, str], str],
) -> None:
    with tracking.run("e", Settings(), inputs) as first:
        first.log(10, EPOCH)
    with tracking.run("e", settings, inputs, run_id=lost(client, first.id)) as second:
        second.log(10, EPOCH)
    assert second.id != first.id
    assert steps(client, second.id) == [10]


KILLED_IN_A_RUN = """
import os, signal
from latentops import config, store, tracking

class Settings(config.Section):
    beta: float = 1.0

with {opened} as opened:
    client = store.connect().client
    of = client.get_run(opened.id).info.experiment_id
    trial = client.create_run(of, tags={{"mlflow.parentRunId": opened.id}})
    print(opened.id, trial.info.run_id, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    "opened",
    ["tracking.run('e', Settings(), {})", "tracking.study('s', 'e', {'beta': 1}, {})"],
    ids=["run", "study"],
)
def test_a_run_that_was_killed_and_is_not_taken_up_is_closed(
    client: MlflowClient, inputs: dict[str, Path], opened: str
) -> None:
    command = [sys.executable, "-c", KILLED_IN_A_RUN.format(opened=opened)]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    abandoned, below = killed.stdout.split()
    assert client.get_run(abandoned).info.status == "RUNNING"
    with tracking.run("another", Settings(), inputs) as alive:
        assert client.get_run(abandoned).info.status == "KILLED"
        assert client.get_run(below).info.status == "KILLED"
        tracking.log_scores(abandoned, {"elbo_nats": -1.0})
        assert client.get_run(alive.id).info.status == "RUNNING"
    assert client.get_run(alive.id).info.status == "FINISHED"
    assert not list(Path("mlruns").glob("*.running/*"))


def test_a_run_that_another_process_works_on_is_left_to_it(
    client: MlflowClient, inputs: dict[str, Path]
) -> None:
    with tracking.run("e", Settings(), inputs) as first:
        with tracking.run("e", Settings(), inputs, run_id=first.id) as second:
            assert second.id != first.id
        assert client.get_run(first.id).info.status == "RUNNING"


# An observer


def test_what_the_store_refused_is_written_with_a_later_epoch(
    client: MlflowClient,
    inputs: dict[str, Path],
    refusing: list[int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with tracking.run("e", Settings(), inputs) as run:
        refusing[0] = 1
        for step in range(4):
            run.log(step, EPOCH)
            if step == 0:
                assert steps(client, run.id) == []
    assert steps(client, run.id) == [0, 1, 2, 3]
    (record,) = caplog.records
    assert "2 values up to step 0" in record.message
    assert "database is locked" in record.message
    assert "SQL" not in record.message


def test_training_outlives_a_store_that_never_answers_again(
    client: MlflowClient,
    inputs: dict[str, Path],
    refusing: list[int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with tracking.run("e", Settings(), inputs) as run:
        refusing[0] = 1000
        for step in range(100):
            run.log(step, EPOCH)
    assert "200 values up to step 99" in caplog.messages[-1]
    assert len(caplog.records) < 12  # each try may take long
    assert client.get_run(run.id).info.status == "FINISHED"


def test_the_error_of_training_is_not_covered_by_one_of_the_store(
    client: MlflowClient, inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise MlflowException("disk I/O error")

    monkeypatch.setattr(MlflowClient, "set_terminated", refuse)
    with pytest.raises(ZeroDivisionError), tracking.run("e", Settings(), inputs):
        raise ZeroDivisionError


def test_scores_and_pictures_are_added_once(client: MlflowClient, inputs: dict[str, Path]) -> None:
    with tracking.run("e", Settings(), inputs) as run:
        pass
    picture = Path("plots/curve.png")
    picture.parent.mkdir()
    picture.write_bytes(b"a picture")
    for _ in range(2):
        tracking.log_scores(run.id, {"elbo_nats": -80.0}, [picture])
    assert steps(client, run.id, "elbo_nats") == [0]
    assert [found.path for found in client.list_artifacts(run.id, "plots")] == ["plots/curve.png"]


def test_scores_of_a_run_that_the_store_has_lost_are_only_said(
    mlflow_store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tracking.log_scores("0" * 32, {"elbo_nats": -80.0})
    assert "did not record the scores" in caplog.text


# The store


def test_the_study_s_folder_is_part_of_the_project_and_any_name_can_be_a_project_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DVC_ROOT", raising=False)
    project = tmp_path / "tune"
    (project / "tune").mkdir(parents=True)
    for folder in (project, project / "tune"):
        (folder / "dvc.yaml").touch()
        monkeypatch.chdir(folder)
        assert store.project_root() == project


def test_the_store_is_absolute_and_in_the_project_from_any_folder_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_database: Path
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    project = tmp_path / "with space, %20 and ?"
    (project / "a/b").mkdir(parents=True)
    (project / "dvc.yaml").touch()
    monkeypatch.chdir(project / "a/b")
    found = store.connect()
    location = found.client.get_experiment(found.experiment_id("an/experiment")).artifact_location
    run_id = found.client.create_run(found.experiment_id("an/experiment")).info.run_id
    found.client.log_text(run_id, "hello", "note.txt")
    assert location.startswith(project.as_uri())
    assert {path.name for path in project.iterdir()} == {"a", "dvc.yaml", "mlruns"}
    (written,) = (project / "mlruns/artifacts").rglob("note.txt")
    assert written.read_text() == "hello"
    with closing(sqlite3.connect(project / "mlruns/mlflow.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_environment_wins(mlflow_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (mlflow_store / "mlruns/mlflow.db").rename("elsewhere.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///elsewhere.db")
    found = store.connect()
    assert found.artifacts == mlflow_store / "artifacts"
    assert not (mlflow_store / "mlruns/mlflow.db").exists()


def test_a_temporary_experiment_records_in_the_real_project(
    mlflow_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "temporary"
    copy.mkdir()
    (copy / "dvc.yaml").touch()
    monkeypatch.chdir(copy)
    assert store.connect().artifacts == mlflow_store / "mlruns/artifacts"


def test_outside_a_project_there_is_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match=r"dvc\.yaml.*MLFLOW_TRACKING_URI"):
        store.connect()
    assert list(tmp_path.iterdir()) == []


CONNECT_AND_RUN = """
from latentops import store
found = store.connect()
print(found.client.create_run(found.experiment_id("together")).info.run_id)
"""


def test_four_processes_on_a_missing_store_all_succeed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", CONNECT_AND_RUN],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    said = [worker.communicate() for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 4, said
    assert [errors for _, errors in said] == [""] * 4
    found = store.connect()
    runs = found.client.search_runs([found.experiment_id("together")])
    assert {run.info.run_id for run in runs} == {output.strip() for output, _ in said}


def test_a_kill_while_the_store_is_made_leaves_none_and_the_next_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def killed(uri: str, artifacts: str) -> None:
        Path(uri.removeprefix("sqlite:///")).write_text("half a database")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "SqlAlchemyStore", killed)
        with pytest.raises(KeyboardInterrupt):
            store.connect()
    assert not (tmp_path / "mlruns/mlflow.db").exists()
    store.connect()
    assert (tmp_path / "mlruns/mlflow.db").exists()
    assert not list((tmp_path / "mlruns").glob(".*partial*"))


def test_a_full_disk_while_the_store_is_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def full(uri: str, artifacts: str) -> None:
        for suffix in ("", "-journal"):
            Path(uri.removeprefix("sqlite:///") + suffix).write_text("half a database")
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(store, "SqlAlchemyStore", full)
    with pytest.raises(StoreError, match=r"full\. Free some space"):
        store.connect()
    assert [path.name for path in (tmp_path / "mlruns").iterdir()] == ["mlflow.db.lock"]


def test_a_store_that_is_made_again_asks_for_registering_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    told = tmp_path / artifacts.REGISTERED
    told.parent.mkdir()
    told.write_text("{}")
    store.connect()
    assert not told.exists()
    told.write_text("{}")
    store.connect()
    assert told.exists()


def test_a_path_with_odd_letters_is_the_only_one_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "mein größtes &;=+ project"
    project.mkdir()
    monkeypatch.setenv("DVC_ROOT", str(project))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with tracking.run("e", Settings(), {}) as opened:
        opened.log(1, EPOCH)
    assert (project / "mlruns/mlflow.db").is_file()
    assert list(tmp_path.iterdir()) == [project]


def junk(path: Path) -> None:
    path.write_bytes(b"junk" * 500)


@pytest.mark.parametrize(
    ("spoil", "said"), [(junk, "not a database.*Move"), (Path.mkdir, "unable to open.*writable")]
)
def test_a_store_that_cannot_be_opened_stops_with_one_line(
    mlflow_store: Path, spoil: Callable[[Path], None], said: str
) -> None:
    database = mlflow_store / "mlruns/mlflow.db"
    database.unlink()
    spoil(database)
    with pytest.raises(StoreError, match=said) as error:
        store.connect()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("./mlruns", "maintenance"),
        ("http://me:hidden@127.0.0.1:1", "refused"),
        ("postgresql://me:hidden@127.0.0.1:1/x", "refused"),
        ("gopher://x", "unsupported"),
    ],
)
def test_an_address_that_does_not_answer_is_named_without_its_password(
    uri: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(StoreError, match=said) as error:
        store.connect()
    assert "hidden" not in str(error.value)
    assert "\n" not in str(error.value)


# What git says


def git(*arguments: str) -> None:
    command = ["git", "-c", "user.name=n", "-c", "user.email=e@x", *arguments]
    subprocess.run(command, check=True, capture_output=True)


def test_the_commit_and_whether_the_tree_was_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert provenance.facts(tmp_path)["git_commit"] == "none"
    git("init", "--quiet")
    assert provenance.facts(tmp_path)["git_commit"] == "none"
    (tmp_path / "file").touch()
    git("add", "file")
    git("commit", "-m", "one")
    clean = provenance.facts(tmp_path)
    (tmp_path / "file").write_text("changed")
    assert (len(clean["git_commit"]), clean["git_dirty"]) == (40, "false")
    assert provenance.facts(tmp_path) == clean | {"git_dirty": "true"}


def test_a_machine_without_git_has_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.facts(tmp_path) == {
        "git_commit": "none",
        "git_dirty": "none",
        "dvc_lock_sha256": "none",
    }


def test_nothing_is_sent_to_the_makers_of_mlflow() -> None:
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"

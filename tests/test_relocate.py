"""A project folder that was moved or copied loads its models again."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from tiny_model import write_project

from latentops import store
from latentops.errors import StoreError
from latentops.registry import candidate, fetch
from latentops.registry.register import register
from latentops.store import Moved

MAIN = "from latentops.cli.main import main; main()"
CHAMPION = "models:/tiny@champion"


@pytest.fixture
def project(mlflow_store: Path) -> Path:
    """With one registered model."""
    write_project(mlflow_store)
    register("tiny", candidate.read())
    return mlflow_store


def enter(project: Path, patch: pytest.MonkeyPatch) -> str:
    """Work there, and have MLflow do so; the URI of its database."""
    patch.setenv("DVC_ROOT", str(project))
    patch.chdir(project)
    return f"sqlite:///{project}/mlruns/mlflow.db"


def answers(uri: str) -> pd.DataFrame:
    """Of the champion, as MLflow loads it without us."""
    mlflow.set_tracking_uri(uri)
    try:
        return mlflow.pyfunc.load_model(CHAMPION).predict(["turn on"])
    finally:
        mlflow.set_tracking_uri(None)


def recorded(project: Path, place: Path) -> int:
    """How often the project's database names a file below that place."""
    with closing(sqlite3.connect(project / "mlruns/mlflow.db")) as connection:
        return "".join(connection.iterdump()).count(f"{place.as_uri()}/mlruns/artifacts/")


@pytest.mark.parametrize("act", [shutil.move, shutil.copytree])
@pytest.mark.parametrize("name", ["moved", "moved: 100 % ü #1"])
def test_a_moved_or_copied_project_loads_its_champion(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[..., object],
    name: str,
) -> None:
    before = answers(enter(project, monkeypatch))
    act(project, tmp_path / name)
    shutil.rmtree(project, ignore_errors=True)
    uri = enter(tmp_path / name, monkeypatch)
    places = recorded(tmp_path / name, project)
    moved = store.relocate()
    here = tmp_path / name / "mlruns/artifacts"
    assert moved == Moved(str(project / "mlruns/artifacts"), str(here), places)
    assert recorded(tmp_path / name, project) == 0
    assert recorded(tmp_path / name, tmp_path / name) == places > 0
    if "#" not in name:  # which MLflow itself does not take in a database's URI
        pd.testing.assert_frame_equal(answers(uri), before)
    assert fetch.model_folder(CHAMPION).is_relative_to(here)
    assert store.relocate() == Moved(str(here), str(here), 0)


def test_a_copy_leaves_the_original_as_it_is(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(project, tmp_path / "copy")
    before = recorded(project, project)
    enter(tmp_path / "copy", monkeypatch)
    store.relocate()
    assert recorded(project, project) == before > 0
    assert recorded(tmp_path / "copy", project) == 0


def test_the_command_says_from_where_to_where_and_how_many(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "params.yaml").write_text("{}\n")
    shutil.move(project, tmp_path / "moved")
    enter(tmp_path / "moved", monkeypatch)
    command = [sys.executable, "-c", MAIN, "relocate"]
    first, second = (
        subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)
    )
    assert str(project / "mlruns/artifacts") in first
    assert str(tmp_path / "moved/mlruns/artifacts") in first
    assert str(recorded(tmp_path / "moved", tmp_path / "moved")) in first
    assert "already" in second


def test_a_database_that_the_variable_names_moves_when_asked_only(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    shutil.move(project / "mlruns", kept)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{kept}/mlflow.db")
    with pytest.raises(StoreError, match="latentops relocate"):
        fetch.model_folder(CHAMPION)
    moved = store.relocate()
    assert moved.here == str(kept / "artifacts")
    assert moved.rows > 0
    assert fetch.model_folder(CHAMPION).is_relative_to(kept)


def test_without_its_artifacts_a_database_keeps_its_records(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a backup: the records that it holds may be the only ones that are right."""
    store.connect()
    (tmp_path / "backup").mkdir()
    with (
        closing(sqlite3.connect(project / "mlruns/mlflow.db")) as source,
        closing(sqlite3.connect(tmp_path / "backup/mlflow.db")) as copy,
    ):
        source.backup(copy)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/backup/mlflow.db")
    with pytest.raises(StoreError, match=r"no .*backup/artifacts.*Nothing was changed"):
        store.relocate()
    assert fetch.model_folder(CHAMPION).is_relative_to(project)


def test_a_database_that_others_made_is_left_alone(
    mlflow_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = mlflow_store / "mlruns/mlflow.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE experiments SET artifact_location = 's3://bucket/0'")
    with pytest.raises(StoreError, match="made by other means"):
        store.relocate()


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:1",
        "https://user:a-secret@mlflow.example.org",
        "postgresql://user:a-secret@127.0.0.1:1/mlflow",
        "sqlite://",
    ],
)
def test_on_a_server_it_is_refused_with_the_reason(
    mlflow_store: Path, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(StoreError, match="place of its artifacts") as caught:
        store.relocate()
    assert "a-secret" not in str(caught.value)


def test_there_must_be_a_store(mlflow_store: Path) -> None:
    os.unlink(mlflow_store / "mlruns/mlflow.db")
    with pytest.raises(StoreError, match="There is no MLflow store"):
        store.relocate()
    assert not (mlflow_store / "mlruns/mlflow.db").exists()

"""Fixtures that several test files share."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest_plugins = ("mlflow_server",)
if TYPE_CHECKING:
    from mlflow import MlflowClient

ROOT = Path(__file__).resolve().parents[1]

if "PYTEST_XDIST_WORKER" in os.environ:  # each of several processes would take all cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The offline mirror of the public data sets; tests on real data skip where it is absent."""
    folder = Path(os.environ.get("LATENTOPS_MIRROR") or ROOT.parent / "shared" / "datasets")
    if not (folder / "MANIFEST.json").is_file():
        pytest.skip("no mirror of the public data sets: set LATENTOPS_MIRROR to one")
    return folder


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database; making one takes seconds, copying it does not."""
    from latentops import store

    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        store.connect()
    return folder / "mlruns/mlflow.db"


@pytest.fixture
def mlflow_store(migrated_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder, which becomes the working directory, with an MLflow store of its own."""
    project = tmp_path / "a project"
    (project / "mlruns").mkdir(parents=True)
    with (
        closing(sqlite3.connect(migrated_database)) as source,
        closing(sqlite3.connect(project / "mlruns/mlflow.db")) as copy,
    ):
        source.backup(copy)
    monkeypatch.setenv("DVC_ROOT", str(project))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(project)
    return project


@pytest.fixture
def client(mlflow_store: Path) -> "MlflowClient":
    """MLflow's own, to read back what was written and to do what others would."""
    from mlflow import MlflowClient

    uri = f"sqlite:///{mlflow_store}/mlruns/mlflow.db"
    return MlflowClient(tracking_uri=uri, registry_uri=uri)

"""A version as a folder, and the same version at work in what others made: MLflow and Spark."""

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from light_registry import light
from mlflow import MlflowClient
from tiny_model import TEXTS, write_project

from latentops import artifacts, config
from latentops.cli.main import cli
from latentops.errors import ArtifactError, IntegrityError, StoreError
from latentops.inference.folder import MODEL_FILES
from latentops.inference.predictor import Predictor
from latentops.registry import candidate, export, reference
from latentops.registry.register import register
from latentops.release import FILE, Release
from latentops.runtime import loading

__all__ = ["light"]  # a fixture
NAMES = {path.name for path in MODEL_FILES}
TINY = reference.parse("tiny@champion")


@pytest.fixture
def registered(light: Path) -> Path:
    """Version 1 of tiny, in the folder of its project."""
    config.PARAMS.write_text("registry: {name: tiny, at_least: {}, max_loss: {}}\n")
    register("tiny", candidate.read())
    return light


def test_the_folder_alone_serves(registered: Path, tmp_path: Path) -> None:
    """After the store and the project are gone."""
    expected = Predictor.from_project(registered).encode(TEXTS).to_numpy()
    release = export.export(TINY, tmp_path / "new/model")
    (tmp_path / "new").rename(tmp_path / "elsewhere")
    shutil.rmtree(registered / "mlruns")
    shutil.rmtree(registered / "model")
    found = Release.of_folder(tmp_path / "elsewhere/model")
    model = loading.load(found.folder, found.sha256s)
    np.testing.assert_allclose(model.encode_rows(TEXTS), expected, atol=1e-6)
    assert {path.name for path in found.folder.iterdir()} == {*NAMES, FILE}
    assert (found.name, found.version) == (release.name, release.version) == ("tiny", "1")


def test_model_json_says_what_a_checker_can_count_again(
    registered: Path, tmp_path: Path, client: MlflowClient
) -> None:
    export.export(TINY, tmp_path / "model")
    told = json.loads((tmp_path / "model" / FILE).read_text())
    lines = "".join(f"{sha256}  {name}\n" for name, sha256 in told["sha256"].items())
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "-"], input=lines, text=True, cwd=tmp_path / "model"
    )
    assert checked.returncode == 0
    assert set(told["sha256"]) == NAMES
    assert told["lineage_key"] == client.get_model_version("tiny", "1").tags["lineage_key"]


def test_what_is_there_already_is_left_alone(registered: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    export.export(TINY, kept)  # empty: nothing is lost
    (tmp_path / "file").write_text("mine")
    for there in (kept, tmp_path / "file"):
        before = artifacts.sha256(kept / FILE)
        with pytest.raises(ArtifactError, match=f"{there} is there already"):
            export.export(TINY, there)
        assert artifacts.sha256(kept / FILE) == before
    assert (tmp_path / "file").read_text() == "mine"


def test_a_damaged_version_leaves_no_folder(registered: Path, tmp_path: Path) -> None:
    (stored,) = registered.glob("mlruns/artifacts/**/artifacts/head.json")
    stored.chmod(0o644)
    stored.write_text(stored.read_text() + " ")
    with pytest.raises(IntegrityError, match=r"head\.json"):
        export.export(TINY, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_copy_that_fails_leaves_no_folder(
    registered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copyfile

    def full(source: Path, target: Path) -> None:
        if target.name == "spec.json":
            raise OSError(28, "No space left on device")
        copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(ArtifactError, match="No space left"):
        export.export(TINY, tmp_path / "out/model")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_alias_that_is_not_there_is_answered_with_those_there_are(
    registered: Path, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match=r"no alias 'best'.*@champion"):
        export.export(reference.parse("tiny@best"), tmp_path / "model")


def test_the_command_says_what_it_wrote(
    registered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(registered)
    done = CliRunner().invoke(cli, ["export", "tiny", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert done.output == f"{tmp_path / 'out'}: version 1 of tiny, {len(NAMES)} files\n"


# The same version in what others made


@pytest.fixture
def packaged(mlflow_store: Path) -> Path:
    """Version 1 of tiny with all that MLflow stores beside it."""
    write_project(mlflow_store)
    register("tiny", candidate.read())
    return mlflow_store


def mlflow_environment(project: Path) -> dict[str, str]:
    """Of a process that knows the store alone, and finds uvicorn."""
    here = Path(sys.executable).parent
    return {
        **{name: value for name, value in os.environ.items() if name != "DVC_ROOT"},
        "PATH": f"{here}{os.pathsep}{os.environ['PATH']}",
        "MLFLOW_TRACKING_URI": f"sqlite:///{project / 'mlruns/mlflow.db'}",
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture
def mlflow_address(packaged: Path, tmp_path: Path) -> Iterator[str]:
    """Of `mlflow models serve` with version 1."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    asked = ["--model-uri", "models:/tiny/1", "--env-manager", "local", "--port", str(port)]
    with (tmp_path / "served.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "models", "serve", *asked],
            env=mlflow_environment(packaged),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/ping", process, tmp_path / "served.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def wait_for(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    while process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(address).status_code == 200:
                return
        time.sleep(0.2)
    raise AssertionError(log.read_text())


def test_mlflow_models_serve_answers_with_the_same_version(
    mlflow_address: str, packaged: Path
) -> None:
    asked = {"inputs": TEXTS, "params": {"task": "classify"}}
    answer = httpx.post(f"{mlflow_address}/invocations", json=asked, timeout=60)
    found = pd.DataFrame(answer.json()["predictions"])
    expected = Predictor.from_project(packaged).classify(TEXTS)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-5)


_BY_SPARK = """
import json, sys
import mlflow.pyfunc
from pyspark.sql import SparkSession

spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
classify = mlflow.pyfunc.spark_udf(
    spark,
    "models:/tiny/1",
    env_manager="local",
    params={"task": "classify"},
    result_type="label string, probability float, out_of_scope boolean, out_of_scope_score float",
)
texts = spark.createDataFrame([(text,) for text in json.loads(sys.argv[1])], ["text"])
rows = texts.select(classify("text").alias("found")).select("found.*").collect()
print(json.dumps([row.asDict() for row in rows]))
"""


def test_spark_answers_with_the_same_version(packaged: Path) -> None:
    if importlib.util.find_spec("pyspark") is None:
        pytest.skip("pyspark is not installed: pip install 'latentops[spark]'")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, and there is none on the PATH")
    ran = subprocess.run(
        [sys.executable, "-c", _BY_SPARK, json.dumps(TEXTS)],
        env=mlflow_environment(packaged),
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    expected = Predictor.from_project(packaged).classify(TEXTS)
    found = pd.DataFrame(json.loads(ran.stdout.splitlines()[-1]))
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-5)

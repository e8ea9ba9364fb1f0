"""The pipeline as a person meets it: real dvc, real stages, in a copy of the project."""

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import ROOT

PARTS = (
    ".dvc/.gitignore",
    ".dvc/config",
    ".dvc/plots",
    ".dvcignore",
    ".gitignore",
    "data/.gitignore",
    "data/raw/README.md",
    "dvc.yaml",
    "metrics/.gitignore",
    "mlruns/.gitignore",
    "mlruns/README.md",
    "model/.gitignore",
    "plots/.gitignore",
    "pyproject.toml",
    "recipes",
    "reports/.gitignore",
    "src",
    "tune/.gitignore",
    "tune/dvc.yaml",
)
Dvc = Callable[..., subprocess.CompletedProcess[str]]


# Without those of the registry's logs.
TRAININGS = (
    "runs join experiments using (experiment_id) where experiments.name not like 'registry of %'"
)


def copy_project(folder: Path) -> Path:
    for part in PARTS:
        source, target = ROOT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg*"))
        else:
            shutil.copy(source, target)
    params = yaml.safe_load((ROOT / "recipes/digits.yaml").read_text())
    params["train"] |= {"epochs": 2, "device": "cpu"}
    params["evaluate"] |= {"importance_samples": 5, "depth": "quick"}
    params["applications"] |= dict.fromkeys(("augmentation", "denoising", "meaning"), False)
    params["tune"] |= {"trials": 2, "epochs": 1}
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return folder


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    hidden = ("MLFLOW_TRACKING_URI", "DVC_ROOT", "PYTHONPATH")
    env = {key: value for key, value in os.environ.items() if key not in hidden}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    env["OMP_NUM_THREADS"] = "1"
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def succeed(folder: Path, *command: str) -> str:
    done = run(folder, *command)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


def git(folder: Path, *command: str) -> str:
    who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    return succeed(folder, "git", *who, *command)


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(folder / "mlruns/mlflow.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone whose path has a space, after its first `dvc repro`, committed."""
    folder = copy_project(tmp_path_factory.mktemp("a project"))
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "project")
    succeed(folder, "dvc", "repro")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "first model")
    return folder


def test_the_first_version_is_champion_and_its_run_is_finished(project: Path) -> None:
    aliases = rows(project, "select alias, version from registered_model_aliases")
    assert sorted(aliases) == [("challenger", 1), ("champion", 1)]
    assert rows(project, f"select status from {TRAININGS}") == [("FINISHED",)]


def test_outputs_stay_out_of_git_but_metrics_and_the_lock_do_not(project: Path) -> None:
    tracked = git(project, "ls-files").splitlines()
    assert {"dvc.lock", "metrics/eval.json", "metrics/train.json"} <= set(tracked)
    assert not [name for name in tracked if name.startswith("mlruns/") and "README" not in name][1:]
    assert not [name for name in tracked if name.endswith((".safetensors", ".parquet"))]
    pages = [name for name in tracked if name.endswith(".html")]
    assert pages == ["src/latentops/explorer/page.html"]


def test_a_second_repro_runs_nothing_and_makes_no_run(project: Path) -> None:
    said = succeed(project, "dvc", "repro")
    assert said.count("didn't change, skipping") == 8
    assert "Running stage" not in said
    assert len(rows(project, f"select 1 from {TRAININGS}")) == 1


def test_the_champion_loads_in_a_new_process_with_pickle_refused(project: Path) -> None:
    script = (
        "import mlflow, numpy as np, pathlib\n"
        "database = pathlib.Path('mlruns/mlflow.db').absolute()\n"
        "mlflow.set_tracking_uri(f'sqlite:///{database}')\n"
        "model = mlflow.pyfunc.load_model('models:/latentops-digits@champion')\n"
        "x = np.zeros((3, 1, 8, 8), dtype=np.uint8)\n"
        "print(model.predict(x).shape, len(model.predict(x, params={'task': 'score'})))\n"
    )
    allowed = "MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false"
    latent = yaml.safe_load((project / "params.yaml").read_text())["model"]["latent"]
    said = succeed(project, "env", allowed, "python", "-c", script)
    assert said.splitlines()[-1] == f"(3, {latent}) 3"


def test_the_champion_classifies_a_file_from_a_folder_below(project: Path) -> None:
    images = np.random.default_rng(0).integers(0, 17, size=(30, 8, 8), dtype=np.uint8)
    np.savez(project / "src/images.npz", x=images)
    said = succeed(
        project / "src", "latentops", "predict", "--input", "images.npz", "--output", "answers.csv"
    )
    assert "30 rows" in said
    with (project / "src/answers.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["row"] for row in rows] == [str(row) for row in range(30)]
    assert {row["label"] for row in rows} <= set("0123456789")
    for name in ("images.npz", "answers.csv"):
        (project / "src" / name).unlink()


def test_metrics_and_plots_are_shown(project: Path) -> None:
    shown = succeed(project, "dvc", "metrics", "show", "--json")
    scores = json.loads(shown)[""]["data"]["metrics/eval.json"]["data"]
    assert scores["elbo_nats"] == pytest.approx(-(scores["rate_nats"] + scores["distortion_nats"]))
    done = run(project, "dvc", "plots", "show", "--out", "shown")
    assert done.returncode == 0  # that the plots of a study are not there yet, DVC says
    page = (project / "shown/index.html").read_text()
    assert "valid_elbo_nats" in page


def test_an_experiment_is_tracked_compared_and_not_registered(project: Path) -> None:
    said = succeed(project, "dvc", "exp", "run", "--temp", "-S", "objective.beta=4", "-n", "four")
    assert "four" in said
    shown = json.loads(succeed(project, "dvc", "exp", "show", "--json"))
    found = [one for each in shown for one in (each["experiments"] or [])]
    assert [one["name"] for one in found] == ["four"]
    data = found[0]["revs"][0]["data"]
    assert data["params"]["params.yaml"]["data"]["objective"]["beta"] == 4
    assert "elbo_nats" in data["metrics"]["metrics/eval.json"]["data"]
    assert len(rows(project, f"select 1 from {TRAININGS}")) == 2, (
        "the store of the project, not the copy"
    )
    assert len(rows(project, "select 1 from model_versions")) == 1


def test_a_restore_from_the_run_cache_finds_the_version_again(project: Path) -> None:
    params = project / "params.yaml"
    before = params.read_text()
    try:
        params.write_text(before.replace("epochs: 2", "epochs: 1"))
        succeed(project, "dvc", "repro")
        assert len(rows(project, "select 1 from model_versions")) == 2
    finally:
        params.write_text(before)
    said = succeed(project, "dvc", "repro")
    assert "Stage 'train' is cached" in said
    assert len(rows(project, "select 1 from model_versions")) == 2
    assert json.loads((project / "mlruns/registered.json").read_text())["version"] == 1


def test_the_study_runs_on_its_own_and_its_choice_is_applied(project: Path) -> None:
    said = succeed(project, "dvc", "repro", "tune/dvc.yaml")
    assert "Running stage 'tune/dvc.yaml:tune'" in said
    assert "Running stage 'evaluate'" not in said
    best = json.loads((project / "tune/best.json").read_text())
    params = project / "params.yaml"
    before = params.read_text()
    try:
        succeed(project, "latentops", "tune", "apply")
        applied = yaml.safe_load(params.read_text())
    finally:
        params.write_text(before)
    assert applied["objective"]["beta"] == best["settings"]["objective.beta"]
    assert applied["model"]["latent"] == best["settings"]["model.latent"]
    shown = run(project, "dvc", "plots", "show", "--out", "of the study")
    assert "failed" not in shown.stdout + shown.stderr
    page = (project / "of the study/index.html").read_text()
    assert "valid_elbo_nats" in page
    assert "importance" in page


def test_a_typo_does_not_cost_the_last_study(project: Path) -> None:
    succeed(project, "dvc", "repro", "tune/dvc.yaml")
    params = project / "params.yaml"
    before, best = params.read_text(), (project / "tune/best.json").read_bytes()
    try:
        params.write_text(before.replace("sampler: tpe", "sampler: tep"))
        done = run(project, "dvc", "repro", "tune/dvc.yaml")
    finally:
        params.write_text(before)
    assert done.returncode != 0
    assert "tune.sampler: Input should be 'tpe'" in done.stdout + done.stderr
    assert (project / "tune/best.json").read_bytes() == best


def test_without_git_and_from_a_folder_below(tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "unpacked")
    (folder / ".dvc/config.local").write_text("[core]\n    no_scm = true\n")
    succeed(folder / "src", "dvc", "repro", "../dvc.yaml:register")
    aliases = rows(folder, "select alias from registered_model_aliases")
    assert ("champion",) in aliases
    tags = dict(rows(folder, "select key, value from model_version_tags"))
    assert tags["git_commit"] == "none"

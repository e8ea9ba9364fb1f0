"""What `dvc repro` takes beside training, and what each kind of features costs in its verdict."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from latentops import artifacts
from latentops.verdict.results import Cost, Verdict

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("dvc.yaml", "pyproject.toml", ".dvcignore", "src", "data/raw", "recipes")


@dataclass(frozen=True)
class Result:
    recipe: str
    repro_seconds: float
    training_seconds: float  # of the model that is shipped, without its repetitions
    costs: tuple[Cost, ...]

    @property
    def other_share(self) -> float:
        return 1 - self.training_seconds / self.repro_seconds


@contextmanager
def copied(recipe: str) -> Iterator[Path]:
    """The project without outputs, cache or lock, and with that recipe."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        _copy(project, recipe)
        yield project


def measure(project: Path, recipe: str) -> Result:
    """Every stage, in a copy."""
    started = time.perf_counter()
    _repro(project)
    seconds = time.perf_counter() - started
    trained = json.loads((project / "metrics/train.json").read_text(encoding="utf-8"))
    verdict = artifacts.read_schema(Verdict, project / artifacts.VERDICT)
    return Result(recipe, seconds, trained["train_seconds"], verdict.cost)


def _copy(project: Path, recipe: str) -> None:
    for name in NEEDED:
        source, target = ROOT / name, project / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy2(source, target)
    shutil.copy2(ROOT / "recipes" / f"{recipe}.yaml", project / "params.yaml")
    (project / ".dvc").mkdir()
    (project / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")


def _repro(project: Path) -> None:
    beside_this_python = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=project,
        env=os.environ | {"PATH": beside_this_python, "MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        sys.exit(f"error: dvc repro failed in a copy of the project:\n{done.stderr[-2000:]}")

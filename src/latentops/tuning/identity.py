"""What makes two studies one: the same data, space, fixed settings and code."""

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latentops import artifacts, build, objectives
from latentops.training.settings import Settings as TrainSettings
from latentops.tuning import space
from latentops.tuning.settings import Settings

_SOURCE = Path(__file__).parents[2]
_TRIAL = _SOURCE / "latentops/tuning/trial.py"


@dataclass(frozen=True)
class Experiment:
    """What all trials of a study share."""

    source: str
    data_md5: str
    fixed: dict[str, Any]  # settings by dotted name: neither searched nor `train.epochs`


def experiment(
    source: str,
    files: Iterable[Path],
    model: build.Model,
    objective: objectives.Settings,
    train: TrainSettings,
) -> Experiment:
    """Of prepared data and the settings beside it."""
    sections = {"model": model, "objective": objective, "train": train}
    fixed = {
        f"{section}.{name}": value
        for section, settings in sections.items()
        for name, value in settings.model_dump(mode="json").items()
    }
    for name in (space.BETA, space.LATENT, "train.epochs"):
        del fixed[name]
    digests = "".join(artifacts.md5(path) for path in files)
    return Experiment(source, hashlib.md5(digests.encode()).hexdigest(), fixed)


def study_name(shared: Experiment, tune: Settings) -> str:
    """A hash of everything that a trial depends on. How many trials there are is left out.

    A grid is made for its number of trials, so that number is part of its space.
    """
    identity = {
        "data": shared.data_md5,
        "space": tune.model_dump(mode="json", exclude={"trials"}),
        "grid": [point.params for point in space.grid(tune)] if tune.sampler == "grid" else None,
        "fixed": shared.fixed,
        "code": code_md5(),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]


def code_md5() -> str:
    """Of every file of this package that a trial runs."""
    digest = hashlib.md5()
    for path in trial_code():
        digest.update(path.read_bytes())
    return digest.hexdigest()


def trial_code() -> list[Path]:
    """The trial's module and whatever of the package it imports, directly or not."""
    found: set[Path] = set()
    waiting = {_TRIAL}
    while waiting:
        found |= waiting
        waiting = {file for path in waiting for file in _imported(path)} - found
    return sorted(found)


def _imported(path: Path) -> Iterator[Path]:
    """Files that the imports of one file name, and the `__init__.py` of their packages."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom):
            yield from _files(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from _files(alias.name for alias in node.names)


def _files(names: Iterable[str]) -> Iterator[Path]:
    """`a.b.c` is a/__init__.py, a/b.py or a/b/__init__.py, and so on: what exists of them."""
    for name in names:
        parts = name.split(".")
        if parts[0] != __package__.split(".")[0]:
            continue
        for depth in range(1, len(parts) + 1):
            stem = _SOURCE.joinpath(*parts[:depth])
            candidates = (stem.with_suffix(".py"), stem / "__init__.py")
            yield from (path for path in candidates if path.exists())

"""What makes two studies one: the same data, space, fixed settings and code."""

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latentops import artifacts, config
from latentops.tuning import proposals
from latentops.tuning.settings import Settings
from latentops.tuning.space import Sections

_SOURCE = Path(__file__).parents[2]
_TRIAL = _SOURCE / "latentops/tuning/trial.py"
_FREE = {"trials", "workers", "pick"}  # settings that make no trial another


@dataclass(frozen=True)
class Experiment:
    """What all trials of a study share."""

    source: str
    data_md5: str
    fixed: dict[str, Any]  # settings by dotted name: neither searched nor `train.epochs`


def experiment(
    source: str, files: Iterable[Path], sections: Sections, tune: Settings
) -> Experiment:
    """Of prepared data and the settings beside it."""
    dumped = {name: section.model_dump(mode="json") for name, section in sections.items()}
    everything = config.flat(dumped)
    fixed = {
        name: value
        for name, value in everything.items()
        if name not in tune.space and name != "train.epochs"
    }
    digests = "".join(artifacts.md5(path) for path in files)
    return Experiment(source, hashlib.md5(digests.encode()).hexdigest(), fixed)


def study_name(shared: Experiment, tune: Settings, sections: Sections) -> str:
    """A hash of everything that a trial depends on, and of how the next one is proposed.

    How many trials there are, who trains them and which is taken in the end is left out. A grid is
    made for its number of trials, so that number is part of its space.
    """
    identity = json.dumps(parts(shared, tune, sections), sort_keys=True)
    return hashlib.sha256(identity.encode()).hexdigest()[:12]


def parts(shared: Experiment, tune: Settings, sections: Sections) -> dict[str, Any]:
    """By name: where one differs, the study is another."""
    return {
        "data": shared.data_md5,
        "search": tune.model_dump(mode="json", exclude=_FREE | _unused(tune)),
        "grid": _grid_sha256(tune, sections) if tune.sampler == "grid" else None,
        "fixed settings": shared.fixed,
        "code": code_md5(),
    }


def _unused(tune: Settings) -> set[str]:
    """Settings that the mode does not look at."""
    unused = {"budget": {"score", "labels"}, "pareto": {"score", "labels", "rate_nats"}}
    by_elbo = {"labels"} if tune.score == ("elbo",) else set()
    return unused.get(tune.mode, {"rate_nats"} | by_elbo)


def _grid_sha256(tune: Settings, sections: Sections) -> str:
    points = json.dumps(proposals.grid(tune, sections), sort_keys=True)
    return hashlib.sha256(points.encode()).hexdigest()


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


def news(name: str, present: dict[str, Any], folder: Path) -> Iterator[str]:
    """Says where this study is not the last one of the folder, and why; remembers this one."""
    last = folder / "last.json"
    before = artifacts.read_json(last) if last.exists() else {}
    if before and before.get("study") != name:
        changed = [part for part, value in present.items() if before["parts"].get(part) != value]
        yield (
            f"this study, {name}, is another than the last one, {before['study']}, for these are "
            f"not the same: {', '.join(changed)}. The trials of both are kept."
        )
    artifacts.write_json({"study": name, "parts": present}, last)

"""A small project in a real git repository, as `dvc repro` leaves it: dvc.lock and all."""

import hashlib
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tiny_model
import yaml

from latentops import artifacts
from latentops.registry.lineage import DATA

MODEL = (artifacts.WEIGHTS, artifacts.MODEL_SETTINGS, artifacts.HEAD, artifacts.HEAD_FACTS)
PARAMS = {
    "data": {"source": "tiny-texts", "characters": [3, 4]},
    "train": {"epochs": 1, "rate": 1e-3},
}
DEPS = {
    "prepare": ["src/prepare.py", "data/raw.csv"],
    "train": ["src/train.py", "src/loop.py", "data/train.safetensors"],
    "head": ["src/head.py", "model/weights.safetensors"],
}
OUTS = {
    "prepare": [path.as_posix() for path in DATA],
    "train": [path.as_posix() for path in MODEL[:2]],
    "head": [path.as_posix() for path in MODEL[2:]],
}
SECTIONS = {"prepare": ["data"], "train": ["train"]}
IGNORED = "/mlruns\n/data\n/model\n"


def write(folder: Path, seed: int = 0) -> None:
    """Make the project and its repository, with one commit that holds the model's dvc.lock."""
    repro(folder, seed)
    (folder / ".gitignore").write_text(IGNORED)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder)


def repro(folder: Path, seed: int = 0, params: dict[str, Any] = PARAMS) -> None:
    """A model of its own for each seed, and the dvc.lock of the stages that made it."""
    kept = {path: path.read_bytes() for path in folder.glob("src/*.py")}
    tiny_model.write_project(folder, seed=seed)
    for path, contents in kept.items():
        path.write_bytes(contents)
    (folder / "data/raw.csv").write_text("text,label\n")
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": {**_stages(), "evaluate": {}}}))
    write_lock(folder)


def write_lock(folder: Path) -> None:
    params = yaml.safe_load((folder / "params.yaml").read_text())
    stages = {
        name: {
            "cmd": stage["cmd"],
            "deps": _entries(folder, DEPS[name]),
            "outs": _entries(folder, OUTS[name]),
            "params": {"params.yaml": {key: params[key] for key in SECTIONS.get(name, ())}},
        }
        for name, stage in _stages().items()
    }
    (folder / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))


def _stages() -> dict[str, Any]:
    return {name: {"cmd": f"run {name}", "deps": deps} for name, deps in DEPS.items()}


def _entries(folder: Path, names: Iterable[str]) -> list[dict[str, Any]]:
    return [
        {"path": name, "hash": "md5", "md5": hashlib.md5((folder / name).read_bytes()).hexdigest()}
        for name in names
    ]


def commit(folder: Path, *paths: str) -> str:
    """Of those files, or of all that is not ignored; the commit."""
    git(folder, "add", *(paths or ("--all",)))
    git(folder, "commit", "--quiet", "--message", "a model")
    return git(folder, "rev-parse", "HEAD").strip()


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    command = ["git", *who, "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout

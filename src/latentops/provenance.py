"""What git and DVC say about the folder that a run or a version was made in."""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from latentops import artifacts
from latentops.errors import ArtifactError

PIPELINE = Path("dvc.yaml")
NONE = "none"  # no git, no commit yet, or no dvc.lock


def facts(folder: Path) -> dict[str, str]:
    """Tags. Under `dvc repro` the commit is the parent of the one that will hold dvc.lock."""
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain")
    return {
        "git_commit": commit or NONE,
        "git_dirty": NONE if commit is None else str(bool(changes)).lower(),
        "dvc_lock_sha256": _sha256(folder / "dvc.lock"),
    } | _experiment()


def md5_of_each(paths: Iterable[Path]) -> str:
    """A tag: the digest by which DVC knows each file."""
    return json.dumps({path.as_posix(): artifacts.md5(path) for path in sorted(paths)})


def code_sha256(stages: Iterable[str]) -> str:
    """Of the .py deps of those stages, as dvc.yaml lists them."""
    listed = _stages()
    deps = [dep for name in stages for dep in listed.get(name, {}).get("deps", [])]
    names = (next(iter(dep)) if isinstance(dep, dict) else dep for dep in deps)
    code = {Path(name) for name in names if str(name).endswith(".py")}
    return hashlib.sha256(md5_of_each(code).encode()).hexdigest()


def _stages() -> dict[str, Any]:
    try:
        return dict(yaml.safe_load(PIPELINE.read_text(encoding="utf-8"))["stages"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ArtifactError(
            f"{PIPELINE} in {Path.cwd()} should list the project's stages, whose code is part of a "
            f"model's lineage. It cannot be read: {' '.join(str(error).split())}."
        ) from error


def _experiment() -> dict[str, str]:
    name = os.environ.get("DVC_EXP_NAME")  # set by `dvc exp run` only
    return {"dvc_experiment": name} if name else {}


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None where it is not installed, has no commit, or does not trust us."""
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return NONE

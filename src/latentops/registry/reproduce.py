"""Make a version again from its commit and compare: the proof that its lineage is whole.

The commit is checked out elsewhere, its data comes from DVC's cache or remote, and the stages that
make and score a model run there with this Python and a store of their own. The project, its cache
and its store stay as they are, but for the proof on the version.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from latentops import artifacts, provenance
from latentops.artifacts import Schema
from latentops.errors import IntegrityError, RefusedError, StoreError
from latentops.registry import audit, fetch, lineage
from latentops.registry.commit import SHORT
from latentops.registry.versions import Version
from latentops.store import connect, one_line_errors, project_root

STAGES = ("train", "head", "evaluate")
# Where nobody kept what the report reads beside the scores.
WITH_ITS_READING = ("train", "repeat", "head", "verdict", "applications", "evaluate")
_PATIENCE_SECONDS = 10  # for what was interrupted to end by itself
# Of the caller's environment: what would lead the stages to another project, store or repository.
_HIDDEN = ("PYTHONPATH", "DVC_ROOT", "DVC_EXP", "DVC_STAGE", "MLFLOW_TRACKING", "MLFLOW_REGISTRY")
_HIDDEN_GIT = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")


class Tolerance(Schema):
    """How far a score may lie from the recorded one: whichever of the two allows more."""

    absolute: float = 0.0
    relative: float = 0.0

    def allows(self, recorded: float, found: float) -> bool:
        return abs(found - recorded) <= max(self.absolute, self.relative * abs(recorded))


# Another processor rounds otherwise. With the same noise that moved the test ELBO by 4e-8 of itself
# and accuracy by one row in 2,216 (intents and digits; AVX512, AVX2 and neither), where another
# seed moves them by up to 1 % and 0.014: this tells a model from that of another seed.
ROUNDED = {
    "elbo_nats": Tolerance(relative=0.001),
    "accuracy": Tolerance(absolute=0.01),
    "active_units": Tolerance(absolute=1),
}
# A GPU draws other noise than a processor, several ranks than one process, and another torch may:
# as with another seed.
REDRAWN = {
    "elbo_nats": Tolerance(relative=0.02),
    "accuracy": Tolerance(absolute=0.03),
    "active_units": Tolerance(absolute=1, relative=0.1),
}
_NONE = Tolerance()


class Difference(Schema):
    """A score that is not the recorded one; None where there is none."""

    score: str
    recorded: float | None
    found: float | None
    allowed: bool

    def __str__(self) -> str:
        shown = (
            "none" if value is None else f"{value:.6g}" for value in (self.recorded, self.found)
        )
        return f"{self.score} {' -> '.join(shown)}{'' if self.allowed else ' (too far)'}"


class Proof(Schema):
    """What making a version again came to; `cpu` and `torch` are of this time."""

    commit: str
    weights: Literal["same", "different"]  # of the classifier too
    cpu: str
    torch: str
    differences: tuple[Difference, ...] = ()
    tolerance: dict[str, Tolerance] | None = None  # None: only the same weights would do
    passed: bool
    seconds: float

    def __str__(self) -> str:
        if self.weights == "same":
            return f"made again bit for bit from commit {self.commit[:SHORT]}"
        moved = ", ".join(map(str, self.differences)) or "no score differs"
        if self.tolerance is None:
            return f"other weights on the same processor and torch: {moved}"
        verdict = "within" if self.passed else "beyond"
        return f"other weights, on another processor or torch, {verdict} the tolerance: {moved}"


@dataclass(frozen=True)
class Made:
    """What came out of the stages."""

    weights_sha256: str
    head_sha256: str
    cpu: str
    torch: str
    scores: Mapping[str, float]


def reproduce(version: Version) -> Proof:
    """Make that version again, compare, and record the proof on it.

    RefusedError where it is not sealed, StoreError where its data is neither in DVC's cache nor in
    a remote, or where a stage fails. A proof that did not pass is no error.
    """
    if version.sealed_commit is None:
        raise RefusedError(
            f"{version} is not sealed, so no commit is known that makes it. Commit dvc.lock, then "
            f"`latentops registry seal {version.name} {version.number}`."
        )
    _require_sealed(version)
    fetch.folder(version)  # a proof of the tags is one of the model only where these agree
    began = time.monotonic()
    made = _made_again(project_root(), version.sealed_commit)
    proof = compare(version.sealed_commit, version.tags, made, time.monotonic() - began)
    _record(version, proof)
    return proof


def _require_sealed(version: Version) -> None:
    """By the log; it must be able to take the proof, too."""
    chain = audit.read(version.name)
    audit.require_sound(version.name, chain)
    if chain.sealed(version.number) != version.sealed_commit:
        raise IntegrityError(
            f"The log knows no seal of {version} with commit {version.sealed_commit}. `latentops "
            f"registry seal {version.name} {version.number}` asks git again."
        )


def compare(commit: str, tags: Mapping[str, str], made: Made, seconds: float) -> Proof:
    """The proof, by the tags of the version: the same bits, or where these cannot be expected near
    enough scores."""
    recorded = (tags.get("weights_sha256"), tags.get("head_sha256"))
    same = recorded == (made.weights_sha256, made.head_sha256)
    tolerance = _expected(tags, made)
    differences = tuple(_differences(tags, made.scores, tolerance or {}))
    return Proof(
        commit=commit,
        weights="same" if same else "different",
        cpu=made.cpu,
        torch=made.torch,
        differences=differences,
        tolerance=None if same else tolerance,
        passed=same or (tolerance is not None and all(one.allowed for one in differences)),
        seconds=round(seconds, 1),
    )


def _expected(tags: Mapping[str, str], made: Made) -> dict[str, Tolerance] | None:
    """How near the scores must be; None where the same bits are to be expected."""
    cpu = tags.get("cpu", _CUDA)
    if tags.get("torch") != made.torch or cpu.startswith(_CUDA) or made.cpu.startswith(_CUDA):
        return REDRAWN
    if cpu == made.cpu:
        return None
    return ROUNDED if _ranks(cpu) == _ranks(made.cpu) else REDRAWN


_CUDA = "cuda"  # where the order of sums is not fixed either


def _ranks(cpu: str) -> str:
    """How many processes trained together, as stage train notes it; empty for one."""
    return cpu.partition(", ranks ")[2]


def _differences(
    tags: Mapping[str, str], scores: Mapping[str, float], tolerance: Mapping[str, Tolerance]
) -> Iterator[Difference]:
    for name in ROUNDED:
        recorded = float(tags[name]) if name in tags else None
        found = scores.get(name)
        if recorded != found:
            both = recorded is not None and found is not None
            allowed = both and tolerance.get(name, _NONE).allows(recorded, found)  # type: ignore[arg-type]
            yield Difference(score=name, recorded=recorded, found=found, allowed=allowed)


def _made_again(root: Path, commit: str) -> Made:
    sha = provenance.commit(root, commit)
    with (
        tempfile.TemporaryDirectory(prefix="latentops-reproduce-") as folder,
        provenance.worktree(root, sha, Path(folder, "project")) as project,
    ):
        _configure(root, project, Path(folder))
        stages = _with_data(project, sha)
        _run(project, "repro", "--force", "--single-item", "--no-commit", "--no-run-cache", *stages)
        return _read(project)


def _configure(root: Path, project: Path, folder: Path) -> None:
    """Have DVC use the cache and the remotes of the project at `root`, whose paths are its own."""
    from dvc.config import Config  # type: ignore[import-untyped]

    known = Config(dvc_dir=str(root / ".dvc"))
    local = project / ".dvc"
    local.mkdir(exist_ok=True)
    with Config(dvc_dir=str(local)).edit("local") as config:
        config["core"] = {"no_scm": True, "site_cache_dir": str(folder / "site")}
        config["core"] |= {"analytics": False, "check_update": False}  # they would outlive the copy
        config["cache"] = {"dir": str(known["cache"].get("dir") or root / ".dvc/cache")}
        config["remote"] = {name: _absolute(remote) for name, remote in known["remote"].items()}
        if default := known["core"].get("remote"):
            config["core"]["remote"] = default


def _absolute(remote: Mapping[str, Any]) -> dict[str, Any]:
    """DVC reads a path as one from its own config file, and writes it as one."""
    return {name: str(value) if name == "url" else value for name, value in remote.items()}


def _with_data(project: Path, commit: str) -> tuple[str, ...]:
    """The stages to run, once what they read is there."""
    known = _stages(project)
    for stages in (STAGES, WITH_ITS_READING):
        if _brought(project, _missing(project, stages)):
            return tuple(name for name in stages if name in known)
    lost = ", ".join(_missing(project, WITH_ITS_READING))
    raise StoreError(
        f"Commit {commit[:SHORT]} needs {lost}, which is neither in DVC's cache nor in a remote of "
        "the project. Where it still is, `dvc push --all-commits` it."
    )


def _brought(project: Path, paths: list[str]) -> bool:
    """Whether DVC's cache or a remote has all of them."""
    if not paths or _ends_well(project, "checkout", "--quiet", *paths):
        return True
    return _ends_well(project, "pull", *paths)


def _missing(project: Path, stages: Iterable[str]) -> list[str]:
    """What they read and neither git nor they themselves provide."""
    known = _stages(project)
    listed = {
        kind: {_path(e) for name in stages if name in known for e in known[name].get(kind, ())}
        for kind in _KINDS
    }
    made = listed["outs"] | listed["metrics"] | listed["plots"]
    return sorted(path for path in listed["deps"] - made if not (project / path).exists())


_KINDS = ("deps", "outs", "metrics", "plots")


def _stages(project: Path) -> Mapping[str, Any]:
    pipeline = yaml.safe_load((project / provenance.PIPELINE).read_text(encoding="utf-8"))
    stages: Mapping[str, Any] = pipeline["stages"]
    return stages


def _path(entry: str | Mapping[str, Any]) -> str:
    return entry if isinstance(entry, str) else str(next(iter(entry)))


def _run(project: Path, *arguments: str) -> None:
    if not _ends_well(project, *arguments):
        raise StoreError(
            f"Making the version again failed: `dvc {' '.join(arguments)}`, run in a copy of its "
            "commit, says why above."
        )


def _ends_well(project: Path, *arguments: str) -> bool:
    """Run DVC there, its output on stderr."""
    command = [sys.executable, "-m", "dvc", *arguments]
    environment = _environment()
    with _ended(
        subprocess.Popen(
            command,
            cwd=project,
            env=environment,
            stdout=2,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    ) as process:
        return process.wait() == 0


@contextmanager
def _ended(process: "subprocess.Popen[bytes]") -> Iterator["subprocess.Popen[bytes]"]:
    """An interruption ends DVC and the stage below it before anything is removed."""
    try:
        yield process
    finally:
        for sign in (signal.SIGINT, signal.SIGKILL):
            if process.poll() is None:
                os.killpg(process.pid, sign)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_PATIENCE_SECONDS)


def _environment() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_HIDDEN) and name not in _HIDDEN_GIT
    }
    return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"}


def _read(project: Path) -> Made:
    model = project / artifacts.WEIGHTS.parent
    trained = artifacts.read_json(project / artifacts.RUN)
    return Made(
        weights_sha256=lineage.weights_sha256(model),
        head_sha256=lineage.head_sha256(model),
        cpu=str(trained.get("cpu", "unknown")),
        torch=str(trained.get("torch", "unknown")),
        scores=artifacts.read_json(project / artifacts.EVAL_METRICS),
    )


def _record(version: Version, proof: Proof) -> None:
    """The tag is of the last proof, the log keeps all."""
    facts = {"commit": proof.commit, "weights": proof.weights, "passed": str(proof.passed).lower()}
    store = connect()
    with one_line_errors(store.uri), store.lock:
        text = proof.model_dump_json()
        store.client.set_model_version_tag(version.name, str(version.number), "reproduced", text)
        log = audit.require(store, version.name)
        log.settle()
        log.append("reproduced", version.number, str(proof), facts=facts)

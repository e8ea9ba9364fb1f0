"""What git and DVC say about the folder that a run or a version was made in.

git is called as a program, with its own settings and credentials; nothing here writes but `tag`,
`worktree` and what they name. Paths are relative to `folder`, which may lie within a repository.
"""

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from latentops import artifacts
from latentops.errors import ArtifactError, GitError

PIPELINE = Path("dvc.yaml")
LOCK = Path("dvc.lock")
NONE = "none"  # no git, no commit yet, or no dvc.lock


def facts(folder: Path) -> dict[str, str]:
    """Tags. Under `dvc repro` the commit is the parent of the one that will hold dvc.lock."""
    try:
        at = {"git_commit": commit(folder), "git_dirty": str(is_dirty(folder)).lower()}
    except GitError:
        at = {"git_commit": NONE, "git_dirty": NONE}
    return at | {"dvc_lock_sha256": _sha256(folder / LOCK)} | _experiment()


def commit(folder: Path, rev: str = "HEAD") -> str:
    """The full name of the commit that `rev` means."""
    if not rev or rev.startswith("-"):  # an option of git, and not a revision
        raise GitError(f"A git revision is the name of a commit, branch or tag. Got {rev!r}.")
    return _git(folder, "rev-parse", "--verify", "--quiet", f"{rev}^{{commit}}").decode().strip()


def is_dirty(folder: Path) -> bool:
    """Whether the repository has a change that is not committed, or an untracked file."""
    return bool(_git(folder, "status", "--porcelain"))


def files_at(folder: Path, commit: str, paths: Iterable[Path]) -> dict[Path, bytes]:
    """The contents at that commit of those that are files in it: as git keeps them."""
    asked = list(paths)
    names = "".join(f"{commit}:./{path.as_posix()}\n" for path in asked)
    answer = _git(folder, "cat-file", "--batch", given=names.encode())
    return {
        path: blob for path, blob in zip(asked, _blobs(answer), strict=True) if blob is not None
    }


def _blobs(answer: bytes) -> Iterator[bytes | None]:
    """One for each object asked for: `<id> blob <bytes>` and its contents, or `<name> missing`."""
    at = 0
    while at < len(answer):
        end = answer.index(b"\n", at)
        header = answer[at:end]
        at = end + 1
        if header.endswith(b" missing"):
            yield None
            continue
        _, kind, size = header.split()
        yield answer[at : at + int(size)] if kind == b"blob" else None
        at += int(size) + 1


def first_with(folder: Path, text: str, path: Path) -> str | None:
    """The oldest commit of any branch in which that text stands in that file."""
    asked = ("--all", "--format=%H", f"-S{text}", "--", path.as_posix())
    found = _git(folder, "log", *asked).decode().split()
    return found[-1] if found else None


@contextmanager
def worktree(folder: Path, commit: str, at: Path) -> Iterator[Path]:
    """The project as it was at that commit, in the new folder `at`; gone afterwards.

    No hook of the repository runs: DVC's would check out data into it.
    """
    prefix = _git(folder, "rev-parse", "--show-prefix").decode().strip()
    no_hooks = f"core.hooksPath={os.devnull}"
    try:
        _git(folder, "worktree", "add", "--quiet", "--detach", str(at), commit, config=no_hooks)
        yield at / prefix
    finally:
        with suppress(GitError):
            _git(folder, "worktree", "remove", "--force", str(at))


def tags(folder: Path) -> dict[str, str]:
    """Each tag's name and the commit that it leads to."""
    form = "--format=%(refname:strip=2) %(objectname) %(*objectname)"
    lines = _git(folder, "for-each-ref", form, "refs/tags").decode().splitlines()
    return {line.split()[0]: line.split()[-1] for line in lines}


def tag(folder: Path, name: str, commit: str, message: str, at: str) -> None:
    """An annotated tag, dated `at` (ISO 8601). GitError where there is one of that name."""
    _git(folder, "tag", "--annotate", "--message", message, name, commit, date=at)


def md5_of_each(paths: Iterable[Path]) -> str:
    """A tag: the digest by which DVC knows each file."""
    return _listed({path: artifacts.md5(path) for path in paths})


def code_sha256(stages: Iterable[str]) -> str:
    """Of the .py deps of those stages, as dvc.yaml lists them."""
    listed = _stages()
    deps = [dep for name in stages for dep in listed.get(name, {}).get("deps", [])]
    names = (next(iter(dep)) if isinstance(dep, dict) else dep for dep in deps)
    code = {Path(name) for name in names if str(name).endswith(".py")}
    return files_sha256({path: artifacts.md5(path) for path in code})


def files_sha256(md5: Mapping[Path, str]) -> str:
    """One digest of many files, given that of each."""
    return hashlib.sha256(_listed(md5).encode()).hexdigest()


def _listed(md5: Mapping[Path, str]) -> str:
    return json.dumps({path.as_posix(): md5[path] for path in sorted(md5)})


def cpu() -> str:
    """The kind of this machine's processor; on Linux with its numbers, for names are shared."""
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0]
    except OSError:
        return platform.processor() or platform.machine()
    lines = (line.partition(":") for line in first.splitlines())
    said = {name.strip(): value.strip() for name, _, value in lines}
    numbers = [
        f"{key.removeprefix('cpu ')} {said[key]}" for key in ("cpu family", "model") if key in said
    ]
    return ", ".join([said.get("model name") or platform.machine(), *numbers])


def locked_md5(stage: str) -> dict[Path, str]:
    """Of each output of that stage, by dvc.lock; empty where there is none that can be read."""
    try:
        outs = yaml.safe_load(LOCK.read_text(encoding="utf-8"))["stages"][stage]["outs"]
        return {Path(out["path"]): str(out["md5"]) for out in outs}
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return {}


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


def _git(
    folder: Path, *arguments: str, given: bytes = b"", config: str = "", date: str = ""
) -> bytes:
    """What git prints."""
    options = ["--no-optional-locks", "-C", str(folder), *(("-c", config) if config else ())]
    command = ["git", *options, *arguments]
    dated = {"GIT_COMMITTER_DATE": date} if date else {}
    environment = os.environ | {"LC_ALL": "C"} | dated
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, check=True, env=environment
        )
    except FileNotFoundError as error:
        raise GitError("git is not installed, or not in PATH: install it.") from error
    except OSError as error:
        raise GitError(f"git cannot be run: {error.strerror}.") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise GitError(_explained(folder, arguments, said)) from error
    return done.stdout


def _explained(folder: Path, arguments: tuple[str, ...], said: str) -> str:
    """One line of what git said in several, or did not say."""
    for sign, explanation in (
        ("not a git repository", f"{folder} is not in a git repository: `git init` makes one."),
        (
            "dubious ownership",
            f"git does not trust {folder}, which belongs to another user: "
            f"`git config --global --add safe.directory {folder}`.",
        ),
        (
            "tell me who you are",
            "git does not know who makes the tag: `git config user.name NAME` and "
            "`git config user.email ADDRESS`.",
        ),
    ):
        if sign in said:
            return explanation
    if arguments[0] == "rev-parse":
        rev = arguments[-1].removesuffix("^{commit}")
        return (
            f"git knows no commit {rev!r} in {folder}. There may be no commit yet, or this clone "
            "has a part of them: `git fetch --unshallow --tags`."
        )
    last = said.splitlines()[-1] if said else "it gave no reason"
    return f"`git {arguments[0]}` in {folder} failed: {last.removeprefix('fatal: ')}."


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return NONE

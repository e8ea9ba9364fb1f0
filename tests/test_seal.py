"""A version is sealed with a commit that makes it, and with no other."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_repository as repository
import yaml
from mlflow import MlflowClient
from tiny_repository import git

from latentops import provenance, store
from latentops.errors import GitError, IntegrityError, RefusedError
from latentops.registry import audit, candidate, commit, versions
from latentops.registry.reference import Reference
from latentops.registry.register import register
from latentops.registry.seal import seal
from latentops.registry.versions import Version

NAME = "tiny"


@pytest.fixture
def project(mlflow_store: Path) -> Path:
    """A registered model whose dvc.lock is committed."""
    repository.write(mlflow_store)
    register_now()
    return mlflow_store


def register_now() -> Version:
    return register(NAME, candidate.read())


def version(number: int = 1) -> Version:
    return versions.find(Reference(NAME, number))


def sealed_events() -> list[dict[str, str]]:
    log = audit.require(store.connect(), NAME)
    return [event.facts for event in log.read().events if event.kind == "sealed"]


def refused(match: str, number: int | None = None, rev: str = "HEAD") -> None:
    """Refused for that reason, and nothing is written."""
    before = version(number or 1).tags, sealed_events()
    with pytest.raises(RefusedError, match=match) as refusal:
        seal(NAME, number, rev)
    assert str(refusal.value).endswith("Nothing was changed.")
    assert "\n" not in str(refusal.value)
    assert (version(number or 1).tags, sealed_events()) == before


# What is proved


def test_a_version_gets_the_commit_that_holds_its_lock(project: Path) -> None:
    assert version().sealed_commit is None
    made = seal(NAME)
    head = git(project, "rev-parse", "HEAD").strip()
    assert (made.number, made.sealed_commit) == (1, head)
    assert made.tags["sealed_dvc_lock_sha256"] == made.tags["dvc_lock_sha256"]
    assert sealed_events() == [{"commit": head}]


def test_sealing_again_changes_nothing(project: Path) -> None:
    assert seal(NAME) == seal(NAME)
    assert len(sealed_events()) == 1


def test_a_version_that_was_made_from_a_dirty_tree_is_sealed_once_all_is_committed(
    project: Path,
) -> None:
    (project / "src/train.py").write_text("# changed\n")
    repository.repro(project, seed=1)
    assert register_now().tags["git_dirty"] == "true"
    repository.commit(project, "src/train.py")
    refused(r"Commit what `dvc repro` wrote, `git add dvc\.lock.*seal again", 2)
    repository.commit(project)
    assert seal(NAME, 2).sealed_commit == git(project, "rev-parse", "HEAD").strip()


def test_source_that_was_changed_and_not_committed_is_named(project: Path) -> None:
    (project / "src/train.py").write_text("# changed\n")
    repository.repro(project, seed=1)
    register_now()
    repository.commit(project, "dvc.lock")
    refused(r"src/train\.py has md5 \w{12} in git and \w{12} in dvc\.lock.*commit it and seal", 2)


def test_source_that_git_does_not_hold_is_named(project: Path) -> None:
    git(project, "rm", "--quiet", "--cached", "src/loop.py")
    repository.git(project, "commit", "--quiet", "--message", "forgotten")
    refused(r"src/loop\.py is not in git")


def test_a_setting_that_was_changed_since_is_named(project: Path) -> None:
    changed = repository.PARAMS | {"train": {"epochs": 3, "rate": 1e-3}}
    (project / "params.yaml").write_text(yaml.safe_dump(changed))
    repository.commit(project)
    refused(r"train\.epochs is 3 in params\.yaml and was 1 when the stage ran")


def test_settings_are_compared_as_dvc_reads_them(project: Path) -> None:
    text = (project / "params.yaml").read_text().replace("rate: 0.001", "rate: 1e-3  # the same")
    assert "1e-3" in text
    (project / "params.yaml").write_text(text)
    repository.commit(project)
    assert seal(NAME).sealed_commit


def test_a_setting_of_no_stage_that_makes_a_model_does_not_matter(project: Path) -> None:
    changed = repository.PARAMS | {"evaluate": {"seed": 1}}
    (project / "params.yaml").write_text(yaml.safe_dump(changed))
    (project / "src/evaluate.py").write_text("# changed\n")
    repository.commit(project)
    assert seal(NAME).sealed_commit


def test_a_command_that_was_changed_since_is_named(project: Path) -> None:
    text = (project / "dvc.yaml").read_text().replace("run train", "run train --quickly")
    (project / "dvc.yaml").write_text(text)
    repository.commit(project)
    refused("command of stage train is another")


def test_a_lock_of_stages_that_did_not_run_together_is_no_proof(project: Path) -> None:
    lock = yaml.safe_load((project / "dvc.lock").read_text())
    (data,) = (dep for dep in lock["stages"]["train"]["deps"] if dep["path"].startswith("data/"))
    data["md5"] = "0" * 32
    (project / "dvc.lock").write_text(yaml.safe_dump(lock))
    repository.commit(project)
    refused(r"data/train\.safetensors has md5 \w{12} in the version and \w{12} or \w{12} in dvc")


def test_own_data_that_git_does_not_hold_is_known_by_the_lock(project: Path) -> None:
    assert "data/raw.csv" not in git(project, "ls-files")
    assert seal(NAME).sealed_commit


def test_the_commit_of_another_model_is_found(project: Path) -> None:
    first = git(project, "rev-parse", "HEAD").strip()
    repository.repro(project, seed=1)
    register_now()
    repository.commit(project)
    refused(rf"Commit {first[:12]} has it: seal with --commit {first}", 1)
    assert seal(NAME, 1, rev="HEAD~1").sealed_commit == first
    assert seal(NAME).number == 2


def test_a_model_that_no_commit_makes_is_to_be_made_again(project: Path) -> None:
    repository.repro(project, seed=1)
    register_now()
    repository.repro(project, seed=2)
    refused("Make the model again with `dvc repro`", 2)


def test_without_a_lock_in_the_commit_it_is_to_be_added(project: Path) -> None:
    git(project, "rm", "--quiet", "--cached", "dvc.lock")
    git(project, "commit", "--quiet", "--message", "no lock")
    refused(r"it holds no dvc\.lock\. Commit what `dvc repro` wrote, `git add dvc\.lock")


@pytest.mark.parametrize("text", ["", "stages: 3\n", "[", "stages: {train: {cmd: x}}\n", "\0"])
def test_a_lock_that_is_none_proves_nothing(project: Path, text: str) -> None:
    (project / "dvc.lock").write_text(text)
    repository.commit(project)
    refused("has md5")


@pytest.mark.parametrize("key", ["model_md5", "data_md5", "code_sha256"])
@pytest.mark.parametrize("value", ["", "[]", "{", '{"model/weights.safetensors": "0"}'])
def test_tags_that_were_changed_prove_nothing(project: Path, key: str, value: str) -> None:
    store.connect().client.set_model_version_tag(NAME, "1", key, value)
    with pytest.raises(IntegrityError, match=f"Tag {key} of version 1 is not what the log says"):
        seal(NAME)
    assert version(1).sealed_commit is None


def test_ends_of_lines_that_git_converted_are_the_same_file(project: Path) -> None:
    """As on Windows: git keeps \\n, the working copy that DVC hashed has \\r\\n."""
    git(project, "config", "core.autocrlf", "true")
    (project / "src/train.py").write_bytes(b"# a\r\n# b\r\n")
    repository.repro(project, seed=1)
    register_now()
    repository.commit(project)
    assert git(project, "cat-file", "blob", "HEAD:src/train.py") == "# a\n# b\n"
    assert seal(NAME, 2).sealed_commit


def test_a_project_within_a_repository(mlflow_store: Path) -> None:
    repository.write(mlflow_store)
    outside = mlflow_store.parent
    (mlflow_store / ".git").rename(outside / ".git")
    repository.commit(outside, mlflow_store.name)
    register_now()
    assert seal(NAME).sealed_commit == git(outside, "rev-parse", "HEAD").strip()


# Killed, and what git cannot say


@pytest.mark.parametrize("write", ["set_model_version_tag", "log_param", "set_terminated"])
def test_killed_at_a_write_sealing_again_completes_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, write: str
) -> None:
    original = getattr(MlflowClient, write)

    def killed(self: MlflowClient, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, write, killed)
        with pytest.raises(KeyboardInterrupt):
            seal(NAME)
    head = git(project, "rev-parse", "HEAD").strip()
    assert seal(NAME).sealed_commit == head
    assert sealed_events() == [{"commit": head}]


@pytest.mark.parametrize("rev", ["nothing", "--all", "", "HEAD:dvc.lock", "-"])
def test_what_is_no_commit_is_one_line(project: Path, rev: str) -> None:
    with pytest.raises(GitError, match=r"^[^\n]*(no commit|revision)[^\n]*$"):
        seal(NAME, rev=rev)
    assert version().sealed_commit is None


def no_repository(folder: Path, patch: pytest.MonkeyPatch) -> str:
    (folder / ".git").rename(folder / "elsewhere")
    return "is not in a git repository"


def no_git(folder: Path, patch: pytest.MonkeyPatch) -> str:
    patch.setenv("PATH", str(folder))
    return "git is not installed"


def no_commit(folder: Path, patch: pytest.MonkeyPatch) -> str:
    git(folder, "checkout", "--quiet", "--orphan", "fresh")
    return "There may be no commit yet"


def no_trust(folder: Path, patch: pytest.MonkeyPatch) -> str:
    patch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own switch, for its own tests
    patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    return "git config --global --add safe.directory"


@pytest.mark.parametrize("without", [no_repository, no_git, no_commit, no_trust])
def test_without_git_it_is_one_line(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    without: Callable[[Path, pytest.MonkeyPatch], str],
) -> None:
    said = without(project, monkeypatch)
    with pytest.raises(GitError, match=rf"^[^\n]*{said}[^\n]*$"):
        seal(NAME)
    assert version().sealed_commit is None


def test_a_detached_head_and_a_branch_are_revisions(project: Path) -> None:
    head = git(project, "rev-parse", "HEAD").strip()
    git(project, "checkout", "--quiet", "--detach")
    assert seal(NAME, rev="main").sealed_commit == head
    assert seal(NAME, rev=head[:8]).sealed_commit == head


# Files at a commit


def test_files_are_read_as_git_holds_them(tmp_path: Path) -> None:
    contents = {"a b.bin": bytes(range(256)), "none": b"", "new\tline": b"\n\n", "ü": b"x missing"}
    for name, each in contents.items():
        (tmp_path / name).write_bytes(each)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/x").write_text("x")
    git(tmp_path, "init", "--quiet")
    sha = repository.commit(tmp_path)
    asked = [Path(name) for name in (*contents, "folder", "missing", "a missing")]
    found = provenance.files_at(tmp_path, sha, asked)
    assert found == {Path(name): each for name, each in contents.items()}
    assert provenance.files_at(tmp_path, sha, []) == {}


def test_a_difference_of_settings_is_found_at_any_depth(project: Path) -> None:
    at = commit.read(project, "HEAD")
    assert at is not None
    for params, said in (
        ({"data": repository.PARAMS["data"]}, "train.epochs is missing"),
        (repository.PARAMS | {"train": None}, "train is None"),
        (repository.PARAMS | {"data": {**repository.PARAMS["data"], "new": 1}}, "data.new is 1"),
        (None, "data.characters is missing"),
    ):
        changed = commit.Snapshot(**{**vars(at), "params": {"params.yaml": params}})
        assert commit.settings_differences(changed)[0].startswith(said), params
    assert commit.differences(at, version().tags) == []
    assert json.loads(version().tags["model_md5"])

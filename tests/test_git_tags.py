"""The registry as git tags, read back with GTO itself."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tiny_repository as repository
from gto import api
from gto.constants import name_re
from tiny_repository import git

from latentops import store
from latentops.errors import GitError, StoreError
from latentops.registry import audit, candidate, git_tags
from latentops.registry.audit import Log
from latentops.registry.register import register
from latentops.registry.seal import seal

NAME = "tiny-model_1"


@pytest.fixture
def project(mlflow_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three versions at a commit each, the first of them champion; the third is not sealed."""
    repository.write(mlflow_store)
    git(mlflow_store, "config", "user.name", "somebody")
    git(mlflow_store, "config", "user.email", "somebody@example.org")
    for seed in range(3):
        repository.repro(mlflow_store, seed)
        if seed == 1:
            repository.commit(mlflow_store)
        register(NAME, candidate.read())
        if seed < 2:
            seal(NAME)
    return mlflow_store


@contextmanager
def log() -> Iterator[Log]:
    found = store.connect()
    with found.lock:
        yield audit.require(found, NAME)


def move(kind: str, number: int, before: int) -> None:
    with log() as found:
        found.append(kind, number, "for the test", champion=number, against=before)


def commit_of(project: Path, tag: str) -> str:
    return git(project, "rev-parse", f"{tag}^{{commit}}").strip()


def in_champion_stage(project: Path, **options: int) -> list[str]:
    versions = api.find_versions_in_stage(str(project), NAME, "champion", **options)
    return [found.version for found in versions or []]


def test_gto_sees_versions_and_who_is_champion(project: Path) -> None:
    assert git_tags.sync(NAME) == [f"{NAME}@v1.0.0", f"{NAME}#champion#1", f"{NAME}@v2.0.0"]
    assert in_champion_stage(project) == ["v1.0.0"]
    move("promoted", 2, before=1)
    number = audit.events(NAME)[-1].number
    assert git_tags.sync(NAME) == [f"{NAME}#champion!#{number}", f"{NAME}#champion#{number}"]
    assert in_champion_stage(project) == ["v2.0.0"]
    move("rolled_back", 1, before=2)
    git_tags.sync(NAME)
    assert in_champion_stage(project) == ["v1.0.0"]
    assert commit_of(project, f"{NAME}@v1.0.0") == git(project, "rev-parse", "HEAD~1").strip()
    assert (
        commit_of(project, f"{NAME}#champion#{number}") == git(project, "rev-parse", "HEAD").strip()
    )


def test_gtos_command_shows_them(project: Path) -> None:
    git_tags.sync(NAME)
    command = [Path(sys.executable).with_name("gto"), "show", NAME, "--json"]
    shown = subprocess.run(command, cwd=project, check=True, capture_output=True, text=True).stdout
    versions = {found["version"]: found for found in json.loads(shown)}
    assert set(versions) == {"v1.0.0", "v2.0.0"}
    assert [stage["stage"] for stage in versions["v1.0.0"]["stages"]] == ["champion"]
    assert versions["v1.0.0"]["registrations"][0]["author"] == "somebody"


def test_a_rollback_over_several_versions_leaves_none_of_them_in_the_stage(project: Path) -> None:
    repository.commit(project)
    seal(NAME, 3)
    move("promoted", 2, before=1)
    move("promoted", 3, before=2)
    move("rolled_back", 1, before=3)
    git_tags.sync(NAME)
    assert in_champion_stage(project, versions_per_stage=-1) == ["v1.0.0"]


def test_many_moves_within_a_second_are_read_in_their_order(project: Path) -> None:
    git_tags.sync(NAME)
    for turn in range(12):
        move("promoted", 2 - turn % 2, before=1 + turn % 2)
    assert len(git_tags.sync(NAME)) == 24
    assert in_champion_stage(project) == ["v1.0.0"]
    move("promoted", 2, before=1)
    git_tags.sync(NAME)
    assert in_champion_stage(project) == ["v2.0.0"]


def test_doing_it_again_makes_nothing(project: Path) -> None:
    git_tags.sync(NAME)
    before = git(project, "for-each-ref")
    assert git_tags.sync(NAME) == []
    assert git(project, "for-each-ref") == before


def test_what_somebody_deleted_comes_back_as_it_was(project: Path) -> None:
    git_tags.sync(NAME)
    before = git(project, "for-each-ref")
    git(project, "tag", "--delete", f"{NAME}#champion#1")
    assert git_tags.sync(NAME) == [f"{NAME}#champion#1"]
    assert git(project, "for-each-ref") == before


def test_a_champion_without_a_commit_is_said(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    move("promoted", 3, before=1)
    assert f"{NAME}@v3.0.0" not in git_tags.sync(NAME)
    assert "No git tag says that version 3 is champion: it is not sealed" in caplog.text
    repository.commit(project)
    seal(NAME, 3)
    assert git_tags.sync(NAME)[0] == f"{NAME}@v3.0.0"
    assert in_champion_stage(project) == ["v3.0.0"]


def test_a_tag_at_another_commit_is_not_moved(project: Path) -> None:
    git_tags.sync(NAME)
    git(project, "commit", "--quiet", "--amend", "--message", "amended")
    seal(NAME, 2)
    with pytest.raises(StoreError, match=r"git tag --delete tiny-model_1@v2\.0\.0"):
        git_tags.sync(NAME)
    assert commit_of(project, f"{NAME}@v2.0.0") != git(project, "rev-parse", "HEAD").strip()


@pytest.mark.parametrize("name", ["a", "a-b", "a_b", "0", "a.b", "a-", "a_", "a" * 200, "v1.0"])
def test_a_name_is_taken_if_gto_takes_it(mlflow_store: Path, name: str) -> None:
    repository.write(mlflow_store)
    git(mlflow_store, "config", "user.name", "somebody")
    git(mlflow_store, "config", "user.email", "somebody@example.org")
    register(name, candidate.read())
    seal(name)
    if name_re.search(name):
        assert git_tags.sync(name) == [f"{name}@v1.0.0", f"{name}#champion#1"]
        return
    with pytest.raises(StoreError, match=r"^[^\n]*registry\.git_tags to false\. Nothing was"):
        git_tags.sync(name)
    assert git(mlflow_store, "tag") == ""


def test_who_makes_the_tag_is_to_be_known(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(project, "config", "--unset", "user.email")
    git(project, "config", "user.useConfigOnly", "true")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.delenv("EMAIL", raising=False)
    with pytest.raises(GitError, match=r"git config user\.name"):
        git_tags.sync(NAME)

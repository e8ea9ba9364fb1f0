"""What somebody did to the store behind the registry's back is found, named, and mended or not."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from light_registry import (
    Killed,
    champion,
    history,
    killed_at,
    light,
    promote,
    register_seed,
    seal,
    tags,
)
from mlflow import MlflowClient
from tiny_model import write_scores

from latentops.errors import IntegrityError, StoreError
from latentops.registry import audit, candidate, fetch, promotion, reference
from latentops.registry.register import register
from latentops.registry.verify import heal, verify

__all__ = ["light"]  # a fixture
NAME = "tiny"


@pytest.fixture
def three(light: Path) -> Path:
    """Five events: registered 1, registered 2, sealed 2, promoted 2, registered 3."""
    register_seed(0)
    register_seed(1)
    seal(2)
    promote()
    register_seed(2)
    return light


def failed() -> dict[str, str]:
    return {check.name: check.found for check in verify(NAME) if check.state == "failed"}


def execute(statement: str, *values: object) -> None:
    """As somebody with access to the database."""
    with closing(sqlite3.connect("mlruns/mlflow.db")) as connection, connection:
        assert connection.execute(statement, values).rowcount


def run_of(number: int) -> str:
    with closing(sqlite3.connect("mlruns/mlflow.db")) as connection:
        found = connection.execute(
            "SELECT run_uuid FROM tags WHERE key = 'number' AND value = ?", (str(number),)
        ).fetchall()
    ((run_id,),) = found
    return str(run_id)


def alter(number: int) -> None:
    statement = "UPDATE tags SET value = replace(value, ?, ?) WHERE key = 'event' AND run_uuid = ?"
    execute(statement, '"by":"', '"by":"not ', run_of(number))


def delete(number: int) -> None:
    run_id = run_of(number)
    for table in ("tags", "runs"):
        execute(f"DELETE FROM {table} WHERE run_uuid = ?", run_id)


def delete_with_claim(number: int) -> None:
    delete(number)
    execute("DELETE FROM params WHERE key = ?", f"{number:06}")


def insert(number: int) -> None:
    run_id = run_of(number)
    with closing(sqlite3.connect("mlruns/mlflow.db")) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
    values = ", ".join("'forged'" if name == "run_uuid" else name for name in columns)
    execute(f"INSERT INTO runs SELECT {values} FROM runs WHERE run_uuid = ?", run_id)
    copied = (
        "INSERT INTO tags SELECT key, replace(value, ?, ?), 'forged' FROM tags WHERE run_uuid = ?"
    )
    execute(copied, '"by":"', '"by":"not ', run_id)


def test_what_was_written_is_sound(three: Path) -> None:
    assert failed() == {}
    checks = {check.name: check for check in verify(NAME)}
    assert list(checks) == ["log", "champion", "version 1", "version 2", "version 3"]
    assert checks["log"].found == "5 events, each in its place"
    assert checks["champion"].found == "2"
    assert tags(3)["weights_sha256"][:12] in checks["version 3"].found


@pytest.mark.parametrize("number", [1, 3, 5])
@pytest.mark.parametrize(
    ("act", "what"),
    [
        (alter, "altered"),
        (delete, "deleted"),
        (delete_with_claim, "deleted"),
        (insert, "inserted"),
    ],
)
def test_the_first_event_that_somebody_touched_is_named(
    three: Path, act: Callable[[int], None], what: str, number: int
) -> None:
    act(number)
    assert failed()["log"] == f"event {number} was {what}"
    for write in (lambda: promotion.rollback(NAME), lambda: promote(3), lambda: heal(NAME)):
        with pytest.raises(IntegrityError, match=rf"event {number} was {what}"):
            write()
    assert champion() == 2


def test_a_run_deleted_by_mlflow_is_a_deleted_event(three: Path, client: MlflowClient) -> None:
    client.delete_run(run_of(3))
    assert failed()["log"] == "event 3 was deleted"


def test_a_log_deleted_as_a_whole_is_said_with_the_way_back(
    three: Path, client: MlflowClient
) -> None:
    run_id = client.get_registered_model(NAME).tags["audit_run_id"]
    client.delete_run(run_id)
    assert f"mlflow runs restore --run-id {run_id}" in failed()["log"]
    with pytest.raises(IntegrityError, match="mlflow runs restore"):
        promote(3)
    client.restore_run(run_id)
    assert failed() == {}


def test_a_log_that_was_altered_can_be_left_behind(three: Path, client: MlflowClient) -> None:
    left = client.get_registered_model(NAME).tags["audit_run_id"]
    alter(2)
    done = heal(NAME, new_log=True)
    assert done[0] == "began another log, since event 2 was altered"
    assert (champion(), list(failed())) == (2, ["version 2"])  # to be sealed again
    first = audit.events(NAME)[0]
    assert (first.kind, first.forced, first.champion_after) == ("healed", True, 2)
    assert left in first.reason
    assert not promote(3).promoted  # its seal was in the log that was left
    assert heal(NAME, new_log=True) == []


def test_an_export_betrays_a_log_that_was_written_anew(three: Path) -> None:
    exported = audit.events(NAME)
    assert not [check for check in verify(NAME, exported[:4]) if check.state == "failed"]
    other = [*exported[:2], exported[2].model_copy(update={"by": "nobody"})]
    assert verify(NAME, other)[0].found == "event 3 was altered"


@pytest.mark.parametrize("file", ["weights.safetensors", "vocabulary.json", "settings.json"])
def test_a_changed_file_is_named_and_put_back_where_the_project_has_it(
    three: Path, client: MlflowClient, file: str
) -> None:
    source = client.get_model_version(NAME, "3").source.removeprefix("models:/")
    (path,) = Path("mlruns/artifacts").rglob(f"{source}/artifacts/artifacts/{file}")
    path.write_bytes(path.read_bytes() + b" ")
    assert f"{file} of version 3 of tiny is not what was registered" in failed()["version 3"]
    assert heal(NAME) == ["put the files of version 3 back"]
    assert failed() == {}
    assert history()[-1] == ("healed", 3, 2, 2)


def test_a_changed_file_that_the_project_has_not_stays_a_failure(
    three: Path, client: MlflowClient
) -> None:
    source = client.get_model_version(NAME, "1").source.removeprefix("models:/")
    (path,) = Path("mlruns/artifacts").rglob(f"{source}/artifacts/artifacts/head.json")
    path.unlink()
    assert "head.json of version 1 of tiny is gone" in failed()["version 1"]
    assert heal(NAME) == []
    assert "version 1" in failed()


@pytest.mark.parametrize(
    "tag", ["weights_sha256", "lineage_key", "files_sha256", "model_md5", "elbo_nats", "run_id"]
)
def test_a_changed_tag_is_named_and_the_version_not_used(
    three: Path, client: MlflowClient, tag: str
) -> None:
    client.set_model_version_tag(NAME, "1", tag, "0" * 64)
    assert list(failed()) == ["version 1"]
    assert f"Tag {tag} of version 1 is not what the log says" in failed()["version 1"]
    with pytest.raises(IntegrityError, match=f"Tag {tag}"):
        promotion.rollback(NAME)
    with pytest.raises(IntegrityError, match=f"Tag {tag}"):
        fetch.model_folder(f"{NAME}/1")


def test_a_seal_that_the_log_does_not_know_is_named(three: Path, client: MlflowClient) -> None:
    client.set_model_version_tag(NAME, "2", "sealed_commit", "d" * 40)
    assert failed() == {"version 2": "the log knows no seal with the commit that it names"}


@pytest.mark.parametrize("file", ["MLmodel", "code/artifacts/more.py"])
def test_what_mlflow_would_run_of_a_version_is_checked_too(
    three: Path, client: MlflowClient, file: str
) -> None:
    source = client.get_model_version(NAME, "3").source.removeprefix("models:/")
    (model,) = Path("mlruns/artifacts").rglob(f"{source}/artifacts")
    (model / file).parent.mkdir(parents=True, exist_ok=True)
    (model / file).write_text("loader_module: evil")
    assert list(failed()) == ["version 3"]
    assert "MLmodel" in failed()["version 3"]


def test_an_alias_moved_by_other_means_is_put_back(three: Path, client: MlflowClient) -> None:
    client.set_registered_model_alias(NAME, "champion", "3")
    assert "champion" in failed()
    with pytest.raises(IntegrityError, match=r"version 2 is champion, the alias that version 3"):
        promote(1)
    assert heal(NAME) == ["put the alias champion back to version 2"]
    assert (champion(), failed()) == (2, {})
    assert history()[-1] == ("healed", 2, 2, 2)


def test_an_alias_that_was_removed_is_put_back(three: Path, client: MlflowClient) -> None:
    client.delete_registered_model_alias(NAME, "champion")
    heal(NAME)
    assert champion() == 2


def test_a_champion_that_was_deleted_gives_way_to_the_one_before(
    three: Path, client: MlflowClient
) -> None:
    client.delete_model_version(NAME, "2")
    assert failed()["version 2"] == "it was registered and is gone"
    assert heal(NAME) == [
        "noted that version 2 was deleted",
        "put the alias champion back to version 1",
    ]
    assert (champion(), failed()) == (1, {})
    assert history()[-2:] == [("healed", 2, 2, 2), ("healed", 1, 2, 1)]


def test_versions_of_other_means_get_a_log(light: Path, client: MlflowClient) -> None:
    made = register_seed(0)
    for tag in ("audit_run_id", "audit_head"):
        client.delete_registered_model_tag(NAME, tag)
    assert "has none" in failed()["log"]
    with pytest.raises(StoreError, match="has no log"):
        promote()
    assert heal(NAME) == ["wrote version 1 into the log"]
    assert (champion(), failed()) == (made.number, {})


def test_a_name_that_this_store_has_not(light: Path) -> None:
    (check,) = verify("nothing")
    assert (check.state, check.found) == ("failed", "this store has no model nothing")
    assert heal("nothing") == []


def test_an_interrupted_promotion_is_carried_out(three: Path) -> None:
    seal(3)
    with pytest.raises(Killed), killed_at(3, after=False):
        promote(3)
    assert "was not carried out" in failed()["log"]
    assert heal(NAME) == ["carried out what event 7 says"]
    assert (champion(), failed()) == (3, {})


def test_a_model_that_was_deleted_and_made_again_is_another(
    three: Path, client: MlflowClient
) -> None:
    for alias in ("champion", "challenger"):
        client.delete_registered_model_alias(NAME, alias)
    client.delete_registered_model(NAME)
    register_seed(0)
    register_seed(1)
    seal(2)
    assert promote().promoted
    assert (champion(), failed()) == (2, {})
    assert [event for event, *_ in history()] == ["registered", "registered", "sealed", "promoted"]


def test_a_champion_from_before_there_was_a_log_stays_champion(
    light: Path, client: MlflowClient
) -> None:
    for seed in range(2):
        register_seed(seed)
    client.set_registered_model_alias(NAME, "champion", "2")
    for tag in ("audit_run_id", "audit_head"):
        client.delete_registered_model_tag(NAME, tag)
    register_seed(2)
    assert champion() == 2
    heal(NAME)
    assert (champion(), failed()) == (2, {})
    assert history()[0] == ("registered", 2, None, 2)


def test_another_evaluation_is_in_the_log(light: Path) -> None:
    register_seed(0)
    write_scores(Path(), elbo_nats=-79.0)
    register(NAME, candidate.read())
    register(NAME, candidate.read())
    assert [event for event, *_ in history()] == ["registered", "rescored"]
    assert (tags(1)["elbo_nats"], failed()) == ("-79.0", {})


@pytest.mark.parametrize(
    ("text", "version", "alias"),
    [("tiny", None, None), ("tiny/3", 3, None), ("models:/tiny@champion", None, "champion")],
)
def test_what_a_version_is_called(text: str, version: int | None, alias: str | None) -> None:
    assert reference.parse(text) == reference.Reference("tiny", version, alias)
    assert str(reference.parse(text)) == text.removeprefix("models:/")


@pytest.mark.parametrize(
    "text", ["", "a@", "a/b", "a/-1", "a@b@c", "a@$(id)", "../a", "a'b", "a/1;2", "a@b/1", "a\n"]
)
def test_what_no_version_is_called(text: str) -> None:
    with pytest.raises(StoreError, match="NAME@alias or NAME/version"):
        reference.parse(text)

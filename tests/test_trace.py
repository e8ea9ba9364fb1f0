"""The lineage of a version: every link is checked, and says so when it does not hold."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import tiny_repository as repository
from mlflow import MlflowClient
from tiny_repository import git

from latentops import artifacts, build, config, objectives, store
from latentops.registry import audit, candidate, fetch, trial, versions
from latentops.registry.checks import Check
from latentops.registry.reference import Reference
from latentops.registry.register import register
from latentops.registry.seal import seal
from latentops.registry.trace import trace
from latentops.registry.versions import Version
from latentops.training.settings import Settings as TrainSettings

NAME = "tiny"
LINKS = [
    "version",
    "weights hash",
    "run",
    "git commit",
    "dvc.lock",
    "data md5",
    "settings",
    "code",
    "study and trial",
    "audit event",
]


@pytest.fixture
def project(mlflow_store: Path) -> Path:
    """A version whose run is in the store and whose commit is sealed."""
    repository.write(mlflow_store)
    found = store.connect()
    run_id = found.client.create_run(found.experiment_id("tiny-texts")).info.run_id
    found.client.log_param(run_id, "model.latent", "3")
    data = {f"data/{split}.safetensors": "" for split in ("train", "valid")}
    digests = {name: artifacts.md5(Path(name)) for name in data}
    found.client.set_tag(run_id, "data_md5", json.dumps(digests))
    found.client.set_terminated(run_id)
    artifacts.write_json({"run_id": run_id}, artifacts.RUN)
    register(NAME, candidate.read())
    seal(NAME)
    return mlflow_store


def version() -> Version:
    return versions.find(Reference(NAME, 1))


def links() -> dict[str, Check]:
    return {check.name: check for check in trace(version())}


def states(**expected: str) -> dict[str, str]:
    """Of each link, ok unless it is named otherwise; no study was there."""
    usual = dict.fromkeys(LINKS, "ok") | {"study and trial": "absent"}
    return usual | {name.replace("_", " "): state for name, state in expected.items()}


def found_states() -> dict[str, str]:
    found = links()
    assert all("\n" not in check.found + check.advice for check in found.values())
    return {name: check.state for name, check in found.items()}


def tag(name: str, value: str) -> None:
    store.connect().client.set_model_version_tag(NAME, "1", name, value)


# Whole, and with something gone


def test_every_link_of_a_sealed_version_holds(project: Path) -> None:
    found = links()
    assert list(found) == LINKS
    assert found_states() == states()
    head = git(project, "rev-parse", "HEAD")[:12]
    assert found["version"].found.startswith("tiny/1 @challenger @champion, registered 20")
    assert found["weights hash"].found.startswith(version().tags["weights_sha256"][:12])
    assert found["run"].found == f"{version().tags['run_id'][:12]}, finished"
    assert found["git commit"].found == head
    lock = hashlib.sha256((project / "dvc.lock").read_bytes()).hexdigest()
    assert found["dvc.lock"].found == f"{lock[:12]}, makes this model"
    assert found["settings"].found.endswith("model.latent 3, as in the model and the commit")
    assert found["code"].found.endswith("4 files of the commit")
    assert found["audit event"].found.startswith("1 of 2: registered 20")


def test_the_project_may_stand_at_another_commit_with_a_dirty_tree(project: Path) -> None:
    (project / "src/train.py").write_text("# another\n")
    repository.repro(project, seed=1)
    repository.commit(project)
    (project / "params.yaml").write_text("train: {epochs: 9}\n")
    (project / "dvc.lock").unlink()
    for file in project.glob("model/*"):
        file.unlink()
    assert found_states() == states()


def test_a_version_that_is_not_sealed_says_how_to_seal_it(project: Path) -> None:
    repository.repro(project, seed=1)
    register(NAME, candidate.read())
    found = {check.name: check for check in trace(versions.find(Reference(NAME, 2)))}
    assert {name for name, check in found.items() if check.state == "failed"} == set()
    assert found["git commit"].state == found["dvc.lock"].state == found["code"].state == "absent"
    assert "latentops registry seal tiny 2" in found["git commit"].advice


def test_a_run_that_mlflow_gc_removed_is_absent_and_all_else_holds(project: Path) -> None:
    found = store.connect()
    found.client.delete_run(version().tags["run_id"])
    assert found_states() == states(run="absent")
    command = ("-m", "mlflow", "gc", "--backend-store-uri", found.uri)
    environment = os.environ | {"MLFLOW_TRACKING_URI": found.uri}
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert found_states() == states(run="absent")


def gone_repository(project: Path, patch: pytest.MonkeyPatch) -> None:
    (project / ".git").rename(project / "elsewhere")


def gone_git(project: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("PATH", str(project))


def gone_commit(project: Path, patch: pytest.MonkeyPatch) -> None:
    """As in a shallow clone, or after a rebase."""
    gone_repository(project, patch)
    git(project, "init", "--quiet")
    repository.commit(project)
    git(project, "commit", "--quiet", "--amend", "--message", "another")


def gone_project(project: Path, patch: pytest.MonkeyPatch) -> None:
    """As where only the store can be reached."""
    patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project}/mlruns/mlflow.db")
    patch.delenv("DVC_ROOT")
    patch.chdir("/")


@pytest.mark.parametrize("gone", [gone_repository, gone_git, gone_commit, gone_project])
def test_without_the_commit_what_needs_it_is_absent(
    project: Path, monkeypatch: pytest.MonkeyPatch, gone: Callable[..., None]
) -> None:
    gone(project, monkeypatch)
    assert found_states() == states(git_commit="absent", code="absent") | {"dvc.lock": "absent"}
    assert links()["git commit"].advice


# Broken


def test_a_damaged_file_of_the_store_is_named(project: Path) -> None:
    weights = fetch.folder(version()) / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    assert found_states() == states(weights_hash="failed")
    assert "weights.safetensors" in links()["weights hash"].found


def test_files_exchanged_together_with_their_digests_are_noticed(project: Path) -> None:
    folder = fetch.folder(version())
    repository.repro(project, seed=1)
    (folder / "weights.safetensors").write_bytes(Path("model/weights.safetensors").read_bytes())
    tag("files_sha256", candidate.files_sha256())
    found = links()
    assert found["weights hash"].state == "failed"
    assert found["audit event"].state == "failed"
    assert "Tag files_sha256 of version 1 is not what the log" in found["audit event"].found


@pytest.mark.parametrize(
    ("name", "value", "broken"),
    [
        ("weights_sha256", "0" * 64, {"version", "weights hash", "audit event"}),
        ("head_sha256", "0" * 64, {"version", "weights hash", "audit event"}),
        ("lineage_key", "0" * 64, {"version", "audit event"}),
        ("settings_sha256", "0" * 64, {"version", "settings", "audit event"}),
        ("code_sha256", "0" * 64, {"version", "code", "audit event"}),
        ("data_md5", "{}", {"version", "data md5", "run", "audit event"}),
        ("sealed_commit", "HEAD", {"git commit", "audit event"}),
        ("sealed_dvc_lock_sha256", "0" * 64, {"dvc.lock"}),
        ("model_md5", '{"model/weights.safetensors": "0"}', {"dvc.lock", "audit event"}),
        ("run_id", "f" * 32, {"audit event"}),
    ],
)
def test_a_tag_that_was_changed_breaks_its_link(
    project: Path, name: str, value: str, broken: set[str]
) -> None:
    tag(name, value)
    assert {link for link, state in found_states().items() if state == "failed"} == broken


def test_another_commit_in_the_tag_is_not_the_one_that_was_proved(project: Path) -> None:
    (project / "src/train.py").write_text("# another\n")
    repository.repro(project, seed=1)
    tag("sealed_commit", repository.commit(project))
    found = found_states()
    broken = {name for name, state in found.items() if state == "failed"}
    assert broken == {"dvc.lock", "code", "audit event"}


def other_latent(client: MlflowClient, run_id: str) -> None:
    other = client.create_run(client.get_run(run_id).info.experiment_id).info.run_id
    client.log_param(other, "model.latent", "4")
    tag("run_id", other)


def other_data(client: MlflowClient, run_id: str) -> None:
    client.set_tag(run_id, "data_md5", '{"data/train.safetensors": "0"}')


def other_weights(client: MlflowClient, run_id: str) -> None:
    client.set_tag(run_id, "weights_sha256", "0")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_latent, "its model.latent is 4, the model's 3"),
        (other_data, "it read another data/train.safetensors"),
        (other_weights, "its tag weights_sha256 is not the version's"),
    ],
)
def test_a_run_that_says_otherwise_is_a_broken_link(
    project: Path, change: Callable[[MlflowClient, str], None], said: str
) -> None:
    change(store.connect().client, version().tags["run_id"])
    assert found_states()["run"] == "failed"
    assert said in links()["run"].found


def test_a_log_that_was_altered_is_said(project: Path) -> None:
    client = store.connect().client
    log = audit.require(store.connect(), NAME)
    (run,) = (run for run in log._event_runs(_log_experiment()) if run.data.tags["number"] == "1")
    client.set_tag(run.info.run_id, "event", run.data.tags["event"].replace("first", "last"))
    assert found_states() == states(audit_event="failed")
    assert "event 1 was altered" in links()["audit event"].found


def _log_experiment() -> str:
    found = store.connect().client.get_experiment_by_name(f"registry of {NAME}")
    return str(found.experiment_id)


def test_a_version_without_an_event_is_written_into_the_log_by_heal(project: Path) -> None:
    found = store.connect()
    with found.as_default():
        found.client.create_model_version(NAME, version().source, tags=version().tags)
    (event,) = (link for link in trace(versions.find(Reference(NAME, 2))) if "event" in link.name)
    assert event.state == "failed"
    assert "latentops registry verify tiny --heal" in event.advice


# Study and trial


SECTIONS = {
    "model": build.bow.Settings(latent=3, hidden=(5,)).model_dump(mode="json"),
    "objective": objectives.Settings(beta=0.7).model_dump(mode="json"),
    "train": TrainSettings(epochs=30).model_dump(mode="json"),
}


DATA = [
    artifacts.SPEC,
    artifacts.VOCABULARY,
    artifacts.tensors_path("train"),
    artifacts.tensors_path("valid"),
]
BETA, LATENT, HIDDEN = "objective.beta", "model.latent", "model.hidden"


def write_study(
    beta: float = 0.7,
    state: str = "complete",
    lr: float | None = None,
    more: dict[str, list[object]] | None = None,
    default: dict[str, object] | None = None,
) -> None:
    """As stage tune leaves it: of beta, the latent size and `more` settings."""
    default = {BETA: 1.0, LATENT: 8, **(default or {})}
    present = config.flat(SECTIONS) | ({"train.learning_rate": lr} if lr else {})
    fixed = {k: held for k, held in present.items() if k not in {*default, "train.epochs"}}
    md5 = hashlib.md5("".join(map(artifacts.md5, DATA)).encode()).hexdigest()
    best = {"study": "abc123", "fixed": fixed, "data_md5": md5, "default": default}
    artifacts.write_json(best | {"settings": {BETA: 2.0, LATENT: 3}}, artifacts.STUDY_BEST)
    trials = {
        "trial": [0, 4, 5],
        "state": ["complete", state, state],
        BETA: [2.0, beta, beta],
        LATENT: [3, 3, 3],
        "score": [0.9, 0.7, 0.8],
        **(more or {}),
    }
    artifacts.write_table(pd.DataFrame(trials), artifacts.STUDY_TRIALS)


@pytest.fixture
def studied(mlflow_store: Path) -> Path:
    repository.write(mlflow_store)
    artifacts.write_json(SECTIONS, artifacts.MODEL_SETTINGS)
    repository.write_lock(mlflow_store)
    repository.commit(mlflow_store)
    return mlflow_store


def register_now() -> Version:
    return register(NAME, candidate.read())


def test_the_best_trial_with_the_models_settings_is_on_the_version(studied: Path) -> None:
    write_study()
    tags = register_now().tags
    assert (tags["study"], tags["trial"]) == ("abc123", "5")
    found = links()["study and trial"]
    assert found == Check(
        "study and trial",
        "ok",
        "study abc123, trial 5, objective.beta 0.7, model.latent 3",
    )


@pytest.mark.parametrize(
    "study",
    [
        lambda: write_study(beta=0.8),
        lambda: write_study(state="failed"),
        lambda: write_study(lr=0.5),
        lambda: (write_study(), artifacts.STUDY_TRIALS.unlink()),
        lambda: (write_study(), artifacts.STUDY_BEST.write_text("[]")),
        lambda: (write_study(), artifacts.STUDY_BEST.write_text("{")),
        lambda: (write_study(), artifacts.STUDY_TRIALS.write_text("PAR1")),
        lambda: None,
    ],
)
def test_no_other_study_is(studied: Path, study: Callable[[], object]) -> None:
    study()
    assert not {"study", "trial"} & set(register_now().tags)


@pytest.mark.parametrize(
    ("more", "trial_found"),
    [
        ({HIDDEN: ["[5]", "[5]", "[6]"]}, "4"),
        ({HIDDEN: ["[5]", "[5]", "[5]"], "model.mean_scale": ["null", "null", "1.0"]}, "4"),
        ({"model.activation": ["silu", "silu", "relu"]}, "4"),
        ({"train.batch_size": [128.0, 128.0, float("nan")]}, "5"),
        ({"train.patience": [10.0, float("nan"), float("nan")]}, None),
        ({HIDDEN: ["[6]", "[6]", "[6]"]}, None),
    ],
    ids=["list", "null", "word", "default as here", "default is another", "other list"],
)
def test_any_setting_may_have_been_searched(
    studied: Path, more: dict[str, list[object]], trial_found: str | None
) -> None:
    write_study(more=more, default={name: {"train.batch_size": 128}.get(name) for name in more})
    assert register_now().tags.get("trial") == trial_found
    if trial_found:
        assert links()["study and trial"].state == "ok"


def test_no_study_of_other_data_is(studied: Path) -> None:
    write_study()
    artifacts.tensors_path("valid").write_bytes(b"other")
    sections = artifacts.read_json(artifacts.MODEL_SETTINGS)
    md5 = {
        name: artifacts.md5(Path(name)) for name in json.loads(candidate.lineage.read().data_md5)
    }
    assert trial.study_and_trial(sections, json.dumps(md5)) == {}


def test_a_trial_of_other_settings_is_a_broken_link(studied: Path) -> None:
    write_study()
    register_now()
    tag("trial", "0")
    found = links()["study and trial"]
    assert found.state == "failed"
    assert "trial 0 chose objective.beta 2, the model has 0.7" in found.found


def test_a_study_that_tune_does_not_hold_any_more_is_found_in_the_store(studied: Path) -> None:
    write_study()
    register_now()
    artifacts.STUDY_BEST.unlink()
    assert links()["study and trial"].state == "absent"
    found = store.connect()
    experiment = found.experiment_id("tiny-texts")
    parent = found.client.create_run(experiment, tags={"study": "abc123"}).info.run_id
    tags = {"mlflow.parentRunId": parent, "trial": "5"}
    child = found.client.create_run(experiment, tags=tags).info.run_id
    found.client.log_param(child, "objective.beta", "0.7")
    found.client.log_param(child, "model.latent", "3")
    found.client.log_param(child, "model.mean_scale", "None")
    found.client.log_param(child, "model.hidden", "[5]")
    assert links()["study and trial"].state == "ok"
    assert "objective.beta 0.7" in links()["study and trial"].found
    other = found.client.create_run(experiment, tags=tags | {"trial": "6"}).info.run_id
    found.client.log_param(other, "model.hidden", "[6]")
    tag("trial", "6")
    assert "chose model.hidden [6], the model has [5]" in links()["study and trial"].found


@pytest.mark.parametrize("value", ["a' or 1=1", "", "x" * 5000])
def test_a_study_with_tricks_is_absent(studied: Path, value: str) -> None:
    register_now()
    tag("study", value)
    tag("trial", "' or ''='")
    assert links()["study and trial"].state == "absent"

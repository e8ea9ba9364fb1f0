"""Registering, promoting and going back. The store is read back through MLflow itself."""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import grimp
import mlflow
import pytest
from light_registry import WRITES
from mlflow import MlflowClient
from tiny_model import COUNTS, IMAGES, head, write_project, write_scores

from latentops import store
from latentops.classifier import save_absence
from latentops.errors import ArtifactError, StoreError
from latentops.registry import audit, candidate, fetch, lineage, package, versions
from latentops.registry.register import register
from latentops.registry.versions import Version

NAME = "tiny"


@pytest.fixture
def project(mlflow_store: Path) -> Path:
    write_project(mlflow_store)
    return mlflow_store


def register_now(name: str = NAME) -> Version:
    return register(name, candidate.read())


def register_another(project: Path, seed: int) -> Version:
    write_project(project, seed=seed)
    return register_now()


# What a version is


def test_a_version_carries_its_lineage_and_scores(project: Path, client: MlflowClient) -> None:
    made = register_now()
    found = client.get_model_version(NAME, "1")
    assert (made.number, made.aliases) == (1, ("challenger", "champion"))
    assert found.tags == made.tags
    tags = found.tags
    assert tags["lineage_key"] == lineage.read().key
    assert tags["weights_sha256"] == lineage.read().weights_sha256
    assert set(json.loads(tags["data_md5"])) == {path.as_posix() for path in lineage.DATA}
    assert tags["test_md5"] == json.loads(tags["data_md5"])["data/test.safetensors"]
    assert (tags["elbo_nats"], tags["active_units"]) == ("-80.0", "3")
    assert (tags["source"], tags["synthetic"]) == ("tiny-texts", "true")
    assert {"settings_sha256", "code_sha256", "git_commit", "git_dirty", "dvc_lock_sha256"} < set(
        tags
    )
    logged = client.get_logged_model(found.source.removeprefix("models:/"))
    assert (logged.status, logged.source_run_id) == ("READY", tags["run_id"])
    assert client.get_run(tags["run_id"]).info.status == "FINISHED"


def test_the_model_belongs_to_the_run_that_trained_it(project: Path, client: MlflowClient) -> None:
    found = store.connect()
    run_id = found.client.create_run(found.experiment_id("training")).info.run_id
    (project / "model/run.json").write_text(json.dumps({"run_id": run_id}))
    assert register_now().tags["run_id"] == run_id
    (output,) = client.get_run(run_id).outputs.model_outputs
    assert client.get_logged_model(output.model_id).source_run_id == run_id


def test_the_stored_model_holds_data_and_code_but_no_pickle(project: Path) -> None:
    register_now()
    (description,) = project.glob("mlruns/artifacts/tiny-texts/models/*/artifacts/MLmodel")
    files = [path for path in description.parent.rglob("*") if path.is_file()]
    kinds = {path.suffix for path in files if path.name != "MLmodel"}
    assert kinds == {".json", ".safetensors", ".py", ".yaml", ".txt", ".css", ".html", ".js"}
    for path in files:
        start = path.read_bytes()[:2]
        assert start != b"PK", f"{path} is an archive"
        assert start[:1] != b"\x80", f"{path} is a pickle"
    requirements = (description.parent / "requirements.txt").read_text()
    assert "torch==" in requirements
    assert "+" not in requirements


def test_the_requirements_are_what_inference_imports() -> None:
    graph = grimp.build_graph("latentops", include_external_packages=True, cache_dir=None)
    reached = graph.find_upstream_modules("latentops.registry.pyfunc")
    ours = [module for module in reached if module.startswith("latentops")]
    imported = {
        name
        for module in [*ours, "latentops.registry.pyfunc"]
        for name in graph.find_modules_directly_imported_by(module)
        if not name.startswith("latentops") and name not in sys.stdlib_module_names
    }
    owners = packages_distributions()
    needed = {min(owners[name]).lower() for name in imported}
    needed -= {"mlflow", "scikit-learn"}  # MLflow adds itself; English stop words build, not read
    assert needed <= set(package._REQUIREMENTS)


NO_CODES = (
    "This model cannot generate by class: its classifier was made before models kept where the "
    "classes lie. Register it again: `dvc repro`."
)
LOAD = """
import json, sys
import mlflow, numpy, pandas
texts = mlflow.pyfunc.load_model("models:/tiny@champion")
images = mlflow.pyfunc.load_model("models:/tiny-images@champion")
shapes = {}
for task in ("classify", "encode", "reconstruct", "generate", "score"):
    params = {"task": task, "n": 4, "seed": 1}
    shapes[task] = [
        texts.predict(["an utterance", "turn on"], params=params).shape,
        texts.predict(pandas.DataFrame({"text": ["an utterance"]}), params=params).shape,
        images.predict(numpy.zeros((2, 1, 3, 2), numpy.uint8), params=params).shape,
    ]
shapes["default"] = [texts.predict(["turn on"]).columns.tolist()]
pixels = numpy.arange(12, dtype=numpy.uint8).reshape(2, 1, 3, 2)
packed = images.predict(pixels, params={"task": "compress"})
back = images.predict(packed, params={"task": "decompress"})
shapes["compress"] = [(back == pixels).all().item()]
steps = {"task": "interpolate", "n": 3}
shapes["interpolate"] = [
    texts.predict(["turn on", "play"], params=steps).shape,
    images.predict(numpy.zeros((3, 1, 3, 2), numpy.uint8), params=steps).shape,
]
try:
    texts.predict([""], params={"task": "generate", "label": "musik"})
except Exception as error:
    shapes["label"] = [str(error)]
print(json.dumps(shapes))
"""


def test_the_champion_loads_in_a_new_process_with_pickles_refused_and_nothing_to_say(
    project: Path,
) -> None:
    register_now()
    write_project(project, IMAGES)
    register_now("tiny-images")
    environment = {
        "MLFLOW_TRACKING_URI": f"sqlite:///{project}/mlruns/mlflow.db",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    }
    said = subprocess.run(
        [sys.executable, "-c", LOAD], env=os.environ | environment, capture_output=True, text=True
    )
    assert said.stderr == ""
    assert json.loads(said.stdout) == {
        "classify": [[2, 4], [1, 4], [2, 4]],
        "encode": [[2, 3], [1, 3], [2, 3]],
        "reconstruct": [[2, 1], [1, 1], [2, 1, 3, 2]],
        "generate": [[4, 2], [4, 2], [4, 1, 3, 2]],
        "score": [[2, 1], [1, 1], [2, 1]],
        "default": [["z0", "z1", "z2"]],
        "compress": [True],
        "interpolate": [[3, 3], [6, 1, 3, 2]],
        "label": [NO_CODES],
    }


# Once for each lineage


def test_registering_again_finds_the_version(project: Path, client: MlflowClient) -> None:
    first, second = register_now(), register_now()
    assert second == first
    assert len(client.search_model_versions(f"name='{NAME}'")) == 1
    assert len(list(project.glob("mlruns/artifacts/tiny-texts/models/*"))) == 1


def test_a_new_evaluation_of_the_same_weights_changes_the_scores_only(project: Path) -> None:
    first = register_now()
    write_scores(project, elbo_nats=-79.0)
    second = register_now()
    assert second.tags == {**first.tags, "elbo_nats": "-79.0"}


def append(path: str) -> Callable[[], object]:
    return lambda: Path(path).write_bytes(Path(path).read_bytes() + b"\n")


@pytest.mark.parametrize(
    "change",
    [
        append("src/prepare.py"),
        append("src/train.py"),
        append("src/loop.py"),
        append("src/head.py"),
        append("data/train.safetensors"),
        append("data/valid.safetensors"),
        append("data/test.safetensors"),
        append("data/vocabulary.json"),
        lambda: write_project(Path(), seed=1),
        lambda: head(COUNTS, seed=1).save(Path("model")),
        lambda: save_absence("none", Path("model")),
        lambda: Path("model/settings.json").write_text('{"model": {"latent": 3}}'),
    ],
)
def test_what_made_the_model_is_its_lineage(project: Path, change: Callable[[], object]) -> None:
    before = lineage.read()
    assert lineage.read() == before
    change()
    assert lineage.read().key != before.key


@pytest.mark.parametrize(
    "change",
    [
        append("src/evaluate.py"),
        lambda: write_scores(Path(), elbo_nats=-1.0),
        lambda: Path("model/run.json").write_text('{"run_id": "another"}'),
        lambda: Path("model/settings.json").write_text(
            json.dumps(dict(reversed(json.loads(Path("model/settings.json").read_text()).items())))
        ),
    ],
)
def test_what_did_not_make_the_model_is_not(project: Path, change: Callable[[], object]) -> None:
    before = lineage.read()
    change()
    assert lineage.read().key == before.key


def test_without_dvc_yaml_the_lineage_is_unknown(project: Path) -> None:
    Path("dvc.yaml").unlink()
    with pytest.raises(ArtifactError, match=r"dvc\.yaml"):
        lineage.read()


def test_a_store_that_knows_nothing_of_it_gets_the_model_again(
    project: Path, migrated_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after `rm -r mlruns`, which a process that has the database open would not see."""
    first = register_now()
    (tmp_path / "empty/mlruns").mkdir(parents=True)
    shutil.copy(migrated_database, tmp_path / "empty/mlruns")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "empty"))
    again = register_now()
    assert (again.number, again.aliases) == (1, first.aliases)
    assert again.tags["lineage_key"] == first.tags["lineage_key"]
    assert again.tags["run_id"] != first.tags["run_id"]


def test_a_deleted_run_is_replaced(project: Path, client: MlflowClient) -> None:
    found = store.connect()
    run_id = found.client.create_run(found.experiment_id("training")).info.run_id
    (project / "model/run.json").write_text(json.dumps({"run_id": run_id}))
    client.delete_run(run_id)
    fresh = register_now().tags["run_id"]
    assert fresh != run_id
    assert client.get_run(fresh).data.tags["restored_from_run"] == run_id


def test_a_project_that_was_moved_or_copied_has_its_own_models(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_now()
    moved = tmp_path / "moved: 100 %"
    shutil.move(project, moved)
    monkeypatch.setenv("DVC_ROOT", str(moved))
    monkeypatch.chdir(moved)
    assert fetch.model_folder(f"models:/{NAME}@champion").is_relative_to(moved)
    write_project(Path(), seed=1)
    assert register_now().number == 2
    assert fetch.model_folder(f"models:/{NAME}/2").is_relative_to(moved)
    assert not project.exists()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", sorted({*WRITES} - {"set_model_version_tag"}))
def test_killed_at_any_write_the_next_time_completes_it(
    project: Path, client: MlflowClient, monkeypatch: pytest.MonkeyPatch, write: str, when: str
) -> None:
    original = getattr(MlflowClient, write)

    def killed(self: MlflowClient, *args: Any, **kwargs: Any) -> None:
        if when == "after":
            original(self, *args, **kwargs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, write, killed)
        with pytest.raises(KeyboardInterrupt):
            register_now()
    made = register_now()
    assert (made.number, made.aliases) == (1, ("challenger", "champion"))
    assert len(client.search_model_versions(f"name='{NAME}'")) == 1
    assert client.get_run(made.tags["run_id"]).info.status == "FINISHED"


def test_a_full_disk_is_one_line_and_registers_nothing(
    project: Path, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_them = MlflowClient.log_model_artifacts

    def full(*args: Any) -> None:
        store_them(*args)
        assert stored()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def stored() -> list[Path]:
        return list(Path("mlruns/artifacts").rglob("weights.safetensors"))

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_model_artifacts", full)
        with pytest.raises(StoreError, match=r"No space left on device.*Free some"):
            register_now()
    assert client.search_registered_models() == []
    assert not stored()
    register_now()
    assert len(stored()) == 1


def test_what_a_kill_left_of_a_model_is_removed(
    project: Path, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    register_now()  # makes a run, which the next model belongs to too
    run_id = client.get_model_version(NAME, "1").run_id
    write_project(project, seed=1)
    (project / "model/run.json").write_text(json.dumps({"run_id": run_id}))
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "finalize_logged_model", killed)
        with pytest.raises(KeyboardInterrupt):
            register_now()
    assert register_now().number == 2
    assert len(list(Path("mlruns/artifacts").rglob("weights.safetensors"))) == 2


REGISTER = """
import sys, time
from pathlib import Path
from latentops.registry import candidate
from latentops.registry.register import register
scored = candidate.read()
Path(sys.argv[1]).touch()
while not Path("go").exists():
    time.sleep(0.005)
print(register("tiny", scored).number)
"""


def test_two_processes_at_once_make_one_version(project: Path, client: MlflowClient) -> None:
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", REGISTER, name],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    while not (Path("one").exists() and Path("two").exists()):
        assert all(worker.poll() is None for worker in workers)
    Path("go").touch()
    said = [worker.communicate() for worker in workers]
    assert said == [("1\n", "")] * 2
    assert len(client.search_model_versions(f"name='{NAME}'")) == 1


def test_the_processs_own_choice_of_store_is_left_alone(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_now()
    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert not mlflow.is_tracking_uri_set()
    uri = f"sqlite:///{project}/mlruns/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    register_another(project, seed=1)
    assert os.environ["MLFLOW_TRACKING_URI"] == uri
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert not mlflow.is_tracking_uri_set()
    mlflow.set_tracking_uri("sqlite:///of-the-notebook.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    register_another(project, seed=2)
    assert mlflow.get_tracking_uri() == "sqlite:///of-the-notebook.db"
    mlflow.set_tracking_uri(None)


# Its place among the versions


def test_the_first_is_champion_and_the_next_its_challenger(project: Path) -> None:
    register_now()
    assert register_another(project, seed=1).aliases == ("challenger",)
    listed = versions.list_versions(NAME)
    assert [version.number for version in listed] == [2, 1]
    assert [version.aliases for version in listed] == [("challenger",), ("champion",)]


def test_each_registration_is_in_the_log_once(project: Path) -> None:
    first = register_now()
    register_now()
    register_another(project, seed=1)
    told = audit.events(NAME)
    assert [(event.kind, event.version) for event in told] == [("registered", 1), ("registered", 2)]
    assert [(event.champion_before, event.champion_after) for event in told] == [(None, 1), (1, 1)]
    for name in ("lineage_key", "weights_sha256", "files_sha256", "elbo_nats"):
        assert told[0].facts[name] == audit.told(first.tags[name])


def test_models_of_other_data_under_the_same_name_are_warned_of(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    register_now()
    write_project(project, IMAGES)
    assert register_now().number == 2
    assert "tiny has versions of tiny-texts, and this one is of tiny-images" in caplog.text


def test_a_deleted_version_is_registered_again_from_the_same_logged_model(
    project: Path, client: MlflowClient
) -> None:
    first = register_now()
    register_another(project, seed=1)
    client.delete_model_version(NAME, "1")
    write_project(project)
    again = register_now()
    assert (again.number, again.source) == (3, first.source)
    assert fetch.folder(again).is_dir()


@pytest.mark.parametrize("name", ["a/b", "x' or '1'='1", "", "../x", "a\n", "$(id)", "a;b", "-a"])
@pytest.mark.parametrize("act", [register_now, versions.list_versions, audit.events])
def test_a_name_with_tricks_is_refused(
    project: Path, act: Callable[[str], object], name: str
) -> None:
    with pytest.raises(StoreError, match="letters, digits"):
        act(name)


def test_a_name_that_nobody_registered_is_said(project: Path) -> None:
    for act in (versions.list_versions, audit.events):
        with pytest.raises(StoreError, match=r"nothing not found\..*`dvc repro`"):
            act("nothing")

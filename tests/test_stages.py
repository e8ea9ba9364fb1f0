"""Every stage in one process on tiny data; and what each says of input that it cannot use."""

import base64
import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT
from mlflow import MlflowClient
from tiny_repository import commit, git

from latentops import artifacts
from latentops.errors import (
    ArtifactError,
    DataError,
    LatentOpsError,
    NumericalError,
    SettingsError,
    exit_on_known_error,
)
from latentops.inference.predictor import Predictor
from latentops.registry import audit, fetch, versions
from latentops.report.card import CardFacts
from latentops.stages import (
    applications,
    evaluate,
    head,
    prepare,
    register,
    repeat,
    train,
    verdict,
)
from latentops.verdict.results import Verdict

STAGES = (prepare, train, repeat, head, verdict, applications, evaluate, register)
WORDS = {"light": "turn on the light in the {}", "music": "please play some music in the {}"}
ROOMS = ("kitchen", "bedroom", "cellar", "garden", "attic", "hall", "garage", "office")
TIMES = ("now", "today", "tonight", "soon", "at noon")


@pytest.fixture
def project(mlflow_store: Path) -> Path:
    """A project with a small labelled CSV, an hour's settings cut to a second's."""
    shutil.copy(ROOT / "dvc.yaml", mlflow_store)
    (mlflow_store / "data/raw").mkdir(parents=True)
    (mlflow_store / "src").symlink_to(ROOT / "src")
    labelled = [
        {"text": f"{phrase.format(room)} {time}", "label": label}
        for label, phrase in WORDS.items()
        for room in ROOMS
        for time in TIMES
    ]
    pd.DataFrame(labelled).to_csv(mlflow_store / "data/raw/mine.csv", index=False)
    settings = yaml.safe_load((ROOT / "recipes/intents.yaml").read_text())
    settings["data"]["source"] = "data/raw/mine.csv"
    settings["model"] |= {"latent": 2, "hidden": [8]}
    settings["train"] |= {"epochs": 2, "batch_size": 16, "device": "cpu"}
    settings["evaluate"] |= {"importance_samples": 3, "depth": "quick"}
    (mlflow_store / "params.yaml").write_text(yaml.safe_dump(settings))
    return mlflow_store


def change(**sections: dict[str, Any]) -> None:
    path = Path("params.yaml")
    settings = yaml.safe_load(path.read_text())
    for section, values in sections.items():
        settings[section] |= values
    path.write_text(yaml.safe_dump(settings))


def files(*folders: str) -> set[str]:
    return {str(path) for name in folders for path in Path(name).rglob("*") if path.is_file()}


def run_statuses() -> list[str]:
    client = MlflowClient(f"sqlite:///{Path('mlruns/mlflow.db').absolute()}")
    experiments = [
        experiment.experiment_id
        for experiment in client.search_experiments()
        if not experiment.name.startswith("registry of ")  # whose runs are its log
    ]
    return [run.info.status for run in client.search_runs(experiments)]


def test_from_a_csv_to_a_champion(project: Path) -> None:
    for stage in STAGES:
        stage.main()
    registered = artifacts.read_json(artifacts.REGISTERED)
    assert (registered["version"], registered["aliases"]) == (1, ["challenger", "champion"])
    assert run_statuses() == ["FINISHED"]
    scores = artifacts.read_json(artifacts.EVAL_METRICS)
    assert scores["elbo_nats"] <= -scores["nll_is_nats"] + 1.0
    assert scores["test_rows"] == len(artifacts.read_table(artifacts.table_path("test")))
    assert scores["accuracy"] > 0.9
    assert "mine" in artifacts.REPORT_PAGE.read_text()
    client = MlflowClient(f"sqlite:///{Path('mlruns/mlflow.db').absolute()}")
    run_id = artifacts.read_json(artifacts.RUN)["run_id"]
    logged = client.get_run(run_id)
    assert logged.data.metrics["elbo_nats"] == pytest.approx(scores["elbo_nats"])
    assert {one.dataset.digest for one in logged.inputs.dataset_inputs} == {
        artifacts.md5(artifacts.tensors_path(split)) for split in train.SPLITS
    }
    recorded = {file.path for file in client.list_artifacts(run_id, "metrics")}
    assert "metrics/verdict.json" in recorded
    assert not [path for path in Path(".latentops").rglob("*") if path.is_file()]


def test_registering_an_unchanged_project_again_logs_nothing(project: Path) -> None:
    """Although it was committed in between, and DVC has written dvc.lock."""
    git(project, "init", "--quiet")
    for stage in STAGES:
        stage.main()
    before = artifacts.read_json(artifacts.REGISTERED)
    Path(".gitignore").write_text("/mlruns\n/data\n/model\n/plots\n/src\n")
    Path("dvc.lock").write_text("schema: '2.0'\n")
    commit(project)
    (first,) = versions.list_versions(before["name"])
    register.main()
    assert versions.list_versions(before["name"]) == [first]
    assert artifacts.read_json(artifacts.REGISTERED) == before
    assert [event.kind for event in audit.events(before["name"])] == ["registered"]


def test_the_version_answers_as_its_classifier_did(project: Path) -> None:
    for stage in STAGES:
        stage.main()
    model = fetch.model_folder("models:/latentops-intents@champion")
    test = artifacts.read_table(artifacts.table_path("test"))
    answered = Predictor.from_folder(model).classify(test["text"])
    right = (answered["label"] == test["label"]).mean()
    assert right == pytest.approx(artifacts.read_json(artifacts.EVAL_METRICS)["accuracy"])
    told = artifacts.read_schema(CardFacts, model / "card.json")
    valid = artifacts.read_table(artifacts.table_path("valid"))
    assert told.examples
    assert {each.text for each in told.examples} <= set(valid["text"]) - set(test["text"])
    asked = Predictor.from_folder(model).classify([each.text for each in told.examples])
    assert [each.predicted for each in told.examples] == asked["label"].tolist()
    assert [each.out_of_scope for each in told.examples] == asked["out_of_scope"].tolist()
    assert [each.probability for each in told.examples] == pytest.approx(asked["probability"])
    assert told.lineage["weights_sha256"] == artifacts.read_json(artifacts.RUN)["weights_sha256"]
    assert "histogram" not in (model / "card.json").read_text()
    for name in ("card.md", "card.html"):
        assert "Model card: latentops-intents" in (model / name).read_text()


CHINESE = {
    "light": "请打开{}的灯",
    "music": "在{}播放音乐",
    "weather": "{}今天冷不冷",
    "window": "把{}的窗户关上",
    "clean": "明天打扫{}",
    "call": "给{}打电话",
}
PLACES = ("厨房", "卧室", "花园", "办公室", "客厅", "阳台", "书房", "车库", "浴室", "地下室")


def test_a_full_verdict_on_chinese_texts_of_six_classes(project: Path) -> None:
    rows = [(text.format(place), label) for label, text in CHINESE.items() for place in PLACES]
    pd.DataFrame(rows, columns=["text", "label"]).to_csv("data/raw/mine.csv", index=False)
    change(evaluate={"depth": "full"}, train={"batch_size": 8})
    for stage in STAGES:
        stage.main()
    found = artifacts.read_schema(Verdict, artifacts.VERDICT)
    assert (found.depth, found.seeds, found.reason) == ("full", 3, "")
    assert found.budgets[-1].name == "all"
    assert [strangers.setting for strangers in found.strangers] == ["held_out"]
    repeats = artifacts.read_schema(artifacts.Repeats, artifacts.REPEATS_LIST)
    assert repeats.held_out is not None
    assert len({repeats.held_out.classes_valid, repeats.held_out.classes_test}) == 2
    assert set(map(str, artifacts.VERDICT_PLOTS.iterdir())) == {
        f"plots/verdict/{name}.csv" for name in ("budgets", "cost", "strangers")
    }


def test_texts_without_labels_become_a_champion_that_does_not_classify(project: Path) -> None:
    change(data={"label_column": None})
    for stage in STAGES:
        stage.main()
    assert artifacts.read_json(artifacts.REGISTERED)["aliases"] == ["challenger", "champion"]
    assert "accuracy" not in artifacts.read_json(artifacts.EVAL_METRICS)
    reason = artifacts.read_json(artifacts.HEAD_FACTS)["reason"]
    assert artifacts.read_json(artifacts.VERDICT)["reason"]
    model = fetch.model_folder("models:/latentops-intents@champion")
    predictor = Predictor.from_folder(model)
    told = artifacts.read_schema(CardFacts, model / "card.json")
    assert [each.predicted for each in told.examples] == [""] * 5
    assert all(each.words for each in told.examples)
    assert len(predictor.encode(["turn on the light"])) == 1
    with pytest.raises(DataError) as refused:
        predictor.classify(["turn on the light"])
    assert reason in str(refused.value)


def test_images_become_a_champion_whose_card_shows_them(project: Path) -> None:
    settings = yaml.safe_load((ROOT / "recipes/digits.yaml").read_text())
    settings["train"] |= {"epochs": 1, "device": "cpu"}
    settings["evaluate"] |= {"importance_samples": 2, "depth": "quick"}
    Path("params.yaml").write_text(yaml.safe_dump(settings))
    for stage in STAGES:
        stage.main()
    model = fetch.model_folder(f"models:/{settings['registry']['name']}@champion")
    told = artifacts.read_schema(CardFacts, model / "card.json")
    shown = Path("plots/evaluation/pictures/reconstructions.png").read_bytes()
    assert (model / "reconstructions.png").read_bytes() == shown
    assert (told.examples, base64.b64decode(told.picture)) == ((), shown)


def test_the_same_seed_gives_the_same_weights_in_another_process(project: Path) -> None:
    prepare.main()
    train.main()
    here = artifacts.read_json(artifacts.RUN)["weights_sha256"]
    shutil.rmtree("model")
    command = [sys.executable, "-m", "latentops.stages.train"]
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    subprocess.run(command, check=True, env=env, capture_output=True)
    there = artifacts.read_json(artifacts.RUN)["weights_sha256"]
    assert here == there


def test_an_experiment_gets_its_scores_and_no_version(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for stage in STAGES[:-1]:
        stage.main()
    monkeypatch.setenv("DVC_EXP_NAME", "bold-try")
    register.main()
    assert artifacts.read_json(artifacts.REGISTERED) == {"experiment": "bold-try"}
    assert "dvc exp apply bold-try" in capsys.readouterr().err
    client = MlflowClient(f"sqlite:///{Path('mlruns/mlflow.db').absolute()}")
    assert client.search_model_versions() == []


@pytest.mark.parametrize(
    ("stage", "missing"),
    [
        (train, "data/spec.json"),
        (repeat, "data/spec.json"),
        (head, "data/spec.json"),
        (verdict, "data/spec.json"),
        (evaluate, "data/spec.json"),
        (register, "model/weights.safetensors"),
    ],
)
def test_a_stage_out_of_order_names_the_stage_before(
    project: Path, stage: Any, missing: str
) -> None:
    with pytest.raises(ArtifactError, match=rf"{missing}.*run `dvc repro (prepare|train)`"):
        stage.main()
    assert run_statuses() == []


BAD_SETTINGS = {
    "misspelt": ("objective", {"betta": 2.0}, "objective.betta: no such setting.*'beta'"),
    "negative beta": ("objective", {"beta": -1}, "objective.beta: .*greater than or equal to 0"),
    "no latent": ("model", {"latent": 0}, "latent: .*greater than or equal to 1"),
    "two kinds": ("model", {"kind": "mlp"}, "model"),
    "large batch": ("train", {"batch_size": 10_000}, "train.batch_size is 10000, more than the"),
    "infinite rate": ("train", {"learning_rate": float("inf")}, "learning_rate"),
}


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_train_refuses_bad_settings_and_leaves_nothing(project: Path, name: str) -> None:
    prepare.main()
    section, values, said = BAD_SETTINGS[name]
    change(**{section: values})
    with pytest.raises(SettingsError, match=said):
        train.main()
    assert "RUNNING" not in run_statuses()
    assert files("model", "metrics", "plots") == set()


def test_a_loss_that_is_not_finite_fails_the_run(project: Path) -> None:
    prepare.main()
    change(train={"learning_rate": 1e30, "optimizer": "sgd"})
    with pytest.raises(NumericalError, match="learning_rate below 1e\\+30"):
        train.main()
    assert run_statuses() == ["FAILED"]
    assert files("model") == set()


def write_csv(text: str | bytes) -> None:
    Path("data/raw/mine.csv").write_bytes(text if isinstance(text, bytes) else text.encode())


def no_such_file() -> None:
    change(data={"source": "data/raw/absent.csv"})


def no_such_name() -> None:
    change(data={"source": "clinc15O"})


def unequal_images() -> None:
    from PIL import Image

    folder = Path("data/raw/pictures")
    folder.mkdir()
    for side in (4, 5, 4, 5):
        Image.new("L", (side, side)).save(folder / f"{side}-{len(list(folder.iterdir()))}.png")
    change(data={"source": str(folder)})


def nan_in_a_tensor() -> None:
    np.savez("data/raw/x.npz", x=np.full((20, 4, 4), np.nan))
    change(data={"source": "data/raw/x.npz"})


BAD_DATA: dict[str, tuple[Callable[[], None], str]] = {
    "no such file": (no_such_file, "absent.csv"),
    "no such name": (no_such_name, "clinc150"),
    "no text column": (lambda: write_csv("txt,label\nhello,a\n"), "text.*txt"),
    "empty file": (lambda: write_csv(""), "empty"),
    "binary junk": (lambda: write_csv(bytes(range(256)) * 64), "mine.csv"),
    "one label": (
        lambda: write_csv("text,label\n" + "".join(f"word {i},a\n" for i in range(50))),
        "label",
    ),
    "images of unequal size": (unequal_images, "size|shape"),
    "NaN in a tensor": (nan_in_a_tensor, "NaN|finite"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_prepare_refuses_bad_data_in_one_line_and_writes_nothing(project: Path, name: str) -> None:
    spoil, said = BAD_DATA[name]
    spoil()
    with pytest.raises((DataError, SettingsError), match=said) as refused:
        prepare.main()
    assert "\n" not in str(refused.value)
    assert {name for name in files("data") if not name.startswith("data/raw")} == set()


def test_a_mirror_file_with_another_hash_is_refused(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mirror/clinc150").mkdir(parents=True)
    (tmp_path / "mirror/clinc150/data_full.json").write_text("{}")
    monkeypatch.setenv("LATENTOPS_MIRROR", str(tmp_path / "mirror"))
    change(data={"source": "clinc150"})
    with pytest.raises(DataError, match=r"data_full.json.*(sha256|hash)"):
        prepare.main()


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every rename into place meets a full disk."""

    def refuse(source: str | Path, target: str | Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    with monkeypatch.context() as patch:
        patch.setattr(artifacts.os, "replace", refuse)
        yield


def test_a_full_disk_is_one_line_and_loses_nothing(project: Path, full_disk: None) -> None:
    with pytest.raises(ArtifactError, match="No space is left"):
        prepare.main()
    assert {name for name in files("data") if not name.startswith("data/raw")} == set()


def test_known_errors_leave_with_status_1_and_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as left, exit_on_known_error():
        raise LatentOpsError("what was found")
    assert left.value.code == 1
    assert capsys.readouterr().err == "error: what was found\n"


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda p: p.stem)
def test_recipes_are_complete(path: Path) -> None:
    """Every setting of every section stands in every recipe, and loads."""
    from latentops import config
    from latentops.stages import tune

    values = config.read(path)
    assert set(values) == set(config.SECTIONS)
    for stage in (*STAGES, tune):
        loaded = config.load(stage.Settings, path)
        for name in type(loaded).model_fields:
            known = type(getattr(loaded, name))
            missing = set(known.model_fields) - set(values[name])
            assert not missing, name


def test_params_are_the_default_recipe() -> None:
    assert (ROOT / "params.yaml").read_text() == (ROOT / "recipes/intents.yaml").read_text()


def test_json_of_metrics_has_no_nan(project: Path) -> None:
    with pytest.raises(ArtifactError, match="not finite"):
        artifacts.write_json({"elbo_nats": float("nan")}, Path("metrics/eval.json"))
    assert not Path("metrics/eval.json").exists()
    assert json.dumps({"a": 1.0})

"""From a CSV to a champion that reads and writes sentences: every stage, in one process."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT
from tiny_sentences import PHRASES, ROOMS, TIMES

from latentops import artifacts
from latentops.applications.results import Applications
from latentops.artifacts import Repeats
from latentops.inference.predictor import Predictor
from latentops.networks import seq
from latentops.registry import fetch
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
MODEL = seq.Settings(latent=4, hidden=(16,), decoder_hidden=(16,), embedding=8)

ASKED = """
import json, mlflow, sys
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/tiny-sentences@champion")
texts = ["turn on the light in the hall now", "is it warm in the attic soon"]
def ask(**params):
    return model.predict(texts, params=params).to_dict("records")
print(json.dumps({
    "encode": ask(),
    "reconstruct": ask(task="reconstruct", beams=2),
    "score": ask(task="score"),
    "classify": ask(task="classify"),
    "interpolate": ask(task="interpolate", n=3),
    "nearest": ask(task="nearest"),
    "prior": ask(task="generate", n=3, temperature=0.5, top_k=5, top_p=0.9),
    "class": ask(task="generate", n=2, label="music"),
    "around": ask(task="generate", n=2, around=texts[0]),
    "augment": ask(task="augment", n=2),
    "denoise": ask(task="denoise"),
}))
"""


@pytest.fixture
def project(mlflow_store: Path) -> Path:
    """A project with a small labelled CSV, and settings for a second."""
    shutil.copy(ROOT / "dvc.yaml", mlflow_store)
    (mlflow_store / "data/raw").mkdir(parents=True)
    (mlflow_store / "src").symlink_to(ROOT / "src")
    rows = [
        (phrase.format(room, time), label)
        for label, phrase in PHRASES.items()
        for room in ROOMS
        for time in TIMES
    ]
    table = pd.DataFrame(rows, columns=["text", "label"])
    table.to_csv(mlflow_store / "data/raw/mine.csv", index=False)
    settings = yaml.safe_load((ROOT / "recipes/intents.yaml").read_text())
    settings["data"] |= {"source": "data/raw/mine.csv", "tokens": "words", "tokens_min_count": 1}
    settings["model"] = MODEL.model_dump(mode="json")
    settings["train"] |= {"epochs": 2, "batch_size": 8, "device": "cpu"}
    settings["evaluate"] |= {"importance_samples": 3, "depth": "quick"}
    settings["registry"] |= {"name": "tiny-sentences", "min_active_units": 0, "at_least": {}}
    (mlflow_store / "params.yaml").write_text(yaml.safe_dump(settings))
    return mlflow_store


def test_from_a_csv_to_a_champion_that_writes(project: Path) -> None:
    for stage in STAGES:
        stage.main()
    assert artifacts.read_json(artifacts.REGISTERED)["aliases"] == ["challenger", "champion"]
    _the_verdict_compares_its_features()
    _every_application_says_something()
    _the_report_and_the_card_show_sentences()
    _another_process_asks_for_every_task(project)


def _the_verdict_compares_its_features() -> None:
    found = artifacts.read_schema(Verdict, artifacts.VERDICT)
    assert {"tfidf", "lsa", "vae", "vae+hidden", "tfidf+vae"} <= {
        score.features for score in found.budgets[-1].scores
    }
    assert artifacts.read_schema(Repeats, artifacts.REPEATS_LIST).denoising is None


def _every_application_says_something() -> None:
    found = artifacts.read_schema(Applications, artifacts.APPLICATIONS)
    assert found.generation is not None
    assert found.generation.sentences
    assert found.denoising is not None
    assert not found.denoising.has_twin
    assert found.compression is not None
    assert found.compression.lossy is not None
    assert found.compression.lossy.baseline is None
    for served in (found.generation, found.augmentation, found.denoising, found.meaning):
        assert served is not None
        assert not served.reason


def _the_report_and_the_card_show_sentences() -> None:
    page = artifacts.REPORT_TEXT.read_text()
    assert "Sentences are drawn token by token" in page
    assert "There is no twin" in page
    model = fetch.model_folder("models:/tiny-sentences@champion")
    told = artifacts.read_schema(CardFacts, model / "card.json")
    assert told.spec.tokens is not None
    assert Predictor.from_folder(model).writes_sentences


def _another_process_asks_for_every_task(project: Path) -> None:
    """With pickle refused."""
    database = f"sqlite:///{project}/mlruns/mlflow.db"
    environment = {**os.environ, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "-c", ASKED, database],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answered = json.loads(done.stdout.splitlines()[-1])
    assert {name: len(rows) for name, rows in answered.items()} == {
        "encode": 2,
        "reconstruct": 2,
        "score": 2,
        "classify": 2,
        "interpolate": 3,
        "nearest": 2,
        "prior": 3,
        "class": 2,
        "around": 2,
        "augment": 4,
        "denoise": 2,
    }
    for name in ("reconstruct", "interpolate", "prior", "class", "around", "augment", "denoise"):
        assert all(isinstance(row["text"], str) for row in answered[name])
    assert all(row["nats_per_token"] > 0 for row in answered["score"])

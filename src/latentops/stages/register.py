"""Stage register: the scored model becomes a version of the registry, once for each lineage.

Under `dvc exp run` only its run gets the scores: an experiment is registered when it is kept.
"""

import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd

from latentops import artifacts, config, inference, tracking
from latentops.artifacts import Spec
from latentops.classifier import HeadFile
from latentops.errors import exit_on_known_error
from latentops.inference import Predictor
from latentops.registry import candidate
from latentops.registry.candidate import Candidate
from latentops.registry.register import register
from latentops.registry.settings import Settings as RegistrySettings
from latentops.report import card
from latentops.report.card import CardFacts, Example
from latentops.verdict.results import Verdict

RECORDS = (
    "plots",
    "reports",
    "metrics/verdict.json",
    "model/head.json",
    "data/report.png",
    "data/refused.csv",
)
RECONSTRUCTIONS = Path("plots/evaluation/pictures/reconstructions.png")  # where there are images
ASKED = 300  # validation texts, of which the card shows a few


class Settings(config.Section):
    """Equals `params:` of the stage in dvc.yaml."""

    registry: RegistrySettings


def main() -> None:
    settings = config.load(Settings)
    scored = candidate.read()
    training = artifacts.read_json(artifacts.TRAIN_METRICS)
    numbers = training | scored.scores
    if experiment := os.environ.get("DVC_EXP_NAME"):
        tracking.log_scores(scored.run_id, numbers, _records())
        note = f"experiment {experiment} is not registered; to keep it: dvc exp apply {experiment}"
        print(f"{note}; dvc repro --force --single-item register", file=sys.stderr)
        artifacts.write_json({"experiment": experiment}, artifacts.REGISTERED)
        return
    described = card.files(_facts(settings.registry, scored))
    version = register(settings.registry.name, replace(scored, card=described))
    tracking.log_scores(version.tags["run_id"], numbers, _records())
    told = {"name": version.name, "version": version.number, "aliases": list(version.aliases)}
    artifacts.write_json(told | {"lineage_key": scored.lineage.key}, artifacts.REGISTERED)
    print(f"models:/{version.name}/{version.number}: {', '.join(version.aliases)}", file=sys.stderr)


def _facts(policy: RegistrySettings, scored: Candidate) -> CardFacts:
    """What the card says: of the files that the version is made from."""
    return CardFacts(
        name=policy.name,
        spec=scored.spec,
        settings=artifacts.read_json(artifacts.MODEL_SETTINGS),
        data=artifacts.read_json(artifacts.DATA_REPORT),
        scores=scored.scores,
        verdict=artifacts.read_schema(Verdict, artifacts.VERDICT),
        head=artifacts.read_schema(HeadFile, artifacts.HEAD_FACTS),
        min_active_units=policy.min_active_units,
        lineage={tag: value for tag, value in scored.tags().items() if tag not in scored.scores},
        examples=_examples(scored.spec),
        picture=_picture(scored.spec),
    )


def _picture(spec: Spec) -> str:
    return card.encoded(RECONSTRUCTIONS.read_bytes()) if spec.kind == "image" else ""


def _examples(spec: Spec) -> tuple[Example, ...]:
    """Texts of validation, drawn by chance, and what the model that is registered says of them."""
    valid = artifacts.read_table(artifacts.table_path("valid"))
    if spec.kind == "image" or "text" not in valid:
        return ()
    asked = valid[["text", "label", "in_scope"]].fillna({"label": ""})
    drawn = asked.sample(min(ASKED, len(asked)), random_state=0).reset_index(drop=True)
    shown = _shown(drawn.join(_answers(drawn["text"].tolist())))
    return tuple(Example.model_validate(row) for row in shown.to_dict("records"))


def _shown(answered: pd.DataFrame) -> pd.DataFrame:
    """A few right answers, a mistake and a row out of scope, where there are."""
    if "predicted" not in answered:
        return answered.head(5)
    labelled = answered["in_scope"] & (answered["label"] != "")
    right = (answered["predicted"] == answered["label"]) & ~answered["out_of_scope"]
    kinds = ((labelled & right, 3), (labelled & ~right, 1), (~answered["in_scope"], 1))
    return pd.concat([answered[kind].head(count) for kind, count in kinds])


def _answers(texts: list[str]) -> pd.DataFrame:
    """The fields of an example that are the model's."""
    with tempfile.TemporaryDirectory() as folder:
        inference.export(Path(), Path(folder))
        predictor = Predictor.from_folder(Path(folder))
        if isinstance(predictor.head, str):
            return pd.DataFrame(predictor.reconstruct(texts))
        answered = predictor.classify(texts).rename(columns={"label": "predicted"})
        return answered.drop(columns="out_of_scope_score")


def _records() -> list[Path]:
    """Pictures, tables and reports that belong to the run."""
    roots = map(Path, RECORDS)
    return sorted(
        path
        for root in roots
        for path in (root.rglob("*") if root.is_dir() else [root])
        if path.is_file() and path.name != ".gitignore"
    )


if __name__ == "__main__":
    with exit_on_known_error():
        main()

"""Stage verdict: trained models and all splits -> what the VAE is worth to a classifier."""

from pathlib import Path

import pandas as pd

from latentops import artifacts, build, config, portion
from latentops.artifacts import Repeats, Spec, Split, Vocabulary
from latentops.classifier import HeadFile
from latentops.errors import exit_on_known_error
from latentops.evaluation.settings import Depth
from latentops.model import VAE
from latentops.portion import Portion, Prepared
from latentops.stages import progress
from latentops.verdict import verdict
from latentops.verdict.results import Verdict
from latentops.verdict.shipped import Subject
from latentops.verdict.strangers import Splits
from latentops.verdict.verdict import Trained


class Settings(config.Section):
    """Equals `params:` of the stage in dvc.yaml."""

    evaluate: Depth


def main() -> None:
    settings = config.load(Settings).evaluate
    trained = _trained()
    splits = Splits(*(_rows(split, trained, settings.seed) for split in ("train", "valid", "test")))
    found = verdict.reach(trained, splits, settings.depth, settings.seed, progress.classifiers)
    artifacts.write_json(found, artifacts.VERDICT)
    write_plots(found)


def _trained() -> Trained:
    spec = artifacts.read_schema(Spec, artifacts.SPEC)
    vocabulary = artifacts.read_schema(Vocabulary, artifacts.VOCABULARY)
    model = build.read_settings(artifacts.MODEL_SETTINGS)
    repeats = artifacts.read_schema(Repeats, artifacts.REPEATS_LIST)
    held = repeats.held_out

    def vae(path: Path) -> VAE:
        return build.load_model(spec, vocabulary, model, artifacts.read_tensors(path))

    return Trained(
        subject=Subject(vae(artifacts.WEIGHTS), spec, vocabulary),
        model=model,
        head=artifacts.read_schema(HeadFile, artifacts.HEAD_FACTS),
        training_seconds=artifacts.read_json(artifacts.TRAIN_METRICS)["train_seconds"],
        repeats=tuple(vae(artifacts.REPEATS / each.file) for each in repeats.seeds),
        held_out=None if held is None else (vae(artifacts.REPEATS / held.file), held),
    )


def _rows(split: Split, trained: Trained, seed: int) -> Portion:
    prepared = Prepared(
        arrays=artifacts.read_tensors(artifacts.tensors_path(split)),
        table=artifacts.read_table(artifacts.table_path(split)),
    )
    subject = trained.subject
    return portion.whole(split, prepared, subject.spec, subject.vocabulary, trained.model, seed)


def write_plots(found: Verdict, folder: Path = artifacts.VERDICT_PLOTS) -> None:
    """Tables that `plots:` in dvc.yaml draws; with their header where there is no row."""
    budgets = [
        {"features": score.features, "labels": budget.labels, "accuracy": score.accuracy}
        for budget in found.budgets
        for score in budget.scores
    ]
    cost = [
        each.model_dump(include={"features", "microseconds_per_example", "accuracy"})
        for each in found.cost
    ]
    strangers = [
        {"setting": each.setting, "signal": signal.name, "auroc": signal.auroc}
        for each in found.strangers
        for signal in each.signals
    ]
    tables = {
        "budgets": pd.DataFrame(budgets, columns=["features", "labels", "accuracy"]),
        "cost": pd.DataFrame(cost, columns=["features", "microseconds_per_example", "accuracy"]),
        "strangers": pd.DataFrame(strangers, columns=["setting", "signal", "auroc"]),
    }
    for name, table in tables.items():
        artifacts.write_table(table, folder / f"{name}.csv")


if __name__ == "__main__":
    with exit_on_known_error():
        main()

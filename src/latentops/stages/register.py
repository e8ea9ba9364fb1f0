"""Stage register: the scored model becomes a version of the registry, once for each lineage.

Under `dvc exp run` only its run gets the scores: an experiment is registered when it is kept.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path

from latentops import artifacts, config, tracking
from latentops.errors import exit_on_known_error
from latentops.registry import candidate
from latentops.registry.register import origin, register
from latentops.registry.settings import Settings as RegistrySettings
from latentops.report import card
from latentops.stages import card_facts, explored, window_profile

RECORDS = (
    "plots",
    "reports",
    "metrics/verdict.json",
    "model/head.json",
    "data/report.png",
    "data/refused.csv",
)


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
    name = settings.registry.name
    described = card.files(card_facts.read(settings.registry, scored, origin(name, scored)))
    looked_into = explored.files(name, scored)
    beside = {**described, **window_profile.files(scored.spec), **looked_into}
    version = register(name, replace(scored, card=beside))
    tracking.log_scores(version.tags["run_id"], numbers, _records())
    told = {"name": version.name, "version": version.number, "aliases": list(version.aliases)}
    artifacts.write_json(told | {"lineage_key": scored.lineage.key}, artifacts.REGISTERED)
    print(f"models:/{version.name}/{version.number}: {', '.join(version.aliases)}", file=sys.stderr)


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

"""Stage prepare: a source -> checked, cut tables and tensors, what was refused, a data report."""

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from latentops import artifacts, config
from latentops.data import prepared, summary
from latentops.data.settings import Settings as DataSettings
from latentops.errors import exit_on_known_error
from latentops.report import canvas
from latentops.report.data_picture import data_picture

SAMPLES = 12


class Settings(config.Section):
    """Equals `params:` of the stage in dvc.yaml."""

    data: DataSettings


def main() -> None:
    settings = config.load(Settings)
    ready = prepared.prepare(settings.data)
    report = summary.summarize(
        ready.spec, ready.tables, ready.arrays, ready.vocabulary, ready.refused
    )
    for split, table in ready.tables.items():
        artifacts.write_table(table, artifacts.table_path(split))
        artifacts.write_tensors(ready.arrays[split], artifacts.tensors_path(split))
    artifacts.write_json(ready.spec, artifacts.SPEC)
    artifacts.write_json(ready.vocabulary, artifacts.VOCABULARY)
    artifacts.write_table(ready.refused, artifacts.REFUSED)
    artifacts.write_json(report | {"checks": ready.checks}, artifacts.DATA_REPORT)
    canvas.save(data_picture(report, _samples(ready)), artifacts.DATA_PICTURE)
    _say(ready)
    if "sentences" in report:
        _say_sentences(report["sentences"])


def _samples(ready: prepared.Prepared) -> np.ndarray | None:
    """A few training images, [n, C, H, W] in [0, 1]; none of texts."""
    images, levels = ready.arrays["train"].get("x"), ready.spec.levels
    return None if images is None or levels is None else images[:SAMPLES] / (levels - 1)


def _say(ready: prepared.Prepared) -> None:
    kept = ", ".join(f"{len(table):,} {split}" for split, table in ready.tables.items())
    name = f"{ready.spec.source}{' (synthetic)' if ready.spec.synthetic else ''}"
    refused = ready.refused["row"].nunique()
    print(f"{name}: {kept} rows; {refused:,} refused (data/refused.csv)", file=sys.stderr)
    for note in ready.notes:
        print(f"note: {note}", file=sys.stderr)


def _say_sentences(sentences: Mapping[str, Any]) -> None:
    tokens, cut = sum(sentences["tokens"].values()), sum(sentences["cut"].values())
    unknown = ", ".join(
        f"{share or 0:.1%} of {split}" for split, share in sentences["unknown_share"].items()
    )
    print(
        f"sentences: {tokens:,} tokens of {sentences['kinds']:,} kinds; unknown: {unknown}; "
        f"{cut:,} sentences cut",
        file=sys.stderr,
    )


if __name__ == "__main__":
    with exit_on_known_error():
        main()

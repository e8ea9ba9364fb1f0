"""Which trial of a study in tune/ has the settings that a model was trained with."""

import ast
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from latentops import artifacts, config
from latentops.errors import ArtifactError

_EPOCHS = "train.epochs"  # a trial is shorter than the training with its settings
_DATA = (
    artifacts.SPEC,
    artifacts.VOCABULARY,
    artifacts.tensors_path("train"),
    artifacts.tensors_path("valid"),
)


def study_and_trial(settings: Mapping[str, Any], data_md5: str) -> dict[str, str]:
    """Tags, or none: the study of the same data and fixed settings, its trial of the same choice.

    `settings` are the sections of model/settings.json; `data_md5` is the tag, JSON of md5. Of equal
    trials the one with the highest score.
    """
    best, trials = _held(Path())
    present = config.flat(settings)
    searched = _searched(best)
    fixed = {k: value for k, value in present.items() if k not in searched and k != _EPOCHS}
    if best.get("fixed") != fixed or best.get("data_md5") != _joined(json.loads(data_md5)):
        return {}
    complete = trials[trials["state"] == "complete"].sort_values("score", ascending=False)
    for row in complete.to_dict("records"):
        if _trained_with(row, best) == {name: present.get(name) for name in searched}:
            return {"study": str(best["study"]), "trial": str(int(row["trial"]))}
    return {}


def choice(project: Path, study: str, trial: str) -> dict[str, Any] | None:
    """What that trial chose, where the project still holds its study."""
    best, trials = _held(project)
    if best.get("study") != study:
        return None
    found = trials[trials["trial"].astype(str) == trial].to_dict("records")
    return _chosen(found[0], best) if found else None


def value(held: Any) -> Any:
    """A setting as it was before a table or the store made text of it."""
    if not isinstance(held, str):
        return held
    for read in (json.loads, ast.literal_eval):
        try:
            return read(held)
        except (ValueError, SyntaxError):
            continue
    return held


def _searched(best: Mapping[str, Any]) -> list[str]:
    """What any trial of the study may have chosen; the best one need not have chosen all of it."""
    return list({**best.get("default", {}), **best.get("settings", {})})


def _chosen(row: Mapping[Any, Any], best: Mapping[str, Any]) -> dict[str, Any]:
    """Without what did not apply in this trial."""
    return {
        name: value(row[name]) for name in _searched(best) if name in row and not pd.isna(row[name])
    }


def _trained_with(row: Mapping[Any, Any], best: Mapping[str, Any]) -> dict[str, Any]:
    """What did not apply stood in params.yaml as the study found it."""
    default = best.get("default", {})
    return {name: default.get(name) for name in _searched(best)} | _chosen(row, best)


def _held(project: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """The study in tune/; nothing where there is none that can be read, for a model needs none."""
    try:
        best = artifacts.read_json(project / artifacts.STUDY_BEST)
        return dict(best), artifacts.read_table(project / artifacts.STUDY_TRIALS)
    except (ArtifactError, TypeError, ValueError):
        return {}, pd.DataFrame()


def _joined(md5: Mapping[str, str]) -> str:
    """As a study knows its data."""
    digests = "".join(md5[path.as_posix()] for path in map(Path, _DATA))
    return hashlib.md5(digests.encode()).hexdigest()

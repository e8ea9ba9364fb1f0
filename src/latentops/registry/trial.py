"""Which trial of a study in tune/ has the settings that a model was trained with."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from latentops import artifacts, config
from latentops.errors import ArtifactError

BETA, LATENT = "objective.beta", "model.latent"
_NOT_FIXED = (BETA, LATENT, "train.epochs")
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
    fixed = {name: value for name, value in present.items() if name not in _NOT_FIXED}
    if best.get("fixed") != fixed or best.get("data_md5") != _joined(json.loads(data_md5)):
        return {}
    same = trials[(trials[BETA] == present[BETA]) & (trials[LATENT] == present[LATENT])]
    complete = same[same["state"] == "complete"].sort_values("score", ascending=False)
    if complete.empty:
        return {}
    return {"study": str(best["study"]), "trial": str(int(complete["trial"].iloc[0]))}


def choice(project: Path, study: str, trial: str) -> dict[str, float] | None:
    """What that trial chose, where the project still holds its study."""
    best, trials = _held(project)
    if best.get("study") != study:
        return None
    found = trials[trials["trial"].astype(str) == trial]
    return None if found.empty else {name: float(found[name].iloc[0]) for name in (BETA, LATENT)}


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

"""What every process of a study reads from the project: the same data and settings or no study."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latentops import artifacts, build, config, objectives
from latentops.artifacts import Spec, Vocabulary
from latentops.training.settings import Settings as TrainSettings
from latentops.tuning import identity, space
from latentops.tuning.identity import Experiment
from latentops.tuning.settings import Settings as TuneSettings
from latentops.tuning.space import Sections
from latentops.tuning.trial import Data, Trainer

INPUTS = {"train": artifacts.tensors_path("train"), "valid": artifacts.tensors_path("valid")}
DATA = (artifacts.SPEC, artifacts.VOCABULARY, *INPUTS.values())
STORAGE = "LATENTOPS_STUDY_STORAGE"
"""The environment variable that says where studies live, if not in a journal of this project."""
_STUDIES = Path("mlruns/optuna")


class Settings(config.Section):
    """Equals `params:` in tune/dvc.yaml."""

    model: build.Model
    objective: objectives.Settings
    train: TrainSettings
    tune: TuneSettings

    @property
    def sections(self) -> Sections:
        """Those that a trial may change."""
        return {"model": self.model, "objective": self.objective, "train": self.train}


@dataclass(frozen=True)
class Prepared:
    """The settings, what all trials share, and the name that follows from both."""

    settings: Settings
    shared: Experiment
    name: str

    @property
    def parts(self) -> dict[str, Any]:
        """What the name is a hash of."""
        return identity.parts(self.shared, self.settings.tune, self.settings.sections)

    def trainer(self, threads: int | None = None) -> Trainer:
        """Of the prepared data; it trains with no more than so many threads."""
        data = Data(
            spec=artifacts.read_schema(Spec, artifacts.SPEC),
            vocabulary=artifacts.read_schema(Vocabulary, artifacts.VOCABULARY),
            train=artifacts.read_tensors(INPUTS["train"]),
            valid=artifacts.read_tensors(INPUTS["valid"]),
        )
        return Trainer(data, self.settings.sections, self.settings.tune, threads)


def read() -> Prepared:
    """From params.yaml and data/. SettingsError where the space cannot be searched."""
    settings = config.load(Settings)
    space.check(settings.tune, settings.sections)
    spec = artifacts.read_schema(Spec, artifacts.SPEC)
    shared = experiment(spec.source, settings)
    name = identity.study_name(shared, settings.tune, settings.sections)
    return Prepared(settings, shared, name)


def experiment(source: str, settings: Settings) -> Experiment:
    """What the trials of a study of the prepared data, from `source`, have in common."""
    return identity.experiment(source, DATA, settings.sections, settings.tune)


def address() -> str | None:
    """Where studies live; None: in journals of this project."""
    return os.environ.get(STORAGE) or None


def journal(name: str) -> Path:
    """Of the real project, even in a temporary copy of it."""
    return Path(os.environ.get("DVC_ROOT", "")) / _STUDIES / f"{name}.journal"

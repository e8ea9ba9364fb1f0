"""Stage tune: a whole study, on the training and validation splits, and what it chose."""

import os
from pathlib import Path

from latentops import artifacts, build, config, objectives
from latentops.artifacts import Spec, Vocabulary
from latentops.errors import exit_on_known_error
from latentops.report import canvas, study_picture
from latentops.training.settings import Settings as TrainSettings
from latentops.tuning import choice, identity, study, trial
from latentops.tuning.identity import Experiment
from latentops.tuning.settings import Settings as TuneSettings

DATA = (
    artifacts.SPEC,
    artifacts.VOCABULARY,
    artifacts.tensors_path("train"),
    artifacts.tensors_path("valid"),
)
STUDIES = Path("mlruns/optuna")


class Settings(config.Section):
    """Equals `params:` in tune/dvc.yaml."""

    model: build.Model
    objective: objectives.Settings
    train: TrainSettings
    tune: TuneSettings


def main() -> None:
    settings = config.load(Settings)
    data = trial.Data(
        spec=artifacts.read_schema(Spec, artifacts.SPEC),
        vocabulary=artifacts.read_schema(Vocabulary, artifacts.VOCABULARY),
        train=artifacts.read_tensors(artifacts.tensors_path("train")),
        valid=artifacts.read_tensors(artifacts.tensors_path("valid")),
    )
    common = shared(data.spec.source, settings)
    name = identity.study_name(common, settings.tune)
    folder = Path(os.environ.get("DVC_ROOT", "")) / STUDIES

    trainer = trial.Trainer(data, **dict(settings))
    trials = study.table(study.run(name, trainer, settings.tune, folder))

    best = choice.best(trials, name, settings.tune.score, common)
    artifacts.write_table(trials, artifacts.STUDY_TRIALS)
    canvas.save(study_picture.rate_distortion(trials, best.trial), artifacts.STUDY_PICTURE)
    artifacts.write_json(best, artifacts.STUDY_BEST)


def shared(source: str, settings: Settings) -> Experiment:
    """What the trials of a study of the prepared data, from `source`, have in common."""
    return identity.experiment(source, DATA, settings.model, settings.objective, settings.train)


if __name__ == "__main__":
    with exit_on_known_error():
        main()

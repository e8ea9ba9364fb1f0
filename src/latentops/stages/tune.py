"""Stage tune: a whole study, on the training and validation splits, and what it chose."""

import dataclasses
import functools
import os
from pathlib import Path

from latentops import artifacts, build, config, objectives, tracking
from latentops.artifacts import Spec, Vocabulary
from latentops.errors import exit_on_known_error
from latentops.report import canvas, study_picture
from latentops.training.settings import Settings as TrainSettings
from latentops.tuning import choice, identity, study, trial
from latentops.tuning.identity import Experiment
from latentops.tuning.settings import Settings as TuneSettings
from latentops.tuning.study import Record

INPUTS = {"train": artifacts.tensors_path("train"), "valid": artifacts.tensors_path("valid")}
DATA = (artifacts.SPEC, artifacts.VOCABULARY, *INPUTS.values())
OUTPUTS = (artifacts.STUDY_BEST, artifacts.STUDY_PICTURE)
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
        train=artifacts.read_tensors(INPUTS["train"]),
        valid=artifacts.read_tensors(INPUTS["valid"]),
    )
    common = shared(data.spec.source, settings)
    name = identity.study_name(common, settings.tune)
    folder = Path(os.environ.get("DVC_ROOT", "")) / STUDIES

    trainer = trial.Trainer(data, **dict(settings))
    with (
        study.opened(name, folder) as opened,
        tracking.study(name, Path(data.spec.source).stem, common.fixed, INPUTS) as observed,
    ):
        log = functools.partial(_log, observed)
        records = study.run(opened, trainer, settings.tune, on_trial=log)
        for record in records:  # what a kill kept from the store
            log(record)
    trials = study.table(records)

    best = choice.best(trials, name, settings.tune.score, common)
    artifacts.write_table(trials, artifacts.STUDY_TRIALS)
    canvas.save(study_picture.rate_distortion(trials, best.trial), artifacts.STUDY_PICTURE)
    artifacts.write_json(best, artifacts.STUDY_BEST)
    tracking.log_scores(observed.id, {"best_score": best.score}, OUTPUTS)


def _log(observed: tracking.Study, record: Record) -> None:
    scores = dataclasses.asdict(record.outcome) if record.outcome else {}
    observed.trial(record.trial, record.choice.params, scores, record.error)


def shared(source: str, settings: Settings) -> Experiment:
    """What the trials of a study of the prepared data, from `source`, have in common."""
    return identity.experiment(source, DATA, settings.model, settings.objective, settings.train)


if __name__ == "__main__":
    with exit_on_known_error():
        main()

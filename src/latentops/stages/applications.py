"""Stage applications: a trained model and all splits -> what it is good for, measured."""

from pathlib import Path

from latentops import artifacts, build, config, portion
from latentops.applications import measure
from latentops.applications.settings import Settings as ApplicationSettings
from latentops.applications.subject import Subject
from latentops.artifacts import Repeat, Repeats, Split
from latentops.errors import exit_on_known_error
from latentops.evaluation.settings import Depth
from latentops.inference.predictor import Predictor
from latentops.model import VAE
from latentops.portion import Portion, Prepared
from latentops.stages import progress


class Settings(config.Section):
    """Equals `params:` of the stage in dvc.yaml."""

    evaluate: Depth
    applications: ApplicationSettings


def main() -> None:
    settings = config.load(Settings)
    subject = _subject(settings.evaluate)
    found = measure.measure(subject, settings.applications, progress.applications)
    artifacts.write_tensors(found.images, artifacts.APPLICATION_IMAGES)
    artifacts.write_json(found.result, artifacts.APPLICATIONS)


def _subject(depth: Depth) -> Subject:
    predictor = Predictor.from_project(Path())
    repeats = artifacts.read_schema(Repeats, artifacts.REPEATS_LIST)

    def vae(repeat: Repeat) -> VAE:
        weights = artifacts.read_tensors(artifacts.REPEATS / repeat.file)
        return build.load_model(predictor.spec, predictor.vocabulary, predictor.settings, weights)

    train, valid, test = (
        _rows(split, predictor, depth.seed) for split in ("train", "valid", "test")
    )
    return Subject(
        predictor=predictor,
        train=train,
        valid=valid,
        test=test,
        depth=depth.depth,
        seed=depth.seed,
        repeats=tuple(map(vae, repeats.seeds)),
        denoising=None if repeats.denoising is None else vae(repeats.denoising),
        by_beta={each.beta: tuple(map(vae, each.repeats)) for each in repeats.by_beta},
    )


def _rows(split: Split, predictor: Predictor, seed: int) -> Portion:
    prepared = Prepared(
        arrays=artifacts.read_tensors(artifacts.tensors_path(split)),
        table=artifacts.read_table(artifacts.table_path(split)),
    )
    parts = predictor.spec, predictor.vocabulary, predictor.settings
    return portion.in_scope(split, prepared, *parts, seed)


if __name__ == "__main__":
    with exit_on_known_error():
        main()

"""Stage evaluate: a trained model, its classifier, all splits -> scores, plots and the report."""

from typing import Any, get_args

from latentops import artifacts, build, classifier, config
from latentops.applications.results import Applications
from latentops.artifacts import Arrays, Spec, Split, Vocabulary
from latentops.classifier import HeadFile
from latentops.errors import exit_on_known_error
from latentops.evaluation.evaluate import evaluate
from latentops.evaluation.results import Evaluation
from latentops.evaluation.settings import Settings as EvaluateSettings
from latentops.portion import Prepared
from latentops.report import page
from latentops.report.facts import Facts
from latentops.verdict.results import Verdict


class Settings(config.Section):
    """Equals `params:` of the stage in dvc.yaml."""

    evaluate: EvaluateSettings


def main() -> None:
    settings = config.load(Settings)
    spec = artifacts.read_schema(Spec, artifacts.SPEC)
    vocabulary = artifacts.read_schema(Vocabulary, artifacts.VOCABULARY)
    model = build.read_settings(artifacts.MODEL_SETTINGS)
    weights = artifacts.read_tensors(artifacts.WEIGHTS)
    training = artifacts.read_json(artifacts.TRAIN_METRICS)
    vae = build.load_model(spec, vocabulary, model, weights)
    shipped = classifier.load(artifacts.HEAD.parent)
    found = evaluate(vae, shipped, spec, vocabulary, _splits(), model, settings.evaluate)
    artifacts.write_json(found.scores, artifacts.EVAL_METRICS)
    page.write(_facts(spec, weights, training, found))


def _splits() -> dict[Split, Prepared]:
    return {
        split: Prepared(
            arrays=artifacts.read_tensors(artifacts.tensors_path(split)),
            table=artifacts.read_table(artifacts.table_path(split)),
        )
        for split in get_args(Split)
    }


def _facts(spec: Spec, weights: Arrays, training: dict[str, Any], found: Evaluation) -> Facts:
    return Facts(
        spec=spec,
        settings=artifacts.read_json(artifacts.MODEL_SETTINGS),
        evaluation=found,
        curve=artifacts.read_table(artifacts.TRAINING_CURVE),
        training=training,
        data=artifacts.read_json(artifacts.DATA_REPORT),
        lineage={
            "weights_sha256": artifacts.tensors_sha256(weights),
            "data_md5": {
                split: artifacts.md5(artifacts.tensors_path(split)) for split in get_args(Split)
            },
        },
        data_picture=artifacts.DATA_PICTURE.read_bytes(),
        verdict=artifacts.read_schema(Verdict, artifacts.VERDICT),
        head=artifacts.read_schema(HeadFile, artifacts.HEAD_FACTS),
        applications=artifacts.read_schema(Applications, artifacts.APPLICATIONS),
        images=artifacts.read_tensors(artifacts.APPLICATION_IMAGES),
    )


if __name__ == "__main__":
    with exit_on_known_error():
        main()

"""Stage head: a trained model and labels -> the classifier that is shipped with it, if any."""

from latentops import artifacts, build, classifier, config, portion
from latentops.artifacts import Spec, Split, Vocabulary
from latentops.classifier import Classifier
from latentops.errors import exit_on_known_error
from latentops.portion import Portion, Prepared
from latentops.stages import progress
from latentops.verdict import shipped
from latentops.verdict.selection import SEED
from latentops.verdict.settings import HeadSettings
from latentops.verdict.threads import one_thread


class Settings(config.Section):
    """Equals `params:` of the stage in dvc.yaml."""

    head: HeadSettings


def main() -> None:
    settings = config.load(Settings)
    spec = artifacts.read_schema(Spec, artifacts.SPEC)
    vocabulary = artifacts.read_schema(Vocabulary, artifacts.VOCABULARY)
    model = build.read_settings(artifacts.MODEL_SETTINGS)
    vae = build.load_model(spec, vocabulary, model, artifacts.read_tensors(artifacts.WEIGHTS))
    train, valid = (_rows(split, spec, vocabulary, model) for split in ("train", "valid"))
    subject = shipped.Subject(vae, spec, vocabulary)
    with one_thread():
        found = shipped.ship(subject, train, valid, settings.head, progress.classifiers)
    _write(found)


def _rows(split: Split, spec: Spec, vocabulary: Vocabulary, model: build.Model) -> Portion:
    prepared = Prepared(
        arrays=artifacts.read_tensors(artifacts.tensors_path(split)),
        table=artifacts.read_table(artifacts.table_path(split)),
    )
    return portion.whole(split, prepared, spec, vocabulary, model, SEED)


def _write(found: Classifier | str) -> None:
    folder = artifacts.HEAD.parent
    if isinstance(found, str):
        classifier.save_absence(found, folder)
    else:
        found.save(folder)


if __name__ == "__main__":
    with exit_on_known_error():
        main()

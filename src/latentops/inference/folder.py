"""The files of a model folder, which needs nothing else."""

import shutil
from pathlib import Path

from latentops import artifacts, classifier
from latentops.classifier import Classifier, HeadFile

FILES = (artifacts.WEIGHTS, artifacts.MODEL_SETTINGS, artifacts.SPEC, artifacts.VOCABULARY)
"""A model folder holds files of these names."""

HEAD_FILES = (artifacts.HEAD, artifacts.HEAD_FACTS)
"""And of these, unless it was made before models had a classifier."""

MODEL_FILES = (*FILES, *HEAD_FILES)


def export(project: Path, folder: Path) -> None:
    """Copy the files of a trained model into a model folder, which needs nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in (*FILES, *HEAD_FILES):
        shutil.copyfile(project / path, folder / path.name)


def head(folder: Path) -> Classifier | str:
    """The classifier, or a sentence on why there is none."""
    facts = folder / artifacts.HEAD_FACTS.name
    if not facts.exists():
        return "it was made before models had a classifier. Register it again: `dvc repro`."
    return classifier.load(folder) or artifacts.read_schema(HeadFile, facts).reason

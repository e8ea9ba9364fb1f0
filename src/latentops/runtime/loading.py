"""A model folder, checked, to a model at work: by numpy where it can, and else by torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import pydantic

from latentops import artifacts
from latentops.artifacts import Schema, Spec, Vocabulary
from latentops.errors import ArtifactError, IntegrityError
from latentops.inference import folder as folders
from latentops.networks.settings import Bow, Mlp
from latentops.runtime.documents import Documents
from latentops.runtime.model import Model
from latentops.runtime.pictures import Pictures
from latentops.runtime.predictor import Predictor
from latentops.runtime.weights import Weights


class _Saved(Schema):
    """model/settings.json, of a model that numpy runs."""

    model_config = pydantic.ConfigDict(extra="ignore")

    model: Annotated[Bow | Mlp, pydantic.Field(discriminator="kind")]


def load(folder: Path, expected: Mapping[str, str] | None = None) -> Model:
    """The model of a folder as `inference.folder.export` makes it.

    `expected` has the SHA-256 of its files by their names. Raises IntegrityError where one of them
    is missing or another, and ArtifactError where a file is missing or cannot be read.
    """
    _require_files(folder)
    require_unaltered(folder, expected or {})
    spec = artifacts.read_schema(Spec, folder / artifacts.SPEC.name)
    if not _is_for_numpy(folder, spec):
        from latentops.runtime.whole import Whole  # torch: seconds, and half a gigabyte

        return Whole(folder)
    return _by_numpy(folder, spec)


def _by_numpy(folder: Path, spec: Spec) -> Predictor:
    vocabulary = artifacts.read_schema(Vocabulary, folder / artifacts.VOCABULARY.name)
    settings = artifacts.read_schema(_Saved, folder / artifacts.MODEL_SETTINGS.name).model
    tensors = artifacts.read_tensors(folder / artifacts.WEIGHTS.name)
    with Weights(tensors) as weights:
        network = (
            Documents(weights, settings, vocabulary)
            if isinstance(settings, Bow)
            else Pictures(weights, settings, spec)
        )
    return Predictor(network, spec, vocabulary, folders.head(folder), folder)


def _is_for_numpy(folder: Path, spec: Spec) -> bool:
    """Whatever does not fit together is left to the other, which says what is wrong."""
    saved = artifacts.read_json(folder / artifacts.MODEL_SETTINGS.name)
    section = saved.get("model") if isinstance(saved, dict) else None
    kind = section.get("kind") if isinstance(section, dict) else None
    return (kind, spec.kind) in (("bow", "counts"), ("mlp", "image"))


def _require_files(folder: Path) -> None:
    """But for the classifier, without which a model does all but classify."""
    for path in folders.FILES:
        if not (folder / path.name).is_file():
            raise ArtifactError(
                f"{folder / path.name} is missing: {folder} is no whole model folder. `latentops "
                "export` makes one."
            )


def require_unaltered(folder: Path, expected: Mapping[str, str]) -> None:
    """Raises IntegrityError where a file, of which this is the SHA-256 by its name, is another."""
    for name, sha256 in expected.items():
        _require_same(folder / name, sha256)


def _require_same(path: Path, sha256: str) -> None:
    if not path.is_file():
        raise IntegrityError(f"{path} is gone. Export or fetch the model again.")
    if artifacts.sha256(path) != sha256:
        raise IntegrityError(
            f"{path} is not what was recorded: its SHA-256 does not begin with {sha256[:12]}, as "
            "it did. Do not use it: export or fetch the model again."
        )

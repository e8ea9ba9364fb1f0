"""What made a model, as digests: the same lineage is the same version.

All of it is read from the project's files, in the folder that holds dvc.yaml.
"""

import hashlib
import json
from dataclasses import astuple, dataclass
from pathlib import Path

from latentops import artifacts, provenance

DATA = (
    artifacts.SPEC,
    artifacts.VOCABULARY,
    artifacts.tensors_path("train"),
    artifacts.tensors_path("valid"),
    artifacts.tensors_path("test"),
)
MADE_BY = ("prepare", "train", "head")  # the stages whose code made the weights and the head


@dataclass(frozen=True)
class Lineage:
    """Each field is a tag of the version."""

    weights_sha256: str
    head_sha256: str  # of the classifier that is shipped with the weights
    data_md5: str  # JSON: file -> md5
    settings_sha256: str  # of the sections that stage train read
    code_sha256: str

    @property
    def key(self) -> str:
        return _sha256("\n".join(astuple(self)))


def read() -> Lineage:
    """Of the model that the project's files hold now."""
    model = artifacts.WEIGHTS.parent
    return Lineage(
        weights_sha256=weights_sha256(model),
        head_sha256=head_sha256(model),
        data_md5=provenance.md5_of_each(DATA),
        settings_sha256=settings_sha256(model),
        code_sha256=provenance.code_sha256(MADE_BY),
    )


def weights_sha256(model: Path) -> str:
    """Of a model folder's tensors, whatever their file adds."""
    return artifacts.tensors_sha256(artifacts.read_tensors(model / artifacts.WEIGHTS.name))


def head_sha256(model: Path) -> str:
    facts = artifacts.read_json(model / artifacts.HEAD_FACTS.name)
    tensors = artifacts.tensors_sha256(artifacts.read_tensors(model / artifacts.HEAD.name))
    return _sha256(tensors + json.dumps(facts, sort_keys=True))


def settings_sha256(model: Path) -> str:
    settings = artifacts.read_json(model / artifacts.MODEL_SETTINGS.name)
    return _sha256(json.dumps(settings, sort_keys=True))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

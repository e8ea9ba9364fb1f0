"""What made a model, as digests: the same lineage is the same version.

All of it is read from the project's files, in the folder that holds dvc.yaml.
"""

import hashlib
import json
from dataclasses import dataclass

from latentops import artifacts, provenance

DATA = (
    artifacts.SPEC,
    artifacts.VOCABULARY,
    artifacts.tensors_path("train"),
    artifacts.tensors_path("valid"),
    artifacts.tensors_path("test"),
)
MADE_BY = ("prepare", "train")  # the stages whose code made the weights


@dataclass(frozen=True)
class Lineage:
    """Each field is a tag of the version."""

    weights_sha256: str
    data_md5: str  # JSON: file -> md5
    settings_sha256: str  # of the sections that stage train read
    code_sha256: str

    @property
    def key(self) -> str:
        parts = (self.weights_sha256, self.data_md5, self.settings_sha256, self.code_sha256)
        return _sha256("\n".join(parts))


def read() -> Lineage:
    """Of the model that the project's files hold now."""
    settings = artifacts.read_json(artifacts.MODEL_SETTINGS)
    return Lineage(
        weights_sha256=artifacts.tensors_sha256(artifacts.read_tensors(artifacts.WEIGHTS)),
        data_md5=provenance.md5_of_each(DATA),
        settings_sha256=_sha256(json.dumps(settings, sort_keys=True)),
        code_sha256=provenance.code_sha256(MADE_BY),
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

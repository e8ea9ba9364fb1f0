"""What made a model, as digests: the same lineage is the same version.

All of it is read from the project's files, in the folder that holds dvc.yaml.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from latentops import artifacts, provenance
from latentops.errors import ArtifactError

PIPELINE = Path("dvc.yaml")
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
        code_sha256=_sha256(provenance.md5_of_each(_code())),
    )


def _code() -> set[Path]:
    """The .py deps of the stages that make a model, as dvc.yaml lists them."""
    stages = _stages()
    listed = [dep for name in MADE_BY for dep in stages.get(name, {}).get("deps", [])]
    paths = (next(iter(dep)) if isinstance(dep, dict) else dep for dep in listed)
    return {Path(path) for path in paths if str(path).endswith(".py")}


def _stages() -> dict[str, Any]:
    try:
        return dict(yaml.safe_load(PIPELINE.read_text(encoding="utf-8"))["stages"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ArtifactError(
            f"{PIPELINE} in {Path.cwd()} should list the project's stages, whose code is part of a "
            f"version's lineage. It cannot be read: {' '.join(str(error).split())}."
        ) from error


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

"""A version as it is served: what it is called, where its files lie, and what they were."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Self

import pydantic

from latentops import artifacts
from latentops.artifacts import Schema

FILE = "model.json"
"""In an exported folder, beside the model's own files."""

UNREGISTERED = "0"  # a registry counts its versions from 1

_Sha256 = Annotated[str, pydantic.StringConstraints(pattern="^[0-9a-f]{64}$")]
_FileName = Annotated[str, pydantic.StringConstraints(pattern=r"^[^/\\\x00]+$")]


class Exported(Schema):
    """model.json: what a folder was exported from."""

    name: str
    version: str
    lineage_key: str
    sha256: dict[_FileName, _Sha256]  # of each other file of the folder


@dataclass(frozen=True)
class Release:
    """One version of a model, in a folder on this machine."""

    name: str
    version: str
    lineage_key: str  # empty: nobody recorded what made it
    folder: Path
    sha256s: Mapping[str, str] = field(default_factory=dict)  # by file name; empty: not known

    @classmethod
    def of_folder(cls, folder: Path) -> Self:
        """As its model.json says; a folder without one is called by its own name."""
        if not (folder / FILE).is_file():
            return cls(folder.resolve().name, UNREGISTERED, "", folder)
        told = artifacts.read_schema(Exported, folder / FILE)
        return cls(told.name, told.version, told.lineage_key, folder, told.sha256)

    def write(self) -> None:
        """The folder's model.json."""
        told = Exported(
            name=self.name,
            version=self.version,
            lineage_key=self.lineage_key,
            sha256=dict(self.sha256s),
        )
        artifacts.write_json(told, self.folder / FILE)

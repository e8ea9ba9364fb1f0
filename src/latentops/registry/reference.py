"""What a person calls a version: NAME, NAME@alias or NAME/3."""

import re
from dataclasses import dataclass

from latentops.errors import StoreError
from latentops.registry.settings import NAME

_NAME = NAME.removeprefix("^").removesuffix("$")
_REFERENCE = re.compile(rf"(?P<name>{_NAME})(?:@(?P<alias>{_NAME})|/(?P<version>[0-9]{{1,9}}))?")
_URI = "models:/"


@dataclass(frozen=True)
class Reference:
    """At most one of `version` and `alias` is given."""

    name: str
    version: int | None = None
    alias: str | None = None

    def __str__(self) -> str:
        if self.version is not None:
            return f"{self.name}/{self.version}"
        return f"{self.name}@{self.alias}" if self.alias else self.name


def parse(text: str) -> Reference:
    """Also of MLflow's form, models:/NAME@alias. Raises StoreError for anything else."""
    found = _REFERENCE.fullmatch(text.removeprefix(_URI))
    if found is None:
        raise StoreError(
            "A model is called NAME, NAME@alias or NAME/version; names and aliases have letters, "
            f"digits and . _ - and begin with one of the first two. Got {text!r}."
        )
    version = found["version"]
    return Reference(found["name"], None if version is None else int(version), found["alias"])


def check_name(name: str) -> None:
    """Raises StoreError for what cannot be a model's name."""
    if not re.fullmatch(_NAME, name):
        raise StoreError(
            "A model's name has letters, digits and . _ - and begins with one of the first two. "
            f"Got {name!r}."
        )

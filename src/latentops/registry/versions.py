"""The versions of a registered model."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlflow.entities.model_registry import ModelVersion, RegisteredModel

from latentops.errors import StoreError
from latentops.registry.audit import CHAMPION
from latentops.registry.reference import Reference, check_name
from latentops.store import Store, connect, one_line_errors

CHALLENGER = "challenger"
_SEALED = "sealed_commit"


@dataclass(frozen=True)
class Version:
    """One version of a registered model; its tags carry its scores and lineage."""

    name: str
    number: int
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    source: str  # models:/<id of the logged model>
    registered_at_ms: int  # since 1970, UTC

    def __str__(self) -> str:
        return f"version {self.number} of {self.name}"

    @property
    def sealed_commit(self) -> str | None:
        return self.tags.get(_SEALED)


def names() -> list[str]:
    """Of all registered models."""
    store = connect()
    found: list[str] = []
    token: str | None = ""
    with one_line_errors(store.uri):
        while token is not None:
            page = store.client.search_registered_models(page_token=token or None)
            found += [model.name for model in page]
            token = page.token or None
    return sorted(found)


def list_versions(name: str) -> list[Version]:
    """Newest first."""
    check_name(name)
    store = connect()
    with one_line_errors(store.uri):
        return all_of(store, name)


def find(reference: Reference, otherwise: str = CHAMPION) -> Version:
    """That version, or the one with that alias; where it names neither, the one of `otherwise`."""
    check_name(reference.name)
    store = connect()
    with one_line_errors(store.uri):
        return found(store, reference, otherwise)


def all_of(store: Store, name: str) -> list[Version]:
    """Newest first."""
    model = store.client.get_registered_model(name)
    listed = store.client.search_model_versions(f"name='{name}'")
    versions = [version_of(model, one) for one in listed]
    return sorted(versions, key=lambda version: version.number, reverse=True)


def found(store: Store, reference: Reference, otherwise: str = CHAMPION) -> Version:
    """As `find`, in an open store."""
    versions = all_of(store, reference.name)
    alias = reference.alias or otherwise
    for version in versions:
        if version.number == reference.version:
            return version
        if reference.version is None and alias in version.aliases:
            return version
    raise StoreError(_missing(reference, alias, versions))


def version_of(model: RegisteredModel, found: ModelVersion) -> Version:
    number = int(found.version)
    aliases = sorted(alias for alias, of in model.aliases.items() if int(of) == number)
    return Version(
        name=model.name,
        number=number,
        aliases=tuple(aliases),
        tags=found.tags,
        source=str(found.source),
        registered_at_ms=found.creation_timestamp,
    )


def _missing(reference: Reference, alias: str, versions: list[Version]) -> str:
    if not versions:
        return f"{reference.name} has no version. Register one: `dvc repro register`."
    listed = ", ".join(
        f"{version.number}{''.join(f' @{name}' for name in version.aliases)}"
        for version in reversed(versions)
    )
    what = f"version {reference.version}" if reference.version is not None else f"alias {alias!r}"
    lost = alias == CHAMPION and reference.version is None
    heal = f" `latentops registry verify {reference.name} --heal` puts it back." if lost else ""
    return f"{reference.name} has no {what}. There are: {listed}.{heal}"

"""The versions of a registered model, and which of them is the champion.

`promote` and `rollback` move the alias only; what they move it to is never changed. The champion
before is a tag of the registered model, written first: a kill in between moves nothing.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion, RegisteredModel

from latentops.errors import StoreError
from latentops.registry import rule
from latentops.registry.rule import Decision
from latentops.registry.settings import NAME, Settings
from latentops.store import connect, one_line_errors

CHAMPION = "champion"
CHALLENGER = "challenger"
_BEFORE = "champion_before"


@dataclass(frozen=True)
class Version:
    """One version of a registered model; its tags carry its scores and lineage."""

    name: str
    number: int
    aliases: tuple[str, ...]
    tags: Mapping[str, str]

    @property
    def scores(self) -> rule.Scores:
        """Raises StoreError where the version was not registered by us."""
        try:
            return rule.Scores(
                elbo_nats=float(self.tags["elbo_nats"]),
                active_units=int(float(self.tags["active_units"])),
                test_md5=self.tags["test_md5"],
            )
        except (KeyError, ValueError) as error:
            raise StoreError(
                f"Version {self.number} of {self.name} has no usable score ({error}). "
                "Register it with `dvc repro register`."
            ) from error


def list_versions(name: str) -> list[Version]:
    """Newest first."""
    with registered(name) as (client, model):
        found = client.search_model_versions(f"name='{name}'")
        versions = [version_of(model, one) for one in found]
        return sorted(versions, key=lambda version: version.number, reverse=True)


def promote(name: str, policy: Settings, number: int | None = None) -> Decision:
    """Make that version, or the challenger, the champion if the rule agrees."""
    with registered(name) as (client, model):
        candidate = _get(client, model, number) if number else _aliased(client, model, CHALLENGER)
        champion = _aliased(client, model, CHAMPION)
        if candidate is None:
            raise StoreError(f"{name} has no challenger. Register one: `dvc repro register`.")
        if candidate == champion:
            return Decision(True, (f"version {candidate.number} is the champion already",))
        decision = rule.decide(candidate.scores, champion.scores if champion else None, policy)
        if decision.promote:
            _crown(client, candidate, champion)
        return decision


def rollback(name: str) -> Version:
    """Make the champion before the champion again, once."""
    with registered(name) as (client, model):
        before = model.tags.get(_BEFORE)
        if before is None or before == str(model.aliases.get(CHAMPION)):
            raise StoreError(f"{name} has no champion before this one to go back to.")
        version = _get(client, model, int(before))
        client.set_registered_model_alias(name, CHAMPION, str(version.number))
        client.delete_registered_model_tag(name, _BEFORE)
        return version


@contextmanager
def registered(name: str) -> Iterator[tuple[MlflowClient, RegisteredModel]]:
    """The registered model of that name, while no other process here writes to its store."""
    check_name(name)
    store = connect()
    with one_line_errors(store.uri), store.lock:
        yield store.client, store.client.get_registered_model(name)


def check_name(name: str) -> None:
    if not re.fullmatch(NAME, name):
        raise StoreError(
            f"A model's name has letters, digits and . _ - and begins with one of the first two. "
            f"Got {name!r}."
        )


def version_of(model: RegisteredModel, found: ModelVersion) -> Version:
    number = int(found.version)
    aliases = sorted(alias for alias, of in model.aliases.items() if int(of) == number)
    return Version(model.name, number, tuple(aliases), found.tags)


def _get(client: MlflowClient, model: RegisteredModel, number: int) -> Version:
    return version_of(model, client.get_model_version(model.name, str(number)))


def _aliased(client: MlflowClient, model: RegisteredModel, alias: str) -> Version | None:
    number = model.aliases.get(alias)
    return None if number is None else _get(client, model, int(number))


def _crown(client: MlflowClient, candidate: Version, champion: Version | None) -> None:
    if champion:
        client.set_registered_model_tag(candidate.name, _BEFORE, str(champion.number))
    client.set_registered_model_alias(candidate.name, CHAMPION, str(candidate.number))

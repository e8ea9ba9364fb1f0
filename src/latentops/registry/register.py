"""Register the project's model: once for each lineage, whatever was killed or wiped before."""

from mlflow import MlflowClient
from mlflow.entities import LifecycleStage
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from latentops.registry import package
from latentops.registry.candidate import Candidate
from latentops.registry.versions import CHALLENGER, CHAMPION, Version, check_name, version_of
from latentops.store import Store, connect, one_line_errors


def register(name: str, candidate: Candidate) -> Version:
    """The version of that lineage, found or made; challenger, and champion where there is none.

    A version that is found keeps its model; its scores become those of the candidate.
    """
    check_name(name)
    store = connect()
    with one_line_errors(store.uri), store.lock:
        found = _found(store.client, name, candidate.lineage.key)
        version = found or _created(store, name, candidate)
        _refresh_scores(store.client, version, candidate)
        _set_aliases(store.client, name, str(version.version))
        return version_of(
            store.client.get_registered_model(name),
            store.client.get_model_version(name, version.version),
        )


def _found(client: MlflowClient, name: str, lineage_key: str) -> ModelVersion | None:
    same = client.search_model_versions(f"name='{name}' and tags.`lineage_key`='{lineage_key}'")
    return min(same, key=lambda version: int(version.version), default=None)


def _created(store: Store, name: str, candidate: Candidate) -> ModelVersion:
    """The version is made last and with all its tags: before it, nothing is registered."""
    run_id = _run(store, candidate)
    tags = {**candidate.tags(), "run_id": run_id}
    model_id = package.log(store, run_id, candidate, tags)
    _ensure_model(store.client, name)
    with store.as_default():
        return store.client.create_model_version(name, f"models:/{model_id}", run_id, tags=tags)


def _run(store: Store, candidate: Candidate) -> str:
    """The run that trained it, or a fresh one where the store was wiped or never had it."""
    try:
        known = store.client.get_run(candidate.run_id)
        if known.info.lifecycle_stage == LifecycleStage.ACTIVE:
            return candidate.run_id
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            raise
    tags = {**candidate.tags(), "restored_from_run": candidate.run_id}
    fresh = store.client.create_run(store.experiment_id(candidate.experiment), tags=tags)
    store.client.set_terminated(fresh.info.run_id)
    return str(fresh.info.run_id)


def _ensure_model(client: MlflowClient, name: str) -> None:
    if not client.search_registered_models(f"name='{name}'"):
        client.create_registered_model(name)


def _refresh_scores(client: MlflowClient, version: ModelVersion, candidate: Candidate) -> None:
    for key, value in candidate.score_tags().items():
        if version.tags.get(key) != value:
            client.set_model_version_tag(version.name, version.version, key, value)


def _set_aliases(client: MlflowClient, name: str, number: str) -> None:
    aliases = client.get_registered_model(name).aliases
    if str(aliases.get(CHALLENGER)) != number:
        client.set_registered_model_alias(name, CHALLENGER, number)
    if CHAMPION not in aliases:
        client.set_registered_model_alias(name, CHAMPION, number)

"""Register the project's model: once for each lineage, whatever was killed or wiped before."""

import logging
from collections.abc import Mapping

from mlflow import MlflowClient
from mlflow.entities import LifecycleStage, LoggedModelStatus
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from latentops.errors import RefusedError
from latentops.registry import audit, package
from latentops.registry.audit import Log
from latentops.registry.candidate import Candidate
from latentops.registry.reference import check_name
from latentops.registry.versions import CHALLENGER, Version, version_of
from latentops.store import ABSENT, Store, connect, one_line_errors

_log = logging.getLogger(__name__)
_LATER = ("sealed_commit", "sealed_dvc_lock_sha256", "verdict", "reproduced")  # tags of an event


def register(name: str, candidate: Candidate) -> Version:
    """The version of that lineage, found or made; challenger, and champion where there is none.

    A version that is found keeps its model; its scores and card become those of the candidate.
    """
    check_name(name)
    store = connect()
    with one_line_errors(store.uri), store.lock:
        found = _found(store.client, name, candidate.lineage.key)
        version = found or _created(store, name, candidate)
        log = audit.begin(store, name)
        log.settle()
        record(store, log, version)
        if found:
            _refresh(store, log, version, candidate)
        _challenge(store.client, name, str(version.version))
        return version_of(
            store.client.get_registered_model(name),
            store.client.get_model_version(name, version.version),
        )


def origin(name: str, candidate: Candidate) -> dict[str, str]:
    """Tags that say what the version is made of: those of its first registration, if it had one.

    The commit on top of which that was may have a successor since, and dvc.lock more stages. Only
    tags that the candidate has are told.
    """
    check_name(name)
    store = connect()
    with one_line_errors(store.uri):
        found = _found(store.client, name, candidate.lineage.key)
    known = {} if found is None else found.tags
    scores = candidate.score_tags()
    return {
        tag: known.get(tag, value) for tag, value in candidate.tags().items() if tag not in scores
    }


def record(store: Store, log: Log, version: ModelVersion) -> None:
    """Write into the log that the version is there, if that is not in it.

    The first is champion; of a model that had one before it had a log, that one is.
    """
    number, chain = int(version.version), log.read()
    if chain.registered(number):
        return
    if chain.champion is None and (aliased := log.aliased()) not in (None, number):
        record(store, log, store.client.get_model_version(log.name, str(aliased)))
        chain = log.read()
    facts = _facts(version.tags)
    if chain.champion is None:
        try:
            log.append("registered", number, "the first", champion=number, facts=facts)
            return
        except RefusedError:  # another machine was first
            pass
    log.append("registered", number, facts=facts)


def _facts(tags: Mapping[str, str]) -> dict[str, str]:
    """Nothing of a version that was registered by other means."""
    known = tags if "lineage_key" in tags else {}
    return {name: audit.told(value) for name, value in known.items() if name not in _LATER}


def _found(client: MlflowClient, name: str, lineage_key: str) -> ModelVersion | None:
    same = client.search_model_versions(f"name='{name}' and tags.`lineage_key`='{lineage_key}'")
    return min(same, key=lambda version: int(version.version), default=None)


def _created(store: Store, name: str, candidate: Candidate) -> ModelVersion:
    """The version is made last and with all its tags: before it, nothing is registered."""
    run_id = _run(store, candidate)
    tags = {**candidate.tags(), "run_id": run_id}
    model_id = package.log(store, run_id, candidate, tags)
    log = audit.begin(store, name)
    _warn_of_other_data(store.client, name, candidate)
    if (first := _first(store, log, candidate.lineage.key, model_id)) != model_id:
        package.discard(store, model_id)
        if found := _found(store.client, name, candidate.lineage.key):
            return found
    tags[package.PACKAGE] = store.client.get_logged_model(first).tags[package.PACKAGE]
    with store.as_default():
        made = store.client.create_model_version(
            name, f"models:/{first}", run_id, tags=tags, model_id=first
        )
    return _without_twin(store.client, made, candidate.lineage.key)


def _without_twin(client: MlflowClient, made: ModelVersion, lineage_key: str) -> ModelVersion:
    """The earliest version of the lineage: another machine may have been quicker by a moment, and
    MLflow asks a server again whose answer was lost, so that the first version is made twice."""
    first = _found(client, made.name, lineage_key) or made
    if first.version != made.version:
        client.delete_model_version(made.name, made.version)
    return first


def _first(store: Store, log: Log, lineage_key: str, model_id: str) -> str:
    """The logged model of that lineage that all writers agree on, wherever they are.

    One that was deleted since does not count: the next is agreed on.
    """
    for attempt in range(1_000):
        first = log.lineage_claim(f"{lineage_key}_{attempt}", model_id)
        if first == model_id or _ready(store, first):
            return first
    return model_id


def _ready(store: Store, model_id: str) -> bool:
    try:
        return bool(store.client.get_logged_model(model_id).status == LoggedModelStatus.READY)
    except MlflowException as error:
        if error.error_code not in ABSENT:
            raise
        return False


def _run(store: Store, candidate: Candidate) -> str:
    """The run that trained it, or a fresh one where the store was wiped or never had it."""
    try:
        known = store.client.get_run(candidate.run_id)
        if known.info.lifecycle_stage == LifecycleStage.ACTIVE:
            return candidate.run_id
    except MlflowException as error:
        if error.error_code not in ABSENT:
            raise
    tags = {**candidate.tags(), "restored_from_run": candidate.run_id}
    fresh = store.client.create_run(store.experiment_id(candidate.experiment), tags=tags)
    store.client.set_terminated(fresh.info.run_id)
    return str(fresh.info.run_id)


def _warn_of_other_data(client: MlflowClient, name: str, candidate: Candidate) -> None:
    sources = {
        version.tags.get("source") for version in client.search_model_versions(f"name='{name}'")
    } - {None, candidate.spec.source}
    if sources:
        _log.warning(
            "%s has versions of %s, and this one is of %s. Models of other data belong under "
            "another registry.name in params.yaml.",
            name,
            ", ".join(sorted(map(str, sources))),
            candidate.spec.source,
        )


def _refresh(store: Store, log: Log, version: ModelVersion, candidate: Candidate) -> None:
    """The scores of another evaluation, and the event that says so."""
    scores, recorded = candidate.score_tags(), log.read().recorded(int(version.version))
    changed = {key: value for key, value in scores.items() if version.tags.get(key) != value}
    if changed:
        package.log_card(store, str(version.source), candidate)
    for key, value in changed.items():
        store.client.set_model_version_tag(version.name, version.version, key, value)
    facts = {key: audit.told(value) for key, value in scores.items()}
    if recorded and not facts.items() <= recorded.items():
        log.append("rescored", int(version.version), facts=facts)


def _challenge(client: MlflowClient, name: str, number: str) -> None:
    if str(client.get_registered_model(name).aliases.get(CHALLENGER)) != number:
        client.set_registered_model_alias(name, CHALLENGER, number)

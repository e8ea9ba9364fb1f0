"""The lineage of a version, link by link: each is checked, none is only printed.

A version's tags carry what made it, so that they hold where its run was deleted. They are compared
with the files that the store holds, with the run, with the commit, with the study and with the log.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlflow.entities import LifecycleStage, Run
from mlflow.exceptions import MlflowException

from latentops import artifacts, config, provenance
from latentops.errors import ArtifactError, GitError, IntegrityError, StoreError
from latentops.registry import audit, commit, fetch, lineage, trial
from latentops.registry.audit import CHAMPION
from latentops.registry.checks import Check, State
from latentops.registry.commit import SHORT, Snapshot
from latentops.registry.lineage import Lineage
from latentops.registry.seal import LOCK_SHA256
from latentops.registry.versions import Version
from latentops.store import ABSENT, Store, connect, one_line_errors, project_root

_MODEL_MD5, _DATA_MD5 = "model_md5", "data_md5"
_RUN_TAGS = ("lineage_key", "weights_sha256", "settings_sha256", "code_sha256")
_CHANGED_TAG = "Somebody changed the version's tags: do not use it."


@dataclass(frozen=True)
class _Traced:
    """What the links are checked against; where a thing is not there, its fault says why."""

    version: Version
    store: Store
    project: Path | None
    model: Path | None  # its folder
    model_fault: str
    at: Snapshot | None  # the pipeline at the commit
    commit_fault: str

    @property
    def tags(self) -> Mapping[str, str]:
        return self.version.tags

    def settings(self) -> dict[str, Any]:
        """Of model/settings.json by dotted name; empty where the model cannot be read."""
        if self.model is None:
            return {}
        return config.flat(artifacts.read_json(self.model / artifacts.MODEL_SETTINGS.name))


@dataclass(frozen=True)
class _Found:
    state: State
    what: str
    advice: str = ""


def trace(version: Version) -> list[Check]:
    """From the version to the event that registered it, in the order in which one asks."""
    store = connect()
    with one_line_errors(store.uri):
        traced = _traced(store, version)
        return [_check(name, traced) for name in _LINKS]


def _traced(store: Store, version: Version) -> _Traced:
    model, model_fault = _model(store, version)
    project = _project()
    at, commit_fault = _snapshot(project, version)
    return _Traced(version, store, project, model, model_fault, at, commit_fault)


def _model(store: Store, version: Version) -> tuple[Path | None, str]:
    """Checked against the version's tags; that these are those of the log is a link of its own."""
    try:
        return fetch.checked(version, fetch.stored(store, version)), ""
    except (StoreError, ArtifactError) as error:
        return None, str(error)


def _project() -> Path | None:
    try:
        return project_root()
    except StoreError:  # the store is elsewhere, and nobody asks from within a project
        return None


def _snapshot(project: Path | None, version: Version) -> tuple[Snapshot | None, str]:
    if version.sealed_commit is None:
        return None, "the version is not sealed"
    if project is None:
        return None, "there is no project here whose repository could be asked"
    try:
        return commit.read(project, provenance.commit(project, version.sealed_commit)), ""
    except GitError as error:
        return None, str(error)


def _check(name: str, traced: _Traced) -> Check:
    try:
        found = _LINKS[name](traced)
    except (ArtifactError, IntegrityError) as error:
        found = _Found("failed", str(error))
    return Check(name, found.state, found.what, found.advice)


def _version(traced: _Traced) -> _Found:
    version = traced.version
    try:
        made_of = Lineage(**{name: traced.tags[name] for name in Lineage.__dataclass_fields__})
    except KeyError as error:
        return _Found("failed", f"tag {error} is gone", _CHANGED_TAG)
    if made_of.key != traced.tags.get("lineage_key"):
        return _Found("failed", "its lineage key is not that of its tags", _CHANGED_TAG)
    at = datetime.fromtimestamp(version.registered_at_ms / 1000, UTC)
    aliases = "".join(f" @{alias}" for alias in version.aliases)
    return _Found("ok", f"{version.name}/{version.number}{aliases}, registered {at:%Y-%m-%d %H:%M}")


def _weights(traced: _Traced) -> _Found:
    if traced.model is None:
        return _Found("failed", traced.model_fault)
    weights, head = lineage.weights_sha256(traced.model), lineage.head_sha256(traced.model)
    if (weights, head) != (traced.tags.get("weights_sha256"), traced.tags.get("head_sha256")):
        return _Found("failed", f"the stored tensors give {weights[:SHORT]}", _CHANGED_TAG)
    return _Found("ok", f"{weights[:SHORT]}, classifier {head[:SHORT]}, of the stored files")


def _run(traced: _Traced) -> _Found:
    run_id = traced.tags.get("run_id", "")
    run = _active_run(traced.store, run_id)
    if run is None:
        what = f"{run_id[:SHORT]} is not in the store any more"
        return _Found("absent", what, "The version's tags carry what it knew.")
    if faults := list(_run_faults(traced, run)):
        return _Found("failed", f"{run_id[:SHORT]}: {faults[0]}", "Do not believe the run.")
    return _Found("ok", f"{run_id[:SHORT]}, {run.info.status.lower()}")


def _active_run(store: Store, run_id: str) -> Run | None:
    try:
        run = store.client.get_run(run_id)
    except MlflowException as error:
        if error.error_code in ABSENT:
            return None
        raise
    return run if run.info.lifecycle_stage == LifecycleStage.ACTIVE else None


def _run_faults(traced: _Traced, run: Run) -> Iterator[str]:
    """What the run says otherwise than the version: tags, data, settings."""
    for name in _RUN_TAGS:
        if run.data.tags.get(name, traced.tags.get(name)) != traced.tags.get(name):
            yield f"its tag {name} is not the version's"
    data = commit.expected_md5(traced.tags, _DATA_MD5)
    for path, md5 in commit.expected_md5(run.data.tags, _DATA_MD5).items():
        if data.get(path) != md5:
            yield f"it read another {path}"
    for name, value in traced.settings().items():
        if run.data.params.get(name, str(value)) != str(value):
            yield f"its {name} is {run.data.params[name]}, the model's {value}"


def _commit(traced: _Traced) -> _Found:
    sha, version = traced.version.sealed_commit, traced.version
    if sha is None:
        seal = f"`latentops registry seal {version.name} {version.number}`"
        return _Found("absent", traced.commit_fault, f"Commit dvc.lock, then {seal}.")
    if not re.fullmatch("[0-9a-f]{40,64}", sha):
        return _Found("failed", f"the tag sealed_commit is {sha[:SHORT]!r}", _CHANGED_TAG)
    if traced.commit_fault:
        return _Found("absent", f"{sha[:SHORT]}, not to be had here", traced.commit_fault)
    return _Found("ok", sha[:SHORT])


def _lock(traced: _Traced) -> _Found:
    if traced.commit_fault:
        return _Found("absent", "there is no commit to read it from")
    seal_again = "Seal the version with the commit that makes it."
    if traced.at is None:
        return _Found("failed", "the commit holds none", seal_again)
    if traced.at.lock_sha256 != traced.tags.get(LOCK_SHA256):
        return _Found("failed", "it is another than when the version was sealed", seal_again)
    if found := commit.recorded_differences(traced.at, traced.tags, _MODEL_MD5):
        return _Found("failed", found[0], seal_again)
    return _Found("ok", f"{traced.at.lock_sha256[:SHORT]}, makes this model")


def _data(traced: _Traced) -> _Found:
    expected = commit.expected_md5(traced.tags, _DATA_MD5)
    for path in (artifacts.SPEC, artifacts.VOCABULARY):
        if traced.model and artifacts.md5(traced.model / path.name) != expected.get(path):
            return _Found("failed", f"the model's {path.name} is of other data", _CHANGED_TAG)
    if found := traced.at and commit.recorded_differences(traced.at, traced.tags, _DATA_MD5):
        return _Found("failed", found[0], _CHANGED_TAG)
    train = expected.get(artifacts.tensors_path("train"), "none")
    return _compared(traced, f"{len(expected)} files, train {train[:SHORT]}")


def _settings(traced: _Traced) -> _Found:
    recorded = traced.tags.get("settings_sha256", "")
    if traced.model and lineage.settings_sha256(traced.model) != recorded:
        return _Found("failed", "the model's settings.json is another", _CHANGED_TAG)
    if found := traced.at and commit.settings_differences(traced.at):
        return _Found("failed", found[0], "Seal the version with the commit that makes it.")
    named = (f"{name} {value}" for name, value in traced.settings().items() if name in _NAMED)
    return _compared(traced, ", ".join([recorded[:SHORT], *named]))


_NAMED = ("objective.beta", "model.latent")


def _compared(traced: _Traced, what: str) -> _Found:
    """With the stored model, the commit, or both; where neither can be had, with nothing."""
    others = [*(["the model"] if traced.model else []), *(["the commit"] if traced.at else [])]
    if not others:
        return _Found("absent", f"{what}, and nothing to compare it with")
    return _Found("ok", f"{what}, as in {' and '.join(others)}")


def _code(traced: _Traced) -> _Found:
    recorded = traced.tags.get("code_sha256", "")
    if traced.at is None:
        return _Found("absent", f"{recorded[:SHORT]}, and no commit to compare it with")
    if found := commit.code_differences(traced.at, traced.tags):
        return _Found("failed", found[0], "Seal the version with the commit that makes it.")
    files = sum(path.suffix == ".py" for path in traced.at.md5)
    return _Found("ok", f"{recorded[:SHORT]}, {files} files of the commit")


def _study(traced: _Traced) -> _Found:
    study, number = traced.tags.get("study"), traced.tags.get("trial", "")
    if study is None:
        return _Found("absent", "no study chose the settings")
    named = f"study {study}, trial {number}"
    chosen = _chosen(traced, study, number)
    if chosen is None:
        return _Found("absent", f"{named}: neither tune/ nor the store has it now")
    if not (settings := traced.settings()):
        return _Found("absent", f"{named}, and no settings to compare it with")
    for name, value in chosen.items():
        if settings.get(name) != value:
            what = f"{named} chose {name} {_shown(value)}, the model has {settings.get(name)}"
            return _Found("failed", what, _CHANGED_TAG)
    told = (f"{name} {_shown(value)}" for name, value in chosen.items())
    return _Found("ok", ", ".join([named, *told]))


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _chosen(traced: _Traced, study: str, number: str) -> dict[str, Any] | None:
    held = trial.choice(traced.project, study, number) if traced.project else None
    return held or _logged_choice(traced, study, number)


def _logged_choice(traced: _Traced, study: str, number: str) -> dict[str, Any] | None:
    """As stage tune logged it: a run for the study and one below it for each trial."""
    client = traced.store.client
    experiment = client.get_experiment_by_name(Path(traced.tags.get("source", "")).stem or "none")
    if experiment is None or not (study.isalnum() and number.isdigit()):
        return None
    where = [experiment.experiment_id]
    for parent in client.search_runs(where, f"tags.study = '{study}'"):
        below = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}' and tags.trial = '{number}'"
        for run in client.search_runs(where, below):
            return {name: trial.value(text) for name, text in run.data.params.items()}
    return None


def _event(traced: _Traced) -> _Found:
    version = traced.version
    heal = f"`latentops registry verify {version.name} --heal`"
    if (log := audit.find(traced.store, version.name)) is None:
        return _Found("absent", "the model was registered by other means", f"{heal} begins a log.")
    chain = log.read()
    if chain.fault:
        return _Found("failed", str(chain.fault), "Restore the store from a backup.")
    if (event := chain.registered(version.number)) is None:
        return _Found("failed", "the log does not know the version", f"{heal} writes it there.")
    chain.require_recorded(version.number, version.tags)
    if CHAMPION in version.aliases:
        log.require_alias(chain)
    if chain.sealed(version.number) != version.sealed_commit:
        what = "the log knows no seal with that commit"
        return _Found("failed", what, f"`latentops registry seal {version.name} {version.number}`.")
    said = f"{event.number} of {len(chain.events)}: {event.kind} {event.at[:10]} by {event.by}"
    return _Found("ok", said)


_LINKS = {
    "version": _version,
    "weights hash": _weights,
    "run": _run,
    "git commit": _commit,
    "dvc.lock": _lock,
    "data md5": _data,
    "settings": _settings,
    "code": _code,
    "study and trial": _study,
    "audit event": _event,
}

"""Tie a version to the git commit that makes it, once the commit is proved to.

Under `dvc repro` the commit that will hold dvc.lock does not exist yet, so a version is registered
without one and sealed after `git commit`.
"""

from pathlib import Path

from latentops import provenance
from latentops.errors import RefusedError
from latentops.registry import audit, commit, fetch
from latentops.registry.reference import Reference
from latentops.registry.versions import CHALLENGER, Version, find
from latentops.store import Store, connect, one_line_errors, project_root

COMMIT, LOCK_SHA256 = "sealed_commit", "sealed_dvc_lock_sha256"


def seal(name: str, number: int | None = None, rev: str = "HEAD") -> Version:
    """Seal that version, or the challenger, with the commit that `rev` means.

    Raises RefusedError, and changes nothing, where the commit makes another model.
    """
    version = find(Reference(name, number), CHALLENGER)
    fetch.folder(version)  # what is sealed is what is stored, and what the log says
    folder = project_root()
    sha = provenance.commit(folder, rev)
    at = commit.read(folder, sha)
    if at is None:
        raise RefusedError(_refusal(version, sha, "it holds no dvc.lock", _LOCK_UNCOMMITTED))
    if found := commit.differences(at, version.tags):
        raise RefusedError(_refusal(version, sha, _first(found), _advice(folder, version, at)))
    store = connect()
    with one_line_errors(store.uri), store.lock:
        _write(store, version, {COMMIT: sha, LOCK_SHA256: at.lock_sha256})
    return find(Reference(name, version.number))


def _write(store: Store, version: Version, tags: dict[str, str]) -> None:
    """The event, then the tags: sealing again writes what a kill left out."""
    log = audit.require(store, version.name)
    if log.settle().sealed(version.number) != tags[COMMIT]:
        log.append("sealed", version.number, facts={"commit": tags[COMMIT]})
    for key, value in tags.items():
        if version.tags.get(key) != value:
            store.client.set_model_version_tag(version.name, str(version.number), key, value)


_LOCK_UNCOMMITTED = (
    "Commit what `dvc repro` wrote, `git add dvc.lock dvc.yaml params.yaml metrics && git commit`, "
    "and seal again."
)


def _refusal(version: Version, sha: str, reason: str, advice: str) -> str:
    return (
        f"Commit {sha[: commit.SHORT]} does not make {version}: {reason}. {advice} "
        "Nothing was changed."
    )


def _first(found: list[str]) -> str:
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{found[0]}{more}"


def _advice(folder: Path, version: Version, at: commit.Snapshot) -> str:
    """What to do: the model's lock may wait to be committed, or stand in another commit."""
    expected = commit.expected_md5(version.tags, "model_md5")
    missing = [md5 for path, md5 in expected.items() if {md5} != commit.recorded_md5(at, path)]
    if not expected:
        return "Register it again: `dvc repro --force --single-item register`."
    if not missing:
        return "If that is what made the version, commit it and seal again; if not, train again."
    if all(md5 in _text(folder / provenance.LOCK) for md5 in missing):
        return _LOCK_UNCOMMITTED
    if holding := provenance.first_with(folder, missing[0], provenance.LOCK):
        return f"Commit {holding[: commit.SHORT]} has it: seal with --commit {holding}."
    return "Make the model again with `dvc repro`, commit it and seal again."


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""

"""From a version to a model folder on this machine, checked against what was registered."""

import atexit
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import pydantic
from mlflow import artifacts as mlflow_artifacts

from latentops import artifacts
from latentops.errors import ArtifactError, IntegrityError, StoreError
from latentops.inference.folder import MODEL_FILES
from latentops.registry import audit, reference, versions
from latentops.registry.versions import Version
from latentops.store import Store, connect, one_line_errors

_DIGESTS = pydantic.TypeAdapter(
    dict[str, Annotated[str, pydantic.StringConstraints(pattern="^[0-9a-f]{64}$")]]
)
_FOLDER = "artifacts"  # in which MLflow keeps the files that a pyfunc model was given


def model_folder(text: str) -> Path:
    """Of NAME, NAME@alias or NAME/version, with or without models:/ before it.

    Raises IntegrityError where the champion is asked for and the alias is not where the log says.
    """
    asked = reference.parse(text)
    version = versions.find(asked)
    if asked.version is None and audit.CHAMPION in version.aliases:
        require_alias(version)
    return folder(version)


def require_alias(version: Version) -> None:
    """Raises IntegrityError where the champion is not the one that the log names."""
    store = connect()
    with one_line_errors(store.uri):
        if log := audit.find(store, version.name):
            log.require_alias(log.read())


def folder(version: Version) -> Path:
    """The folder with weights, settings, spec, vocabulary and classifier of that version.

    It is the store's own where that is on this machine, and else a temporary copy. Raises
    IntegrityError, naming the file, where one is not what was registered.
    """
    store = connect()
    with one_line_errors(store.uri):
        if log := audit.find(store, version.name):
            log.read().require_recorded(version.number, version.tags)
        return checked(version, stored(store, version))


def stored(store: Store, version: Version) -> Path:
    """As it lies in the store, not checked. Only the model's own files: the code that MLflow stores
    with them is ten times as many."""
    model = f"models:/{version.name}/{version.number}"
    with store.as_default():
        found = mlflow_artifacts.list_artifacts(artifact_uri=model)
        if not any(one.is_dir and one.path == _FOLDER for one in found):
            raise StoreError(
                f"No files of {version} are where the store says that they are: it was registered "
                "by other means, they were deleted, or the store was moved, after which `latentops "
                "relocate` finds them."
            )
        return Path(
            mlflow_artifacts.download_artifacts(
                artifact_uri=f"{model}/{_FOLDER}",
                dst_path=None if store.artifacts else _until_exit(),
            )
        )


def _until_exit() -> str:
    """A new folder that goes when the process ends."""
    folder = tempfile.mkdtemp(prefix="latentops-model-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def card(version: Version, name: str) -> Path:
    """That file of the version's card, which is not part of the model. ArtifactError without it."""
    store = connect()
    with one_line_errors(store.uri):
        place = stored(store, version)
    listed = card_digests(version)
    if name not in listed:
        raise ArtifactError(
            f"{version} was registered without a card that has {name}. Where the project holds it, "
            "`dvc repro --force --single-item register` adds it."
        )
    _require_same(version, place, {name: listed[name]})
    return place / name


def checked(version: Version, place: Path) -> Path:
    """`place`, whose files have the digests that the version's tags say."""
    _require_same(version, place, digests(version))
    return place


def _require_same(version: Version, place: Path, listed: Mapping[str, str]) -> None:
    for name, sha256 in listed.items():
        if not (place / name).is_file():
            raise IntegrityError(f"{name} of {version} is gone from {place}. {_advice(version)}")
        if artifacts.sha256(place / name) != sha256:
            raise IntegrityError(
                f"{name} of {version} is not what was registered: its SHA-256 does not begin with "
                f"{sha256[:12]}, as it did. {_advice(version)}"
            )


def card_digests(version: Version) -> dict[str, str]:
    """File name -> SHA-256; empty where it has no card."""
    try:
        return _DIGESTS.validate_json(version.tags.get("card_sha256", "{}"))
    except ValueError as error:
        raise IntegrityError(
            f"Tag card_sha256 of {version} is no list of digests: somebody changed it."
        ) from error


def digests(version: Version) -> dict[str, str]:
    """File name -> SHA-256, as they were when the version was registered; of every model file."""
    try:
        listed = _DIGESTS.validate_json(version.tags["files_sha256"])
        return {path.name: listed[path.name] for path in MODEL_FILES}
    except (KeyError, ValueError) as error:
        raise IntegrityError(
            f"{version} does not say what each of its files was (tag files_sha256), so that nobody "
            "can know whether they still are. Register it again with `dvc repro register`."
        ) from error


def _advice(version: Version) -> str:
    return (
        "Do not use it: go back with `latentops registry rollback`, or bring its files back with "
        f"`latentops registry verify {version.name} --heal` where the project still holds them."
    )

"""A version as a folder that serves without the registry: in a container, on another machine."""

import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from latentops.errors import ArtifactError
from latentops.monitor.profile import FILE as PROFILE
from latentops.registry import fetch, versions
from latentops.registry.reference import Reference
from latentops.registry.source import Registered
from latentops.registry.versions import Version
from latentops.release import Release


def export(asked: Reference, folder: Path) -> Release:
    """The model's files, its profile for `latentops monitor` where it has one, and model.json.

    The folder is there in one step, or not at all. Raises ArtifactError where it holds something
    already, and IntegrityError where a file of the version is not what was registered.
    """
    _require_new(folder)
    served = Registered(asked).current()
    files = {served.folder / name: sha256 for name, sha256 in served.sha256s.items()}
    files |= _profile(versions.find(Reference(served.name, version=int(served.version))))
    sha256s = {path.name: sha256 for path, sha256 in files.items()}
    release = replace(served, folder=folder.absolute(), sha256s=sha256s)
    try:
        _write(release, files)
    except OSError as error:
        raise ArtifactError(f"{folder} cannot be written: {error.strerror}.") from error
    return release


def _profile(version: Version) -> dict[Path, str]:
    """Its file and SHA-256; none of a version that has none."""
    listed = fetch.card_digests(version)
    return {fetch.card(version, PROFILE): listed[PROFILE]} if PROFILE in listed else {}


def _require_new(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        raise ArtifactError(
            f"{folder} is there already. Name a new folder: what is exported is not mixed with "
            "other files."
        )


def _write(release: Release, paths: Iterable[Path]) -> None:
    """Through a folder beside it, so that nobody reads a part."""
    folder = release.folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as beside:
        partial = Path(beside) / "model"
        partial.mkdir()
        for path in paths:
            shutil.copyfile(path, partial / path.name)
        replace(release, folder=partial).write()
        os.replace(partial, folder)

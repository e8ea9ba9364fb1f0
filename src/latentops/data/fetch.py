"""Public files: from a mirror folder, else by pooch from their origin; the same check for both.

A file that a mirror may hold in another packing is known by what is inside: the sha256 of the
unpacked bytes, or of the sorted names and bytes of an archive's members. What is downloaded must
have the sha256 of the public file as well.
"""

import errno
import hashlib
import logging
import lzma
import os
import re
import tarfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pooch
from tqdm import tqdm

from latentops.errors import DataError

MIRROR = "LATENTOPS_MIRROR"
CACHE = "LATENTOPS_CACHE"
_BROKEN = (ValueError, EOFError, OSError, KeyError, zlib.error, lzma.LZMAError, tarfile.TarError)


@dataclass(frozen=True)
class File:
    """A public file, `path` below the cache or the mirror.

    `sha256` is that of the public file. `unpacked_sha256` is that of its content where it is
    packed. `repacked` is the path below a mirror of the same content in another packing.
    """

    path: str
    url: str
    size: int  # bytes of the public file
    sha256: str
    unpacked_sha256: str = ""
    repacked: str = ""


def read(file: File, unpack: Callable[[bytes], bytes] = bytes) -> bytes:
    """The checked bytes of `file`, unpacked."""
    path = locate(file)
    try:
        content = unpack(path.read_bytes())
    except _BROKEN as error:
        raise _damaged(path, error) from error
    _check(file, path, hashlib.sha256(content).hexdigest(), file.unpacked_sha256 or file.sha256)
    return content


def read_members(file: File, wanted: re.Pattern[str], count: int) -> dict[str, bytes]:
    """The checked members of a tar archive whose names match, sorted by name.

    Nothing is unpacked to disk, so a member's name cannot lead anywhere. `count` is for the
    progress bar alone.
    """
    path = locate(file)
    members = {}
    bar = tqdm(total=count, desc=path.name, unit=" files", delay=1)
    try:
        with bar, tarfile.open(path, "r|*") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if (content := archive.extractfile(member)) and wanted.fullmatch(name):
                    members[name] = content.read()
                    bar.update()
    except _BROKEN as error:
        raise _damaged(path, error) from error
    members = dict(sorted(members.items()))
    _check(file, path, members_sha256(members), file.unpacked_sha256)
    return members


def members_sha256(members: Mapping[str, bytes]) -> str:
    """A digest of sorted names, sizes and bytes, whatever the archive's packing and order."""
    digest = hashlib.sha256()
    for name, content in sorted(members.items()):
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def locate(file: File) -> Path:
    """The file in the mirror where LATENTOPS_MIRROR names one, else in the cache, fetched once."""
    mirror = os.environ.get(MIRROR)
    return _in_mirror(file, Path(mirror)) if mirror else _in_cache(file)


def place(file: File) -> str:
    """Where `file` already is: 'mirror', 'cache' or ''. Reads nothing but names."""
    mirror = os.environ.get(MIRROR)
    if mirror:
        return "mirror" if _find(file, Path(mirror)) else ""
    return "cache" if (_cache() / file.path).is_file() else ""


def _in_mirror(file: File, mirror: Path) -> Path:
    if path := _find(file, mirror):
        return path
    raise DataError(
        f"{mirror / file.path} is missing. {MIRROR} is set to {str(mirror)!r}: put the file there "
        f"(from {file.url}), or unset {MIRROR} to download it."
    )


def _find(file: File, mirror: Path) -> Path | None:
    candidates = [mirror / name for name in (file.path, file.repacked) if name]
    return next((path for path in candidates if path.is_file()), None)


def _in_cache(file: File) -> Path:
    pooch.get_logger().setLevel(logging.WARNING)  # the progress bar says the rest
    path = _cache() / file.path
    downloader = pooch.HTTPDownloader(
        progressbar=True, timeout=30, hooks={"response": _close_if_refused}
    )
    try:
        pooch.retrieve(
            file.url,
            known_hash=f"sha256:{file.sha256}",
            fname=path.name,
            path=path.parent,
            downloader=downloader,
        )
    except ValueError as error:  # pooch's word for a hash that differs; nothing was kept
        raise DataError(
            f"{file.url} did not give the file that is pinned (sha256 {file.sha256[:12]}...). "
            f"Nothing was kept: try again later, or set {MIRROR} to a folder with {file.path}."
        ) from error
    except OSError as error:
        raise _unreachable(file, path, error) from error
    return path


def _close_if_refused(response: Any, **_: Any) -> None:
    """pooch leaves the connection of a failed request open."""
    if not response.ok:
        response.close()


def _unreachable(file: File, path: Path, error: OSError) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return error
    if isinstance(error, PermissionError):
        return DataError(f"{path} cannot be written. Set {CACHE} to a folder of your own.")
    answer = getattr(error, "response", None)
    reason = type(error).__name__ if answer is None else f"status {answer.status_code}"
    return DataError(
        f"{file.url} cannot be fetched ({reason}). Check the network, or set {MIRROR} to a folder "
        f"that holds {file.path}."
    )


def _cache() -> Path:
    return Path(os.environ.get(CACHE) or pooch.os_cache("latentops"))


def _check(file: File, path: Path, found: str, expected: str) -> None:
    if found != expected:
        raise DataError(
            f"{path} does not hold what is pinned (sha256 {expected[:12]}..., found "
            f"{found[:12]}...). Replace it with the file from {file.url}."
        )


def _damaged(path: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return DataError(f"{path} cannot be unpacked ({reason}). Remove it and run the command again.")

"""From `data.source` to the rows that it names: embedded, public, or a person's own."""

import difflib
from dataclasses import replace
from pathlib import Path

import pandas as pd

from latentops.data import own, own_images, own_sentences
from latentops.data.embedded import EMBEDDED
from latentops.data.fetch import place
from latentops.data.public import PUBLIC, PublicSet
from latentops.data.raw import Raw
from latentops.data.settings import Settings
from latentops.errors import DataError

WATCHED = Path("data/raw")  # a dep of stage prepare
NAMES = (*EMBEDDED, *PUBLIC)


def read(settings: Settings) -> Raw:
    """The rows of `settings.source`, as they are there."""
    name = settings.source
    if name in EMBEDDED:
        return replace(EMBEDDED[name].load(settings), licence=EMBEDDED[name].licence)
    if name in PUBLIC:
        return replace(
            PUBLIC[name].load(PUBLIC[name].files, settings), licence=PUBLIC[name].licence
        )
    return _read_own(Path(name), settings)


def listing() -> pd.DataFrame:
    """One row for each named source; `here` is 'package', 'mirror', 'cache' or ''."""
    embedded = [
        (name, known.kind, known.rows, "", known.licence, known.origin, "package")
        for name, known in EMBEDDED.items()
    ]
    public = [
        (name, known.kind, known.rows, _size(known), known.licence, known.origin, _here(known))
        for name, known in PUBLIC.items()
    ]
    columns = ["name", "kind", "rows", "size", "licence", "origin", "here"]
    return pd.DataFrame([*embedded, *public], columns=pd.Index(columns))


def _size(known: PublicSet) -> str:
    megabytes = sum(file.size for file in known.files.values()) / 1e6
    return f"{megabytes:.1f} MB"


def _here(known: PublicSet) -> str:
    """Where all of its files are; a set in parts is nowhere."""
    places = {place(file) for file in known.files.values()}
    return places.pop() if len(places) == 1 else ""


def _read_own(path: Path, settings: Settings) -> Raw:
    if not path.exists():
        raise _missing(settings.source)
    try:
        return replace(_read_path(path, settings), notes=_notes(path))
    except PermissionError as error:
        raise DataError(
            f"{error.filename or path} may not be read. Give yourself the right to."
        ) from error


def _read_path(path: Path, settings: Settings) -> Raw:
    if path.is_dir() and own_sentences.is_folder(path):
        return own_sentences.read_folder(path)
    if path.is_dir():
        return own_images.read_folder(path)
    if path.suffix.lower() == own_sentences.ENDING:
        return own_sentences.read_file(path)
    if path.suffix.lower() == ".npz":
        return own_images.read_npz(path)
    if path.suffix.lower() in own.READERS:
        return own.read_table(path, settings)
    raise DataError(
        f"{path}: files named {path.suffix or 'without an ending'} are not read. Bring one of "
        f"{', '.join([*own.READERS, own_sentences.ENDING, '.npz'])}, or a folder of images, or of "
        "sentences in train.txt."
    )


def _notes(path: Path) -> tuple[str, ...]:
    if path.resolve().is_relative_to(WATCHED.resolve()):
        return ()
    return (
        f"{path} is outside {WATCHED}/: DVC will not notice when it changes. "
        f"Move it there, or run `dvc repro --force prepare` after a change.",
    )


def _missing(source: str) -> DataError:
    path = Path(source)
    if path.name == source and not path.suffix:
        guess = difflib.get_close_matches(source, NAMES, n=1)
        hint = f" Did you mean {guess[0]!r}?" if guess else ""
        return DataError(
            f"data.source: there is no set, file or folder {source!r}.{hint} "
            "`latentops data list` shows the sets."
        )
    siblings = [file.name for file in path.parent.glob("*")]
    guess = difflib.get_close_matches(path.name, siblings, n=1)
    hint = f" Did you mean {str(path.parent / guess[0])!r}?" if guess else ""
    return DataError(
        f"data.source: {source!r} does not exist.{hint} A path is relative to {Path.cwd()}."
    )

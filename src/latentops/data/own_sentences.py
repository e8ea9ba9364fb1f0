"""A person's own sentences without labels: text files that hold one on each line.

A folder with train.txt, and perhaps valid.txt and test.txt, was cut by whoever made it, as the
Penn Treebank was: no row of it is left out for standing twice, so that its scores compare. A single
file is cut here, and what stands twice is left out, as of every other file of one's own.
"""

from pathlib import Path

import numpy as np

from latentops.data import own
from latentops.data.raw import Raw, make_table, refusals
from latentops.errors import DataError

ENDING = ".txt"


def is_folder(path: Path) -> bool:
    """Whether a folder holds the sentences to train on in a file named so."""
    return "train" in _files(path)


def read_folder(path: Path) -> Raw:
    """Every sentence of the files named for a split; `row` counts on from file to file."""
    split: list[str] = []
    lines: list[str] = []
    for name, file in _files(path).items():
        of_file = _lines(file)
        split += [name] * len(of_file)
        lines += of_file
    return _raw(path, {"text": lines, "split": split}, published=True)


def read_file(path: Path) -> Raw:
    """Every line that is not blank."""
    return _raw(path, {"text": _lines(path)}, published=False)


def _files(folder: Path) -> dict[str, Path]:
    """The file of each split, where there is one, in the order train, valid, test."""
    named = [
        (split, folder / f"{spelling}{ENDING}")
        for split, spellings in own.SPLITS.items()
        for spelling in spellings
    ]
    there = [(split, file) for split, file in named if file.is_file()]
    splits = [split for split, _ in there]
    if twice := next((split for split in splits if splits.count(split) > 1), None):
        names = " and ".join(file.name for split, file in there if split == twice)
        raise DataError(f"{folder} holds {names}, both for {twice}. Leave one.")
    return dict(there)


def _lines(path: Path) -> list[str]:
    lines = [line.strip() for line in own.decode(path).split("\n")]
    kept = [line for line in lines if line]
    if not kept:
        raise DataError(f"{path} holds no sentence. Expected one on each line.")
    return kept


def _raw(path: Path, columns: dict[str, list[str]], published: bool) -> Raw:
    places = list(range(len(columns["text"])))
    rows = own.without_broken_text(own.Rows(dict(columns), places, []))
    table = make_table(len(rows.places), **rows.columns)
    return Raw(
        name=str(path),
        kind="text",
        table=table.assign(row=np.array(rows.places, dtype=np.int64)),
        published=published,
        refused=refusals(rows.refused),
    )

"""New texts that a model writes, into a file."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow
from torch import Tensor
from tqdm import tqdm

from latentops import artifacts
from latentops.errors import SettingsError
from latentops.inference.predictor import Predictor
from latentops.inference.writing import DEFAULT, Writing
from latentops.scoring import writers


@dataclass(frozen=True)
class Wish:
    """Of which texts, as task generate takes it."""

    n: int
    seed: int = 0
    label: str = ""
    around: str = ""
    writing: Writing = DEFAULT


def generate_file(predictor: Predictor, wish: Wish, target: Path) -> float:
    """Write a column text, and one with the label where it was asked for; the seconds it took.

    The text of a bag of words is a drawn document. Raises SettingsError for a model of images, and
    DataError as task generate does; the file is written whole or not at all.
    """
    if predictor.spec.kind == "image":
        raise SettingsError(
            "This command writes texts, and the model decodes images. Ask it by its task generate: "
            "model.predict(images, params={'task': 'generate', 'n': 2})."
        )
    started = time.perf_counter()
    with tqdm(total=wish.n, unit=" texts", disable=None) as bar:  # None: only in a terminal
        predictor.progress = lambda blocks: _counted(blocks, bar)
        made = predictor.generate(wish.n, wish.seed, wish.label, wish.around, wish.writing)
    assert isinstance(made, pd.DataFrame)
    columns = {"text": made["text" if predictor.writes_sentences else "document"].tolist()}
    if wish.label:
        columns["label"] = [wish.label] * wish.n
    table = pyarrow.table(columns)
    with (
        artifacts.whole_file(target) as partial,
        writers.WRITERS[target.suffix.lower()](partial, table.schema) as write,
    ):
        write(table)
    return time.perf_counter() - started


def _counted(blocks: Sequence[Tensor], bar: "tqdm[Any]") -> Iterator[Tensor]:
    for block in blocks:
        yield block
        bar.update(len(block))

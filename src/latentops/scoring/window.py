"""A file of texts or images as a window: what a model sees in its rows."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from latentops.artifacts import Spec
from latentops.errors import DataError
from latentops.monitor import observe
from latentops.monitor.observe import Model
from latentops.monitor.watch import Window
from latentops.observations import About, Observations
from latentops.scoring import readers
from latentops.scoring.run import present

_ROWS_AT_ONCE = 4096


def read(path: Path, model: Model, about: About, text_column: str, tell_texts: bool) -> Window:
    """Rows without a text are left out, and counted. Raises DataError where no other is there."""
    if model.spec.kind == "image":
        return _of_images(path, model, about)
    texts, without_text = _texts(path, model.spec, text_column)
    return Window(
        name=path.name,
        seen=_seen(model, texts),
        about=about.model_copy(update={"rows_seen": len(texts)}),
        without_text=without_text,
        texts=texts,
        vocabulary=model.vocabulary if tell_texts else None,
    )


def _of_images(path: Path, model: Model, about: About) -> Window:
    chunks = readers.open_input(path, "image", "").chunks(_ROWS_AT_ONCE)
    parts = [chunk.raw for chunk in chunks if isinstance(chunk.raw, np.ndarray)]
    if not parts:
        raise DataError(f"{path} holds no image. A window has one at least.")
    seen = observe.images(model, np.concatenate(parts))
    return Window(path.name, seen, about.model_copy(update={"rows_seen": len(seen)}))


def _seen(model: Model, texts: list[str]) -> Observations:
    with tqdm(total=len(texts), unit=" rows", disable=None) as bar:  # None: only in a terminal
        parts = []
        for start in range(0, len(texts), _ROWS_AT_ONCE):
            block = texts[start : start + _ROWS_AT_ONCE]
            parts.append(observe.texts(model, block))
            bar.update(len(block))
    return Observations.joined(parts)


def _texts(path: Path, spec: Spec, text_column: str) -> tuple[list[str], int]:
    texts: list[str] = []
    rows = 0
    for chunk in readers.open_input(path, spec.kind, text_column).chunks(_ROWS_AT_ONCE):
        texts += [chunk.raw[row] for row in present(chunk, rows, text_column)]
        rows += len(chunk.raw)
    if not texts:
        raise DataError(
            f"{path} holds no text in its {rows:,} rows (column {text_column!r}). A window has one "
            "at least."
        )
    return texts, rows - len(texts)

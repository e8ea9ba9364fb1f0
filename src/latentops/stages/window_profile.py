"""The profile of a version, which `latentops monitor` compares windows with, from validation."""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from latentops import artifacts
from latentops.artifacts import Spec
from latentops.errors import DataError
from latentops.inference.folder import export
from latentops.monitor import observe, profile
from latentops.observations import Observations
from latentops.runtime import loading

MOST_ROWS = 4_000  # of validation, drawn by chance: a profile has no room for more


def files(spec: Spec) -> Mapping[str, bytes]:
    """monitor.json of the folder that holds dvc.yaml; none, and a note, where there can be none.

    Rows out of scope stand in it as they stand in validation.
    """
    try:
        return {profile.FILE: profile.to_json(profile.of(_observed(spec)))}
    except DataError as error:
        print(f"{profile.FILE} is not written: {error}", file=sys.stderr)
        return {}


def _observed(spec: Spec) -> Observations:
    """By the runtime that will see the windows, for it draws the noise of a score."""
    rows = _rows(spec)
    with tempfile.TemporaryDirectory() as folder:
        export(Path(), Path(folder))
        model = loading.load(Path(folder))
        if isinstance(rows, np.ndarray):
            return observe.images(model, rows)
        return observe.texts(model, rows)


def _rows(spec: Spec) -> list[str] | np.ndarray:
    """Raises DataError where validation has no texts."""
    if spec.kind == "image":
        pixels = artifacts.read_tensors(artifacts.tensors_path("valid"))["x"]
        return np.asarray(pixels[_drawn(len(pixels))])
    table = artifacts.read_table(artifacts.table_path("valid"))
    if "text" not in table:
        raise DataError(f"the counts of {spec.source!r} came ready, without their texts.")
    texts: list[str] = table["text"].tolist()
    return [texts[row] for row in _drawn(len(texts))]


def _drawn(rows: int) -> np.ndarray:
    return np.random.default_rng(0).permutation(rows)[:MOST_ROWS]

"""A model's numbers as the page holds them: int8 with a scale for each row, and back.

Shape suffixes: R rows, D columns, V terms, Z latent dimensions, H hidden units, C classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from latentops.artifacts import Arrays
from latentops.classifier import Classifier, Rounded

LIVE = ("bow", "mlp")
"""Kinds of model that the page itself can run."""

SCALE, AT = ".scale", ".at"
_BAG = "encoder.bag.weight"
_TERMS = "head.terms"
_OF_HEAD = {"head.pixels": "pixels_DC", "head.hidden": "hidden_HC", "head.mean": "mean_ZC"}
_PRIOR = "prior."  # the page draws nothing from it


def of_network(weights: Arrays) -> Arrays:
    """Matrices [R, D] as int8 beside `name.scale` [R]; what has one dimension as it is."""
    kept = {name: array for name, array in weights.items() if not name.startswith(_PRIOR)}
    found: Arrays = {}
    for name, array in kept.items():
        if array.ndim == 2:
            found[name], found[name + SCALE] = by_row(array)
        elif array.ndim == 1:
            found[name] = array.astype(np.float32)
    return found


def of_head(head: Classifier) -> Arrays:
    """The linear map: its terms [V, C] are int8 already, with a scale for each class."""
    found: Arrays = {"head.bias": head.bias_C}
    if head.terms is not None:
        found[_TERMS], found[_TERMS + SCALE] = head.terms.steps_VC, head.terms.scale_C
    for name, field in _OF_HEAD.items():
        if (weights_DC := getattr(head, field)) is not None:
            found[name], found[name + SCALE] = by_row(weights_DC)
    return found


def by_row(weights_RD: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Steps int8 [R, D] and their scale [R]: the largest weight of each row is 127 steps."""
    rounded = Rounded.of(weights_RD.T)
    return np.ascontiguousarray(rounded.steps_VC.T), rounded.scale_C


@dataclass(frozen=True)
class Restored:
    """The model as the page has it, in the forms that the library reads."""

    weights: Arrays
    head: Classifier | None


def restored(
    tensors: Mapping[str, np.ndarray], weights: Arrays, head: Classifier | None
) -> Restored:
    """Of what the functions above and `without_rare` left; the originals fill what is not kept."""
    network = {name: _network_array(name, array, tensors) for name, array in weights.items()}
    return Restored(network, None if head is None else _head(head, tensors))


def _network_array(
    name: str, original: np.ndarray, tensors: Mapping[str, np.ndarray]
) -> np.ndarray:
    if name + SCALE not in tensors:
        return original
    return _spread(_whole(tensors, name), tensors.get(name + AT), len(original))


def _whole(tensors: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """float32 [R, D]"""
    return np.asarray(tensors[name] * tensors[name + SCALE][:, None], dtype=np.float32)


def _head(head: Classifier, tensors: Mapping[str, np.ndarray]) -> Classifier:
    changed: dict[str, Rounded | np.ndarray] = {}
    if head.terms is not None:
        at = tensors.get(_TERMS + AT)
        steps_VC = _spread(tensors[_TERMS], at, len(head.terms.steps_VC))
        changed["terms"] = Rounded(steps_VC, head.terms.scale_C)
    for name, field in _OF_HEAD.items():
        if name in tensors:
            changed[field] = _whole(tensors, name)
    return replace(head, **changed)  # type: ignore[arg-type]


def _spread(rows_RD: np.ndarray, at: np.ndarray | None, rows: int) -> np.ndarray:
    """Rows back where they stood, zeros where one was left out."""
    if at is None:
        return rows_RD
    whole = np.zeros((rows, rows_RD.shape[1]), dtype=rows_RD.dtype)
    whole[at] = rows_RD
    return whole


def without_rare(tensors: Arrays, share: float, frequency: Mapping[str, np.ndarray]) -> Arrays:
    """Of the rows of each matrix of terms that share, those that matter most.

    What a term matters is how often it stands in a document, `frequency` of each matrix [V], times
    the length of its row. `name.at` says which rows are left.
    """
    found = dict(tensors)
    for name in (_BAG, _TERMS):
        if name in tensors:
            kept = _mattering(tensors, name, share, frequency[name])
            found[name] = tensors[name][kept]
            found[name + AT] = tensors[name + AT][kept] if name + AT in tensors else kept
            if name == _BAG:
                found[name + SCALE] = tensors[name + SCALE][kept]
    return found


def _mattering(tensors: Arrays, name: str, share: float, frequency_V: np.ndarray) -> np.ndarray:
    """The rows kept, int32, in order."""
    steps = tensors[name].astype(np.float32)
    scale = tensors[name + SCALE]
    scaled = steps * (scale[:, None] if name == _BAG else scale)
    matters_V = frequency_V * np.linalg.norm(scaled, axis=1)
    kept = np.argsort(-matters_V, kind="stable")[: int(share * len(steps))]
    return np.sort(kept).astype(np.int32)

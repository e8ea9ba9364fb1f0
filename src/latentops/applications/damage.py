"""Inputs damaged on purpose, of which the clean originals are known."""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import product
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from latentops import build, portion
from latentops.artifacts import Spec
from latentops.data import corruption
from latentops.data.batches import Images
from latentops.inference.predictor import Predictor
from latentops.networks import noise
from latentops.portion import Portion

Kind = Literal["none", "drop", "swap", "misspell", "noise", "flip", "blank"]

SHARES = (0.1, 0.33, 0.5)  # of words or pixels
STANDARD_DEVIATIONS = (0.1, 0.3, 0.5)
FLIPS = (0.05, 0.1, 0.2)  # half of the pixels flipped say nothing

_WORDS: dict[Kind, corruption.Kind] = {"drop": "drop", "swap": "swap", "misspell": "misspell"}
_PIXELS: dict[Kind, Callable[[Tensor, float, torch.Generator], Tensor]] = {
    "noise": noise.noisy,
    "flip": noise.flipped,
    "blank": noise.blanked,
}


class Damage(NamedTuple):
    """`strength` is a share of the words or pixels, or a standard deviation."""

    kind: Kind
    strength: float


NONE = Damage("none", 0.0)


def planned(spec: Spec) -> tuple[Damage, ...]:
    """Three strengths of each kind of damage that such data can take, the weakest first."""
    if spec.kind == "counts":
        return _each(tuple(_WORDS), SHARES)
    if spec.levels_read == 2:
        return _each(("flip",), FLIPS) + _each(("blank",), SHARES)
    return _each(("noise",), STANDARD_DEVIATIONS) + _each(("blank",), SHARES)


def middle(plan: Iterable[Damage], kind: Kind) -> Damage:
    """The second of its three strengths."""
    return [each for each in plan if each.kind == kind][1]


def damaged(rows: Portion, damage: Damage, predictor: Predictor, seed: int) -> Portion:
    """The same rows with damaged inputs, texts and all that is made of them.

    The target of images is damaged too: measure against the clean rows.
    """
    if damage.kind == "none":
        return rows
    if isinstance(rows.examples, Images):
        pixels = _damaged_levels(rows.examples, damage, _seed(damage, seed))
        return replace(rows, examples=replace(rows.examples, pixels=pixels))
    return _reworded(rows, _damaged_texts(rows, damage, _seed(damage, seed)), predictor)


def _each(kinds: Iterable[Kind], strengths: Iterable[float]) -> tuple[Damage, ...]:
    return tuple(Damage(kind, strength) for kind, strength in product(kinds, strengths))


def _seed(damage: Damage, seed: int) -> int:
    """Another for each damage, whatever stands beside it in the plan."""
    name = zlib.crc32(f"{damage.kind} {damage.strength}".encode())
    return int(np.random.SeedSequence([seed, name]).generate_state(1)[0])


def _damaged_levels(images: Images, damage: Damage, seed: int) -> Tensor:
    """Rounded to whole levels, as an image file holds them: uint8 [N, C, H, W]."""
    generator = torch.Generator().manual_seed(seed)
    top = images.levels - 1
    shares = _PIXELS[damage.kind](images.pixels / top, damage.strength, generator)
    return (shares * top).round().byte()


def _damaged_texts(rows: Portion, damage: Damage, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    kind = _WORDS[damage.kind]
    return [corruption.corrupt(text, kind, damage.strength, rng) for text in rows.texts or ()]


def _reworded(rows: Portion, texts: list[str], predictor: Predictor) -> Portion:
    spec, vocabulary, settings = predictor.spec, predictor.vocabulary, predictor.settings
    arrays = portion.arrays_of_texts(texts, vocabulary, settings)
    return replace(
        rows,
        examples=build.examples(spec, vocabulary, arrays, settings),
        counts=portion.counted(arrays, spec),
        table=rows.table.assign(text=texts),
    )

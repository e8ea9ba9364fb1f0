"""What a person has, texts or images, as the arrays that a model reads; or DataError."""

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias, TypeGuard, Union

import numpy as np
import numpy.typing as npt

from latentops.artifacts import Spec
from latentops.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Raw: TypeAlias = Union[npt.ArrayLike, "pd.DataFrame", "pd.Series"]


def texts(raw: Raw) -> list[str]:
    if _is_table(raw):
        raw = _text_column(raw)
    if isinstance(raw, str | Mapping) or not isinstance(raw, Iterable):
        raise DataError("A list of texts was expected, as in ['turn on the light'].")
    texts = list(raw)
    if not texts:
        raise DataError("At least one text was expected. The list is empty.")
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"Every example should be a text. Row {row} is {text!r}.")
        if not _is_unicode(text):
            raise DataError(f"Row {row} holds half a character: {text!r}. Repair its encoding.")
    return texts


def _is_unicode(text: str) -> bool:
    """JSON may bring one half of a surrogate pair, which stands for no character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_table(raw: Raw) -> "TypeGuard[pd.DataFrame]":
    """Who has a table has imported pandas: it is not imported to ask."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(raw, pandas.DataFrame)


def _text_column(table: "pd.DataFrame") -> "pd.Series":
    if "text" in table.columns:
        return table["text"]
    if len(table.columns) == 1:
        return table.iloc[:, 0]
    raise DataError(
        f"A table of texts should have a column 'text'. Found {', '.join(map(str, table.columns))}."
    )


def pixels(raw: Raw, spec: Spec) -> np.ndarray:
    """uint8 [N, C, H, W] in 0..levels-1."""
    images = _numbers(raw)
    channels, height, width = spec.shape
    if channels == 1 and images.ndim == 3:
        images = images[:, None]
    if images.shape[1:] != spec.shape or len(images) == 0:
        raise DataError(
            f"Images of shape [N, {channels}, {height}, {width}] were expected, N at least 1. "
            f"Found {list(images.shape)}."
        )
    top = (spec.levels or 2) - 1
    if images.dtype.kind == "f":
        _check_range(images, 1, f"shares in [0, 1], or of a whole type and in 0..{top}")
        return (images * top).round().astype(np.uint8)
    if top == 1 and np.isin(images, (0, 255)).all():
        return (images > 0).astype(np.uint8)  # as pictures of black and white are stored
    _check_range(images, top, f"whole numbers from 0 to {top}")
    return images.astype(np.uint8)


def _numbers(raw: Raw) -> np.ndarray:
    try:
        images = np.asarray(raw)
    except ValueError as error:  # lists of unequal lengths
        raise DataError("Images should all have the same height and width.") from error
    if images.dtype.kind not in "buif":
        raise DataError(f"Images should be arrays of numbers. Found {images.dtype}.")
    return images


def _check_range(images: np.ndarray, top: int, expected: str) -> None:
    if not np.isfinite(images).all():
        raise DataError("Images should be finite. Found NaN or infinity.")
    if images.min() < 0 or images.max() > top:
        raise DataError(
            f"Pixels of type {images.dtype} should be {expected}. "
            f"Found {images.min():g} to {images.max():g}."
        )

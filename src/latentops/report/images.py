"""Grids of images [n, C, H, W] with values in [0, 1]; three channels are colour, else grey."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from latentops.report import canvas
from latentops.report.canvas import styled

COLUMNS = 8
MOST_ROWS = 10
LETTER_INCHES = 0.12


@styled
def reconstructions(originals: np.ndarray, reconstructions: np.ndarray) -> Figure:
    """Each original above what came back of it."""
    blocks = [
        block[start : start + COLUMNS]
        for start in range(0, min(len(originals), 3 * COLUMNS), COLUMNS)
        for block in (originals, reconstructions)
    ]
    return _grid(blocks, ["original", "returned"] * (len(blocks) // 2))


@styled
def samples(images: np.ndarray) -> Figure:
    """Images decoded from the prior, in rows."""
    shown = images[: COLUMNS * MOST_ROWS]
    return _grid([shown[start : start + COLUMNS] for start in range(0, len(shown), COLUMNS)])


@styled
def traversal(images: np.ndarray, dimensions: Sequence[int]) -> Figure:
    """Images [rows, steps, C, H, W]: in each row one latent dimension moves from low to high."""
    rows = list(images[:MOST_ROWS])
    return _grid(rows, [f"z{dimension}" for dimension in dimensions[: len(rows)]])


@styled
def named_rows(rows: Sequence[np.ndarray], names: Sequence[str]) -> Figure:
    """The same images in each row, after what the name beside it says."""
    return _grid(rows, names)


def mosaic(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Lay rows of images [n, C, H, W] out on white, as [height, width, 3]."""
    height, width = rows[0].shape[-2:]
    gap = max(1, height // 14)
    columns = max(len(row) for row in rows)
    paper = np.ones((len(rows) * (height + gap) - gap, columns * (width + gap) - gap, 3))
    for place, row in enumerate(rows):
        top = place * (height + gap)
        for column, image in enumerate(row):
            left = column * (width + gap)
            paper[top : top + height, left : left + width] = _colour(image)
    return paper


def _colour(image_CHW: np.ndarray) -> np.ndarray:
    channels = image_CHW if len(image_CHW) == 3 else np.repeat(image_CHW[:1], 3, axis=0)
    return np.moveaxis(channels, 0, -1).clip(0, 1)


def _grid(rows: Sequence[np.ndarray], labels: Sequence[str] = ()) -> Figure:
    paper = mosaic(rows)
    height, width = paper.shape[:2]
    room = canvas.WIDTH_INCHES - LETTER_INCHES * max(map(len, labels), default=0)
    figure = canvas.blank(room * height / width + 0.1)
    axes = figure.subplots()
    axes.imshow(paper)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    centres = (np.arange(len(labels)) + 0.5) * height / len(rows)
    axes.set_yticks(centres, labels=labels)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.set_anchor("E")  # what room is left stands beside the labels
    return figure

"""Charts of an evaluation: plain values in, a figure out. `canvas.shown` makes names writable."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox

from latentops.report import canvas
from latentops.report.canvas import BLUE, FAINT, GREY, INK, PALETTE, VERMILION, styled

MOST_LEGEND_ENTRIES = 8
MOST_NAMES_ON_MAP = 40
MOST_CLASSES_IN_FULL = 30
MOST_CLASSES_IN_BLOCK = 20
MOST_CLASSES_WITH_NUMBERS = 12
MOST_NUMBERED_BARS = 32

CURVES = {
    "elbo_nats": "ELBO, nats (higher is better)",
    "distortion_nats": "Distortion, nats",
    "rate_nats": "Rate, nats",
}


@styled
def training_curves(curve: pd.DataFrame, best_epoch: int) -> Figure:
    """ELBO, distortion and rate of train and validation, and β, by epoch."""
    figure = canvas.blank(4.6)
    panels = list(figure.subplots(2, 2, sharex=True).flat)
    for axes, (quantity, title) in zip(panels, CURVES.items(), strict=False):
        for split, color in (("train", GREY), ("valid", BLUE)):
            values = curve[f"{split}_{quantity}"]
            axes.plot(curve["epoch"], values, color=color, marker=_marker(curve), label=split)
        axes.set_title(title)
    panels[-1].plot(curve["epoch"], curve["beta"], color=INK, marker=_marker(curve))
    panels[-1].set_title("β, weight of the rate")
    panels[-1].set_ylim(bottom=0)
    for axes in panels:
        axes.axvline(best_epoch, color=VERMILION, linewidth=1, linestyle="--", label="best epoch")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5))
    lines, names = panels[0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside lower center", ncols=3)
    for axes in panels[2:]:
        axes.set_xlabel("epoch")
    return figure


def _marker(curve: pd.DataFrame) -> str:
    return "o" if len(curve) == 1 else ""


@styled
def rate_per_dimension(rate_nats_Z: np.ndarray, active_Z: np.ndarray) -> Figure:
    """How many nats each latent dimension carries, largest first; active units in colour."""
    order = np.argsort(-rate_nats_Z, kind="stable")
    places = np.arange(len(order))
    figure = canvas.blank(2.8)
    axes = figure.subplots()
    axes.bar(places, rate_nats_Z[order], color=np.where(active_Z[order], BLUE, FAINT))
    if len(order) <= MOST_NUMBERED_BARS:
        axes.set_xticks(places, labels=[f"z{index}" for index in order], rotation=90)
        axes.tick_params(axis="x", labelsize=7.5)
    axes.grid(False, axis="x")
    axes.set_xlim(-0.6, len(order) - 0.4)
    axes.set_xlabel("latent dimensions, most used first")
    axes.set_ylabel("rate, nats")
    axes.legend(handles=[Patch(color=BLUE, label="active"), Patch(color=FAINT, label="not active")])
    return figure


@styled
def latent_map(points: pd.DataFrame) -> Figure:
    """Points x, y coloured by label; with no label at all, their density.

    A few labels get a legend. Many are written at the median of their points, the largest first,
    where there is room; points of a label without a name stay grey.
    """
    figure = canvas.blank(5.2)
    axes = figure.subplots()
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.margins(0.03)
    sizes = points["label"].value_counts(sort=False).sort_index()
    if sizes.empty:
        axes.hexbin(points["x"], points["y"], gridsize=40, cmap="Blues", mincnt=1, linewidths=0.2)
    elif len(sizes) <= MOST_LEGEND_ENTRIES:
        _scatter(axes, points, list(sizes.index))
        figure.legend(loc="outside lower center", ncols=min(4, len(sizes)), markerscale=2)
    else:
        _scatter(axes, points, [])
        names = sizes.sort_values(ascending=False, kind="stable").index
        named = _name_medians(figure, axes, points, list(names[:MOST_NAMES_ON_MAP]))
        axes.collections[0].remove()
        _scatter(axes, points, sorted(named))
    return figure


def _scatter(axes: Axes, points: pd.DataFrame, labels: Sequence[str]) -> None:
    """Colour the points of `labels`, over the others in grey."""
    size = float(np.clip(20_000 / len(points), 5, 24))
    others = points[~points["label"].isin(labels)]
    axes.scatter(others["x"], others["y"], s=size, color=FAINT, alpha=0.6, linewidths=0)
    for place, label in enumerate(labels):
        chosen = points[points["label"] == label]
        color = PALETTE[place % len(PALETTE)]
        axes.scatter(
            chosen["x"], chosen["y"], s=size, color=color, alpha=0.6, linewidths=0, label=label
        )


def _name_medians(
    figure: Figure, axes: Axes, points: pd.DataFrame, labels: Sequence[str]
) -> list[str]:
    """Write each label that overlaps none before it; the labels that were written."""
    figure.draw_without_rendering()  # the layout decides how many points of the map a text covers
    size = 11 if max(map(len, labels)) <= 3 else 8
    kept: dict[str, Bbox] = {}
    for label in labels:
        x, y = points.loc[points["label"] == label, ["x", "y"]].median()
        text = axes.text(x, y, label, ha="center", va="center", fontsize=size, weight="bold")
        text.set_path_effects([withStroke(linewidth=3, foreground="white")])
        box = text.get_window_extent()
        if any(box.overlaps(other) for other in kept.values()):
            text.remove()
        else:
            kept[label] = box
    return list(kept)


@styled
def confusion(pairs: pd.DataFrame) -> Figure:
    """Share of each actual class (row) given each predicted one, from one row per example.

    With many classes, the block of those that are most often taken for each other.
    """
    counts = confusion_counts(pairs)
    names = classes_in_picture(counts)
    shares = counts.div(counts.sum(axis=1).clip(lower=1), axis=0).loc[names, names].to_numpy()
    figure = canvas.blank(5.6)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=1))  # few mistakes show too
    if len(names) <= MOST_CLASSES_WITH_NUMBERS:
        _write_shares(axes, shares)
    fontsize = 9 if len(names) <= MOST_CLASSES_WITH_NUMBERS else 7
    rotation = 90 if max(map(len, names)) > 3 else 0
    axes.set_xticks(range(len(names)), labels=names, rotation=rotation, fontsize=fontsize)
    axes.set_yticks(range(len(names)), labels=names, fontsize=fontsize)
    axes.tick_params(length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    return figure


def confusion_counts(pairs: pd.DataFrame) -> pd.DataFrame:
    """Square table of counts, actual by predicted, over every class that either column names."""
    names = sorted(set(pairs["actual"]) | set(pairs["predicted"]))
    table = pd.crosstab(pairs["actual"], pairs["predicted"])
    return table.reindex(index=names, columns=names, fill_value=0)


def classes_in_picture(counts: pd.DataFrame) -> list[str]:
    """Every class, or of many those in the most frequent confusions, in the table's order."""
    if len(counts) <= MOST_CLASSES_IN_FULL:
        return list(counts.index)
    wanted: dict[str, None] = {}
    for actual, predicted, _ in most_confused(counts):
        wanted |= {actual: None, predicted: None}
        if len(wanted) >= MOST_CLASSES_IN_BLOCK:
            break
    wanted |= dict.fromkeys(counts.sum(axis=1).sort_values(ascending=False, kind="stable").index)
    return sorted(list(wanted)[:MOST_CLASSES_IN_BLOCK])


def most_confused(counts: pd.DataFrame) -> list[tuple[str, str, int]]:
    """Actual, predicted and count of each confusion, most frequent first."""
    table = counts.to_numpy()
    pairs = [
        (str(counts.index[row]), str(counts.columns[column]), int(table[row, column]))
        for row, column in np.argwhere(table > 0)
        if row != column
    ]
    return sorted(pairs, key=lambda pair: (-pair[2], pair[:2]))


def _write_shares(axes: Axes, shares: np.ndarray) -> None:
    for row, column in np.argwhere(shares >= 0.005):
        share = shares[row, column]
        color = "white" if share > 0.3 else INK
        axes.text(column, row, f"{share:.0%}"[:-1], ha="center", va="center", color=color)

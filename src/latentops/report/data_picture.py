"""The data report as a picture: labels, lengths or pixels, coverage, and what was refused."""

from collections.abc import Mapping
from textwrap import shorten
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, PercentFormatter
from matplotlib.typing import HashableList

from latentops.report import canvas
from latentops.report.canvas import BLUE, GREEN, GREY, MUTED, ORANGE, styled

MOST_NAMED_LABELS = 40
MOST_REASONS = 6
LONGEST_REASON = 78
SAMPLES_IN_ROW = 12
SPLIT_COLORS = {"train": BLUE, "valid": ORANGE, "test": GREEN}
INCHES_PER_BAR = 0.17

Report = Mapping[str, Any]


@styled
def data_picture(report: Report, samples: np.ndarray | None = None) -> Figure:
    """Draw data/report.json; `samples` are images in [0, 1], shape [n, C, H, W]."""
    labels = _label_bars(report)
    reasons = list(report["refused"]["by_reason"].items())[:MOST_REASONS]
    upper, lower = _main_inches(labels), 0.35 + 0.3 * len(reasons)
    rows: list[HashableList[str]] = [["labels", "top"], ["labels", "bottom"], ["refused"] * 2]
    inches = [0.6 * upper, 0.4 * upper, lower]
    if samples is not None:
        rows, inches = [["samples"] * 2, *rows], [0.55, *inches]
    figure = canvas.blank(sum(inches) + 0.7)
    panels = figure.subplot_mosaic(rows, height_ratios=inches)
    figure.suptitle(_title(report), x=0.01, ha="left", fontsize=11.5, fontweight="bold")
    _draw_labels(panels["labels"], labels)
    _draw_refused(panels["refused"], reasons, report["refused"]["rows"])
    if report["kind"] == "image":
        _draw_pixels(panels["top"], report["images"]["pixels"])
        _draw_moments(panels["bottom"], report["images"])
    else:
        _draw_lengths(panels["top"], report["terms_per_text"]["histogram"])
        _draw_coverage(panels["bottom"], report["vocabulary"])
    if samples is not None:
        _draw_samples(panels["samples"], samples[:SAMPLES_IN_ROW])
    return figure


def _title(report: Report) -> str:
    synthetic = " (synthetic)" if report["synthetic"] else ""
    rows = ", ".join(f"{rows:,} {split}" for split, rows in report["rows"].items())
    return f"{canvas.in_title(report['source'])}{synthetic}: {rows}"


def _label_bars(report: Report) -> list[tuple[str, int, str]]:
    """Name, training rows and colour of each bar, largest label first."""
    labels = report["labels"]
    counts = labels["counts"]["train"]
    shown = canvas.shown(list(counts))
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    bars = [(shown[name], count, BLUE) for name, count in ranked]
    apart = {"out of scope": labels["out_of_scope"], "no label": labels["unlabelled"]}
    bars += [(name, count["train"], GREY) for name, count in apart.items() if count["train"]]
    return bars


def _main_inches(labels: list[tuple[str, int, str]]) -> float:
    named = len(labels) if len(labels) <= MOST_NAMED_LABELS else 0
    return max(3.8, 0.6 + INCHES_PER_BAR * named)


def _draw_labels(axes: Axes, bars: list[tuple[str, int, str]]) -> None:
    """A bar with a name each; with too many to name, their profile from the largest down."""
    axes.set_title("Training rows by label")
    if not bars:
        _say(axes, "The rows have no labels.")
        return
    names, counts, colors = zip(*bars, strict=True)
    places = np.arange(len(bars))
    if len(bars) > MOST_NAMED_LABELS:
        axes.bar(places, counts, width=1.0, color=colors)
        grey = [name for name, _, color in bars if color == GREY]
        last = f"; then {' and '.join(grey)}" if grey else ""
        axes.set_xlabel(f"{len(bars) - len(grey)} labels{last}")
        axes.grid(False, axis="x")
        return
    axes.barh(places, counts, color=colors)
    axes.set_yticks(places, labels=names, fontsize=8)
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.grid(False, axis="y")


def _draw_lengths(axes: Axes, histogram: Report) -> None:
    edges = histogram["edges"]
    for split, counts in histogram["counts"].items():
        shares = np.array(counts) / max(sum(counts), 1)
        axes.stairs(shares, edges, color=SPLIT_COLORS[split], label=split, linewidth=1.4)
    axes.set_title("Terms in a text")
    axes.set_xlabel(f"the last bar: {edges[-2]:,} and more")
    axes.set_xlim(edges[0], edges[-1])
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=9, handlelength=1.2)


def _draw_coverage(axes: Axes, vocabulary: Report) -> None:
    """Dark: terms in the target, which the decoder gives back; light: the encoder reads them."""
    axes.set_title("Share of all terms kept")
    for place, (split, color) in enumerate(SPLIT_COLORS.items()):
        known, target = vocabulary["known_share"][split], vocabulary["target_share"][split]
        if known is None:
            continue
        axes.barh(place, known, color=color, alpha=0.3, height=0.75)
        axes.barh(place, target, color=color, alpha=0.55, height=0.75)
        shares = f"{known:.1%} known, {target:.1%} in target"
        axes.text(0.02, place, shares, va="center", fontsize=9)
    axes.set_yticks(range(len(SPLIT_COLORS)), labels=list(SPLIT_COLORS))
    axes.set_ylim(len(SPLIT_COLORS) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel(f"{vocabulary['terms']:,} terms, {vocabulary['target']:,} in the target")
    axes.grid(False, axis="y")


def _draw_refused(axes: Axes, reasons: list[tuple[str, int]], rows: int) -> None:
    axes.set_title(f"Refused rows: {rows:,}")
    if not reasons:
        _say(axes, "Every row that was read was kept.")
        return
    places = np.arange(len(reasons))
    axes.barh(places, [count for _, count in reasons], color="#f3c9b5")
    for place, (reason, count) in enumerate(reasons):
        text = f"{count:,}  {shorten(reason, LONGEST_REASON, placeholder=' …')}"
        axes.text(0, place, f" {text}", va="center", fontsize=9)
    axes.set_yticks([])
    axes.set_ylim(len(reasons) - 0.4, -0.6)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.grid(False, axis="y")


def _draw_pixels(axes: Axes, pixels: Report) -> None:
    for split, of_split in pixels.items():
        counts = np.array(of_split["histogram"])
        shares = counts / max(counts.sum(), 1)
        axes.stairs(shares, color=SPLIT_COLORS[split], label=split, linewidth=1.4)
    axes.set_title("Pixels by grey level")
    axes.set_xlabel("level")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend(fontsize=9, handlelength=1.2)


def _draw_moments(axes: Axes, images: Report) -> None:
    channels, height, width = images["shape"]
    colors = "" if channels == 1 else f", {channels} channels"
    lines = [f"{height} x {width} pixels, {images['levels']} levels{colors}", "from 0 to 1:"]
    for split, pixels in images["pixels"].items():
        if pixels["mean"] is not None:
            deviation = pixels["standard_deviation"]
            lines.append(f"   {split}: mean {pixels['mean']:.3f}, sd {deviation:.3f}")
    blank = sum(pixels["blank"] for pixels in images["pixels"].values())
    lines.append(f"{blank:,} of one level only")
    axes.set_title("Images")
    _say(axes, "\n".join(lines))


def _draw_samples(axes: Axes, samples: np.ndarray) -> None:
    """Side by side, white between them."""
    framed = np.pad(samples, ((0, 0), (0, 0), (0, 0), (0, 1)), constant_values=1.0)
    strip = np.concatenate(list(framed.transpose(0, 2, 3, 1)), axis=1)
    axes.imshow(strip.squeeze(-1) if strip.shape[-1] == 1 else strip, cmap="gray", vmin=0, vmax=1)
    axes.axis("off")


def _say(axes: Axes, text: str) -> None:
    axes.axis("off")
    axes.text(0, 1, text, transform=axes.transAxes, va="top", fontsize=9.5, color=MUTED)

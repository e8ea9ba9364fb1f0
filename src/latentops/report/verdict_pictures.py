"""Charts of a verdict: accuracy by labels, accuracy by cost, and how strangers are told.

Features with the VAE in them are coloured and their lines are full, baselines are grey and theirs
are broken; each has a mark of its own, so that neither colour nor print decides what can be read.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import product, zip_longest
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from matplotlib.transforms import Bbox

from latentops.report import canvas, judgement
from latentops.report.canvas import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    MUTED,
    ORANGE,
    VERMILION,
    styled,
)
from latentops.report.glossary import feature_title, signal_title, value_text
from latentops.report.judgement import Outcome, labels_text, uses_vae
from latentops.verdict.results import Budget, Claim, Cost, Score, Signal


class Look(NamedTuple):
    """How a mark and its line are drawn."""

    color: str
    marker: str
    line: Literal["-", "--", "-.", ":", "none"] = "none"
    size: float = 5
    inside: str = ""  # the colour, unless it differs


LOOKS = {
    "tfidf_words": Look("#a5abb1", "v", ":"),
    "tfidf": Look("#7d848b", "s", "--"),
    "lsa": Look("#555b61", "^", "-."),
    "tfidf+lsa": Look(INK, "D", "--"),
    "vae": Look(ORANGE, "o", "-"),
    "vae+hidden": Look(GREEN, "P", "-", 7),
    "tfidf+vae": Look(BLUE, "X", "-", 7),
    "lsa+vae": Look(VERMILION, "*", "-", 8),
}
LOOKS |= {
    "pixels": LOOKS["tfidf"],
    "pca": LOOKS["lsa"],
    "pixels+pca": LOOKS["tfidf+lsa"],
    "pixels+vae": LOOKS["tfidf+vae"],
    "pca+vae": LOOKS["lsa+vae"],
}
LOOKS_OF_CLAIMS: dict[Outcome, Look] = {
    "gain": Look(BLUE, "^", size=7),
    "loss": Look(VERMILION, "v", size=7),
    "unclear": Look(MUTED, "o", size=7, inside="white"),
}
CHANCE = 0.5  # AUROC of a signal that says nothing
MOST_MARK_AREA, LEAST_MARK_AREA = 260.0, 26.0  # square points
NEAR, FAR, FURTHEST = 3, 18, 36  # points between a mark and its name
EIGHTHS = (1, 0, 7, 3, 4, 5, 2, 6)  # of a turn from the right: beside a mark before above it
PLACES = tuple(product((NEAR, FAR, FURTHEST), EIGHTHS))
STEP = 0.06  # between the marks of a single budget, as a share of the axis
LEAST_DECADES = 0.6
CLOSE = 0.11  # names of budgets nearer than this share of the axis stand one below the other


@styled
def accuracy_by_labels(budgets: Sequence[Budget]) -> Figure:
    """Above, each feature set's accuracy; below, what the VAE gains on the strongest baseline."""
    figure = canvas.blank(6.4)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1.1])
    decades = _decades(budgets)
    _set_labels_axis(lower, budgets, decades)
    names = [score.features for score in budgets[0].scores]
    step = 10 ** (STEP * decades) if len(budgets) == 1 else 1.0
    for place, features in enumerate(names):
        _draw_line(upper, budgets, features, aside=step ** (place - (len(names) - 1) / 2))
    _draw_gains(lower, judgement.main_claims(budgets))
    for axes in (upper, lower):
        axes.yaxis.set_major_formatter(FuncFormatter(_as_percent))
    upper.set_ylabel("accuracy on test rows, %")
    lower.set_ylabel("points")
    figure.legend(handles=_legend(names), loc="outside lower center", ncols=2, handlelength=3.4)
    return figure


def _decades(budgets: Sequence[Budget]) -> float:
    labels = [budget.labels for budget in budgets]
    return max(LEAST_DECADES, float(np.log10(max(labels) / min(labels))))


def _draw_line(axes: Axes, budgets: Sequence[Budget], features: str, aside: float) -> None:
    """`aside` is a factor of the labels: where there is no line, the marks stand side by side."""
    look = LOOKS[features]
    scores = [judgement.score(budget, features) for budget in budgets]
    labels = np.array([budget.labels for budget in budgets]) * aside
    low, high = _ends_of(scores)
    axes.fill_between(labels, low, high, color=look.color, alpha=0.12, linewidth=0)
    _draw_marks(axes, labels, np.array([score.accuracy for score in scores]), low, high, look)


def _ends_of(scores: Iterable[Score]) -> np.ndarray:
    return np.array([(score.accuracy_low, score.accuracy_high) for score in scores]).T


def _draw_marks(
    axes: Axes, x: np.ndarray, y: np.ndarray, low: np.ndarray, high: np.ndarray, look: Look
) -> None:
    reach = np.stack([y - low, high - y]).clip(min=0)  # a mean may lie outside by rounding
    axes.errorbar(
        x,
        y,
        yerr=reach,
        color=look.color,
        marker=look.marker,
        markersize=look.size,
        markerfacecolor=look.inside or look.color,
        linestyle=look.line,
        linewidth=1.6,
        elinewidth=1.0,
    )


def _draw_gains(axes: Axes, claims: Sequence[tuple[Budget, Claim]]) -> None:
    axes.axhline(0, color=INK, linewidth=0.8)
    for budget, claim in claims:
        look = LOOKS_OF_CLAIMS[judgement.outcome(claim)]
        labels, difference, low, high = np.array(
            [[budget.labels], [claim.difference], [claim.low], [claim.high]]
        )
        _draw_marks(axes, labels, difference, low, high, look)
    axes.set_title("What the VAE gains (▲) or loses (▼) beside the strongest baseline")
    axes.margins(y=0.2)


def _set_labels_axis(axes: Axes, budgets: Sequence[Budget], decades: float) -> None:
    labels = [budget.labels for budget in budgets]
    room = 10 ** (0.08 * decades)
    axes.set_xscale("log")
    axes.set_xlim(min(labels) / room, max(labels) * room)
    axes.set_xticks(labels, labels=_budget_names(budgets, decades))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("labels that the classifier may use")


def _budget_names(budgets: Sequence[Budget], decades: float) -> list[str]:
    """A name that would touch the one before it stands lower."""
    names: list[str] = []
    last, lower = -math.inf, False
    for budget in budgets:
        place = math.log10(budget.labels) / decades
        lower = place - last < CLOSE and not lower
        names.append(("\n\n" if lower else "") + _short_name(budget))
        last = place
    return names


def _short_name(budget: Budget) -> str:
    """In two lines."""
    if budget.name == judgement.ALL:
        return f"all\n{budget.labels:,.0f}"
    count, _, each = labels_text(budget).partition(" ")
    return f"{count}\n{each.removeprefix('labels ').removeprefix('label ')}"


def _legend(names: Sequence[str]) -> list[Artist]:
    """Baselines in the first column, features with the VAE in the second."""
    baselines = [_sample(name) for name in names if not uses_vae(name)]
    ours = [_sample(name) for name in names if uses_vae(name)]
    nothing = Line2D([], [], linestyle="none", label=" ")
    columns = zip(*zip_longest(baselines, ours, fillvalue=nothing), strict=True)
    return [sample for column in columns for sample in column]


def _sample(features: str) -> Line2D:
    look = LOOKS[features]
    return Line2D(
        [],
        [],
        color=look.color,
        marker=look.marker,
        markersize=look.size,
        linestyle=look.line,
        label=feature_title(features),
    )


def _as_percent(share: float, _: int | None = None) -> str:
    return f"{100 * share:.3g}"


@styled
def accuracy_by_cost(costs: Sequence[Cost]) -> Figure:
    """Each feature set by microseconds per example and accuracy, its mark as large as its bytes."""
    figure = canvas.blank(4.8)
    axes = figure.subplots()
    axes.set_xscale("log")
    _draw_front(axes, judgement.front(costs))
    areas = _mark_areas(costs)
    for cost, area in zip(costs, areas, strict=True):
        look = LOOKS[cost.features]
        where = cost.microseconds_per_example, cost.accuracy
        axes.scatter(*where, s=area, color=look.color, marker=look.marker, zorder=3)
    _set_cost_axes(axes)
    _name_marks(figure, axes, costs, np.sqrt(areas) / 2)
    return figure


def _draw_front(axes: Axes, front: Sequence[Cost]) -> None:
    axes.plot(
        [cost.microseconds_per_example for cost in front],
        [cost.accuracy for cost in front],
        color=FAINT,
        linewidth=5,
        drawstyle="steps-post",
        solid_capstyle="round",
    )


def _set_cost_axes(axes: Axes) -> None:
    axes.margins(0.1, 0.14)
    _make_room_on_the_right(axes)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}"))
    axes.yaxis.set_major_formatter(FuncFormatter(_as_percent))
    axes.set_xlabel("microseconds per example on one thread (further left is faster)")
    axes.set_ylabel("accuracy on test rows, %")


def _make_room_on_the_right(axes: Axes) -> None:
    """For the names of the slowest: half as much again, on the log scale."""
    left, right = axes.get_xlim()
    axes.set_xlim(left, right * (right / left) ** 0.5)


def _mark_areas(costs: Sequence[Cost]) -> np.ndarray:
    """In square points: as the root of the bytes, so that kB and MB can both be seen."""
    root = np.sqrt([cost.bytes for cost in costs])
    return np.asarray(np.maximum(LEAST_MARK_AREA, MOST_MARK_AREA * root / root.max()))


def _name_marks(figure: Figure, axes: Axes, costs: Sequence[Cost], radii: np.ndarray) -> None:
    """Write each name beside its mark, where it hides neither a mark nor another name."""
    figure.draw_without_rendering()  # the layout decides how much of the axes a name covers
    centres = axes.transData.transform(
        [(cost.microseconds_per_example, cost.accuracy) for cost in costs]
    )
    taken = [
        Bbox.from_bounds(x - half, y - half, 2 * half, 2 * half)
        for (x, y), half in zip(centres, radii * figure.dpi / 72, strict=True)
    ]
    slowest_first = np.argsort([-cost.microseconds_per_example for cost in costs])
    for place in slowest_first:
        taken.append(_name_mark(axes, costs[place], float(radii[place]), taken))


def _name_mark(axes: Axes, cost: Cost, radius: float, taken: Sequence[Bbox]) -> Bbox:
    """At the first of `PLACES` with room, or where it hides least; the box that it takes."""
    room = axes.get_window_extent()
    best, least = PLACES[0], np.inf
    for place in PLACES:
        text = _annotate(axes, cost, radius, *place)
        box = _box(text)
        text.remove()
        outside = box.width * box.height - _shared(box, room)
        hidden = outside + sum(_shared(box, other) for other in taken)
        if hidden < least:
            best, least = place, hidden
        if hidden < 1:
            break
    return _box(_annotate(axes, cost, radius, *best))


def _annotate(axes: Axes, cost: Cost, radius: float, distance: int, eighth: int) -> Annotation:
    """The name at a distance from the mark in one of eight directions, with a line where far."""
    across, up = np.cos(eighth * np.pi / 4), np.sin(eighth * np.pi / 4)
    line = {"arrowstyle": "-", "color": GREY, "linewidth": 0.7, "shrinkA": 0, "shrinkB": radius}
    return axes.annotate(
        f"{feature_title(cost.features)}, {value_text(cost.bytes, 'bytes')}",
        (cost.microseconds_per_example, cost.accuracy),
        ((radius + distance) * across, (radius + distance) * up),
        textcoords="offset points",
        ha={1: "left", 0: "center", -1: "right"}[round(across)],
        va={1: "bottom", 0: "center", -1: "top"}[round(up)],
        fontsize=8.5,
        arrowprops=line if distance > NEAR else None,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
    )


def _box(text: Annotation) -> Bbox:
    """Of the letters alone, in pixels."""
    text.get_window_extent()  # sets them in their place, but its answer holds the line too
    return Text.get_window_extent(text)


def _shared(box: Bbox, other: Bbox) -> float:
    """The area that two boxes share, in square pixels."""
    common = Bbox.intersection(box, other)
    return 0.0 if common is None else float(common.width * common.height)


@styled
def strangers(panels: Sequence[tuple[str, Sequence[Signal]]]) -> Figure:
    """AUROC of each signal, a titled panel for each setting.

    A bar starts where a signal says nothing: to the left of it, strangers look the more familiar.
    """
    rows = [len(signals) for _, signals in panels]
    figure = canvas.blank(0.9 + 0.62 * len(panels) + 0.27 * sum(rows))
    all_axes = figure.subplots(len(panels), sharex=True, squeeze=False, height_ratios=rows)[:, 0]
    for axes, (title, signals) in zip(all_axes, panels, strict=True):
        _draw_signals(axes, signals)
        axes.set_title(title)
    lowest = min(signal.auroc_low for _, signals in panels for signal in signals)
    left = min(0.45, lowest - 0.03)
    all_axes[-1].set_xlim(left, 1.09)  # room for a number after the longest bar
    all_axes[-1].set_xticks(np.arange(np.ceil(left * 10), 11) / 10)
    all_axes[-1].xaxis.set_major_formatter(FuncFormatter(_as_percent))
    all_axes[-1].set_xlabel("AUROC, % (50: says nothing; 100: tells every stranger)")
    handles = [Patch(color=BLUE, label="with the VAE"), Patch(color=GREY, label="without it")]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _draw_signals(axes: Axes, signals: Sequence[Signal]) -> None:
    for place, signal in enumerate(signals):
        color = BLUE if signal.uses_vae else GREY
        axes.barh(place, signal.auroc - CHANCE, left=CHANCE, color=color, height=0.72)
        axes.plot([signal.auroc_low, signal.auroc_high], [place] * 2, color=INK, marker="|")
        axes.annotate(
            f"{100 * signal.auroc:.1f}",
            (max(signal.auroc_high, CHANCE), place),
            (5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.axvline(CHANCE, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(signals)), labels=[signal_title(each.name) for each in signals])
    axes.set_ylim(len(signals) - 0.5, -0.5)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)

"""Pictures of what the latent dimensions stand for."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentops.applications.results import Factor, ScoredCodes
from latentops.report import canvas
from latentops.report.canvas import BLUE, INK, MUTED, ORANGE, styled

MOST_DIMENSIONS = 16
MOST_WITH_NUMBERS = 12
_COLUMNS = 4
_JITTER = 1.03  # so that points of equal scores are seen apart
_LINES = {"random": (MUTED, ":"), "lsa": (ORANGE, "--"), "pca": (ORANGE, "--")}


@styled
def by_beta(
    betas: Sequence[ScoredCodes], beside: Sequence[ScoredCodes], titles: Mapping[str, str]
) -> Figure:
    """A panel for each score: every seed's points, their mean, and the baselines' as lines."""
    names = [name for name in titles if all(name in each.each for each in betas)]
    rows = -(-(len(names) + 1) // _COLUMNS)
    figure = canvas.blank(1.75 * rows)
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for axes, name in zip(panels, names, strict=False):
        _panel(axes, betas, beside, name)
        axes.set_title(titles[name], fontsize=9)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    panels[len(names)].legend(*panels[0].get_legend_handles_labels(), loc="center", fontsize=8)
    return figure


def _panel(
    axes: Axes, betas: Sequence[ScoredCodes], beside: Sequence[ScoredCodes], name: str
) -> None:
    places = np.array([each.beta for each in betas], dtype=float)
    for beta, each in zip(places, betas, strict=True):
        values = each.each[name]
        shift = _JITTER ** np.linspace(-1, 1, len(values))
        label = "a seed" if beta == places[0] else None
        axes.plot(beta * shift, values, ".", color=BLUE, alpha=0.5, markersize=5, label=label)
    axes.plot(places, [each.mean[name].mean for each in betas], color=BLUE, label="mean")
    for each in beside:
        if name in each.mean:
            color, style = _LINES[each.code]
            title = {"random": "random"}.get(each.code, each.code.upper())
            axes.axhline(each.mean[name].mean, color=color, linestyle=style, label=title)
    axes.set_xscale("log", base=2)
    axes.set_xticks(places, labels=[f"{beta:g}" for beta in places])
    axes.minorticks_off()
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.tick_params(labelsize=8)
    axes.set_xlabel("β", fontsize=8)


@styled
def information(factors: Sequence[Factor], dimensions: Sequence[int]) -> Figure:
    """Of each factor the share of its entropy that each dimension tells, in per cent."""
    shares = 100 * np.array([[factor.information[z] for z in dimensions] for factor in factors])
    names = canvas.shown([factor.name for factor in factors])
    figure = canvas.blank(0.7 + 0.3 * len(factors))
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=max(1.0, shares.max()), aspect="auto")
    axes.grid(False)
    axes.set_yticks(range(len(factors)), labels=list(names.values()))
    axes.set_xticks(range(len(dimensions)), labels=[f"z{z}" for z in dimensions])
    axes.tick_params(length=0, labelsize=9 if len(dimensions) <= MOST_WITH_NUMBERS else 8)
    if len(dimensions) <= MOST_WITH_NUMBERS:
        _numbers(axes, shares)
    return figure


def _numbers(axes: Axes, shares: np.ndarray) -> None:
    for (row, column), share in np.ndenumerate(shares):
        color = "white" if share > 0.6 * shares.max() else INK
        axes.text(column, row, f"{share:.0f}", ha="center", va="center", fontsize=8, color=color)

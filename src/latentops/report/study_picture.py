"""Rate against distortion of every trial of a study."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from latentops.report import canvas
from latentops.report.canvas import INK, MUTED, VERMILION, styled

BETA, LATENT = "objective.beta", "model.latent"


@styled
def rate_distortion(trials: pd.DataFrame, chosen: int) -> Figure:
    """The complete trials, coloured by beta, sized by latent; the front and `chosen` marked."""
    complete = trials[trials["state"] == "complete"]
    figure = canvas.blank(4.2)
    axes = figure.subplots()
    points = axes.scatter(
        complete["rate_nats"],
        complete["distortion_nats"],
        s=_area(complete[LATENT]),
        c=complete[BETA],
        norm=_log_scale(complete[BETA]),
        edgecolors="white",
        linewidths=0.7,
        zorder=3,
    )
    bar = figure.colorbar(points, label="β in training", format=FuncFormatter(_plain))
    bar.locator, bar.minorlocator = LogLocator(subs=(1.0, 2.0, 5.0)), NullLocator()
    _mark(axes, complete, chosen)
    axes.set_xlabel("rate of the validation split, nats")
    axes.set_ylabel("distortion, nats")
    axes.set_title(_title(trials, complete))
    return figure


def front(trials: pd.DataFrame) -> pd.DataFrame:
    """Trials that no other matches in rate and distortion at once, by rising rate."""
    ordered = trials.sort_values(["rate_nats", "distortion_nats"])
    best_before = ordered["distortion_nats"].cummin().shift(fill_value=np.inf)
    return ordered[ordered["distortion_nats"] < best_before]


def _mark(axes: Axes, complete: pd.DataFrame, chosen: int) -> None:
    """The front as a line, the chosen trial as a ring, and what the size of a point means."""
    best = complete[complete["trial"] == chosen].iloc[0]
    line = front(complete)
    axes.plot(line["rate_nats"], line["distortion_nats"], color=INK, linewidth=1, label="front")
    axes.autoscale_view()
    axes.autoscale(False)  # for the line of equal ELBO has no end
    axes.scatter(
        best["rate_nats"],
        best["distortion_nats"],
        s=_area(best[LATENT]) + 120,
        facecolors="none",
        edgecolors=VERMILION,
        linewidths=1.6,
        zorder=4,
        label=f"chosen: β {_plain(best[BETA])}, latent {best[LATENT]}",
    )
    point = best["rate_nats"], best["distortion_nats"]
    elbo = f"ELBO {best['elbo_nats']:.1f} nats"
    axes.axline(point, slope=-1, color=MUTED, linewidth=1, linestyle=":", label=elbo)
    for latent in sorted({complete[LATENT].min(), complete[LATENT].max()}):
        axes.scatter([], [], s=_area(latent), color=MUTED, label=f"latent {latent}")
    axes.legend(loc="upper right", fontsize=9)


def _area(latent: pd.Series | int) -> pd.Series | float:
    """Square points: the area grows with the square root, so that 4 and 256 can both be seen."""
    return 22.0 * latent**0.5


def _log_scale(betas: pd.Series) -> LogNorm:
    low, high = betas.min(), betas.max()
    return LogNorm(low / 2, high * 2) if low == high else LogNorm(low, high)


def _plain(value: float, _: int | None = None) -> str:
    return f"{value:.3g}"


def _title(trials: pd.DataFrame, complete: pd.DataFrame) -> str:
    failed = len(trials) - len(complete)
    counted = "1 trial" if len(complete) == 1 else f"{len(complete)} trials"
    return counted + (f", and {failed} that failed" if failed else "")

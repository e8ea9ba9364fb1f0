"""What a study found, as pictures: its trials as a table go in, figures come out.

Settings stand in columns by their dotted names, which no other column has. Validation alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from matplotlib.tri import Triangulation

from latentops.metrics.rate_distortion import front
from latentops.report import canvas
from latentops.report.canvas import BLUE, FAINT, GREEN, GREY, INK, MUTED, ORANGE, VERMILION, styled

BETA, LATENT = "objective.beta", "model.latent"
SHORT_NAMES = {BETA: "β in training", LATENT: "latent size"}
SCORES = {
    "elbo": "ELBO, nats",
    "accuracy": "accuracy",
    "macro_recall": "macro recall",
    "-distortion": "-distortion, nats",
}
_POINT_AREA = 46.0  # square points, of a trial where no setting is shown by size
_CROWD = 120  # trials above which points shrink
_LEVELS = 14
_FEWEST_FOR_AREA = 4
_STEPS = (1, 2, 5, 10)
_COLORS = colormaps["viridis"].with_extremes(bad=FAINT)  # bad: the setting did not apply


@styled
def rate_distortion(
    trials: pd.DataFrame, chosen: int, rate_budget_nats: float | None = None
) -> Figure:
    """Every trial, the front as a line, `chosen` in a ring, and the line of its ELBO."""
    found = _finite(trials, "rate_nats", "distortion_nats")
    complete, pruned = _in(found, "complete"), _in(found, "pruned")
    if complete.empty:
        return _nothing("no complete trial")
    figure = canvas.blank(4.4)
    axes = figure.subplots()
    _scatter(axes, complete, "rate_nats", "distortion_nats", _color_setting(complete))
    line = front(complete)
    axes.plot(
        line["rate_nats"], line["distortion_nats"], color=INK, linewidth=1, label="front",
        zorder=2.5 if len(complete) <= _CROWD else 3.5,
    )  # fmt: skip
    _grow(axes, complete["rate_nats"], complete["distortion_nats"])
    if not pruned.empty:
        axes.scatter(
            pruned["rate_nats"], pruned["distortion_nats"], s=_shrunk(trials, 22), marker="x",
            color=GREY, linewidths=1, zorder=2, label="pruned, where it stopped",
        )  # fmt: skip
    _ring(axes, complete, "rate_nats", "distortion_nats", chosen)
    _equal_elbo(axes, complete, chosen)
    if rate_budget_nats is not None:
        label = f"budget: {rate_budget_nats:g} nats"
        axes.axvline(rate_budget_nats, color=GREEN, linewidth=1.2, linestyle="--", label=label)
    _size_key(axes, complete)
    axes.set_xlabel("rate of the validation split, nats")
    axes.set_ylabel("distortion, nats")
    axes.set_title(counted(trials))
    axes.legend(loc="upper right", fontsize=9)
    return figure


@styled
def active_units(trials: pd.DataFrame, chosen: int) -> Figure:
    """Latent dimensions in use against beta, or against the rate where beta was not searched."""
    across = BETA if BETA in numeric_settings(trials) else "rate_nats"
    complete = _finite(_in(trials, "complete"), across, "active_units")
    if complete.empty:
        return _nothing("no complete trial")
    figure = canvas.blank(3.4)
    axes = figure.subplots()
    others = [name for name in numeric_settings(complete) if name != across]
    color = LATENT if LATENT in others else next(iter(others), None)
    _scatter(axes, complete, across, "active_units", color, sized=False)
    _ring(axes, complete, across, "active_units", chosen, sized=False)
    _scale(complete[across]).apply(axes, "x")
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=_STEPS, integer=True))
    axes.set_ylim(-0.04 * complete["active_units"].max() - 0.3, None)
    axes.set_xlabel(SHORT_NAMES.get(across, "rate of the validation split, nats"))
    axes.set_ylabel("active units")
    axes.legend(loc="best", fontsize=9)
    return figure


@styled
def importance(table: pd.DataFrame) -> Figure:
    """How much of the score's variation each setting explains, the largest on top."""
    shown = table.dropna().sort_values("importance")
    if shown.empty:
        return _nothing("too few trials to tell")
    figure = canvas.blank(1.0 + 0.34 * len(shown))
    axes = figure.subplots()
    bars = axes.barh(
        [canvas.in_title(str(name), 30) for name in shown["setting"]],
        100 * shown["importance"],
        color=BLUE,
        height=0.66,
    )
    axes.bar_label(bars, fmt="%.0f %%", padding=4, fontsize=9)
    axes.grid(False, axis="y")
    axes.set_xlim(0, 100 * max(shown["importance"].max(), 0.01) * 1.14)
    axes.set_xlabel("share of the variation of the score, %")
    return figure


@styled
def contour(
    trials: pd.DataFrame, score_name: str, across: tuple[str, str] = (BETA, LATENT)
) -> Figure:
    """The score over two settings; the trials alone where they span no area."""
    complete = _finite(_in(trials, "complete"), *across, "score")
    if complete.empty:
        return _nothing("no complete trial")
    figure = canvas.blank(4.2)
    axes = figure.subplots()
    scales = [_scale(complete[name]) for name in across]
    x, y = (scale.placed(complete[name]) for name, scale in zip(across, scales, strict=True))
    low, high = _without_the_worst(complete["score"])
    _fill(axes, x, y, complete["score"], low, high)
    points = axes.scatter(
        x, y, c=complete["score"], vmin=low, vmax=high, s=_shrunk(complete, 30), edgecolors="white",
        linewidths=0.8 if len(complete) <= _CROWD else 0.2, zorder=3,
    )  # fmt: skip
    for name, scale, axis in zip(across, scales, (axes.xaxis, axes.yaxis), strict=True):
        axis.set_ticks(*scale.placed_ticks())
        axis.set_label_text(SHORT_NAMES.get(name, name))
    axes.grid(False)
    _grow(axes, pd.Series(x), pd.Series(y))
    below = bool(complete["score"].min() < low)
    figure.colorbar(
        points, label=SCORES.get(score_name, score_name), extend="min" if below else "neither"
    )
    axes.set_title(counted(trials))
    return figure


@styled
def learning_curves(curves: pd.DataFrame, chosen: int) -> Figure:
    """Validation ELBO by epoch: finished trials, those stopped early, and `chosen`."""
    known = _finite(curves, "epoch", "valid_elbo_nats")
    if known.empty:
        return _nothing("no epoch was recorded")
    figure = canvas.blank(3.8)
    axes = figure.subplots()
    others = known[known["trial"] != chosen]
    for state, color, label in (
        ("failed", FAINT, "failed"),
        ("complete", BLUE, "finished"),
        ("pruned", ORANGE, "stopped early"),
    ):
        _lines(axes, _in(others, state), color, label)
    best = known[known["trial"] == chosen].sort_values("epoch")
    if not best.empty:
        axes.plot(
            best["epoch"], best["valid_elbo_nats"], color=VERMILION, linewidth=2.2, zorder=5,
            marker="o" if len(best) == 1 else "", label=f"chosen: trial {chosen}",
        )  # fmt: skip
    low, high = _without_the_start(known)
    axes.set_ylim(low, high)
    axes.set_xlim(known["epoch"].min() - 0.2, known["epoch"].max() + 0.2)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel("ELBO of the validation split, nats")
    axes.legend(loc="lower right", fontsize=9)
    return figure


def numeric_settings(trials: pd.DataFrame) -> list[str]:
    """Searched settings that are numbers and of which there are two values or more."""
    return [
        str(name)
        for name in trials.columns
        if "." in str(name)
        and pd.api.types.is_numeric_dtype(trials[name])
        and not pd.api.types.is_bool_dtype(trials[name])
        and trials[name].nunique() > 1
    ]


def counted(trials: pd.DataFrame) -> str:
    """40 trials, 9 pruned, 1 failed."""
    states = trials["state"].value_counts()
    complete = int(states.get("complete", 0))
    others = [f"{states[state]:,} {state}" for state in ("pruned", "failed") if state in states]
    return ", ".join([f"{complete:,} complete trial{'' if complete == 1 else 's'}", *others])


@dataclass(frozen=True)
class _Scale:
    """Of one setting: logarithmic where it is positive and spans much."""

    low: float
    high: float
    log: bool

    def placed(self, values: pd.Series) -> np.ndarray:
        numbers = values.to_numpy(float)
        return np.log10(numbers) if self.log else numbers

    def placed_ticks(self) -> tuple[np.ndarray, list[str]]:
        return self.placed(pd.Series(self.ticks())), [_plain(tick) for tick in self.ticks()]

    def ticks(self) -> np.ndarray:
        found = np.unique(self._locator().tick_values(self.low, self.high))
        slack = 0.01 * (self.low if self.log else self.high - self.low)
        return found[(found >= self.low - slack) & (found <= self.high + slack)]

    def norm(self) -> Normalize:
        if self.log:
            return LogNorm(self.low, self.high)
        return Normalize(self.low, self.high)

    def apply(self, axes: Axes, which: str) -> None:
        if not self.log:
            return
        axes.set(**{f"{which}scale": "log"})
        axis = getattr(axes, f"{which}axis")
        axis.set_major_locator(self._locator())
        axis.set_major_formatter(FuncFormatter(_plain))
        axis.set_minor_locator(NullLocator())

    def _locator(self) -> LogLocator | MaxNLocator:
        if not self.log:
            return MaxNLocator(6, steps=_STEPS)
        decades = np.log10(self.high / self.low)
        return LogLocator(subs=(1.0, 2.0, 5.0) if decades < 3 else (1.0, 3.0))


def _scale(values: pd.Series) -> _Scale:
    low, high = float(values.min()), float(values.max())
    return _Scale(low, high, log=low > 0 and high / low >= 4)


def _plain(value: float, _: int | None = None) -> str:
    return f"{value:.3g}"


def _in(table: pd.DataFrame, state: str) -> pd.DataFrame:
    return table[table["state"] == state]


def _finite(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Rows in which all of these are numbers; none where a column is not there."""
    numbers = table.reindex(columns=pd.Index(columns)).astype(float).to_numpy()
    found: pd.DataFrame = table[np.isfinite(numbers).all(axis=1)]
    return found


def _color_setting(trials: pd.DataFrame) -> str | None:
    names = numeric_settings(trials)
    return BETA if BETA in names else next(iter(names), None)


def _scatter(
    axes: Axes, trials: pd.DataFrame, x: str, y: str, color: str | None, sized: bool = True
) -> None:
    """The points; a bar beside them tells the colours."""
    areas = _areas(trials) if sized else _shrunk(trials, _POINT_AREA)
    edge = 0.7 if len(trials) <= _CROWD else 0.3
    if color is None:
        axes.scatter(
            trials[x], trials[y], s=areas, color=BLUE, edgecolors="white", linewidths=edge, zorder=3
        )
        return
    scale = _scale(trials[color])
    points = axes.scatter(
        trials[x], trials[y], s=areas, c=trials[color].to_numpy(float), norm=scale.norm(),
        cmap=_COLORS, edgecolors="white", linewidths=edge, zorder=3, plotnonfinite=True,
    )  # fmt: skip
    figure = axes.get_figure(root=True)
    assert figure is not None
    bar = figure.colorbar(points, ax=axes, label=SHORT_NAMES.get(color, color))
    bar.set_ticks(list(scale.ticks()))
    bar.formatter = FuncFormatter(_plain)
    bar.minorlocator = NullLocator()


def _areas(trials: pd.DataFrame) -> np.ndarray | float:
    """By latent size where it was searched: its square root, so that 4 and 256 can both be seen."""
    if LATENT not in numeric_settings(trials):
        return _shrunk(trials, _POINT_AREA)
    return _latent_area(trials[LATENT].to_numpy(float)) * _shrunk(trials, 1.0)


def _latent_area(latent: np.ndarray) -> np.ndarray:
    return np.asarray(11.0 * np.nan_to_num(latent, nan=1.0) ** 0.5)


def _shrunk(trials: pd.DataFrame, area: float) -> float:
    return float(area * min(1.0, (_CROWD / max(1, len(trials))) ** 0.7))


def _size_key(axes: Axes, trials: pd.DataFrame) -> None:
    if LATENT not in numeric_settings(trials):
        return
    ends = np.array([trials[LATENT].min(), trials[LATENT].max()], float)
    for latent, area in zip(ends, _latent_area(ends) * _shrunk(trials, 1.0), strict=True):
        axes.scatter([], [], s=area, color=MUTED, label=f"latent size {latent:g}")


def _ring(
    axes: Axes, complete: pd.DataFrame, x: str, y: str, chosen: int, sized: bool = True
) -> None:
    row = complete[complete["trial"] == chosen]
    if row.empty:
        return
    area = _areas(complete) if sized else _shrunk(complete, _POINT_AREA)
    of_it = np.broadcast_to(area, len(complete))[complete["trial"].to_numpy() == chosen]
    axes.scatter(
        row[x], row[y], s=of_it + 90, facecolors="none", edgecolors=VERMILION, linewidths=1.8,
        zorder=4, label=f"chosen: trial {chosen}",
    )  # fmt: skip


def _equal_elbo(axes: Axes, complete: pd.DataFrame, chosen: int) -> None:
    """Where rate + distortion is that of the chosen trial: below the line is better."""
    axes.autoscale(False)  # for the line has no end
    for row in complete[complete["trial"] == chosen].to_dict("records"):
        elbo = -row["rate_nats"] - row["distortion_nats"]
        point = row["rate_nats"], row["distortion_nats"]
        label = f"ELBO {elbo:.1f} nats"
        axes.axline(point, slope=-1, color=MUTED, linewidth=1, linestyle=":", label=label)


def _grow(axes: Axes, x: pd.Series, y: pd.Series) -> None:
    """Limits around these points: those drawn later may lie outside."""
    for values, limit in ((x, axes.set_xlim), (y, axes.set_ylim)):
        margin = 0.06 * (values.max() - values.min()) or 0.02 * abs(values.max()) or 1.0
        limit(values.min() - margin, values.max() + margin)


def _fill(
    axes: Axes, x: np.ndarray, y: np.ndarray, score: pd.Series, low: float, high: float
) -> None:
    """Between the trials; of trials at one place the mean. Nothing where they span no area."""
    mean = pd.DataFrame({"x": x, "y": y, "score": score.to_numpy()}).groupby(["x", "y"]).mean()
    at = np.array(mean.index.tolist(), float)
    spread = np.ptp(at, axis=0)
    if len(at) < _FEWEST_FOR_AREA or not spread.all() or not low < high:
        return
    if np.linalg.matrix_rank((at - at.mean(axis=0)) / spread, tol=1e-6) < 2:
        return
    axes.tricontourf(
        Triangulation(at[:, 0], at[:, 1]), mean["score"], levels=np.linspace(low, high, _LEVELS),
        vmin=low, vmax=high, extend="min",
    )  # fmt: skip


def _without_the_worst(score: pd.Series) -> tuple[float, float]:
    """From the worst tenth on: a trial that went wrong must not take all colours."""
    return float(score.quantile(0.1)), float(score.max())


def _lines(axes: Axes, curves: pd.DataFrame, color: str, label: str) -> None:
    """A line for each trial, and a point at its end where trials ended early."""
    lines = [
        one.sort_values("epoch")[["epoch", "valid_elbo_nats"]].to_numpy(float)
        for _, one in curves.groupby("trial")
    ]
    if not lines:
        return
    alpha = max(0.03, min(0.75, 14 / len(lines)))
    axes.add_collection(LineCollection(lines, colors=color, linewidths=1.0, alpha=alpha))
    short = np.array([line[-1] for line in lines if len(line) == 1 or label != "finished"])
    if len(short):
        x, y = short.T
        axes.scatter(x, y, s=9, color=color, alpha=min(1.0, 2 * alpha), linewidths=0)
    axes.plot([], [], color=color, label=f"{label} ({len(lines):,})")


def _without_the_start(curves: pd.DataFrame) -> tuple[float, float]:
    """Limits without the lowest values, which are those of the first epochs."""
    elbo = curves["valid_elbo_nats"]
    low, high = float(elbo.quantile(0.12)), float(elbo.max())
    margin = 0.05 * (high - low) or 0.02 * abs(high) or 1.0
    return low - margin, high + margin


def _nothing(why: str) -> Figure:
    figure = canvas.blank(1.4)
    figure.text(0.5, 0.5, f"Nothing to draw: {why}.", ha="center", va="center", color=MUTED)
    return figure


def placed(trials: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """With rate, distortion and ELBO of the last epoch where a trial was pruned."""
    names = {f"valid_{name}": name for name in ("rate_nats", "distortion_nats", "elbo_nats")}
    last = curves.sort_values("epoch").groupby("trial").last().rename(columns=names)
    pruned = trials["state"] == "pruned"
    filled = trials.copy()
    for name in names.values():
        of_last = trials["trial"].map(last[name])
        filled[name] = trials[name].fillna(of_last.where(pruned).astype(float))
    return filled


def drawn(
    trials: pd.DataFrame, importances: pd.DataFrame, curves: pd.DataFrame, best: Mapping[str, Any]
) -> dict[str, bytes]:
    """PNG of each picture that these tables have something for, by file name without .png.

    `trials` are `placed`; `best` is tune/best.json.
    """
    chosen = best["trial"]
    figures: dict[str, Figure] = {}
    complete = _in(trials, "complete")
    if not _finite(complete, "rate_nats", "distortion_nats").empty:
        figures["rate_distortion"] = rate_distortion(trials, chosen, best["rate_budget_nats"])
    if not _finite(complete, "rate_nats", "active_units").empty:
        figures["active_units"] = active_units(trials, chosen)
    if not importances.dropna().empty:
        figures["importance"] = importance(importances)
    if across := most_important_pair(complete, importances):
        figures["contour"] = contour(trials, best["score_name"], across)
    if not _finite(curves, "epoch", "valid_elbo_nats").empty:
        figures["learning_curves"] = learning_curves(curves, chosen)
    return {name: canvas.png(figure) for name, figure in figures.items()}


def most_important_pair(
    complete: pd.DataFrame, importances: pd.DataFrame
) -> tuple[str, str] | None:
    """Beta and the latent size where both were searched, or else the two that matter most."""
    names = numeric_settings(complete)
    if {BETA, LATENT} <= set(names):
        return BETA, LATENT
    weights = dict(zip(importances["setting"], importances["importance"], strict=True))
    first, second = [*sorted(names, key=lambda name: -weights.get(name, 0.0)), "", ""][:2]
    return (first, second) if second else None

"""The chart of bytes against loss: codes of the VAE coloured, those of PCA or LSA grey."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from latentops.applications.results import Lossy, LossyPoint
from latentops.report import canvas
from latentops.report.canvas import BLUE, MUTED, styled

_COLOURS = {"vae": (BLUE, "o", "VAE"), "pca": (MUTED, "s", "PCA"), "lsa": (MUTED, "s", "LSA")}


@styled
def curves(found: Lossy) -> Figure:
    """Bytes against distortion and, where there are labels, against accuracy."""
    labelled = any(point.accuracy is not None for point in found.points)
    figure = canvas.blank(3.4)
    all_axes = figure.subplots(1, 2 if labelled else 1, squeeze=False)[0]
    _draw(all_axes[0], found, [_distortion(point, found) for point in found.points])
    all_axes[0].set_title("nats lost of a text" if found.unit == "nats" else "PSNR, dB")
    if labelled:
        accuracies = [None if p.accuracy is None else 100 * p.accuracy for p in found.points]
        _draw(all_axes[1], found, accuracies)
        all_axes[1].set_title("accuracy of a linear classifier, %")
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, handlelength=3.4)
    return figure


def psnr_text(mse: float) -> str:
    """Of pixels in [0, 1]."""
    return "exact" if mse <= 0 else f"{-10 * math.log10(mse):.2f}"


def _distortion(point: LossyPoint, found: Lossy) -> float | None:
    """PSNR of images, which an exact one does not have."""
    if found.unit == "nats":
        return point.distortion
    return -10 * math.log10(point.distortion) if point.distortion > 0 else None


def _draw(axes: Axes, found: Lossy, values: list[float | None]) -> None:
    """Codes of equal bits as full lines, which end at the floats; allocated bits broken."""
    for code in dict.fromkeys(point.code for point in found.points):
        colour, marker, title = _COLOURS[code]
        for allocated, line in ((False, "-"), (True, "--")):
            pairs = [
                (point.bytes, value)
                for point, value in zip(found.points, values, strict=True)
                if point.code == code
                and (point.coding == "allocated") == allocated
                and value is not None
            ]
            axes.plot(
                [count for count, _ in pairs],
                [value for _, value in pairs],
                color=colour,
                linestyle=line,
                marker=marker,
                markersize=4.5,
                markerfacecolor="white" if allocated else colour,
                label=f"{title}, {'bits allocated' if allocated else 'even bits, floats'}",
            )
    _set_bytes_axis(axes)


def _set_bytes_axis(axes: Axes) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(LogLocator(base=2, numticks=12))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}"))
    axes.set_xlabel("bytes of the code")

"""What every picture shares: size, colours, fonts, and how it becomes bytes.

Figures are objects with an Agg canvas of their own; pyplot and its global state are never used.
"""

import io
from collections.abc import Callable, Sequence
from functools import cache, wraps
from pathlib import Path
from typing import ParamSpec

import matplotlib.style
from cycler import cycler
from matplotlib import font_manager, ft2font
from matplotlib.figure import Figure

from latentops import artifacts

WIDTH_INCHES = 6.0  # with 10 pt letters: as large as the text beside it on a page 700 px wide
PIXELS_PER_INCH = 200

BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
PINK, SKY, VERMILION = "#CC79A7", "#56B4E9", "#D55E00"
INK, MUTED, GREY, FAINT = "#222222", "#666666", "#9aa3ab", "#c9cdd2"
# Okabe and Ito 2008 without its yellow, which white paper swallows, and three more.
PALETTE = (BLUE, ORANGE, GREEN, PINK, SKY, VERMILION, "#000000", "#999933", "#882255", "#7A4A1E")

FONT = "DejaVu Sans"  # comes with matplotlib: the same picture on every machine
LONGEST_NAME = 26

STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": FAINT,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "font.family": FONT,
    "font.size": 10,
    "grid.color": "#eceef0",
    "legend.frameon": False,
    "savefig.dpi": PIXELS_PER_INCH,
    "savefig.facecolor": "white",
    "text.color": INK,
    "text.parse_math": False,  # a label may hold dollar signs
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 9,
}

P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw in the house style, whatever a person's matplotlibrc says."""

    @wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.style.context(["default", STYLE]):
            return draw(*args, **kwargs)

    return wrapped


def blank(height_inches: float) -> Figure:
    return Figure(figsize=(WIDTH_INCHES, height_inches))


def png(figure: Figure) -> bytes:
    """The same bytes for the same figure: neither a date nor a version is written into them."""
    buffer = io.BytesIO()
    with matplotlib.style.context(["default", STYLE]):
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def save(figure: Figure, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    with artifacts.whole_file(path) as partial:
        partial.write_bytes(png(figure))


def shown(names: Sequence[str]) -> dict[str, str]:
    """What stands for each name in a picture, where one name never becomes another.

    A name that is too long, has line breaks or a # is cut and numbered by its place in `names`;
    one that the font cannot write, or that legends leave out, is its number alone.
    """
    return {name: _shown(name, place) for place, name in enumerate(names, start=1)}


def _shown(name: str, place: int) -> str:
    line = " ".join(name.split())
    if line.startswith("_") or not _glyphs().issuperset(map(ord, line)):
        return f"#{place}"
    if line == name and len(name) <= LONGEST_NAME and "#" not in name:
        return name
    return f"{line[: LONGEST_NAME - 7]}… #{place}"


def in_title(text: str, longest: int = LONGEST_NAME) -> str:
    """`text`, or its end where it is too long, with a box for what the font cannot write."""
    line = "".join(letter if ord(letter) in _glyphs() else "\u25a1" for letter in text)
    return line if len(line) <= longest else f"\u2026{line[1 - longest :]}"


@cache
def _glyphs() -> frozenset[int]:
    font = ft2font.FT2Font(font_manager.findfont(FONT))
    return frozenset(font.get_charmap())

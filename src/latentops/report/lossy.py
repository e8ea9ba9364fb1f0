"""What the report says of codes that are kept in the place of examples: bytes against loss."""

import math
from collections.abc import Iterable

from latentops.applications.results import Beside, Change, Lossy, LossyPoint
from latentops.report import canvas, lossy_picture, numbers
from latentops.report.document import Block, Picture, Table, Text
from latentops.report.glossary import value_text

_TITLES = {"vae": "VAE", "pca": "PCA", "lsa": "LSA"}
_CODINGS = {
    "float32": "float32",
    "float16": "float16",
    "even": "{:g} bits, even",
    "allocated": "{:g} bits, allocated",
}
_MOST_EXPONENT = 700.0  # exp of more is no float
_LESS_IN_FEWER_BITS = (
    "Fewer bits can lose less: their wide steps lie further out than the posterior's means, which "
    "hold back where the encoder is unsure."
)
_EXPLAINED = (
    "Even: every dimension has as many bits. Allocated: bits go, one after the other, to the "
    "dimension whose steps are the widest beside the posterior's standard deviation (of {baseline} "
    "beside each other), so that those which say little get none. Steps are equal over the range "
    "of training. The classifier is a logistic regression on whole training codes."
)


def blocks(found: Lossy) -> tuple[Block, ...]:
    """A sentence, a picture and a table."""
    baseline = _TITLES[found.baseline] if found.baseline else "a projection"
    return (
        Text(_finding(found)),
        _picture(found),
        _table(found),
        Text(_EXPLAINED.format(baseline=baseline)),
        *((Text(_LESS_IN_FEWER_BITS),) if _less_in_fewer_bits(found) else ()),
    )


def _less_in_fewer_bits(found: Lossy) -> bool:
    whole, *others = (point.distortion for point in found.points if point.code == "vae")
    return min(others) < 0.99 * whole


def _finding(found: Lossy) -> str:
    point = chosen(found)
    lead = f"{_in_bytes(point, found)} {_cost(found.chosen.beside_float32, found)}"
    if found.chosen.beside_baseline is None or found.baseline is None:
        return lead
    name = _TITLES[found.baseline]
    return f"{lead} {_against(name, found.chosen.beside_baseline, found)}"


def chosen(found: Lossy) -> LossyPoint:
    """The VAE's coding that was chosen on validation."""
    return next(
        point
        for point in found.points
        if point.code == "vae"
        and point.coding == found.chosen.coding
        and point.bits_per_dimension == found.chosen.bits_per_dimension
    )


def _in_bytes(point: LossyPoint, found: Lossy) -> str:
    thing = "a text" if found.unit == "nats" else "an image"
    whole = f", {found.row_bytes:.0f} before" if found.row_bytes is not None else ""
    return (
        f"Kept as its code alone, {thing} takes {value_text(point.bytes, '')} bytes "
        f"({_coding(point)}, {point.dimensions} dimensions{whole}), the fewest whose price on "
        "validation was at most half a point of accuracy and 1 % of the distortion."
    )


def _cost(beside: Beside, found: Lossy) -> str:
    """On test rows, beside whole codes."""
    price = f"On test that changes the distortion by {_difference(beside.distortion, found)}"
    if beside.accuracy is None:
        return f"{price}; without labels there are no mistakes to count."
    return f"{price} and the accuracy by {_points(beside.accuracy)}."


def _against(name: str, beside: Beside, found: Lossy) -> str:
    """The VAE's value minus that of the baseline stored in the same way."""
    distortion = _difference(beside.distortion, found)
    compared = f"{_verdict(beside.distortion, -1)} in distortion ({distortion})"
    if beside.accuracy is not None:
        accuracy = _points(beside.accuracy)
        compared += f" and {_verdict(beside.accuracy, 1)} in accuracy ({accuracy})"
    return f"Beside {name} stored in the same way the VAE is {compared}."


def _verdict(change: Change, sign: int) -> str:
    """`sign` is 1 where more is better."""
    ends = [sign * end for end in (change.low, change.high) if end is not None]
    if len(ends) == 2 and min(ends) > 0:
        return "better"
    return "worse" if len(ends) == 2 and max(ends) < 0 else "not to be told apart"


def _difference(change: Change, found: Lossy) -> str:
    """Signed, with its interval."""
    decimals, unit = (2, "nats") if found.unit == "nats" else (4, "MSE")
    mean = _signed(change.mean, decimals)
    if change.low is None or change.high is None:
        return f"{mean}{numbers.HARD_SPACE}{unit}"
    low, high = (_signed(end, decimals) for end in (change.low, change.high))
    return f"{mean}{numbers.HARD_SPACE}{unit} [{low},{numbers.HARD_SPACE}{high}]"


def _signed(value: float, decimals: int) -> str:
    text = f"{value:+.{decimals}f}"
    return text if float(text) else text[1:]


def _points(change: Change) -> str:
    if change.low is None or change.high is None:
        return f"{numbers.tenths(change.mean)}{numbers.HARD_SPACE}points"
    return numbers.points(change.mean, change.low, change.high)


def _coding(point: LossyPoint) -> str:
    text = _CODINGS[point.coding].format(point.bits_per_dimension)
    return text.replace("1 bits", "1 bit")


def _picture(found: Lossy) -> Picture:
    against = "distortion and accuracy" if _labelled(found) else "distortion"
    rows = f"{found.rows:,} test rows"
    return Picture(
        "lossy",
        canvas.png(lossy_picture.curves(found)),
        alt=f"Curves of bytes of a code against {against}, {rows}.",
        caption=f"Bytes of the code of an example against {against}, {rows}. The decoder is not "
        "counted: both ends have it.",
    )


def _table(found: Lossy) -> Table:
    """A row for each coding, the codes side by side."""
    codes = ["vae", *([found.baseline] if found.baseline else [])]
    by_code = {code: [each for each in found.points if each.code == code] for code in codes}
    header = (
        "Coding",
        "Bytes",
        *(f"{_TITLES[code]}, {unit}" for code in codes for unit in _units(found)),
    )
    rows = tuple(
        (
            _coding(of_each[0]),
            value_text(of_each[0].bytes, ""),
            *(cell for point in of_each for cell in _cells(point, found)),
        )
        for of_each in zip(*by_code.values(), strict=True)
    )
    marked = frozenset({by_code["vae"].index(chosen(found))})
    return Table(
        header,
        rows,
        frozenset(range(1, len(header))),
        marked,
        caption=f"What is left of {found.rows:,} test rows. Marked: chosen on validation.",
    )


def _units(found: Lossy) -> Iterable[str]:
    yield from ("nats", "perplexity") if found.unit == "nats" else ("MSE", "PSNR, dB")
    if _labelled(found):
        yield "accuracy, %"


def _cells(point: LossyPoint, found: Lossy) -> Iterable[str]:
    if found.unit == "nats":
        yield f"{point.distortion:.2f}"
        yield _perplexity(point.distortion, found.words_per_row or 0.0)
    else:
        yield f"{point.distortion:.4f}"
        yield lossy_picture.psnr_text(point.distortion)
    if _labelled(found):
        yield "" if point.accuracy is None else numbers.tenths(point.accuracy)


def _perplexity(nats: float, words: float) -> str:
    """Of a word, over all words of the rows."""
    return f"{math.exp(min(nats / words, _MOST_EXPONENT)):,.0f}" if words else ""


def _labelled(found: Lossy) -> bool:
    return any(point.accuracy is not None for point in found.points)

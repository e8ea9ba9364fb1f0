"""The section of the report on compression."""

from collections.abc import Iterable

from matplotlib.figure import Figure

from latentops.applications.results import Lossless, OfCount
from latentops.report import canvas, lossy, numbers
from latentops.report.canvas import BLUE, GREEN, GREY, INK, ORANGE, styled
from latentops.report.document import (
    Block,
    Command,
    Picture,
    Section,
    Table,
    Text,
    Warned,
)
from latentops.report.facts import Facts
from latentops.report.glossary import value_text

TITLE = "Compression"
CALLS = (
    "latentops compress --input images.npy --output images.lops",
    "latentops decompress --input images.lops --output again.npy",
)
OTHERS = ("gzip", "bz2", "xz")
_COLOURS = {"vae": BLUE, "gzip": GREY, "bz2": ORANGE, "xz": GREEN}
_NAMES = {"vae": "VAE"}


def compression(facts: Facts) -> Section | None:
    found = facts.applications.compression
    if found is None:
        return None
    if found.reason:
        return Section(TITLE, (Text(found.reason),))
    exact: Iterable[Block] = (Text(found.without_lossless),)
    if found.lossless:
        exact = _lossless(found.lossless)
    kept = lossy.blocks(found.lossy) if found.lossy else ()
    return Section(TITLE, (*exact, *kept))


def _lossless(found: Lossless) -> Iterable[Block]:
    if not found.identical:
        yield Warned(
            "Images came back other than they were: do not compress with this model, and please "
            "report it."
        )
    yield Text(_finding(found))
    yield Text(_needs(found))
    for call in CALLS:
        yield Command(call)
    yield _table(found)
    if len(found.by_count) > 1:
        yield _picture(found)


def _finding(found: Lossless) -> str:
    whole = found.by_count[-1]
    best = min(OTHERS, key=lambda name: _bits(whole, name))
    saved = 1 - whole.vae / _bits(whole, best)
    side = "less" if saved >= 0 else "more"
    same = " All came back to the bit." if found.identical else ""
    return (
        f"Without loss, {found.rows:,} test images take {_text(whole.vae)} bits per dimension, "
        f"{numbers.percent(abs(saved))} {side} than by {best}, the best of three general "
        f"compressors. The bound, -ELBO, is {_text(found.bound)}{_interval(found)}: the coder is "
        f"{_beside_bound(whole.vae / found.bound - 1)}.{same}"
    )


def _interval(found: Lossless) -> str:
    if found.low is None or found.high is None:
        return ""
    return f" [{_text(found.low)},{numbers.HARD_SPACE}{_text(found.high)}]"


def _beside_bound(overhead: float) -> str:
    side = "above" if overhead >= 0 else "below"
    return f"{100 * abs(overhead):.2f}{numbers.HARD_SPACE}% {side} it"


def _needs(found: Lossless) -> str:
    networks = found.decoder_bytes + found.encoder_bytes
    return (
        f"Who reads such a file needs the very same version of the model: a decoder of "
        f"{value_text(found.decoder_bytes, 'bytes')} and an encoder of "
        f"{value_text(found.encoder_bytes, 'bytes')}, which are not counted above. "
        f"{_pays_from(found, networks)} {found.compressed_per_second:,.0f} images per second are "
        f"compressed and {found.decompressed_per_second:,.0f} are restored."
    )


def _pays_from(found: Lossless, networks_bytes: int) -> str:
    """From how many images on the networks are paid for, at what is saved of each here."""
    whole = found.by_count[-1]
    saved_bits = min(_bits(whole, name) for name in OTHERS) - whole.vae
    if saved_bits <= 0:
        return "Nothing is saved that could pay for them."
    images = 8 * networks_bytes / (saved_bits * found.dimensions)
    return f"What is saved pays for them from {images:,.0f} images on."


def _table(found: Lossless) -> Table:
    rows = tuple(
        (f"{each.images:,}", *(_text(_bits(each, name)) for name in ("vae", *OTHERS)))
        for each in found.by_count
    )
    given = "eight pixels to a byte" if found.levels == 2 else "a byte for each pixel"
    return Table(
        ("Images in one file", "VAE", *OTHERS),
        rows,
        frozenset(range(5)),
        caption=f"Bits per dimension of whole files. The others are given {given}; a file of ours "
        "spends its first 50 bytes on saying what it is, and a first image cannot get bits back.",
    )


def _picture(found: Lossless) -> Picture:
    return Picture(
        "compression",
        canvas.png(curves(found)),
        alt=f"Curves of bits per dimension by the number of images in a file, up to {found.rows}.",
        caption="Bits per dimension by the number of images in one file. The dashed line is -ELBO.",
    )


@styled
def curves(found: Lossless) -> Figure:
    """Bits per dimension of each compressor by the number of images in a file."""
    figure = canvas.blank(2.8)
    axes = figure.subplots()
    counts = [each.images for each in found.by_count]
    for name, colour in _COLOURS.items():
        bits = [_bits(each, name) for each in found.by_count]
        axes.plot(counts, bits, "o-", color=colour, label=_NAMES.get(name, name))
    axes.axhline(found.bound, color=INK, linestyle="--", linewidth=1)
    axes.set_xscale("log")
    axes.set_xticks(counts, labels=[f"{count:,}" for count in counts])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("images in one file")
    axes.set_ylabel("bits per dimension")
    axes.legend()
    return figure


def _bits(each: OfCount, name: str) -> float:
    bits: float = getattr(each, name)
    return bits


def _text(bits: float) -> str:
    return f"{bits:.3f}"

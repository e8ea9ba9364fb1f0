"""The parts of a report: each reads the facts and gives a section, or none."""

from collections.abc import Iterable, Mapping

import pandas as pd

from latentops.evaluation.results import Dimension, Gallery, Neighbours
from latentops.report import canvas, conclusion, images, latent_use, measured, origin, pictures
from latentops.report.document import (
    Block,
    Cell,
    Picture,
    Section,
    Table,
    Text,
    Warned,
)
from latentops.report.facts import Facts

MOST_CONFUSIONS = 10
LONGEST_TEXT = 240
SYNTHETIC = (
    "This data is synthetic: a grammar generated it, nobody said it. What holds here need not hold "
    "on real data."
)


def opening(facts: Facts) -> tuple[Block, ...]:
    """The verdict and what it is of: what a reader in a hurry takes away."""
    found = facts.evaluation
    latent = len(found.active)
    blocks: list[Block] = [*conclusion.verdict(facts.verdict, found.scores, facts.head, latent)]
    if ignored := latent_use.ignored(facts):
        blocks.append(Warned(ignored))
    blocks.append(Text(_what_it_is(facts)))
    if facts.spec.synthetic:
        blocks.append(Text(SYNTHETIC))
    return tuple(blocks)


def _what_it_is(facts: Facts) -> str:
    spec = facts.spec
    beta = facts.curve["beta"].iloc[-1]  # after any warm-up
    latent = len(facts.evaluation.rate_per_dimension_nats)
    classes = f"{len(spec.classes):,} classes" if spec.classes else "without labels"
    licence = f" Licence of the data: {spec.licence}." if spec.licence else ""
    model = f"A {origin.model_name(beta)} of {latent} latent dimensions on {spec.source}"
    return f"{model}: {origin.kind(spec)}, {classes}.{licence}"


def scores(facts: Facts) -> Section:
    """Every number of metrics/eval.json, each with what it means."""
    note = Text("On the test split, which neither training nor the choice of the epoch has seen.")
    return Section("Scores", (note, measured.table("Score", facts.evaluation.scores)))


def seen_and_dreamt(facts: Facts) -> Section | None:
    """Reconstructions, samples and a traversal, for images."""
    gallery = facts.evaluation.gallery
    return Section("Images", tuple(_gallery(gallery))) if gallery else None


def _gallery(gallery: Gallery) -> Iterable[Picture]:
    yield Picture(
        "reconstructions",
        canvas.png(images.reconstructions(gallery.originals, gallery.reconstructions)),
        alt=f"{len(gallery.originals)} validation images, each above its reconstruction.",
        caption="Validation images, and under each what the model returns from its code.",
    )
    yield Picture(
        "prior_samples",
        canvas.png(images.samples(gallery.prior_samples)),
        alt=f"{len(gallery.prior_samples)} images decoded from random codes.",
        caption="Codes drawn from the prior and decoded: no image was put in.",
    )
    moved = ", ".join(f"z{dimension}" for dimension in gallery.traversal_dimensions)
    yield Picture(
        "traversal",
        canvas.png(images.traversal(gallery.traversal, gallery.traversal_dimensions)),
        alt=f"Rows of decoded images in which one latent dimension moves: {moved}.",
        caption="In each row one latent dimension moves from low to high, the others stay.",
    )


def latent_space(facts: Facts) -> Section:
    """What the code uses, and where the examples lie in it."""
    found = facts.evaluation
    rate, active = found.rate_per_dimension_nats, found.active
    used = f"{int(active.sum())} of {len(rate)} dimensions are active"
    bars = Picture(
        "rate_per_dimension",
        canvas.png(pictures.rate_per_dimension(rate, active)),
        alt=f"Bars of the rate of each latent dimension, largest first: {used}.",
        caption=f"{used}; together they carry {found.scores['rate_nats']:.2f} nats per example.",
    )
    return Section("Latent space", (bars, _map(facts)))


def _map(facts: Facts) -> Picture:
    points = facts.evaluation.latent_map
    shown = points.assign(label=points["label"].map(_short_names(facts)))
    labels = shown["label"].nunique()
    color = f"coloured by label ({labels:,})" if labels else "as a density"
    figure = pictures.latent_map(shown)
    named = len(figure.axes[0].texts)
    crowded = pictures.MOST_LEGEND_ENTRIES < labels > named
    left_out = f" Room was found for {named} names only; the points of the others are grey."
    return Picture(
        "latent_map",
        canvas.png(figure),
        alt=f"Map of {len(points):,} validation examples in two dimensions, {color}.",
        caption=f"The codes of {len(points):,} validation examples in two dimensions, {color}."
        f"{left_out if crowded else ''}{_key(_short_names(facts))}",
    )


def _short_names(facts: Facts) -> dict[str, str]:
    """What stands for each label in the pictures."""
    pairs = facts.evaluation.confusion
    columns = (facts.evaluation.latent_map["label"], pairs["actual"], pairs["predicted"])
    names = {str(name) for column in columns for name in column.dropna()}
    return canvas.shown(sorted(names - {""}))  # "": no label


def _key(shown: Mapping[str, str]) -> str:
    """The names behind the numbers that stand for them in a picture."""
    numbered = [f"{short} is {name}" for name, short in shown.items() if short != name]
    return f" {'; '.join(numbered)}." if numbered else ""


def confusion(facts: Facts) -> Section | None:
    """What is taken for what by the shipped classifier."""
    pairs = facts.evaluation.confusion
    if pairs.empty:
        return None
    counts = pictures.confusion_counts(pairs)
    rows = tuple(
        (actual, predicted, f"{count:,}", f"{100 * count / counts.loc[actual].sum():.0f} %")
        for actual, predicted, count in pictures.most_confused(counts)[:MOST_CONFUSIONS]
    )
    header = ("Actual", "Taken for", "Examples", "Share")
    table = Table(header, rows, frozenset({2, 3}), caption="Most frequent confusions")
    picture = _confusion_picture(facts, pairs.apply(lambda names: names.map(_short_names(facts))))
    return Section("Confusions", (picture, table) if rows else (picture,))


def _confusion_picture(facts: Facts, pairs: pd.DataFrame) -> Picture:
    classes = len(pictures.confusion_counts(pairs))
    drawn = len(pictures.classes_in_picture(pictures.confusion_counts(pairs)))
    numbers = ", in per cent" if drawn <= pictures.MOST_CLASSES_WITH_NUMBERS else ""
    part = f" Of {classes:,} classes, the {drawn} most often confused." if drawn < classes else ""
    return Picture(
        "confusion",
        canvas.png(pictures.confusion(pairs)),
        alt=f"Confusion matrix of {drawn} classes, actual by predicted.",
        caption="Mistakes of the shipped classifier. Rows are actual classes, "
        "columns predicted ones; the darker, the larger the share of the row"
        f"{numbers}.{part}{_key(_short_names(facts))}",
    )


def words(facts: Facts) -> Section | None:
    """Top words along each latent dimension."""
    dimensions = facts.evaluation.dimensions
    if not dimensions:
        return None
    rows = tuple(_dimension(dimension) for dimension in dimensions)
    table = Table(("Dimension", "Nats", "Rising words", "Falling words"), rows, frozenset({1}))
    note = Text("Words that become more and less likely as one latent dimension grows.")
    return Section("Words along the dimensions", (note, table))


def _dimension(dimension: Dimension) -> tuple[Cell, ...]:
    rising, falling = " ".join(dimension.rising), " ".join(dimension.falling)
    return (f"z{dimension.index}", f"{dimension.rate_nats:.2f}", rising, falling)


def neighbours(facts: Facts) -> Section | None:
    """Training examples nearest to a few validation examples."""
    found = facts.evaluation.neighbours
    if not found:
        return None
    note = Text("Validation examples, and the training examples whose codes point the same way.")
    return Section("Nearest neighbours", (note, *map(_nearest, found)))


def _nearest(example: Neighbours) -> Table:
    rows = tuple((_cut(text), label, f"{cosine:.2f}") for text, label, cosine in example.nearest)
    label = f" ({example.label})" if example.label else ""
    caption = f"“{_cut(example.text)}”{label}"
    return Table(("Training example", "Label", "Cosine"), rows, frozenset({2}), caption=caption)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TEXT else f"{line[:LONGEST_TEXT]}…"

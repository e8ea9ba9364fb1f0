"""The parts of a report: each reads the facts and gives a section, or none."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from latentops.artifacts import Spec
from latentops.evaluation.results import Dimension, Gallery, Neighbours
from latentops.report import canvas, finding, images, pictures
from latentops.report.document import (
    Block,
    Cell,
    Lead,
    Noted,
    Picture,
    Section,
    Table,
    Text,
    Warned,
)
from latentops.report.facts import Facts
from latentops.report.glossary import feature_title, metric, value_text

MOST_CONFUSIONS = 10
LONGEST_TEXT = 240
SYNTHETIC = (
    "This data is synthetic: a grammar generated it, nobody said it. What holds here need not hold "
    "on real data."
)


def opening(facts: Facts) -> tuple[Block, ...]:
    """What it is, and the finding: what a reader in a hurry takes away."""
    found = facts.evaluation
    blocks: list[Block] = [Text(_what_it_is(facts))]
    if facts.spec.synthetic:
        blocks.append(Text(SYNTHETIC))
    blocks.append(Lead(finding.sentence(found.probes, found.scores, len(found.confusion))))
    if found.collapse:
        blocks.append(Warned(found.collapse))
    return tuple(blocks)


def _what_it_is(facts: Facts) -> str:
    spec = facts.spec
    beta = facts.settings.get("objective", {}).get("beta", 1)
    name = "VAE" if beta == 1 else f"β-VAE (β = {beta:g})"
    latent = len(facts.evaluation.rate_per_dimension_nats)
    classes = f"{len(spec.classes):,} classes" if spec.classes else "without labels"
    licence = f" Licence of the data: {spec.licence}." if spec.licence else ""
    model = f"A {name} of {latent} latent dimensions on {spec.source}"
    return f"{model}: {_kind(spec)}, {classes}.{licence}"


def _kind(spec: Spec) -> str:
    if spec.kind == "counts":
        return f"word counts over {spec.shape[0]:,} terms"
    channels, height, width = spec.shape
    color = {1: "grey", 3: "colour"}.get(channels, f"{channels}-channel")
    binary = "" if spec.binarization == "none" else f", {spec.binarization} binarisation"
    return f"{color} images of {height} by {width} pixels{binary}"


def scores(facts: Facts) -> Section:
    """Every number of metrics/eval.json that the pictures and probes do not repeat."""
    rows = tuple(
        (Noted(metric(name).title, metric(name).meaning), _value(name, value), _unit(name))
        for name, value in facts.evaluation.scores.items()
    )
    note = Text("On the test split, which neither training nor the choice of the epoch has seen.")
    return Section("Scores", (note, Table(("Score", "Value", "Unit"), rows, frozenset({1}))))


def features(facts: Facts) -> Section | None:
    """The linear probe on the latent means beside what it must beat, with the cost of each."""
    probes = facts.evaluation.probes
    if not probes:
        return None
    order = sorted(probes, key=lambda name: -probes[name]["accuracy"])
    ours = finding.our_features(probes)
    columns = list(dict.fromkeys(column for name in order for column in probes[name]))
    rows = tuple(
        (feature_title(name), *(_optional(column, probes[name]) for column in columns))
        for name in order
    )
    table = Table(
        header=("Features", *(_title_and_unit(column) for column in columns)),
        rows=rows,
        numeric=frozenset(range(1, len(columns) + 1)),
        marked=frozenset({order.index(ours)} if ours else ()),
    )
    note = Text(
        "The same linear classifier on each kind of features, with all labels; its strength is "
        f"chosen on the validation split. {_chance(facts)}"
    )
    return Section("Features for a classifier", (note, _probe_picture(probes, ours), table))


def _chance(facts: Facts) -> str:
    accuracy = max(probe["accuracy"] for probe in facts.evaluation.probes.values())
    points = 100 * finding.margin(accuracy, accuracy, len(facts.evaluation.confusion))
    return f"Differences below about {points:.1f} points may be chance."


def _probe_picture(probes: Mapping[str, Mapping[str, float]], ours: str) -> Picture:
    table = pd.DataFrame(
        {
            "name": [feature_title(name) for name in probes],
            "accuracy": [probe["accuracy"] for probe in probes.values()],
            "note": [_cost(probe) for probe in probes.values()],
            "ours": [name == ours for name in probes],
        }
    )
    heard = "; ".join(
        f"{name} {accuracy:.1%}"
        for name, accuracy in zip(table["name"], table["accuracy"], strict=True)
    )
    return _picture(
        "probes",
        pictures.probes(table),
        alt=f"Bars of test accuracy by features: {heard}.",
        caption="Test accuracy of a linear classifier on each kind of features.",
    )


def _cost(probe: Mapping[str, float]) -> str:
    parts = [f"{int(probe['features']):,} features"] if "features" in probe else []
    seconds = [value for name, value in probe.items() if name.endswith("fit_seconds")]
    return ", ".join([*parts, f"{sum(seconds):.3g} s"] if seconds else parts)


def seen_and_dreamt(facts: Facts) -> Section | None:
    """Reconstructions, samples and a traversal, for images."""
    gallery = facts.evaluation.gallery
    return Section("Images", tuple(_gallery(gallery))) if gallery else None


def _gallery(gallery: Gallery) -> Iterable[Picture]:
    yield _picture(
        "reconstructions",
        images.reconstructions(gallery.originals, gallery.reconstructions),
        alt=f"{len(gallery.originals)} test images, each above its reconstruction.",
        caption="Test images, and under each what the model returns from its code.",
    )
    yield _picture(
        "prior_samples",
        images.samples(gallery.prior_samples),
        alt=f"{len(gallery.prior_samples)} images decoded from random codes.",
        caption="Codes drawn from the prior and decoded: no image was put in.",
    )
    moved = ", ".join(f"z{dimension}" for dimension in gallery.traversal_dimensions)
    yield _picture(
        "traversal",
        images.traversal(gallery.traversal, gallery.traversal_dimensions),
        alt=f"Rows of decoded images in which one latent dimension moves: {moved}.",
        caption="In each row one latent dimension moves from low to high, the others stay.",
    )


def latent_space(facts: Facts) -> Section:
    """What the code uses, and where the examples lie in it."""
    found = facts.evaluation
    rate, active = found.rate_per_dimension_nats, found.active
    used = f"{int(active.sum())} of {len(rate)} dimensions are active"
    bars = _picture(
        "rate_per_dimension",
        pictures.rate_per_dimension(rate, active),
        alt=f"Bars of the rate of each latent dimension, largest first: {used}.",
        caption=f"{used}; together they carry {rate.sum():.2f} nats per example.",
    )
    return Section("Latent space", (bars, _map(facts)))


def _map(facts: Facts) -> Picture:
    points = facts.evaluation.latent_map
    labels = points["label"].nunique()
    color = f"coloured by label ({labels:,})" if labels else "as a density"
    crowded = labels > pictures.MOST_LEGEND_ENTRIES
    left_out = " Labels that found no room stay grey." if crowded else ""
    return _picture(
        "latent_map",
        pictures.latent_map(points.assign(label=points["label"].map(facts.shown))),
        alt=f"Map of {len(points):,} test examples in two dimensions, {color}.",
        caption=f"The codes of {len(points):,} test examples in two dimensions, {color}."
        f"{left_out}{_key(facts.shown)}",
    )


def _key(shown: Mapping[str, str]) -> str:
    """The names behind the numbers that stand for them in a picture."""
    numbered = [f"{short} is {name}" for name, short in shown.items() if "#" in short != name]
    return f" {'; '.join(numbered)}." if numbered else ""


def confusion(facts: Facts) -> Section | None:
    """What is taken for what by the classifier on the latent means."""
    pairs = facts.evaluation.confusion
    if pairs.empty:
        return None
    counts = pictures.confusion_counts(pairs)
    rows = tuple(
        (actual, predicted, f"{count:,}", f"{100 * count / counts.loc[actual].sum():.0f} %")
        for actual, predicted, count in pictures.most_confused(counts)[:MOST_CONFUSIONS]
    )
    header = ("Actual", "Taken for", "Examples", "Share of actual")
    table = Table(header, rows, frozenset({2, 3}), caption="Most frequent confusions")
    picture = _confusion_picture(facts, pairs.apply(lambda names: names.map(facts.shown)))
    return Section("Confusions", (picture, table) if rows else (picture,))


def _confusion_picture(facts: Facts, pairs: pd.DataFrame) -> Picture:
    classes = len(pictures.confusion_counts(pairs))
    drawn = len(pictures.classes_in_picture(pictures.confusion_counts(pairs)))
    numbers = ", in per cent" if drawn <= pictures.MOST_CLASSES_WITH_NUMBERS else ""
    part = f" Of {classes:,} classes, the {drawn} most often confused." if drawn < classes else ""
    return _picture(
        "confusion",
        pictures.confusion(pairs),
        alt=f"Confusion matrix of {drawn} classes, actual by predicted.",
        caption="Mistakes of the linear classifier on the VAE's means. Rows are actual classes, "
        "columns predicted ones; the darker, the larger the share of the row"
        f"{numbers}.{part}{_key(facts.shown)}",
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
    """Training examples nearest to a few test examples."""
    found = facts.evaluation.neighbours
    if not found:
        return None
    note = Text("Test examples, and the training examples whose codes point the same way.")
    return Section("Nearest neighbours", (note, *map(_nearest, found)))


def _nearest(example: Neighbours) -> Table:
    rows = tuple((_cut(text), label, f"{cosine:.2f}") for text, label, cosine in example.nearest)
    label = f" ({example.label})" if example.label else ""
    caption = f"“{_cut(example.text)}”{label}"
    return Table(("Training example", "Label", "Cosine"), rows, frozenset({2}), caption=caption)


def training(facts: Facts) -> Section:
    """How training went, and every setting."""
    best, epochs = int(facts.training["best_epoch"]), len(facts.curve)
    curves = _picture(
        "training",
        pictures.training_curves(facts.curve, best),
        alt=f"Curves of ELBO, distortion, rate and β over {epochs} epochs; best epoch {best}.",
        caption="The best epoch is the one with the highest ELBO on the validation split; its "
        "weights were kept.",
    )
    outcome = tuple(_row(name, value) for name, value in facts.training.items())
    settings = tuple(_row(name, value) for name, value in flat(facts.settings))
    blocks: list[Block] = [
        Text(f"Epoch {best} of {epochs} was the best."),
        curves,
        Table(("Outcome", "Value"), outcome, frozenset({1})),
    ]
    if settings:
        blocks.append(Table(("Setting", "Value"), settings, caption="Settings"))
    return Section("Training", tuple(blocks))


def data(facts: Facts) -> Section | None:
    """What went in, and what was refused."""
    if not facts.data:
        return None
    rows = tuple((name, _plain(value)) for name, value in flat(facts.data))
    blocks: list[Block] = [Table(("Fact", "Value"), rows)]
    if facts.data_picture:
        alt = "Charts of the data: lengths, label balance and vocabulary coverage."
        caption = "The data as prepare found it."
        blocks.insert(0, Picture("data", facts.data_picture, alt, caption))
    return Section("Data", tuple(blocks))


def lineage(facts: Facts) -> Section | None:
    """What identifies the run: digests, commits and ids."""
    if not facts.lineage:
        return None
    rows = tuple((name, _plain(value)) for name, value in flat(facts.lineage))
    return Section("Lineage", (Table(("Fact", "Value"), rows),))


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Nested mappings as dotted names."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _row(name: str, value: Any) -> tuple[str, str]:
    return name, _plain(value)


def _plain(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return value_text(value, "")
        case list() | tuple():
            return ", ".join(map(_plain, value)) or "none"
    return str(value)


def _picture(name: str, figure: Any, alt: str, caption: str) -> Picture:
    return Picture(name, canvas.png(figure), alt, caption)


def _value(name: str, value: float) -> str:
    return value_text(value, metric(name).unit)


def _optional(name: str, values: Mapping[str, float]) -> str:
    return _value(name, values[name]) if name in values else ""


def _unit(name: str) -> str:
    unit = metric(name).unit
    return "" if unit in ("share", "bytes") else unit


def _title_and_unit(name: str) -> str:
    return f"{metric(name).title}, {_unit(name)}" if _unit(name) else metric(name).title


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TEXT else f"{line[:LONGEST_TEXT]}…"

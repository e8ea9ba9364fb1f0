"""What a model comes from, as tables, sentences and boxes: the report and the card share them."""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from latentops import config
from latentops.artifacts import Spec, Split
from latentops.classifier import Candidate, HeadFile
from latentops.report.document import Block, Graph, Node, Table, Text
from latentops.report.glossary import (
    CLASSIFIERS,
    feature_title,
    plain_text,
    value_text,
)

SPLITS: tuple[Split, ...] = get_args(Split)

# What data/report.json may say of each split, as (title, path, unit).
BY_SPLIT = (
    ("Rows", "rows", ""),
    ("Rows without a label", "labels.unlabelled", ""),
    ("Rows out of scope", "labels.out_of_scope", ""),
    ("Share of the largest class", "labels.largest_share", "share"),
    ("Rows equal to an earlier one", "duplicates.within", ""),
    ("Terms known to the encoder", "vocabulary.known_share", "share"),
    ("Terms known to the decoder", "vocabulary.target_share", "share"),
    ("Texts without a known term", "vocabulary.texts_without_a_term", ""),
    ("Tokens", "sentences.tokens", ""),
    ("Tokens that are unknown", "sentences.unknown_share", "share"),
    ("Sentences that were cut", "sentences.cut", ""),
)

DIGEST = 12  # characters of a digest in a box; the table beside it holds the whole


def kind(spec: Spec) -> str:
    """What an example is."""
    if spec.kind == "counts":
        tokens = f" and sentences of {spec.tokens:,} kinds of token" if spec.tokens else ""
        return f"word counts over {spec.shape[0]:,} terms{tokens}"
    channels, height, width = spec.shape
    color = {1: "grey", 3: "colour"}.get(channels, f"{channels}-channel")
    binary = "" if spec.binarization == "none" else f", {spec.binarization} binarisation"
    return f"{color} images of {height} by {width} pixels{binary}"


def classifier(chosen: Candidate, classes: int) -> str:
    """linear SVM on TF-IDF + VAE, for 30 classes"""
    name = CLASSIFIERS[chosen.classifier]
    return f"{name} on {feature_title(chosen.features)}, for {classes:,} classes"


def model_name(beta: float) -> str:
    return "VAE" if beta == 1 else f"β-VAE (β = {beta:g})"


def data(report: Mapping[str, Any]) -> Iterable[Block]:
    """Of data/report.json: the splits, what they share, and the rows that were refused."""
    yield _by_split(report)
    yield Text(_refused(report))
    yield from listed("Rows that stand in two splits", at(report, "duplicates.across") or {})
    yield from listed("Reason for refusal", at(report, "refused.by_reason") or {})


def listed(title: str, values: Mapping[str, Any]) -> list[Block]:
    """A table of names and values; nothing where there is none."""
    rows = tuple((name, plain_text(value)) for name, value in config.flat(values).items())
    return [Table((title, "Value"), rows)] if rows else []


def chain(
    spec: Spec,
    rows: Mapping[str, int],
    settings: Mapping[str, Any],
    weights_sha256: str,
    head: HeadFile,
    scores: Mapping[str, float],
) -> Graph:
    """From the data to the scores; nobody checks the boxes here."""
    shipped = classifier(head.chosen, len(head.classes)) if head.chosen else f"none: {head.reason}"
    nodes = (
        Node("Data", _data(spec, rows)),
        Node("Settings", _settings(settings)),
        Node("Weights", f"sha256 {weights_sha256[:DIGEST]}…" if weights_sha256 else "no digest"),
        Node("Classifier", shipped),
        Node("Scores on test", _scores(scores)),
    )
    alt = "; ".join(f"{node.title}: {node.text}" for node in nodes)
    return Graph(nodes, "Lineage", alt, "Each box was made from those above it.")


def at(values: Mapping[str, Any], path: str) -> Any:
    """The value under a dotted path, or None."""
    name, _, rest = path.partition(".")
    found = values.get(name)
    return at(found or {}, rest) if rest else found


def _by_split(report: Mapping[str, Any]) -> Table:
    rows = tuple(
        (title, *(_optional(found.get(split), unit) for split in SPLITS))
        for title, path, unit in BY_SPLIT
        if (found := at(report, path))
    )
    return Table(("Per split", *SPLITS), rows, frozenset(range(1, len(SPLITS) + 1)))


def _refused(report: Mapping[str, Any]) -> str:
    rows = at(report, "refused.rows") or 0
    if not rows:
        return "No row was refused."
    return f"{rows:,} rows were refused: data/refused.csv holds each with its reason."


def _optional(value: float | None, unit: str) -> str:
    return "" if value is None else value_text(value, unit)


def _data(spec: Spec, rows: Mapping[str, int]) -> str:
    source = f"{spec.source}{' (synthetic)' if spec.synthetic else ''}"
    counted = ", ".join(f"{count:,} {split}" for split, count in rows.items())
    return f"{source}: {counted} rows" if counted else source


def _settings(settings: Mapping[str, Any]) -> str:
    named = {
        "model.kind": "{}",
        "model.latent": "{} latent dimensions",
        "objective.beta": "β = {}",
        "train.epochs": "{} epochs",
        "train.seed": "seed {}",
    }
    found = ((text, at(settings, path)) for path, text in named.items())
    return ", ".join(text.format(plain_text(value)) for text, value in found if value is not None)


def _scores(scores: Mapping[str, float]) -> str:
    elbo = f"ELBO {value_text(scores['elbo_nats'], 'nats')} nats"
    if "accuracy" not in scores:
        return elbo
    return f"{elbo}, accuracy {value_text(scores['accuracy'], 'share')}"

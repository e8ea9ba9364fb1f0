"""The section on the classifier that is in the registered model: what it is and how to call it."""

from collections.abc import Iterable

from latentops.classifier import Candidate, Detector, HeadFile
from latentops.report import numbers, origin
from latentops.report.document import Block, Cell, Command, Section, Table, Text
from latentops.report.facts import Facts
from latentops.report.glossary import CLASSIFIERS, feature_title, signal_title, value_text

CALL = "latentops predict --input file.csv --output out.parquet"


def shipped(facts: Facts) -> Section:
    """What the model answers with, and what else was tried on validation."""
    if facts.head.chosen is None:
        return Section("The model that is shipped", (Text(_without(facts.head)),))
    return Section("The model that is shipped", tuple(_blocks(facts.head, facts.head.chosen)))


def _without(head: HeadFile) -> str:
    return (
        f"The model is shipped without a classifier: {head.reason} It gives codes, "
        "reconstructions, samples and scores."
    )


def _blocks(head: HeadFile, chosen: Candidate) -> Iterable[Block]:
    yield Text(
        f"A {origin.classifier(chosen, len(head.classes))}, with a detector of inputs out of "
        "scope. Weights, vocabulary, classifier and threshold are one version of the registered "
        "model. The champion labels a file of any size:"
    )
    yield Command(CALL)
    yield Text(
        "The output has a row for each input: label, probability, out_of_scope and its score. "
        "Another version is named before --input, as models:/name/3 or models:/name@challenger."
    )
    yield from tables(head, chosen)


def tables(head: HeadFile, chosen: Candidate) -> Iterable[Table]:
    """Of the classifier, of its detector, and what was tried before it was chosen."""
    yield Table(("Of the classifier", "Value"), tuple(_facts(head, chosen)))
    if head.detector:
        yield _detector(head.detector, head.refuse)
    if len(head.candidates) > 1:
        yield _candidates(head, chosen)


def _facts(head: HeadFile, chosen: Candidate) -> Iterable[tuple[Cell, ...]]:
    if chosen.accuracy is not None:
        yield "Accuracy where it was chosen", numbers.percent(chosen.accuracy)
    if head.chosen_by:
        yield "Chosen by", head.chosen_by
    yield "Training rows", f"{head.train_rows:,}"
    yield "Size with what it reads", value_text(chosen.bytes, "bytes")
    yield "Strength (C)", f"{chosen.inverse_penalty:g}"
    if chosen.join is not None:
        yield "Weight of the joined features", f"{chosen.join:g}"
    yield "Temperature of the probabilities", f"{head.temperature:.3g}"
    if head.rounded_labels is not None:
        yield "Labels kept by 8-bit weights", numbers.percent(head.rounded_labels)
    if head.absent:
        yield "Classes never predicted, without a training row", ", ".join(head.absent)


def _detector(detector: Detector, refuse: float) -> Table:
    rows = [
        (f"Weight of {signal_title(name).lower()}", f"{each.weight:.3g}")
        for name, each in detector.signals.items()
    ]
    rows += [
        ("Threshold: above, out of scope", f"{detector.threshold:.4g}"),
        ("Known validation rows refused", _refused(detector.refused, refuse)),
    ]
    if detector.note:
        rows.append(("Fitted on", detector.note))
    return Table(("Of the detector", "Value"), tuple(rows))


def _refused(found: float, asked: float) -> str:
    return f"{numbers.percent(found)}; asked for: {numbers.percent(asked)}"


def _candidates(head: HeadFile, chosen: Candidate) -> Table:
    rows = tuple(_candidate(each) for each in head.candidates)
    marked = frozenset(place for place, each in enumerate(head.candidates) if each == chosen)
    header = ("Features", "Classifier", "Accuracy", "Size")
    return Table(header, rows, frozenset({2, 3}), marked, caption="What was tried for it")


def _candidate(each: Candidate) -> tuple[Cell, ...]:
    return (
        feature_title(each.features),
        CLASSIFIERS[each.classifier],
        "" if each.accuracy is None else numbers.percent(each.accuracy),
        value_text(each.bytes, "bytes"),
    )

"""The sections that say where the results come from: training, data, lineage."""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from latentops.artifacts import Split
from latentops.report import canvas, pictures
from latentops.report.document import Block, Picture, Section, Table, Text
from latentops.report.facts import Facts
from latentops.report.glossary import metric, plain_text, value_text

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
)


def training(facts: Facts) -> Section:
    """How training went, and with which settings."""
    best, epochs = int(facts.training["best_epoch"]), len(facts.curve)
    curves = Picture(
        "training",
        canvas.png(pictures.training_curves(facts.curve, best)),
        alt=f"Curves of ELBO, distortion, rate and β over {epochs} epochs; best epoch {best}.",
        caption="By epoch. The weights of the best epoch were kept: the one with the highest ELBO "
        "on the validation split, after any rise of β.",
    )
    outcome = tuple(_measured(name, value) for name, value in facts.training.items())
    blocks = (
        Text(f"Epoch {best} of {epochs} was the best."),
        curves,
        Table(("Outcome", "Value", "Unit"), outcome, frozenset({1})),
    )
    return Section("Training", (*blocks, *_listed("Setting", facts.settings)))


def data(facts: Facts) -> Section | None:
    """What went in, and what was refused."""
    if not facts.data:
        return None
    blocks: list[Block] = []
    if facts.data_picture:
        alt = "Charts of the prepared data, whose numbers are in the table below."
        blocks.append(Picture("data", facts.data_picture, alt, "The data as it was prepared."))
    blocks.append(_by_split(facts.data))
    shared = at(facts.data, "duplicates.across") or {}
    blocks += [Text(_refused(facts.data)), *_listed("Rows that stand in two splits", shared)]
    blocks += _listed("Reason for refusal", at(facts.data, "refused.by_reason") or {})
    return Section("Data", tuple(blocks))


def lineage(facts: Facts) -> Section | None:
    """What identifies the run: digests, commits and ids."""
    return Section("Lineage", tuple(_listed("Fact", facts.lineage))) if facts.lineage else None


def at(values: Mapping[str, Any], path: str) -> Any:
    """The value under a dotted path, or None."""
    name, _, rest = path.partition(".")
    found = values.get(name)
    return at(found or {}, rest) if rest else found


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Nested mappings as dotted names."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _by_split(report: Mapping[str, Any]) -> Table:
    rows = tuple(
        (title, *(_optional(found.get(split), unit) for split in SPLITS))
        for title, path, unit in BY_SPLIT
        if (found := at(report, path))
    )
    return Table(("Per split", *SPLITS), rows, frozenset(range(1, len(SPLITS) + 1)))


def _optional(value: float | None, unit: str) -> str:
    return "" if value is None else value_text(value, unit)


def _refused(report: Mapping[str, Any]) -> str:
    rows = at(report, "refused.rows") or 0
    if not rows:
        return "No row was refused."
    return f"{rows:,} rows were refused: data/refused.csv holds each with its reason."


def _listed(title: str, values: Mapping[str, Any]) -> list[Block]:
    rows = tuple((name, plain_text(value)) for name, value in flat(values))
    return [Table((title, "Value"), rows)] if rows else []


def _measured(name: str, value: float) -> tuple[str, str, str]:
    known = metric(name)
    return known.title, value_text(value, known.unit), known.unit_beside

"""The sections that say where the results come from: training, data, lineage."""

from latentops.report import canvas, origin, pictures
from latentops.report.document import Block, Picture, Section, Table, Text
from latentops.report.facts import Facts
from latentops.report.glossary import metric, value_text


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
    return Section("Training", (*blocks, *origin.listed("Setting", facts.settings)))


def data(facts: Facts) -> Section | None:
    """What went in, and what was refused."""
    if not facts.data:
        return None
    blocks: list[Block] = []
    if facts.data_picture:
        alt = "Charts of the prepared data, whose numbers are in the table below."
        blocks.append(Picture("data", facts.data_picture, alt, "The data as it was prepared."))
    return Section("Data", (*blocks, *origin.data(facts.data)))


def lineage(facts: Facts) -> Section | None:
    """What made the model, and what identifies the run: digests, commits and ids."""
    if not facts.lineage:
        return None
    drawn = origin.chain(
        facts.spec,
        facts.data.get("rows", {}),
        facts.settings,
        str(facts.lineage.get("weights_sha256", "")),
        facts.head,
        facts.evaluation.scores,
    )
    return Section("Lineage", (drawn, *origin.listed("Fact", facts.lineage)))


def _measured(name: str, value: float) -> tuple[str, str, str]:
    known = metric(name)
    return known.title, value_text(value, known.unit), known.unit_beside

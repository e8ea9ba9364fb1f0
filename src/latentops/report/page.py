"""The report: one document from the facts, as a page, as text, and its pictures and tables."""

import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pandas as pd

from latentops import artifacts
from latentops.artifacts import Spec
from latentops.evaluation.results import Evaluation
from latentops.report import (
    answers,
    augmentation,
    compression,
    denoising,
    generation,
    html,
    latent_use,
    markdown,
    meaning,
    provenance,
    sections,
    sentences,
    shipped,
    topics,
)
from latentops.report.document import Document, Picture, Section
from latentops.report.facts import Facts

PLOTS = Path("plots/evaluation")
PICTURES = "pictures"  # a folder of its own, so that dvc.yaml can name it as a whole

# In the order of the page. A new part of the report is one more function here.
SECTIONS: tuple[Callable[[Facts], Section | None], ...] = (
    answers.accuracy,
    answers.cost,
    answers.strangers,
    shipped.shipped,
    generation.generation,
    augmentation.augmentation,
    denoising.denoising,
    compression.compression,
    meaning.meaning,
    sections.scores,
    sections.seen_and_dreamt,
    sentences.sentences,
    latent_use.latent_use,
    sections.latent_space,
    sections.confusion,
    sections.words,
    topics.topics,
    sections.neighbours,
    provenance.training,
    provenance.data,
    provenance.lineage,
)


def compose(facts: Facts) -> Document:
    """All that the report says, in order."""
    found = (section(facts) for section in SECTIONS)
    return Document(
        title=_title(facts.spec),
        opening=sections.opening(facts),
        sections=tuple(section for section in found if section),
    )


def _title(spec: Spec) -> str:
    return f"LatentOps report: {spec.source}{' (synthetic)' if spec.synthetic else ''}"


def write(
    facts: Facts,
    page: Path = artifacts.REPORT_PAGE,
    text: Path = artifacts.REPORT_TEXT,
    plots: Path = PLOTS,
) -> None:
    """Write the page, the text, and under `plots` what they show and what DVC draws."""
    document = compose(facts)
    write_pictures(document, plots / PICTURES)
    write_tables(facts.evaluation, plots)
    relative = PurePosixPath(Path(os.path.relpath(plots / PICTURES, text.parent)).as_posix())
    artifacts.write_text(markdown.render(document, relative), text)
    artifacts.write_text(html.render(document), page)


def write_pictures(document: Document, folder: Path) -> None:
    """Write every picture of the document as <name>.png."""
    for section in document.sections:
        for block in section.blocks:
            if isinstance(block, Picture):
                with artifacts.whole_file(folder / f"{block.name}.png") as partial:
                    partial.write_bytes(block.png)


def write_tables(evaluation: Evaluation, folder: Path) -> None:
    """Write what `plots:` in dvc.yaml draws: confusion.csv, rate_per_dimension.csv."""
    rate = evaluation.rate_per_dimension_nats
    names = [f"z{index}" for index in range(len(rate))]
    tables = {
        "confusion": evaluation.confusion[["actual", "predicted"]],
        "rate_per_dimension": pd.DataFrame({"dimension": names, "rate_nats": rate}),
    }
    for name, table in tables.items():
        artifacts.write_table(table, folder / f"{name}.csv")

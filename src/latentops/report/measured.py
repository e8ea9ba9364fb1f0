"""Measured numbers as a table: the report and the card share it."""

from collections.abc import Mapping

from latentops.report.document import Cell, Noted, Table
from latentops.report.glossary import metric, value_text


def table(title: str, values: Mapping[str, float]) -> Table:
    """Each number with what it means and its unit."""
    rows = tuple(_row(name, value) for name, value in values.items())
    return Table((title, "Value", "Unit"), rows, frozenset({1}))


def _row(name: str, value: float) -> tuple[Cell, ...]:
    known = metric(name)
    name_cell = Noted(known.title, known.meaning) if known.meaning else known.title
    return name_cell, value_text(value, known.unit), known.unit_beside

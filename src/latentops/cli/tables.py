"""What a command prints on stdout: columns side by side, or JSON. Notes go to stderr."""

import json
import math
import re
import shutil
import sys
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from latentops.errors import printable

if TYPE_CHECKING:
    import pandas as pd

    from latentops.registry.checks import Check
    from latentops.report.document import Cell, Table

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

SHORT = 12  # characters of a digest in a column
_DIGEST = re.compile("[0-9a-f]{32,64}")
_GAP = "  "
_LEAST_ROOM = 30  # for a last column that is wrapped
_MARKS = {"ok": ("ok", "green"), "failed": ("FAILED", "red"), "absent": ("absent", "yellow")}


def note(text: str) -> None:
    """What a person wants to know and a script does not."""
    click.echo(printable(text), err=True)


def as_json(value: Any) -> None:
    """Numbers that are not finite are text, since JSON has none."""
    click.echo(json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False))


def frame(table: "pd.DataFrame", as_json: bool) -> None:
    """Rows as JSON objects, or as columns."""
    if as_json:
        click.echo(
            table.to_json(orient="records", indent=2, force_ascii=False, double_precision=15)
        )
        return
    numeric = [place for place, kind in enumerate(table.dtypes) if kind.kind in "iufb"]
    known = table.astype(object).where(table.notna(), None)
    columns(list(table.columns), list(known.itertuples(index=False)), numeric)


def columns(
    header: Sequence[str], rows: Iterable[Sequence[Any]], numeric: Collection[int] = ()
) -> None:
    """All of one width, numbers to the right; a screen that is too narrow wraps the last one."""
    cells = [list(header), *([_short(text(value)) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        *aligned, last = (
            cell.rjust(width) if place in numeric else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        _line(_GAP.join([*aligned, ""]) if aligned else "", last)


def facts(title: str, told: Mapping[str, Any]) -> None:
    """Names and values below a title."""
    click.echo(title)
    width = max(map(len, told), default=0)
    for name, value in told.items():
        _line(f"{_GAP}{name.ljust(width)}{_GAP}", text(value) or "-")


def report_table(table: "Table") -> None:
    """A table of a report, and below it what it says of itself."""
    columns(table.header, [[_cell(cell) for cell in row] for row in table.rows], table.numeric)
    if table.caption:
        _line("", table.caption)


def checks(found: Sequence["Check"]) -> None:
    """One line for each, and below it what to do."""
    names = max((len(check.name) for check in found), default=0)
    for check in found:
        mark, color = _MARKS[check.state]
        start = f"{mark.ljust(6)}{_GAP}{text(check.name).ljust(names)}{_GAP}"
        _line(start, text(check.found), shown=click.style(mark, fg=color) + start[len(mark) :])
        if check.advice and check.state != "ok":
            _line(" " * len(start), text(check.advice))


def plain_checks(found: Sequence["Check"]) -> list[dict[str, str]]:
    """For JSON."""
    return [asdict(check) for check in found]


def text(value: Any) -> str:
    """On one line."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(text, value))
    return printable(" ".join(str(value).split()))


def _short(line: str) -> str:
    return line[:SHORT] if _DIGEST.fullmatch(line) else line


def _line(start: str, rest: str, shown: str | None = None) -> None:
    """`start` is shown as `shown`; the rest goes on below itself where the screen ends."""
    room = shutil.get_terminal_size().columns - len(start) if sys.stdout.isatty() else 0
    lines = textwrap.wrap(rest, room) if room >= _LEAST_ROOM else []
    first, *more = lines or [rest]
    click.echo(f"{shown or start}{first}".rstrip())
    for line in more:
        click.echo(f"{' ' * len(start)}{line}")


def _cell(cell: "Cell") -> str:
    return cell if isinstance(cell, str) else f"{cell.text} ({cell.note})"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value

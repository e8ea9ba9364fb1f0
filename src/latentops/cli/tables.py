"""What a command prints: columns side by side, or JSON."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def show(table: "pd.DataFrame", as_json: bool) -> None:
    """Rows as JSON objects, or as columns side by side, numbers to the right."""
    if as_json:
        click.echo(
            table.to_json(orient="records", indent=2, force_ascii=False, double_precision=15)
        )
        return
    columns = [_aligned(name, table[name]) for name in table.columns]
    for cells in zip(*columns, strict=True):
        click.echo("  ".join(cells).rstrip())


def _aligned(name: str, column: "pd.Series[Any]") -> list[str]:
    """The name and the values, all of one width."""
    texts = [
        name,
        *("" if gone else _text(value) for value, gone in zip(column, column.isna(), strict=True)),
    ]
    width = max(map(len, texts))
    numeric = column.dtype.kind in "iufb"
    return [text.rjust(width) if numeric else text.ljust(width) for text in texts]


def _text(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)

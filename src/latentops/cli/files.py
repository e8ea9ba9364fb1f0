"""Options of the commands that read one file and write another."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Decorator = Callable[[Any], Any]

_A_PATH = click.Path(path_type=Path)

text_column = click.option(
    "--text-column", default="text", show_default=True, help="Of the input, with the texts."
)


def source(what: str) -> Decorator:
    return click.option("--input", "source", required=True, type=_A_PATH, help=what)


def target(what: str) -> Decorator:
    return click.option("--output", "target", required=True, type=_A_PATH, help=what)

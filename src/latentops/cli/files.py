"""Options of the commands that read one file and write another."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from latentops.errors import SettingsError

Decorator = Callable[[Any], Any]

_A_PATH = click.Path(path_type=Path)

text_column = click.option(
    "--text-column", default="text", show_default=True, help="Of the input, with the texts."
)


def require_no_folder(*paths: Path | None) -> None:
    """Of files to write, before there is anything to lose. Raises SettingsError."""
    for path in paths:
        if path is not None and path.is_dir():
            raise SettingsError(f"{path} is a folder. Name a file in it that is to be written.")


def source(what: str) -> Decorator:
    return click.option("--input", "source", required=True, type=_A_PATH, help=what)


def target(what: str) -> Decorator:
    return click.option("--output", "target", required=True, type=_A_PATH, help=what)

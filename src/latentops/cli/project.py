"""The project that a command works in, and the registered model that it is about."""

import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from latentops.errors import SettingsError, StoreError

if TYPE_CHECKING:
    from latentops.registry.reference import Reference
    from latentops.registry.settings import Settings


def enter() -> None:
    """Work in the folder with dvc.yaml and params.yaml, here or above; tune/ has no params.yaml."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").is_file() and (folder / "params.yaml").is_file():
            os.chdir(folder)
            return
    raise SettingsError(
        f"Neither {here} nor a folder above it is a project (dvc.yaml beside params.yaml). "
        "Go to one and run the command again."
    )


def policy() -> "Settings":
    """Section `registry` of params.yaml."""
    enter()
    from latentops import config
    from latentops.registry.settings import Settings

    class Read(config.Section):
        registry: Settings

    return config.load(Read).registry


def model(given: str | None) -> str:
    """The registered model of that name, or of the name in params.yaml."""
    own = policy().name
    name = own if given is None else given  # an unset variable of a script is no name
    from latentops.registry import versions

    known = versions.names()
    if name in known:
        return name
    if name.isdecimal() and (meant := _with_version(own, name)):
        raise click.UsageError(f"{name} is no registered model. To name a version: `{meant}`.")
    raise StoreError(_unknown(name, known))


def reference(given: str | None) -> "Reference":
    """NAME, NAME@alias or NAME/3 of a registered model; that of params.yaml if left out."""
    from latentops.registry import reference as references

    asked = references.parse(policy().name if given is None else given)
    model(asked.name)
    return asked


def version(given: str | None, number: int | None) -> tuple[str, int | None]:
    """Model and number of the version that NAME and VERSION, or a reference, name; None for none.

    Usage error where both say which version.
    """
    if given is None or not {"@", "/"} & set(given):
        return model(given), number
    asked = reference(given)
    if number is not None:
        raise click.UsageError(f"{given} says which version, and so does {number}: leave one out.")
    from latentops.registry import versions

    found = versions.find(asked)
    return found.name, found.number


def _with_version(model: str, number: str) -> str | None:
    """The current command as it is told a version; None where it takes none."""
    context = click.get_current_context()
    taken = {parameter.name for parameter in context.command.params}
    forms = {
        "version": f"{model} {number}",
        "reference": f"{model}/{number}",
        "to": f"--to {number}",
    }
    form = next((form for name, form in forms.items() if name in taken), None)
    return f"{context.command_path} {form}" if form else None


def _unknown(name: str, known: list[str]) -> str:
    there = f"There are: {', '.join(known)}." if known else "There is none yet."
    close = difflib.get_close_matches(name, known, n=1)
    guess = f" Did you mean {close[0]!r}?" if close else ""
    return (
        f"No model is registered as {name!r}.{guess} {there} `dvc repro` registers that of "
        "params.yaml; where another store has it already, `dvc repro --force --single-item "
        "register`."
    )

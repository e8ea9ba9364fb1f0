"""The project that a command works in."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from latentops.errors import SettingsError

if TYPE_CHECKING:
    from latentops.registry.settings import Settings


def policy() -> "Settings":
    enter()
    from latentops import config
    from latentops.stages import register

    return config.load(register.Settings).registry


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

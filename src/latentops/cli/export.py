"""`latentops export`: a version as a folder that is served where there is no registry."""

from pathlib import Path

import click

from latentops.cli import project


@click.command()
@click.argument("model")
@click.argument("folder", type=click.Path(path_type=Path))
def export(model: str, folder: Path) -> None:
    """Copy a registered model into FOLDER, which serves without the registry.

    MODEL is NAME, for its champion, NAME@alias or NAME/version. FOLDER is new or empty; it will
    hold the model's files and model.json: name, version, lineage key and the SHA-256 of each file,
    which `latentops serve FOLDER` checks.
    """
    folder = folder.absolute()  # before the project is entered
    asked = project.reference(model)
    from latentops.registry import export as exporting

    done = exporting.export(asked, folder)
    click.echo(f"{folder}: version {done.version} of {done.name}, {len(done.sha256s)} files")

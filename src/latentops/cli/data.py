"""`latentops data`: the data sets that have a name."""

import click

from latentops.cli import project, tables


@click.group()
def data() -> None:
    """Data sets that data.source can name."""


@data.command("list")
@tables.as_json_option
def data_list(as_json: bool) -> None:
    """Every named data set: its size, licence, origin, and whether it is here."""
    project.enter()
    from latentops.data import sources

    tables.frame(sources.listing(), as_json)

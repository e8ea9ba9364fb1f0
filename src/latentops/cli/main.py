"""The group of all commands."""

import click

from latentops import __version__
from latentops.cli import (
    augment,
    compress,
    data,
    doctor,
    explore,
    export,
    generate,
    lineage,
    models,
    monitor,
    registry,
    serve,
    tune,
)
from latentops.errors import exit_on_known_error

_CONTEXT = {"help_option_names": ["-h", "--help"]}


def main() -> None:
    with exit_on_known_error():
        cli(prog_name="latentops")


@click.group(context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="latentops")
def cli() -> None:
    """Data, studies, registered models and the service of a LatentOps project.

    The pipeline itself is DVC's: `dvc repro`, `dvc exp run -S objective.beta=4`.
    """


for _command in (
    data.data,
    doctor.doctor,
    tune.tune,
    registry.registry,
    lineage.lineage,
    lineage.card,
    explore.explore,
    lineage.reproduce,
    lineage.relocate,
    serve.serve,
    export.export,
    models.predict,
    monitor.monitor,
    augment.augment,
    generate.generate,
    compress.compress,
    compress.decompress,
    models.report,
    models.ui,
):
    cli.add_command(_command)

"""`latentops tune storage` and `latentops tune worker`: one study, many machines."""

import click

from latentops.cli import project

ADDRESS_VARIABLE = "LATENTOPS_STUDY_STORAGE"


@click.command("storage")
@click.option("--host", default="localhost", show_default=True, help="0.0.0.0: all networks.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=13000, show_default=True, help="To listen at."
)
def storage(host: str, port: int) -> None:
    """Serve studies to workers on other machines, until Ctrl-C.

    There is no password and no encryption: whoever reaches the port can read and change every
    study. Serve a private network, or localhost at the end of an SSH tunnel.
    """
    project.enter()
    from latentops.tuning import storage as storages

    storages.serve(storages.SHARED_JOURNAL, host, port)


@click.command("worker")
@click.option(
    "--storage",
    "address",
    envvar=ADDRESS_VARIABLE,
    show_envvar=True,
    metavar="ADDRESS",
    help="grpc://host:port, or postgresql://user:password@host/database.",
)
def worker(address: str | None) -> None:
    """Work on the study of these data and settings until it has its trials.

    `make tune` on another machine has begun it, or will. This command needs a clone of the same
    commit with the same prepared data, and no MLflow.
    """
    if not address:
        raise click.UsageError(
            "Expected the address of the study's storage. Give --storage grpc://host:port, or set "
            f"{ADDRESS_VARIABLE}; `latentops tune storage` serves one."
        )
    project.enter()
    from latentops.tuning import worker

    worker.join(address)

"""`latentops predict | report | ui`: the model at work, and what was written of it."""

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentops.cli import files, project
from latentops.errors import ArtifactError, SettingsError

if TYPE_CHECKING:
    from latentops.scoring.run import Task

host = click.option(
    "--host", default="127.0.0.1", show_default=True, help="0.0.0.0: other machines reach it too."
)


def port(default: int) -> Callable[[Any], Any]:
    allowed = click.IntRange(0, 65535)
    return click.option(
        "--port", type=allowed, default=default, show_default=True, help="To listen on."
    )


@click.command()
@click.argument("model", required=False)
@files.source("Texts: .csv, .tsv, .jsonl or .parquet. Images: .npz (x) or .npy.")
@files.target("To write: .csv, .jsonl or .parquet.")
@click.option(
    "--task",
    type=click.Choice(["classify", "encode", "score"]),
    default="classify",
    show_default=True,
    help="A label, a code in the latent space, or the ELBO for each row.",
)
@files.text_column
@click.option(
    "--batch-size",
    "rows_at_once",
    type=click.IntRange(min=1),
    default=4096,
    show_default=True,
    help="Rows that are held in memory.",
)
def predict(
    model: str | None,
    source: Path,
    target: Path,
    task: "Task",
    text_column: str,
    rows_at_once: int,
) -> None:
    """Put a file of any size through a model.

    MODEL is a model folder, models:/name@alias or models:/name/version; the champion of the name
    in params.yaml if left out.

    The output has every row of the input in order, its own columns first (of images the row's
    number) and then the answer's: label, probability, out_of_scope and out_of_scope_score, or z0,
    z1, ..., or elbo_nats. A row without a text gets an empty answer. The output is written whole or
    not at all.
    """
    from latentops.scoring import run, writers

    source, target = source.absolute(), target.absolute()  # before the project is entered
    writers.check_paths(source, target)
    from latentops.runtime import loading

    done = run.score_file(
        loading.load(model_folder(model)), source, target, task, text_column, rows_at_once
    )
    pace = f"{done.rows / max(done.seconds, 1e-9):,.0f} rows per second"
    empty = f", {done.without_text:,} of them without a text" if done.without_text else ""
    asked = model or f"models:/{project.policy().name}@champion"
    click.echo(f"{target}: {done.rows:,} rows{empty}, {pace}, by {asked}")


@click.command()
@click.option("--open", "opened", is_flag=True, help="Open it in the browser.")
def report(opened: bool) -> None:
    """Where the report of the current model is."""
    project.enter()
    from latentops import artifacts

    if not artifacts.REPORT_PAGE.exists():
        raise ArtifactError(f"{artifacts.REPORT_PAGE} is missing. `dvc repro evaluate` writes it.")
    click.echo(artifacts.REPORT_PAGE.absolute())
    if opened:
        click.launch(str(artifacts.REPORT_PAGE))


@click.command()
@host
@port(5000)
def ui(host: str, port: int) -> None:
    """MLflow's pages on this project's runs and models."""
    project.enter()
    from latentops import store

    found = store.connect()
    if found.artifacts is None:
        click.echo(f"The server has these pages: {store.without_password(found.uri)}")
        return
    _check_free(host, port)
    address = ["--workers", "1", "--host", host, "--port", str(port)]  # one person looks
    command = ["mlflow", "ui", "--backend-store-uri", found.uri, *address]
    os.execv(sys.executable, [sys.executable, "-m", *command])


def _check_free(host: str, port: int) -> None:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise SettingsError(
            f"Cannot listen on {host}, port {port}: {error.strerror}. "
            "Choose another --port or --host."
        ) from error


def model_folder(model: str | None) -> Path:
    """Of a registered model, checked against what was registered; a folder as it is named."""
    if model is not None and not model.startswith("models:/"):
        return own_folder(Path(model))
    asked = project.reference(model)
    from latentops.registry import fetch, versions

    return fetch.folder(versions.find(asked))


def own_folder(folder: Path) -> Path:
    """That folder. Raises ArtifactError where it holds no model."""
    from latentops import artifacts

    try:
        there = (folder / artifacts.SPEC.name).is_file()
    except OSError:  # a name that no folder can have
        there = False
    if not there:
        raise ArtifactError(
            f"{folder} is no model folder: it holds no {artifacts.SPEC.name}. Name one that does, "
            "or models:/name@alias, or models:/name/version."
        )
    return folder

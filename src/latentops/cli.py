"""`latentops`: what a person asks beside the pipeline. Heavy imports stand in the commands."""

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentops import __version__
from latentops.errors import ArtifactError, SettingsError, exit_on_known_error

if TYPE_CHECKING:
    import pandas as pd

    from latentops.registry.settings import Settings as RegistrySettings
    from latentops.scoring.run import Task

_CONTEXT = {"help_option_names": ["-h", "--help"]}
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_host = click.option(
    "--host", default="127.0.0.1", show_default=True, help="0.0.0.0: other machines reach it too."
)
_name = click.option("--name", help="Of the registered model; that of params.yaml if left out.")


def _port(default: int) -> Callable[[Any], Any]:
    allowed = click.IntRange(0, 65535)
    return click.option(
        "--port", type=allowed, default=default, show_default=True, help="To listen on."
    )


def main() -> None:
    with exit_on_known_error():
        cli(prog_name="latentops")


@click.group(context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="latentops")
def cli() -> None:
    """Data, studies, registered models and the service of a LatentOps project.

    The pipeline itself is DVC's: `dvc repro`, `dvc exp run -S objective.beta=4`.
    """


@cli.group()
def data() -> None:
    """Data sets that data.source can name."""


@data.command("list")
@_as_json
def data_list(as_json: bool) -> None:
    """Every named data set: its size, licence, origin, and whether it is here."""
    _enter_project()
    from latentops.data import sources

    _print(sources.listing(), as_json)


@cli.group()
def tune() -> None:
    """The last study (`make tune`): look at it, take what it chose."""


@tune.command("show")
@_as_json
def tune_show(as_json: bool) -> None:
    """The trials of the last study, best first."""
    _enter_project()
    from latentops import artifacts
    from latentops.tuning.choice import Best

    best = artifacts.read_schema(Best, artifacts.STUDY_BEST)
    trials = artifacts.read_table(artifacts.STUDY_TRIALS).sort_values("score", ascending=False)
    if not as_json:
        click.echo(
            f"study {best.study} of {best.source}: {best.trials} complete trials, "
            f"best by {best.score_name}: trial {best.trial}\n"
        )
    _print(trials, as_json)


@tune.command("apply")
@click.option("--trial", type=int, help="Another trial than the best one.")
def tune_apply(trial: int | None) -> None:
    """Write the choice into params.yaml, comments kept, and print what changed."""
    _enter_project()
    from latentops import artifacts, config
    from latentops.stages import prepare
    from latentops.stages import tune as stage
    from latentops.tuning import choice

    best = artifacts.read_schema(choice.Best, artifacts.STUDY_BEST)
    source = Path(config.load(prepare.Settings).data.source)
    settings = config.load(stage.Settings)
    choice.check_fits(best, stage.shared(str(source), settings))
    chosen = choice.pick(best, artifacts.read_table(artifacts.STUDY_TRIALS), trial)
    before = config.PARAMS.read_bytes().decode()
    after = choice.edited(before, chosen)
    if before == after:
        click.echo(f"{config.PARAMS} holds this choice already.")
        return
    with artifacts.whole_file(config.PARAMS) as partial:
        partial.write_bytes(after.encode())
    click.echo(choice.difference(before, after))
    click.echo("Now `dvc repro` trains with it.")


@cli.group()
def registry() -> None:
    """Versions of the registered model, and which of them is the champion."""


@registry.command("list")
@_name
@_as_json
def registry_list(name: str | None, as_json: bool) -> None:
    """The registered versions, newest first."""
    policy = _policy()
    import pandas as pd

    from latentops.registry import versions

    rows = [
        {
            "version": version.number,
            "aliases": ", ".join(version.aliases),
            "elbo_nats": _number(version.tags.get("elbo_nats")),
            "active_units": _number(version.tags.get("active_units")),
            "run_id": version.tags.get("run_id", ""),
        }
        for version in versions.list_versions(name or policy.name)
    ]
    _print(pd.DataFrame(rows), as_json)


@registry.command("promote")
@click.argument("version", type=click.IntRange(min=1), required=False)
@_name
def registry_promote(version: int | None, name: str | None) -> None:
    """Make VERSION, or the challenger, the champion, if the rule agrees; exit status 1 if not."""
    policy = _policy()
    from latentops.registry import versions

    decision = versions.promote(name or policy.name, policy, version)
    click.echo(f"{'promoted' if decision.promote else 'refused'}: {'; '.join(decision.reasons)}")
    if not decision.promote:
        sys.exit(1)


@registry.command("rollback")
@_name
def registry_rollback(name: str | None) -> None:
    """Make the champion before this one the champion again."""
    policy = _policy()
    from latentops.registry import versions

    version = versions.rollback(name or policy.name)
    click.echo(f"version {version.number} of {version.name} is the champion again")


@cli.command()
@click.argument("model", required=False)
@_host
@_port(8000)
def serve(model: str | None, host: str, port: int) -> None:
    """Answer HTTP requests with MODEL: a model folder, models:/name@alias or models:/name/version.

    Without MODEL it is the champion of the name in params.yaml.
    """
    from latentops import service

    folder = _model_folder(model)
    _check_free(host, port)
    service.serve(folder, host, port)


@cli.command()
@click.argument("model", required=False)
@click.option(
    "--input",
    "source",
    required=True,
    type=click.Path(path_type=Path),
    help="Texts: .csv, .tsv, .jsonl or .parquet. Images: .npz (x) or .npy.",
)
@click.option(
    "--output",
    "target",
    required=True,
    type=click.Path(path_type=Path),
    help="To write: .csv, .jsonl or .parquet.",
)
@click.option(
    "--task",
    type=click.Choice(["classify", "encode", "score"]),
    default="classify",
    show_default=True,
    help="A label, a code in the latent space, or the ELBO for each row.",
)
@click.option(
    "--text-column", default="text", show_default=True, help="Of the input, with the texts."
)
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
    """Put a file of any size through MODEL, which is named as in `serve`.

    The output has every row of the input in order, its own columns first (of images the row's
    number) and then the answer's: label, probability, out_of_scope and out_of_scope_score, or z0,
    z1, ..., or elbo_nats. A row without a text gets an empty answer. The output is written whole
    or not at all.
    """
    from latentops.scoring import run

    source, target = source.absolute(), target.absolute()  # before the project is entered
    run.check_paths(source, target)
    from latentops.inference import Predictor

    predictor = Predictor.from_folder(_model_folder(model))
    done = run.score_file(predictor, source, target, task, text_column, rows_at_once)
    pace = f"{done.rows / max(done.seconds, 1e-9):,.0f} rows per second"
    empty = f", {done.without_text:,} of them without a text" if done.without_text else ""
    asked = model or f"models:/{_policy().name}@champion"
    click.echo(f"{target}: {done.rows:,} rows{empty}, {pace}, by {asked}")


@cli.command()
@click.option("--open", "opened", is_flag=True, help="Open it in the browser.")
def report(opened: bool) -> None:
    """Where the report of the current model is."""
    _enter_project()
    from latentops import artifacts

    if not artifacts.REPORT_PAGE.exists():
        raise ArtifactError(f"{artifacts.REPORT_PAGE} is missing. `dvc repro evaluate` writes it.")
    click.echo(artifacts.REPORT_PAGE.absolute())
    if opened:
        click.launch(str(artifacts.REPORT_PAGE))


@cli.command()
@_host
@_port(5000)
def ui(host: str, port: int) -> None:
    """MLflow's pages on this project's runs and models."""
    _enter_project()
    from latentops import store

    _check_free(host, port)
    address = ["--workers", "1", "--host", host, "--port", str(port)]  # one person looks
    command = ["mlflow", "ui", "--backend-store-uri", store.connect().uri, *address]
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


def _number(tag: str | None) -> float | None:
    """None where somebody else registered the version."""
    return None if tag is None else float(tag)


def _model_folder(model: str | None) -> Path:
    if model and not model.startswith("models:/"):
        return _own_folder(Path(model))
    uri = model or f"models:/{_policy().name}@champion"
    _enter_project()
    from latentops.registry import fetch

    return fetch.model_folder(uri)


def _own_folder(folder: Path) -> Path:
    from latentops import artifacts

    if not (folder / artifacts.SPEC.name).is_file():
        raise ArtifactError(
            f"{folder} is no model folder: it holds no {artifacts.SPEC.name}. Name one that does, "
            "or models:/name@alias, or models:/name/version."
        )
    return folder


def _policy() -> "RegistrySettings":
    _enter_project()
    from latentops import config
    from latentops.stages import register

    return config.load(register.Settings).registry


def _enter_project() -> None:
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


def _print(table: "pd.DataFrame", as_json: bool) -> None:
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

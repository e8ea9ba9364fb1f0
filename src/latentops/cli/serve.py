"""`latentops serve`: a model at work, over HTTP."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from latentops.cli import files, models, numbers, project
from latentops.errors import ArtifactError, SettingsError, StoreError
from latentops.service.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from latentops.service.sources import Source
    from latentops.service.watch import Watch

TOKEN = "LATENTOPS_SERVE_TOKEN"
_SHORTEST_TOKEN = 16
_POLL_SECONDS = 5.0

_positive = click.IntRange(min=1)
_seconds = numbers.FloatRange(min=0, min_open=True)


@click.command()
@click.argument("model", required=False)
@models.host
@models.port(8000)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help=f"With the token that a request must bring.  [default: ${TOKEN}; without, none]",
)
@click.option(
    "--max-body-bytes",
    type=_positive,
    default=DEFAULT.body_bytes,
    show_default=True,
    help="Of one request.",
)
@click.option(
    "--max-rows",
    type=_positive,
    default=DEFAULT.rows,
    show_default=True,
    help="Of one request, and of its answer.",
)
@click.option(
    "--max-text-characters",
    type=_positive,
    default=DEFAULT.text_characters,
    show_default=True,
    help="Of one text.",
)
@click.option(
    "--max-in-flight",
    type=_positive,
    default=DEFAULT.in_flight,
    show_default=True,
    help="Requests that are answered at once; one more is told to come again.",
)
@click.option(
    "--deadline-seconds",
    type=_seconds,
    default=DEFAULT.deadline_seconds,
    show_default=True,
    help="For one request.",
)
@click.option(
    "--poll-seconds",
    type=_seconds,
    default=_POLL_SECONDS,
    show_default=True,
    help="Between two questions for the version that is to be served.",
)
@click.option(
    "--window",
    type=click.Path(path_type=Path),
    help="To write, for `latentops monitor`: a sample of what was answered, without texts.",
)
def serve(
    model: str | None,
    host: str,
    port: int,
    token_file: Path | None,
    max_body_bytes: int,
    max_rows: int,
    max_text_characters: int,
    max_in_flight: int,
    deadline_seconds: float,
    poll_seconds: float,
    window: Path | None,
) -> None:
    """Answer HTTP requests with a model.

    MODEL is NAME@alias, NAME/version, or a model folder; the champion of the name in params.yaml
    if left out. An alias is followed: where it moves, the version that it moves to is served.
    """
    limits = Limits(max_body_bytes, max_rows, max_text_characters, max_in_flight, deadline_seconds)
    token = _token(token_file)
    window = None if window is None else window.absolute()  # before the project is entered
    files.require_no_folder(window)
    source = _source(model)
    from latentops.service import server
    from latentops.service.app import Settings

    server.serve(source, host, port, Settings(limits, token, poll_seconds, _watch(window)))


def _watch(path: Path | None) -> "Watch":
    from latentops.service.watch import Watch

    if path is None:
        return Watch()
    from latentops.service.window import Window  # which loads pandas: half of the process

    return Watch(window=Window(path))


def _source(model: str | None) -> "Source":
    """A folder that is there is one; all else names a version."""
    if model is not None and _is_path(model):
        from latentops.service.sources import Folder

        return Folder(models.own_folder(Path(model)))
    from latentops.registry.source import Registered

    return Registered(project.reference(model))


def _is_path(model: str) -> bool:
    """Also what is no name of a version, for which the registry could only say that."""
    from latentops.registry import reference

    try:
        if Path(model).exists():
            return True
        reference.parse(model)
    except (OSError, ValueError, StoreError):  # a name that no folder can have, or no version
        return True
    return False


def _token(file: Path | None) -> str | None:
    """Of the file, or else of the environment; None: whoever reaches the service is answered."""
    if file is None:
        return _long_enough(os.environ[TOKEN], f"${TOKEN}") if TOKEN in os.environ else None
    try:
        return _long_enough(file.read_text(encoding="utf-8").strip(), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(
            f"{file} cannot be read: {error}. Write the token into it: `openssl rand -hex 32`."
        ) from error


def _long_enough(token: str, where: str) -> str:
    if len(token) < _SHORTEST_TOKEN or not (token.isascii() and token.isprintable()):
        raise SettingsError(
            f"The token of {where} should have {_SHORTEST_TOKEN} printable ASCII characters or "
            f"more. It has {len(token)}. Make one: `openssl rand -hex 32`."
        )
    return token

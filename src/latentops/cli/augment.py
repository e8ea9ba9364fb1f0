"""`latentops augment`: more rows for a classifier, made of those that there are."""

from pathlib import Path

import click

from latentops.cli import files
from latentops.cli.models import model_folder

_METHODS = (
    "vae",
    "swap",
    "delete",
    "typo",
)  # scoring.augmented.METHODS, which takes seconds to load


@click.command()
@click.argument("model", required=False)
@files.source("Texts: .csv, .tsv, .jsonl or .parquet.")
@files.target("To write: .csv, .jsonl or .parquet.")
@click.option(
    "--method",
    type=click.Choice(_METHODS),
    default="vae",
    show_default=True,
    help="Documents that the model decodes around each text; or the text with words swapped, "
    "deleted or mistyped, which needs no model.",
)
@click.option(
    "-n", type=click.IntRange(1, 1000), default=1, show_default=True, help="New rows of each."
)
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Of all draws."
)
@files.text_column
@click.option(
    "--label-column",
    default=None,
    help="Of the input, carried over to the new rows.  [default: label, if there is one]",
)
def augment(
    model: str | None,
    source: Path,
    target: Path,
    method: str,
    n: int,
    seed: int,
    text_column: str,
    label_column: str | None,
) -> None:
    """Write new rows made of the rows of a file.

    MODEL is as in `serve`, and is for the method vae alone. The output has the new rows only: the
    text, the label if the input has one, and where each came from: source_row (from 0), method and
    seed. Texts without a word (for vae: without one that the model knows) are skipped and counted.
    The output is written whole or not at all.
    """
    if model is not None and method != "vae":
        raise click.UsageError(f"Method {method} needs no model: leave {model} out.")
    from latentops.scoring import writers

    source, target = source.absolute(), target.absolute()  # before the project is entered
    writers.check_paths(source, target)
    from latentops.inference.predictor import Predictor
    from latentops.scoring import augmented

    predictor = Predictor.from_folder(model_folder(model)) if method == "vae" else None
    if predictor is not None:
        augmented.require_texts(predictor)
    recipe = augmented.Recipe(method, n, seed, predictor)
    done = augmented.augment_file(recipe, source, target, text_column, label_column)
    skipped = f"; {done.skipped:,} skipped, without a word to use" if done.skipped else ""
    click.echo(f"{target}: {done.made:,} new rows of {done.rows:,}{skipped}, {done.seconds:.1f} s")

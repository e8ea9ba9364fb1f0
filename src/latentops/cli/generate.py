"""`latentops generate`: new texts, written by a model."""

from pathlib import Path

import click

from latentops.cli import files, numbers
from latentops.cli.models import model_folder

_OF_SENTENCES = "Of sentences: "


@click.command()
@click.argument("model", required=False)
@files.target("To write: .csv, .jsonl or .parquet.")
@click.option("-n", type=click.IntRange(min=1), default=10, show_default=True, help="New texts.")
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Of all draws."
)
@click.option("--label", default="", help="A class, for texts of it.  [default: from the prior]")
@click.option("--around", default="", help="A text, for others like it.")
@click.option(
    "--temperature",
    type=numbers.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help=f"{_OF_SENTENCES}divides the logits; at 0 nothing is drawn.",
)
@click.option(
    "--top-k",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help=f"{_OF_SENTENCES}only so many of the most probable tokens; 0: all.",
)
@click.option(
    "--top-p",
    type=numbers.FloatRange(0, 1, min_open=True),
    default=1.0,
    show_default=True,
    help=f"{_OF_SENTENCES}only the most probable tokens that together have this share.",
)
@click.option(
    "--beams",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help=f"{_OF_SENTENCES}at temperature 0, beginnings that are kept in the search.",
)
def generate(
    model: str | None,
    target: Path,
    n: int,
    seed: int,
    label: str,
    around: str,
    temperature: float,
    top_k: int,
    top_p: float,
    beams: int,
) -> None:
    """Write new texts into a file.

    MODEL is as in `serve`. The output has a column text, and label where one was asked for. A model
    of words without an order writes documents drawn from them. The output is written whole or not
    at all.
    """
    from latentops.scoring import writers

    target = target.absolute()  # before the project is entered
    writers.check_output(target)
    from latentops.inference.predictor import Predictor
    from latentops.inference.writing import Writing
    from latentops.scoring import generated

    writing = Writing(temperature, top_k, top_p, beams)
    wish = generated.Wish(n, seed, label, around, writing)
    predictor = Predictor.from_folder(model_folder(model))
    seconds = generated.generate_file(predictor, wish, target)
    click.echo(f"{target}: {n:,} new texts, {seconds:.1f} s")

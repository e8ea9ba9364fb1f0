"""`latentops compress | decompress`: images to a file without loss, and back."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from latentops.cli import files
from latentops.cli.models import model_folder

if TYPE_CHECKING:
    from latentops.codec.container import Model


@click.command()
@click.argument("model", required=False)
@files.source("Images: .npz (x) or .npy.")
@files.target("To write, whole or not at all: .lops.")
def compress(model: str | None, source: Path, target: Path) -> None:
    """Images into a small file, without loss.

    MODEL is as in `serve`; the very same version is needed to get the images back. The input is
    .npz (its array x) or .npy, [N, H, W] or [N, C, H, W] of whole grey levels.
    """
    from latentops.scoring import compressed, writers

    source, target = source.absolute(), target.absolute()  # before the project is entered
    writers.check_paths(source, target, (compressed.ENDING,))
    done = compressed.compress_file(_coded_by(model), source, target)
    click.echo(
        f"{target}: {done.shape[0]:,} images in {done.compressed_bytes:,} bytes, "
        f"{8 * done.bytes_per_pixel:.3f} bits per dimension, "
        f"{done.bytes_per_pixel:.1%} of one byte a pixel, {done.seconds:.1f} s"
    )


@click.command()
@click.argument("model", required=False)
@files.source("What `compress` wrote.")
@files.target("To write, whole or not at all: .npy, or .npz (x).")
def decompress(model: str | None, source: Path, target: Path) -> None:
    """The images of a file that `latentops compress` wrote with the same MODEL.

    The output is .npy, or .npz (array x), uint8 [N, C, H, W].
    """
    from latentops.scoring import compressed, writers

    source, target = source.absolute(), target.absolute()
    writers.check_paths(source, target, compressed.IMAGE_ENDINGS)
    done = compressed.decompress_file(_coded_by(model), source, target)
    click.echo(
        f"{target}: {done.shape[0]:,} images, the very levels that were compressed, as uint8 "
        f"{list(done.shape)}, {done.seconds:.1f} s"
    )


def _coded_by(model: str | None) -> "Model":
    from latentops.inference import coding
    from latentops.inference.predictor import Predictor

    predictor = Predictor.from_folder(model_folder(model))
    return coding.model(predictor.vae, predictor.spec, predictor.settings)

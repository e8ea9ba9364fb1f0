"""`latentops compress | decompress`: images to a file without loss, and back."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from latentops.cli.models import model_folder
from latentops.errors import DataError, SettingsError

if TYPE_CHECKING:
    import numpy as np

    from latentops.codec.container import Model

_IMAGES_AT_ONCE = 4096  # of the reader

_input = click.option(
    "--input",
    "source",
    required=True,
    type=click.Path(path_type=Path),
    help="To read.",
)
_output = click.option(
    "--output",
    "target",
    required=True,
    type=click.Path(path_type=Path),
    help="To write, whole or not at all.",
)


@click.command()
@click.argument("model", required=False)
@_input
@_output
def compress(model: str | None, source: Path, target: Path) -> None:
    """Images into a small file, without loss.

    MODEL is as in `serve`; the very same version is needed to get the images back. The input is
    .npz (its array x) or .npy, [N, H, W] or [N, C, H, W] of whole grey levels.
    """
    source, target = _apart(source, target)
    coded_by = _coded_by(model)
    from tqdm import tqdm

    from latentops import artifacts
    from latentops.inference import coding

    images = _read_images(source)
    started = time.perf_counter()
    with tqdm(total=len(images), unit=" images", disable=None) as bar:  # None: only in a terminal
        data = coding.compress(coded_by, images, bar.update)
    seconds = time.perf_counter() - started
    with artifacts.whole_file(target) as partial:
        partial.write_bytes(data)
    click.echo(
        f"{target}: {len(images):,} images in {len(data):,} bytes, "
        f"{8 * len(data) / images.size:.3f} bits per dimension, "
        f"{len(data) / images.size:.1%} of one byte a pixel, {seconds:.1f} s"
    )


@click.command()
@click.argument("model", required=False)
@_input
@_output
def decompress(model: str | None, source: Path, target: Path) -> None:
    """The images of a file that `latentops compress` wrote with the same MODEL.

    The output is .npy, or .npz (array x), uint8 [N, C, H, W].
    """
    source, target = _apart(source, target)
    if target.suffix not in (".npy", ".npz"):
        raise SettingsError(
            f"{target} should end in .npy or .npz. Found {target.suffix or 'no ending'!r}."
        )
    coded_by = _coded_by(model)
    import numpy as np
    from tqdm import tqdm

    from latentops import artifacts
    from latentops.codec import container

    data = _read_bytes(source)
    started = time.perf_counter()
    with tqdm(unit=" images", disable=None) as bar:
        images = container.decompress(coded_by, data, bar.update)
    seconds = time.perf_counter() - started
    with artifacts.whole_file(target) as partial, partial.open("wb") as file:
        if target.suffix == ".npz":
            np.savez(file, x=images)
        else:
            np.save(file, images)
    click.echo(
        f"{target}: {len(images):,} images, the very levels that were compressed, as uint8 "
        f"{list(images.shape)}, {seconds:.1f} s"
    )


def _apart(source: Path, target: Path) -> tuple[Path, Path]:
    """Absolute, before the project is entered; refused where the output would be the input."""
    source, target = source.absolute(), target.absolute()
    if target.is_dir():
        raise SettingsError(f"{target} is a folder. Name a file to write.")
    if source.exists() and target.exists() and source.samefile(target):
        raise SettingsError(f"{target} is the input itself. Name another file for the output.")
    return source, target


def _coded_by(model: str | None) -> "Model":
    from latentops.inference import coding
    from latentops.inference.predictor import Predictor

    predictor = Predictor.from_folder(model_folder(model))
    return coding.model(predictor.vae, predictor.spec, predictor.settings)


def _read_images(path: Path) -> "np.ndarray":
    import numpy as np

    from latentops.scoring import readers

    chunks = list(readers.open_input(path, "image", "").chunks(_IMAGES_AT_ONCE))
    if not chunks:
        raise DataError(f"{path} holds no image.")
    return np.concatenate([np.asarray(chunk.raw) for chunk in chunks])


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error

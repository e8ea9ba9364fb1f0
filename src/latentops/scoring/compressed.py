"""A file of images in, a small file out, and back: `codec` between two files."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from latentops import artifacts
from latentops.codec import container
from latentops.codec.container import Model
from latentops.errors import DataError
from latentops.inference import coding
from latentops.scoring import readers

ENDING = ".lops"
IMAGE_ENDINGS = (".npy", ".npz")
_IMAGES_AT_ONCE = 4096  # of the reader


@dataclass(frozen=True)
class Summary:
    """What was done."""

    shape: tuple[int, ...]  # of the images: [N, C, H, W], or as they came
    compressed_bytes: int
    seconds: float

    @property
    def bytes_per_pixel(self) -> float:
        return self.compressed_bytes / float(np.prod(self.shape))


def compress_file(model: Model, source: Path, target: Path) -> Summary:
    """Write the images of .npz (its array x) or .npy to `target`, whole or not at all."""
    images = _read_images(source)
    started = time.perf_counter()
    with tqdm(total=len(images), unit=" images", disable=None) as bar:  # None: only in a terminal
        data = coding.compress(model, images, bar.update)
    seconds = time.perf_counter() - started
    with artifacts.whole_file(target) as partial:
        partial.write_bytes(data)
    return Summary(images.shape, len(data), seconds)


def decompress_file(model: Model, source: Path, target: Path) -> Summary:
    """Write the images of a file that `compress_file` wrote to .npy, or .npz (array x)."""
    data = _read_bytes(source)
    started = time.perf_counter()
    with tqdm(unit=" images", disable=None) as bar:
        images = container.decompress(model, data, bar.update)
    seconds = time.perf_counter() - started
    with artifacts.whole_file(target) as partial, partial.open("wb") as file:
        if target.suffix.lower() == ".npz":
            np.savez(file, x=images)
        else:
            np.save(file, images)
    return Summary(images.shape, len(data), seconds)


def _read_images(path: Path) -> np.ndarray:
    chunks = list(readers.open_input(path, "image", "").chunks(_IMAGES_AT_ONCE))
    if not chunks:
        raise DataError(f"{path} holds no image.")
    return np.concatenate([np.asarray(chunk.raw) for chunk in chunks])


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error

"""Images without loss as an array of bytes, and back: what the tasks compress and decompress do."""

import hashlib
import json

import numpy as np

from latentops import artifacts, build
from latentops.artifacts import Spec
from latentops.codec import container
from latentops.codec.bits_back import Progress
from latentops.errors import DataError
from latentops.inference import raw as raws
from latentops.inference.raw import Raw
from latentops.model import VAE

_ROUNDED = 1e-3  # of a level: what float32 shares are off by

_TRAINING_ALONE = {"pixel_noise", "pixel_blank"}


def model(vae: VAE, spec: Spec, settings: build.Model) -> container.Model:
    """What codes, with its identity. Raises DataError for a model of texts."""
    if spec.kind != "image":
        raise DataError(
            "Lossless compression is of images; this model reads texts, whose codes lose what it "
            "did not learn. Ask for task encode."
        )
    return container.Model(vae, spec, identity(vae, spec, settings))


def identity(vae: VAE, spec: Spec, settings: build.Model) -> str:
    """The sha256 of all that decides what the networks compute, and how pixels are read.

    A setting at its default is left out, so that one which a later version adds makes no file
    unreadable; so is what is done to pixels in training alone.
    """
    told = settings.model_dump(mode="json", exclude_defaults=True, exclude=_TRAINING_ALONE)
    parts = {
        "weights": artifacts.tensors_sha256(build.weights(vae)),
        "settings": told,
        "spec": spec.model_dump(mode="json", include={"shape", "levels", "binarization"}),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def compress(coded_by: container.Model, raw: Raw, progress: Progress = lambda done: None) -> bytes:
    """A file's bytes. Raises DataError for images that would not come back the same."""
    return container.compress(coded_by, _pixels(raw, coded_by.spec), progress)


def file_bytes(raw: Raw) -> bytes:
    """Of uint8 [1, 1, 1, bytes], or an array of one dimension."""
    array = np.asarray(raw)
    if array.dtype != np.uint8 or array.size != max(array.shape, default=0):
        raise DataError(
            "The bytes of one compressed file were expected, as uint8 [1, 1, 1, bytes]: what task "
            f"compress gives. Found {array.dtype} {list(array.shape)}."
        )
    return array.tobytes()


def _pixels(raw: Raw, spec: Spec) -> np.ndarray:
    """uint8 [N, C, H, W] as they are: 255 stays 255 where the model knows black and white alone."""
    levels = raws.pixels(raw, spec)
    given = np.asarray(raw)
    if given.dtype.kind == "f":
        _check_whole(given, (spec.levels or 2) - 1)
        return levels
    return given.astype(np.uint8).reshape(levels.shape)


def _check_whole(shares: np.ndarray, top: int) -> None:
    steps = shares * top
    if abs(steps - steps.round()).max() > _ROUNDED:
        raise DataError(
            f"Some values stand between two of the {top + 1} levels, which no lossless code can "
            f"keep. Round them first: (x * {top}).round().astype('uint8')."
        )

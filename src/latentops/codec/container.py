"""A compressed file: what made it, how many images of which shape, checksums, and the words.

All numbers are little endian. Bytes 46 to 49 are the CRC-32 of all others, which finds any flipped
bit and any damage of up to 32 bits in a row before a word of it is decoded; the digest of the
pixels says in the end that what came back is what went in.
"""

import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from latentops.artifacts import Spec
from latentops.codec.bits_back import Coder, Progress
from latentops.errors import DataError
from latentops.model import VAE

MAGIC, VERSION = b"LOPS", 1
_HEADER = struct.Struct("<4sBBHIHHH16s8sI")
_CRC = struct.Struct("<I")
HEADER_BYTES = _HEADER.size + _CRC.size
_SHOWN = 12  # hexadecimal digits of a digest, in messages


class _Header(NamedTuple):
    magic: bytes
    version: int
    white: int  # the value of the highest level: 255 where binary pixels are 0 and 255
    levels: int
    images: int
    channels: int
    height: int
    width: int
    model: bytes  # the first half of the sha256 that identifies it
    pixels: bytes  # the first quarter of the sha256 of the pixels
    words: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self.channels, self.height, self.width


@dataclass(frozen=True)
class Model:
    """What codes: a VAE, how its data is read, and the sha256 (hexadecimal) of all of that."""

    vae: VAE
    spec: Spec
    identity: str

    @property
    def levels(self) -> int:
        """That its decoder tells apart."""
        return self.spec.levels_read

    @property
    def digest(self) -> bytes:
        return bytes.fromhex(self.identity)[:16]

    def coder(self) -> Coder:
        return Coder(self.vae, self.spec.shape, self.levels)


def compress(model: Model, pixels: np.ndarray, progress: Progress = lambda done: None) -> bytes:
    """uint8 [N, C, H, W], N at least 1, to a file's bytes. Raises DataError for other pixels."""
    _check_shape(pixels, model.spec)
    white = _white(pixels, model)
    level_NCHW = pixels // np.uint8(white) if model.levels == 2 else pixels
    words = model.coder().words(level_NCHW, progress)
    channels, height, width = model.spec.shape
    header = _Header(
        magic=MAGIC,
        version=VERSION,
        white=white,
        levels=model.levels,
        images=len(pixels),
        channels=channels,
        height=height,
        width=width,
        model=model.digest,
        pixels=_pixel_digest(pixels),
        words=len(words),
    )
    return _sealed(_HEADER.pack(*header), words.astype("<u4").tobytes())


def decompress(model: Model, data: bytes, progress: Progress = lambda done: None) -> np.ndarray:
    """The uint8 [N, C, H, W] that were compressed. Raises DataError for any other file."""
    header, words = _opened(data)
    _check_model(header, model)
    try:
        level_NCHW = model.coder().levels(words, header.images, progress)
    except MemoryError as error:
        raise DataError(
            f"The file says that it holds {header.images:,} images: more than fits in memory."
        ) from error
    pixels = level_NCHW * np.uint8(header.white) if model.levels == 2 else level_NCHW
    if _pixel_digest(pixels) != header.pixels:
        raise DataError(
            "The images that came back are not those that were compressed: this machine computes "
            "the model's numbers otherwise than the one that wrote the file. Decompress it there."
        )
    return pixels


def _sealed(header: bytes, words: bytes) -> bytes:
    return header + _CRC.pack(zlib.crc32(words, zlib.crc32(header))) + words


def _opened(data: bytes) -> tuple[_Header, np.ndarray]:
    """Whole and undamaged, or DataError."""
    if data[: len(MAGIC)] != MAGIC:
        raise DataError("This is no file that `latentops compress` wrote.")
    if len(data) < HEADER_BYTES:
        raise DataError(f"The file is cut off: {len(data)} bytes. Copy it again.")
    header = _Header(*_HEADER.unpack_from(data))
    if header.version != VERSION:
        raise DataError(
            f"The file is of format {header.version}, or damaged; this version reads format "
            f"{VERSION}. Use the version of latentops that wrote it."
        )
    words = data[HEADER_BYTES:]
    if len(words) < 4 * header.words:
        raise DataError(
            f"The file is cut off, or damaged: {len(data):,} bytes of "
            f"{HEADER_BYTES + 4 * header.words:,}. Copy it again."
        )
    (crc,) = _CRC.unpack_from(data, _HEADER.size)
    if crc != zlib.crc32(words, zlib.crc32(data[: _HEADER.size])):
        raise DataError("The file is damaged: its checksum is another. Copy it again.")
    return header, np.frombuffer(words, dtype="<u4").astype(np.uint32)


def _check_model(header: _Header, model: Model) -> None:
    if header.shape != model.spec.shape or header.levels != model.levels:
        raise DataError(
            f"The file holds images of {_described(header.shape, header.levels)}; this model reads "
            f"{_described(model.spec.shape, model.levels)}. Name the model that wrote it."
        )
    if header.model != model.digest:
        raise DataError(
            f"The file was made by model {header.model.hex()[:_SHOWN]}, and this is model "
            f"{model.digest.hex()[:_SHOWN]}: only the very same weights can read it. Name that "
            "version, as models:/name/3."
        )


def _described(shape: tuple[int, ...], levels: int) -> str:
    return f"{' x '.join(map(str, shape))} pixels of {levels} levels"


def _check_shape(pixels: np.ndarray, spec: Spec) -> None:
    if pixels.dtype != np.uint8 or pixels.shape[1:] != spec.shape or not len(pixels):
        raise DataError(
            f"uint8 [N, {', '.join(map(str, spec.shape))}] was expected, N at least 1. Found "
            f"{pixels.dtype} {list(pixels.shape)}."
        )


def _white(pixels: np.ndarray, model: Model) -> int:
    """The value of the highest level; DataError for pixels that the model does not code."""
    top = int(pixels.max())
    if model.levels > 2:
        if top >= model.levels:
            raise DataError(
                f"Pixels should be whole numbers from 0 to {model.levels - 1}. Found {top}."
            )
        return model.levels - 1
    white = max(top, 1)
    if white not in (1, 255) or not np.isin(pixels, (0, white)).all():
        raise DataError(
            "This model codes black and white alone, and some of these pixels are grey: it cannot "
            "give them back. Make them 0 and 1 first, or train on grey levels (data.binarize: "
            "none)."
        )
    return white


def _pixel_digest(pixels: np.ndarray) -> bytes:
    return hashlib.sha256(pixels.tobytes()).digest()[:8]

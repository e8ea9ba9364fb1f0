# ruff: noqa: N802 - names end in their shape suffixes
"""Compression, measured: test images through the lossless coder and back, beside gzip, bz2 and xz.

Shape suffixes: N images.
"""

import bz2
import gzip
import lzma
import math
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from latentops.applications import lossy
from latentops.applications.results import Compression, Lossless, OfCount
from latentops.applications.subject import Measured, Subject
from latentops.codec import container
from latentops.data.batches import Examples, Images
from latentops.errors import DataError
from latentops.evaluation import scores
from latentops.inference import coding
from latentops.metrics.bootstrap import Bootstrap
from latentops.model import VAE

OTHERS: dict[str, Callable[[bytes], bytes]] = {  # at their own default levels
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}
_ROWS_QUICK = 500
_BOUND_SAMPLES = 4
_TEXTS = (
    "The lossless coder is for images: of a text the model keeps how often words stand in it, not "
    "the text."
)
_SENTENCES = "The lossless coder is for images: it codes pixels, not tokens."


def measure(subject: Subject) -> Measured[Compression]:
    lossless, without = None, ""
    examples = subject.test.examples
    if isinstance(examples, Images):
        most = len(examples) if subject.depth == "full" else _ROWS_QUICK
        lossless = _lossless(subject, subject.test.sample(most, subject.seed).examples)
    else:
        without = _SENTENCES if subject.predictor.writes_sentences else _TEXTS
    found = Compression(lossless=lossless, without_lossless=without, lossy=lossy.measure(subject))
    return Measured(found, {})


def bits_per_dim(compress: Callable[[bytes], bytes], pixels: np.ndarray, levels: int) -> float:
    """Of a general compressor; binary pixels are given to it eight to a byte."""
    raw = np.packbits(pixels) if levels == 2 else pixels
    return 8 * len(compress(raw.tobytes())) / pixels.size


def _lossless(subject: Subject, examples: Examples) -> Lossless:
    assert isinstance(examples, Images)
    predictor, pixels = subject.predictor, examples.pixels.numpy()
    model = coding.model(predictor.vae, predictor.spec, predictor.settings)
    started = time.perf_counter()
    data = container.compress(model, pixels)
    compressed = time.perf_counter()
    identical = _come_back(model, data, pixels)
    decompressed = time.perf_counter()
    dimensions = math.prod(pixels.shape[1:])
    bits_N = _bound_bits_N(subject.vae, examples, subject.seed) / dimensions
    bound = Bootstrap(len(pixels), subject.seed).mean_difference(bits_N, np.zeros_like(bits_N))
    return Lossless(
        rows=len(pixels),
        dimensions=dimensions,
        levels=model.levels,
        identical=identical,
        bound=bound.mean,
        low=bound.low if math.isfinite(bound.low) else None,
        high=bound.high if math.isfinite(bound.high) else None,
        by_count=(
            *(_of_count(model, pixels[:count]) for count in _counts(len(pixels))),
            _counted(len(data), pixels, model.levels),
        ),
        decoder_bytes=_bytes(subject.vae.decoder),
        encoder_bytes=_bytes(subject.vae.encoder),
        compressed_per_second=len(pixels) / (compressed - started),
        decompressed_per_second=len(pixels) / (decompressed - compressed),
    )


def _counts(rows: int) -> list[int]:
    """1, 10, 100, ... no more than half of all."""
    return [10**power for power in range(6) if 2 * 10**power <= rows]


def _of_count(model: container.Model, pixels: np.ndarray) -> OfCount:
    return _counted(len(container.compress(model, pixels)), pixels, model.levels)


def _counted(ours_bytes: int, pixels: np.ndarray, levels: int) -> OfCount:
    theirs = {name: bits_per_dim(compress, pixels, levels) for name, compress in OTHERS.items()}
    return OfCount(images=len(pixels), vae=8 * ours_bytes / pixels.size, **theirs)


def _come_back(model: container.Model, data: bytes, pixels: np.ndarray) -> bool:
    try:
        return bool(np.array_equal(container.decompress(model, data), pixels))
    except DataError:  # their digest says so
        return False


def _bound_bits_N(vae: VAE, examples: Examples, seed: int) -> np.ndarray:
    """-ELBO of each image in bits, the mean over several codes."""
    generator = torch.Generator().manual_seed(seed)
    drawn = [scores.elbo_terms(vae, examples, generator) for _ in range(_BOUND_SAMPLES)]
    nats_KN = torch.stack([terms.rate_N + terms.distortion_N for terms in drawn])
    bits_N: np.ndarray = nats_KN.mean(0).numpy() / math.log(2)
    return bits_N


def _bytes(network: nn.Module) -> int:
    """Of its tensors as the model's file holds them."""
    return sum(each.numel() * each.element_size() for each in network.state_dict().values())

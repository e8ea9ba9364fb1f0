"""Lossless coding: images per second, and the same coder called symbol by symbol.

`python -m benchmarks.compression [rounds]`. The model is as large as the recipes' of MNIST and not
trained, the pixels are noise: neither changes how many symbols there are. A round times both ways
once, in turns; ratios are medians over rounds.
"""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np

from latentops import build
from latentops.artifacts import Spec, Vocabulary
from latentops.codec import container, numbers
from latentops.codec.container import Model
from latentops.networks import mlp

ROUNDS = 5
IMAGES = 512
IMAGES_BY_SYMBOL = 24  # of the loop, which takes as long for each


@dataclass(frozen=True)
class Result:
    levels: int
    compressed_per_second: float
    decompressed_per_second: float
    compress_ratio: float  # seconds of an image, loop / ours
    decompress_ratio: float


class SymbolBySymbol:
    """The stack whose every symbol is a call from Python."""

    def __init__(self, words: np.ndarray | None = None) -> None:
        import constriction

        self._model = constriction.stream.model
        self._coder = constriction.stream.stack.AnsCoder(words)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._coder, name)

    def encode_reverse(self, symbols: Any, model: Any, *parameters: np.ndarray) -> None:
        if not parameters:
            self._coder.encode_reverse(symbols, model)
            return
        for symbol, share in zip(symbols[::-1], parameters[0][::-1], strict=True):
            self._coder.encode_reverse(int(symbol), self._bernoulli(share))

    def decode(self, model: Any, *parameters: np.ndarray) -> Any:
        if not parameters:
            return self._coder.decode(model)
        found = [self._coder.decode(self._bernoulli(share)) for share in parameters[0]]
        return np.array(found, dtype=np.int32)

    def _bernoulli(self, share: float) -> Any:
        return self._model.Bernoulli(float(share), perfect=False)


def measure(levels: int, rounds: int = ROUNDS) -> Result:
    model, pixels = _subject(levels)
    few = pixels[:IMAGES_BY_SYMBOL]
    ours, loop = [], []
    _seconds(model, few)  # warm
    for _ in range(rounds):
        ours.append(_seconds(model, pixels))
        with mock.patch.object(numbers, "stack", SymbolBySymbol):
            loop.append(_seconds(model, few))
    return Result(
        levels=levels,
        compressed_per_second=1 / statistics.median(each[0] for each in ours),
        decompressed_per_second=1 / statistics.median(each[1] for each in ours),
        compress_ratio=statistics.median(b[0] / a[0] for a, b in zip(ours, loop, strict=True)),
        decompress_ratio=statistics.median(b[1] / a[1] for a, b in zip(ours, loop, strict=True)),
    )


def report(rounds: int = ROUNDS) -> None:
    print("\nlossless coding, 28 x 28    images/s in  images/s out  loop / ours in  out")
    for levels in (2, 256):
        found = measure(levels, rounds)
        print(
            f"{levels:3} levels {found.compressed_per_second:28,.0f} "
            f"{found.decompressed_per_second:13,.0f} {found.compress_ratio:15.1f} "
            f"{found.decompress_ratio:4.1f}"
        )


def _subject(levels: int) -> tuple[Model, np.ndarray]:
    spec = Spec(source="noise", kind="image", shape=(1, 28, 28), levels=levels)
    settings = mlp.Settings(latent=40, hidden=(400, 400), decoder_hidden=(400, 400))
    vae = build.model(spec, Vocabulary(), settings, seed=0).eval()
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, levels, (IMAGES, *spec.shape), dtype=np.uint8)
    return Model(vae, spec, "0" * 64), pixels


def _seconds(model: Model, pixels: np.ndarray) -> tuple[float, float]:
    """Of an image, in and out."""
    file: list[bytes] = []
    compressing = _timed(lambda: file.append(container.compress(model, pixels)))
    decompressing = _timed(lambda: container.decompress(model, file[0]))
    return compressing / len(pixels), decompressing / len(pixels)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    report(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)

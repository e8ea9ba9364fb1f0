"""The random numbers that torch's generator for the CPU gives for a seed, without torch.

So a seed means the same here and in `inference.Predictor`. That is MT19937 seeded as Matsumoto and
Nishimura (2002) do it, and the transforms of `aten/src/ATen/native/cpu/DistributionTemplates.h` and
`MultinomialKernel.cpp`; logarithms and cosines may differ from torch's in the last digit.
"""

import numpy as np

_BLOCK = 16  # normal numbers that torch makes at once; fewer are made one by one
_SINGLE = 24  # bits of a uniform number in single precision
_DOUBLE = 53


class Draws:
    """`torch.Generator().manual_seed(seed)`."""

    def __init__(self, seed: int) -> None:
        self._state = np.random.RandomState(seed % 2**32)
        self._spare: float | None = None  # of a pair of normal numbers, the one not given yet

    def normal(self, *shape: int) -> np.ndarray:
        """`torch.randn`, float32."""
        count = int(np.prod(shape))
        drawn = self._blocks(count) if count >= _BLOCK else self._one_by_one(count)
        return drawn.reshape(shape)

    def gammas(self, concentrations: np.ndarray) -> np.ndarray:
        """Above 0, float64 of that shape: not torch's own, which are made in another way."""
        drawn = self._state.standard_gamma(concentrations)
        return np.asarray(drawn.clip(min=np.finfo(np.float64).tiny))

    def whole(self, below: int, shape: tuple[int, ...]) -> np.ndarray:
        """`torch.randint(below, shape, dtype=torch.uint8)`."""
        return (self._bits(int(np.prod(shape))) % below).astype(np.uint8).reshape(shape)

    def places(self, shares_W: np.ndarray, count: int) -> np.ndarray:
        """`torch.multinomial(shares, count, replacement=True)` of float32 shares, count above 1."""
        upto_W = shares_W.cumsum(dtype=np.float32)
        upto_W /= upto_W[-1]
        upto_W[-1] = 1
        return np.searchsorted(upto_W.astype(np.float64), self._uniform(count))

    def _blocks(self, count: int) -> np.ndarray:
        """Box and Muller (1958), the halves of each block together; what is left over anew."""
        uniform = self._bits(count) % 2**_SINGLE * np.float32(2.0**-_SINGLE)
        whole = count // _BLOCK * _BLOCK
        made = np.empty(count, dtype=np.float32)
        made[:whole] = _box_muller(uniform[:whole])
        if whole < count:
            last = self._bits(_BLOCK) % 2**_SINGLE * np.float32(2.0**-_SINGLE)
            made[-_BLOCK:] = _box_muller(last)
        return made

    def _one_by_one(self, count: int) -> np.ndarray:
        return np.array([self._one() for _ in range(count)], dtype=np.float32)

    def _one(self) -> float:
        if self._spare is not None:
            given, self._spare = self._spare, None
            return given
        turn, share = self._uniform(2)
        radius = np.sqrt(-2 * np.log1p(-share))
        self._spare = float(radius * np.sin(2 * np.pi * turn))
        return float(radius * np.cos(2 * np.pi * turn))

    def _uniform(self, count: int) -> np.ndarray:
        """In [0, 1), float64."""
        high, low = self._bits(2 * count).reshape(count, 2).astype(np.uint64).T
        return ((high << np.uint64(32) | low) % np.uint64(2**_DOUBLE)) * 2.0**-_DOUBLE

    def _bits(self, count: int) -> np.ndarray:
        """32 of them each, uint32."""
        return self._state.randint(0, 2**32, count, dtype=np.uint32)


def _box_muller(uniform: np.ndarray) -> np.ndarray:
    first, second = uniform.reshape(-1, 2, _BLOCK // 2).swapaxes(0, 1)
    radius = np.sqrt(-2 * np.log(1 - first))
    angle = np.float32(2 * np.pi) * second
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()

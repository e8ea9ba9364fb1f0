# ruff: noqa: N815 - names end in their shape suffixes
"""Bits back with asymmetric numeral systems (Townsend, Bird and Barber 2019) on one stack.

A group of images costs -ELBO: its codes z are *taken* from the stack with q(z given x), then its
pixels are put on it with p(x given z) and z with the prior. The receiver takes z and x and puts z
back with q(z given x), which gives the stack of before.

Two things differ from the paper. It begins with random bits, from which the first z are taken;
here the stack begins empty, and an image whose z it cannot pay for yet is coded at the rounded mean
of q, from which nothing has to be given back: some ten bits above -ELBO rather than hundreds. And
groups grow with what the stack holds, so that their networks and symbols are computed together; how
large each is, is on the stack too. Nothing is left on it in the end, which the receiver checks.

Shape suffixes: B images of a group, Z latent dimensions, P their pixels.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from latentops.codec import numbers, pixels, tables
from latentops.errors import DataError, NumericalError
from latentops.model import VAE

Progress = Callable[[int], object]  # is told how many more images are done

REACH = 16  # codes stand on a grid from -16 to 16, those beyond at its ends
FINE_BITS = 8  # its step is 2^-8, a fifth of the least standard deviation of a q
COARSE_BITS = 1  # and 2^-1 for the means of the first images
MOST_IMAGES = 256  # of a group
MOST_PIXELS = 2**18  # of a group: keeps the arrays within some 50 MB

_FIRST = 0  # a group of one image at the rounded mean of q; n: of 2^(n - 1) images
_KINDS = MOST_IMAGES.bit_length() + 1
_NOISE_BITS = 5.0  # times the root of their number: what draws of a normal may take beyond entropy
_WORD_BITS = 64  # stay on the stack, whatever is taken


@dataclass(frozen=True)
class Normals:
    """Normals rounded to the grid of that many bits, as numbers of its points.

    `mean_P` and `sd_P` are in steps, of P codes or of all.
    """

    bits: int
    mean_P: np.ndarray
    sd_P: np.ndarray

    @property
    def levels(self) -> int:
        return 2 * REACH << self.bits

    def below(self, level_P: np.ndarray) -> np.ndarray:
        """P(number of the point < level), [P]."""
        return tables.normal((level_P - 0.5 - self.levels // 2 - self.mean_P) / self.sd_P)

    def at(self, number_P: np.ndarray) -> np.ndarray:
        """The codes."""
        code_P: np.ndarray = (number_P - self.levels // 2) / 2**self.bits
        return code_P

    def nearest(self, code_P: np.ndarray) -> np.ndarray:
        """The numbers of the points nearest to codes."""
        steps_P = np.rint(code_P * 2**self.bits) + self.levels // 2
        number_P: np.ndarray = steps_P.clip(0, self.levels - 1).astype(np.int64)
        return number_P


def prior(bits: int) -> Normals:
    return Normals(bits, np.zeros(1), np.full(1, 2.0**bits))


class Coder:
    """Levels [N, C, H, W] of a VAE's images to words of 32 bits, and back.

    The networks run in float64, on the CPU; see `pixels` for why.
    """

    def __init__(self, vae: VAE, shape: tuple[int, ...], levels: int) -> None:
        self._vae = copy.deepcopy(vae).double().cpu().eval()
        self._shape = shape
        self._levels = levels
        self._most = max(1, min(MOST_IMAGES, MOST_PIXELS // math.prod(shape)))

    def words(self, level_NCHW: np.ndarray, progress: Progress = lambda done: None) -> np.ndarray:
        """The stack after all images, uint32."""
        stack, done, size = numbers.stack(), 0, 1
        while done < len(level_NCHW):
            given = level_NCHW[done : done + min(2 * size, self._most)]
            size = self._push(stack, given)
            done += size
            progress(size)
        words: np.ndarray = stack.get_compressed()
        return words

    def levels(
        self, words: np.ndarray, count: int, progress: Progress = lambda done: None
    ) -> np.ndarray:
        """The levels of `count` images, uint8. Raises DataError where the words are of others."""
        stack = numbers.stack(words)
        level_NCHW = np.empty((count, *self._shape), dtype=np.uint8)
        left = count
        while left:
            group = self._pop(stack, left)
            level_NCHW[left - len(group) : left] = group
            left -= len(group)
            progress(len(group))
        if not stack.is_empty():
            raise _unequal()
        return level_NCHW

    def _push(self, stack: Any, level_BCHW: np.ndarray) -> int:
        """The first images of those, as many as the stack pays for; how many they are."""
        mean_BZ, sd_BZ = self._posterior(level_BCHW)
        size = _paid(sd_BZ, stack.num_valid_bits())
        if not size:
            number_P = prior(COARSE_BITS).nearest(mean_BZ[0] / 2**FINE_BITS)
            self._push_given(stack, prior(COARSE_BITS), number_P, level_BCHW[:1])
        else:
            if size < len(mean_BZ):
                mean_BZ, sd_BZ = self._posterior(level_BCHW[:size])  # the batch of the receiver
            number_P = numbers.pop(stack, _normals(mean_BZ, sd_BZ), mean_BZ.size)
            self._push_given(stack, prior(FINE_BITS), number_P, level_BCHW[:size])
        numbers.push_one(stack, _KINDS, size.bit_length())
        return max(size, 1)

    def _push_given(
        self, stack: Any, prior: Normals, number_P: np.ndarray, level_BCHW: np.ndarray
    ) -> None:
        model = self._likelihood(prior.at(number_P))
        numbers.push(stack, model, level_BCHW.reshape(-1))
        numbers.push(stack, prior, number_P)

    def _pop(self, stack: Any, most: int) -> np.ndarray:
        """The last group of images, uint8 [B, C, H, W]; the stack is then as it was before them."""
        kind = numbers.pop_one(stack, _KINDS)
        size = 1 if kind == _FIRST else 2 ** (kind - 1)
        if size > min(most, self._most):
            raise _unequal()
        given = prior(COARSE_BITS if kind == _FIRST else FINE_BITS)
        number_P = numbers.pop(stack, given, size * self._vae.latent)
        model = self._likelihood(given.at(number_P))
        level_P = numbers.pop(stack, model, size * math.prod(self._shape))
        level_BCHW = level_P.astype(np.uint8).reshape(size, *self._shape)
        if kind != _FIRST:
            numbers.push(stack, _normals(*self._posterior(level_BCHW)), number_P)
        return level_BCHW

    @torch.inference_mode()
    def _posterior(self, level_BCHW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of q(z given x), [B, Z], in steps; both rounded."""
        shown = torch.from_numpy(level_BCHW).double() / (self._levels - 1)
        posterior = self._vae.encode(shown)
        mean_BZ, sd_BZ = posterior.mean.numpy(), posterior.standard_deviation.numpy()
        _require_finite(mean_BZ, sd_BZ)
        steps = 2**FINE_BITS
        held_BZ = mean_BZ.clip(-REACH, REACH)
        return np.rint(4 * steps * held_BZ) / 4, np.maximum(np.rint(16 * steps * sd_BZ), 1) / 16

    @torch.inference_mode()
    def _likelihood(self, code_P: np.ndarray) -> pixels.Logistics:
        z_BZ = torch.from_numpy(code_P.reshape(-1, self._vae.latent))
        model = pixels.rounded(self._vae.decode(z_BZ))
        _require_finite(model.location_KP, model.precision_KP, model.share_KP)
        return model


def _normals(mean_BZ: np.ndarray, sd_BZ: np.ndarray) -> Normals:
    return Normals(FINE_BITS, mean_BZ.reshape(-1), sd_BZ.reshape(-1))


def _paid(sd_BZ: np.ndarray, bits: int) -> int:
    """How many of the images' codes a stack of so many bits gives without running empty.

    A power of two, 0 for none.
    """
    entropy_BZ = np.log2(math.sqrt(2 * math.pi * math.e) * sd_BZ).clip(0)
    symbols_B = sd_BZ.shape[1] * np.arange(1, len(sd_BZ) + 1)
    taken_B = np.cumsum(entropy_BZ.sum(1)) + _NOISE_BITS * np.sqrt(symbols_B)
    most = int(np.searchsorted(taken_B, bits - _WORD_BITS, side="right"))
    return 1 << (most.bit_length() - 1) if most else 0


def _require_finite(*arrays: np.ndarray) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise NumericalError(
            "The model gave a number that is not finite for these images, so that they cannot be "
            "coded with it. Train it again, with a lower train.learning_rate."
        )


def _unequal() -> DataError:
    return DataError(
        "The images do not come back: this machine computes the model's numbers otherwise than the "
        "one that wrote the file. Decompress it there."
    )

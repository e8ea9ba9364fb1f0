"""The model of images with what is around it: pixels in, and what a classifier reads of them.

Shape suffixes: K samples, B images, P their pixels in a row, Z latent dimensions.
"""

import math

import numpy as np

from latentops.artifacts import Spec
from latentops.classifier import Inputs, Need
from latentops.inference import raw as raws
from latentops.inference.raw import Raw
from latentops.networks.settings import Mlp
from latentops.runtime import mlp, priors
from latentops.runtime.draws import Draws
from latentops.runtime.layers import Reading
from latentops.runtime.weights import Weights


class Pictures:
    """`networks.mlp`. An example is its levels [P], as the model reads them."""

    def __init__(self, weights: Weights, settings: Mlp, spec: Spec) -> None:
        self.latent = settings.latent
        self.prior = priors.taken(weights, settings)
        self.decode = mlp.Decoder(weights, settings, spec)
        self._encoder = mlp.Encoder(weights, settings, spec.shape)
        self._spec, self._top = spec, np.float32(spec.levels_read - 1)

    @property
    def numbers_per_example(self) -> int:
        return math.prod(self._spec.shape)

    def given(self, raw: Raw, seed: int) -> np.ndarray:
        """float32 [N, P]; grey images that the model reads as binary are made so by `seed`.

        Raises DataError for what are no such images.
        """
        pixels = raws.pixels(raw, self._spec)
        if self._spec.binarization == "dynamic":
            thresholds = Draws(seed).whole(self._spec.levels_stored - 1, pixels.shape)
            pixels = pixels > thresholds
        return pixels.reshape(len(pixels), -1).astype(np.float32)

    def encode(self, levels_BP: np.ndarray) -> Reading:
        return self._encoder(levels_BP / self._top)

    def log_prob(self, z_KBZ: np.ndarray, levels_BP: np.ndarray) -> np.ndarray:
        """nats, [K, B]."""
        return self.decode(z_KBZ).log_prob(levels_BP)

    def inputs(self, levels_BP: np.ndarray, read: Reading | None, needs: frozenset[Need]) -> Inputs:
        """What a classifier with these needs reads; `read` where one is the encoder's."""
        return Inputs(
            pixels_ND=levels_BP / self._top if "pixels" in needs else None,
            mean_NZ=read.mean_BZ if read else None,
            hidden_NH=read.hidden_BH if read else None,
            rate_nats_N=self.prior.by_dimension(read).sum(1) if read and "rate" in needs else None,
        )

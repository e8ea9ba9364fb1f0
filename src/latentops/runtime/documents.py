"""The document model with what is around it: texts in, bags, and what a classifier reads of them.

Shape suffixes: K samples, B texts, V terms, Z latent dimensions.
"""

from collections.abc import Sequence

import numpy as np

from latentops.artifacts import Vocabulary
from latentops.classifier import Inputs, Need
from latentops.data.weighting import weighting
from latentops.inference import raw as raws
from latentops.inference.raw import Raw
from latentops.networks.settings import Bow
from latentops.runtime import bow, priors
from latentops.runtime.layers import Reading
from latentops.runtime.likelihoods import Words
from latentops.runtime.weights import Weights
from latentops.runtime.words import Bag, Reader, SparseRows


class Documents:
    """`networks.bow` over the words that are there."""

    def __init__(self, weights: Weights, settings: Bow, vocabulary: Vocabulary) -> None:
        self.latent = settings.latent
        self.words = len(vocabulary.target)
        self.prior = priors.taken(weights, settings)
        self.decode = bow.decoder(weights, settings, self.words)
        self.encode = bow.Encoder(weights, settings, vocabulary, self.decode.words)
        self.reader = Reader(vocabulary)
        self.target = bow.Target(settings, vocabulary)
        self.weighting = weighting(vocabulary)

    @property
    def numbers_per_example(self) -> int:
        return self.words

    def given(self, raw: Raw, seed: int) -> list[Bag]:
        """`seed` is for images. Raises DataError for what is no list of texts."""
        return self.reader.bags(raws.texts(raw))

    def log_prob(self, z_KBZ: np.ndarray, bags: Sequence[Bag]) -> np.ndarray:
        """Of the words that the decoder gives, nats, [K, B]."""
        decoded: Words = self.decode(z_KBZ)
        return decoded.log_prob([self.target.of(bag) for bag in bags])

    def inputs(self, bags: Sequence[Bag], read: Reading | None, needs: frozenset[Need]) -> Inputs:
        """What a classifier with these needs reads; `read` where one is the encoder's."""
        told = "familiarity" in needs
        return Inputs(
            terms_NV=self._terms(bags) if "terms" in needs else None,
            mean_NZ=read.mean_BZ if read else None,
            hidden_NH=read.hidden_BH if read else None,
            rate_nats_N=self.prior.by_dimension(read).sum(1) if read and "rate" in needs else None,
            known_N=np.array([bag.known for bag in bags]) if told else None,
            unknown_N=np.array([bag.unknown for bag in bags]) if told else None,
        )

    def _terms(self, bags: Sequence[Bag]) -> SparseRows:
        """TF-IDF, [B, V]."""
        values = [self.weighting.of_one(bag.counts_n, bag.columns_n) for bag in bags]
        return SparseRows([bag.columns_n for bag in bags], values)

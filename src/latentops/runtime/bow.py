"""The document model in numpy: `networks.bow` at prediction, over the words that are there.

Shape suffixes: B documents, V terms that the encoder reads, W words that the decoder gives, Z
latent dimensions, I numbers that a layer reads; n terms of one document.
"""

from collections.abc import Sequence

import numpy as np

from latentops.artifacts import Vocabulary
from latentops.data import weighting
from latentops.networks.settings import (
    LOG_VARIANCE_RANGE,
    MOST_LOG_EVIDENCE,
    TYPICAL_LOG_LENGTH,
    Bow,
)
from latentops.runtime.layers import (
    ACTIVATIONS,
    Linear,
    Reading,
    chain,
    halves,
    scaled_mean,
    side_by_side,
    softmax,
    softplus,
    through,
)
from latentops.runtime.likelihoods import Document, Words
from latentops.runtime.weights import Weights
from latentops.runtime.words import Bag, Selection, SparseRows


class Decoder:
    """z [..., Z] to a distribution over words."""

    def __init__(self, weights: Weights, settings: Bow, words: int) -> None:
        self._dirichlet = settings.likelihood == "dirichlet"
        self._activation = settings.activation
        widths = [settings.latent, *settings.decoder_hidden]
        self._hidden = chain(weights, "decoder.hidden", widths)
        self.words = Linear.taken(
            weights, "decoder.words", settings.latent + sum(settings.decoder_hidden[-1:]), words
        )

    def __call__(self, z: np.ndarray) -> Words:
        values = z
        for layer in self._hidden:
            values = ACTIVATIONS[self._activation](layer(values))
        features = np.concatenate([z, values], axis=-1) if self._hidden else z
        return Words(self.words(features), self._dirichlet)


class TopicDecoder:
    """z [..., Z] to a product of experts, whose BatchNorm is folded into them."""

    def __init__(self, weights: Weights, settings: Bow, words: int) -> None:
        self._dirichlet = settings.likelihood == "dirichlet"
        experts_WZ = weights.take("decoder.words.weight", words, settings.latent)
        background_W = weights.take("decoder.background", words)
        gain_W, shift_W = weights.norm("decoder.norm", words)
        self.words = Linear(experts_WZ * gain_W[:, None], background_W + shift_W)

    def __call__(self, z: np.ndarray) -> Words:
        return Words(self.words(softmax(z)), self._dirichlet)


class Encoder:
    """Bags to what the encoder says of them.

    Only the rows of the first layer that belong to a text's words are read.
    """

    def __init__(
        self, weights: Weights, settings: Bow, vocabulary: Vocabulary, decoder: Linear
    ) -> None:
        self._settings, self._decoder = settings, decoder
        columns = _columns_read(vocabulary, settings)
        self._selection = Selection(columns, len(vocabulary.terms))
        self._tfidf = None if settings.input == "log1p" else _weighting(vocabulary, settings)
        terms, (first, *rest) = len(columns), (*settings.hidden, 2 * settings.latent)
        self._bag_VI = weights.take("encoder.bag.weight", terms, first)
        self._bias_I = weights.take("encoder.bag.bias", first)
        self._body = chain(weights, "encoder.body", [first, *rest], first=1) if rest else ()
        self._take_extras(weights, terms, first)
        self._fold_mean_scale(weights)

    def _take_extras(self, weights: Weights, terms: int, first: int) -> None:
        settings = self._settings
        self._lengths_I2: np.ndarray | None = None
        self._heard_V: np.ndarray | None = None
        self._trust_Z: np.ndarray | None = None
        if settings.length_features:
            self._lengths_I2 = weights.take("encoder.lengths.weight", first, 2)
        if settings.posterior == "evidence":
            self._heard_V = softplus(weights.take("encoder.evidence", terms))
        if settings.tied:
            self._trust_Z = weights.take("encoder.trust", settings.latent)
            self._advice_WZ = np.ascontiguousarray(self._decoder.weight_OI[:, : settings.latent])
            self._expected_Z = softmax(self._decoder.bias_O) @ self._advice_WZ

    def _fold_mean_scale(self, weights: Weights) -> None:
        """Of networks.layers.ScaledMean, into the last linear map."""
        settings = self._settings
        if settings.mean_scale is None:
            return
        gain_O, shift_O = scaled_mean(weights, settings.latent, settings.mean_scale)
        if self._body:
            self._body = (*self._body[:-1], self._body[-1].rescaled(gain_O, shift_O))
        else:
            self._bag_VI = self._bag_VI * gain_O
            self._bias_I = self._bias_I * gain_O + shift_O

    def __call__(self, bags: Sequence[Bag]) -> Reading:
        read = [self._selection.of(bag) for bag in bags]
        heads_BO, hidden = through(self._entered(read), self._body, self._settings.activation)
        mean_BZ, log_variance_BZ = halves(heads_BO)
        if self._heard_V is None:
            log_variance_BZ = log_variance_BZ.clip(*LOG_VARIANCE_RANGE)
        else:
            log_variance_BZ = _narrowed(log_variance_BZ, self._heard_V, read)
        if self._trust_Z is not None:
            step_BZ = np.exp(log_variance_BZ) * self._gradient(read)
            mean_BZ = mean_BZ + self._trust_Z * step_BZ
        return Reading(mean_BZ, log_variance_BZ, side_by_side(hidden, len(bags)))

    def _entered(self, read: Sequence[Document]) -> np.ndarray:
        rows = SparseRows(
            [columns_n for columns_n, _ in read], [self._weights(*each) for each in read]
        )
        entered_BI = rows @ self._bag_VI + self._bias_I
        if self._lengths_I2 is None:
            return np.asarray(entered_BI)
        sizes_B2 = np.array([(counts_n.sum(), len(counts_n)) for _, counts_n in read], np.float32)
        told_B2 = (np.log1p(sizes_B2) - TYPICAL_LOG_LENGTH) / 2
        return np.asarray(entered_BI + told_B2 @ self._lengths_I2.T)

    def _weights(self, columns_n: np.ndarray, counts_n: np.ndarray) -> np.ndarray:
        """Of length `input_scale`, but where no word is left."""
        scale = np.float32(self._settings.input_scale)
        if self._tfidf is not None:
            return self._tfidf.of_one(counts_n, columns_n) * scale
        logs_n = np.asarray(np.log1p(counts_n))
        if not len(logs_n):
            return logs_n
        return np.asarray(logs_n * (scale / np.sqrt(logs_n @ logs_n)))

    def _gradient(self, read: Sequence[Document]) -> np.ndarray:
        """See `networks.bow.Encoder._gradient`; [B, Z]."""
        said_BZ = SparseRows(*zip(*read, strict=True)) @ self._advice_WZ
        words_B1 = np.array([[counts_n.sum()] for _, counts_n in read], dtype=np.float32)
        return np.asarray(said_BZ - words_B1 * self._expected_Z)


class Target:
    """What of a bag the decoder is asked for."""

    def __init__(self, settings: Bow, vocabulary: Vocabulary) -> None:
        self._selection = Selection(vocabulary.target, len(vocabulary.terms))
        self._presence = settings.target == "presence"

    def of(self, bag: Bag) -> Document:
        columns_n, counts_n = self._selection.of(bag)
        return columns_n, counts_n.clip(max=1) if self._presence else counts_n


def decoder(weights: Weights, settings: Bow, words: int) -> Decoder | TopicDecoder:
    kind = TopicDecoder if settings.decoder == "topics" else Decoder
    return kind(weights, settings, words)


def _narrowed(
    log_heard_BZ: np.ndarray, heard_V: np.ndarray, read: Sequence[Document]
) -> np.ndarray:
    """Precisions that add up: see `networks.bow.Encoder._narrowed`."""
    said_B1 = np.array([[counts_n @ heard_V[columns_n]] for columns_n, counts_n in read])
    heard_BZ = np.exp(log_heard_BZ.clip(max=MOST_LOG_EVIDENCE))
    return np.asarray((-np.log1p(said_B1 * heard_BZ)).clip(*LOG_VARIANCE_RANGE))


def _columns_read(vocabulary: Vocabulary, settings: Bow) -> np.ndarray:
    if settings.terms == "all":
        return np.arange(len(vocabulary.terms))
    return weighting.word_columns(vocabulary)


def _weighting(vocabulary: Vocabulary, settings: Bow) -> weighting.Weighting:
    read = vocabulary if settings.terms == "all" else weighting.single_words(vocabulary)
    return weighting.weighting(read)

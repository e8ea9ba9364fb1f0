"""What a model sees in texts or in images. Shape suffixes: N rows."""

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from latentops.artifacts import Spec, Vocabulary
from latentops.data import terms
from latentops.data.familiarity import known_terms, word_counts
from latentops.observations import Observations, nats_per_word


class Model(Protocol):
    """A predictor. The one that makes a profile must score as the one that makes its windows: the
    noise of a score is the same for all rows, so that another one's shifts them together."""

    @property
    def spec(self) -> Spec: ...
    @property
    def vocabulary(self) -> Vocabulary: ...
    @property
    def head(self) -> Any: ...  # a sentence where there is no classifier
    def predict(self, raw: Any, task: str) -> Any: ...


def texts(model: Model, raw: Sequence[str]) -> Observations:
    """Of one text at least. Raises DataError where the model reads no texts."""
    counts_N2 = np.array([word_counts(text, model.vocabulary) for text in raw], dtype=np.int64)
    words_N, unknown_N = counts_N2.T
    elbo_N = _elbo(model, raw)
    return _observed(model, raw, words_N, unknown_N, nats_per_word(elbo_N, words_N, unknown_N))


def images(model: Model, raw: np.ndarray | Sequence[np.ndarray]) -> Observations:
    """Of one image at least. Raises DataError for what is none."""
    nothing_N = np.full(len(raw), -1)
    per_pixel_N = -_elbo(model, raw) / math.prod(model.spec.shape)
    return _observed(model, raw, nothing_N, nothing_N, per_pixel_N)


def unknown_words(text: str, vocabulary: Vocabulary) -> list[str]:
    """Each once, in order."""
    found = terms.analyze(text, words=vocabulary.words, characters=None)
    known = known_terms(vocabulary)
    return [word for word in dict.fromkeys(found) if word not in known]


def _elbo(model: Model, raw: Any) -> np.ndarray:
    return np.asarray(model.predict(raw, "score")["elbo_nats"], dtype=np.float64)


def _observed(
    model: Model, raw: Any, words_N: np.ndarray, unknown_N: np.ndarray, nats_N: np.ndarray
) -> Observations:
    label_N, out_of_scope_N = _judged(model, raw)
    return Observations(
        words_N=words_N,
        unknown_words_N=unknown_N,
        nats_per_word_N=nats_N,
        label_N=label_N,
        out_of_scope_N=out_of_scope_N,
        z_NZ=np.asarray(model.predict(raw, "encode"), dtype=np.float32),
    )


def _judged(model: Model, raw: Any) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scope; None and -1 where the model has no classifier."""
    if isinstance(model.head, str):
        return np.full(len(raw), None, dtype=object), np.full(len(raw), -1, dtype=np.int8)
    answered = model.predict(raw, "classify")
    return (
        np.array(answered["label"], dtype=object),
        np.asarray(answered["out_of_scope"], dtype=np.int8),
    )

"""What a model sees in rows, without the rows. Shape suffixes: N rows, Z latent dimensions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from latentops import observations
from latentops.data import terms
from latentops.observations import Row
from latentops.service.loaded import Loaded

_AT_ONCE = 256


def observed(loaded: Loaded, inputs: Sequence[Any]) -> list[Row]:
    """One for each input, all of which the model has answered."""
    starts = range(0, len(inputs), _AT_ONCE)
    return [row for start in starts for row in _block(loaded, inputs[start : start + _AT_ONCE])]


def _block(loaded: Loaded, inputs: Sequence[Any]) -> list[Row]:
    words, unknown = _words(loaded, inputs)
    z_NZ = _table(loaded, inputs, "encode").to_numpy()
    elbo_nats_N = _table(loaded, inputs, "score")["elbo_nats"].to_numpy()
    nats_N = _nats(loaded, elbo_nats_N, words, unknown)
    judged: Sequence[tuple[Any, Any]] = [(None, None)] * len(inputs)
    if loaded.head is not None:
        table = _table(loaded, inputs, "classify")
        judged = list(zip(table["label"].tolist(), table["out_of_scope"].tolist(), strict=True))
    return [
        Row(count, strange, None if np.isnan(nats) else float(nats), label, out, z_Z)
        for count, strange, nats, (label, out), z_Z in zip(
            words, unknown, nats_N, judged, z_NZ.tolist(), strict=True
        )
    ]


def _table(loaded: Loaded, inputs: Sequence[Any], task: str) -> pd.DataFrame:
    found = loaded.model.predict(list(inputs), task)
    assert isinstance(found, pd.DataFrame), "of these tasks an answer is a table"
    return found


def _words(loaded: Loaded, inputs: Sequence[Any]) -> tuple[list[int | None], list[int | None]]:
    """How many each text has, and how many of them have no column; None for images."""
    if not loaded.reads_texts:
        return [None] * len(inputs), [None] * len(inputs)
    of_each = [terms.analyze(text, words=True, characters=None) for text in inputs]
    known = loaded.terms
    unknown = (sum(word not in known for word in words) for words in of_each)
    return [len(words) for words in of_each], list(unknown)


def _nats(
    loaded: Loaded,
    elbo_nats_N: np.ndarray,
    words: Sequence[int | None],
    unknown: Sequence[int | None],
) -> np.ndarray:
    if not loaded.reads_texts:
        return -elbo_nats_N / np.prod(loaded.spec.shape)
    return observations.nats_per_word(
        elbo_nats_N, np.array(words, dtype=float), np.array(unknown, dtype=float)
    )

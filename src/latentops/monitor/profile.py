"""monitor.json: what the rows of validation looked like to a model, in 20 KB at most."""

import json
from collections import Counter
from collections.abc import Iterable

import numpy as np

from latentops.artifacts import Schema
from latentops.errors import DataError
from latentops.monitor import histogram, latent
from latentops.monitor.histogram import Histogram
from latentops.monitor.latent import Reference
from latentops.observations import Observations

FILE = "monitor.json"
MOST_BYTES = 20_000
LEAST_ROWS = 20
SHARE_STEP = 1 / 32  # of unknown words: in texts of up to 32 words each share has a bin
_CLASSES_BYTES = 4_000


class Classes(Schema):
    """Rows by predicted class: those of the commonest ones by name, of the others together."""

    rows: dict[str, int]
    others: int


class Profile(Schema):
    """What is None has not been seen: images have no words, some models have no classifier."""

    rows: int
    unknown_share: Histogram | None  # of a text's words; rows without a word are left out
    nats_per_word: Histogram | None  # of images per pixel
    classes: Classes | None
    out_of_scope: tuple[int, int] | None  # rows in scope, rows out of it, as the model says
    latent: Reference | None


def of(seen: Observations, seed: int = 0) -> Profile:
    """Of the rows of validation. Raises DataError for fewer than 20."""
    if len(seen) < LEAST_ROWS:
        raise DataError(
            f"A profile needs {LEAST_ROWS} validation rows or more, and there are {len(seen)}: "
            "with fewer no window could be told to differ."
        )
    codes_NZ = codes(seen)
    enough = len(codes_NZ) >= LEAST_ROWS and codes_NZ.shape[1] > 0
    return Profile(
        rows=len(seen),
        unknown_share=_histogram(unknown_shares(seen), SHARE_STEP),
        nats_per_word=_histogram(scores(seen)),
        classes=_classes(labels(seen)),
        out_of_scope=_in_and_out(flags(seen)),
        latent=latent.reference(codes_NZ, np.random.default_rng(seed)) if enough else None,
    )


def to_json(profile: Profile) -> bytes:
    """The file's contents: short lines would take more room than the numbers."""
    text = json.dumps(profile.model_dump(mode="json"), separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def unknown_shares(seen: Observations) -> np.ndarray:
    """Of the texts that have a word, float64."""
    has_words = seen.words_N > 0
    return np.asarray(seen.unknown_words_N[has_words] / seen.words_N[has_words])


def scores(seen: Observations) -> np.ndarray:
    """Nats per word of the rows that have them."""
    return np.asarray(seen.nats_per_word_N[np.isfinite(seen.nats_per_word_N)])


def labels(seen: Observations) -> list[str]:
    return [label for label in seen.label_N if label is not None]


def flags(seen: Observations) -> np.ndarray:
    """Of the rows for which the model says whether they are out of scope: 0 or 1."""
    return np.asarray(seen.out_of_scope_N[seen.out_of_scope_N >= 0])


def codes(seen: Observations) -> np.ndarray:
    """Of the rows that have one, [N, Z]."""
    return np.asarray(seen.z_NZ[np.isfinite(seen.z_NZ).all(axis=1)])


def _histogram(value_N: np.ndarray, step: float | None = None) -> Histogram | None:
    return histogram.of(value_N, step) if len(value_N) else None


def _in_and_out(flag_N: np.ndarray) -> tuple[int, int] | None:
    outside = int(flag_N.sum())
    return (len(flag_N) - outside, outside) if len(flag_N) else None


def _classes(predicted: Iterable[str]) -> Classes | None:
    """The commonest are named, as many as there is room for."""
    rows = Counter(predicted)
    ranked = sorted(rows, key=lambda name: (-rows[name], name))
    room = np.cumsum([len(json.dumps(name)) + len(str(rows[name])) + 2 for name in ranked])
    named = ranked[: int((room <= _CLASSES_BYTES).sum())]
    others = rows.total() - sum(rows[name] for name in named)
    return Classes(rows={name: rows[name] for name in named}, others=others) if rows else None

"""What an evaluation found, as plain values: the report reads this and never a tensor."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from latentops.evaluation.diagnosis import Use


@dataclass(frozen=True)
class Gallery:
    """Validation images as they were and came back, and dreamt ones, in [0, 1]: [n, C, H, W]."""

    originals: np.ndarray
    reconstructions: np.ndarray
    prior_samples: np.ndarray
    traversal: np.ndarray  # [rows, steps, C, H, W], a row for each of the most used dimensions
    traversal_dimensions: tuple[int, ...]


@dataclass(frozen=True)
class Dimension:
    """The terms that rise and fall along one latent dimension."""

    index: int
    rate_nats: float
    rising: tuple[str, ...]
    falling: tuple[str, ...]


@dataclass(frozen=True)
class Topic:
    """The words that gain most at one end of a latent dimension, or in one expert."""

    dimension: int
    words: tuple[str, ...]
    npmi: float  # over the pairs of these words, on the training documents


@dataclass(frozen=True)
class Neighbours:
    """A validation example and the training examples nearest to it in the latent space."""

    text: str
    label: str
    nearest: tuple[tuple[str, str, float], ...]  # text, label, cosine similarity


@dataclass(frozen=True)
class Sentences:
    """Validation sentences, as their tokens tell them, and what the model writes."""

    reconstructions: tuple[tuple[str, str], ...]  # a sentence, and what comes back of its mean
    samples: tuple[str, ...]  # token by token, of codes drawn from the prior
    crossings: tuple[tuple[str, ...], ...]  # from one sentence's mean to another's


@dataclass(frozen=True)
class Evaluation:
    """Scores and what the pictures need."""

    scores: dict[str, float]  # metrics/eval.json
    use: Use  # of the latent, on validation
    rate_per_dimension_nats: np.ndarray  # [Z], mean over the test split, sorted by nothing
    active: np.ndarray  # [Z], bool: which dimensions `active_units` counts
    latent_map: pd.DataFrame  # x, y, label of validation examples
    confusion: pd.DataFrame  # actual, predicted by the shipped classifier: a row per test example
    gallery: Gallery | None = None
    dimensions: list[Dimension] = field(default_factory=list)
    topics: list[Topic] = field(default_factory=list)  # of active dimensions, clearest first
    neighbours: list[Neighbours] = field(default_factory=list)
    sentences: Sentences | None = None

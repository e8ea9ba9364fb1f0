"""What the latent space of a document model says, in words."""

import numpy as np
import torch

from latentops.artifacts import Spec, Vocabulary
from latentops.evaluation.gallery import class_names, most_used
from latentops.evaluation.results import Dimension, Neighbours
from latentops.likelihoods import Multinomial
from latentops.model import VAE
from latentops.portion import Portion

_TERMS = 8
_STEP = 2.0  # prior standard deviations to either side
_ASKED = 5
_NEAREST = 3


@torch.no_grad()
def dimensions(vae: VAE, vocabulary: Vocabulary, rate_Z: np.ndarray) -> list[Dimension]:
    """The terms whose logits change most along each dimension, the most used first."""
    indices = most_used(rate_Z, vae.latent)
    steps = _STEP * torch.eye(vae.latent)[list(indices)]
    up, down = vae.decode(steps), vae.decode(-steps)
    if not isinstance(up, Multinomial) or not isinstance(down, Multinomial):
        raise TypeError("only a distribution over words has terms")
    order_DW = (up.logits - down.logits).numpy().argsort(1, kind="stable")
    words = [vocabulary.terms[column] for column in vocabulary.target]
    return [
        Dimension(
            index=index,
            rate_nats=float(rate_Z[index]),
            rising=tuple(words[word] for word in order[::-1][:_TERMS]),
            falling=tuple(words[word] for word in order[:_TERMS]),
        )
        for index, order in zip(indices, order_DW, strict=True)
    ]


def neighbours(
    shown: Portion, shown_mean_NZ: np.ndarray, train: Portion, train_mean_MZ: np.ndarray, spec: Spec
) -> list[Neighbours]:
    """Some texts, and the training texts nearest to each by the cosine of their means."""
    rows = np.unique(np.linspace(0, len(shown) - 1, _ASKED).round().astype(int))
    cosine_AM = _unit(shown_mean_NZ[rows]) @ _unit(train_mean_MZ).T
    texts, labels = shown.table["text"], class_names(shown.y, spec)
    return [
        Neighbours(str(texts[row]), labels[row], _nearest(train, cosine_M, spec))
        for row, cosine_M in zip(rows, cosine_AM, strict=True)
    ]


def _nearest(
    train: Portion, cosine_M: np.ndarray, spec: Spec
) -> tuple[tuple[str, str, float], ...]:
    """Texts that differ from each other, nearest first."""
    found: dict[str, tuple[str, str, float]] = {}
    for row in np.argsort(-cosine_M, kind="stable"):
        text = str(train.table["text"][row])
        (label,) = class_names(train.y[[row]], spec)
        found.setdefault(text, (text, label, float(cosine_M[row])))
        if len(found) == _NEAREST:
            break
    return tuple(found.values())


def _unit(mean_NZ: np.ndarray) -> np.ndarray:
    norm_N1 = np.linalg.norm(mean_NZ, axis=1, keepdims=True)
    return np.asarray(mean_NZ / np.maximum(norm_N1, np.finfo(np.float32).tiny))

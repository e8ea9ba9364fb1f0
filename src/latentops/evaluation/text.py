"""What the latent space of a document model says, in words."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse
import torch

from latentops.artifacts import Spec, Vocabulary
from latentops.data.batches import Bags
from latentops.evaluation.gallery import class_names, most_used
from latentops.evaluation.results import Dimension, Neighbours, Topic
from latentops.evaluation.scores import Scores
from latentops.likelihoods import Multinomial
from latentops.metrics import topics as measures
from latentops.model import VAE
from latentops.networks import bow
from latentops.portion import Portion

_TERMS = 8
_TOPIC_WORDS = 10  # of which the NPMI is reported
_DIVERSE_WORDS = 25
_STEP = 2.0  # prior standard deviations to either side
_ASKED = 5
_NEAREST = 3


@torch.no_grad()
def dimensions(vae: VAE, vocabulary: Vocabulary, rate_Z: np.ndarray) -> list[Dimension]:
    """The terms whose logits change most along each dimension, the most used first."""
    indices = most_used(rate_Z, vae.latent)
    steps = _STEP * torch.eye(vae.latent)[list(indices)]
    order_DW = _gains(vae, steps).numpy().argsort(1, kind="stable")
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


@torch.no_grad()
def topics(vae: VAE, vocabulary: Vocabulary, active_Z: np.ndarray, train: Bags) -> list[Topic]:
    """Of the active dimensions, the highest NPMI first: by pairs of words in `train`."""
    top_TM, dimension_T = _top_words(vae, active_Z, _TOPIC_WORDS)
    words = [vocabulary.terms[column] for column in vocabulary.target]
    npmi_T = measures.npmi(top_TM.tolist(), _counts(train))
    found = [
        Topic(int(dimension), tuple(words[word] for word in top_M), float(npmi))
        for dimension, top_M, npmi in zip(dimension_T, top_TM, npmi_T, strict=True)
    ]
    return sorted(found, key=lambda topic: -topic.npmi)


@torch.no_grad()
def topic_scores(vae: VAE, active_Z: np.ndarray, found: Sequence[Topic]) -> Scores:
    """Empty where no dimension is active."""
    if not found:
        return {}
    top_TM, _ = _top_words(vae, active_Z, _DIVERSE_WORDS)
    return {
        "topics": len(found),
        "topic_npmi": float(np.mean([topic.npmi for topic in found])),
        "topic_diversity": measures.diversity(top_TM.tolist()),
    }


def _top_words(vae: VAE, active_Z: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each topic its words, best first, [T, M], and its dimension, [T].

    A topic is an end of a dimension, since a code has no sign that means more; of an expert that
    has a dimension, it is the upper one.
    """
    gain_ZW = _gains(vae, _STEP * torch.eye(vae.latent)).numpy()
    expert = isinstance(vae.decoder, bow.TopicDecoder)
    gain_TW = gain_ZW if expert else np.concatenate([gain_ZW, -gain_ZW])
    dimension_T = np.arange(len(gain_TW)) % vae.latent
    used_T = np.flatnonzero(active_Z[dimension_T])
    return (-gain_TW[used_T]).argsort(1, kind="stable")[:, :most], dimension_T[used_T]


def _gains(vae: VAE, step_DZ: torch.Tensor) -> torch.Tensor:
    """What the logit of each word gains, [D, W], from minus so many of the prior's standard
    deviations to as many, around its mean."""
    mean_Z, deviation_Z = vae.prior.moments()
    away_DZ = step_DZ * deviation_Z
    up, down = vae.decode(mean_Z + away_DZ), vae.decode(mean_Z - away_DZ)
    if not isinstance(up, Multinomial) or not isinstance(down, Multinomial):
        raise TypeError("only a distribution over words has terms")
    return up.logits - down.logits


def _counts(bags: Bags) -> scipy.sparse.csr_matrix:
    """Of what is reconstructed, [N, W]."""
    rows = bags.target
    parts = (rows.values.numpy(), rows.columns.numpy(), rows.indptr.numpy())
    return scipy.sparse.csr_matrix(parts, shape=(len(rows), rows.width))


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

"""What comes back of sentences, and what a model of sentences writes.

Words are what stands between white space in the text that tokens tell, so that models with other
tokens compare. A token that is unknown is one kind, in the original as in what comes back.

Shape suffixes: N sentences, Z latent dimensions, S steps.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from latentops.artifacts import Vocabulary
from latentops.data import tokens
from latentops.data.batches import Examples, Sequences, in_batches
from latentops.evaluation.gallery import spread
from latentops.evaluation.results import Sentences
from latentops.evaluation.scores import Scores
from latentops.likelihoods import Autoregressive
from latentops.metrics.sentences import bleu, exact_match
from latentops.model import VAE
from latentops.networks import decoding
from latentops.portion import ROWS_AT_ONCE, encode

_RECONSTRUCTED = 10
_SAMPLED = 10
_CROSSINGS = 3
_STEPS = 5


def reconstruction_scores(vae: VAE, test: Examples, vocabulary: Vocabulary) -> Scores:
    """Of what is written greedily from each posterior mean; empty where there are no sentences."""
    if not isinstance(test, Sequences):
        return {}
    originals = [text.split() for text in originals_of(test, vocabulary)]
    mean_NZ = encode(vae, test).mean
    returned = [text.split() for text in greedily(vae, mean_NZ, vocabulary)]
    return {
        "reconstruction_exact_match": exact_match(originals, returned),
        "reconstruction_bleu": bleu(originals, returned),
    }


def gallery(
    vae: VAE,
    valid: Sequences,
    mean_NZ: np.ndarray,
    vocabulary: Vocabulary,
    generator: torch.Generator,
) -> Sentences:
    """Of sentences evenly spread over `valid`, whose means are given."""
    rows = spread(len(valid), _RECONSTRUCTED)
    shown_NZ = torch.from_numpy(mean_NZ)[rows]
    returned = greedily(vae, shown_NZ, vocabulary)
    told = originals_of(valid.subset(rows), vocabulary)
    prior_NZ = vae.prior.sample(_SAMPLED, generator)
    written = _autoregressive(vae, prior_NZ).sample(generator)
    return Sentences(
        reconstructions=tuple(zip(told, returned, strict=True)),
        samples=tuple(tokens.decode(written.tolist(), vocabulary.tokenizer)),
        crossings=tuple(_crossings(vae, shown_NZ, vocabulary)),
    )


def originals_of(sentences: Sequences, vocabulary: Vocabulary) -> list[str]:
    """The text that the tokens of each tell."""
    rows = [row for batch in in_batches(sentences, ROWS_AT_ONCE) for row in batch.target.tolist()]
    return tokens.decode(rows, vocabulary.tokenizer)


def greedily(vae: VAE, z_NZ: Tensor, vocabulary: Vocabulary) -> list[str]:
    """The text of each code whose every token is the likeliest after those before."""
    rows: list[list[int]] = []
    for some_BZ in torch.split(z_NZ, ROWS_AT_ONCE):
        rows += _autoregressive(vae, some_BZ).write(decoding.greedy).tolist()
    return tokens.decode(rows, vocabulary.tokenizer)


def _crossings(vae: VAE, mean_NZ: Tensor, vocabulary: Vocabulary) -> Iterator[tuple[str, ...]]:
    """Steps on straight lines between the means of pairs of neighbours in the list."""
    way_S1 = torch.linspace(0, 1, _STEPS)[:, None]
    for first_Z, last_Z in list(zip(mean_NZ[::2], mean_NZ[1::2], strict=False))[:_CROSSINGS]:
        yield tuple(greedily(vae, torch.lerp(first_Z, last_Z, way_S1), vocabulary))


@torch.no_grad()
def _autoregressive(vae: VAE, z_NZ: Tensor) -> Autoregressive:
    likelihood = vae.decode(z_NZ)
    if not isinstance(likelihood, Autoregressive):
        raise TypeError("only a model of sentences writes some")
    return likelihood

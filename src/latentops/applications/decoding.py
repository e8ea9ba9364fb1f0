"""Codes back to what they stand for, and what that loses of each example.

Shape suffixes: N examples, B of a batch, Z dimensions of a code, D pixels, W target words, L ways
to decode.
"""

from collections.abc import Callable

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from latentops.data.batches import Bags, Batch, Sequences, in_batches
from latentops.likelihoods import Likelihood
from latentops.model import VAE
from latentops.portion import ROWS_AT_ONCE, Portion
from latentops.verdict.features import Projection

# Of the words' shares in training, mixed into what LSA gives back, which may be 0 for a word.
UNIGRAM_WEIGHTS = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)

Decode = Callable[[np.ndarray, Portion], np.ndarray]
"""(codes [N, Z], the rows that they are of) -> what each way to decode loses of each row, [L, N]:
the mean squared error of the pixels, in [0, 1], or the nats of the words."""


def of_vae(vae: VAE, is_text: bool) -> Decode:
    """By the mean image, or by the likelihood of the words."""
    loss = _nats if is_text else _squares

    @torch.no_grad()
    def decode(code_NZ: np.ndarray, of: Portion) -> np.ndarray:
        z_NZ, examples = torch.from_numpy(code_NZ), of.examples
        starts = range(0, len(examples), ROWS_AT_ONCE)
        losses = [
            loss(vae.decode(z_NZ[start : start + ROWS_AT_ONCE]), batch)
            for start, batch in zip(starts, in_batches(examples, ROWS_AT_ONCE), strict=True)
        ]
        return torch.cat(losses).double().numpy()[None]

    return decode


def _squares(likelihood: Likelihood, batch: Batch) -> Tensor:
    """Mean squared error of the pixels of the decoded mean, [B]."""
    return (likelihood.mean - batch.input).square().flatten(1).mean(1)


def _nats(likelihood: Likelihood, batch: Batch) -> Tensor:
    """-log p(words given code) of each text, [B]."""
    return -likelihood.log_prob(batch.target)


def of_pca(projection: Projection) -> Decode:
    """Back to pixels, which are held in [0, 1]."""
    mean_D = 0.0 if projection.mean_D is None else projection.mean_D

    def decode(code_NZ: np.ndarray, of: Portion) -> np.ndarray:
        pixels_ND = (code_NZ @ projection.components_DK.T + mean_D).clip(0, 1)
        squares_ND = np.square(pixels_ND - of.matrix(), dtype=np.float64)
        return np.asarray(squares_ND.mean(axis=1))[None]

    return decode


def of_lsa(train_NZ: np.ndarray, train: Portion) -> Decode:
    """Back to shares of words: by the linear map that fits those of training best, in squares.

    What it leaves below 0 is cut, and the shares of all training words are mixed in: one way to
    decode for each of their weights.
    """
    counts_NW = target(train)
    words_N1 = np.asarray(counts_NW.sum(axis=1))
    shares_NW = scipy.sparse.diags_array(1 / np.maximum(words_N1[:, 0], 1)) @ counts_NW
    unigram_W = np.asarray(counts_NW.sum(axis=0))[0] + 0.5  # none is impossible
    unigram_W = unigram_W / unigram_W.sum()
    inputs_NZ = _with_one(train_NZ)
    map_ZW = np.linalg.pinv(inputs_NZ.T @ inputs_NZ, hermitian=True) @ (inputs_NZ.T @ shares_NW)

    def decode(code_NZ: np.ndarray, of: Portion) -> np.ndarray:
        words_NW = target(of)
        starts = range(0, len(code_NZ), ROWS_AT_ONCE)
        parts = [slice(start, start + ROWS_AT_ONCE) for start in starts]
        nats = [
            _nats_of_mixtures(_with_one(code_NZ[part]) @ map_ZW, unigram_W, words_NW[part])
            for part in parts
        ]
        return np.concatenate(nats, axis=1)

    return decode


def _nats_of_mixtures(
    fitted_BW: np.ndarray, unigram_W: np.ndarray, target_BW: scipy.sparse.csr_matrix
) -> np.ndarray:
    """Of each weight of the unigram, [L, B]; only the words that occur are looked at."""
    kept_BW = fitted_BW.clip(min=0)
    total_B = kept_BW.sum(axis=1)
    rows = np.repeat(np.arange(len(total_B)), np.diff(target_BW.indptr))
    words = target_BW.indices
    share = kept_BW[rows, words] / np.where(total_B > 0, total_B, 1.0)[rows]
    return np.array(
        [
            np.bincount(
                rows,
                -target_BW.data * np.log((1 - weight) * share + weight * unigram_W[words]),
                minlength=len(total_B),
            )
            for weight in UNIGRAM_WEIGHTS
        ]
    )


def _with_one(code_NZ: np.ndarray) -> np.ndarray:
    return np.hstack([code_NZ, np.ones_like(code_NZ[:, :1])]).astype(np.float64)


def words_per_row(of: Portion) -> float:
    """That a decoder is asked for, on average; of sentences tokens, and the end is one."""
    if isinstance(of.examples, Sequences):
        return len(of.examples.tokens) / len(of)
    return float(target(of).sum() / len(of))


def target(of: Portion) -> scipy.sparse.csr_matrix:
    """The words that a decoder is asked for, [N, W]."""
    examples = of.examples
    if not isinstance(examples, Bags):
        raise TypeError("images and sentences are no bags of words")
    rows = examples.target
    parts = (rows.values.double().numpy(), rows.columns.numpy(), rows.indptr.numpy())
    return scipy.sparse.csr_matrix(parts, shape=(len(rows), rows.width))

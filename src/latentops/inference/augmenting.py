# ruff: noqa: N815 - names end in their shape suffixes
"""New rows around those that a person has: decoded from z ~ q(z given x), or a changed text.

What is made of a row depends on the seed, its number and which of its new rows it is, and on no
other row. Shape suffixes: N rows, M new ones, Z latent dimensions, W target words.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from latentops.artifacts import END
from latentops.data import corruption
from latentops.data.batches import Bags, Examples, Images, Sequences
from latentops.data.corruption import Kind
from latentops.elbo import Posterior
from latentops.inference import tasks
from latentops.inference.forms import Sentences
from latentops.inference.tasks import Draws, draw_of
from latentops.likelihoods import DirichletMultinomial, Likelihood
from latentops.model import VAE

EASY: dict[str, Kind] = {"swap": "swap", "delete": "drop", "typo": "misspell"}
"""The methods that need no model, and what each does to a text."""

EASY_SHARE = 0.1  # of the words, one at least: alpha of Wei and Zou 2019
_BATCH = 256


class Around(NamedTuple):
    """Some new rows: the place of the row that each is of, its own randomness, and p(x given z)."""

    source_M: np.ndarray
    draws_M: Draws
    likelihood: Likelihood


def codes(posterior: Posterior, draws_M: Draws) -> Tensor:
    """A sample of each posterior, [M, Z]."""
    latent = posterior.mean.shape[-1]
    noise_MZ = np.stack([draw.standard_normal(latent, dtype=np.float32) for draw in draws_M])
    return posterior.mean + posterior.standard_deviation * torch.from_numpy(noise_MZ)


def words(likelihood: Likelihood, lengths_M: np.ndarray, draws_M: Draws) -> list[np.ndarray]:
    """So many of each document: see `tasks.drawn_words`."""
    return tasks.drawn_words(_weights(likelihood, draws_M), lengths_M, draws_M)


def _weights(likelihood: Likelihood, draws_M: Draws) -> np.ndarray:
    """Of each word in each document, [M, W], to any sum: its share, or a drawn one."""
    if not isinstance(likelihood, DirichletMultinomial):
        return likelihood.mean.numpy()
    return tasks.drawn_weights(likelihood.logits.numpy(), draws_M)


def documents(
    vae: VAE, bags: Bags, words_W: np.ndarray, n: int, seed: int, rows: Sequence[int]
) -> pd.DataFrame:
    """Columns row, of `rows`, and text: n documents of each row, as long as it.

    Words that the decoder does not know are not counted, and of a row with no other there is none.
    """
    tasks.require_new_rows(n)
    lengths_N = bags.target.sums(bags.target.values.long()).numpy()
    made: dict[str, list[object]] = {"row": [], "text": []}
    for around in _around(vae, bags, np.flatnonzero(lengths_N), n, seed, rows):
        drawn = words(around.likelihood, lengths_N[around.source_M], around.draws_M)
        made["row"] += [rows[place] for place in around.source_M]
        made["text"] += [" ".join(words_W[each]) for each in drawn]
    return pd.DataFrame(made).astype({"row": np.int64, "text": "str"})


def sentences(
    vae: VAE, examples: Sequences, form: Sentences, n: int, seed: int, rows: Sequence[int]
) -> pd.DataFrame:
    """Columns row, of `rows`, and text: the most probable sentence of n codes of each row.

    Of a row in which no token is known there is none.
    """
    tasks.require_new_rows(n)
    known_N = (examples.batch(torch.arange(len(examples))).input > END).any(1)
    made: dict[str, list[object]] = {"row": [], "text": []}
    for around in _around(vae, examples, np.flatnonzero(known_N), n, seed, rows):
        made["row"] += [rows[place] for place in around.source_M]
        made["text"] += form.shown(around.likelihood)["text"].tolist()
    return pd.DataFrame(made).astype({"row": np.int64, "text": "str"})


def images(vae: VAE, examples: Images, n: int, seed: int, rows: Sequence[int]) -> np.ndarray:
    """n decoded means of each row, [N * n, C, H, W] in [0, 1]."""
    tasks.require_new_rows(n)
    places = np.arange(len(examples))
    parts = _around(vae, examples, places, n, seed, rows)
    return np.concatenate([part.likelihood.mean.numpy() for part in parts])


def easy(text: str, method: str, draw: np.random.Generator) -> str:
    """`text` after one of the methods of `EASY`."""
    share = max(EASY_SHARE, 1 / max(1, corruption.word_count(text)))
    return corruption.corrupt(text, EASY[method], share, draw)


@torch.inference_mode()
def _around(
    vae: VAE, examples: Examples, places: np.ndarray, n: int, seed: int, rows: Sequence[int]
) -> Iterator[Around]:
    """The rows at `places`, each n times."""
    source, made = np.repeat(places, n), np.tile(np.arange(n), len(places))
    for start in range(0, len(source), _BATCH):
        at = slice(start, start + _BATCH)
        each = zip(source[at], made[at], strict=True)
        drawn = [draw_of(seed, rows[place], number) for place, number in each]
        batch = examples.batch(torch.from_numpy(source[at]))
        yield Around(source[at], drawn, vae.decode(codes(vae.encode(batch.input), drawn)))

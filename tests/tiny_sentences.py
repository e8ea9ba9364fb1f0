"""Sentences of three classes, and a small VAE that has learned them: in memory."""

from functools import cache

import numpy as np
import pandas as pd
import torch
from tiny_splits import Sample

from latentops import build, elbo, portion
from latentops.artifacts import Arrays, Spec, Split, Vocabulary
from latentops.data import settings as data_settings
from latentops.data import tokens
from latentops.data import vocabulary as counting
from latentops.data.batches import Examples
from latentops.model import VAE
from latentops.networks import seq
from latentops.portion import Prepared
from latentops.verdict.shipped import Subject

PHRASES = {
    "light": "turn on the light in the {} {}",
    "music": "please play some music in my {} {}",
    "weather": "is it warm in the {} {}",
}
ROOMS = ("kitchen", "bedroom", "cellar", "garden", "attic")
TIMES = ("now", "today", "tonight")
STEPS = 200
MODEL = seq.Settings(latent=8, hidden=(32,), decoder_hidden=(32,), embedding=16)
_SPLITS: tuple[Split, ...] = ("train", "valid", "test")


def texts(split: Split) -> pd.DataFrame:
    """A sentence of every class, room and time is in one of the splits: two thirds in training."""
    rows = [
        (phrase.format(room, time), label)
        for label, phrase in PHRASES.items()
        for room in ROOMS
        for time in TIMES
    ]
    place = np.random.default_rng(0).permutation(len(rows)) % 6
    mine = {"train": (0, 1, 2, 3), "valid": (4,), "test": (5,)}[split]
    table = pd.DataFrame(rows, columns=["text", "label"])[np.isin(place, mine)]
    return table.reset_index(drop=True).assign(in_scope=True)


@cache
def sample() -> Sample:
    """It gives back the most of its training sentences."""
    settings = data_settings.Settings(tokens="words", tokens_min_count=1, min_documents=1)
    tables = {split: texts(split) for split in _SPLITS}
    known = counting.build(tables["train"]["text"], settings)
    tokenizer = tokens.train(tables["train"]["text"], settings)
    vocabulary = known.model_copy(update={"tokenizer": tokenizer})
    spec = Spec(
        source="tiny sentences",
        kind="counts",
        shape=(len(vocabulary.terms),),
        tokens=tokens.kinds(tokenizer),
        classes=tuple(PHRASES),
        synthetic=True,
    )
    arrays = {split: _arrays(table, vocabulary) for split, table in tables.items()}
    parts = spec, vocabulary
    train = build.examples(*parts, arrays["train"], MODEL)
    vae = build.model(*parts, MODEL, 0, build.unigram(train))
    _learn(vae, train)
    portions = {
        split: portion.whole(split, Prepared(arrays[split], tables[split]), *parts, MODEL, seed=0)
        for split in _SPLITS
    }
    return Sample(Subject(vae, spec, vocabulary), MODEL, **portions)


def _learn(vae: VAE, train: Examples) -> None:
    """All sentences at once, with a rate that hardly costs."""
    generator = torch.Generator().manual_seed(0)
    adam = torch.optim.Adam(vae.parameters(), lr=0.02)
    batch = train.batch(torch.arange(len(train)))
    for _ in range(STEPS):
        output = vae(batch.input, generator)
        terms = elbo.terms(output.rate_BZ, output.likelihood, batch.target)
        adam.zero_grad()
        (terms.distortion_B + 0.02 * terms.rate_B).mean().backward()
        adam.step()
    vae.eval()


def _arrays(table: pd.DataFrame, vocabulary: Vocabulary) -> Arrays:
    return {
        **portion.arrays_of_texts(table["text"].tolist(), vocabulary, MODEL),
        "y": table["label"].map(list(PHRASES).index).to_numpy(),
        "in_scope": table["in_scope"].to_numpy(),
    }

"""Tokens in a second of a GRU VAE: our training loop, and a bare PyTorch loop of the same network.

Both read the same batches of like length, in one process and in turns, as `step` has it.
"""

import sys
import time
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks import step
from latentops import build, objectives
from latentops.artifacts import END, PAD, START, Spec, Vocabulary
from latentops.data import batches
from latentops.networks import seq
from latentops.training import loop
from latentops.training.settings import Settings

ROUNDS = 7
STEPS = 12
BATCH = 32
KINDS = 10_000
MODEL = seq.Settings(latent=32, embedding=256, hidden=(256,), decoder_hidden=(256,))


class Result(NamedTuple):
    ours_tokens_per_second: float
    bare_ratio: float
    bfloat16_ratio: float  # of our own loop in bfloat16 to that in float32, in tokens a second


def report(rounds: int = ROUNDS) -> None:
    found = measure(rounds)
    print(f"\nGRU VAE, {KINDS:,} kinds of token, {BATCH} sentences a batch")
    print(f"{found.ours_tokens_per_second:,.0f} tokens a second; bare / ours, in time", end=" ")
    print(f"{found.bare_ratio:.2f}; bfloat16 on this machine {found.bfloat16_ratio:.2f} times that")


def measure(rounds: int = ROUNDS) -> Result:
    examples = sentences()
    ours = ours_side(examples, "float32")
    against_bare = step.compare("gru", ours, bare_side(examples), rounds=rounds)
    halved = step.compare("gru", ours_side(examples, "bfloat16"), ours, rounds=rounds)
    tokens_per_step = len(examples.tokens) / STEPS
    return Result(
        tokens_per_step / (against_bare.ours_ms / 1e3), against_bare.bare_ratio, halved.bare_ratio
    )


def sentences() -> batches.Sequences:
    """Words whose shares fall as 1 / rank, in sentences as long as those of the Penn Treebank."""
    generator = np.random.default_rng(0)
    lengths = generator.normal(21, 10, STEPS * BATCH).round().clip(1, 80).astype(np.int64)
    shares = 1 / np.arange(1, KINDS - END)
    drawn = generator.choice(KINDS - END - 1, lengths.sum(), p=shares / shares.sum()) + END + 1
    indptr = np.cumsum([0, *lengths])
    return batches.sequenced({"tokens_indptr": indptr, "tokens": drawn.astype(np.int32)})


def ours_side(examples: batches.Sequences, precision: str) -> step.Side:
    spec = Spec(source="noise", kind="counts", shape=(1,), tokens=KINDS)
    settings = Settings(epochs=1, batch_size=BATCH, device="cpu", threads=None, precision=precision)

    def ours() -> float:
        vae = build.model(spec, Vocabulary(), MODEL, seed=0)
        valid = examples.subset(torch.arange(1))
        return loop.fit(vae, examples, valid, objectives.Settings(), settings).seconds / STEPS

    return ours


class Bare(nn.Module):
    """The network of `MODEL`: GRU to code, code and words before to words; tied output weights."""

    def __init__(self) -> None:
        super().__init__()
        self.read, self.said = nn.Embedding(KINDS, 256), nn.Embedding(KINDS, 256)
        self.encoder = nn.GRU(256, 256, batch_first=True)
        self.heads = nn.Linear(256, 2 * 32)
        self.first = nn.Linear(32, 256)
        self.decoder = nn.GRU(256 + 32, 256, batch_first=True)
        self.bias = nn.Parameter(torch.zeros(KINDS))

    def loss(self, x: Tensor) -> Tensor:
        ends = (x != PAD).sum(1) - 1
        states, _ = self.encoder(self.read(x))
        heads = self.heads(states[torch.arange(len(x)), ends])
        mean, log_variance = heads.chunk(2, dim=-1)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        before = torch.cat([torch.full_like(x[:, :1], START), x[:, :-1]], dim=1)
        inputs = torch.cat([self.said(before), z[:, None].expand(-1, x.shape[1], -1)], dim=-1)
        outputs, _ = self.decoder(inputs, self.first(z).tanh()[None])
        logits = F.linear(outputs, self.said.weight, self.bias)
        wrong = F.cross_entropy(
            logits.flatten(0, 1), x.flatten(), ignore_index=PAD, reduction="sum"
        )
        return (wrong + step.kl_sum(mean, log_variance)) / len(x)


def bare_side(examples: batches.Sequences) -> step.Side:
    rows = examples.passes(BATCH, torch.Generator().manual_seed(0))
    padded = [examples.batch(each).input for each in rows]

    def bare() -> float:
        network = Bare()
        optimizer = torch.optim.AdamW(network.parameters(), fused=True)
        started = time.perf_counter()
        for x in padded:
            loss = network.loss(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return (time.perf_counter() - started) / STEPS

    return bare


if __name__ == "__main__":
    report(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)

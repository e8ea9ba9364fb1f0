"""A training step of ours against bare PyTorch and pythae: same network, batch and process.

Each round times every side once, in turns, so that a change of the machine's speed meets all of
them; a ratio is the median over rounds of (their time / ours): above 1 we are faster.
"""

import contextlib
import importlib.util
import io
import itertools
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from latentops import build, objectives
from latentops.artifacts import Arrays, Spec, Vocabulary
from latentops.networks import bow, mlp
from latentops.training import loop
from latentops.training.settings import Settings

ROUNDS = 15
STEPS = 60
BATCH = 128
SETTINGS = Settings(epochs=1, batch_size=BATCH, device="cpu", threads=None)  # as torch is started

Side = Callable[[], float]  # trains for STEPS and gives the seconds of one step


@dataclass(frozen=True)
class Result:
    name: str
    ours_ms: float
    bare_ms: float
    bare_ratio: float
    pythae_ratio: float | None = None


def measure(rounds: int = ROUNDS) -> list[Result]:
    return [
        compare("mlp 784-400-20", *mlp_sides(), rounds=rounds),
        compare("bow, 2,000 words", *bow_sides(words=2_000), rounds=rounds),
        compare("bow, 30,000 words", *bow_sides(words=30_000), rounds=rounds),
    ]


def compare(
    name: str, ours: Side, bare: Side, pythae: Side | None = None, *, rounds: int
) -> Result:
    sides = [side for side in (ours, bare, pythae) if side]
    for side in sides:
        side()  # warm
    orders = itertools.cycle([sides, sides[::-1]])
    seconds = [{side: side() for side in next(orders)} for _ in range(rounds)]

    def ratio_to(side: Side) -> float:
        return statistics.median(each[side] / each[ours] for each in seconds)

    return Result(
        name=name,
        ours_ms=1e3 * statistics.median(each[ours] for each in seconds),
        bare_ms=1e3 * statistics.median(each[bare] for each in seconds),
        bare_ratio=ratio_to(bare),
        pythae_ratio=ratio_to(pythae) if pythae else None,
    )


def timed(step: Callable[[Tensor], None]) -> float:
    """One epoch of a hand-written loop, in seconds per step."""
    started = time.perf_counter()
    for rows in torch.randperm(STEPS * BATCH).split(BATCH):
        step(rows)
    return (time.perf_counter() - started) / STEPS


def fitted(spec: Spec, vocabulary: Vocabulary, model: build.Model, arrays: Arrays) -> Side:
    examples = build.examples(spec, vocabulary, arrays, model)
    valid = examples.subset(torch.arange(1))

    def ours() -> float:
        vae = build.model(spec, vocabulary, model, seed=0)
        fit = loop.fit(vae, examples, valid, objectives.Settings(), SETTINGS)
        return fit.seconds / STEPS

    return ours


# Images


def mlp_sides() -> tuple[Side, Side, Side | None]:
    pixels = np.random.default_rng(0).integers(0, 2, (STEPS * BATCH, 1, 28, 28), dtype=np.uint8)
    spec = Spec(source="noise", kind="image", shape=(1, 28, 28), levels=2)
    model = mlp.Settings(latent=20, hidden=(400,), decoder_hidden=(400,), activation="relu")
    ours = fitted(spec, Vocabulary(), model, {"x": pixels})
    x = torch.from_numpy(pixels).float()
    return ours, lambda: bare_mlp(x.flatten(1)), pythae_mlp(x)


def mlp_encoder() -> nn.Sequential:
    return nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 2 * 20))


def mlp_decoder() -> nn.Sequential:
    return nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))


def bare_mlp(x: Tensor) -> float:
    encoder, decoder = mlp_encoder(), mlp_decoder()
    optimizer = torch.optim.AdamW([*encoder.parameters(), *decoder.parameters()], fused=True)

    def step(rows: Tensor) -> None:
        batch = x[rows]
        mean, log_variance = encoder(batch).chunk(2, dim=-1)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        wrong = F.binary_cross_entropy_with_logits(decoder(z), batch, reduction="sum")
        loss = (wrong + kl_sum(mean, log_variance)) / len(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return timed(step)


def kl_sum(mean: Tensor, log_variance: Tensor) -> Tensor:
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()


def pythae_is_here() -> bool:
    return importlib.util.find_spec("pythae") is not None


def pythae_mlp(x: Tensor) -> Side | None:
    """pythae's own trainer with the same networks; None where pythae is not installed."""
    if not pythae_is_here():
        return None
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    logging.disable(logging.INFO)  # each of its modules prints what it does

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp_encoder()

        def forward(self, images: Tensor) -> ModelOutput:
            mean, log_variance = self.body(images.flatten(1)).chunk(2, dim=-1)
            return ModelOutput(embedding=mean, log_covariance=log_variance)

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp_decoder()

        def forward(self, z: Tensor) -> ModelOutput:
            pixels = self.body(z).sigmoid().unflatten(-1, (1, 28, 28))
            return ModelOutput(reconstruction=pixels)

    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=20, reconstruction_loss="bce")
    data = BaseDataset(x, torch.zeros(len(x)))

    def pythae() -> float:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
            training = BaseTrainerConfig(
                output_dir=folder, per_device_train_batch_size=BATCH, no_cuda=True
            )
            trainer = BaseTrainer(VAE(config, Encoder(), Decoder()), data, None, training)
            trainer.prepare_training()
            started = time.perf_counter()
            trainer.train_step(epoch=1)
            return (time.perf_counter() - started) / STEPS

    return pythae


# Word counts


def bow_sides(words: int) -> tuple[Side, Side]:
    arrays = zipf_documents(words)
    spec = Spec(source="noise", kind="counts", shape=(words,))
    columns = tuple(range(words))
    vocabulary = Vocabulary(terms=tuple(map(str, columns)), target=columns)
    model = bow.Settings(latent=32, hidden=(256,))
    return fitted(spec, vocabulary, model, arrays), bare_bow(arrays, words)


def zipf_documents(words: int, tokens: int = 100) -> Arrays:
    """Documents of `tokens` words whose shares fall as 1 / rank."""
    generator = np.random.default_rng(0)
    shares = 1 / np.arange(1, words + 1)
    drawn = generator.choice(words, (STEPS * BATCH, tokens), p=shares / shares.sum())
    found = [np.unique(document, return_counts=True) for document in drawn]
    lengths = [len(columns) for columns, _ in found]
    return {
        "indptr": np.cumsum([0, *lengths], dtype=np.int64),
        "indices": np.concatenate([columns for columns, _ in found]).astype(np.int32),
        "counts": np.concatenate([counts for _, counts in found]).astype(np.int32),
    }


def bare_bow(arrays: Arrays, words: int) -> Side:
    starts, columns, counts = (
        torch.from_numpy(arrays[name]) for name in ("indptr", "indices", "counts")
    )
    counts = counts.float()
    lengths = starts.diff()
    rows_of = torch.repeat_interleave(lengths)
    weights = counts.log1p()
    norms = torch.zeros(len(lengths)).index_add(0, rows_of, weights.square()).sqrt()
    weights = 5 * weights / norms[rows_of]
    tokens = torch.zeros(len(lengths)).index_add(0, rows_of, counts)

    def bare() -> float:
        bag = nn.EmbeddingBag(words, 256, mode="sum", include_last_offset=True)
        bias = nn.Parameter(torch.zeros(256))
        heads, decoder = nn.Linear(256, 2 * 32), nn.Linear(32, words)
        parameters = [bias, *(p for part in (bag, heads, decoder) for p in part.parameters())]
        optimizer = torch.optim.AdamW(parameters, fused=True)

        def step(rows: Tensor) -> None:
            many = lengths[rows]
            ends = many.cumsum(0)
            of_row = torch.repeat_interleave(many)
            places = torch.arange(len(of_row)) + (starts[rows] - ends + many)[of_row]
            terms, offsets = columns[places].long(), torch.cat([ends.new_zeros(1), ends])
            hidden = F.silu(bag(terms, offsets, per_sample_weights=weights[places]) + bias)
            mean, log_variance = heads(hidden).chunk(2, dim=-1)
            z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            logits = decoder(z)
            scores = (counts[places] * logits[of_row, terms]).sum()
            log_likelihood = scores - (tokens[rows] * logits.logsumexp(-1)).sum()
            loss = (kl_sum(mean, log_variance) - log_likelihood) / len(rows)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        return timed(step)

    return bare

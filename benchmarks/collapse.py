"""Rate against beta for a small LSTM that writes sentences, with and without cures of collapse.

`python -m benchmarks.collapse SOURCE PICTURE`, a source as in section data: part of its training
sentences, their 2,000 commonest words, one seed. What is measured is of validation.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from matplotlib.figure import Figure

from latentops import build, objectives, portion
from latentops.data import batches, prepared
from latentops.data.prepared import Prepared
from latentops.data.settings import Settings as DataSettings
from latentops.evaluation import latent_use
from latentops.metrics import latent
from latentops.networks import seq
from latentops.report import canvas
from latentops.training import loop
from latentops.training.settings import Settings

BETAS = (0.2, 0.4, 0.6, 0.8, 1.0)
SENTENCES = 10_000
EPOCHS, PRETRAIN_EPOCHS = 6, 2
MODEL = seq.Settings(
    network="lstm", latent=32, embedding=128, hidden=(128,), decoder_hidden=(128,), dropout=0.2
)
CURES = {
    "none": (objectives.Settings(), 0),
    "pretraining, free nats, warm-up": (
        objectives.Settings(warmup=0.5, free_nats=0.1),
        PRETRAIN_EPOCHS,
    ),
}


class Point(NamedTuple):
    cure: str
    beta: float
    rate_nats: float
    distortion_nats: float
    gain_nats: float  # what an example's own code saves over another's
    active_units: int
    seconds: float


def main() -> None:
    source, picture = sys.argv[1], Path(sys.argv[2])
    data = prepared.prepare(
        DataSettings(source=source, label_column=None, tokens="spaces", tokens_size=2000)
    )
    points = []
    print("cure                              beta   rate  distortion   gain  active   seconds")
    for point in measure(data):
        points.append(point)
        print(
            f"{point.cure:32} {point.beta:5.1f} {point.rate_nats:6.2f} "
            f"{point.distortion_nats:11.2f} {point.gain_nats:6.2f} {point.active_units:7} "
            f"{point.seconds:9.1f}",
            flush=True,
        )
    canvas.save(drawn(points), picture)


def measure(data: Prepared) -> Iterator[Point]:
    train, valid = (batches.sequenced(data.arrays[split]) for split in ("train", "valid"))
    rows = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[:SENTENCES]
    train = train.subset(rows.sort().values)
    for cure, (objective, pretrain_epochs) in CURES.items():
        for beta in BETAS:
            weighed = objective.model_copy(update={"beta": beta})
            yield point(data, train, valid, cure, weighed, pretrain_epochs)


def point(
    data: Prepared,
    train: batches.Sequences,
    valid: batches.Sequences,
    cure: str,
    objective: objectives.Settings,
    pretrain_epochs: int,
) -> Point:
    settings = Settings(
        epochs=EPOCHS,
        pretrain_epochs=pretrain_epochs,
        batch_size=64,
        learning_rate=3e-3,
        schedule="cosine",
        patience=0,
        clip_norm=50,
    )
    vae = build.model(data.spec, data.vocabulary, MODEL, 0, build.unigram(train))
    started = time.perf_counter()
    fit = loop.fit(vae, train, valid, objective, settings)
    seconds = time.perf_counter() - started
    vae.eval()
    row = fit.history[fit.best_epoch - 1]
    shuffled_nats = latent_use.shuffled_distortion(vae, valid, seed=0)
    return Point(
        cure=cure,
        beta=objective.beta,
        rate_nats=row["valid_rate_nats"],
        distortion_nats=row["valid_distortion_nats"],
        gain_nats=shuffled_nats - row["valid_distortion_nats"],
        active_units=int(latent.active_units(portion.encode(vae, valid).mean)),
        seconds=seconds,
    )


@canvas.styled
def drawn(points: Sequence[Point]) -> Figure:
    figure = canvas.blank(3.2)
    axes = figure.subplots()
    for cure in CURES:
        some = [each for each in points if each.cure == cure]
        axes.plot(
            [each.beta for each in some], [each.rate_nats for each in some], marker="o", label=cure
        )
    axes.set(xlabel="β", ylabel="rate, nats", ylim=(0, None))
    axes.legend(title="against collapse")
    return figure


if __name__ == "__main__":
    main()

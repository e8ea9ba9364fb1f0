"""What tests/test_distributed.py starts several processes of: each writes what it saw to a file.

python -m torch.distributed.run --nproc-per-node=2 tests/ranks_at_work.py FOLDER
"""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from test_training import NORMS, Vectors, documents, images, linear_gaussian, real, vectors

from latentops import build, objectives
from latentops.artifacts import Spec, Vocabulary
from latentops.data.batches import Examples
from latentops.elbo import Posterior
from latentops.errors import LatentOpsError
from latentops.model import VAE
from latentops.networks import bow, mlp
from latentops.training import distributed, loop
from latentops.training.checkpoint import Checkpoint, State
from latentops.training.distributed import ALONE, Ranks
from latentops.training.settings import Settings

OBJECTIVES = {
    "elbo": objectives.Settings(),
    "capacity": objectives.Settings(capacity_nats=0.6),
    "free-nats": objectives.Settings(free_nats=0.14),
    "parts": objectives.Settings(mutual_information=0.5, total_correlation=3.0),
    "held": objectives.Settings(rate_nats=0.4),
    "samples": objectives.Settings(samples=2),
    "length": objectives.Settings(length_power=0.5),
}
# 22 rows in batches of 7 leave a last one of 1 row, of which the first of two ranks gets none.
CASES = [
    (kind, goal)
    for kind in ("mlp-norm", "bow-norm", "bow")
    for goal in OBJECTIVES
    if (kind, goal) != ("mlp-norm", "length")  # images have none
]
ROWS, BATCH = 22, 7

Seen = dict[str, Any]


def plain(kind: str) -> tuple[VAE, Examples]:
    """A model and data without a random choice but the posterior's sample."""
    norms = NORMS if kind.endswith("-norm") else {}
    if kind.startswith("mlp"):
        spec = Spec(source="t", kind="image", shape=(1, 4, 4), levels=17)
        pictures = mlp.Settings(latent=3, hidden=(8,), decoder_hidden=(8,), **norms)
        vae = build.model(spec, Vocabulary(), pictures, seed=0)
        return vae, build.examples(spec, Vocabulary(), images(ROWS), pictures)
    spec = Spec(source="t", kind="counts", shape=(30,))
    vocabulary = Vocabulary(
        terms=tuple(f"w{column}" for column in range(30)), target=tuple(range(20))
    )
    words = bow.Settings(latent=3, hidden=(8,), **norms)
    vae = build.model(spec, vocabulary, words, seed=0)
    return vae, build.examples(spec, vocabulary, documents(ROWS), words)


def _mean(
    self: Posterior, generator: torch.Generator | None = None, samples: int | None = None
) -> torch.Tensor:
    return self.mean if samples is None else self.mean.expand(samples, *self.mean.shape)


@contextmanager
def without_noise() -> Iterator[None]:
    """A sample is the mean: then nothing distinguishes ranks from one process but rounding."""
    drawn = Posterior.sample
    Posterior.sample = _mean  # type: ignore[method-assign]
    try:
        yield
    finally:
        Posterior.sample = drawn  # type: ignore[method-assign]


def trained(kind: str, goal: str, ranks: Ranks = ALONE, valid_rows: int = ROWS) -> Seen:
    """History and weights after a training in which nothing is drawn but the order of rows."""
    vae, examples = plain(kind)
    valid = examples.subset(torch.arange(valid_rows))
    settings = Settings(
        epochs=3,
        batch_size=BATCH,
        optimizer="sgd",
        learning_rate=0.02,
        clip_norm=1.0,
        device="cpu",
    )
    with without_noise():
        fit = loop.fit(vae, examples, valid, OBJECTIVES[goal], settings, ranks=ranks)
    return {"history": fit.history, "best": fit.best_epoch, "weights": vae.state_dict()}


def gradients(kind: str, goal: str, ranks: Ranks = ALONE, rows: int = BATCH) -> Seen:
    """Of the first batch: what plain gradient descent at rate 1 takes off the weights."""
    vae, examples = plain(kind)
    before = {name: weight.detach().clone() for name, weight in vae.named_parameters()}
    few = examples.subset(torch.arange(rows))
    settings = Settings(epochs=1, batch_size=rows, optimizer="sgd", learning_rate=1.0, device="cpu")
    with without_noise():
        loop.fit(vae, few, few, OBJECTIVES[goal], settings, ranks=ranks)
    return {name: before[name] - weight.detach() for name, weight in vae.named_parameters()}


class Portions(Vectors):
    """Vectors of which each rank may score a part."""

    def subset(self, rows: torch.Tensor) -> "Portions":
        return Portions(self.x[rows])


def noise_drawn(ranks: Ranks) -> list[torch.Tensor]:
    """What was added to the means, batch by batch: of training, then of validation."""
    seen: list[torch.Tensor] = []
    drawn = Posterior.sample

    def sample(self: Posterior, *arguments: Any) -> torch.Tensor:
        z = drawn(self, *arguments)
        seen.append(((z - self.mean) / self.standard_deviation).detach())
        return z

    Posterior.sample = sample  # type: ignore[method-assign]
    try:
        data = Portions(vectors(8).x)
        settings = Settings(epochs=2, batch_size=8, device="cpu")
        loop.fit(linear_gaussian(), data, data, objectives.Settings(), settings, ranks=ranks)
    finally:
        Posterior.sample = drawn  # type: ignore[method-assign]
    return seen


def spoilt(ranks: Ranks) -> Seen:
    """One row of the data is not a number, so that only one rank reads it."""
    data = Portions(vectors(16).x)
    data.x[3] = torch.nan
    vae, settings = linear_gaussian(), Settings(epochs=2, batch_size=8, device="cpu")
    fit = partial(loop.fit, vae, data, data, objectives.Settings(), settings, ranks=ranks)
    said = said_by(fit)
    read = any(3 in rows for rows in data.asked)
    return {"said": said, "read": read, "weights": vae.state_dict()}


def said_by(action: Callable[[], object]) -> str:
    try:
        action()
    except LatentOpsError as error:
        return f"{type(error).__name__}: {error}"
    return ""


class Killed(Checkpoint):
    """Of a training that is killed in its third epoch: nothing is kept after the second."""

    def save(self, state: State) -> None:
        if len(state["history"]) <= 2:
            super().save(state)


def gone_on(ranks: Ranks, folder: Path, kind: str) -> Seen:
    """The weights of a whole training, and those of one that went on after two epochs."""
    settings = Settings(epochs=4, batch_size=16, device="cpu", schedule="cosine")
    own = folder / f"checkpoint of {ranks.rank}"  # only that of rank 0 is read and written
    weights, logged = [], []
    for kind_of_checkpoint in (Killed, Checkpoint):
        vae, examples = real(kind)
        loop.fit(
            vae,
            examples,
            examples.subset(torch.arange(20)),
            objectives.Settings(),
            settings,
            log=lambda _, row: logged.append(row["epoch"]),
            checkpoint=kind_of_checkpoint(own, "this"),
            ranks=ranks,
        )
        weights.append(vae.state_dict())
    return {"weights": weights, "logged": logged, "wrote": own.exists()}


def all_of(ranks: Ranks, folder: Path) -> Seen:
    return {
        "trained": {case: trained(*case, ranks) for case in CASES},
        "one valid row": trained("bow", "elbo", ranks, valid_rows=1),
        "gradients": {case: gradients(*case, ranks) for case in CASES},
        "gradients of one row": gradients("mlp", "elbo", ranks, rows=1),
        "noise": noise_drawn(ranks),
        "spoilt": spoilt(ranks),
        "gone on": {kind: gone_on(ranks, folder / kind, kind) for kind in ("bow-norm", "mlp")},
        "same": said_by(lambda: ranks.require_same("as all")),
        "other": said_by(lambda: ranks.require_same(f"rank {ranks.rank}")),
        "threads": [ranks.threads(None), ranks.threads(1), ranks.threads(10_000)],
    }


def main() -> None:
    warnings.simplefilter("error")
    distributed._LARGE = 100  # so that some of these models' gradients are
    folder = Path(sys.argv[1])
    with distributed.ranks(torch.device("cpu")) as ranks:
        seen = all_of(ranks, folder)
        torch.save(seen, folder / f"rank{ranks.rank}.pt")


if __name__ == "__main__":
    main()

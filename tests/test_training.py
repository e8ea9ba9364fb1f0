"""The training loop, against closed forms, plain PyTorch loops and scripted validation scores."""

import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Self

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from latentops import build, elbo, objectives
from latentops.artifacts import Arrays, Spec, Vocabulary, tensors_sha256
from latentops.data.batches import Batch, Examples, shuffled
from latentops.elbo import Posterior
from latentops.errors import NumericalError, SettingsError
from latentops.metrics.kl_decomposition import decompose
from latentops.model import VAE
from latentops.networks import bow, mlp
from latentops.training import loop, schedule
from latentops.training.settings import Settings

NEUTRAL = objectives.Settings()
VARIANCE = 0.25  # of the observation noise


# A linear-Gaussian VAE: its evidence is known.


@dataclass(frozen=True)
class Gaussian:
    mean: Tensor

    def log_prob(self, x: Tensor) -> Tensor:
        normal = torch.distributions.Normal(self.mean, math.sqrt(VARIANCE), validate_args=False)
        return normal.log_prob(x).sum(-1)


class GaussianEncoder(nn.Module):
    def __init__(self, width: int, latent: int) -> None:
        super().__init__()
        self.mean = nn.Linear(width, latent)
        self.log_variance = nn.Parameter(torch.zeros(latent))

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Posterior:
        mean = self.mean(x)
        return Posterior(mean, self.log_variance.expand_as(mean))


class GaussianDecoder(nn.Module):
    def __init__(self, latent: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(latent, width)

    def forward(self, z: Tensor, generator: torch.Generator | None = None) -> Gaussian:
        return Gaussian(self.linear(z))


def linear_gaussian(width: int = 4, latent: int = 2) -> VAE:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return VAE(GaussianEncoder(width, latent), GaussianDecoder(latent, width), latent)


@dataclass
class Vectors:
    """Rows of a matrix; remembers which were asked for."""

    x: Tensor
    asked: list[list[int]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.x)

    def batch(self, rows: Tensor, generator: torch.Generator | None = None) -> Batch:
        self.asked.append(rows.tolist())
        return Batch(self.x[rows], self.x[rows])

    def passes(self, batch_size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        return shuffled(len(self), batch_size, generator)

    def to(self, device: torch.device | str) -> Self:
        return self

    def subset(self, rows: Tensor) -> Self:
        raise NotImplementedError

    def frozen(self, seed: int) -> Self:
        return self


@dataclass
class Scripted(Vectors):
    """One example, whose distance from the model grows as the script says."""

    distances: Iterator[float] = field(default_factory=lambda: iter(()))

    def batch(self, rows: Tensor, generator: torch.Generator | None = None) -> Batch:
        return Batch(self.x[rows], self.x[rows] + next(self.distances))


def vectors(n: int = 64, width: int = 4) -> Vectors:
    generator = torch.Generator().manual_seed(5)
    mix = torch.randn(2, width, generator=generator)
    z = torch.randn(n, 2, generator=generator)
    noise = math.sqrt(VARIANCE) * torch.randn(n, width, generator=generator)
    return Vectors(z @ mix + noise + 1.0)


def scripted(*distances: float) -> Scripted:
    return Scripted(torch.zeros(1, 4), distances=iter(distances))


def copied(vae: VAE) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in vae.state_dict().items()}


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=0)


def best_log_evidence(x: Tensor, latent: int) -> float:
    """Mean log p(x) of probabilistic PCA with known noise at its maximum (Tipping, Bishop 1999)."""
    centred = (x - x.mean(0)).double()
    eigenvalues = torch.linalg.eigvalsh(centred.T @ centred / len(x)).flip(0)
    model = torch.full_like(eigenvalues, VARIANCE)
    model[:latent] = eigenvalues[:latent].clamp(min=VARIANCE)
    return float(-0.5 * (math.log(2 * math.pi) + model.log() + eigenvalues / model).sum())


def test_a_linear_gaussian_vae_reaches_the_evidence_of_probabilistic_pca() -> None:
    data = vectors(200)
    settings = Settings(
        epochs=120, batch_size=50, learning_rate=0.03, schedule="cosine", patience=0
    )
    vae = linear_gaussian(latent=1)  # of one dimension: no rotation of the code to be found
    loop.fit(vae, data, data, NEUTRAL, settings)
    with torch.no_grad():
        many = data.x.repeat(200, 1)
        output = vae(many, torch.Generator().manual_seed(0))
        reached = elbo.terms(output.rate_BZ, output.likelihood, many).elbo_B.mean().item()
    assert reached == pytest.approx(best_log_evidence(data.x, 1), abs=0.02)


def plain_loop(
    vae: VAE,
    x: Tensor,
    batches: list[list[int]],
    noise: torch.Generator,
    optimizer: torch.optim.Optimizer,
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
) -> None:
    """What a person would write by hand, with the loss as a formula."""
    for rows in batches:
        posterior = vae.encoder(x[rows])
        draw = torch.randn(posterior.mean.shape, generator=noise)
        z = posterior.mean + (posterior.log_variance / 2).exp() * draw
        log_likelihood = vae.decoder(z).log_prob(x[rows])
        kl = torch.distributions.kl_divergence(
            torch.distributions.Normal(posterior.mean, posterior.standard_deviation),
            torch.distributions.Normal(0.0, 1.0),
        ).sum(-1)
        optimizer.zero_grad()
        (kl - log_likelihood).mean().backward()
        optimizer.step()
        if scheduler:
            scheduler.step()


def noise_of(seed: int) -> torch.Generator:
    order = torch.Generator().manual_seed(seed)
    return torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=order)))


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_the_weights_are_those_of_a_plain_loop(optimizer: str, schedule: str) -> None:
    data, ours, plain = vectors(64), linear_gaussian(), linear_gaussian()
    settings = Settings.model_validate(
        {"epochs": 5, "batch_size": 16, "learning_rate": 0.01, "weight_decay": 0.1, "seed": 3}
        | {"optimizer": optimizer, "schedule": schedule}
    )
    last: dict[str, Tensor] = {}
    loop.fit(ours, data, vectors(8), NEUTRAL, settings, lambda *_: last.update(copied(ours)))

    steps = len(data.asked)
    chosen = (
        torch.optim.AdamW(plain.parameters(), lr=0.01, weight_decay=0.1)
        if optimizer == "adam"
        else torch.optim.SGD(plain.parameters(), lr=0.01, weight_decay=0.1, momentum=0.9)
    )
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(chosen, steps - 1, eta_min=0.0005)
    scheduler = falling if schedule == "cosine" else None
    plain_loop(plain, data.x, data.asked, noise_of(3), chosen, scheduler)
    torch.testing.assert_close(last, copied(plain), rtol=1e-4, atol=1e-6)


def test_the_cosine_schedule_starts_at_the_rate_and_ends_at_five_percent() -> None:
    settings = Settings(learning_rate=0.2, schedule="cosine")
    rates = [schedule.learning_rate_at(step, 11, settings) for step in range(11)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[5] == pytest.approx(0.5 * (0.2 + 0.01))
    assert rates[-1] == pytest.approx(0.01)
    assert rates == sorted(rates, reverse=True)
    assert schedule.learning_rate_at(0, 1, settings) == pytest.approx(0.2)


def test_the_rate_rises_in_equal_steps_then_follows_the_schedule() -> None:
    settings = Settings(learning_rate=0.2, schedule="cosine", rate_warmup=0.3)
    rates = [schedule.learning_rate_at(step, 20, settings) for step in range(20)]
    assert rates[:6] == pytest.approx([0.2 * step / 6 for step in range(1, 7)])
    plain = Settings(learning_rate=0.2, schedule="cosine")
    assert rates[6:] == [schedule.learning_rate_at(step, 14, plain) for step in range(14)]


def test_a_pretraining_has_a_schedule_of_its_own() -> None:
    """10 examples in batches of 4: 3 updates in an epoch."""
    settings = Settings(epochs=5, batch_size=4, pretrain_epochs=2)
    found = [schedule.moment(step, 10, settings) for step in (0, 5, 6, 14)]
    assert found == [(True, 0, 6), (True, 5, 6), (False, 0, 9), (False, 8, 9)]


def test_each_epoch_meets_every_example_once_in_a_new_order() -> None:
    data = vectors(10)
    loop.fit(linear_gaussian(), data, vectors(4), NEUTRAL, Settings(epochs=3, batch_size=4))
    assert [len(rows) for rows in data.asked] == [4, 4, 2] * 3
    epochs = [list(chain(*data.asked[start : start + 3])) for start in (0, 3, 6)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_the_gradient_is_clipped_to_its_norm() -> None:
    data, vae = vectors(16), linear_gaussian()
    before = copied(vae)
    settings = Settings(epochs=1, batch_size=16, optimizer="sgd", learning_rate=0.5, clip_norm=0.1)
    loop.fit(vae, data, data, NEUTRAL, settings)
    moved = torch.cat([(vae.state_dict()[name] - before[name]).flatten() for name in before])
    assert moved.norm().item() == pytest.approx(0.5 * 0.1, rel=1e-4)


def test_the_log_gets_every_column_once_per_epoch() -> None:
    logged: list[tuple[int, dict[str, float]]] = []
    objective = objectives.Settings(beta=4.0, warmup=1.0)
    fit = loop.fit(
        linear_gaussian(),
        vectors(10),
        vectors(4),
        objective,
        Settings(epochs=3, batch_size=4),
        lambda step, row: logged.append((step, dict(row))),
    )
    assert [tuple(row) for _, row in logged] == [loop.COLUMNS] * 3
    assert [step for step, _ in logged] == [row["step"] for _, row in logged] == [3, 6, 9]
    assert [row["epoch"] for _, row in logged] == [1, 2, 3]
    assert [row["beta"] for _, row in logged] == pytest.approx([4 * 2 / 9, 4 * 5 / 9, 4 * 8 / 9])
    assert fit.history == [row for _, row in logged]
    for row in fit.history:
        for split in ("train", "valid"):
            terms = row[f"{split}_rate_nats"] + row[f"{split}_distortion_nats"]
            assert row[f"{split}_elbo_nats"] == pytest.approx(-terms)


def test_the_logged_terms_are_means_over_all_examples() -> None:
    """With a rate too small to move, the terms are those of the first weights."""
    data, valid, vae = vectors(10), vectors(7), linear_gaussian()
    settings = Settings(epochs=1, batch_size=4, learning_rate=1e-12)
    fit = loop.fit(vae, data, valid, objectives.Settings(beta=5.0), settings)
    for split, examples in (("train", data), ("valid", valid)):
        with torch.no_grad():
            rate = vae.encode(examples.x).kl().sum(-1).mean().item()
        assert fit.history[0][f"{split}_rate_nats"] == pytest.approx(rate, rel=1e-4)
    with torch.no_grad():
        noise = torch.Generator().manual_seed(0)
        outputs = [vae(x, noise).likelihood.log_prob(x) for x in valid.x.split(4)]
    distortion = -torch.cat(outputs).mean().item()
    assert fit.history[0]["valid_distortion_nats"] == pytest.approx(distortion, rel=1e-4)


def test_the_validation_noise_is_the_same_after_every_epoch() -> None:
    settings = Settings(epochs=3, batch_size=16, learning_rate=1e-12)
    fit = loop.fit(linear_gaussian(), vectors(), vectors(8), NEUTRAL, settings)
    assert len({round(row["valid_elbo_nats"], 4) for row in fit.history}) == 1


def scripted_fit(
    distances: list[float], objective: objectives.Settings = NEUTRAL, patience: int = 2
) -> tuple[loop.Fit, int]:
    """The fit, and the epoch whose weights came back; the validation ELBO falls with distance."""
    vae, after = linear_gaussian(), dict[int, dict[str, Tensor]]()
    settings = Settings(epochs=len(distances), batch_size=16, patience=patience)
    fit = loop.fit(
        vae,
        vectors(16),
        scripted(*distances),
        objective,
        settings,
        lambda step, _: after.update({step: copied(vae)}),
    )
    returned = [
        step
        for step, weights in after.items()
        if all(torch.equal(weights[name], value) for name, value in vae.state_dict().items())
    ]
    assert len(returned) == 1
    return fit, returned[0]


def test_training_stops_when_patience_is_over_and_the_best_weights_come_back() -> None:
    fit, returned = scripted_fit([50, 20, 30, 40, 10])
    assert (fit.epochs, fit.best_epoch, returned) == (4, 2, 2)
    assert fit.valid_elbo_nats == fit.history[1]["valid_elbo_nats"]


def test_without_patience_every_epoch_runs_and_the_best_still_wins() -> None:
    fit, returned = scripted_fit([50, 20, 30, 40, 45, 60], patience=0)
    assert (fit.epochs, fit.best_epoch, returned) == (6, 2, 2)


def test_epochs_before_the_objective_settles_do_not_count() -> None:
    warming = objectives.Settings(warmup=0.5)
    fit, returned = scripted_fit([1, 10, 40, 30, 50, 60, 70, 80], warming, patience=2)
    assert (fit.epochs, fit.best_epoch, returned) == (6, 4, 4)


def test_with_a_warm_up_to_the_end_the_last_epoch_is_the_best() -> None:
    fit, returned = scripted_fit([1, 10, 20, 30], objectives.Settings(warmup=1.0), patience=1)
    assert (fit.epochs, fit.best_epoch, returned) == (4, 4, 4)


class Trap(Vectors):
    """Gives `poison` in its nth batch, and remembers the weights of that moment."""

    def __init__(self, vae: VAE, nth: int, poison: float) -> None:
        super().__init__(vectors(640).x)
        self.vae, self.nth, self.poison = vae, nth, poison

    def batch(self, rows: Tensor, generator: torch.Generator | None = None) -> Batch:
        batch = super().batch(rows, generator)
        if len(self.asked) == self.nth:
            self.weights = copied(self.vae)
            batch.target[0, 0] = self.poison
        return batch


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("clip_norm", [None, 1.0])
@pytest.mark.parametrize(("nth", "poison"), [(1, math.nan), (7, math.inf), (160, math.nan)])
def test_a_loss_that_is_not_finite_changes_no_weight(
    optimizer: str, clip_norm: float | None, nth: int, poison: float
) -> None:
    vae = linear_gaussian()
    trap = Trap(vae, nth, poison)
    settings = Settings.model_validate(
        {"epochs": 2, "batch_size": 4, "optimizer": optimizer, "clip_norm": clip_norm}
    )
    with pytest.raises(NumericalError, match=rf"at step {nth} \(beta 3\).*learning_rate below"):
        loop.fit(vae, trap, vectors(4), objectives.Settings(beta=3.0), settings)
    assert_equal(trap.weights, copied(vae))


def test_a_loss_that_is_not_finite_is_seen_before_the_epoch_is_over() -> None:
    vae = linear_gaussian()
    trap = Trap(vae, 1, math.nan)
    with pytest.raises(NumericalError):
        loop.fit(vae, trap, vectors(4), NEUTRAL, Settings(epochs=1, batch_size=1))
    assert len(trap.asked) == 100


def test_a_validation_score_that_is_not_finite_stops() -> None:
    with pytest.raises(NumericalError, match="validation ELBO is nan after epoch 2"):
        scripted_fit([1, math.nan, 3])


def test_a_batch_larger_than_the_data_is_refused() -> None:
    with pytest.raises(SettingsError, match="batch_size is 65, more than the 64 training examples"):
        loop.fit(linear_gaussian(), vectors(64), vectors(4), NEUTRAL, Settings(batch_size=65))


def test_an_empty_validation_split_is_refused() -> None:
    with pytest.raises(SettingsError, match="validation split is empty"):
        loop.fit(linear_gaussian(), vectors(), vectors(0), NEUTRAL, Settings(batch_size=4))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_is_refused_where_there_is_none() -> None:
    assert loop.choose_device("auto") == torch.device("cpu")
    settings = Settings(device="cuda", batch_size=16)
    with pytest.raises(SettingsError, match="finds no CUDA device"):
        loop.fit(linear_gaussian(), vectors(), vectors(4), NEUTRAL, settings)


# The parts of the rate

LESS_CORRELATED = objectives.Settings(total_correlation=4.0)


def test_the_parts_are_estimated_from_each_batch_for_all_examples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[Tensor] = []  # what was added to the means, in standard deviations
    examples: set[int] = set()
    estimated = objectives.estimated_parts

    def watched(codes: objectives.Codes) -> objectives.Parts:
        scaled_BZ = (codes.z_BZ - codes.posterior.mean) / codes.posterior.standard_deviation
        drawn.append(scaled_BZ.detach())
        examples.add(codes.examples)
        return estimated(codes)

    monkeypatch.setattr(objectives, "estimated_parts", watched)
    data, settings = vectors(10), Settings(epochs=1, batch_size=4)
    loop.fit(linear_gaussian(), data, vectors(4), NEUTRAL, settings)
    assert not drawn
    loop.fit(linear_gaussian(), data, vectors(4), LESS_CORRELATED, settings)
    noise = noise_of(0)
    expected = [torch.randn(rows, 2, generator=noise) for rows in (4, 4, 2)]
    torch.testing.assert_close(drawn, expected, rtol=1e-4, atol=1e-5)
    assert examples == {10}


def test_a_weight_on_the_total_correlation_lowers_it_and_nothing_reported_changes() -> None:
    """Codes of more dimensions than the data has: the plain model spreads them without order."""
    data = vectors(200)
    settings = Settings(epochs=60, batch_size=50, learning_rate=0.03, patience=0)
    found = {}
    for weight in (1.0, 20.0):
        vae = linear_gaussian(latent=4)
        weighed = objectives.Settings(total_correlation=weight)
        fit = loop.fit(vae, data, data, weighed, settings)
        with torch.no_grad():
            posterior = vae.encode(data.x)
        found[weight] = decompose(posterior, torch.Generator().manual_seed(0))
        last = fit.history[fit.best_epoch - 1]
        assert last["valid_rate_nats"] == pytest.approx(posterior.kl().sum(1).mean().item(), 1e-4)
        assert last["beta"] == 1.0
    assert found[20.0].total_correlation_nats < 0.7 * found[1.0].total_correlation_nats


def test_a_last_batch_of_one_example_tells_nothing_of_the_others() -> None:
    data, vae = vectors(33), linear_gaussian()
    loop.fit(vae, data, data, LESS_CORRELATED, Settings(epochs=2, batch_size=16))
    assert all(value.isfinite().all() for value in vae.state_dict().values())


def test_batches_of_one_example_are_refused_where_parts_are_weighed() -> None:
    settings = Settings(epochs=1, batch_size=1)
    with pytest.raises(SettingsError, match=r"train\.batch_size is 1\. Raise it"):
        loop.fit(linear_gaussian(), vectors(8), vectors(4), LESS_CORRELATED, settings)
    equal = objectives.Settings(mutual_information=2.0, total_correlation=2.0, dimension_wise=2.0)
    loop.fit(linear_gaussian(), vectors(8), vectors(4), equal, settings)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", ["mlp", "bow-norm"])
def test_every_model_learns_with_weighed_parts(kind: str, precision: str) -> None:
    vae, examples = real(kind)
    settings = Settings.model_validate(
        {"epochs": 5, "batch_size": 16, "device": "cpu", "precision": precision}
    )
    weighed = objectives.Settings(mutual_information=0.5, total_correlation=3.0, warmup=0.4)
    fit = loop.fit(vae, examples, examples, weighed, settings)
    assert fit.history[-1]["valid_distortion_nats"] < fit.history[0]["valid_distortion_nats"]


class StopHereError(Exception):
    pass


def test_a_log_that_raises_leaves_everything_as_it_was() -> None:
    def stop(step: int, row: dict[str, float]) -> None:
        assert torch.get_float32_matmul_precision() == "medium"
        assert torch.get_num_threads() == 1
        raise StopHereError

    vae = linear_gaussian().eval()
    torch.set_num_threads(2)
    before = torch.get_float32_matmul_precision()
    settings = Settings(epochs=2, batch_size=16, threads=1, matmul_precision="medium")
    with pytest.raises(StopHereError):
        loop.fit(vae, vectors(), vectors(4), NEUTRAL, settings, stop, progress=True)
    assert torch.get_float32_matmul_precision() == before
    assert torch.get_num_threads() == 2
    assert not vae.training
    fit = loop.fit(vae, vectors(), vectors(4), NEUTRAL, settings)
    assert fit.epochs == 2
    assert not vae.training


# Real models on tiny data.


def images(n: int = 60) -> Arrays:
    pixels = np.random.default_rng(0).integers(0, 17, (n, 1, 4, 4), dtype=np.uint8)
    return {"x": pixels}


def documents(n: int = 60, terms: int = 30) -> Arrays:
    counts = np.random.default_rng(0).poisson(0.3, (n, terms)).astype(np.int32)
    counts[:, 0] += 1  # no empty document
    rows, columns = counts.nonzero()
    return {
        "indptr": np.searchsorted(rows, np.arange(n + 1)).astype(np.int64),
        "indices": columns.astype(np.int32),
        "counts": counts[rows, columns],
    }


NORMS = {"mean_scale": 0.8}


def real(kind: str, n: int = 60) -> tuple[VAE, Examples]:
    """`kind` is mlp or bow, or with -norm BatchNorm on the means."""
    norms = NORMS if kind.endswith("-norm") else {}
    if kind.startswith("mlp"):
        spec = Spec(source="t", kind="image", shape=(1, 4, 4), levels=17, binarization="dynamic")
        images_model = mlp.Settings(latent=3, hidden=(8,), decoder_hidden=(8,), **norms)
        vae = build.model(spec, Vocabulary(), images_model, seed=0)
        return vae, build.examples(spec, Vocabulary(), images(n), images_model)
    spec = Spec(source="t", kind="counts", shape=(30,))
    vocabulary = Vocabulary(
        terms=tuple(f"w{i}" for i in range(30)),
        target=tuple(range(20)),
        document_frequency=(5,) * 30,
        documents=60,
    )
    words_model = bow.Settings(latent=3, hidden=(8,), word_dropout=0.3, **norms)
    vae = build.model(spec, vocabulary, words_model, seed=0)
    return vae, build.examples(spec, vocabulary, documents(n), words_model)


def trained(kind: str, seed: int = 0) -> str:
    """The digest of the weights after a short training."""
    vae, examples = real(kind)
    settings = Settings(epochs=2, batch_size=16, seed=seed, device="cpu")
    loop.fit(vae, examples, examples, NEUTRAL, settings)
    return tensors_sha256(build.weights(vae))


def test_the_same_seed_gives_the_same_weights_in_another_process() -> None:
    here = [trained("mlp"), trained("bow")]
    assert [trained("mlp"), trained("bow")] == here
    program = (
        f"import torch; torch.set_num_threads({torch.get_num_threads()});"
        "import sys; sys.path.insert(0, 'tests'); import test_training as t;"
        "print(t.trained('mlp'), t.trained('bow'))"
    )
    there = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert there.stdout.split() == here
    assert trained("mlp", seed=1) != here[0]


@pytest.mark.parametrize("kind", ["mlp", "bow"])
def test_the_global_generator_is_neither_used_nor_moved(kind: str) -> None:
    before = torch.get_rng_state()
    first = trained(kind)
    assert torch.equal(torch.get_rng_state(), before)
    with torch.random.fork_rng():
        torch.manual_seed(99)
        assert trained(kind) == first


@pytest.mark.parametrize("kind", ["mlp-norm", "bow-norm"])
def test_a_last_batch_of_one_example_is_learned_from_with_running_statistics(kind: str) -> None:
    vae, examples = real(kind, n=33)
    loop.fit(vae, examples, examples, NEUTRAL, Settings(epochs=2, batch_size=16, device="cpu"))
    norms = [part for part in vae.modules() if isinstance(part, nn.BatchNorm1d)]
    assert len(norms) == 1
    for norm in norms:
        assert norm.running_var.isfinite().all()
        assert norm.num_batches_tracked == 2 * 2  # of 3 batches an epoch, the last holds one
    assert all(value.isfinite().all() for value in vae.state_dict().values())


def test_the_best_weights_come_back_with_the_statistics_of_their_epoch() -> None:
    """Learned by heart from 16 examples, so that the validation score soon falls."""
    vae, examples = real("bow-norm")
    few, others = examples.subset(torch.arange(16)), examples.subset(torch.arange(16, 60))
    settings = Settings(epochs=40, batch_size=16, learning_rate=0.3, patience=0, device="cpu")
    seen: list[dict[str, Tensor]] = []
    fit = loop.fit(vae, few, others, NEUTRAL, settings, lambda *_: seen.append(copied(vae)))
    assert fit.best_epoch < fit.epochs
    assert_equal(copied(vae), seen[fit.best_epoch - 1])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", ["mlp", "bow", "mlp-norm", "bow-norm"])
def test_on_cuda_the_model_trains_and_comes_back(kind: str) -> None:
    vae, examples = real(kind)
    fit = loop.fit(vae, examples, examples, NEUTRAL, Settings(epochs=5, batch_size=16))
    assert fit.history[-1]["valid_elbo_nats"] > fit.history[0]["valid_elbo_nats"]
    assert next(vae.parameters()).device.type == "cpu"


@pytest.mark.parametrize("name", ["learning_rate", "epochs", "batch_size", "clip_norm"])
def test_a_setting_that_is_not_positive_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="greater than"):
        Settings.model_validate({name: 0})


# Progress


@pytest.mark.parametrize(("terminal", "expected"), [(True, "2/2"), (False, "epoch 2 of 2")])
def test_progress_shows_the_terms(
    terminal: bool,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    settings = Settings(epochs=2, batch_size=16)
    fit = loop.fit(linear_gaussian(), vectors(), vectors(4), NEUTRAL, settings, progress=True)
    shown = capsys.readouterr().err
    assert expected in shown
    assert f"elbo {fit.history[-1]['valid_elbo_nats']:.2f}" in shown


def test_progress_is_silent_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    loop.fit(linear_gaussian(), vectors(), vectors(4), NEUTRAL, Settings(epochs=1, batch_size=16))
    assert capsys.readouterr() == ("", "")

"""What keeps a latent in use: each cure on a corpus that collapses without it, and how it works."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from test_checkpoint import fingerprint
from test_training import (
    NEUTRAL,
    VARIANCE,
    StopHereError,
    assert_equal,
    copied,
    linear_gaussian,
    noise_of,
    real,
    vectors,
)
from torch import Tensor
from torch.distributions import Normal

from latentops import build, objectives, portion
from latentops.artifacts import Spec, Vocabulary
from latentops.data.batches import Sequences
from latentops.errors import SettingsError
from latentops.metrics import latent
from latentops.model import VAE
from latentops.networks import seq
from latentops.priors import Mixture
from latentops.training import cost, loop
from latentops.training.average import Average
from latentops.training.checkpoint import Checkpoint
from latentops.training.lead import Lead
from latentops.training.settings import Settings

# A corpus that collapses: each sentence has a subject, but its words tell of it soon enough, so
# that a decoder which reads them does without the code.

SUBJECTS, WORDS, STRAY = 8, 6, 0.15
FIRST_WORD, END = 4, 3
TOKENS = FIRST_WORD + SUBJECTS * WORDS


def corpus(sentences: int, seed: int) -> Sequences:
    generator = torch.Generator().manual_seed(seed)
    written, starts = [], [0]
    for _ in range(sentences):
        length = int(torch.randint(6, 11, (), generator=generator))
        subject = torch.randint(SUBJECTS, (1,), generator=generator).expand(length)
        stray = torch.rand(length, generator=generator) < STRAY
        other = torch.randint(SUBJECTS, (length,), generator=generator)
        word = torch.randint(WORDS, (length,), generator=generator)
        written += (FIRST_WORD + torch.where(stray, other, subject) * WORDS + word).tolist()
        written.append(END)
        starts.append(len(written))
    return Sequences(torch.tensor(starts), torch.tensor(written, dtype=torch.int32))


Trained = tuple[int, float]


def trained(
    objective: dict[str, Any] | None = None,
    train: dict[str, Any] | None = None,
    model: dict[str, Any] | None = None,
) -> Trained:
    """Active units and the rate of a small GRU after a short training."""
    sizes = {"latent": 3, "embedding": 8, "hidden": (16,), "decoder_hidden": (16,)}
    spec = Spec(source="t", kind="counts", shape=(TOKENS,), tokens=TOKENS)
    network = seq.Settings.model_validate(sizes | (model or {}))
    vae = build.model(spec, Vocabulary(), network, seed=0)
    steps = {"epochs": 12, "batch_size": 64, "learning_rate": 0.02, "patience": 0, "device": "cpu"}
    settings = Settings.model_validate(steps | (train or {}))
    valid = corpus(200, seed=1)
    goal = objectives.Settings.model_validate(objective or {})
    fit = loop.fit(vae, corpus(512, seed=0), valid, goal, settings)
    units = latent.active_units(portion.encode(vae.eval(), valid).mean)
    return units, fit.history[fit.best_epoch - 1]["valid_rate_nats"]


@pytest.fixture(scope="module")
def plain() -> Trained:
    return trained()


def test_without_a_cure_the_corpus_collapses(plain: Trained) -> None:
    units, rate_nats = plain
    assert units == 0
    assert rate_nats < 0.02


CURES: dict[str, dict[str, Any]] = {
    "a lower beta": {"objective": {"beta": 0.3}},
    "linear warm-up": {"objective": {"warmup": 0.5}},
    "cyclical warm-up": {"objective": {"warmup": 0.5, "cycles": 3}},
    "free nats": {"objective": {"free_nats": 0.25}},
    "capacity": {"objective": {"capacity_nats": 1.0}},
    "a rate that is held": {"objective": {"rate_nats": 1.0}},
    "the spread of the means": {"model": {"mean_scale": 0.7}},
    "pretraining": {"train": {"pretrain_epochs": 4}},
    "an encoder ahead": {"train": {"encoder_updates": 5}},
    "word dropout": {"model": {"word_dropout": 0.5}},
}


@pytest.mark.parametrize("cure", CURES)
def test_with_a_cure_the_latent_is_used(cure: str, plain: Trained) -> None:
    units, rate_nats = trained(**CURES[cure])
    assert units > 0
    assert rate_nats > 3 * plain[1]


# A rate that is held, on a model whose rate is known for every beta


def linear_gaussian_rate(x: Tensor, beta: float) -> float:
    """Of two codes at the optimum: reverse water-filling (Cover, Thomas, theorem 10.3.3)."""
    variances = torch.linalg.eigvalsh(torch.cov(x.T.double(), correction=0))[-2:]
    return (0.5 * (variances / (beta * VARIANCE)).log()).clamp(min=0).sum().item()


@pytest.fixture(scope="module")
def held() -> loop.Fit:
    data = vectors(200)
    settings = Settings(epochs=60, batch_size=20, learning_rate=0.03, schedule="cosine", patience=0)
    return loop.fit(linear_gaussian(), data, data, objectives.Settings(rate_nats=1.5), settings)


def test_the_rate_is_held_by_the_beta_that_has_it(held: loop.Fit) -> None:
    last = held.history[-1]
    assert linear_gaussian_rate(vectors(200).x, 1.0) > 2.2  # what a VAE takes
    assert last["train_rate_nats"] == pytest.approx(1.5, rel=0.07)
    found = linear_gaussian_rate(vectors(200).x, last["beta"])
    assert found == pytest.approx(last["train_rate_nats"], abs=0.15)


def test_epochs_whose_rate_is_not_held_do_not_count(held: loop.Fit) -> None:
    """Though the first ones, nearer to the VAE's own rate, have a better ELBO."""
    counted = [row for row in held.history if abs(row["valid_rate_nats"] / 1.5 - 1) <= 0.1]
    best = held.history[held.best_epoch - 1]
    assert best["valid_elbo_nats"] == max(row["valid_elbo_nats"] for row in counted)
    assert best["valid_elbo_nats"] < max(row["valid_elbo_nats"] for row in held.history)


def test_where_the_rate_is_never_held_the_last_epoch_is_the_best() -> None:
    data = vectors(32)
    settings = Settings(epochs=3, batch_size=16)
    objective = objectives.Settings(rate_nats=400.0)
    assert loop.fit(linear_gaussian(), data, data, objective, settings).best_epoch == 3


# Weights averaged


def after_each_step(average: float, steps: int = 12) -> tuple[list[dict[str, Tensor]], loop.Fit]:
    """Weights as the log finds them: an epoch is one update."""
    vae, data, seen = linear_gaussian(), vectors(16), []
    settings = Settings(epochs=steps, batch_size=16, learning_rate=0.1, average=average, patience=0)
    fit = loop.fit(vae, data, data, NEUTRAL, settings, lambda *_: seen.append(copied(vae)))
    assert_equal(seen[fit.best_epoch - 1], copied(vae))
    return seen, fit


def test_the_average_is_the_weighted_mean_of_the_weights_of_every_step() -> None:
    weights, averages = after_each_step(0.0)[0], after_each_step(0.8)[0]
    for step, found in enumerate(averages):
        age = torch.arange(step, -1, -1)
        share = 0.8**age / (0.8**age).sum()
        for name, value in found.items():
            each = torch.stack([past[name] for past in weights[: step + 1]])
            torch.testing.assert_close(value, torch.tensordot(share, each, dims=1))


def test_the_average_changes_nothing_of_the_training_and_is_what_is_scored() -> None:
    (_, plain), (_, averaged) = after_each_step(0.0), after_each_step(0.8)
    for one, other in zip(plain.history, averaged.history, strict=True):
        assert one["train_elbo_nats"] == other["train_elbo_nats"]
        assert (one["valid_elbo_nats"] == other["valid_elbo_nats"]) == (one["epoch"] == 1)


def test_buffers_are_not_averaged() -> None:
    """Counts among them would not be whole numbers."""
    norm = torch.nn.BatchNorm1d(2)
    average = Average(norm, 0.5)
    norm(torch.randn(8, 2))
    average.add()
    with average.in_place():
        assert norm.num_batches_tracked == 1


# Pretraining with a decoder that starts anew


def test_pretraining_keeps_the_encoder_and_resets_the_decoder() -> None:
    vae, data = linear_gaussian(), vectors(64)
    first, seen, asked = copied(vae), {}, {}

    def log(step: int, row: loop.Row) -> None:
        seen[row["epoch"]] = copied(vae)
        asked[row["epoch"]] = row["beta"]

    settings = Settings(epochs=4, batch_size=64, learning_rate=0.01, pretrain_epochs=2)
    fit = loop.fit(vae, data, data, NEUTRAL, settings, log)
    assert list(asked.values()) == [0, 0, 1, 1]
    assert fit.best_epoch > 2
    # Adam's first step is of the size of the learning rate, from wherever it starts.
    for name, value in seen[3].items():
        before = first[name] if name.startswith("decoder") else seen[2][name]
        torch.testing.assert_close(
            (value - before).abs(), torch.full_like(value, 0.01), rtol=1e-2, atol=0
        )


def test_a_pretraining_without_an_epoch_after_it_is_refused() -> None:
    with pytest.raises(ValueError, match="are of the 3 epochs: leave some"):
        Settings(epochs=3, pretrain_epochs=3)


# An encoder ahead of its decoder


def test_the_encoder_is_ahead_by_so_many_updates_and_the_decoder_moves_once() -> None:
    vae, data = linear_gaussian(), vectors(16)
    settings = Settings(
        epochs=1, batch_size=16, optimizer="sgd", learning_rate=0.01, encoder_updates=3
    )
    by_hand, noise = linear_gaussian(), noise_of(0)
    encoder = torch.optim.SGD(by_hand.encoder.parameters(), lr=0.01, momentum=0.9)
    decoder = torch.optim.SGD(by_hand.decoder.parameters(), lr=0.01, momentum=0.9)
    loop.fit(vae, data, data, NEUTRAL, settings)
    for optimizer, rows in zip([*[encoder] * 3, decoder], data.asked, strict=False):
        x = data.x[rows]
        output = by_hand(x, noise)
        by_hand.zero_grad()
        (output.rate_BZ.sum(-1) - output.likelihood.log_prob(x)).mean().backward()
        optimizer.step()
    for name, value in copied(by_hand).items():
        torch.testing.assert_close(copied(vae)[name], value, rtol=1e-5, atol=1e-7)


def test_the_lead_ends_when_the_information_no_longer_rises() -> None:
    lead, updates = Lead(5), []
    for information in (0.1, 0.4, 0.4, 0.9):
        lead.look(information)
        updates.append(lead.updates)
    assert updates == [5, 5, 0, 0]


def test_after_the_lead_each_batch_is_asked_for_once() -> None:
    data, valid = vectors(64), vectors(32)
    settings = Settings(epochs=30, batch_size=16, learning_rate=0.05, encoder_updates=2, patience=0)
    asked = [0]
    loop.fit(
        linear_gaussian(), data, valid, NEUTRAL, settings, lambda *_: asked.append(len(data.asked))
    )
    in_epoch = [after - before for before, after in pairwise(asked)]
    assert in_epoch == sorted(in_epoch, reverse=True)
    assert (in_epoch[0], in_epoch[-1]) == (12, 4)


# The importance-weighted objective


def test_a_step_is_that_of_the_bound_written_by_hand() -> None:
    data, ours, by_hand = vectors(16), linear_gaussian(), linear_gaussian()
    settings = Settings(epochs=1, batch_size=16, optimizer="sgd", learning_rate=0.01)
    loop.fit(ours, data, data, objectives.Settings(samples=5), settings)
    x = data.x[data.asked[0]]
    posterior = by_hand.encode(x)
    draw_KBZ = torch.randn((5, 16, 2), generator=noise_of(0))
    z_KBZ = posterior.mean + posterior.standard_deviation * draw_KBZ
    log_p = by_hand.decoder(z_KBZ).log_prob(x) + Normal(0, 1).log_prob(z_KBZ).sum(-1)
    log_q = Normal(posterior.mean, posterior.standard_deviation).log_prob(z_KBZ).sum(-1)
    (-(log_p - log_q).double().exp().mean(0).log()).mean().backward()
    for name, parameter in by_hand.named_parameters():
        assert parameter.grad is not None
        expected = (parameter - 0.01 * parameter.grad).detach()
        torch.testing.assert_close(copied(ours)[name], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["mlp", "bow"])
def test_every_kind_of_model_learns_from_several_samples(kind: str) -> None:
    vae, examples = real(kind)
    settings = Settings(epochs=8, batch_size=16, learning_rate=0.02, patience=0)
    fit = loop.fit(vae, examples, examples, objectives.Settings(samples=4), settings)
    assert fit.history[-1]["valid_elbo_nats"] > fit.history[0]["valid_elbo_nats"]


# Documents weighed by their lengths


def test_the_length_of_a_document_is_its_number_of_words() -> None:
    dense = torch.tensor([[2.0, 0, 3], [0, 0, 0], [1, 0, 0]])
    assert cost.lengths(dense).tolist() == [5, 0, 1]
    _, documents = real("bow", n=7)
    counts = documents.batch(torch.arange(7)).target
    assert cost.lengths(counts).tolist() == counts.to_dense().sum(1).tolist()
    assert cost.lengths(torch.tensor([[7, 9, 3, 0], [5, 3, 0, 0], [3, 0, 0, 0]])).tolist() == [
        *(3, 2, 1)
    ]


def test_a_step_is_that_of_the_weighted_loss_written_by_hand() -> None:
    (ours, examples), (by_hand, _) = real("bow", n=16), real("bow", n=16)
    settings = Settings(epochs=1, batch_size=16, optimizer="sgd", learning_rate=0.1)
    order = examples.passes(16, after_the_noise_is_seeded())[0]
    loop.fit(ours, examples, examples, objectives.Settings(length_power=0.5), settings)
    batch = examples.batch(order)
    output = by_hand.train()(batch.input, noise_of(0))
    weight_B = batch.target.to_dense().sum(1).clamp(min=1) ** -0.5
    loss_B = output.rate_BZ.sum(-1) - output.likelihood.log_prob(batch.target)
    ((weight_B * loss_B).sum() / weight_B.sum()).backward()
    for name, parameter in by_hand.named_parameters():
        assert parameter.grad is not None
        expected = (parameter - 0.1 * parameter.grad).detach()
        torch.testing.assert_close(copied(ours)[name], expected, rtol=1e-4, atol=1e-6)


def after_the_noise_is_seeded() -> torch.Generator:
    order = torch.Generator().manual_seed(0)
    torch.randint(2**62, (), generator=order)
    return order


def test_images_have_no_length() -> None:
    vae, examples = real("mlp")
    with pytest.raises(SettingsError, match="but the examples are images"):
        loop.fit(
            vae, examples, examples, objectives.Settings(length_power=0.5), Settings(batch_size=8)
        )


def test_no_nats_of_a_dimension_are_free_where_the_prior_has_none() -> None:
    vae, examples = real("mlp")
    vae.prior = Mixture(vae.latent, 2)
    with pytest.raises(SettingsError, match="the rate to a mixture has none"):
        loop.fit(
            vae, examples, examples, objectives.Settings(free_nats=0.1), Settings(batch_size=8)
        )


def test_batch_norm_of_single_examples_is_refused() -> None:
    vae, examples = real("mlp-norm")
    with pytest.raises(SettingsError, match=r"learns no spread\. Raise it"):
        loop.fit(vae, examples, examples, objectives.Settings(), Settings(batch_size=1))


def test_pretraining_leaves_the_prior_as_it_was_too(monkeypatch: pytest.MonkeyPatch) -> None:
    vae, examples = real("mlp")
    vae.prior = Mixture(vae.latent, 2)
    first = vae.prior.mean.detach().clone()
    after: list[Tensor] = []
    anew = loop._Loop._start_the_decoder_anew

    def watched(self: loop._Loop) -> None:
        anew(self)
        after.append(vae.prior.mean.detach().clone())

    monkeypatch.setattr(loop._Loop, "_start_the_decoder_anew", watched)
    settings = Settings(epochs=4, pretrain_epochs=3, batch_size=8, weight_decay=0.5)
    loop.fit(vae, examples, examples, objectives.Settings(), settings)
    torch.testing.assert_close(after, [first], rtol=0, atol=0)


# All of it goes on after a kill


STATES: dict[str, tuple[objectives.Settings, dict[str, Any]]] = {
    "average": (NEUTRAL, {"average": 0.9, "rate_warmup": 0.2}),
    "pretraining": (objectives.Settings(warmup=0.3), {"pretrain_epochs": 3, "average": 0.9}),
    "multiplier": (objectives.Settings(rate_nats=0.5), {}),
    "ahead": (NEUTRAL, {"encoder_updates": 2, "pretrain_epochs": 1}),
    "samples": (objectives.Settings(samples=3, length_power=0.5), {}),
}


@pytest.mark.parametrize("case", STATES)
def test_a_training_goes_on_where_the_last_whole_epoch_ended(case: str, tmp_path: Path) -> None:
    objective, chosen = STATES[case]
    settings = Settings.model_validate({"epochs": 7, "batch_size": 16, "patience": 0} | chosen)

    def run(folder: Path | None, stop_in: int | None = None) -> tuple[list[loop.Row], VAE]:
        vae, examples = real("bow")
        checkpoint = Checkpoint(folder, fingerprint(vae, settings)) if folder else None
        try:
            fit = loop.fit(
                vae, examples, examples, objective, settings, stopping(stop_in), checkpoint
            )
        except StopHereError:
            return [], vae
        return fit.history, vae

    whole, vae = run(None)
    for stop_in in (2, 4):
        run(tmp_path, stop_in)
    resumed, vae_after = run(tmp_path)
    assert resumed == whole
    assert_equal(copied(vae), copied(vae_after))


def stopping(epoch: int | None) -> Callable[[int, loop.Row], None]:
    def log(step: int, row: loop.Row) -> None:
        if row["epoch"] == epoch:
            raise StopHereError

    return log

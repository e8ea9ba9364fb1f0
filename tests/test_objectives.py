"""What is minimized, against arithmetic by hand, enumeration and the negative ELBO."""

import math
from itertools import combinations
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from latentops import config, objectives
from latentops.elbo import Posterior, Terms
from latentops.errors import SettingsError
from latentops.metrics.kl_decomposition import decompose
from latentops.objectives import (
    Codes,
    Settings,
    beta_at,
    capacity_at,
    estimated_parts,
    loss,
    needs_codes,
    settled,
)


@pytest.fixture
def terms() -> Terms:
    generator = torch.Generator().manual_seed(0)
    rate_BZ = torch.randn(37, 5, generator=generator).square()
    return Terms(rate_BZ, 90 + 10 * torch.randn(37, generator=generator))


NEUTRAL = [
    Settings(),
    Settings(warmup=0.3),
    Settings(warmup=0.5, cycles=4),
]


@pytest.mark.parametrize("settings", NEUTRAL)
def test_neutral_settings_give_the_negative_elbo_itself(settings: Settings, terms: Terms) -> None:
    assert torch.equal(loss(terms, 100, 100, settings), -terms.elbo_B.mean())


def test_the_elbo_does_not_change_with_the_objective(terms: Terms) -> None:
    before = terms.elbo_B
    loss(terms, 5, 10, Settings(beta=4, warmup=1, free_nats=2))
    assert torch.equal(before, terms.elbo_B)


def test_beta_weighs_the_rate_alone(terms: Terms) -> None:
    found = loss(terms, 0, 1, Settings(beta=4))
    torch.testing.assert_close(found, terms.distortion_B.mean() + 4 * terms.rate_B.mean())
    assert torch.equal(loss(terms, 0, 1, Settings(beta=0)), terms.distortion_B.mean())


def test_linear_warm_up() -> None:
    settings = Settings(beta=2, warmup=0.4)
    found = [beta_at(step, 10, settings) for step in (0, 1, 2, 4, 5, 9, 10, 99)]
    assert found == pytest.approx([0, 0.5, 1, 2, 2, 2, 2, 2])


def test_cyclical_warm_up() -> None:
    """Two cycles of 10 steps: 5 rising, 5 level (Fu et al. 2019, figure 2)."""
    settings = Settings(warmup=0.5, cycles=2)
    cycle = [0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1]
    found = [beta_at(step, 20, settings) for step in range(21)]
    assert found == pytest.approx([*cycle, *cycle, 1])


def test_without_warm_up_beta_is_constant() -> None:
    assert {beta_at(step, 10, Settings(beta=0.3)) for step in range(12)} == {0.3}


def test_free_nats_cost_nothing_below_the_threshold() -> None:
    """The mean over the batch is what is compared, dimension by dimension."""
    rate_BZ = torch.tensor([[0.0, 3.0], [0.8, 5.0]], requires_grad=True)
    found = loss(Terms(rate_BZ, torch.tensor([7.0, 9.0])), 0, 1, Settings(free_nats=0.5, beta=2))
    found.backward()
    assert found.item() == pytest.approx(8 + 2 * (0.5 + 4.0))
    torch.testing.assert_close(rate_BZ.grad, torch.tensor([[0.0, 1.0], [0.0, 1.0]]))


def test_a_dimension_above_its_free_nats_costs_its_whole_rate(terms: Terms) -> None:
    found = loss(terms, 0, 1, Settings(free_nats=1e-6))
    torch.testing.assert_close(found, -terms.elbo_B.mean())


@pytest.mark.parametrize(("step", "aim"), [(0, 0.0), (2, 3.0), (4, 6.0), (9, 6.0)])
def test_capacity_pulls_the_rate_to_its_aim(step: int, aim: float, terms: Terms) -> None:
    settings = Settings(beta=10, warmup=0.4, capacity_nats=6)
    assert capacity_at(step, 10, settings) == pytest.approx(aim)
    assert beta_at(step, 10, settings) == 10
    expected = terms.distortion_B.mean() + 10 * abs(terms.rate_B.mean() - aim)
    torch.testing.assert_close(loss(terms, step, 10, settings), expected)


def test_capacity_pushes_a_rate_below_its_aim_up() -> None:
    rate_BZ = torch.full((2, 1), 1.0, requires_grad=True)
    loss(Terms(rate_BZ, torch.zeros(2)), 0, 1, Settings(capacity_nats=3)).backward()
    assert (rate_BZ.grad < 0).all()


def test_a_capacity_of_zero_is_beta_times_the_rate(terms: Terms) -> None:
    found = loss(terms, 0, 1, Settings(beta=3, capacity_nats=0))
    torch.testing.assert_close(found, loss(terms, 0, 1, Settings(beta=3)))


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        (Settings(), 0),
        (Settings(warmup=0.3), 30),
        (Settings(warmup=1), 100),
        (Settings(warmup=0.5, cycles=4), 88),
        (Settings(warmup=0.2, capacity_nats=5), 20),
    ],
)
def test_settled_from_the_end_of_the_last_warm_up(settings: Settings, first: int) -> None:
    assert [settled(step, 100, settings) for step in range(101)] == [
        step >= first for step in range(101)
    ]


@pytest.mark.parametrize("settings", [*NEUTRAL, Settings(warmup=0.2, capacity_nats=5)])
def test_nothing_moves_once_settled(settings: Settings) -> None:
    steps = 60
    values = {
        (beta_at(step, steps, settings), capacity_at(step, steps, settings))
        for step in range(steps + 1)
        if settled(step, steps, settings)
    }
    assert len(values) == 1


# The parts of the rate


def codes(batch: int = 6, dimensions: int = 3, examples: int = 20) -> Codes:
    """Wide enough that posteriors overlap."""
    generator = torch.Generator().manual_seed(1)
    mean_BZ, log_variance_BZ = torch.randn(2, batch, dimensions, generator=generator)
    posterior = Posterior(mean_BZ, log_variance_BZ)
    return Codes(posterior, posterior.sample(generator), examples)


def terms_of(found: Codes) -> Terms:
    return Terms(found.posterior.kl(), torch.linspace(50, 60, len(found.z_BZ)))


def estimated_one_by_one(found: Codes) -> tuple[Tensor, Tensor]:
    """Mutual information and total correlation of each z, as sums over the batch (in nats)."""
    batch, dimensions = found.z_BZ.shape
    each = Normal(found.posterior.mean.double(), found.posterior.standard_deviation.double())
    parts = []
    for row, z_Z in enumerate(found.z_BZ.double()):
        log_BZ = each.log_prob(z_Z)
        others = (1 - 1 / found.examples) / (batch - 1)
        share_B = torch.full((batch,), others, dtype=torch.float64)
        share_B[row] = 1 / found.examples
        log_joint = (share_B * log_BZ.sum(1).exp()).sum().log()
        log_each = [(share_B * log_BZ[:, j].exp()).sum().log() for j in range(dimensions)]
        parts.append(torch.stack([log_BZ[row].sum() - log_joint, log_joint - sum(log_each)]))
    mutual_information_B, total_correlation_B = torch.stack(parts).T
    return mutual_information_B, total_correlation_B


def test_the_estimates_are_those_of_plain_sums() -> None:
    found, expected = estimated_parts(codes()), estimated_one_by_one(codes())
    for ours, plain in zip(found, expected, strict=True):
        torch.testing.assert_close(ours.double(), plain, rtol=1e-5, atol=1e-5)


def test_a_batch_of_all_examples_is_measured_without_error() -> None:
    """The same parts as metrics/kl_decomposition.py finds with the same samples."""
    generator = torch.Generator().manual_seed(1)
    posterior = codes(batch=40).posterior
    expected = decompose(posterior, torch.Generator().manual_seed(7))
    z_BZ = posterior.sample(generator.manual_seed(7))
    found = estimated_parts(Codes(posterior, z_BZ, examples=40))
    means = [each.mean().item() for each in found]
    assert means == pytest.approx(
        [expected.mutual_information_nats, expected.total_correlation_nats], abs=1e-4
    )


@pytest.mark.parametrize("batch", [2, 3, 5])
def test_over_all_batches_the_aggregate_is_estimated_without_bias(batch: int) -> None:
    """Of 6 examples, the mean over every batch that holds example 0, for one z of it."""
    data = codes(batch=6, examples=6)
    z_Z = data.z_BZ[0].double()
    each = Normal(data.posterior.mean.double(), data.posterior.standard_deviation.double())
    own = each.log_prob(z_Z).sum(1)[0]
    estimates = []
    for others in combinations(range(1, 6), batch - 1):
        rows = torch.tensor([0, *others])
        part = Posterior(data.posterior.mean[rows], data.posterior.log_variance[rows])
        found = estimated_parts(Codes(part, data.z_BZ[rows], examples=6))
        estimates.append((own - found.mutual_information_B[0]).exp())
    expected = each.log_prob(z_Z).sum(1).exp().mean().item()
    assert torch.stack(estimates).mean().item() == pytest.approx(expected, rel=1e-4)


WEIGHTS = [(1.0, 4.0, 1.0), (0.0, 1.0, 1.0), (1.0, 1.0, 0.5), (0.5, 6.0, 2.0)]


@pytest.mark.parametrize("weights", WEIGHTS)
def test_each_part_has_its_weight_times_beta(weights: tuple[float, float, float]) -> None:
    """The third part is what the other two leave of the rate, which is in closed form."""
    batch = codes()
    terms = terms_of(batch)
    information_B, correlation_B = estimated_one_by_one(batch)
    dimension_wise_B = terms.rate_B - information_B - correlation_B
    parts = (information_B, correlation_B, dimension_wise_B)
    paid_B = sum(weight * part for weight, part in zip(weights, parts, strict=True))
    expected = (terms.distortion_B + 2 * 0.5 * paid_B).mean().item()
    names = ("mutual_information", "total_correlation", "dimension_wise")
    settings = Settings(beta=2, warmup=0.4, **dict(zip(names, weights, strict=True)))
    assert needs_codes(settings)
    assert loss(terms, 2, 10, settings, batch).item() == pytest.approx(expected, rel=1e-5)


def test_equal_weights_are_a_beta_and_need_no_codes(terms: Terms) -> None:
    equal = Settings(beta=2, mutual_information=3, total_correlation=3, dimension_wise=3)
    assert not needs_codes(equal)
    assert torch.equal(loss(terms, 0, 1, equal), loss(terms, 0, 1, Settings(beta=6)))


@pytest.mark.parametrize("settings", [*NEUTRAL, Settings(beta=4), Settings(capacity_nats=3)])
def test_codes_that_are_not_needed_change_nothing(settings: Settings) -> None:
    assert not needs_codes(settings)
    batch = codes()
    terms = terms_of(batch)
    assert torch.equal(loss(terms, 0, 1, settings, batch), loss(terms, 0, 1, settings))


def test_without_the_codes_that_it_needs_no_loss_is_made_up(terms: Terms) -> None:
    with pytest.raises(ValueError, match="none were given"):
        loss(terms, 0, 1, Settings(total_correlation=4))


def gradient(settings: Settings, mean_BZ: Tensor, z_BZ: Tensor, examples: int) -> Tensor:
    mean_BZ = mean_BZ.clone().requires_grad_()
    posterior = Posterior(mean_BZ, torch.zeros_like(mean_BZ))
    batch = Codes(posterior, mean_BZ + (z_BZ - mean_BZ).detach(), examples)
    loss(Terms(posterior.kl(), torch.zeros(len(mean_BZ))), 0, 1, settings, batch).backward()
    assert mean_BZ.grad is not None
    return mean_BZ.grad


@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_batch_of_one_pays_for_its_rate_alone(weights: tuple[float, float, float]) -> None:
    """It tells nothing of the others: no gradient but the closed form's, and nothing infinite."""
    information, correlation, dimension_wise = weights
    settings = Settings(
        mutual_information=information,
        total_correlation=correlation,
        dimension_wise=dimension_wise,
    )
    mean_BZ = torch.tensor([[1.0, -2.0]])
    found = gradient(settings, mean_BZ, mean_BZ + 0.3, examples=50)
    torch.testing.assert_close(found, dimension_wise * mean_BZ)
    alone = Codes(Posterior(mean_BZ, mean_BZ), mean_BZ, examples=1)
    assert loss(terms_of(alone), 0, 1, settings, alone).isfinite()


def test_descending_the_total_correlation_makes_dimensions_independent() -> None:
    """From two dimensions that say the same, in batches of 10 out of 30; no mean is given up."""
    generator = torch.Generator().manual_seed(0)
    alone = Settings(mutual_information=0, total_correlation=1, dimension_wise=0)
    diagonal = torch.linspace(-3, 3, 30)[:, None].expand(30, 2)
    mean_NZ = diagonal.clone()
    for _ in range(150):
        rows = torch.randperm(30, generator=generator)[:10]
        mean_BZ = mean_NZ[rows]
        z_BZ = mean_BZ + torch.randn(10, 2, generator=generator)
        mean_NZ[rows] -= gradient(alone, mean_BZ, z_BZ, examples=30)
    many = torch.arange(30).repeat(500)
    before, after = (
        decompose(Posterior(each, torch.zeros(30, 2)), generator, many).total_correlation_nats
        for each in (diagonal, mean_NZ)
    )
    assert before == pytest.approx(0.44, abs=0.02)
    assert after < 0.05
    assert mean_NZ.std(0).min() > 1.3


def test_narrow_codes_far_apart_stay_finite() -> None:
    """As layers clamp them: standard deviations of e^-4, a hundred apart."""
    mean_BZ = 100 * torch.arange(8.0)[:, None].expand(8, 4)
    narrow = Codes(Posterior(mean_BZ, torch.full((8, 4), -8.0)), mean_BZ, examples=1_000)
    information_B, correlation_B = estimated_parts(narrow)
    assert information_B.tolist() == pytest.approx([math.log(1_000)] * 8)
    assert correlation_B.tolist() == pytest.approx([3 * math.log(1_000)] * 8)


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"beta": -1}, "objective.beta"),
        ({"beta": float("nan")}, "objective.beta"),
        ({"warmup": 1.5}, "objective.warmup"),
        ({"cycles": 0}, "objective.cycles"),
        ({"free_nats": -0.1}, "objective.free_nats"),
        ({"capacity_nats": -3}, "objective.capacity_nats"),
        ({"capacity_nats": 3, "free_nats": 1}, "keep one of them"),
        ({"capacity_nats": 3, "rate_nats": 3}, "capacity_nats and rate_nats both set the rate"),
        ({"rate_nats": 0}, "objective.rate_nats"),
        ({"rate_nats": 3, "warmup": 0.5}, "leaves nothing to a warmup"),
        ({"rate_nats": 3, "beta": 0}, "must be above 0"),
        ({"samples": 0}, "objective.samples"),
        ({"samples": 5, "free_nats": 1}, "no rate to set by free_nats"),
        ({"samples": 5, "total_correlation": 4}, "or leave these out"),
        ({"length_power": 1.5}, "objective.length_power"),
        ({"cycles": 4}, "set warmup"),
        ({"mutual_information": -1}, "objective.mutual_information"),
        ({"total_correlation": float("inf")}, "objective.total_correlation"),
        ({"dimension_wise": -0.5}, "objective.dimension_wise"),
        (
            {"total_correlation": 4, "free_nats": 0.1},
            "free_nats, capacity_nats, rate_nats and samples change",
        ),
        ({"dimension_wise": 2, "capacity_nats": 0}, "leave mutual_information, total_corr"),
        ({"total_corelation": 4}, "Did you mean 'total_correlation'?"),
        ({"betta": 1}, "Did you mean 'beta'?"),
    ],
)
def test_settings_that_cannot_be_used(values: dict[str, Any], part: str) -> None:
    class Stage(config.Section):
        objective: objectives.Settings

    with pytest.raises(SettingsError, match=part.replace("?", r"\?")):
        config.parse(Stage, {"objective": values}, origin="params.yaml")


# Weights of documents


def test_a_weighted_loss_is_that_of_documents_met_as_often(terms: Terms) -> None:
    """Whole numbers as weights: the loss is that of a batch with so many copies."""
    weight_B = torch.arange(37).remainder(4).float()
    copies = torch.arange(37).repeat_interleave(weight_B.long())
    many = Terms(terms.rate_BZ[copies], terms.distortion_B[copies])
    for settings in (Settings(beta=2), Settings(free_nats=0.9), Settings(capacity_nats=9)):
        found = loss(terms, 0, 1, settings, weight_B=weight_B)
        torch.testing.assert_close(found, loss(many, 0, 1, settings))


def test_equal_weights_change_nothing(terms: Terms) -> None:
    weight_B = torch.full((37,), 0.3)
    torch.testing.assert_close(
        loss(terms, 0, 1, Settings(), weight_B=weight_B), -terms.elbo_B.mean()
    )


def test_a_document_weighs_by_its_length() -> None:
    length_B = torch.tensor([4.0, 100.0, 1.0, 0.0])
    found = objectives.weight_of_length(length_B, Settings(length_power=0.5))
    assert found.tolist() == pytest.approx([0.5, 0.1, 1, 1])
    same = objectives.weight_of_length(length_B, Settings())
    assert same.tolist() == [1, 1, 1, 1]


# The importance-weighted bound


def bound(samples: int, posterior: Normal, beta: float = 1.0) -> float:
    """Of x = 1 where z ~ N(0, 1) and x given z ~ N(z, 1), averaged over 20,000 draws."""
    torch.manual_seed(0)
    z_KB = posterior.sample((samples, 20_000))
    log_ratio_KB = posterior.log_prob(z_KB) - Normal(0, 1).log_prob(z_KB)
    log_likelihood_KB = Normal(z_KB, 1).log_prob(torch.tensor(1.0))
    return -objectives.importance_loss(log_likelihood_KB, log_ratio_KB, beta).mean().item()


EVIDENCE = Normal(0, math.sqrt(2)).log_prob(torch.tensor(1.0)).item()


def test_with_the_true_posterior_the_bound_is_the_evidence() -> None:
    truth = Normal(0.5, math.sqrt(0.5))
    assert bound(1, truth) == pytest.approx(EVIDENCE, abs=1e-5)
    assert bound(7, truth) == pytest.approx(EVIDENCE, abs=1e-5)


def test_the_bound_rises_with_the_samples_from_the_elbo_to_the_evidence() -> None:
    """Burda et al. 2016, theorem 1."""
    prior = Normal(0.0, 1.0)  # no rate: the ELBO is the mean of log p(x given z)
    elbo = -0.5 * (1 + 1) - 0.5 * math.log(2 * math.pi)
    bounds = [bound(samples, prior) for samples in (1, 2, 8, 64)]
    assert bounds[0] == pytest.approx(elbo, abs=0.02)
    assert bounds == sorted(bounds)
    assert bounds[-1] == pytest.approx(EVIDENCE, abs=0.01)


def test_beta_weighs_the_ratio() -> None:
    """At 0 nothing is left of it: the mean over samples of the likelihood itself."""
    likelihood_KB = torch.tensor([[0.2], [0.4]])
    found = objectives.importance_loss(likelihood_KB.log(), torch.tensor([[5.0], [-3.0]]), 0.0)
    assert found.exp().item() == pytest.approx(1 / 0.3)


# A rate that is held


HELD = Settings(rate_nats=5.0)


@pytest.mark.parametrize(("rate", "towards"), [(5.0, 0), (4.0, -1), (0.0, -1), (6.0, 1), (1e9, 1)])
def test_the_multiplier_rises_while_the_rate_is_too_high(rate: float, towards: int) -> None:
    found = objectives.next_log_multiplier(torch.tensor(0.0), torch.tensor(rate), HELD).item()
    assert (found > 0) - (found < 0) == towards
    assert abs(found) <= 0.0101


def test_the_multiplier_stays_positive_and_finite() -> None:
    low, high = torch.tensor(0.0), torch.tensor(0.0)
    for _ in range(2000):
        low = objectives.next_log_multiplier(low, torch.tensor(0.0), HELD)
        high = objectives.next_log_multiplier(high, torch.tensor(1e6), HELD)
    assert low.exp().item() == pytest.approx(1e-4)
    assert high.exp().item() == pytest.approx(1e4)


def test_the_multiplier_takes_the_place_of_beta(terms: Terms) -> None:
    found = loss(terms, 0, 1, HELD, multiplier=torch.tensor(0.3))
    torch.testing.assert_close(found, loss(terms, 0, 1, Settings(beta=0.3)))


def test_what_counts_as_held() -> None:
    assert [objectives.rate_is_held(rate, HELD) for rate in (4.4, 4.6, 5.4, 5.6)] == [
        *(False, True, True, False)
    ]
    assert objectives.rate_is_held(0.0, Settings())


def test_settings_of_a_time_without_the_weights_are_neutral() -> None:
    """model/settings.json of an older model."""
    old = {"beta": 2.0, "warmup": 0.3, "cycles": 1, "free_nats": 0.0, "capacity_nats": None}
    assert Settings.model_validate(old) == Settings(beta=2, warmup=0.3)

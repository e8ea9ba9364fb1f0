"""The parts of the rate, against closed forms, numerical integration and a mixture density."""

import math
from dataclasses import astuple

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from latentops import elbo
from latentops.elbo import Posterior
from latentops.metrics import kl_decomposition
from latentops.metrics.kl_decomposition import Decomposition, decompose


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some_posterior(count: int = 50, dimensions: int = 4) -> Posterior:
    drawn = torch.randn(2, count, dimensions, generator=generator())
    return Posterior(mean=drawn[0], log_variance=drawn[1].clamp(-3, 0))


def alike(mean_NZ: Tensor, variance: float) -> Posterior:
    return Posterior(mean_NZ, torch.full_like(mean_NZ, math.log(variance)))


def parts(found: Decomposition) -> tuple[float, float, float]:
    mutual_information, total_correlation, dimension_wise_kl, _ = astuple(found)
    return mutual_information, total_correlation, dimension_wise_kl


# Closed forms


def of_a_gaussian(covariance_ZZ: Tensor, variance: float) -> tuple[float, float, float]:
    """The parts where the means and so the aggregate are normal, of mean 0 (in nats)."""
    marginal_Z = covariance_ZZ.diagonal()
    log_determinant = covariance_ZZ.logdet().item()
    mutual_information = 0.5 * (log_determinant - len(marginal_Z) * math.log(variance))
    total_correlation = 0.5 * (marginal_Z.log().sum().item() - log_determinant)
    dimension_wise_kl = 0.5 * (marginal_Z - 1 - marginal_Z.log()).sum().item()
    return mutual_information, total_correlation, dimension_wise_kl


@pytest.mark.parametrize(
    ("mix", "variance"),
    [
        ([[1.0, 0.0], [0.0, 1.0]], 0.5),
        ([[1.0, 0.0], [0.8, 0.6]], 0.3),
        ([[1.5, 0.2], [-1.0, 0.1]], 0.4),
        ([[0.5, 0.5, 0.0], [0.0, 0.9, 0.0], [0.3, 0.3, 0.9]], 0.6),
    ],
)
def test_a_linear_gaussian_model_has_the_parts_of_its_covariance(
    mix: list[list[float]], variance: float
) -> None:
    """x normal, z normal around mix x: then q(z) is normal, with mix mix' + variance."""
    mix_ZX = torch.tensor(mix)
    mean_NZ = torch.randn(4_000, len(mix), generator=generator()) @ mix_ZX.T
    found = parts(decompose(alike(mean_NZ, variance), generator(1)))
    covariance_ZZ = mix_ZX @ mix_ZX.T + variance * torch.eye(len(mix))
    assert found == pytest.approx(of_a_gaussian(covariance_ZZ, variance), abs=0.05)


def test_the_prior_as_aggregate_has_no_divergence() -> None:
    mean_N1 = 0.8 * torch.randn(2_000, 1, generator=generator())
    found = decompose(alike(mean_N1, 1 - 0.8**2), generator(1))
    assert found.aggregate_kl_nats == pytest.approx(0, abs=0.01)
    assert found.mutual_information_nats == pytest.approx(-0.5 * math.log(1 - 0.8**2), abs=0.03)


# Extremes


def test_one_dimension_has_no_total_correlation() -> None:
    found = decompose(some_posterior(dimensions=1), generator())
    assert found.total_correlation_nats == pytest.approx(0, abs=1e-12)


def test_a_code_that_does_not_depend_on_the_example_has_its_kl_alone() -> None:
    posterior = Posterior(torch.tensor([[2.0, -1.0, 0.0]]), torch.tensor([[0.0, -2.0, 0.0]]))
    every = Posterior(posterior.mean.expand(64, 3), posterior.log_variance.expand(64, 3))
    found = decompose(every, generator(), rows=torch.zeros(20_000, dtype=torch.long))
    expected = posterior.kl().sum().item()
    assert parts(found) == pytest.approx((0, 0, expected), abs=0.03)
    assert parts(found)[:2] == pytest.approx((0, 0), abs=1e-11)


def test_a_collapsed_code_has_nothing() -> None:
    found = decompose(Posterior(torch.zeros(32, 3), torch.zeros(32, 3)), generator())
    assert parts(found) == pytest.approx((0, 0, 0), abs=1e-11)


def test_codes_far_apart_say_which_example_it_is() -> None:
    mean_N1 = 1_000 * torch.arange(64.0)[:, None]
    found = decompose(Posterior(mean_N1, torch.zeros(64, 1)), generator())
    assert found.mutual_information_nats == pytest.approx(math.log(64))


def test_a_code_of_four_clusters_says_which_of_the_four() -> None:
    mean_N1 = 1_000 * torch.arange(4.0).repeat(32)[:, None]
    found = decompose(Posterior(mean_N1, torch.zeros(128, 1)), generator())
    assert found.mutual_information_nats == pytest.approx(math.log(4))


def test_a_dimension_that_stands_twice_is_all_total_correlation() -> None:
    """Four clusters, in one dimension and again in the next: what one tells of the other."""
    mean_N1 = 1_000 * torch.arange(4.0).repeat(32)[:, None]
    once = decompose(alike(mean_N1, 1.0), generator())
    twice = decompose(alike(mean_N1.expand(128, 2), 1.0), generator())
    assert once.total_correlation_nats == pytest.approx(0, abs=1e-9)
    assert twice.total_correlation_nats == pytest.approx(math.log(4))
    assert twice.mutual_information_nats == pytest.approx(math.log(4))


def test_clusters_on_a_grid_have_no_total_correlation() -> None:
    """Which row and which column are independent, though both depend on the example."""
    columns = 1_000 * torch.arange(8.0)
    found = decompose(alike(torch.cartesian_prod(columns, columns), 1.0), generator())
    assert found.total_correlation_nats == pytest.approx(0, abs=1e-9)
    assert found.mutual_information_nats == pytest.approx(math.log(64))


def test_narrow_codes_far_from_zero_keep_their_digits() -> None:
    mean_NZ = 100 + torch.linspace(0, 1, 500)[:, None] * torch.tensor([1.0, -2.0])
    far, near = alike(mean_NZ, math.exp(-8)), alike(mean_NZ - 100, math.exp(-8))
    found, expected = decompose(far, generator()), decompose(near, generator())
    assert parts(found)[:2] == pytest.approx(parts(expected)[:2], abs=1e-3)


# Integration and enumeration


def densities_on_a_grid(posterior: Posterior, points: Tensor) -> Tensor:
    """Of each example and dimension, [M, Z, G]."""
    normal = Normal(posterior.mean[..., None], posterior.standard_deviation[..., None])
    return normal.log_prob(points).exp()


def by_integration(posterior: Posterior) -> tuple[float, float, float]:
    """In two dimensions, as sums over the cells of a fine grid."""
    points = torch.linspace(-9, 9, 1_201, dtype=torch.float64)
    cell = (points[1] - points[0]).item()
    each_M2G = densities_on_a_grid(posterior, points)
    joint_GG = torch.einsum("mg,mh->gh", each_M2G[:, 0], each_M2G[:, 1]) / len(each_M2G)
    product_GG = torch.outer(*each_M2G.mean(0))
    prior_G = Normal(0.0, 1.0).log_prob(points).exp()
    total_correlation = cell**2 * (joint_GG * (joint_GG / product_GG).log()).sum().item()
    marginal_2G = each_M2G.mean(0)
    dimension_wise_kl = cell * (marginal_2G * (marginal_2G / prior_G).log()).sum().item()
    entropy = -(cell**2) * (joint_GG * joint_GG.log()).sum().item()
    own_entropy = 0.5 * (posterior.log_variance + math.log(2 * math.pi * math.e)).sum(1).mean()
    return entropy - own_entropy.item(), total_correlation, dimension_wise_kl


def test_the_parts_of_a_mixture_are_those_of_its_integrals() -> None:
    """Three unlike examples; one sample of each would say little, so each is asked many times."""
    posterior = Posterior(
        torch.tensor([[-1.0, -0.5], [1.5, 1.0], [0.5, -1.0]], dtype=torch.float64),
        torch.tensor([[-1.0, 0.2], [-2.0, -0.5], [0.1, -1.5]], dtype=torch.float64),
    )
    many = torch.arange(3).repeat(40_000)
    found = decompose(posterior, generator(), rows=many)
    assert parts(found) == pytest.approx(by_integration(posterior), abs=0.01)
    assert found.examples == 3


@pytest.mark.parametrize("pairs_at_once", [1, 120, 10**6])
def test_the_parts_are_those_of_mixture_densities(
    monkeypatch: pytest.MonkeyPatch, pairs_at_once: int
) -> None:
    monkeypatch.setattr(kl_decomposition, "_PAIRS_AT_ONCE", pairs_at_once)
    posterior = some_posterior()
    z = posterior.sample(generator()).double()
    mean, deviation = posterior.mean.double(), (0.5 * posterior.log_variance.double()).exp()
    even = Categorical(torch.ones(50, dtype=torch.float64))
    components = Independent(Normal(mean, deviation), 1)
    log_own = components.log_prob(z)
    log_aggregate = MixtureSameFamily(even, components).log_prob(z)
    marginals = [MixtureSameFamily(even, Normal(mean[:, j], deviation[:, j])) for j in range(4)]
    log_product = sum(marginals[j].log_prob(z[:, j]) for j in range(4))
    log_prior = Independent(Normal(torch.zeros(4).double(), 1), 1).log_prob(z)
    of_rows = (log_own - log_aggregate, log_aggregate - log_product, log_product - log_prior)
    found = decompose(posterior, generator())
    assert parts(found) == pytest.approx([each.mean().item() for each in of_rows])
    assert found.examples == 50


def test_the_parts_add_up_to_the_rate_of_the_same_samples() -> None:
    posterior = some_posterior(dimensions=7)
    z = posterior.sample(generator())
    rate = (posterior.log_prob(z) - elbo.standard_normal_log_prob(z)).mean().item()
    found = decompose(posterior, generator())
    assert sum(parts(found)) == pytest.approx(rate, rel=1e-5)
    of_aggregate = found.total_correlation_nats + found.dimension_wise_kl_nats
    assert found.aggregate_kl_nats == of_aggregate


def test_some_rows_are_asked_against_the_aggregate_of_all() -> None:
    mean_N1 = 1_000 * torch.arange(64.0)[:, None]
    found = decompose(
        Posterior(mean_N1, torch.zeros(64, 1)), generator(), rows=torch.tensor([3, 60])
    )
    assert found.mutual_information_nats == pytest.approx(math.log(64))
    assert found.examples == 64


def test_one_example_is_its_own_aggregate() -> None:
    found = decompose(some_posterior(count=1), generator())
    assert parts(found)[:2] == pytest.approx((0, 0), abs=1e-12)

"""What a code carries, at its known extremes and against a plain mixture density."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from latentops.elbo import Posterior
from latentops.metrics import latent


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def some_posterior(count: int = 50, dimensions: int = 4) -> Posterior:
    drawn = torch.randn(2, count, dimensions, generator=generator())
    return Posterior(mean=drawn[0], log_variance=drawn[1].clamp(-3, 0))


def test_a_dimension_is_active_above_a_variance_of_a_hundredth() -> None:
    signs = torch.tensor([-1.0, 1.0]).repeat(100)
    mean_NZ = signs[:, None] * torch.tensor([0.0, 0.0999, 0.1001, 3.0]) + 7
    assert latent.active(mean_NZ).tolist() == [False, False, True, True]
    assert latent.active_units(mean_NZ) == 2


def test_a_constant_code_says_nothing() -> None:
    posterior = Posterior(torch.full((64, 3), 2.0), torch.zeros(64, 3))
    found = latent.information(posterior, generator())
    assert found.mutual_information_nats == pytest.approx(0, abs=1e-12)
    assert found.aggregate_kl_nats == pytest.approx(posterior.kl().sum(1).mean().item(), abs=1.0)
    assert latent.active_units(posterior.mean) == 0


def test_codes_far_apart_say_which_example_it_is() -> None:
    mean_N1 = 1_000 * torch.arange(64.0)[:, None]
    found = latent.information(Posterior(mean_N1, torch.zeros(64, 1)), generator())
    assert found.mutual_information_nats == pytest.approx(math.log(64))


def test_a_code_of_four_clusters_says_which_of_the_four() -> None:
    mean_N1 = 1_000 * torch.arange(4.0).repeat(32)[:, None]
    found = latent.information(Posterior(mean_N1, torch.zeros(128, 1)), generator())
    assert found.mutual_information_nats == pytest.approx(math.log(4))


def test_the_prior_as_aggregate_has_no_divergence() -> None:
    """N(m, 1 - v) means of posteriors with variance v: their mixture is the standard normal."""
    mean_N1 = 0.8 * torch.randn(2_000, 1, generator=generator())
    posterior = Posterior(mean_N1, torch.full_like(mean_N1, math.log(1 - 0.8**2)))
    found = latent.information(posterior, torch.Generator().manual_seed(1))
    assert found.aggregate_kl_nats == pytest.approx(0, abs=0.01)
    assert found.mutual_information_nats == pytest.approx(-0.5 * math.log(1 - 0.8**2), abs=0.03)


@pytest.mark.parametrize("pairs_at_once", [1, 120, 10**6])
def test_both_parts_are_those_of_a_mixture_density(
    monkeypatch: pytest.MonkeyPatch, pairs_at_once: int
) -> None:
    monkeypatch.setattr(latent, "_PAIRS_AT_ONCE", pairs_at_once)
    posterior = some_posterior()
    z = posterior.sample(generator()).double()
    mean, deviation = posterior.mean.double(), (0.5 * posterior.log_variance.double()).exp()
    components = Independent(Normal(mean, deviation), 1)
    aggregate = MixtureSameFamily(Categorical(torch.ones(50, dtype=torch.float64)), components)
    prior = Independent(Normal(torch.zeros(4).double(), 1), 1)
    log_own, log_aggregate = components.log_prob(z), aggregate.log_prob(z)
    found = latent.information(posterior, generator())
    expected = (log_own - log_aggregate).mean().item()
    assert found.mutual_information_nats == pytest.approx(expected)
    expected = (log_aggregate - prior.log_prob(z)).mean().item()
    assert found.aggregate_kl_nats == pytest.approx(expected)
    assert found.examples == 50


def test_narrow_codes_far_from_zero_keep_their_digits() -> None:
    mean_N1 = 100 + torch.linspace(0, 1, 500)[:, None]
    posterior = Posterior(mean_N1, torch.full_like(mean_N1, -8.0))
    found = latent.information(posterior, generator()).mutual_information_nats
    near_zero = Posterior(mean_N1 - 100, posterior.log_variance)
    expected = latent.information(near_zero, generator()).mutual_information_nats
    assert found == pytest.approx(expected, abs=1e-3)


def test_some_rows_are_asked_against_the_aggregate_of_all() -> None:
    mean_N1 = 1_000 * torch.arange(64.0)[:, None]
    posterior = Posterior(mean_N1, torch.zeros(64, 1))
    found = latent.information(posterior, generator(), rows=torch.tensor([3, 60]))
    assert found.mutual_information_nats == pytest.approx(math.log(64))
    assert found.examples == 64

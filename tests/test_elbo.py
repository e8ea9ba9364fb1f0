"""The two terms of the ELBO against torch.distributions and an exactly solvable model."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, distributions

from latentops.elbo import Posterior, standard_normal_log_prob, terms
from latentops.likelihoods import Bernoulli

DOUBLE = torch.float64


def posterior(examples: int = 5, latent: int = 3, seed: int = 0) -> Posterior:
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(2, examples, latent, generator=generator, dtype=DOUBLE)
    return Posterior(mean=draw[0], log_variance=2 * draw[1])


def as_torch(q: Posterior) -> distributions.Normal:
    return distributions.Normal(q.mean, q.log_variance.exp().sqrt())


def test_kl_agrees_with_torch() -> None:
    q = posterior()
    prior = distributions.Normal(torch.zeros_like(q.mean), torch.ones_like(q.mean))
    truth = distributions.kl_divergence(as_torch(q), prior)
    torch.testing.assert_close(q.kl(), truth)


def test_kl_of_the_prior_is_exactly_zero() -> None:
    assert not Posterior(torch.zeros(2, 3), torch.zeros(2, 3)).kl().any()


@pytest.mark.parametrize("log_variance", [-8.0, -1e-4, 1e-4, 4.0])
def test_kl_keeps_its_digits_in_single_precision(log_variance: float) -> None:
    single = Posterior(torch.full((1, 1), 1e-3), torch.full((1, 1), log_variance))
    exact = Posterior(single.mean.double(), single.log_variance.double())
    torch.testing.assert_close(single.kl().double(), exact.kl(), rtol=1e-3, atol=0)


def test_log_prob_agrees_with_torch_for_one_and_many_samples() -> None:
    q = posterior()
    z = q.sample(torch.Generator().manual_seed(1), samples=4)
    torch.testing.assert_close(q.log_prob(z), as_torch(q).log_prob(z).sum(-1))
    torch.testing.assert_close(q.log_prob(z[0]), as_torch(q).log_prob(z[0]).sum(-1))


def test_standard_normal_log_prob_agrees_with_torch() -> None:
    z = torch.linspace(-9, 9, 12).reshape(2, 2, 3)
    truth = distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
    torch.testing.assert_close(standard_normal_log_prob(z), truth)


def test_samples_have_the_mean_and_the_standard_deviation() -> None:
    q = posterior()
    z_KBZ = q.sample(torch.Generator().manual_seed(0), samples=100_000)
    assert z_KBZ.shape == (100_000, 5, 3)
    standardized = (z_KBZ - q.mean) / q.standard_deviation
    torch.testing.assert_close(standardized.mean(0), torch.zeros(5, 3, dtype=DOUBLE), **near(0.02))
    torch.testing.assert_close(standardized.std(0), torch.ones(5, 3, dtype=DOUBLE), **near(0.02))


def test_a_sample_comes_from_the_generator_alone() -> None:
    q = posterior()
    first = q.sample(torch.Generator().manual_seed(5))
    torch.manual_seed(99)
    assert torch.equal(first, q.sample(torch.Generator().manual_seed(5)))
    assert not torch.equal(first, q.sample(torch.Generator().manual_seed(6)))


def test_gradients_pass_through_a_sample() -> None:
    q = posterior()
    q.mean.requires_grad_()
    q.log_variance.requires_grad_()
    z = q.sample(torch.Generator().manual_seed(0))
    z.sum().backward()
    torch.testing.assert_close(q.mean.grad, torch.ones_like(q.mean))
    torch.testing.assert_close(q.log_variance.grad, (0.5 * (z - q.mean)).detach())


def test_terms_have_the_stated_signs_and_shapes() -> None:
    q = posterior(examples=2)
    logits, x = torch.zeros(2, 4), torch.ones(2, 4)
    found = terms(q.kl(), Bernoulli(logits), x)
    assert found.rate_BZ.shape == (2, 3)
    torch.testing.assert_close(found.distortion_B, torch.full((2,), 4 * 0.6931472))
    torch.testing.assert_close(found.rate_B, q.kl().sum(-1))
    torch.testing.assert_close(found.elbo_B, -found.rate_B - found.distortion_B)


@dataclass(frozen=True)
class Gaussian:
    """p(x given z) with a known standard deviation."""

    location: Tensor
    scale: float

    def log_prob(self, x: Tensor) -> Tensor:
        return distributions.Normal(self.location, self.scale).log_prob(x).sum(-1)


class LinearGaussian:
    """x = z W + noise, with orthogonal rows of W, so that the true posterior is diagonal."""

    scale = 0.7
    weights = torch.tensor([[1.0, 2.0, -1.0, 0.0], [2.0, 0.0, 2.0, 0.5]], dtype=DOUBLE)
    x = torch.tensor([[0.3, -1.0, 2.0, 0.1], [5.0, 4.0, 3.0, 2.0]], dtype=DOUBLE)

    def likelihood(self, z: Tensor) -> Gaussian:
        return Gaussian(z @ self.weights, self.scale)

    def posterior(self) -> Posterior:
        precision = 1 + self.weights.square().sum(1) / self.scale**2
        mean = self.x @ self.weights.T / self.scale**2 / precision
        return Posterior(mean, -precision.log().expand_as(mean))

    def evidence(self) -> Tensor:
        covariance = self.weights.T @ self.weights + self.scale**2 * torch.eye(4, dtype=DOUBLE)
        zeros = torch.zeros(4, dtype=DOUBLE)
        return distributions.MultivariateNormal(zeros, covariance).log_prob(self.x)


def test_every_importance_weight_under_the_true_posterior_is_the_evidence() -> None:
    model = LinearGaussian()
    q = model.posterior()
    z = q.sample(torch.Generator().manual_seed(0), samples=50)
    joint = standard_normal_log_prob(z) + model.likelihood(z).log_prob(model.x)
    truth = model.evidence().expand(50, -1)
    torch.testing.assert_close(joint - q.log_prob(z), truth, rtol=1e-9, atol=1e-9)


def test_the_elbo_of_the_true_posterior_is_the_evidence() -> None:
    torch.testing.assert_close(
        mean_elbo(model := LinearGaussian(), model.posterior()), model.evidence(), **near(0.02)
    )


def test_the_elbo_of_another_posterior_falls_short_by_its_kl_to_the_true_one() -> None:
    model = LinearGaussian()
    true = model.posterior()
    q = Posterior(true.mean + 0.2, true.log_variance - 0.5)
    gap = distributions.kl_divergence(as_torch(q), as_torch(true)).sum(-1)
    torch.testing.assert_close(mean_elbo(model, q), model.evidence() - gap, **near(0.02))


def mean_elbo(model: LinearGaussian, q: Posterior) -> Tensor:
    z = q.sample(torch.Generator().manual_seed(0), samples=100_000)
    distortion = terms(q, model.likelihood(z), model.x).distortion_B.mean(0)
    return -distortion - q.kl().sum(-1)


def near(tolerance: float) -> dict[str, float]:
    return {"rtol": 0, "atol": tolerance}

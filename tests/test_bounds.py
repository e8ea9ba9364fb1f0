"""Bounds against models whose evidence is known."""

import itertools
import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from latentops import elbo
from latentops.data.batches import Rows
from latentops.elbo import Posterior
from latentops.likelihoods import Bernoulli, Multinomial
from latentops.metrics import bounds
from latentops.priors import StandardNormal

NOISE_VARIANCE = 0.5
# Orthogonal columns: the true posterior has independent dimensions, as ours do.
LOADINGS_DZ = torch.tensor([[1.0, 0.5], [1.0, -0.5], [0.0, 1.0]], dtype=torch.float64)
LOADINGS_DZ[:, 1] -= LOADINGS_DZ[:, 0] * (LOADINGS_DZ[:, 0] @ LOADINGS_DZ[:, 1]) / 2


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@dataclass(frozen=True)
class Gaussian:
    mean: Tensor

    def log_prob(self, x: Tensor) -> Tensor:
        return torch.distributions.Normal(self.mean, NOISE_VARIANCE**0.5).log_prob(x).sum(-1)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        raise NotImplementedError


class LinearGaussian:
    """x = W z + noise; its posterior made wider by `excess_log_variance` and shifted by `bias`."""

    def __init__(self, excess_log_variance: float = 0.0, bias: float = 0.0) -> None:
        self.excess_log_variance = excess_log_variance
        self.bias = bias
        self.encoded: list[int] = []
        self.decoded: list[int] = []
        self.prior = StandardNormal(LOADINGS_DZ.shape[1])

    def encode(self, input: Tensor) -> Posterior:  # noqa: A002
        self.encoded.append(len(input))
        precision_Z = 1 + LOADINGS_DZ.square().sum(0) / NOISE_VARIANCE
        mean_BZ = input @ LOADINGS_DZ / NOISE_VARIANCE / precision_Z
        log_variance_Z = -precision_Z.log() + self.excess_log_variance
        return Posterior(mean_BZ + self.bias, log_variance_Z.expand_as(mean_BZ))

    def decode(self, z: Tensor) -> Gaussian:
        self.decoded.append(z.shape[0] * z.shape[1])
        return Gaussian(z @ LOADINGS_DZ.T)


X_ND = torch.randn(40, 3, generator=generator(), dtype=torch.float64)
COVARIANCE_DD = LOADINGS_DZ @ LOADINGS_DZ.T + NOISE_VARIANCE * torch.eye(3, dtype=torch.float64)
KNOWN_NLL_N = -torch.distributions.MultivariateNormal(
    torch.zeros(3, dtype=torch.float64), COVARIANCE_DD
).log_prob(X_ND)


def nll(model: LinearGaussian, samples: int, seed: int = 0) -> Tensor:
    batches = [(x, x) for x in X_ND.split(16)]
    return bounds.importance_sampled_nll(model, batches, samples, generator(seed))


@pytest.mark.parametrize("samples", [1, 7])
def test_the_true_posterior_gives_the_evidence_with_any_number_of_samples(samples: int) -> None:
    torch.testing.assert_close(nll(LinearGaussian(), samples), KNOWN_NLL_N)


def test_a_wrong_posterior_reaches_the_evidence_with_many_samples() -> None:
    found = nll(LinearGaussian(excess_log_variance=0.7, bias=0.3), samples=20_000)
    torch.testing.assert_close(found, KNOWN_NLL_N, atol=0.03, rtol=0)


def test_the_bound_falls_towards_the_evidence_as_samples_grow() -> None:
    model = LinearGaussian(excess_log_variance=1.0, bias=0.5)
    means = [
        torch.stack([nll(model, samples, seed) for seed in range(20)]).mean().item()
        for samples in (1, 3, 10, 100)
    ]
    assert means == sorted(means, reverse=True)
    assert means[0] > means[-1] + 0.3
    assert means[-1] > KNOWN_NLL_N.mean().item() - 0.01


def test_one_sample_is_minus_the_elbo_with_a_sampled_rate() -> None:
    model = LinearGaussian(excess_log_variance=0.4)
    posterior = model.encode(X_ND)
    z = posterior.sample(generator(), samples=1)
    sampled_rate = posterior.log_prob(z) - elbo.standard_normal_log_prob(z)
    expected = (sampled_rate - model.decode(z).log_prob(X_ND))[0]
    found = bounds.importance_sampled_nll(model, [(X_ND, X_ND)], 1, generator())
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("elements_at_once", [1, 100, 10**6])
def test_each_batch_is_encoded_once_and_decoded_for_exactly_k_samples(
    monkeypatch: pytest.MonkeyPatch, elements_at_once: int
) -> None:
    monkeypatch.setattr(bounds, "_ELEMENTS_AT_ONCE", elements_at_once)
    model = LinearGaussian()
    nll(model, samples=13)
    assert model.encoded == [16, 16, 8]
    assert sum(model.decoded) == 13 * len(X_ND)
    assert max(model.decoded) * 3 <= max(elements_at_once, 16 * 3)


class Narrow:
    """One latent dimension, logits that bend with it, and an approximate posterior."""

    def __init__(self, likelihood: type[Bernoulli] | type[Multinomial], width: int) -> None:
        self.likelihood = likelihood
        self.prior = StandardNormal(1)
        self.slope = torch.linspace(-1.5, 1.0, width, dtype=torch.float64)

    def encode(self, input: Tensor) -> Posterior:  # noqa: A002
        mean_B1 = 0.5 * (input.to_dense().double() @ self.slope)[:, None].tanh()
        return Posterior(mean_B1, torch.zeros_like(mean_B1))

    def decode(self, z: Tensor) -> Bernoulli | Multinomial:
        return self.likelihood(z * self.slope + 0.3)


IMAGES = torch.tensor(list(itertools.product([0.0, 1.0], repeat=3)), dtype=torch.float64)
WORDS = torch.eye(4, dtype=torch.float64)
SPARSE_WORDS = Rows(torch.arange(5), torch.arange(4), torch.ones(4), width=4).csr()


@pytest.mark.parametrize(
    ("model", "outcomes"),
    [
        (Narrow(Bernoulli, 3), IMAGES),
        (Narrow(Multinomial, 4), WORDS),
        (Narrow(Multinomial, 4), SPARSE_WORDS),
    ],
    ids=["images", "one word", "one word, CSR"],
)
def test_the_probabilities_of_all_outcomes_are_those_of_a_fine_grid(
    model: Narrow, outcomes: Tensor
) -> None:
    found = bounds.importance_sampled_nll(model, [(outcomes, outcomes)], 20_000, generator())
    z_G = torch.linspace(-8, 8, 2001, dtype=torch.float64)
    log_joint_GB = torch.stack(
        [
            model.decode(z.expand(len(outcomes), 1)).log_prob(outcomes)
            + elbo.standard_normal_log_prob(z[None])
            for z in z_G
        ]
    )
    exact_B = torch.trapezoid(log_joint_GB.exp(), z_G, dim=0)
    assert exact_B.sum().item() == pytest.approx(1.0, abs=1e-9)
    torch.testing.assert_close((-found).exp(), exact_B, atol=0.003, rtol=0)


def test_a_uniform_model_is_as_perplexed_as_the_vocabulary_is_large() -> None:
    tokens = torch.tensor([1, 3, 50])
    assert bounds.perplexities(tokens * math.log(200), tokens) == pytest.approx((200, 200))


def test_perplexities_weigh_documents_and_words() -> None:
    nll_N, tokens_N = torch.tensor([2.0, 30.0]), torch.tensor([1, 10])
    doc, corpus = bounds.perplexities(nll_N, tokens_N)
    assert doc == pytest.approx(math.exp((2.0 + 3.0) / 2))
    assert corpus == pytest.approx(math.exp(32 / 11))


def test_uniform_bytes_cost_eight_bits_a_dimension() -> None:
    assert bounds.bits_per_dim(784 * math.log(256), 784) == pytest.approx(8)

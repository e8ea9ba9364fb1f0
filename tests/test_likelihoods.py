"""Every likelihood against enumeration, torch.distributions, and itself on one row at a time."""

import itertools
import warnings

import pytest
import torch
from torch import Tensor, distributions

from latentops.likelihoods import (
    Bernoulli,
    DirichletMultinomial,
    DiscretizedLogistic,
    Likelihood,
    LogisticMixture,
    Multinomial,
)

DOUBLE = torch.float64


def every(values: int, places: int) -> Tensor:
    """All the ways to put 0..values-1 in so many places, [values ** places, places]."""
    return torch.tensor(list(itertools.product(range(values), repeat=places)), dtype=DOUBLE)


def every_text(words: int, tokens: int) -> Tensor:
    """The word counts of each ordered text of that many tokens."""
    return torch.nn.functional.one_hot(every(words, tokens).long(), words).sum(1).to(DOUBLE)


def logistic(mean: float, log_scale: float, levels: int, pixels: int) -> DiscretizedLogistic:
    shape = (levels**pixels, pixels)
    return DiscretizedLogistic(
        torch.full(shape, mean, dtype=DOUBLE), torch.full(shape, log_scale, dtype=DOUBLE), levels
    )


def mixture(levels: int, pixels: int, *parts: tuple[float, float, float]) -> LogisticMixture:
    """Each part a logit, a location and a log-scale, the same at every pixel."""
    shape = (len(parts), levels**pixels, pixels)
    values = torch.tensor(parts, dtype=DOUBLE).T[..., None, None]
    return LogisticMixture(*(each.expand(shape) for each in values), levels)


def bernoulli(*logits: float) -> Bernoulli:
    return Bernoulli(torch.tensor(logits, dtype=DOUBLE).expand(2 ** len(logits), -1))


def multinomial(tokens: int, *logits: float) -> Multinomial:
    return Multinomial(torch.tensor(logits, dtype=DOUBLE).expand(len(logits) ** tokens, -1))


def dirichlet(tokens: int, *logits: float) -> DirichletMultinomial:
    return DirichletMultinomial(multinomial(tokens, *logits).logits)


def logistic_cases() -> list:
    extremes = itertools.product((0.0, 0.37, 1.0), (-7.0, -2.0, 2.0, 20.0))
    return [
        *(pytest.param(logistic(m, s, 256, 1), every(256, 1), id=f"{m},{s}") for m, s in extremes),
        pytest.param(logistic(0.4, -1.0, 5, 3), every(5, 3), id="logistic-3-pixels"),
        pytest.param(logistic(0.4, -1.0, 2, 3), every(2, 3), id="logistic-2-levels"),
    ]


def mixture_cases() -> list:
    spread = ((0.3, -0.4, -3.0), (-1.2, 0.37, -1.0), (2.0, 1.6, -5.0))
    return [
        pytest.param(mixture(256, 1, *spread), every(256, 1), id="mixture-256"),
        pytest.param(mixture(5, 3, *spread), every(5, 3), id="mixture-3-pixels"),
        pytest.param(mixture(2, 3, *spread[:2]), every(2, 3), id="mixture-2-levels"),
        pytest.param(
            mixture(256, 1, (90.0, -3.0, -7.0), (-90.0, 4.0, 2.0)), every(256, 1), id="mixture-far"
        ),
        pytest.param(mixture(17, 1, (5.0, 0.2, -2.0)), every(17, 1), id="mixture-of-one"),
    ]


CASES = [
    pytest.param(bernoulli(0.3, -1.2, 2.0), every(2, 3), id="bernoulli"),
    pytest.param(bernoulli(-80.0, 0.0, 80.0), every(2, 3), id="bernoulli-extreme"),
    pytest.param(multinomial(1, 0.3, -1.2, 2.0), every_text(3, 1), id="multinomial-1-token"),
    pytest.param(multinomial(4, 0.3, -1.2, 2.0), every_text(3, 4), id="multinomial-4-tokens"),
    pytest.param(multinomial(3, -90.0, 0.0, 90.0), every_text(3, 3), id="multinomial-extreme"),
    pytest.param(dirichlet(1, 0.3, -1.2, 2.0), every_text(3, 1), id="dirichlet-1-token"),
    pytest.param(dirichlet(4, 0.3, -1.2, 2.0), every_text(3, 4), id="dirichlet-4-tokens"),
    pytest.param(dirichlet(3, -90.0, 0.0, 90.0), every_text(3, 3), id="dirichlet-extreme"),
    pytest.param(dirichlet(4, 11.0, 12.5, 30.0), every_text(3, 4), id="dirichlet-nearly-one"),
    *logistic_cases(),
    *mixture_cases(),
]


@pytest.mark.parametrize(("likelihood", "outcomes"), CASES)
class TestEveryLikelihood:
    def test_the_probabilities_of_all_outcomes_sum_to_one(
        self, likelihood: Likelihood, outcomes: Tensor
    ) -> None:
        assert likelihood.log_prob(outcomes).exp().sum().item() == pytest.approx(1, abs=1e-9)

    def test_is_finite_in_single_precision(self, likelihood: Likelihood, outcomes: Tensor) -> None:
        assert single(likelihood).log_prob(outcomes.float()).isfinite().all()

    def test_gradients_are_finite_in_single_precision(
        self, likelihood: Likelihood, outcomes: Tensor
    ) -> None:
        leaf, parametrized = with_leaf(single(likelihood))
        parametrized.log_prob(outcomes.float()).sum().backward()
        assert leaf.grad.isfinite().all()

    def test_an_example_has_the_same_value_alone(
        self, likelihood: Likelihood, outcomes: Tensor
    ) -> None:
        last = rows(likelihood, slice(-1, None)).log_prob(outcomes[-1:])
        torch.testing.assert_close(last, likelihood.log_prob(outcomes)[-1:], rtol=0, atol=1e-12)

    def test_leading_dimensions_are_samples(self, likelihood: Likelihood, outcomes: Tensor) -> None:
        """Three samples for each example: parameters [3, B, ...] meet x [B, ...]."""
        stacked = stack([likelihood, rows(likelihood, slice(0, 1)), likelihood])
        log_prob_KB = stacked.log_prob(outcomes)
        assert log_prob_KB.shape == (3, len(outcomes))
        torch.testing.assert_close(log_prob_KB[2], likelihood.log_prob(outcomes))

    def test_a_sample_is_an_outcome_and_repeats_with_its_seed(
        self, likelihood: Likelihood, outcomes: Tensor
    ) -> None:
        world = torch.get_rng_state()
        first, again = (likelihood.sample(torch.Generator().manual_seed(3)) for _ in range(2))
        assert torch.equal(first, again)
        assert torch.equal(torch.get_rng_state(), world)
        assert first.shape == outcomes.shape
        assert likelihood.log_prob(first).isfinite().all()

    def test_the_mean_is_a_share(self, likelihood: Likelihood, outcomes: Tensor) -> None:
        assert ((likelihood.mean >= 0) & (likelihood.mean <= 1)).all()
        assert likelihood.mean.shape == outcomes.shape


def parameters(likelihood: Likelihood) -> dict[str, Tensor]:
    return {name: value for name, value in vars(likelihood).items() if isinstance(value, Tensor)}


def changed(likelihood: Likelihood, **new: Tensor) -> Likelihood:
    return type(likelihood)(**{**vars(likelihood), **new})


def single(likelihood: Likelihood) -> Likelihood:
    return changed(likelihood, **{k: v.float() for k, v in parameters(likelihood).items()})


def rows(likelihood: Likelihood, which: slice) -> Likelihood:
    """The parts of a mixture stand before the examples."""
    place = (slice(None), which) if isinstance(likelihood, LogisticMixture) else which
    return changed(likelihood, **{k: v[place] for k, v in parameters(likelihood).items()})


def stack(likelihoods: list[Likelihood]) -> Likelihood:
    """As samples of z, which stand before the examples and behind the parts of a mixture."""
    axis = int(isinstance(likelihoods[0], LogisticMixture))
    stacked = {
        name: torch.stack([parameters(one)[name].expand(whole.shape) for one in likelihoods], axis)
        for name, whole in parameters(likelihoods[0]).items()
    }
    return changed(likelihoods[0], **stacked)


def with_leaf(likelihood: Likelihood) -> tuple[Tensor, Likelihood]:
    """The first parameter as a leaf that collects gradients, and the likelihood on it."""
    name, value = next(iter(parameters(likelihood).items()))
    leaf = value.clone().requires_grad_()
    return leaf, changed(likelihood, **{name: leaf})


def csr(dense: Tensor) -> Tensor:
    """Without the words that do not occur."""
    kept = dense != 0
    indptr = torch.nn.functional.pad(kept.sum(1).cumsum(0), (1, 0))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            indptr, kept.nonzero()[:, 1], dense[kept], dense.shape, check_invariants=True
        )


def test_bernoulli_agrees_with_torch() -> None:
    logits = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0))
    x = (logits > 0.2).float()
    truth = distributions.Independent(distributions.Bernoulli(logits=logits), 2)
    torch.testing.assert_close(Bernoulli(logits).log_prob(x), truth.log_prob(x))
    torch.testing.assert_close(Bernoulli(logits).mean, truth.mean)


@pytest.mark.parametrize("log_scale", [-3.0, -1.0, 1.0])
def test_discretized_logistic_is_a_difference_of_logistic_cdfs(log_scale: float) -> None:
    levels, mean = 16, 0.6
    base = distributions.Uniform(torch.zeros((), dtype=DOUBLE), torch.ones((), dtype=DOUBLE))
    location = distributions.AffineTransform(mean, torch.tensor(log_scale, dtype=DOUBLE).exp())
    truth = distributions.TransformedDistribution(
        base, [distributions.SigmoidTransform().inv, location]
    )
    edges = (torch.arange(levels - 1, dtype=DOUBLE) + 0.5) / (levels - 1)
    cdf = torch.cat([torch.zeros(1, dtype=DOUBLE), truth.cdf(edges), torch.ones(1, dtype=DOUBLE)])
    log_prob = logistic(mean, log_scale, levels, 1).log_prob(every(levels, 1))
    torch.testing.assert_close(log_prob, cdf.diff().log(), rtol=1e-9, atol=1e-12)


def test_discretized_logistic_is_exact_far_from_its_mean() -> None:
    """Where the difference of two cdfs underflows: the log-density falls by 1 per scale."""
    sharp = logistic(0.0, -7.0, 256, 1)
    log_prob = single(sharp).log_prob(every(256, 1).float())
    slope = torch.tensor(-7.0).exp().reciprocal() / 255
    torch.testing.assert_close(log_prob[200] - log_prob[201], slope, rtol=1e-4, atol=0)


def test_a_mixture_agrees_with_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    shape, levels = (3, 4, 1, 2, 5), 9
    logits, location, log_scale = (
        torch.randn(shape, generator=generator, dtype=DOUBLE) for _ in range(3)
    )
    edges = (torch.arange(levels - 1, dtype=DOUBLE) + 0.5) / (levels - 1)
    base = distributions.Uniform(torch.zeros(1, dtype=DOUBLE), torch.ones(1, dtype=DOUBLE))
    parts = distributions.TransformedDistribution(
        base,
        [
            distributions.SigmoidTransform().inv,
            distributions.AffineTransform(location[..., None], log_scale.exp()[..., None]),
        ],
    )
    below = (logits.softmax(0)[..., None] * parts.cdf(edges)).sum(0)
    ends = below[..., :1] * 0
    truth = torch.cat([ends, below, ends + 1], -1).diff()
    found = LogisticMixture(logits, location, log_scale, levels)
    x = torch.randint(levels, shape[1:], generator=generator)
    stated = truth.gather(-1, x[..., None])[..., 0].log().sum((1, 2, 3))
    torch.testing.assert_close(found.log_prob(x.to(DOUBLE)), stated, rtol=1e-9, atol=1e-9)


def test_a_mixture_of_equal_parts_is_one_logistic() -> None:
    one = logistic(0.37, -2.0, 256, 1)
    many = mixture(256, 1, *[(weight, 0.37, -2.0) for weight in (0.3, -8.0, 2.0)])
    torch.testing.assert_close(many.log_prob(every(256, 1)), one.log_prob(every(256, 1)))


@pytest.mark.parametrize("location", [-0.5, 0.0, 0.37, 1.0, 1.6])
@pytest.mark.parametrize("log_scale", [-7.0, -4.0, -1.0, 2.0])
def test_the_mean_of_a_mixture_is_that_of_its_levels(location: float, log_scale: float) -> None:
    """Within the half level that the docstring states; without rounding nearer."""
    likelihood = mixture(256, 1, (0.2, location, log_scale), (-1.0, 0.8, -3.0))
    levels = every(256, 1)
    truth = (likelihood.log_prob(levels).exp()[:, None] * levels / 255).sum(0)
    truth = truth.expand_as(likelihood.mean)
    torch.testing.assert_close(likelihood.mean, truth, rtol=0, atol=0.5 / 255)
    if log_scale > -6:
        torch.testing.assert_close(likelihood.mean, truth, rtol=0, atol=1e-4)


@pytest.mark.parametrize("layout", ["dense", "csr"])
def test_multinomial_agrees_with_torch_but_for_its_coefficient(layout: str) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 6, generator=generator, dtype=DOUBLE)
    counts = torch.randint(0, 3, (4, 6), generator=generator).to(DOUBLE)
    x = counts if layout == "dense" else csr(counts)
    for row, log_prob in enumerate(Multinomial(logits).log_prob(x)):
        tokens = int(counts[row].sum())
        truth = distributions.Multinomial(tokens, logits=logits[row]).log_prob(counts[row])
        coefficient = torch.lgamma(counts[row].sum() + 1) - torch.lgamma(counts[row] + 1).sum()
        torch.testing.assert_close(log_prob, truth - coefficient)


@pytest.mark.parametrize("samples", [(), (3,), (2, 3)])
def test_multinomial_is_the_same_for_csr_and_dense(samples: tuple[int, ...]) -> None:
    logits = torch.randn(*samples, 4, 6, generator=torch.Generator().manual_seed(1))
    counts = torch.tensor(
        [[0, 2, 0, 1, 0, 0], [0] * 6, [1] * 6, [0, 0, 0, 0, 0, 9]], dtype=torch.float32
    )
    log_prob = Multinomial(logits).log_prob(csr(counts))
    assert log_prob.shape == (*samples, 4)
    torch.testing.assert_close(log_prob, Multinomial(logits).log_prob(counts))


def test_a_document_without_words_is_certain() -> None:
    logits = torch.tensor([[3.0, -50.0, 8.0]], requires_grad=True)
    for empty in (torch.zeros(1, 3), csr(torch.zeros(1, 3))):
        log_prob = Multinomial(logits).log_prob(empty)
        log_prob.backward()
        assert log_prob.item() == 0
        assert not logits.grad.any()


def test_multinomial_gradient_on_csr() -> None:
    counts = torch.tensor([[0, 2, 0, 1], [0, 0, 0, 0], [3, 1, 1, 1]], dtype=DOUBLE)
    logits = torch.randn(2, 3, 4, dtype=DOUBLE, generator=torch.Generator().manual_seed(2))
    assert torch.autograd.gradcheck(
        lambda free: Multinomial(free).log_prob(csr(counts)), logits.requires_grad_()
    )


@pytest.mark.parametrize("levels", [2, 7, 256])
def test_discretized_logistic_gradient(levels: int) -> None:
    generator = torch.Generator().manual_seed(3)
    x = torch.tensor([[0.0, levels - 1.0, levels // 2]], dtype=DOUBLE)
    mean = torch.rand(1, 3, dtype=DOUBLE, generator=generator).requires_grad_()
    log_scale = torch.randn(1, 3, dtype=DOUBLE, generator=generator).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda m, s: DiscretizedLogistic(m, s, levels).log_prob(x), (mean, log_scale)
    )


def test_a_mixture_gradient() -> None:
    generator = torch.Generator().manual_seed(3)
    x = torch.tensor([[0.0, 255.0, 100.0]], dtype=DOUBLE)
    free = [
        torch.randn(2, 1, 3, dtype=DOUBLE, generator=generator).requires_grad_() for _ in range(3)
    ]
    assert torch.autograd.gradcheck(lambda *p: LogisticMixture(*p, 256).log_prob(x), free)


@pytest.mark.parametrize(
    "likelihood",
    [
        DiscretizedLogistic(torch.full((40_000, 1), 0.8), torch.full((40_000, 1), -1.5), 5),
        single(mixture(5, 1, (0.4, 0.1, -3.0), (1.0, 0.7, -2.0))),
    ],
)
def test_sampled_levels_have_the_probabilities_that_log_prob_states(likelihood: Likelihood) -> None:
    draws, levels = 40_000, 5
    many = parameters(likelihood)
    if isinstance(likelihood, LogisticMixture):
        many = {name: each[:, :1].expand(-1, draws, -1) for name, each in many.items()}
    likelihood = changed(likelihood, **many)
    levels_drawn = likelihood.sample(torch.Generator().manual_seed(0)).long().flatten()
    stated = rows(likelihood, slice(0, levels)).log_prob(torch.arange(5.0)[:, None]).exp()
    shares = levels_drawn.bincount(minlength=levels) / draws
    torch.testing.assert_close(shares, stated, rtol=0, atol=0.015)


def test_sampled_words_have_the_probabilities_that_the_mean_states() -> None:
    likelihood = Multinomial(torch.tensor([[[1.0, 0.0, -1.0]], [[0.0, 0.0, 9.0]]]))
    counts = likelihood.sample(torch.Generator().manual_seed(0), tokens=20_000)
    assert counts.shape == (2, 1, 3)
    assert (counts.sum(-1) == 20_000).all()
    torch.testing.assert_close(counts / 20_000, likelihood.mean, rtol=0, atol=0.015)

"""What makes a bag-of-words model good, each against a truth of its own: all off by default."""

import math

import mpmath
import numpy as np
import pydantic
import pytest
import scipy.stats
import torch
from torch import Tensor, distributions, nn

from latentops import build, elbo
from latentops.artifacts import Arrays, Spec, Vocabulary
from latentops.data.batches import LEAST_KEPT, Bags, Batch
from latentops.elbo import Posterior
from latentops.errors import SettingsError
from latentops.inference import augmenting
from latentops.likelihoods import DirichletMultinomial, Multinomial
from latentops.metrics import kl_decomposition
from latentops.networks import bow, layers
from latentops.priors import Mixture, Prior, SoftmaxDirichlet, StandardNormal

TERMS = 6
TERMS_LISTED = tuple(f"t{column}" for column in range(TERMS))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def counts(documents: int = 4) -> np.ndarray:
    """The third document is empty."""
    drawn = np.random.default_rng(0).poisson(1.5, (documents, TERMS))
    drawn[2] = 0
    return drawn


def arrays(dense: np.ndarray) -> Arrays:
    rows, columns = dense.nonzero()
    indptr = np.concatenate([[0], np.bincount(rows, minlength=len(dense)).cumsum()])
    return {"indptr": indptr, "indices": columns, "counts": dense[rows, columns]}


def examples(
    settings: bow.Settings, dense: np.ndarray, target: tuple[int, ...] | None = None
) -> Bags:
    read = build.examples(spec(), vocabulary(target), arrays(dense), settings)
    assert isinstance(read, Bags)
    return read


def spec() -> Spec:
    return Spec(source="tiny", kind="counts", shape=(TERMS,))


def vocabulary(target: tuple[int, ...] | None = None) -> Vocabulary:
    return Vocabulary(terms=TERMS_LISTED, target=target or tuple(range(TERMS)))


def batch(settings: bow.Settings, dense: np.ndarray) -> Batch:
    return examples(settings, dense).frozen(0).batch(torch.arange(len(dense)))


def settings(**chosen: object) -> bow.Settings:
    return bow.Settings(**{"latent": 3, "hidden": (5,), **chosen})


# What the encoder reads


def test_an_encoder_of_counts_reads_as_one_of_weights_does() -> None:
    """But for what it is asked for, nothing changes: the same weights give the same posterior."""
    plain = build.model(spec(), vocabulary(), settings(), seed=0)
    counting = build.model(spec(), vocabulary(), settings(thinning=0.5), seed=0)
    dense = counts()
    expected = plain.encode(batch(settings(), dense).input)
    found = counting.encode(batch(settings(thinning=0.5), dense).input)
    torch.testing.assert_close(found.mean, expected.mean)
    torch.testing.assert_close(found.log_variance, expected.log_variance)


def test_the_lengths_are_words_and_distinct_words() -> None:
    """Documents of the same direction are one to the plain encoder and two with lengths."""
    dense = np.array([[1, 1, 0, 0, 0, 0], [0, 0, 0, 2, 1, 4]])
    read = batch(settings(length_features=True), dense).input
    assert bow.sizes(read).words_B.tolist() == [2, 7]
    assert bow.sizes(read).distinct_B.tolist() == [2, 3]
    short, long = np.array([[1] * TERMS]), np.array([[9] * TERMS])
    for told in (False, True):
        chosen = settings(length_features=told, tied=not told)
        encoder = build.model(spec(), vocabulary(), chosen, seed=0).encoder
        means = [encoder(batch(chosen, dense).input).mean for dense in (short, long)]
        assert torch.allclose(*means, atol=1e-6) != told


def test_the_precision_adds_up_over_words() -> None:
    """Twice the document: twice what it says beside the prior; an empty one has the prior's."""
    chosen = settings(posterior="evidence", hidden=())
    encoder = build.model(spec(), vocabulary(), chosen, seed=0).encoder
    encoder.evidence.data = torch.linspace(-2, 2, TERMS)
    encoder.bag.weight.data.zero_()
    encoder.bag.bias.data = torch.tensor([0.0, 0.0, 0.0, -1.0, 0.0, 1.0])
    dense = np.array([[1, 0, 2, 0, 0, 1], [2, 0, 4, 0, 0, 2], [0] * TERMS])
    precision = (-encoder(batch(chosen, dense).input).log_variance).exp()
    said = (torch.tensor(dense) * nn.functional.softplus(encoder.evidence)).sum(1)
    expected = 1 + said[:, None] * torch.tensor([-1.0, 0.0, 1.0]).exp()
    torch.testing.assert_close(precision, expected)


def test_evidence_without_end_stays_in_range() -> None:
    chosen = settings(posterior="evidence", hidden=())
    encoder = build.model(spec(), vocabulary(), chosen, seed=0).encoder
    encoder.bag.bias.data.fill_(1e9)
    q = encoder(batch(chosen, counts()).input)
    q.log_variance.sum().backward()
    assert q.log_variance.min() == layers.LOG_VARIANCE_RANGE[0]
    assert encoder.bag.bias.grad.isfinite().all()


def test_the_step_is_the_gradient_of_a_linear_decoder() -> None:
    """By autograd, at z = 0, times the variance; it moves only by as much as it is trusted."""
    chosen = settings(tied=True, decoder_hidden=(4,))
    vae = build.model(spec(), vocabulary(), chosen, seed=0)
    read = batch(chosen, counts()).input
    before = vae.encode(read)
    vae.encoder.trust.data = torch.tensor([1.0, 0.0, -2.0])
    after = vae.encode(read)
    vae.decoder.words.weight.data[:, 3:] = 0  # its hidden layer
    z = torch.zeros(4, 3, requires_grad=True)
    vae.decode(z).log_prob(read.to_dense()).sum().backward()
    step = vae.encoder.trust * before.log_variance.exp() * z.grad
    torch.testing.assert_close(after.mean - before.mean, step)
    assert not any("_words" in name for name in vae.state_dict())


def test_a_tied_model_comes_back_tied() -> None:
    chosen = settings(tied=True)
    vae = build.model(spec(), vocabulary(), chosen, seed=0)
    vae.encoder.trust.data.fill_(1.0)
    again = build.load_model(spec(), vocabulary(), chosen, build.weights(vae))
    read = batch(chosen, counts()).input
    assert torch.equal(again.encode(read).mean, vae.encode(read).mean)
    again.decoder.words.weight.data *= 2
    assert not torch.equal(again.encode(read).mean, vae.encode(read).mean)


# Thinning


def thinned(share: float = 1.0, target: tuple[int, ...] | None = None) -> tuple[Tensor, Tensor]:
    """A thousand times a document of 40 words of each kind, as read and as reconstructed."""
    many = examples(settings(thinning=share), np.full((1000, TERMS), 40), target)
    read, reconstructed = many.batch(torch.arange(1000), seeded())
    return read.to_dense(), reconstructed.to_dense()


def test_each_word_stays_with_the_probability_of_its_document() -> None:
    """Shares from the least to all, evenly; within a document they vary as a binomial."""
    read, _ = thinned()
    share = read.mean(1) / 40
    assert share.min() > LEAST_KEPT - 0.1
    assert share.mean().item() == pytest.approx((LEAST_KEPT + 1) / 2, abs=0.02)
    spread = (read.var(1) / (40 * share * (1 - share)).clamp(min=1e-9))[share < 0.9]
    assert spread.mean().item() == pytest.approx(1, abs=0.05)


def test_the_share_is_of_the_documents() -> None:
    read, _ = thinned(0.25)
    assert (read < 40).any(1).float().mean().item() == pytest.approx(0.25, abs=0.04)


def test_what_is_read_and_what_is_reconstructed_lose_the_same_words() -> None:
    read, reconstructed = thinned(target=(4, 1))
    assert torch.equal(reconstructed, read[:, [4, 1]])


def test_what_is_scored_is_whole() -> None:
    many = examples(settings(thinning=1.0), counts()).frozen(0)
    assert torch.equal(many.batch(torch.arange(4)).target.to_dense(), torch.tensor(counts()))


def test_a_document_that_lost_all_words_is_read() -> None:
    """Its counts are stored as 0."""
    chosen = settings(thinning=1.0, posterior="evidence", length_features=True, tied=True)
    vae = build.model(spec(), vocabulary(), chosen, seed=0)
    read = batch(chosen, counts()).input
    read.values().zero_()
    posterior = vae.encode(read)
    posterior.kl().sum().backward()
    assert posterior.kl().isfinite().all()
    assert torch.equal(posterior.log_variance, torch.zeros(4, 3))
    assert all(each.grad is None or each.grad.isfinite().all() for each in vae.parameters())


# Priors

PRIORS: list[Prior] = [StandardNormal(3), SoftmaxDirichlet(3, 0.4), Mixture(3, 4)]


def posterior() -> Posterior:
    return Posterior(torch.tensor([[0.5, -1.0, 2.0]]), torch.tensor([[-1.0, 0.3, -3.0]]))


def density(prior: Prior) -> distributions.Distribution:
    if isinstance(prior, Mixture):
        parts = distributions.Normal(prior.mean, (0.5 * prior.log_variance).exp())
        return distributions.MixtureSameFamily(
            distributions.Categorical(logits=prior.logits), distributions.Independent(parts, 1)
        )
    variance = getattr(prior, "variance", 1.0)
    normal = distributions.Normal(torch.zeros(3), torch.full((3,), math.sqrt(variance)))
    return distributions.Independent(normal, 1)


@pytest.fixture(params=PRIORS, ids=lambda prior: type(prior).__name__)
def prior(request: pytest.FixtureRequest) -> Prior:
    made = request.param
    for parameter in made.parameters():
        parameter.data = torch.randn(parameter.shape, generator=seeded(1))
    return made


class TestEveryPrior:
    def test_has_the_density_of_torch(self, prior: Prior) -> None:
        z = 2 * torch.randn(5, 7, 3, generator=seeded())
        torch.testing.assert_close(prior.log_prob(z), density(prior).log_prob(z))

    def test_has_a_rate_that_is_the_kl(self, prior: Prior) -> None:
        """On average over z; of two normals torch knows it."""
        q = Posterior(
            *(each.expand(200_000, 3) for each in (posterior().mean, posterior().log_variance))
        )
        z = q.sample(seeded())
        estimate = (q.log_prob(z) - density(prior).log_prob(z)).mean()
        assert prior.rate(q, z).sum(-1).mean().item() == pytest.approx(estimate.item(), rel=0.01)

    def test_draws_from_its_density(self, prior: Prior) -> None:
        drawn, expected = prior.sample(100_000, seeded()), density(prior)
        torch.testing.assert_close(drawn.mean(0), expected.mean, atol=0.03, rtol=0)
        torch.testing.assert_close(drawn.var(0), expected.variance, atol=0.06, rtol=0.03)
        assert prior.log_prob(drawn).mean().item() == pytest.approx(
            expected.log_prob(expected.sample((100_000,))).mean().item(), abs=0.03
        )

    def test_the_first_draws_do_not_depend_on_how_many_there_are(self, prior: Prior) -> None:
        for few in (1, 2, 5, 7, 32):
            assert torch.equal(prior.sample(64, seeded())[:few], prior.sample(few, seeded()))

    def test_has_the_moments_of_its_density(self, prior: Prior) -> None:
        mean_Z, deviation_Z = prior.moments()
        torch.testing.assert_close(mean_Z, density(prior).mean)
        torch.testing.assert_close(deviation_Z, density(prior).stddev)

    def test_is_what_the_codes_of_a_split_are_set_against(self, prior: Prior) -> None:
        """Of the same samples, the parts of the KL add up to its estimate."""
        q = Posterior(torch.randn(400, 3, generator=seeded()), torch.full((400, 3), -2.0))
        z = q.sample(seeded(1))
        found = kl_decomposition.decompose(q, seeded(1), log_prior=prior.log_prob)
        total = found.mutual_information_nats + found.aggregate_kl_nats
        expected = (q.log_prob(z) - density(prior).log_prob(z)).mean()
        assert total == pytest.approx(expected.item(), abs=1e-4)


@pytest.mark.parametrize("prior", [StandardNormal(3), SoftmaxDirichlet(3, 0.4)], ids=["1", "2"])
def test_costs_of_dimensions_add_up_to_a_rate_in_closed_form(prior: Prior) -> None:
    rate = prior.rate(posterior(), posterior().mean).sum()
    assert prior.by_dimension(posterior()).sum().item() == pytest.approx(rate.item())


def test_a_mixture_of_equal_standard_normals_is_the_standard_normal() -> None:
    mixture = Mixture(3, 4)
    mixture.mean.data.zero_()
    torch.testing.assert_close(mixture.by_dimension(posterior()), posterior().kl())
    z = torch.randn(5, 3, generator=seeded())
    torch.testing.assert_close(mixture.log_prob(z), elbo.standard_normal_log_prob(z))


@pytest.mark.parametrize("concentration", [0.9, 3.0])
def test_the_softmax_of_the_normal_is_near_the_dirichlet(concentration: float) -> None:
    """The expected largest share of ten: the approximation is not exact, but it is near."""
    near = SoftmaxDirichlet(10, concentration).sample(50_000, seeded()).softmax(-1)
    exact = np.random.default_rng(0).dirichlet([concentration] * 10, 50_000)
    assert near.max(1).values.mean().item() == pytest.approx(exact.max(1).mean(), rel=0.12)


# Likelihood and decoders


def test_the_dirichlet_multinomial_is_that_of_scipy() -> None:
    """Which counts every ordering of the words."""
    logits, x = torch.tensor([[0.3, -1.2, 2.0]], dtype=torch.float64), np.array([3, 0, 2])
    orderings = math.log(math.factorial(5) / (math.factorial(3) * math.factorial(2)))
    expected = scipy.stats.dirichlet_multinomial(logits[0].exp().numpy(), 5).logpmf(x)
    found = DirichletMultinomial(logits).log_prob(torch.tensor(x)[None].double())
    assert found.item() == pytest.approx(expected - orderings)


@pytest.mark.parametrize("log_total", [5.0, 12.5, 15.0, 19.9, 20.1, 30.0])
def test_long_documents_bear_any_concentration(log_total: float) -> None:
    """Of one word that can come and so comes always, and of two, by 50 digits."""
    logits = torch.tensor([[0.0, -1.0]], dtype=torch.float64).log_softmax(-1) + log_total
    with mpmath.workdps(50):
        a = [mpmath.exp(mpmath.mpf(each.item())) for each in logits[0]]
        expected = sum(
            mpmath.log(mpmath.rf(each, n)) for each, n in zip(a, (70_000, 30_000), strict=True)
        ) - mpmath.log(mpmath.rf(sum(a), 100_000))
    x = torch.tensor([[70_000, 30_000]], dtype=torch.float64)
    assert DirichletMultinomial(logits).log_prob(x).item() == pytest.approx(
        float(expected), abs=1e-4
    )


def test_words_come_in_bursts_where_the_likelihood_says_so() -> None:
    """The two shares of one document are Dirichlet: of variance a b / (a + b)^2 / (a + b + 1)."""
    logits = torch.log(torch.tensor([[0.5, 1.5]])).expand(20_000, 2)
    share = DirichletMultinomial(logits).shares(seeded())[:, 0].double()
    assert share.mean().item() == pytest.approx(0.25, abs=0.01)
    assert share.var().item() == pytest.approx(0.5 * 1.5 / 4 / 3, rel=0.05)
    draws = [np.random.default_rng(row) for row in range(4_000)]
    drawn = augmenting.words(DirichletMultinomial(logits[:4_000]), np.full(4_000, 50), draws)
    assert np.var([1 - each.mean() for each in drawn]) > 0.05  # 0.004 without bursts


def test_large_concentrations_give_the_multinomial() -> None:
    logits, x = torch.tensor([[0.3, -1.2, 2.0]]), torch.tensor([[3.0, 0, 2]])
    found = DirichletMultinomial(logits + 25).log_prob(x)
    torch.testing.assert_close(found, Multinomial(logits).log_prob(x))


def test_the_dirichlet_multinomial_reads_csr_as_it_reads_dense() -> None:
    logits = torch.randn(2, 4, TERMS, generator=seeded()).requires_grad_()
    sparse = batch(settings(), counts()).target
    found = DirichletMultinomial(logits).log_prob(sparse)
    torch.testing.assert_close(found, DirichletMultinomial(logits).log_prob(sparse.to_dense()))
    assert not found[:, 2].any()  # an empty document


def test_the_experts_are_mixed_by_their_logits() -> None:
    """By hand, in evaluation mode: BatchNorm of the mixed weights, and the background."""
    chosen = settings(decoder="topics", likelihood="dirichlet")
    decoder = build.model(spec(), vocabulary(), chosen, seed=0, unigram=np.arange(1, 7)).decoder
    decoder(torch.randn(50, 3, generator=seeded()))
    decoder.eval()
    z = torch.randn(2, 5, 3, generator=seeded(1))
    mixed = z.softmax(-1) @ decoder.words.weight.T
    scale = (decoder.norm.running_var + decoder.norm.eps).sqrt()
    background = torch.log(torch.arange(1.0, 7) / 21) + bow.FIRST_LOG_CONCENTRATION
    found = decoder(z)
    torch.testing.assert_close(
        found.logits, (mixed - decoder.norm.running_mean) / scale + background
    )
    assert isinstance(found, DirichletMultinomial)


# Settings that contradict each other


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"thinning": 0.5, "input": "tfidf"}, "set input to log1p"),
        ({"posterior": "evidence", "input": "tfidf"}, "set input to log1p"),
        ({"thinning": 0.5, "target": "presence"}, "set target to counts"),
        ({"decoder": "topics", "decoder_hidden": [4]}, r"set decoder_hidden to \[\]"),
        ({"decoder": "topics", "tied": True}, "set decoder to words"),
        ({"mean_scale": 0.8, "tied": True}, "keep one of them"),
        ({"tied": True, "target": "presence"}, "tied is of counts: set target to counts"),
        ({"likelihood": "dirichlet", "target": "presence"}, "likelihood dirichlet is of counts"),
        ({"prior": "dirichlet", "latent": 1}, "set latent to 2 or more"),
        ({"prior": "dirichlet", "posterior": "evidence"}, "set posterior to gaussian"),
        ({"prior": "dirichlet", "concentration": 0.01}, "greater than or equal to 0.02"),
    ],
)
def test_contradictions_are_refused(chosen: dict[str, object], said: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=said):
        settings(**chosen)


def test_a_tied_encoder_must_read_what_is_reconstructed() -> None:
    with pytest.raises(SettingsError, match=r"6 terms, but the decoder gives 2 .*tied: false"):
        build.model(spec(), vocabulary((4, 1)), settings(tied=True), seed=0)


def test_thinning_needs_all_target_words_to_be_read() -> None:
    pairs = Vocabulary(terms=("a", "b", "a b"), target=(0, 2), words=True, pairs=True)
    chosen = settings(terms="words", thinning=0.5)
    three = Spec(source="tiny", kind="counts", shape=(3,))
    with pytest.raises(SettingsError, match=r"1 terms are reconstructed and not read"):
        build.examples(three, pairs, arrays(np.eye(3, dtype=int)), chosen)

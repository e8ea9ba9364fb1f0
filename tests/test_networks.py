"""Networks and the VAE that joins them, against plain dense arithmetic."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from latentops import build, elbo
from latentops.artifacts import END, PAD, Spec, Vocabulary
from latentops.data.batches import Rows
from latentops.likelihoods import (
    Autoregressive,
    Bernoulli,
    DiscretizedLogistic,
    LogisticMixture,
    Multinomial,
)
from latentops.model import VAE
from latentops.networks import bow, conv, images, layers, mlp, seq

SHAPE = (1, 4, 3)
TERMS, WORDS = 9, 7


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def documents() -> Tensor:
    """Weighted terms of five documents, CSR [5, 9]; the third is empty."""
    dense = torch.rand(5, TERMS, generator=seeded()) * (
        torch.rand(5, TERMS, generator=seeded(1)) > 0.5
    )
    dense[2] = 0
    return sparse(dense)


def sparse(dense: Tensor) -> Tensor:
    kept = dense != 0
    indptr = nn.functional.pad(kept.sum(1).cumsum(0), (1, 0))
    return Rows(indptr, kept.nonzero()[:, 1].int(), dense[kept], dense.shape[1]).csr()


def bow_vae(**settings: object) -> VAE:
    chosen = bow.Settings(**{"latent": 3, "hidden": (8, 6), **settings})
    torch.manual_seed(0)
    return VAE(bow.Encoder(TERMS, chosen), bow.Decoder(WORDS, chosen), chosen.latent)


def mlp_vae(levels: int = 2, **settings: object) -> VAE:
    chosen = mlp.Settings(**{"latent": 3, "hidden": (8,), "decoder_hidden": (8,), **settings})
    torch.manual_seed(0)
    decoder = mlp.Decoder(SHAPE, chosen, head(levels, chosen))
    return VAE(mlp.Encoder(SHAPE, chosen), decoder, chosen.latent)


def conv_vae(levels: int = 2, **settings: object) -> VAE:
    chosen = conv.Settings(
        **{"latent": 3, "channels": (4, 6), "hidden": (8,), "decoder_hidden": (8,), **settings}
    )
    torch.manual_seed(0)
    decoder = conv.Decoder(SHAPE, chosen, head(levels, chosen))
    return VAE(conv.Encoder(SHAPE, chosen), decoder, chosen.latent)


def head(levels: int, chosen: images.Settings) -> images.Head:
    if levels == 2:
        return images.BernoulliHead(SHAPE)
    if chosen.mixtures == 1:
        return images.LogisticHead(SHAPE, levels)
    return images.LogisticMixtureHead(SHAPE, levels, chosen.mixtures)


def pixels() -> Tensor:
    return torch.rand(5, *SHAPE, generator=seeded())


def sentences() -> Tensor:
    """Five of at most six tokens, END among them."""
    tokens = torch.randint(END + 1, TERMS, (5, 6), generator=seeded())
    for row, length in enumerate((5, 2, 0, 3, 5)):
        tokens[row, length:] = PAD
        tokens[row, length] = END
    return tokens


def seq_vae(network: str, **settings: object) -> VAE:
    small = {"latent": 3, "embedding": 8, "hidden": (8,), "decoder_hidden": (8,), "heads": 2}
    chosen = seq.Settings(**{"network": network, **small, **settings})
    spec = Spec(source="tiny", kind="counts", shape=(TERMS,), tokens=TERMS)
    return build.model(spec, Vocabulary(), chosen, seed=0)


class Case(NamedTuple):
    """A network and what it should do with five examples."""

    vae: VAE
    x: Tensor
    likelihood: type
    event: tuple[int, ...]

    def only(self, row: int) -> Tensor:
        """That example as a batch of one."""
        if self.x.layout == torch.sparse_csr:
            return sparse(self.x.to_dense()[row : row + 1])
        return self.x[row : row + 1]

    def extreme(self) -> Tensor:
        """A million times as bright or as often; a thousand times as long."""
        return self.x.repeat(1, 1000).clamp(min=END) if self.of_sentences else self.x * 1e6

    def stated(self, likelihood: Any) -> Tensor:
        """What it says of each part of an example, [..., *event]."""
        return likelihood.token_log_prob(self.x) if self.of_sentences else likelihood.mean

    @property
    def of_sentences(self) -> bool:
        return self.likelihood is Autoregressive


CASES: dict[str, Callable[[], Case]] = {
    "bow": lambda: Case(bow_vae(), documents(), Multinomial, (WORDS,)),
    "bow-linear": lambda: Case(bow_vae(hidden=()), documents(), Multinomial, (WORDS,)),
    "bow-skip": lambda: Case(bow_vae(decoder_hidden=(6, 5)), documents(), Multinomial, (WORDS,)),
    "bow-norm": lambda: Case(bow_vae(mean_scale=0.8), documents(), Multinomial, (WORDS,)),
    "mlp": lambda: Case(mlp_vae(), pixels(), Bernoulli, SHAPE),
    "mlp-linear": lambda: Case(mlp_vae(hidden=(), decoder_hidden=()), pixels(), Bernoulli, SHAPE),
    "mlp-norm": lambda: Case(mlp_vae(mean_scale=0.8), pixels(), Bernoulli, SHAPE),
    "mlp-logistic": lambda: Case(mlp_vae(levels=17), pixels(), DiscretizedLogistic, SHAPE),
    "mlp-mixture": lambda: Case(mlp_vae(levels=17, mixtures=3), pixels(), LogisticMixture, SHAPE),
    "conv": lambda: Case(conv_vae(), pixels(), Bernoulli, SHAPE),
    "conv-linear": lambda: Case(
        conv_vae(hidden=(), decoder_hidden=(), blocks=0), pixels(), Bernoulli, SHAPE
    ),
    "conv-norm": lambda: Case(conv_vae(mean_scale=0.8), pixels(), Bernoulli, SHAPE),
    "conv-logistic": lambda: Case(conv_vae(levels=17), pixels(), DiscretizedLogistic, SHAPE),
    "conv-mixture": lambda: Case(conv_vae(levels=17, mixtures=3), pixels(), LogisticMixture, SHAPE),
    "gru": lambda: Case(seq_vae("gru"), sentences(), Autoregressive, (6,)),
    "lstm": lambda: Case(seq_vae("lstm"), sentences(), Autoregressive, (6,)),
    "lstm-deep": lambda: Case(
        seq_vae("lstm", hidden=(7, 9), decoder_hidden=(5, 4), tied=False),
        sentences(),
        Autoregressive,
        (6,),
    ),
    "gru-norm": lambda: Case(seq_vae("gru", mean_scale=0.8), sentences(), Autoregressive, (6,)),
    "transformer": lambda: Case(seq_vae("transformer"), sentences(), Autoregressive, (6,)),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]()


class TestEveryNetwork:
    def test_returns_distributions_of_the_stated_shapes(self, case: Case) -> None:
        output = case.vae(case.x, seeded())
        assert output.posterior.mean.shape == output.posterior.log_variance.shape == (5, 3)
        assert output.z.shape == (5, 3)
        assert isinstance(output.likelihood, case.likelihood)
        assert case.stated(output.likelihood).shape == (5, *case.event)

    def test_decodes_many_samples_as_it_decodes_each(self, case: Case) -> None:
        z_KBZ = torch.randn(4, 5, 3, generator=seeded())
        stated = case.stated(case.vae.decode(z_KBZ))
        assert stated.shape == (4, 5, *case.event)
        torch.testing.assert_close(stated[2], case.stated(case.vae.decode(z_KBZ[2])))

    def test_an_example_is_encoded_the_same_alone(self, case: Case) -> None:
        """Also after training has moved the running statistics."""
        case.vae.encode(case.x)
        case.vae.eval()
        alone, among = case.vae.encode(case.only(3)), case.vae.encode(case.x)
        torch.testing.assert_close(alone.mean, among.mean[3:4])
        torch.testing.assert_close(alone.log_variance, among.log_variance[3:4])

    def test_noise_comes_from_the_generator_alone(self, case: Case) -> None:
        world = torch.get_rng_state()
        first, again, other = (case.vae(case.x, seeded(seed)).z for seed in (1, 1, 2))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
        assert torch.equal(torch.get_rng_state(), world)

    def test_two_steps_of_one_generator_see_different_noise(self, case: Case) -> None:
        generator = seeded()
        first, second = (case.vae(case.x, generator).z for _ in range(2))
        assert not torch.equal(first, second)

    def test_every_parameter_receives_a_gradient(self, case: Case) -> None:
        output = case.vae(case.x, seeded())
        target = output.likelihood.sample(seeded())
        elbo.terms(output.rate_BZ, output.likelihood, target).elbo_B.mean().backward()
        missing = [name for name, p in case.vae.named_parameters() if not p.grad.any()]
        assert missing == []

    def test_an_extreme_input_stays_finite(self, case: Case) -> None:
        q = case.vae.encode(case.extreme())
        low, high = layers.LOG_VARIANCE_RANGE
        assert ((q.log_variance >= low) & (q.log_variance <= high)).all()
        assert q.kl().isfinite().all()


def test_the_log_variance_is_clamped_and_the_mean_is_not() -> None:
    q = layers.posterior(torch.tensor([[50.0, -50.0, 50.0, -50.0]]))
    assert q.mean.tolist() == [[50, -50]]
    assert q.log_variance.tolist() == [[4, -8]]


def test_the_bag_is_a_linear_layer_on_the_dense_rows() -> None:
    rows = documents()
    bag = bow.Bag(TERMS, 4)
    with torch.no_grad():
        bag.bias.normal_(generator=seeded())
    found = bag(rows.col_indices(), rows.crow_indices(), rows.values())
    torch.testing.assert_close(found, rows.to_dense() @ bag.weight + bag.bias)


def test_the_bag_has_the_gradient_of_a_linear_layer() -> None:
    rows, bag = documents(), bow.Bag(TERMS, 4)
    bag(rows.col_indices(), rows.crow_indices(), rows.values()).square().sum().backward()
    found, dense = bag.weight.grad, bag.weight.detach().clone().requires_grad_()
    (rows.to_dense() @ dense).square().sum().backward()
    torch.testing.assert_close(found, dense.grad)


def test_hidden_layers_of_the_document_decoder_stand_beside_the_linear_map() -> None:
    """With the hidden layers silenced, what is left is linear in z."""
    decoder = bow.Decoder(WORDS, bow.Settings(latent=3, decoder_hidden=(6, 5)))
    z = torch.randn(4, 3, generator=seeded())
    plain = z @ decoder.words.weight[:, :3].T + decoder.words.bias
    assert not torch.allclose(decoder(z).logits, plain)
    with torch.no_grad():
        decoder.words.weight[:, 3:] = 0
    torch.testing.assert_close(decoder(z).logits, plain)


def test_the_document_decoder_starts_at_the_unigram() -> None:
    shares = torch.tensor([0.5, 0.2, 0.1, 0.1, 0.05, 0.03, 0.02])
    decoder = bow.Decoder(WORDS, bow.Settings(latent=3), shares.log())
    torch.testing.assert_close(decoder(torch.zeros(1, 3)).mean, shares[None])


class TestBatchNorm:
    def test_means_have_the_scale_around_the_shift_whatever_the_encoder_says(self) -> None:
        scaled = layers.ScaledMean(3, 0.8)
        with torch.no_grad():
            scaled.shift.copy_(torch.tensor([0.0, 1.0, -2.0]))
        found = scaled(torch.randn(500, 3, generator=seeded()) * 7 + 5)
        torch.testing.assert_close(found.std(0, correction=0), torch.full((3,), 0.8))
        torch.testing.assert_close(found.mean(0), scaled.shift)

    def test_no_dimension_can_collapse(self) -> None:
        """KL >= mean squared / 2, whose mean over the batch is (0.8 ** 2 + shift ** 2) / 2."""
        heads = 0.1 * torch.randn(500, 6, generator=seeded())
        q = layers.posterior(heads)
        assert (q.kl().mean(0) < 0.02).all()
        scaled = elbo.Posterior(layers.ScaledMean(3, 0.8)(q.mean), q.log_variance)
        assert (scaled.kl().mean(0) >= 0.8**2 / 2 * 0.99).all()

    def test_evaluation_uses_what_training_saw(self) -> None:
        """After many batches: mean and variance of all of them, as torch's BatchNorm keeps them."""
        scaled, x = layers.ScaledMean(2, 0.5), 3 * torch.randn(400, 2, generator=seeded()) + 1
        for _ in range(200):
            scaled(x)
        found = scaled.eval()(x[:1])
        truth = 0.5 * (x[:1] - x.mean(0)) / x.std(0)
        torch.testing.assert_close(found, truth, rtol=1e-4, atol=1e-4)

    def test_one_example_is_read_by_the_running_statistics_and_does_not_move_them(self) -> None:
        norm, plain = layers.BatchNorm(3), nn.BatchNorm1d(3).eval()
        x = torch.randn(1, 3, generator=seeded())
        torch.testing.assert_close(norm(x), plain(x))
        assert norm.num_batches_tracked == 0
        assert torch.equal(norm.running_mean, torch.zeros(3))

    def test_nothing_is_added_to_a_model_that_does_not_ask(self) -> None:
        assert not [name for name, _ in bow_vae().named_buffers()]
        assert not [name for name in bow_vae().state_dict() if "norm" in name or "shift" in name]


class TestRead:
    def test_gives_the_posterior_of_encode_and_one_row_for_each_example(self, case: Case) -> None:
        case.vae.eval()
        reading, posterior = case.vae.read(case.x), case.vae.encode(case.x)
        assert torch.equal(reading.posterior.mean, posterior.mean)
        assert torch.equal(reading.posterior.log_variance, posterior.log_variance)
        activations = [isinstance(layer, nn.SiLU) for layer in case.vae.encoder.body]
        assert reading.hidden_BH.shape[0] == 5
        assert (reading.hidden_BH.shape[1] > 0) == (any(activations) or case.of_sentences)

    def test_the_hidden_layers_of_documents_stand_side_by_side_after_their_activation(self) -> None:
        vae, rows = bow_vae(activation="tanh", word_dropout=0.5).eval(), documents()
        linear = vae.encoder.body[1]
        first = (rows.to_dense() @ vae.encoder.bag.weight + vae.encoder.bag.bias).tanh()
        second = (first @ linear.weight.T + linear.bias).tanh()
        torch.testing.assert_close(vae.read(rows).hidden_BH, torch.cat([first, second], dim=1))

    def test_the_hidden_layers_of_images_stand_side_by_side_after_their_activation(self) -> None:
        vae, x = mlp_vae(activation="relu", hidden=(8, 6)), pixels()
        one, _, other, _, _ = vae.encoder.body
        first = (x.flatten(1) @ one.weight.T + one.bias).clamp(min=0)
        second = (first @ other.weight.T + other.bias).clamp(min=0)
        torch.testing.assert_close(vae.read(x).hidden_BH, torch.cat([first, second], dim=1))


class TestWordDropout:
    def test_nothing_is_dropped_in_evaluation(self) -> None:
        vae = bow_vae(word_dropout=0.9)
        plain = bow_vae()
        assert torch.equal(vae.eval().encode(documents()).mean, plain.encode(documents()).mean)

    def test_each_step_drops_other_terms_and_a_seed_brings_them_back(self) -> None:
        vae, generator = bow_vae(word_dropout=0.5).train(), seeded(1)
        first, second = (vae.encode(documents(), generator).mean for _ in range(2))
        assert not torch.equal(first, second)
        assert torch.equal(first, vae.encode(documents(), seeded(1)).mean)

    def test_drops_the_share_asked_for_and_keeps_the_expected_sum(self) -> None:
        """A layer whose weights are 1 shows the sum of the weights that were kept."""
        encoder = bow.Encoder(20_000, bow.Settings(latent=1, hidden=(), word_dropout=0.3)).train()
        with torch.no_grad():
            encoder.bag.weight.fill_(1e-4)
        rows = sparse(torch.ones(1, 20_000))
        kept = encoder(rows, seeded()).mean.item() / 1e-4 * 0.7
        assert kept == pytest.approx(14_000, rel=0.02)

    @pytest.mark.parametrize("reader", [{"posterior": "evidence"}, {"length_features": True}])
    def test_what_is_dropped_no_part_of_the_encoder_reads(self, reader: dict[str, Any]) -> None:
        vae = bow_vae(word_dropout=0.999999, **reader).train()
        found = vae.encode(documents(), seeded())
        assert torch.equal(found.mean, found.mean[:1].expand_as(found.mean))
        assert torch.equal(found.log_variance, found.log_variance[:1].expand_as(found.mean))


class OutputShapes(TorchDispatchMode):
    """Remembers the shape of every tensor that an operation makes."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: set[tuple[int, ...]] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        made = out if isinstance(out, tuple | list) else (out,)
        self.shapes |= {
            tuple(t.shape) for t in made if isinstance(t, Tensor) and t.layout == torch.strided
        }
        return out


def test_a_vocabulary_of_50_000_makes_no_dense_input() -> None:
    terms, batch = 50_000, 256
    settings = bow.Settings(latent=2, hidden=(4,), word_dropout=0.2)
    vae = VAE(bow.Encoder(terms, settings), bow.Decoder(100, settings), 2).train()
    columns = torch.randint(terms, (batch * 20,), generator=seeded(), dtype=torch.int32)
    indptr = torch.arange(batch + 1) * 20
    rows = Rows(indptr, columns, torch.ones(len(columns)), terms)
    target = Rows(indptr, columns % 100, torch.ones(len(columns)), 100).csr()
    with OutputShapes() as made:
        output = vae(rows.csr(), seeded())
        elbo.terms(output.rate_BZ, output.likelihood, target).elbo_B.sum().backward()
    largest = max(math.prod(shape) for shape in made.shapes)
    assert largest == terms * 4  # the gradient of the first layer


@pytest.mark.parametrize("name", ["relu", "tanh", "silu", "gelu"])
def test_activations_stand_between_layers_only(name: layers.Activation) -> None:
    x = torch.linspace(-2, 2, 6).reshape(2, 3)
    network = layers.perceptron([3, 4, 2], name)
    first, _, last = network
    expected = (
        last(getattr(nn.functional, name)(first(x))) if name != "tanh" else last(first(x).tanh())
    )
    torch.testing.assert_close(network(x), expected)
    assert len(layers.perceptron([3, 2], name)) == 1


@pytest.mark.parametrize("mixtures", [1, 3])
def test_an_untrained_logistic_decoder_is_near_to_the_uniform_code(mixtures: int) -> None:
    """No pixel starts out impossible: its cost is at most twice ln(levels)."""
    vae = mlp_vae(levels=256, mixtures=mixtures)
    x = torch.randint(256, (64, *SHAPE), generator=seeded()).float()
    likelihood = vae.decode(torch.randn(64, 3, generator=seeded()))
    nats = -likelihood.log_prob(x).mean().item() / math.prod(SHAPE)
    assert math.log(256) * 0.8 < nats < math.log(256) * 2

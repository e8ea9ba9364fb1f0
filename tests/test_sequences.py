"""Networks and likelihood of sentences: against enumeration, and each row against itself alone."""

import itertools
import math
from collections.abc import Iterator

import pydantic
import pytest
import torch
from torch import Tensor, distributions

from latentops import build
from latentops.artifacts import END, PAD, START, UNKNOWN, Spec, Vocabulary
from latentops.data.batches import Sequences
from latentops.errors import SettingsError
from latentops.likelihoods import Autoregressive
from latentops.metrics import bounds
from latentops.model import VAE
from latentops.networks import decoding, seq

NETWORKS = ["gru", "lstm", "transformer"]
TOKENS = 6  # the special ones and two words
WORDS = (UNKNOWN, 4, 5)
LONGEST = 4


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def spec(tokens: int | None = TOKENS) -> Spec:
    return Spec(source="tiny", kind="counts", shape=(2,), tokens=tokens)


def sentence_vae(network: str, tokens: int = TOKENS, **settings: object) -> VAE:
    """With weights so large that every choice matters, as after training; in evaluation mode."""
    small = {"latent": 3, "embedding": 6, "hidden": (8,), "decoder_hidden": (8,), "heads": 2}
    chosen = seq.Settings(**{"network": network, **small, **settings})
    vae = build.model(spec(tokens), Vocabulary(), chosen, seed=0)
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=seeded(parameter.numel())) * 0.6)
    return vae.double().eval()


@pytest.fixture(params=NETWORKS)
def vae(request: pytest.FixtureRequest) -> VAE:
    return sentence_vae(request.param)


def codes(*shape: int) -> Tensor:
    return torch.randn(*shape, 3, generator=seeded(), dtype=torch.float64)


def every_sentence(longest: int = LONGEST) -> Tensor:
    """All of up to `longest` tokens, END among them, and all beginnings of that many."""
    rows = [
        [*words, END] + [PAD] * (longest - 1 - count)
        for count in range(longest)
        for words in itertools.product(WORDS, repeat=count)
    ]
    beginnings = [list(words) for words in itertools.product(WORDS, repeat=longest)]
    return torch.tensor(rows + beginnings)


SENTENCES = torch.tensor(
    [[4, 5, 4, UNKNOWN, END], [5, END, PAD, PAD, PAD], [END, PAD, PAD, PAD, PAD]]
)


class TestLikelihood:
    def test_the_probabilities_of_all_sentences_sum_to_one(self, vae: VAE) -> None:
        sentences = every_sentence()
        one = vae.decode(codes(1).expand(len(sentences), -1))
        assert one.log_prob(sentences).exp().sum().item() == pytest.approx(1, abs=1e-9)

    def test_pad_and_start_never_come(self, vae: VAE) -> None:
        for token in (PAD, START):
            logits, _ = vae.decoder.step(torch.tensor([START]), vae.decoder.begin(codes(1)))
            assert logits[0, token] == -math.inf

    def test_is_the_product_of_what_each_step_says(self, vae: VAE) -> None:
        """The way of writing, one token at a time, against the way of reading, all at once."""
        z = codes(3)
        found, state = [], vae.decoder.begin(z)
        for read, wanted in zip((torch.full((3,), START), *SENTENCES.T), SENTENCES.T, strict=False):
            logits, state = vae.decoder.step(read, state)
            of_wanted = distributions.Categorical(logits=logits).log_prob(wanted.clamp(min=1))
            found.append(of_wanted.masked_fill(wanted == PAD, 0))
        torch.testing.assert_close(
            vae.decode(z).token_log_prob(SENTENCES), torch.stack(found, dim=1)
        )

    def test_padding_changes_no_score(self, vae: VAE) -> None:
        z, wide = codes(3), torch.nn.functional.pad(SENTENCES, (0, 7), value=PAD)
        scores = vae.decode(z).log_prob(wide)
        for row, sentence in enumerate(SENTENCES):
            alone = sentence[sentence != PAD][None]
            assert vae.decode(z[row : row + 1]).log_prob(alone).item() == pytest.approx(
                scores[row].item(), abs=1e-12
            )

    def test_training_scores_as_evaluation_does(self, vae: VAE) -> None:
        """Though PAD takes part in it."""
        evaluated = vae.decode(codes(2, 3)).token_log_prob(SENTENCES)
        trained = vae.train().decode(codes(2, 3)).token_log_prob(SENTENCES)
        torch.testing.assert_close(trained, evaluated)
        trained.sum().backward()
        assert all(each.grad.isfinite().all() for each in vae.decoder.parameters())

    def test_padding_changes_no_code(self, vae: VAE) -> None:
        wide = vae.encode(torch.nn.functional.pad(SENTENCES, (0, 7), value=PAD))
        for row, sentence in enumerate(SENTENCES):
            alone = vae.encode(sentence[sentence != PAD][None])
            torch.testing.assert_close(alone.mean, wide.mean[row : row + 1])
            torch.testing.assert_close(alone.log_variance, wide.log_variance[row : row + 1])

    def test_pieces_make_no_difference(self, vae: VAE, monkeypatch: pytest.MonkeyPatch) -> None:
        z = codes(4, 3)
        whole = vae.decode(z).log_prob(SENTENCES)
        monkeypatch.setattr("latentops.likelihoods._PLACES_AT_ONCE", 11)
        monkeypatch.setattr("latentops.networks.seq._LOGITS_AT_ONCE", 14)
        torch.testing.assert_close(vae.decode(z).log_prob(SENTENCES), whole)

    def test_no_place_knows_what_follows(self, vae: VAE) -> None:
        other = SENTENCES.clone()
        other[0, 3] = 5
        z = codes(3)
        one, two = (vae.decode(z).token_log_prob(each) for each in (SENTENCES, other))
        assert torch.equal(one[0, :3], two[0, :3])
        assert one[0, 4] != two[0, 4]

    def test_z_reaches_every_step(self, vae: VAE) -> None:
        """Also where no state could carry it: in the gradient of each place alone."""
        z = codes(1).requires_grad_()
        scores = vae.decode(z).token_log_prob(SENTENCES[:1])[0]
        gradients = [torch.autograd.grad(each, z, retain_graph=True)[0] for each in scores]
        assert all(each.abs().min() > 1e-9 for each in gradients)

    @pytest.mark.parametrize("network", ["gru", "lstm"])
    def test_z_is_read_at_every_step_not_only_in_the_first_state(self, network: str) -> None:
        vae = sentence_vae(network)
        with torch.no_grad():
            vae.decoder.first.weight.zero_()
            vae.decoder.layers[0].weight_hh_l0.zero_()  # a step that remembers nothing but the cell
        z = codes(2)
        one, other = (vae.decode(each[None]).token_log_prob(SENTENCES[:1])[0] for each in z)
        assert (one != other).all()

    @pytest.mark.parametrize("network", ["gru", "lstm"])
    def test_the_first_state_is_made_of_z(self, network: str) -> None:
        vae = sentence_vae(network)
        with torch.no_grad():
            vae.decoder.layers[0].weight_ih_l0[:, 6:].zero_()
        one, other = (vae.decode(each[None]).log_prob(SENTENCES[:1]) for each in codes(2))
        assert one != other

    @pytest.mark.parametrize("network", NETWORKS)
    def test_the_bound_reaches_the_evidence(self, network: str) -> None:
        """Of one latent dimension, integrated on a grid; the posterior is widened to cover it."""
        vae = sentence_vae(network, latent=1)
        with torch.no_grad():
            vae.encoder.body[-1].weight.zero_()
            vae.encoder.body[-1].bias.zero_()
        grid = torch.linspace(-7, 7, 701, dtype=torch.float64)[:, None, None]
        log_joint = vae.decode(grid.expand(-1, 3, -1)).log_prob(SENTENCES)
        density = torch.exp(log_joint + vae.prior.log_prob(grid))
        truth = torch.trapezoid(density, grid[:, 0, 0], dim=0).log()
        found = bounds.importance_sampled_nll(vae, [(SENTENCES, SENTENCES)], 8000, seeded())
        torch.testing.assert_close(-found, truth, rtol=0, atol=0.05)

    def test_a_sentence_without_its_end_has_the_probability_of_all_that_go_on(self) -> None:
        vae, z = sentence_vae("gru"), codes(1)
        begun = vae.decode(z).log_prob(torch.tensor([[4, 5]])).exp()
        on = torch.tensor([[4, 5, token] for token in (*WORDS, END)])
        assert vae.decode(z.expand(4, -1)).log_prob(on).exp().sum().item() == pytest.approx(
            begun.item()
        )


class TestWriting:
    def test_draws_sentences_as_often_as_they_are_probable(self, vae: VAE) -> None:
        many, sentences = 20_000, every_sentence()
        likelihood = vae.decode(codes(1).expand(many, -1))
        drawn = likelihood.sample(seeded(), longest=LONGEST)
        known = {tuple(row.tolist()): place for place, row in enumerate(sentences)}
        places = torch.tensor([known[tuple(row.tolist())] for row in drawn])
        shares = torch.bincount(places, minlength=len(sentences)) / many
        truth = vae.decode(codes(1).expand(len(sentences), -1)).log_prob(sentences).exp()
        assert (shares - truth).abs().max() < 0.015

    def test_many_beams_find_the_most_probable_of_all_sentences(self, vae: VAE) -> None:
        sentences, z = every_sentence(), codes(5)
        found = decoding.beam(vae.decode(z), beams=200, longest=LONGEST)
        for code, row in zip(z, found, strict=True):
            scores = vae.decode(code.expand(len(sentences), -1)).log_prob(sentences)
            best = sentences[scores.argmax()]
            assert row.tolist() == best[: len(row)].tolist()
            assert not best[len(row) :].any()

    @torch.no_grad()
    def test_each_beam_goes_on_from_its_own_words(self, vae: VAE) -> None:
        """With weights so large that a sentence hangs on how it began."""
        for name, weights in vae.decoder.named_parameters():
            weights.mul_(1 if "embedding" in name else 2)
        sentences, z = every_sentence(), codes(40)
        found = decoding.beam(vae.decode(z), beams=200, longest=LONGEST)
        padded = torch.nn.functional.pad(found, (0, sentences.shape[1] - found.shape[1]))
        best = [vae.decode(code.expand(len(sentences), -1)).log_prob(sentences).max() for code in z]
        torch.testing.assert_close(vae.decode(z).log_prob(padded), torch.stack(best))

    def test_one_beam_is_greedy(self, vae: VAE) -> None:
        likelihood = vae.decode(codes(2, 3))
        greedy, beam = likelihood.write(decoding.greedy, 9), decoding.beam(likelihood, 1, 9)
        assert greedy.shape[:-1] == beam.shape[:-1] == (2, 3)
        longest = max(greedy.shape[-1], beam.shape[-1])
        pad = [
            torch.nn.functional.pad(each, (0, longest - each.shape[-1])) for each in (greedy, beam)
        ]
        assert torch.equal(*pad)

    def test_more_beams_are_never_worse_here(self) -> None:
        """Not a law of beam search, but true of these; and strictly better for some."""
        vae, z = sentence_vae("lstm", tokens=12), codes(40)
        likelihood = vae.decode(z)
        one, many = (likelihood.log_prob(decoding.beam(likelihood, beams, 6)) for beams in (1, 50))
        assert (many >= one - 1e-12).all()
        assert (many > one + 1e-6).any()

    def test_is_cut_at_the_longest_and_padded_after_its_end(self, vae: VAE) -> None:
        written = vae.decode(codes(50)).sample(seeded(), longest=7)
        assert written.shape[0] == 50
        assert written.shape[1] <= 7
        for row in written.tolist():
            assert START not in row
            length = row.index(END) + 1 if END in row else len(row)
            assert PAD not in row[:length]
            assert set(row[length:]) <= {PAD}

    def test_the_same_seed_draws_the_same(self, vae: VAE) -> None:
        likelihood = vae.decode(codes(9))
        one, again, other = (likelihood.sample(seeded(seed), longest=5) for seed in (1, 1, 2))
        assert torch.equal(one, again)
        assert one.shape != other.shape or not torch.equal(one, other)

    def test_remembers_what_it_wrote(self, vae: VAE) -> None:
        """A greedy sentence is the greedy choice at each place of the whole."""
        likelihood = vae.decode(codes(6))
        written = likelihood.write(decoding.greedy, 6)
        for place in range(written.shape[1]):
            for token in WORDS:
                other = written.clone()
                other[:, place] = token
                chosen = likelihood.token_log_prob(written)[:, place]
                real = written[:, place] != PAD
                assert (chosen[real] >= likelihood.token_log_prob(other)[real, place]).all()


class TestChoices:
    LOGITS = torch.tensor([0.5, 0.25, 0.15, 0.1]).log()[[2, 0, 3, 1]].repeat(20_000, 1)

    def shares(self, **settings: object) -> list[float]:
        drawn = decoding.sampled(seeded(), **settings)(self.LOGITS)
        return (torch.bincount(drawn, minlength=4) / len(drawn)).tolist()

    def test_all_tokens_by_their_share(self) -> None:
        assert self.shares() == pytest.approx([0.15, 0.5, 0.1, 0.25], abs=0.01)

    def test_a_temperature_of_a_half_squares_the_shares(self) -> None:
        squares = torch.tensor([0.15, 0.5, 0.1, 0.25]).square()
        expected = (squares / squares.sum()).tolist()
        assert self.shares(temperature=0.5) == pytest.approx(expected, abs=0.01)

    def test_top_k_keeps_the_commonest_and_their_proportions(self) -> None:
        assert self.shares(top_k=2) == pytest.approx([0, 2 / 3, 0, 1 / 3], abs=0.01)

    def test_top_k_above_the_vocabulary_keeps_all(self) -> None:
        assert self.shares(top_k=9) == self.shares()

    @pytest.mark.parametrize(
        ("top_p", "kept"), [(0.4, [1]), (0.6, [1, 3]), (0.8, [0, 1, 3]), (0.95, [0, 1, 2, 3])]
    )
    def test_a_nucleus_is_the_fewest_that_have_the_share(
        self, top_p: float, kept: list[int]
    ) -> None:
        shares = torch.tensor(self.shares(top_p=top_p))
        assert shares.nonzero().flatten().tolist() == kept
        truth = torch.tensor([0.15, 0.5, 0.1, 0.25])[kept]
        torch.testing.assert_close(shares[kept], truth / truth.sum(), rtol=0, atol=0.01)


class Recorder:
    """Stands in for an embedding: remembers which tokens were read."""

    def __init__(self, embedding: torch.nn.Embedding) -> None:
        self.embedding = embedding
        self.weight = embedding.weight
        self.read: list[Tensor] = []

    def __call__(self, tokens: Tensor) -> Tensor:
        self.read.append(tokens.clone())
        return self.embedding(tokens)


class TestWordDropout:
    X = torch.cat([torch.full((500, 40), 4), torch.full((500, 1), END)], dim=1)

    def tokens_read(self, vae: VAE, generator: torch.Generator | None) -> Iterator[Tensor]:
        embedding = vae.decoder.embedding
        del vae.decoder.embedding
        vae.decoder.embedding = recorder = Recorder(embedding)
        vae.decode(codes(500), generator).log_prob(self.X)
        yield from recorder.read

    def test_is_of_tokens_in_training_with_the_share_asked_for(self) -> None:
        vae = sentence_vae("gru", word_dropout=0.3).train()
        (read,) = self.tokens_read(vae, seeded())
        assert (read[:, 0] == START).all()
        assert set(read[:, 1:].unique().tolist()) == {UNKNOWN, 4}
        assert (read[:, 1:] == UNKNOWN).double().mean().item() == pytest.approx(0.3, abs=0.01)

    def test_is_off_in_evaluation(self) -> None:
        (read,) = self.tokens_read(sentence_vae("gru", word_dropout=1.0), seeded())
        assert (read[:, 1:] == 4).all()

    @pytest.mark.parametrize("network", NETWORKS)
    def test_all_of_it_leaves_z_alone_to_tell(self, network: str) -> None:
        """Which words came before then makes no difference."""
        vae = sentence_vae(network, word_dropout=1.0).train()
        one = torch.tensor([[4, 4, 4, END]])
        other = torch.tensor([[5, 5, 4, END]])
        scores = [vae.decode(codes(1), seeded()).token_log_prob(x)[0, 2:] for x in (one, other)]
        assert torch.equal(*scores)

    def test_noise_is_the_generators_alone(self) -> None:
        vae = sentence_vae("lstm", word_dropout=0.5, dropout=0.5).train()
        world = torch.get_rng_state()
        one, again, other = (elbo_of(vae, seeded(seed)).tolist() for seed in (1, 1, 2))
        assert one == again != other
        assert torch.equal(torch.get_rng_state(), world)

    def test_dropout_changes_nothing_in_evaluation(self) -> None:
        vae, plain = sentence_vae("gru", dropout=0.5), sentence_vae("gru")
        assert torch.equal(elbo_of(vae, seeded()), elbo_of(plain, seeded()))


def elbo_of(vae: VAE, generator: torch.Generator) -> Tensor:
    output = vae(SENTENCES, generator)
    return output.likelihood.log_prob(SENTENCES) - output.rate_BZ.sum(-1)


def test_tied_embeddings_have_no_other_output_weights() -> None:
    tied, untied = (sentence_vae("gru", tied=tied).state_dict() for tied in (True, False))
    assert set(untied) - set(tied) == {"decoder.output"}


def test_a_decoder_that_knows_nothing_gives_the_unigram() -> None:
    unigram, settings = torch.tensor([0, 3, 0, 4, 1]), seq.Settings(latent=3)
    vae = build.model(spec(), Vocabulary(), settings, seed=0, unigram=unigram.numpy()).eval()
    with torch.no_grad():
        vae.decoder.embedding.weight.zero_()
    logits, _ = vae.decoder.step(torch.tensor([START]), vae.decoder.begin(torch.zeros(1, 3)))
    shares = [0, 3 / 8.5, 0, 4 / 8.5, 1 / 8.5, 0.5 / 8.5]  # word 5 never came: half of the rarest
    expected = torch.tensor(shares) / (1 - shares[0] - shares[2])
    torch.testing.assert_close(logits.softmax(-1)[0], expected)


def test_the_unigram_of_sentences_counts_their_tokens_and_ends() -> None:
    examples = Sequences(torch.tensor([0, 3, 4]), torch.tensor([4, 4, END, END]))
    assert build.unigram(examples).tolist() == [0, 0, 0, 2, 2]


def test_bfloat16_is_of_the_network_and_not_of_the_score() -> None:
    vae = sentence_vae("gru").float().train()
    with torch.autocast("cpu", torch.bfloat16):
        likelihood = vae.decode(codes(3).float())
    low, plain = likelihood.log_prob(SENTENCES), vae.decode(codes(3).float()).log_prob(SENTENCES)
    assert low.dtype == torch.float32
    assert not torch.equal(low, plain)
    torch.testing.assert_close(low, plain, rtol=0.05, atol=0.2)


class TestSettings:
    def test_a_model_of_sentences_needs_tokens(self) -> None:
        with pytest.raises(SettingsError, match=r"data\.tokens"):
            build.model(spec(tokens=None), Vocabulary(), seq.Settings(), seed=0)

    @pytest.mark.parametrize("widths", [(64, 128), (68,)])
    def test_the_blocks_of_a_transformer_have_one_width_that_its_heads_share(
        self, widths: tuple[int, ...]
    ) -> None:
        with pytest.raises(pydantic.ValidationError, match="multiple of twice the 4 heads"):
            seq.Settings(network="transformer", hidden=widths)
        assert seq.Settings(network="gru", hidden=widths).hidden == widths

    def test_layers_of_other_widths_stand_on_each_other(self) -> None:
        vae = sentence_vae("lstm", hidden=(7, 9), decoder_hidden=(5, 4), embedding=3)
        likelihood = vae(SENTENCES, seeded()).likelihood
        assert isinstance(likelihood, Autoregressive)
        assert likelihood.log_prob(SENTENCES).isfinite().all()

    @pytest.mark.parametrize("network", NETWORKS)
    def test_weights_go_to_a_file_and_back(self, network: str) -> None:
        settings = seq.Settings(latent=3, network=network)
        made = build.model(spec(), Vocabulary(), settings, seed=0).eval()
        again = build.load_model(spec(), Vocabulary(), settings, build.weights(made))
        z = codes(3).float()
        assert torch.equal(made.encode(SENTENCES).mean, again.encode(SENTENCES).mean)
        scores = [each.decode(z).log_prob(SENTENCES) for each in (made, again)]
        assert torch.equal(*scores)

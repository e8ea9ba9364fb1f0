"""Settings to model and examples, and the same bits from the same seed in another process."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import torch

from latentops import artifacts, build, config, elbo, objectives
from latentops.artifacts import Arrays, Spec, Vocabulary
from latentops.data.batches import Bags, Images
from latentops.errors import ArtifactError, SettingsError
from latentops.likelihoods import Bernoulli, DiscretizedLogistic, LogisticMixture
from latentops.networks import bow, mlp

COUNTS = Spec(source="words", kind="counts", shape=(6,))
VOCABULARY = Vocabulary(
    terms=tuple("abcdef"), target=(1, 0, 4), document_frequency=(3, 2, 1, 1, 2, 1), documents=3
)
DENSE = np.array([[1, 2, 0, 0, 1, 0], [3, 0, 0, 0, 4, 1], [1, 1, 5, 1, 0, 0]], dtype=np.int32)
BOW, MLP = bow.Settings(latent=2, hidden=(5,)), mlp.Settings(latent=2, hidden=(5,))


def split(dense: np.ndarray) -> Arrays:
    matrix = scipy.sparse.csr_matrix(dense)
    return {
        "indptr": matrix.indptr.astype(np.int64),
        "indices": matrix.indices.astype(np.int32),
        "counts": matrix.data.astype(np.int32),
    }


def image(**changes: object) -> Spec:
    return Spec(**{"source": "grey", "kind": "image", "shape": (1, 2, 3), "levels": 17, **changes})


def counted(settings: bow.Settings) -> Bags:
    examples = build.examples(COUNTS, VOCABULARY, split(DENSE), settings)
    assert isinstance(examples, Bags)
    return examples


class TestSettings:
    class Stage(config.Section):
        model: build.Model

    def parse(self, **model: object) -> build.Model:
        return config.parse(self.Stage, {"model": model}, origin="params.yaml").model

    def test_the_kind_chooses_the_section(self) -> None:
        assert isinstance(self.parse(kind="bow", hidden=[3, 4]), bow.Settings)
        assert isinstance(self.parse(kind="mlp", likelihood="logistic"), mlp.Settings)

    def test_settings_survive_json(self) -> None:
        given = bow.Settings(latent=7, hidden=(3, 4), input="tfidf")
        assert self.parse(**given.model_dump(mode="json")) == given

    @pytest.mark.parametrize(
        ("model", "part"),
        [
            ({"kind": "bow", "latent": 0}, r"model\.latent: .*greater than or equal to 1"),
            ({"kind": "bow", "latnt": 3}, "Did you mean 'latent'"),
            ({"kind": "mlp", "word_dropout": 0.1}, "word_dropout: no such setting"),
            ({"kind": "bow", "hidden": [0]}, "hidden"),
            ({"kind": "bow", "word_dropout": 1.0}, "less than 1"),
            ({"kind": "bow", "input_scale": 0}, "greater than 0"),
            ({"kind": "mlp", "mean_scale": 0}, "greater than 0"),
            ({"kind": "bow", "terms": "pairs"}, "'all' or 'words'"),
            ({"kind": "cnn"}, "'mlp', 'conv', 'bow'"),
            ({"latent": 3}, "model"),
        ],
    )
    def test_a_setting_that_cannot_be_used(self, model: dict[str, object], part: str) -> None:
        with pytest.raises(SettingsError, match=part):
            self.parse(**model)


class TestModel:
    def test_images_need_an_image_network(self) -> None:
        with pytest.raises(SettingsError, match=r"Set model\.kind to mlp"):
            build.model(image(), Vocabulary(), BOW, seed=0)
        with pytest.raises(SettingsError, match=r"Set model\.kind to bow"):
            build.examples(COUNTS, VOCABULARY, split(DENSE), MLP)

    @pytest.mark.parametrize(
        ("likelihood", "spec", "kind", "levels"),
        [
            ("auto", image(levels=2), Bernoulli, None),
            ("auto", image(levels=2, binarization="static"), Bernoulli, None),
            ("auto", image(binarization="dynamic"), Bernoulli, None),
            ("auto", image(), DiscretizedLogistic, 17),
            ("bernoulli", image(binarization="dynamic"), Bernoulli, None),
            ("logistic", image(), DiscretizedLogistic, 17),
            ("logistic", image(binarization="dynamic"), DiscretizedLogistic, 2),
        ],
    )
    def test_the_likelihood_follows_the_pixels(
        self, likelihood: str, spec: Spec, kind: type, levels: int | None
    ) -> None:
        settings = mlp.Settings(latent=2, likelihood=likelihood)
        vae = build.model(spec, Vocabulary(), settings, seed=0)
        pixels = {"x": np.full((4, 1, 2, 3), spec.levels - 1, dtype=np.uint8)}
        batch = build.examples(spec, Vocabulary(), pixels, settings).batch(torch.arange(4))
        found = vae(batch.input).likelihood
        assert isinstance(found, kind)
        assert getattr(found, "levels", None) == levels
        assert (batch.input == 1).all()
        assert (batch.target == (levels or 2) - 1).all()
        assert found.log_prob(batch.target).shape == (4,)

    def test_grey_pixels_have_no_bernoulli_likelihood(self) -> None:
        with pytest.raises(SettingsError, match=r"17 levels\. Set data\.binarize"):
            build.model(image(), Vocabulary(), mlp.Settings(likelihood="bernoulli"), seed=0)

    def test_grey_pixels_may_be_mixtures(self) -> None:
        vae = build.model(image(), Vocabulary(), mlp.Settings(latent=2, mixtures=3), seed=0)
        found = vae.decode(torch.zeros(5, 2))
        assert isinstance(found, LogisticMixture)
        assert found.levels == 17
        assert found.location.shape == (3, 5, *image().shape)

    def test_binary_pixels_are_no_mixtures(self) -> None:
        with pytest.raises(SettingsError, match=r"model\.mixtures 2 is for grey pixels"):
            build.model(image(levels=2), Vocabulary(), mlp.Settings(mixtures=2), seed=0)

    def test_settings_from_before_mixtures_mean_one_logistic(self) -> None:
        saved = mlp.Settings(latent=2).model_dump(exclude={"mixtures"})
        assert mlp.Settings(**saved).mixtures == 1

    def test_images_without_levels_were_not_prepared(self) -> None:
        with pytest.raises(ArtifactError, match="dvc repro prepare"):
            build.model(image(levels=None), Vocabulary(), MLP, seed=0)

    def test_the_seed_alone_decides_the_first_weights(self) -> None:
        first = digest(seed=1)
        torch.manual_seed(1234)
        world = torch.get_rng_state()
        assert digest(seed=1) == first
        assert digest(seed=2) != first
        assert torch.equal(torch.get_rng_state(), world)

    def test_words_start_at_their_share_in_training(self) -> None:
        often = build.unigram(counted(BOW))
        assert often.tolist() == [3, 5, 5]
        vae = build.model(COUNTS, VOCABULARY, BOW, seed=0, unigram=often)
        shares = vae.decode(torch.zeros(1, 2)).mean[0]
        torch.testing.assert_close(shares, torch.tensor([3, 5, 5]) / 13)

    @pytest.mark.parametrize(("often", "shares"), [([0, 2, 2], [1, 2, 2]), ([0, 0, 0], [1, 1, 1])])
    def test_a_word_never_seen_stays_possible(self, often: list[int], shares: list[int]) -> None:
        vae = build.model(COUNTS, VOCABULARY, BOW, seed=0, unigram=np.array(often))
        expected = torch.tensor(shares) / sum(shares)
        torch.testing.assert_close(vae.decode(torch.zeros(1, 2)).mean[0], expected)

    def test_images_have_no_unigram(self) -> None:
        examples = build.examples(image(), Vocabulary(), {"x": np.zeros((2, 1, 2, 3), "u1")}, MLP)
        assert build.unigram(examples) is None


class TestWeights:
    @pytest.mark.parametrize(
        "settings",
        [
            BOW,
            bow.Settings(latent=2, decoder_hidden=(4,)),
            bow.Settings(latent=2, mean_scale=0.8),
            MLP,
            mlp.Settings(latent=2, mean_scale=0.8),
        ],
    )
    def test_come_back_as_they_were(self, settings: build.Model) -> None:
        spec = image() if settings.kind == "mlp" else COUNTS
        vae = build.model(spec, VOCABULARY, settings, seed=3)
        weights = build.weights(vae)
        loaded = build.load_model(spec, VOCABULARY, settings, weights)
        assert not loaded.training
        assert artifacts.tensors_sha256(build.weights(loaded)) == artifacts.tensors_sha256(weights)
        z = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
        assert torch.equal(loaded.decode(z).mean, vae.decode(z).mean)
        assert all(p.requires_grad and not p.is_meta for p in loaded.parameters())

    def test_survive_a_file(self, tmp_path: Path) -> None:
        weights = build.weights(build.model(COUNTS, VOCABULARY, BOW, seed=3))
        artifacts.write_tensors(weights, tmp_path / "weights.safetensors")
        read = artifacts.read_tensors(tmp_path / "weights.safetensors")
        again = build.weights(build.load_model(COUNTS, VOCABULARY, BOW, read))
        assert artifacts.tensors_sha256(again) == artifacts.tensors_sha256(weights)

    def test_are_a_copy_that_training_does_not_touch(self) -> None:
        vae = build.model(COUNTS, VOCABULARY, BOW, seed=0)
        weights = build.weights(vae)
        before = artifacts.tensors_sha256(weights)
        with torch.no_grad():
            for parameter in vae.parameters():
                parameter += 1
        assert artifacts.tensors_sha256(weights) == before

    def test_of_another_model_are_refused(self) -> None:
        weights = build.weights(build.model(COUNTS, VOCABULARY, BOW, seed=0))
        with pytest.raises(ArtifactError, match=r"size mismatch .*dvc repro train"):
            build.load_model(COUNTS, VOCABULARY, bow.Settings(latent=3, hidden=(5,)), weights)

    def test_carry_the_running_statistics_through_a_file(self, tmp_path: Path) -> None:
        settings = bow.Settings(latent=2, mean_scale=0.8)
        vae = build.model(COUNTS, VOCABULARY, settings, seed=0)
        x = counted(settings).batch(torch.arange(3)).input
        vae(x, torch.Generator().manual_seed(0))
        artifacts.write_tensors(build.weights(vae), tmp_path / "weights.safetensors")
        read = artifacts.read_tensors(tmp_path / "weights.safetensors")
        loaded = build.load_model(COUNTS, VOCABULARY, settings, read)
        assert loaded.encoder.mean.norm.num_batches_tracked == 1
        assert torch.equal(loaded.encode(x).mean, vae.eval().encode(x).mean)


MIXED = Vocabulary(
    terms=("a", "~a", "b", "a b", "~b", "c"),
    target=(0, 2, 5),
    document_frequency=(3, 2, 1, 1, 2, 1),
    documents=3,
    pairs=True,
    characters=(1, 1),
)


class TestTerms:
    @pytest.mark.parametrize("weights", ["log1p", "tfidf"])
    def test_an_encoder_of_words_reads_what_one_without_other_terms_reads(self, weights) -> None:
        settings = BOW.model_copy(update={"input": weights, "terms": "words"})
        words = Vocabulary(
            terms=("a", "b", "c"), target=(0, 1, 2), document_frequency=(3, 1, 1), documents=3
        )
        spec = COUNTS.model_copy(update={"shape": (3,)})
        alone = build.examples(spec, words, split(DENSE[:, [0, 2, 5]]), settings)
        found = build.examples(COUNTS, MIXED, split(DENSE), settings)
        rows = torch.arange(3)
        assert torch.equal(found.batch(rows).input.to_dense(), alone.batch(rows).input.to_dense())
        assert torch.equal(found.batch(rows).target.to_dense(), alone.batch(rows).target.to_dense())
        vae = build.model(COUNTS, MIXED, settings, seed=0)
        assert vae.encoder.bag.weight.shape[0] == 3
        assert vae.encode(found.batch(rows).input).mean.shape == (3, 2)

    def test_all_terms_are_read_with_half_the_squared_length_for_ngrams(self) -> None:
        settings = BOW.model_copy(update={"input": "tfidf"})
        found = build.examples(COUNTS, MIXED, split(np.ones((1, 6), np.int32)), settings)
        squares = found.batch(torch.tensor([0])).input.to_dense().square()[0]
        torch.testing.assert_close(squares[[1, 4]].sum(), torch.tensor(12.5))
        torch.testing.assert_close(squares.sum(), torch.tensor(25.0))

    def test_words_are_asked_for_where_there_are_none(self) -> None:
        ngrams = MIXED.model_copy(update={"terms": ("~a", "~b", "~c", "~d", "~e", "~f")})
        settings = BOW.model_copy(update={"terms": "words"})
        with pytest.raises(SettingsError, match=r"model\.terms: all"):
            build.model(COUNTS, ngrams, settings, seed=0)


class TestExamples:
    def test_the_target_holds_the_target_words_alone(self) -> None:
        batch = counted(BOW).batch(torch.arange(3))
        assert batch.input.shape == (3, 6)
        assert np.array_equal(batch.target.to_dense(), DENSE[:, [1, 0, 4]])

    def test_presence_counts_a_word_once(self) -> None:
        batch = counted(BOW.model_copy(update={"target": "presence"})).batch(torch.arange(3))
        assert np.array_equal(batch.target.to_dense(), DENSE[:, [1, 0, 4]] > 0)

    def test_the_weights_of_the_input_do_not_touch_the_target(self) -> None:
        one, other = counted(BOW), counted(BOW.model_copy(update={"input": "tfidf"}))
        assert torch.equal(one.target.values, other.target.values)
        assert not torch.allclose(one.input.values, other.input.values)
        lengths = other.batch(torch.arange(3)).input.to_dense().norm(dim=1)
        torch.testing.assert_close(lengths, torch.full((3,), 5.0))

    def test_a_document_without_a_target_word_has_a_finite_elbo(self) -> None:
        examples = build.examples(COUNTS, VOCABULARY, split(np.array([[0, 0, 2, 0, 0, 1]])), BOW)
        batch = examples.batch(torch.tensor([0]))
        output = build.model(COUNTS, VOCABULARY, BOW, seed=0)(batch.input)
        found = elbo.terms(output.rate_BZ, output.likelihood, batch.target)
        assert found.distortion_B.item() == 0
        assert found.elbo_B.isfinite().all()

    def test_dynamic_binarization_reaches_the_examples(self) -> None:
        pixels = {"x": np.full((2, 1, 2, 3), 8, dtype=np.uint8)}
        found = build.examples(image(binarization="dynamic"), Vocabulary(), pixels, MLP)
        assert isinstance(found, Images)
        assert found.dynamic
        assert not build.examples(image(), Vocabulary(), pixels, MLP).dynamic


def digest(seed: int) -> str:
    return artifacts.tensors_sha256(build.weights(build.model(COUNTS, VOCABULARY, BOW, seed)))


def trained_digest() -> str:
    """The weights after four steps on batches large enough for torch to use its threads."""
    rng = np.random.default_rng(0)
    arrays = split(rng.poisson(0.3, (128, 3000)).astype(np.int32))
    terms = tuple(range(3000))
    spec = Spec(source="words", kind="counts", shape=(3000,))
    vocabulary = Vocabulary(terms=tuple(map(str, terms)), target=terms)
    settings = bow.Settings(latent=8, hidden=(32,), decoder_hidden=(16,), word_dropout=0.1)
    examples = build.examples(spec, vocabulary, arrays, settings)
    vae = build.model(spec, vocabulary, settings, seed=0, unigram=build.unigram(examples))
    optimizer = torch.optim.AdamW(vae.parameters(), fused=True)
    generator = torch.Generator().manual_seed(0)
    for step in range(4):
        batch = examples.batch(torch.randint(128, (64,), generator=generator))
        output = vae(batch.input, generator)
        terms_ = elbo.terms(output.rate_BZ, output.likelihood, batch.target)
        optimizer.zero_grad()
        objectives.loss(terms_, step, 4, objectives.Settings()).backward()
        optimizer.step()
    return artifacts.tensors_sha256(build.weights(vae))


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_training_gives_the_same_bits_in_another_process() -> None:
    """On two threads: sums must not depend on which of them comes first."""
    command = [sys.executable, __file__]
    other = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert other.strip() == trained_digest()


if __name__ == "__main__":
    torch.set_num_threads(2)
    print(trained_digest())

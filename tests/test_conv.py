"""Convolutional networks for images, against transposed convolutions and what symmetry asks."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from latentops import build, objectives
from latentops.applications import twin
from latentops.artifacts import Spec, Vocabulary
from latentops.codec import container
from latentops.codec.container import Model
from latentops.data.batches import Images
from latentops.errors import SettingsError
from latentops.likelihoods import Bernoulli, LogisticMixture
from latentops.model import VAE
from latentops.networks import conv, mlp
from latentops.priors import Mixture, StandardNormal
from latentops.training import loop
from latentops.training.settings import Settings as TrainSettings

SHAPES = [(1, 28, 28), (3, 32, 32), (1, 29, 31), (3, 5, 2), (2, 1, 9), (1, 1, 1), (1, 64, 48)]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def chosen(**settings: object) -> conv.Settings:
    small = {"latent": 3, "channels": (4, 6), "hidden": (8,), "decoder_hidden": (7,)}
    return conv.Settings(**{**small, **settings})


def vae_of(shape: tuple[int, ...], levels: int = 2, seed: int = 0, **settings: object) -> VAE:
    spec = Spec(source="tiny", kind="image", shape=shape, levels=levels)
    return build.model(spec, Vocabulary(), chosen(**settings), seed).eval()


def drawn(count: int, shape: tuple[int, ...]) -> Tensor:
    return (torch.rand(count, *shape, generator=seeded()) < 0.4).float()


class TestSizes:
    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("channels", [(4,), (4, 6), (4, 5, 6)])
    def test_images_of_any_size_and_channels_come_out_as_they_went_in(
        self, shape: tuple[int, ...], channels: tuple[int, ...]
    ) -> None:
        found = vae_of(shape, channels=channels)(drawn(3, shape), seeded()).likelihood
        assert isinstance(found, Bernoulli)
        assert found.logits.shape == (3, *shape)

    @pytest.mark.parametrize("shape", SHAPES)
    def test_the_maps_that_the_encoder_ends_with_are_those_the_decoder_starts_from(
        self, shape: tuple[int, ...]
    ) -> None:
        vae = vae_of(shape)
        maps = vae.encoder.maps(drawn(2, shape))
        height, width = (math.ceil(math.ceil(side / 2) / 2) for side in shape[1:])
        assert maps.shape[1:] == vae.decoder.first == (6, height, width)

    def test_every_number_of_a_code_reaches_every_pixel(self) -> None:
        vae = vae_of((2, 7, 9))
        slopes = torch.autograd.functional.jacobian(
            lambda z: vae.decode(z).logits, torch.randn(3, generator=seeded())
        )
        assert slopes.shape == (2, 7, 9, 3)
        assert slopes.all()

    def test_every_pixel_reaches_the_code(self) -> None:
        x = drawn(1, (2, 7, 9)).requires_grad_()
        vae_of((2, 7, 9)).encode(x).mean.square().sum().backward()
        assert x.grad.all()

    def test_no_codes_give_no_images(self) -> None:
        assert vae_of((1, 5, 5)).decode(torch.zeros(0, 3)).mean.shape == (0, 1, 5, 5)

    def test_mixtures_keep_their_parts_apart(self) -> None:
        """What is said of one channel by one part stands where the raw numbers of both do."""
        vae = vae_of((2, 4, 3), levels=17, mixtures=4)
        z = torch.randn(1, 3, generator=seeded())
        found = vae.decode(z)
        assert isinstance(found, LogisticMixture)
        started = vae.decoder.body(z).unflatten(-1, vae.decoder.first)
        raw = vae.decoder.maps(started)
        assert raw.shape == (1, 3 * 4 * 2, 4, 3)
        torch.testing.assert_close(found.logits[2, 0, 1], raw[0, 2 * 2 + 1])
        torch.testing.assert_close(found.location[1, 0, 0], raw[0, (4 + 1) * 2] + 0.5)


class TestLayers:
    def test_one_place_becomes_four_as_by_a_transposed_convolution(self) -> None:
        doubled = conv.Doubled(5, 3, size=(8, 6), kernel=1)
        x = torch.randn(2, 5, 4, 3, generator=seeded())
        weight = doubled.convolution.weight.reshape(3, 2, 2, 5).permute(3, 0, 1, 2)
        plain = F.conv_transpose2d(x, weight, stride=2)
        shift = doubled.convolution.bias.reshape(3, 2, 2).repeat(1, 4, 3)
        torch.testing.assert_close(doubled(x), plain + shift)

    def test_what_is_too_much_of_a_doubled_map_is_cut_at_the_end(self) -> None:
        whole = conv.Doubled(5, 3, size=(8, 6), kernel=3)
        part = conv.Doubled(5, 3, size=(7, 5), kernel=3)
        part.load_state_dict(whole.state_dict())
        x = torch.randn(2, 5, 4, 3, generator=seeded())
        assert torch.equal(part(x), whole(x)[..., :7, :5])

    def test_a_block_adds_what_two_activated_convolutions_make(self) -> None:
        torch.manual_seed(0)
        block, x = conv.Block(4, "silu"), torch.randn(2, 4, 5, 3, generator=seeded())
        first, last = block.residue[1], block.residue[3]
        inner = F.conv2d(F.silu(x), first.weight, first.bias, padding=1)
        added = F.conv2d(F.silu(inner), last.weight, last.bias, padding=1)
        torch.testing.assert_close(block(x), x + added)

    def test_a_deep_network_starts_as_a_shallow_one(self) -> None:
        """Twenty blocks add little to a map before they have learned."""
        torch.manual_seed(0)
        x = torch.randn(2, 8, 5, 5, generator=seeded())
        deep = torch.nn.Sequential(*(conv.Block(8, "silu") for _ in range(20)))
        with torch.no_grad():
            assert (deep(x) - x).std() < 0.5 * x.std()

    def test_a_picture_that_moves_by_four_pixels_moves_its_maps_by_one(self) -> None:
        x = torch.zeros(1, 1, 64, 64)
        x[..., 26:36, 26:36] = torch.rand(10, 10, generator=seeded())
        maps = vae_of((1, 64, 64)).encoder.maps
        moved = maps(x.roll((4, -4), (2, 3)))
        torch.testing.assert_close(moved[..., 5:11, 5:11], maps(x)[..., 4:10, 6:12])

    def test_the_features_are_the_fully_connected_layers(self) -> None:
        vae = vae_of((1, 8, 8), hidden=(5, 4))
        hidden = vae.read(drawn(3, (1, 8, 8))).hidden_BH
        assert hidden.shape == (3, 9)
        assert vae_of((1, 8, 8), hidden=()).read(drawn(3, (1, 8, 8))).hidden_BH.shape == (3, 0)


class TestSettings:
    @pytest.mark.parametrize(
        ("wrong", "part"),
        [
            ({"channels": ()}, "at least 1"),
            ({"channels": (0,)}, "greater than 0"),
            ({"blocks": -1}, "greater than or equal to 0"),
            ({"word_dropout": 0.1}, "word_dropout"),
        ],
    )
    def test_a_setting_that_cannot_be_used(self, wrong: dict[str, object], part: str) -> None:
        with pytest.raises(ValueError, match=part):
            chosen(**wrong)

    def test_the_prior_is_learned_where_that_is_asked_for(self) -> None:
        vae, plain = vae_of((1, 5, 5), prior="mixture", prior_parts=7), vae_of((1, 5, 5))
        assert isinstance(vae.prior, Mixture)
        assert vae.prior.mean.shape == (7, 3)
        assert isinstance(plain.prior, StandardNormal)
        assert not [name for name in plain.state_dict() if "prior" in name]

    def test_texts_need_another_network(self) -> None:
        spec = Spec(source="words", kind="counts", shape=(6,))
        with pytest.raises(SettingsError, match=r"'conv' cannot read 'words'"):
            build.model(spec, Vocabulary(), chosen(), seed=0)

    def test_the_twin_reads_damaged_pixels(self) -> None:
        spec = Spec(source="tiny", kind="image", shape=(1, 8, 8), levels=2)
        other = twin.of(chosen(), spec)
        assert isinstance(other, conv.Settings)
        assert other.pixel_noise == 0.1
        vae = build.model(spec, Vocabulary(), other, seed=0).train()
        clean, x = build.model(spec, Vocabulary(), chosen(), seed=0), drawn(3, (1, 8, 8))
        assert not torch.equal(vae.encode(x, seeded()).mean, clean.encode(x).mean)
        assert torch.equal(vae.eval().encode(x).mean, clean.encode(x).mean)


def squares(count: int, seed: int) -> Images:
    """A white square of 4 x 4 on black 16 x 16, anywhere: 169 pictures, each as likely."""
    places = torch.randint(13, (count, 2), generator=seeded(seed))
    pixels = torch.zeros(count, 1, 16, 16, dtype=torch.uint8)
    for picture, (top, left) in zip(pixels, places.tolist(), strict=True):
        picture[0, top : top + 4, left : left + 4] = 1
    return Images(pixels, levels=2)


def trained(vae: VAE) -> float:
    """The ELBO of new squares, nats."""
    train = TrainSettings(epochs=6, batch_size=32, learning_rate=8e-3, device="cpu")
    fit = loop.fit(vae, squares(512, 0), squares(128, 1), objectives.Settings(), train)
    return fit.valid_elbo_nats


def test_squares_that_stand_anywhere_are_learned_better_than_by_a_perceptron() -> None:
    """Of more weights. No model of these pictures can have more than -ln 169 nats = -5.13."""
    spec = Spec(source="tiny", kind="image", shape=(1, 16, 16), levels=2)
    by_maps = vae_of((1, 16, 16), channels=(8, 16), hidden=(32,), decoder_hidden=(32,))
    wide = mlp.Settings(latent=3, hidden=(64,), decoder_hidden=(64,))
    plain = build.model(spec, Vocabulary(), wide, seed=0)
    sizes = [sum(each.numel() for each in vae.parameters()) for vae in (by_maps, plain)]
    assert sizes[0] < sizes[1]
    found, perceptron = trained(by_maps), trained(plain)
    assert perceptron + 5 < found < -math.log(169)


def test_bfloat16_has_the_slope_of_float32_and_distributions_in_float32() -> None:
    vae, x = vae_of((1, 28, 28), channels=(8, 16), hidden=(32,)), drawn(16, (1, 28, 28))
    slopes = []
    for halved in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=halved):
            output = vae(x, seeded())
        assert output.posterior.mean.dtype == output.likelihood.logits.dtype == torch.float32
        vae.zero_grad()
        output.likelihood.log_prob(x).mean().backward()
        slopes.append(torch.cat([each.grad.flatten() for each in vae.parameters()]))
    assert F.cosine_similarity(*slopes, dim=0) > 0.999


class TestCodec:
    @pytest.mark.parametrize(
        ("levels", "shape", "settings"),
        [
            (2, (1, 8, 8), {}),
            (256, (1, 8, 8), {}),
            (256, (3, 5, 2), {"mixtures": 3}),
            (17, (1, 1, 1), {"channels": (4,)}),
            (2, (2, 1, 9), {"mean_scale": 0.7}),
            (2, (1, 8, 8), {"prior": "mixture", "prior_parts": 3}),
        ],
    )
    @pytest.mark.parametrize("count", [1, 3, 90])
    def test_images_come_back(
        self, levels: int, shape: tuple[int, ...], settings: dict[str, object], count: int
    ) -> None:
        spec = Spec(source="tiny", kind="image", shape=shape, levels=levels)
        model = Model(vae_of(shape, levels, **settings), spec, "0123456789abcdef" * 4)
        rng = np.random.default_rng(0)
        images = rng.integers(0, levels, (count, *shape), dtype=np.uint8)
        again = container.decompress(model, container.compress(model, images))
        np.testing.assert_array_equal(again, images)

    def test_a_batch_of_another_size_moves_the_numbers_by_less_than_they_are_rounded(self) -> None:
        """In float64, as the coder has them: the bound that its rounding rests on."""
        vae = vae_of((1, 28, 28), channels=(16, 32), hidden=(64,)).double()
        x, z = drawn(64, (1, 28, 28)).double(), torch.randn(64, 3, generator=seeded()).double()
        with torch.inference_mode():
            among, alone = vae.encode(x).mean[:1], vae.encode(x[:1]).mean
            torch.testing.assert_close(among, alone, rtol=0, atol=1e-13)
            logits = vae.decode(z).logits[:1]
            torch.testing.assert_close(logits, vae.decode(z[:1]).logits, rtol=0, atol=1e-13)

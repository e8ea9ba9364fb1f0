"""Damaged pixels against closed forms, and training on them."""

import math

import pydantic
import pytest
import torch
from tiny_model import IMAGES, VOCABULARY

from latentops import build
from latentops.applications import twin
from latentops.artifacts import Spec, Vocabulary
from latentops.networks import bow, mlp, noise

COUNTS = Spec(source="texts", kind="counts", shape=(7,))
BINARY = IMAGES.model_copy(update={"levels": 2})
DYNAMIC = IMAGES.model_copy(update={"binarization": "dynamic"})


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def encoder(binary: bool = False, **settings: float) -> mlp.Encoder:
    return mlp.Encoder((1, 3, 2), mlp.Settings(latent=2, hidden=(4,), **settings), binary)


# Pixels


def test_noise_has_its_mean_and_deviation_where_nothing_is_clipped() -> None:
    found = noise.noisy(torch.full((200_000,), 0.5), 0.1, seeded())
    assert found.mean().item() == pytest.approx(0.5, abs=0.001)
    assert found.std().item() == pytest.approx(0.1, rel=0.01)


def test_noise_on_black_is_the_half_normal_that_clipping_leaves() -> None:
    found = noise.noisy(torch.zeros(200_000), 0.2, seeded())
    assert found.mean().item() == pytest.approx(0.2 / math.sqrt(2 * math.pi), rel=0.02)
    assert (found == 0).float().mean().item() == pytest.approx(0.5, abs=0.01)
    assert noise.noisy(torch.ones(1000), 5.0, seeded()).max() <= 1


@pytest.mark.parametrize("share", [0.0, 0.1, 0.33, 1.0])
def test_the_share_asked_for_is_blanked_and_the_rest_is_left(share: float) -> None:
    pixels = 0.2 + 0.6 * torch.rand(100_000, generator=seeded(1))
    found = noise.blanked(pixels, share, seeded())
    assert (found == 0).float().mean().item() == pytest.approx(share, abs=0.01)
    assert torch.equal(found[found > 0], pixels[found > 0])


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_the_share_asked_for_is_flipped(share: float) -> None:
    pixels = (torch.rand(100_000, generator=seeded(1)) < 0.3).float()
    found = noise.flipped(pixels, share, seeded())
    assert set(found.unique().tolist()) <= {0.0, 1.0}
    assert (found != pixels).float().mean().item() == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("damage", [noise.noisy, noise.blanked, noise.flipped])
def test_what_is_drawn_comes_from_the_generator_alone(damage) -> None:
    world, pixels = torch.get_rng_state(), torch.rand(50, generator=seeded())
    first, again, other = (damage(pixels, 0.4, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), world)


# Training


def test_the_encoder_reads_damage_in_training_only() -> None:
    x = torch.rand(5, 1, 3, 2, generator=seeded())
    damaging = encoder(pixel_noise=0.3, pixel_blank=0.2)
    assert torch.equal(damaging.eval().enter(x, None), x.flatten(1))
    assert torch.equal(encoder().train().enter(x, seeded()), x.flatten(1))
    read, generator = damaging.train().enter(x, seeded()), seeded()
    noisy = noise.noisy(x, noise.up_to(0.3, x, generator), generator)
    by_hand = noise.blanked(noisy, noise.up_to(0.2, x, generator), generator)
    assert torch.equal(read, by_hand.flatten(1))


def test_each_image_has_a_strength_of_its_own_evenly_up_to_the_one_asked_for() -> None:
    """Of a grey pixel flipped with probability u and u even in [0, .8] the mean share is .4."""
    images = torch.zeros(2_000, 1, 20, 20)
    strength = noise.up_to(0.8, images, seeded())
    assert strength.shape == (2_000, 1, 1, 1)
    assert 0 <= strength.min() < 0.01
    assert 0.79 < strength.max() <= 0.8
    share = noise.flipped(images, strength, seeded(1)).mean((1, 2, 3))
    assert share.mean().item() == pytest.approx(0.4, abs=0.02)
    spread = math.sqrt(0.8**2 / 12 + (0.4 - 0.8**2 / 3) / 400)  # of u, and of 400 draws
    assert share.std().item() == pytest.approx(spread, rel=0.03)


def test_binary_pixels_stay_binary() -> None:
    x = (torch.rand(500, 1, 3, 2, generator=seeded()) < 0.5).float()
    read = encoder(binary=True, pixel_noise=0.2).train().enter(x, seeded())
    assert set(read.unique().tolist()) == {0.0, 1.0}
    assert (read != x.flatten(1)).float().mean().item() == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize(("spec", "binary"), [(IMAGES, False), (BINARY, True), (DYNAMIC, True)])
def test_the_encoder_knows_whether_it_reads_binary_pixels(spec: Spec, binary: bool) -> None:
    vae = build.model(spec, Vocabulary(), mlp.Settings(latent=2, hidden=(4,)), seed=0)
    assert vae.encoder.binary is binary


def test_damage_adds_no_weight_and_changes_none_at_the_start() -> None:
    plain, damaging = (
        build.weights(build.model(IMAGES, Vocabulary(), mlp.Settings(**settings), seed=0))
        for settings in ({}, {"pixel_noise": 0.3, "pixel_blank": 0.1})
    )
    assert {name: each.tobytes() for name, each in plain.items()} == {
        name: each.tobytes() for name, each in damaging.items()
    }


@pytest.mark.parametrize("wrong", [{"pixel_noise": -0.1}, {"pixel_blank": 1.0}, {"pixel_noise": 2}])
def test_a_damage_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(pydantic.ValidationError, match=next(iter(wrong))):
        mlp.Settings(**wrong)


def test_settings_from_before_still_load_and_damage_nothing() -> None:
    old = {"kind": "mlp", "latent": 8, "hidden": [4], "decoder_hidden": [4], "likelihood": "auto"}
    found = mlp.Settings.model_validate(old)
    assert (found.pixel_noise, found.pixel_blank) == (0, 0)


# The twin


TWINS = {
    "texts": (bow.Settings(), COUNTS, {"word_dropout": 0.3}, "0.3 of the words left out"),
    "few dropped": (
        bow.Settings(word_dropout=0.1),
        COUNTS,
        {"word_dropout": 0.3},
        "0.3 of the words left out",
    ),
    "texts with dropout": (
        bow.Settings(word_dropout=0.4),
        COUNTS,
        {"word_dropout": 0.0},
        "0.4 of the words left out",
    ),
    "grey": (mlp.Settings(), IMAGES, {"pixel_noise": 0.3}, "noise of standard deviation up to 0.3"),
    "binary": (mlp.Settings(), BINARY, {"pixel_noise": 0.1}, "up to 0.1 of the pixels flipped"),
    "dynamic": (mlp.Settings(), DYNAMIC, {"pixel_noise": 0.1}, "up to 0.1 of the pixels flipped"),
    "blanked": (
        mlp.Settings(pixel_noise=0.2, pixel_blank=0.5),
        IMAGES,
        {"pixel_noise": 0.0, "pixel_blank": 0.0},
        "noise of standard deviation up to 0.2 and up to 0.5 of the pixels blanked",
    ),
}


@pytest.mark.parametrize("name", TWINS)
def test_the_twin_reads_damaged_inputs_where_the_model_does_not(name: str) -> None:
    settings, spec, changed, told = TWINS[name]
    found = twin.of(settings, spec)
    assert found == settings.model_copy(update=changed)
    assert twin.reads_damaged(found) is not twin.reads_damaged(settings)
    assert twin.described(settings, spec) == told


def test_word_dropout_stays_what_it_was() -> None:
    """The vocabulary is of no matter: a model of texts is built with the twin's settings too."""
    settings = twin.of(bow.Settings(latent=2), COUNTS)
    spec = COUNTS.model_copy(update={"shape": (7,)})
    assert build.model(spec, VOCABULARY, settings, seed=0).encoder.word_dropout == 0.3

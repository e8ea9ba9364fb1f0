"""The lossless coder: what goes in comes out, in the bits that the bound says, or it is refused."""

import itertools
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from latentops import build
from latentops.artifacts import Spec, Vocabulary
from latentops.codec import bits_back, container, numbers, pixels, tables
from latentops.codec.bits_back import Coder
from latentops.codec.container import HEADER_BYTES, Model
from latentops.elbo import Posterior
from latentops.errors import DataError, NumericalError
from latentops.inference import coding
from latentops.likelihoods import (
    Bernoulli,
    DiscretizedLogistic,
    Likelihood,
    LogisticMixture,
    Multinomial,
)
from latentops.model import VAE
from latentops.networks import mlp

SHAPE = (1, 4, 4)
IDENTITY = "0123456789abcdef" * 4
RNG = np.random.default_rng(0)


def spec_of(levels: int, shape: tuple[int, ...] = SHAPE) -> Spec:
    return Spec(source="tiny", kind="image", shape=shape, levels=levels)


def vae_of(spec: Spec, seed: int = 0, size: float = 1.0, **kwargs: object) -> VAE:
    """Untrained, its weights `size` times as large as they are drawn."""
    settings = mlp.Settings(latent=3, hidden=(6,), decoder_hidden=(5,), **kwargs)
    vae = build.model(spec, Vocabulary(), settings, seed).eval()
    with torch.no_grad():
        for weights in vae.parameters():
            weights.mul_(size)
    return vae


def model_of(levels: int, shape: tuple[int, ...] = SHAPE, **kwargs: object) -> Model:
    spec = spec_of(levels, shape)
    return Model(vae_of(spec, **kwargs), spec, IDENTITY)


def noise(count: int, levels: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return RNG.integers(0, levels, (count, *shape), dtype=np.uint8)


def assert_comes_back(model: Model, images: np.ndarray) -> None:
    again = container.decompress(model, container.compress(model, images))
    assert again.dtype == np.uint8
    np.testing.assert_array_equal(again, images)


# What goes in comes out


@pytest.mark.parametrize("levels", [2, 3, 17, 256])
@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_noise_comes_back(levels: int, count: int) -> None:
    assert_comes_back(model_of(levels), noise(count, levels))


@pytest.mark.parametrize("levels", [2, 17, 256])
@pytest.mark.parametrize("level", ["black", "white"])
@pytest.mark.parametrize("count", [1, 2, 600])
def test_images_of_one_colour_come_back(levels: int, level: str, count: int) -> None:
    value = 0 if level == "black" else levels - 1
    assert_comes_back(model_of(levels), np.full((count, *SHAPE), value, np.uint8))


@pytest.mark.parametrize("size", [0.0, 1e-6, 30.0, 1e3])
@pytest.mark.parametrize("levels", [2, 256])
def test_whatever_the_weights(levels: int, size: float) -> None:
    """Saturated probabilities, log-variances and log-scales at their ends, codes off the grid."""
    assert_comes_back(model_of(levels, size=size), noise(40, levels))


@pytest.mark.parametrize("shape", [(3, 5, 2), (1, 1, 1), (2, 1, 9)])
def test_whatever_the_shape(shape: tuple[int, ...]) -> None:
    assert_comes_back(model_of(256, shape), noise(30, 256, shape))


def test_mixtures_come_back() -> None:
    assert_comes_back(model_of(256, mixtures=3), noise(40, 256))


def test_a_scaled_mean_comes_back() -> None:
    assert_comes_back(model_of(2, mean_scale=0.7), noise(20, 2))


@settings(max_examples=40, deadline=None)
@given(
    levels=st.sampled_from([2, 5, 256]),
    count=st.integers(1, 70),
    seed=st.integers(0, 2**32),
    size=st.sampled_from([0.1, 1.0, 10.0]),
    share=st.floats(0, 1),
)
def test_any_images_come_back(
    levels: int, count: int, seed: int, size: float, share: float
) -> None:
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, levels, (count, *SHAPE), dtype=np.uint8)
    images = np.where(rng.random(drawn.shape) < share, drawn, 0).astype(np.uint8)
    assert_comes_back(model_of(levels, seed=seed % 7, size=size), images)


def test_the_same_images_give_the_same_file_and_large_groups_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, images = model_of(2), noise(700, 2)
    data = container.compress(model, images)
    assert container.compress(model, images) == data
    monkeypatch.setattr(bits_back, "MOST_PIXELS", 16 * 8)
    assert_comes_back(model, images)


def test_the_files_of_one_process_are_read_by_another(tmp_path: Path) -> None:
    images = noise(60, 256)
    (tmp_path / "file").write_bytes(container.compress(model_of(256), images))
    np.save(tmp_path / "images.npy", images)
    script = (
        "import sys; from pathlib import Path; import numpy as np, torch; import test_codec as t\n"
        "torch.set_num_threads(2)\n"
        "folder = Path(sys.argv[1])\n"
        "data = (folder / 'file').read_bytes()\n"
        "found = t.container.decompress(t.model_of(256), data)\n"
        "assert (found == np.load(folder / 'images.npy')).all()\n"
    )
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], env=os.environ | {"PYTHONPATH": path},
        check=True,
    )  # fmt: skip


def test_progress_counts_every_image_once() -> None:
    model, images = model_of(2), noise(300, 2)
    for work in (
        lambda told: container.compress(model, images, told.append),
        lambda told: container.decompress(model, container.compress(model, images), told.append),
    ):
        told: list[int] = []
        work(told)
        assert sum(told) == 300
        assert max(told) > 1


def test_the_stack_is_never_emptied_by_a_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it ran empty, codes would stand at the end of the grid, far from their images."""
    left: list[int] = []
    pop = numbers.pop

    def watched(stack: Any, model: numbers.Model, count: int) -> np.ndarray:
        found = pop(stack, model, count)
        left.append(stack.num_valid_bits())
        return found

    monkeypatch.setattr(numbers, "pop", watched)
    for levels, value in itertools.product((2, 256), (0, 1)):
        container.compress(model_of(levels), value * noise(900, levels))
    assert len(left) > 20
    assert min(left) >= 32


# In how many bits


class Toy(nn.Module):
    """A code of one dimension decides the brightness of all pixels, as factor analysis would."""

    def forward(self, z: Tensor, generator: torch.Generator | None = None) -> Bernoulli:
        return Bernoulli((2.0 * z).expand(*z.shape[:-1], 16).unflatten(-1, SHAPE))


class Known(nn.Module):
    """The posterior of `Toy` by the number of white pixels, matched to the true one on a grid."""

    def __init__(self) -> None:
        super().__init__()
        z = np.linspace(-8, 8, 4001)
        white = np.arange(17)[:, None]
        log_joint = (
            -(z**2) / 2
            + white * -np.log1p(np.exp(-2 * z))
            + (16 - white) * -np.log1p(np.exp(2 * z))
        )
        share = np.exp(log_joint - log_joint.max(1, keepdims=True))
        share /= share.sum(1, keepdims=True)
        mean = (share * z).sum(1)
        variance = (share * (z - mean[:, None]) ** 2).sum(1)
        self.mean = nn.Parameter(torch.tensor(mean))
        self.log_variance = nn.Parameter(torch.tensor(np.log(variance)))
        step = z[1] - z[0]
        log_p = np.log(np.exp(log_joint).sum(1) * step / math.sqrt(2 * math.pi))
        self.bits = -log_p / math.log(2)  # of one image with so many white pixels

    def forward(self, x: Tensor, generator: object = None) -> Posterior:
        white = x.flatten(1).sum(1).long()
        return Posterior(self.mean[white][:, None], self.log_variance[white][:, None])


def test_the_rate_is_that_of_a_model_whose_evidence_is_known() -> None:
    """Images drawn from the model cost -log2 p(x), by quadrature, and no more than q's gap."""
    encoder = Known()
    rng = np.random.default_rng(1)
    z = rng.normal(size=20_000)
    white_share = 1 / (1 + np.exp(-2 * z))
    images = (rng.random((len(z), 16)) < white_share[:, None]).astype(np.uint8)
    model = Model(VAE(encoder, Toy(), latent=1), spec_of(2), IDENTITY)
    data = container.compress(model, images.reshape(-1, *SHAPE))
    evidence = encoder.bits[images.sum(1)].sum()
    posterior, draws = encoder(torch.tensor(images)), 50
    generator = torch.Generator().manual_seed(0)
    z_KBZ = posterior.sample(generator, draws)
    expected = torch.tensor(images.reshape(-1, *SHAPE)).double()
    elbo = Toy()(z_KBZ).log_prob(expected).mean(0) - posterior.kl().sum(-1)
    bound = -elbo.sum().item() / math.log(2)
    found = 8 * (len(data) - HEADER_BYTES)
    assert evidence < bound
    assert found == pytest.approx(bound, rel=2e-3)
    np.testing.assert_array_equal(container.decompress(model, data), images.reshape(-1, *SHAPE))


@pytest.mark.parametrize("levels", [2, 256])
def test_one_image_costs_little_more_than_the_bound(levels: int) -> None:
    """No random bits; words are whole, and the first symbol of a stack fills its 24 bits."""
    spec = spec_of(levels, (1, 12, 12))
    vae = vae_of(spec)
    image = noise(1, levels, spec.shape)
    bits = 8 * (len(container.compress(Model(vae, spec, IDENTITY), image)) - HEADER_BYTES)
    with torch.no_grad():
        x = torch.tensor(image).float()
        posterior = vae.encode(x / (levels - 1))
        z_KBZ = posterior.sample(torch.Generator().manual_seed(0), 200)
        elbo = vae.decode(z_KBZ).log_prob(x).mean() - posterior.kl().sum()
    assert bits < -elbo.item() / math.log(2) + 32 + 24 + 12


def parameters(shape: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    logits, location, log_scale = (
        torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(3)
    )
    return logits, 0.5 + location, log_scale - 3


def likelihoods() -> list[Likelihood]:
    logits, location, log_scale = parameters((4, 50, *SHAPE))
    return [
        Bernoulli(4 * logits[0]),
        DiscretizedLogistic(location[0].clamp(0, 1), log_scale[0].clamp(-7, 2), 256),
        DiscretizedLogistic(location[0].clamp(0, 1), log_scale[0].clamp(-7, 2), 17),
        LogisticMixture(logits, location, log_scale.clamp(-7, 2), 256),
    ]


def level_probabilities(likelihood: Likelihood, levels: int) -> np.ndarray:
    """[P, levels], with every pixel as an example of its own."""
    first = int(isinstance(likelihood, LogisticMixture))  # whose parts stand before the examples
    alone = {
        name: each.flatten(first).unsqueeze(-1) if isinstance(each, Tensor) else each
        for name, each in vars(likelihood).items()
    }
    pixel = type(likelihood)(**alone)
    level_LP1 = torch.arange(levels).double()[:, None, None].expand(-1, *pixel.mean.shape)
    return torch.stack([pixel.log_prob(x).exp() for x in level_LP1], dim=1).numpy()


@pytest.mark.parametrize("likelihood", likelihoods(), ids=lambda each: type(each).__name__)
def test_the_rounded_levels_are_those_of_the_likelihood(likelihood: Likelihood) -> None:
    """Drawn from the likelihood, pixels cost next to nothing more by what the coder is given."""
    model = pixels.rounded(likelihood)
    pixel_count = model.location_KP.shape[1]
    interior = [model.below(np.full(pixel_count, level)) for level in range(1, model.levels)]
    ends = np.zeros(pixel_count), np.ones(pixel_count)
    coded_PL = np.diff(np.stack([ends[0], *interior, ends[1]], axis=1), axis=1)
    coded_PL = coded_PL * (1 - numbers.FLOOR) + numbers.FLOOR / model.levels
    exact_PL = level_probabilities(likelihood, model.levels)
    assert (coded_PL > 0).all()
    np.testing.assert_allclose(coded_PL.sum(1), 1, rtol=1e-12)
    with np.errstate(divide="ignore", invalid="ignore"):
        excess_PL = np.where(exact_PL > 0, exact_PL * np.log2(exact_PL / coded_PL), 0)
    assert excess_PL.sum(1).mean() < 2e-4


@pytest.mark.parametrize("likelihood", likelihoods(), ids=lambda each: type(each).__name__)
def test_pixels_take_the_bits_of_their_probability(likelihood: Likelihood) -> None:
    x = likelihood.sample(torch.Generator().manual_seed(0))
    level_P = x.reshape(-1).numpy().astype(np.uint8)
    model = pixels.rounded(likelihood)
    stack = numbers.stack()
    numbers.push(stack, model, level_P)
    expected = -likelihood.log_prob(x).sum().item() / math.log(2)
    assert stack.num_valid_bits() == pytest.approx(expected, rel=5e-3, abs=32)
    np.testing.assert_array_equal(numbers.pop(stack, model, level_P.size), level_P)
    assert stack.is_empty()


def test_a_level_that_is_all_but_impossible_costs_no_more_than_the_floor() -> None:
    likelihood = DiscretizedLogistic(
        torch.zeros(1, 1, dtype=torch.float64), torch.full((1, 1), -7.0, dtype=torch.float64), 256
    )
    stack = numbers.stack(np.full(3, 2**31, np.uint32))
    before = stack.num_valid_bits()
    numbers.push(stack, pixels.rounded(likelihood), np.array([255]))
    assert 20 < stack.num_valid_bits() - before <= 29


def test_tables_hold_the_functions_they_stand_for() -> None:
    x = np.linspace(-8.9, 8.9, 10_001)
    np.testing.assert_allclose(tables.logistic(x), scipy.special.expit(x), rtol=1e-5)
    np.testing.assert_allclose(tables.normal(x), scipy.special.ndtr(x), rtol=3e-4, atol=1e-18)
    for function in (tables.logistic, tables.normal):
        values = function(np.linspace(-50, 50, 100_001))
        assert (np.diff(values) >= 0).all()
        assert (values[0], values[-1]) == pytest.approx((0, 1), abs=1e-8)
    steps = np.arange(-384, 385)
    np.testing.assert_allclose(tables.exp(steps), np.exp(steps / 32), rtol=1e-12)


def test_what_is_near_rounds_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks that differ by far more than those of another BLAS would still read the file."""
    model, images = model_of(256), noise(80, 256)
    data = container.compress(model, images)
    decode = VAE.decode

    def elsewhere(vae: VAE, z: Tensor) -> Likelihood:
        found = decode(vae, z)
        return DiscretizedLogistic(found.mean * (1 + 1e-10), found.log_scale, found.levels)

    monkeypatch.setattr(VAE, "decode", elsewhere)
    np.testing.assert_array_equal(container.decompress(model, data), images)


# What is refused


def test_a_flipped_bit_is_found_wherever_it_is() -> None:
    model = model_of(2)
    data = container.compress(model, noise(20, 2))
    for place, bit in itertools.product(range(len(data)), (0, 5)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << bit
        with pytest.raises(DataError, match=r"no file that|damaged"):
            container.decompress(model, bytes(flipped))


def test_a_file_that_was_cut_or_grew_is_refused() -> None:
    model = model_of(2)
    data = container.compress(model, noise(20, 2))
    for length in range(len(data)):
        with pytest.raises(DataError, match=r"cut off|no file that"):
            container.decompress(model, data[:length])
    with pytest.raises(DataError, match="checksum"):
        container.decompress(model, data + b"\0")


@pytest.mark.parametrize("data", [b"", b"PK\3\4", bytes(300), b"not ours at all" * 9])
def test_a_file_of_another_kind_is_refused(data: bytes) -> None:
    with pytest.raises(DataError, match="no file that `latentops compress` wrote"):
        container.decompress(model_of(2), data)


def test_a_file_of_another_model_is_refused_by_name() -> None:
    data = container.compress(model_of(2), noise(3, 2))
    other = Model(vae_of(spec_of(2)), spec_of(2), "fedcba9876543210" * 4)
    with pytest.raises(DataError, match=r"model 0123456789ab.*is model fedcba987654"):
        container.decompress(other, data)


def test_a_file_of_images_of_another_size_is_refused() -> None:
    data = container.compress(model_of(2), noise(3, 2))
    with pytest.raises(DataError, match=r"1 x 4 x 4 pixels of 2 levels.*1 x 5 x 4 pixels"):
        container.decompress(model_of(2, (1, 5, 4)), data)
    with pytest.raises(DataError, match=r"of 2 levels.*of 256 levels"):
        container.decompress(model_of(256), data)


def test_weights_that_differ_under_the_same_name_are_found() -> None:
    """As a machine that computes otherwise would be: by the stack, or by the pixels' digest."""
    data = container.compress(model_of(2), noise(50, 2))
    for seed in range(1, 6):
        with pytest.raises(DataError, match="computes the model's numbers otherwise"):
            container.decompress(model_of(2, seed=seed), data)


def test_pixels_that_differ_at_the_end_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(2)
    data = container.compress(model, noise(5, 2))
    levels = Coder.levels
    monkeypatch.setattr(Coder, "levels", lambda *given: 1 - levels(*given))
    with pytest.raises(DataError, match="not those that were compressed"):
        container.decompress(model, data)


@pytest.mark.parametrize(
    "images",
    [noise(2, 2)[:0], noise(2, 2).astype(np.int64), noise(2, 2)[:, 0], noise(2, 2, (1, 4, 5))],
    ids=["none", "integers", "no channel", "another size"],
)
def test_other_arrays_are_refused(images: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"uint8 \[N, 1, 4, 4\] was expected"):
        container.compress(model_of(2), images)


def test_levels_that_the_model_does_not_know_are_refused() -> None:
    with pytest.raises(DataError, match=r"from 0 to 16\. Found 17"):
        container.compress(model_of(17), np.full((1, *SHAPE), 17, np.uint8))


def test_black_and_white_keep_their_values_and_grey_is_refused() -> None:
    """Whether by 0 and 1 or by 0 and 255; of a model of pixels made binary by chance too."""
    images = noise(9, 2)
    dynamic = spec_of(256).model_copy(update={"binarization": "dynamic"})
    for model in (model_of(2), Model(vae_of(dynamic), dynamic, IDENTITY)):
        for white in (1, 255):
            assert_comes_back(model, images * np.uint8(white))
        for grey in (images * np.uint8(2), noise(3, 256)):
            with pytest.raises(DataError, match="black and white alone"):
                container.compress(model, grey)


def test_a_likelihood_without_a_code_says_its_name() -> None:
    with pytest.raises(TypeError, match="Multinomial"):
        pixels.rounded(Multinomial(torch.zeros(1, 3)))


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(NumericalError, match="not finite"):
        container.compress(model_of(2, size=math.inf), noise(2, 2))


def test_a_header_that_claims_more_images_than_memory_holds_is_told() -> None:
    model = model_of(levels=2)
    data = container.compress(model, noise(3, 2))
    header = container._Header(*container._HEADER.unpack_from(data))
    claimed = container._HEADER.pack(*header._replace(images=2**32 - 1, channels=1))
    with pytest.raises(DataError, match=r"4,294,967,295 images: more than fits"):
        container.decompress(model, container._sealed(claimed, data[HEADER_BYTES:]))


def test_a_file_stays_readable_where_a_setting_is_new_or_of_training_alone() -> None:
    spec = spec_of(2)
    vae = vae_of(spec)
    plain = mlp.Settings(latent=3)
    same = coding.identity(vae, spec, plain)
    assert coding.identity(vae, spec, plain.model_copy(update={"pixel_noise": 0.1})) == same
    assert coding.identity(vae, spec, plain.model_copy(update={"activation": "tanh"})) != same
    with_more = type("Later", (mlp.Settings,), {"__annotations__": {"new": int}, "new": 7})
    assert coding.identity(vae, spec, with_more(latent=3)) == same

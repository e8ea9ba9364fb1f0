"""Codes in fewer bits, against closed forms, scikit-learn and numpy, and at the extremes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np
import pytest
import tiny_splits
import tiny_subject
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from tiny_splits import Sample

from latentops import portion
from latentops.applications import decoding, lossy
from latentops.applications.quantiser import MOST_BITS, Quantiser, allocated
from latentops.applications.results import Lossy, LossyPoint
from latentops.applications.subject import Subject
from latentops.portion import Portion
from latentops.report import lossy as page
from latentops.report import lossy_picture, markdown
from latentops.report.document import Document, Picture, Section, Table, Text


def uniform(rows: int = 20_000, dimensions: int = 3) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 3, (rows, dimensions)).astype(np.float32)


def even(train_NZ: np.ndarray, bits: int) -> Quantiser:
    return Quantiser.fit(train_NZ, np.full(train_NZ.shape[1], bits))


class TestQuantiser:
    @pytest.mark.parametrize("bits", [1, 2, 4, 8])
    def test_a_uniform_variable_is_off_by_a_twelfth_of_the_step_squared(self, bits: int) -> None:
        x = uniform()
        step = np.ptp(x, axis=0) / 2**bits
        error = np.square(even(x, bits)(x) - x, dtype=np.float64).mean(axis=0)
        np.testing.assert_allclose(error, step**2 / 12, rtol=0.03)

    @pytest.mark.parametrize("bits", [1, 2, 4, 8])
    def test_has_as_many_values_as_bits_allow_and_leaves_them_as_they_are(self, bits: int) -> None:
        x = uniform()
        quantiser = even(x, bits)
        found = quantiser(x)
        assert [len(np.unique(column)) for column in found.T] == [2**bits] * 3
        np.testing.assert_allclose(quantiser(found), found, atol=1e-6)

    def test_what_lies_outside_the_range_falls_into_the_outermost_cell(self) -> None:
        quantiser = even(np.array([[0.0], [8.0]]), 2)
        assert quantiser(np.array([[-50.0], [1e30], [8.0]]))[:, 0].tolist() == [1, 7, 7]

    def test_no_bits_give_the_mean_of_training(self) -> None:
        x = np.array([[0.0, 5.0], [2.0, 5.5], [7.0, 9.0]])
        quantiser = Quantiser.fit(x, np.array([0, 2]))
        np.testing.assert_allclose(quantiser(x)[:, 0], 3.0)
        assert quantiser.bytes == 1

    @pytest.mark.parametrize("bits", [0, 1, 8])
    def test_a_constant_stays_as_it_is(self, bits: int) -> None:
        constant = np.full((4, 2), -0.7, dtype=np.float32)
        np.testing.assert_allclose(even(constant, bits)(constant), constant)

    @pytest.mark.parametrize(("bits", "dimensions", "size"), [(8, 3, 3), (6, 3, 3), (2, 5, 2)])
    def test_bits_stand_side_by_side_in_whole_bytes(
        self, bits: int, dimensions: int, size: int
    ) -> None:
        assert even(uniform(10, dimensions), bits).bytes == size


class TestAllocated:
    def test_the_widest_is_halved_first(self) -> None:
        """Ranges 8, 4 and 1 take 3, 2 and 0 bits, after which all are 1; then the first leads."""
        train = np.array([[0.0, 0.0, 0.0], [8.0, 4.0, 1.0]])
        assert allocated(train, np.ones(3), 5).tolist() == [3, 2, 0]
        assert allocated(train, np.ones(3), 6).tolist() == [4, 2, 0]

    def test_a_wide_spread_needs_fewer_bits(self) -> None:
        train = np.array([[0.0, 0.0], [8.0, 8.0]])
        assert allocated(train, np.array([4.0, 1.0]), 4).tolist() == [1, 3]

    def test_loses_less_than_even_bits_where_dimensions_differ(self) -> None:
        x = uniform() * np.array([4.0, 1.0, 0.01], dtype=np.float32)
        bits_Z = allocated(x, np.ones(3), 12)
        assert bits_Z.sum() == 12
        ours, evenly = (
            np.square(each(x) - x).sum() for each in (Quantiser.fit(x, bits_Z), even(x, 4))
        )
        assert ours < 0.5 * evenly

    def test_what_no_dimension_can_use_is_left_over(self) -> None:
        assert allocated(np.zeros((5, 3)), np.ones(3), 10).tolist() == [0, 0, 0]
        one_moves = np.array([[0.0, 1.0], [0.0, 2.0]])
        assert allocated(one_moves, np.ones(2), 100).tolist() == [0, MOST_BITS]


@pytest.fixture(scope="module")
def images() -> Subject:
    return tiny_subject.subject(tiny_splits.images())


@pytest.fixture(scope="module")
def texts() -> Subject:
    return tiny_subject.subject(tiny_splits.texts())


@pytest.fixture(scope="module")
def of_images(images: Subject) -> Lossy:
    return lossy.measure(images)


@pytest.fixture(scope="module")
def of_texts(texts: Subject) -> Lossy:
    return lossy.measure(texts)


def point(found: Lossy, code: str, coding: str, bits: float) -> LossyPoint:
    wanted = (code, coding, bits)
    return next(p for p in found.points if (p.code, p.coding, p.bits_per_dimension) == wanted)


class TestImages:
    def test_pca_loses_what_that_of_scikit_learn_does(
        self, images: Subject, of_images: Lossy
    ) -> None:
        train, test = images.train.matrix(), images.test.matrix()
        pca = PCA(tiny_splits.LATENT, random_state=0).fit(train)
        returned = pca.inverse_transform(pca.transform(test)).clip(0, 1)
        truth = np.square(returned - test).mean()
        assert point(of_images, "pca", "float32", 32).distortion == pytest.approx(truth, rel=1e-4)

    def test_half_precision_is_that_of_numpy(self, images: Subject, of_images: Lossy) -> None:
        mean = portion.read(images.vae, images.test.examples).mean_NZ.astype(np.float16)
        with torch.no_grad():
            returned = images.vae.decode(torch.from_numpy(mean.astype(np.float32))).mean
        pixels = torch.from_numpy(images.test.matrix())
        truth = (returned.flatten(1) - pixels).square().mean(1).double().mean().item()
        found = point(of_images, "vae", "float16", 16)
        assert found.distortion == pytest.approx(truth, rel=1e-9)
        assert found.bytes == 2 * tiny_splits.LATENT

    def test_both_codes_have_the_same_bytes(self, of_images: Lossy) -> None:
        sizes = {
            code: [p.bytes for p in of_images.points if p.code == code] for code in ("vae", "pca")
        }
        assert sizes["vae"] == sizes["pca"] == [16, 8, 4, 3, 2, 1, 2, 1, 1, 1]

    def test_fewer_bits_lose_more_of_pca(self, of_images: Lossy) -> None:
        lost = [p.distortion for p in of_images.points if p.code == "pca" and p.coding == "even"]
        assert lost == sorted(lost)
        assert lost[-1] > 1.1 * lost[0]

    def test_an_image_as_it_is_has_a_byte_for_each_of_256_levels(self, of_images: Lossy) -> None:
        assert of_images.row_bytes == 16

    def test_the_classes_are_found_in_pca(self, of_images: Lossy) -> None:
        """Each class is one picture with noise on it."""
        assert point(of_images, "pca", "float32", 32).accuracy == 1
        assert of_images.rows == of_images.labelled_rows == 96

    def test_the_same_subject_has_the_same_result(self, images: Subject, of_images: Lossy) -> None:
        assert lossy.measure(images) == of_images


class TestTexts:
    def test_whole_codes_lose_what_the_likelihood_states(
        self, texts: Subject, of_texts: Lossy
    ) -> None:
        mean = portion.read(texts.vae, texts.test.examples).mean_NZ
        with torch.no_grad():
            likelihood = texts.vae.decode(torch.from_numpy(mean))
        log_share = likelihood.mean.log().double().numpy()
        counts = decoding.target(texts.test).toarray()
        truth = -(counts * log_share).sum(axis=1).mean()
        assert point(of_texts, "vae", "float32", 32).distortion == pytest.approx(truth, rel=1e-5)

    def test_the_shares_of_words_are_those_of_linear_regression(self, texts: Subject) -> None:
        """Fitted by least squares, cut at 0, and mixed with the unigram."""
        rng = np.random.default_rng(0)
        train_NZ, test_NZ = rng.normal(size=(len(texts.train), 4)), rng.normal(size=(7, 4))
        counts = decoding.target(texts.train).toarray()
        shares = counts / counts.sum(axis=1, keepdims=True)
        fitted = LinearRegression().fit(train_NZ, shares).predict(test_NZ).clip(min=0)
        unigram = counts.sum(axis=0) + 0.5
        few = texts.test.subset(np.arange(7))
        lost_LN = decoding.of_lsa(train_NZ, texts.train)(test_NZ, few)
        for weight, lost_N in zip(decoding.UNIGRAM_WEIGHTS, lost_LN, strict=True):
            mixed = (1 - weight) * fitted / fitted.sum(axis=1, keepdims=True)
            mixed = mixed + weight * unigram / unigram.sum()
            truth = -(decoding.target(few).toarray() * np.log(mixed)).sum(axis=1)
            np.testing.assert_allclose(lost_N, truth, rtol=1e-6)

    def test_what_is_known_of_a_text(self, texts: Subject, of_texts: Lossy) -> None:
        raw = texts.test.texts
        assert of_texts.row_bytes == pytest.approx(np.mean([len(text) for text in raw]))
        assert of_texts.words_per_row == decoding.target(texts.test).sum() / len(raw)

    def test_lsa_finds_the_classes(self, of_texts: Lossy) -> None:
        assert of_texts.baseline == "lsa"
        assert point(of_texts, "lsa", "float32", 32).accuracy > 0.9


class TestChoice:
    def test_is_the_fewest_bytes_at_next_to_no_price_on_validation(self) -> None:
        scored = [
            self._scored(64, 0.100, 0.900),
            self._scored(32, 0.100, 0.900),
            self._scored(16, 0.1009, 0.896),
            self._scored(8, 0.100, 0.890),
            self._scored(4, 0.102, 0.900),
        ]
        assert lossy._cheapest(scored) == 2

    def test_without_labels_the_distortion_decides(self) -> None:
        scored = [self._scored(64, 0.1, None), self._scored(8, 0.1, None)]
        assert lossy._cheapest(scored) == 1

    def test_does_not_read_test_rows(self, images: Subject, of_images: Lossy) -> None:
        noise = np.random.default_rng(0).permutation(len(images.test))
        other = replace(images, test=replace(images.test, y=images.test.y[noise]))
        found = lossy.measure(other).chosen
        assert (found.coding, found.bits_per_dimension) == (
            of_images.chosen.coding,
            of_images.chosen.bits_per_dimension,
        )

    @staticmethod
    def _scored(size: int, distortion: float, accuracy: float | None) -> lossy.Scored:
        made = LossyPoint(
            code="vae",
            coding="even",
            bits_per_dimension=size,
            dimensions=8,
            bytes=size,
            distortion=9.0,
            accuracy=0.1,
        )
        return lossy.Scored(made, np.ones(3), np.ones(3, dtype=bool), distortion, accuracy)


def relabelled(subject: Subject, label: int) -> Subject:
    def to(rows: Portion) -> Portion:
        return replace(rows, y=np.full(len(rows), label))

    train, valid, test = map(to, (subject.train, subject.valid, subject.test))
    return replace(subject, train=train, valid=valid, test=test)


def collapsed(sample: Sample) -> Subject:
    """The encoder says the same of every example."""
    subject = tiny_subject.subject(sample)
    with torch.no_grad():
        heads = list(subject.vae.encoder.parameters())[-2:]
        heads[0].zero_()
    return subject


MAKERS = [tiny_splits.images, tiny_splits.texts]


@pytest.mark.parametrize("make", MAKERS, ids=["images", "texts"])
class TestExtremes:
    @pytest.mark.parametrize("label", [-1, 0], ids=["unlabelled", "one class"])
    def test_without_classes_there_is_no_accuracy(
        self, make: Callable[[], Sample], label: int
    ) -> None:
        found = lossy.measure(relabelled(tiny_subject.subject(make()), label))
        assert {each.accuracy for each in found.points} == {None}
        assert found.chosen.beside_float32.accuracy is None
        assert found.chosen.beside_baseline.accuracy is None
        assert len(page.blocks(found)) >= 4

    def test_one_dimension(
        self, make: Callable[[], Sample], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tiny_splits, "LATENT", 1)
        found = lossy.measure(tiny_subject.subject(make()))
        assert point(found, "vae", "float32", 32).bytes == 4
        assert point(found, "vae", "allocated", 0.5).dimensions == 1
        assert len(page.blocks(found)) >= 4

    def test_a_collapsed_code_loses_the_same_in_any_bits(self, make: Callable[[], Sample]) -> None:
        found = lossy.measure(collapsed(make()))
        lost = [each.distortion for each in found.points if each.code == "vae"]
        assert lost == pytest.approx([lost[0]] * len(lost), rel=1e-3)
        assert point(found, "vae", "allocated", 4).bytes == 0
        assert len(page.blocks(found)) >= 4

    def test_one_row_has_no_interval(self, make: Callable[[], Sample]) -> None:
        subject = tiny_subject.subject(make())
        found = lossy.measure(replace(subject, test=subject.test.subset(np.array([0]))))
        assert found.chosen.beside_float32.distortion.low is None
        assert "[" not in text_of(found).split("accuracy by")[0]


def test_texts_without_a_known_word_lose_nothing(texts: Subject) -> None:
    """Neither code can, and the page has no perplexity to show."""
    silent = texts.test.examples
    none = replace(silent, target=replace(silent.target, values=silent.target.values * 0))
    found = lossy.measure(replace(texts, test=replace(texts.test, examples=none)))
    assert found.words_per_row == 0
    assert {each.distortion for each in found.points} == {0}
    assert table_of(found).rows[0][3] == ""


def text_of(found: Lossy) -> str:
    return next(block.text for block in page.blocks(found) if isinstance(block, Text))


def table_of(found: Lossy) -> Table:
    return next(block for block in page.blocks(found) if isinstance(block, Table))


class TestPage:
    def test_says_what_was_chosen_and_what_it_costs(self, of_texts: Lossy) -> None:
        best = page.chosen(of_texts)
        text = text_of(of_texts)
        assert f"takes {best.bytes} bytes" in text
        assert "Beside LSA stored in the same way the VAE is worse in distortion (+" in text
        assert "worse in accuracy (-" in text

    def test_the_table_has_a_row_for_each_coding_and_both_codes(self, of_images: Lossy) -> None:
        table = table_of(of_images)
        assert len(table.rows) == len(lossy.CODINGS)
        assert table.header[2:5] == ("VAE, MSE", "VAE, PSNR, dB", "VAE, accuracy, %")
        assert table.header[5:] == ("PCA, MSE", "PCA, PSNR, dB", "PCA, accuracy, %")
        (marked,) = table.marked
        assert table.rows[marked][1] == str(page.chosen(of_images).bytes)

    def test_psnr_is_ten_times_the_log_of_one_over_the_error(self) -> None:
        assert lossy_picture.psnr_text(0.001) == "30.00"
        assert lossy_picture.psnr_text(0.0) == "exact"

    def test_perplexity_is_of_a_word(self, of_texts: Lossy) -> None:
        row, first = table_of(of_texts).rows[0], of_texts.points[0]
        assert row[3] == f"{np.exp(first.distortion / of_texts.words_per_row):,.0f}"

    def test_draws_a_picture_and_renders(self, of_images: Lossy) -> None:
        blocks = page.blocks(of_images)
        (picture,) = (block for block in blocks if isinstance(block, Picture))
        assert picture.png.startswith(b"\x89PNG")
        figure = lossy_picture.curves(of_images)
        assert [len(axes.lines) for axes in figure.axes] == [4, 4]
        assert all(axes.get_xscale() == "log" for axes in figure.axes)
        assert "Marked" in markdown.render(
            Document("", (), (Section("", blocks),)), PurePosixPath()
        )

    def test_says_why_fewer_bits_may_lose_less(self, of_texts: Lossy) -> None:
        whole, *others = of_texts.points
        less = replace_point(others[0], distortion=whole.distortion * 0.9)
        found = of_texts.model_copy(update={"points": (whole, less, *others[1:])})
        assert any("Fewer bits can lose less" in getattr(b, "text", "") for b in page.blocks(found))


def replace_point(old: LossyPoint, **new: float) -> LossyPoint:
    return old.model_copy(update=new)

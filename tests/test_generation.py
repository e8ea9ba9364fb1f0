"""Generation: codes, the tasks of a model, what is measured of it, and the report's section."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from report_samples import clear_no, digits
from tiny_model import COUNTS, IMAGES, TEXTS, head, write_project
from tiny_splits import Sample, images, texts

from latentops import artifacts, classifier, portion
from latentops.applications import generation, generation_texts
from latentops.applications.generation_images import PcaSampler
from latentops.applications.judges import ImageJudge, TextJudge, documents
from latentops.applications.results import Applications, Generation
from latentops.applications.subject import Measured, Subject
from latentops.artifacts import Spec
from latentops.classifier import ClassCodes, Classifier
from latentops.elbo import Posterior
from latentops.errors import DataError
from latentops.inference import latent_space
from latentops.inference.folder import export
from latentops.inference.predictor import Predictor
from latentops.portion import Portion
from latentops.report import generation as section
from latentops.report.document import Picture, Table, Text, Warned
from latentops.report.facts import Facts
from latentops.verdict import shipped
from latentops.verdict.settings import HeadSettings

# Codes


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_class_has_the_moments_of_its_aggregated_posterior() -> None:
    """Against many samples of the mixture itself."""
    rng = np.random.default_rng(0)
    mean_NZ, log_variance_NZ = rng.normal(size=(2, 6, 3)).astype(np.float32)
    y_N = np.array([0, 0, 0, 2, 2, -1])
    codes = ClassCodes.of(mean_NZ, log_variance_NZ, y_N, classes=3)
    posterior = Posterior(torch.tensor(mean_NZ[:3]), torch.tensor(log_variance_NZ[:3]))
    z_KNZ = posterior.sample(seeded(), samples=100_000).flatten(0, 1)
    np.testing.assert_allclose(codes.mean_CZ[0], z_KNZ.mean(0), atol=0.02)
    np.testing.assert_allclose(codes.sd_CZ[0], z_KNZ.std(0), atol=0.02)
    assert codes.mean_CZ[1].tolist() == [0, 0, 0], "without a row: the prior"
    assert codes.sd_CZ[1].tolist() == [1, 1, 1]
    alone = ClassCodes.of(mean_NZ[3:5], log_variance_NZ[3:5], np.zeros(2, dtype=int), 1)
    np.testing.assert_array_equal(codes.sd_CZ[2], alone.sd_CZ[0])


def test_codes_of_classes_have_the_moments_of_their_class() -> None:
    codes = ClassCodes(
        np.array([[0, 5], [-3, 1]], dtype=np.float32), np.array([[1, 0], [2, 3]], dtype=np.float32)
    )
    y_N = np.repeat([1, 0], 50_000)
    z_NZ = latent_space.of_classes(codes, y_N, seeded()).numpy()
    for y in (0, 1):
        np.testing.assert_allclose(z_NZ[y_N == y].mean(0), codes.mean_CZ[y], atol=0.05)
        np.testing.assert_allclose(z_NZ[y_N == y].std(0), codes.sd_CZ[y], atol=0.05)


def test_the_way_between_two_codes_is_an_arc_in_equal_steps() -> None:
    first, second = torch.tensor([[2.0, 0, 0]]), torch.tensor([[0.0, 2, 0]])
    (path_SZ,) = latent_space.between(first, second, 7)
    angles = np.linspace(0, np.pi / 2, 7)
    expected = 2 * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    np.testing.assert_allclose(path_SZ, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([1.0, 2], [1, 2]),
        ([0.0, 0], [1, 2]),
        ([1.0, 2], [0, 0]),
        ([1.0, 2], [-2, -4]),
        ([0.0, 0], [0, 0]),
    ],
    ids=["same", "from nothing", "to nothing", "opposite", "nothing"],
)
def test_where_there_is_no_arc_the_way_is_straight(first: list[float], second: list[float]) -> None:
    a_1Z, b_1Z = torch.tensor([first]), torch.tensor([second], dtype=torch.float32)
    (path_SZ,) = latent_space.between(a_1Z, b_1Z, 5)
    expected = a_1Z + torch.linspace(0, 1, 5)[:, None] * (b_1Z - a_1Z)
    np.testing.assert_allclose(path_SZ, expected, atol=1e-6)


def test_the_ends_of_the_way_are_the_codes() -> None:
    first_BZ, second_BZ = torch.randn((2, 40, 6), generator=seeded())
    path_BSZ = latent_space.between(first_BZ, second_BZ, 4)
    assert torch.equal(path_BSZ[:, 0], first_BZ)
    np.testing.assert_allclose(path_BSZ[:, -1], second_BZ, rtol=1e-6)
    with pytest.raises(DataError, match="at least 2 steps"):
        latent_space.between(first_BZ, second_BZ, 1)


# Tasks


CODES = ClassCodes(
    np.array([[0, 0, 0], [9, -9, 9]], dtype=np.float32), np.full((2, 3), 0.01, dtype=np.float32)
)


def predictor_of(spec: Spec, folder: Path, codes: ClassCodes | None = CODES) -> Predictor:
    write_project(folder / "project", spec)
    replace(head(spec), codes=codes).save(folder / "project/model")
    export(folder / "project", folder / "model")
    return Predictor.from_folder(folder / "model")


@pytest.mark.parametrize("spec", [COUNTS, IMAGES], ids=["texts", "images"])
def test_a_label_asks_for_its_class(spec: Spec, tmp_path: Path) -> None:
    """Codes of the second class lie far off and close together."""
    predictor = predictor_of(spec, tmp_path)
    made = predictor.predict(None, "generate", n=3, seed=1, label="music")
    with torch.no_grad():
        (centre,) = predictor.vae.decode(torch.tensor(CODES.mean_CZ[1:])).mean
    if isinstance(made, np.ndarray):
        np.testing.assert_allclose(made, centre.expand(3, 1, 3, 2), atol=0.05)
    else:
        first = np.array(["turn", "on", "light", "play", "music", "off"])[centre.argmax()]
        assert [words[0] for words in made["words"]] == [first] * 3
    again = predictor.generate(3, 1, "music")
    assert str(again) == str(made)
    assert str(predictor.generate(3, 1, "light")) != str(made)


def test_no_label_asks_for_the_prior(tmp_path: Path) -> None:
    predictor = predictor_of(COUNTS, tmp_path)
    pd.testing.assert_frame_equal(predictor.generate(3, 1), predictor.generate(3, 1, label=""))
    without = replace_head(predictor, "the training rows have no labels.")
    pd.testing.assert_frame_equal(predictor.generate(3, 1), without.generate(3, 1))


def replace_head(predictor: Predictor, found: Classifier | str) -> Predictor:
    parts = predictor.vae, predictor.spec, predictor.vocabulary, predictor.settings
    return Predictor(*parts, found)


def many(count: int, absent: tuple[str, ...] = ()) -> Classifier:
    names = tuple(f"class {y}" for y in range(count))
    facts = head(COUNTS).head.model_copy(update={"classes": names, "absent": absent})
    codes = ClassCodes(np.zeros((count, 3), np.float32), np.ones((count, 3), np.float32))
    return replace(head(COUNTS), head=facts, codes=codes)


@pytest.mark.parametrize(
    ("found", "label", "said"),
    [
        (head(COUNTS), "music", "Register it again: `dvc repro`"),
        ("the training rows have no labels.", "music", "cannot generate by class: the training"),
        (replace(head(COUNTS), codes=CODES), "musik", "no class 'musik'. Did you mean 'music'?"),
        (replace(head(COUNTS), codes=CODES), "musik", "There are 'light', 'music'."),
        (many(300), "nothing", "'class 7' and 292 more."),
        (many(3, absent=("class 1",)), "class 1", "'class 1' had no training row. There are 'cl"),
        (many(3, absent=("class 1",)), "class 1", "are 'class 0', 'class 2'."),
    ],
)
def test_a_class_that_cannot_be_asked_for_is_named(
    found: Classifier | str, label: str, said: str, tmp_path: Path
) -> None:
    predictor = replace_head(predictor_of(COUNTS, tmp_path), found)
    with pytest.raises(DataError) as caught:
        predictor.predict(None, "generate", label=label)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 250


def test_images_go_from_each_row_to_the_next(tmp_path: Path) -> None:
    predictor = predictor_of(IMAGES, tmp_path)
    rows = np.arange(18, dtype=np.uint8).reshape(3, 3, 2) * 14
    made = predictor.predict(rows, "interpolate", n=4)
    assert isinstance(made, np.ndarray)
    assert made.shape == (8, 1, 3, 2)
    ends = predictor.reconstruct(rows)
    np.testing.assert_allclose(made[[0, 3, 4, 7]], ends[[0, 1, 1, 2]], rtol=1e-5)
    half = predictor.predict(rows, "interpolate", n=3)
    mean_NZ = torch.tensor(predictor.encode(rows).to_numpy())
    with torch.no_grad():
        middle = predictor.vae.decode(latent_space.between(mean_NZ[:1], mean_NZ[1:2], 3)[:, 1])
    np.testing.assert_allclose(half[1], middle.mean[0], rtol=1e-5)


def test_texts_go_from_each_row_to_the_next(tmp_path: Path) -> None:
    predictor = predictor_of(COUNTS, tmp_path)
    made = predictor.predict(TEXTS, "interpolate", n=2)
    assert isinstance(made, pd.DataFrame)
    assert list(made.columns) == ["pair", "step", "words"]
    assert made["pair"].tolist() == [0, 0, 1, 1]
    assert made["step"].tolist() == [0, 1, 0, 1]
    words = predictor.reconstruct(TEXTS)["words"].tolist()
    assert made["words"].tolist() == [words[0], words[1], words[1], words[2]]


def test_interpolation_needs_two_rows_and_two_steps(tmp_path: Path) -> None:
    predictor = predictor_of(COUNTS, tmp_path)
    with pytest.raises(DataError, match="two rows or more"):
        predictor.predict(["turn on"], "interpolate", n=3)
    with pytest.raises(DataError, match="at least 2 steps"):
        predictor.predict(TEXTS, "interpolate")
    assert len(predictor.predict(["zzz", "zzz"], "interpolate", n=3)) == 3


# The file of the classifier


def test_the_codes_of_classes_come_back_from_the_file(tmp_path: Path) -> None:
    replace(head(COUNTS), codes=CODES).save(tmp_path)
    found = classifier.load(tmp_path)
    assert found is not None
    assert found.codes is not None
    np.testing.assert_array_equal(found.codes.mean_CZ, CODES.mean_CZ)
    np.testing.assert_array_equal(found.codes.sd_CZ, CODES.sd_CZ)
    assert found.bytes == head(COUNTS).bytes, "a prediction needs none of them"


def test_a_file_from_before_there_were_codes_still_loads(tmp_path: Path) -> None:
    head(COUNTS).save(tmp_path)
    assert "class_mean" not in artifacts.read_tensors(tmp_path / "head.safetensors")
    found = classifier.load(tmp_path)
    assert found is not None
    assert found.codes is None


def ship(sample: Sample, train: Portion) -> Classifier | str:
    settings = HeadSettings(features="vae", classifier="logistic")
    return shipped.ship(sample.subject, train, sample.valid, settings)


def test_stage_head_keeps_where_the_classes_lie() -> None:
    """Of the training rows in scope, and of no other."""
    sample = texts()
    found = ship(sample, sample.train)
    assert isinstance(found, Classifier)
    assert found.codes is not None
    rows = sample.train.subset(np.flatnonzero(sample.train.in_scope & (sample.train.y == 2)))
    code = portion.read(sample.subject.vae, rows.examples)
    np.testing.assert_allclose(found.codes.mean_CZ[2], code.mean_NZ.mean(0), rtol=1e-4, atol=1e-6)


# Documents and images


def test_documents_are_drawn_with_their_shares_and_lengths() -> None:
    share_NW = np.tile([[0.1, 0.0, 0.6, 0.3]], (4000, 1))
    rng = np.random.default_rng(0)
    counts_NW = generation_texts.drawn(
        lambda some: share_NW[some], np.full(4000, 5), different=False, rng=rng
    )
    assert np.unique(counts_NW.sum(axis=1)).tolist() == [5]
    np.testing.assert_allclose(counts_NW.mean(axis=0).A1 / 5, share_NW[0], atol=0.01)


def test_different_words_are_drawn_one_after_the_other() -> None:
    """Against the probabilities of the two orders, enumerated."""
    share_W = np.array([0.1, 0.6, 0.3, 0.0])
    counts_NW = generation_texts.drawn(
        lambda some: np.tile(share_W, (20_000, 1))[some],
        np.full(20_000, 2),
        different=True,
        rng=np.random.default_rng(0),
    ).toarray()
    assert counts_NW.max() == 1
    for one, other in ((0, 1), (0, 2), (1, 2)):
        p, q = share_W[one], share_W[other]
        expected = p * q / (1 - p) + q * p / (1 - q)
        found = (counts_NW[:, one] * counts_NW[:, other]).mean()
        assert found == pytest.approx(expected, abs=0.02)
    none_left = generation_texts.drawn(
        lambda some: share_W[None], np.array([4]), different=True, rng=np.random.default_rng(0)
    )
    assert none_left.toarray().tolist() == [[1, 1, 1, 0]]


def test_equal_bags_are_equal_documents() -> None:
    counts_NW = scipy.sparse.csr_matrix([[0, 2, 1], [0, 0, 0], [1, 0, 0]])
    assert documents(counts_NW) == [(1, 1, 2), (), (0,)]


def test_the_judge_of_texts_finds_copies_and_classes() -> None:
    sample = texts()
    rows = sample.train.labelled()
    counts_NW = generation_texts.target_counts(rows)
    judge = TextJudge.fit(counts_NW, rows.y)
    assert judge.copied(counts_NW).all()
    np.testing.assert_allclose(judge.nearest(counts_NW).distance_NK, 0, atol=1e-6)
    assert (judge.label(counts_NW) == rows.y).all()
    shifted = counts_NW.copy()
    shifted.data += 1
    assert not judge.copied(shifted).any()


@pytest.mark.parametrize("labelled", [True, False])
def test_the_judge_of_images_names_copies(labelled: bool) -> None:
    sample = images(rows=60)
    rows, real = (each.labelled() for each in (sample.train, sample.valid))
    pixels_MD, real_ND = rows.matrix(), real.matrix()
    y_M = rows.y if labelled else np.full(len(rows), -1)
    judge = ImageJudge.fit(pixels_MD, y_M, real_ND, 1_000, 100, seed=0)
    assert judge is not None
    assert judge.copied(judge.nearest(pixels_MD)).all()
    assert judge.copied(judge.nearest(real_ND)).mean() == pytest.approx(0.01, abs=0.01)
    assert np.square(judge.features(pixels_MD)).mean() == pytest.approx(1, rel=1e-4)
    last = judge.network.predict_proba(pixels_MD)
    logits = judge.features(pixels_MD) * judge.scale @ judge.network.coefs_[-1]
    np.testing.assert_array_equal(
        (logits + judge.network.intercepts_[-1]).argmax(1), last.argmax(1)
    )
    assert ("clusters" in judge.name) is not labelled


def test_images_that_are_all_alike_have_no_judge() -> None:
    pixels_MD, y_M = np.ones((9, 4), dtype=np.float32), np.full(9, -1)
    assert ImageJudge.fit(pixels_MD, y_M, pixels_MD, 100, 10, seed=0) is None


def test_pca_samples_have_the_moments_of_the_images() -> None:
    rng = np.random.default_rng(0)
    pixels_MD = (0.5 + 0.05 * rng.normal(size=(500, 3)) @ rng.normal(size=(3, 6))).astype(
        np.float32
    )
    y_M = (pixels_MD[:, 0] > 0.5).astype(int)
    sampler = PcaSampler.fit(pixels_MD, y_M, size=3, classes=2, seed=0)
    every = sampler.draw(np.full(20_000, -1), rng)
    np.testing.assert_allclose(every.mean(0), pixels_MD.mean(0), atol=0.01)
    np.testing.assert_allclose(np.cov(every.T), np.cov(pixels_MD.T), atol=2e-3)
    ones = sampler.draw(np.ones(20_000, dtype=int), rng)
    np.testing.assert_allclose(ones.mean(0), pixels_MD[y_M == 1].mean(0), atol=0.01)


# The whole


def subject_of(
    sample: Sample, change: Callable[[Portion], Portion] = lambda rows: rows, repeats: int = 1
) -> Subject:
    """With the rows in scope, changed, and a classifier if their labels allow one."""
    train, valid, test = (
        change(rows.subset(np.flatnonzero(rows.in_scope)))
        for rows in (sample.train, sample.valid, sample.test)
    )
    own = sample.subject
    found = ship(sample, train)
    return Subject(
        predictor=Predictor(own.vae, own.spec, own.vocabulary, sample.model, found),
        train=train,
        valid=valid,
        test=test,
        depth="quick",
        seed=0,
        repeats=(own.vae,) * repeats,
    )


def unlabelled(rows: Portion) -> Portion:
    return replace(rows, y=np.full_like(rows.y, -1))


def of_one_class(rows: Portion) -> Portion:
    return rows.subset(np.flatnonzero(rows.y == 0))


def few(rows: Portion) -> Portion:
    return rows.subset(np.arange(0, len(rows), 17))


CHANGES = [lambda rows: rows, unlabelled, of_one_class, few]
NAMES = ["as they are", "without labels", "one class", "few rows"]


@pytest.mark.parametrize("change", CHANGES, ids=NAMES)
@pytest.mark.parametrize("sample", [texts, images])
def test_whatever_the_rows_something_is_said(
    sample: Callable[[], Sample], change: Callable[[Portion], Portion]
) -> None:
    subject = subject_of(sample(), change)
    found = generation.measure(subject)
    again = generation.measure(subject)
    assert found.result == again.result
    assert found.images.keys() == again.images.keys()
    assert all(np.array_equal(found.images[name], again.images[name]) for name in found.images)
    assert bool(found.result.without_classes) == (found.result.gain is None)
    told = shown(found)
    assert any(isinstance(block, Table) for block in told)
    for name, pixels in found.images.items():
        assert pixels.min() >= 0, name
        assert pixels.max() <= 1, name


def shown(found: Measured[Generation]) -> tuple[object, ...]:
    """The blocks of the section."""
    made = section.generation(facts_of(found))
    assert made is not None
    return made.blocks


def facts_of(found: Measured[Generation]) -> Facts:
    return replace(
        digits() if found.images else clear_no(),
        applications=Applications(generation=found.result),
        images={f"generation.{name}": pixels for name, pixels in found.images.items()},
    )


@pytest.mark.parametrize(("classes", "rows"), [(2, 24), (300, 2)])
def test_two_classes_and_three_hundred(classes: int, rows: int) -> None:
    for sample in (texts, images):
        found = generation.measure(subject_of(sample(classes=classes, rows=rows))).result
        assert found.gain is not None
        assert len(found.shown_classes) <= 10
        assert len(found.written) <= 8


def test_the_kinds_of_examples_are_told_apart() -> None:
    found = generation.measure(subject_of(texts(), repeats=2)).result
    assert [(each.source, each.way) for each in found.made] == [
        ("valid", "real"),
        ("vae", "prior"),
        ("unigram", "prior"),
        ("vae", "class"),
        ("unigram", "class"),
        ("vae", "around"),
        ("vae", "between"),
    ]
    assert found.seeds == 3
    by = {(each.source, each.way): each for each in found.made}
    real, unigram = by["valid", "real"], by["unigram", "class"]
    assert real.agreement is not None
    assert unigram.agreement is not None
    assert found.gain is not None
    ours = by["vae", "class"].agreement
    assert ours is not None
    assert found.gain.difference == pytest.approx(ours - unigram.agreement)
    assert min(real.agreement, unigram.agreement) > 0.9, "every class has words of its own"
    assert all(each.agreement is None for each in found.made if each.way in ("prior", "between"))
    assert real.nearest < by["vae", "prior"].nearest, "the VAE was not trained"


def test_a_model_that_repeats_its_training_rows_is_named() -> None:
    """Its decoder returns a training image whatever the code."""
    subject = subject_of(images(rows=60))
    known = torch.tensor(subject.train.matrix()).reshape(-1, 1, 4, 4)

    class Repeats(torch.nn.Module):
        def forward(self, z_NZ: torch.Tensor, generator: object = None) -> object:
            rows = (z_NZ.abs().sum(-1) * 1e4).long() % len(known)
            return type("Given", (), {"mean": known[rows]})()

    subject.vae.decoder = Repeats()
    found = generation.measure(subject)
    prior = found.result.made[1]
    assert prior.copies == 1
    assert prior.nearest == 0
    (warned,) = (block for block in shown(found) if isinstance(block, Warned))
    assert "copies training rows" in warned.text
    assert "from the prior 100.0" in warned.text


def test_texts_without_a_known_word_are_no_reason_to_fail() -> None:
    sample = texts()
    empty = replace(sample.valid, examples=emptied(sample.valid))
    found = generation.measure(replace(subject_of(sample), valid=empty)).result
    assert found.reason.startswith("Fewer than two validation documents")
    facts = replace(clear_no(), applications=Applications(generation=found))
    made = section.generation(facts)
    assert made is not None
    assert made.blocks == (Text(found.reason),)


def emptied(rows: Portion) -> object:
    target = rows.examples.target
    none = target.at(torch.zeros_like(target.indptr), torch.zeros(0, dtype=torch.int64))
    return replace(rows.examples, target=none)


def test_images_whose_drawn_validation_rows_have_no_label_are_shown() -> None:
    subject = subject_of(images())
    y = np.full(len(subject.valid), -1)
    y[5] = 1
    few = replace(
        subject,
        valid=replace(subject.valid, y=y),
        test=subject.test.subset(np.arange(0, len(subject.test), 10)),
    )
    found = generation.measure(few)
    assert found.result.gain is None
    assert shown(found)


def test_a_single_image_is_too_few() -> None:
    subject = subject_of(images())
    one = replace(subject, valid=subject.valid.subset(np.array([0])))
    assert "Fewer than two" in generation.measure(one).result.reason


def test_the_section_is_left_out_where_it_is_off() -> None:
    assert section.generation(clear_no()) is None


def test_the_section_says_who_is_better() -> None:
    found = generation.measure(subject_of(texts())).result
    said = shown(Measured(found, {}))[0]
    assert isinstance(said, Text)
    assert "the VAE is worse" in said.text, "it was not trained"
    better = found.gain.model_copy(update={"difference": 0.2, "low": 0.1, "high": 0.3})
    said = shown(Measured(found.model_copy(update={"gain": better}), {}))[0]
    assert isinstance(said, Text)
    assert "the VAE is better by 20.0" in said.text


def test_pictures_of_images_say_what_they_are() -> None:
    found = generation.measure(subject_of(images()))
    pictures = [block for block in shown(found) if isinstance(block, Picture)]
    assert [each.name for each in pictures] == [
        "generated_by_class",
        "generated_and_nearest",
        "interpolations",
    ]
    assert "class 0, class 1, class 2, class 3" in pictures[0].alt

"""Denoising: the task, its measures against closed forms, the twin, and the section on it."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import report_samples
import scipy.sparse
import tiny_splits
import torch
from service_at_work import running
from sklearn.decomposition import PCA
from sklearn.metrics import f1_score
from tiny_model import COUNTS, IMAGES, TEXTS, write_project
from tiny_subject import subject
from torch import Tensor, nn

from latentops import artifacts, build, objectives
from latentops.applications import damage, denoising, repair, twin
from latentops.applications.damage import NONE, Damage
from latentops.applications.results import Applications, Denoising
from latentops.applications.subject import Subject
from latentops.artifacts import Spec
from latentops.data import vocabulary as counting
from latentops.elbo import Posterior
from latentops.inference import tasks
from latentops.inference.folder import export
from latentops.inference.predictor import Predictor
from latentops.likelihoods import Bernoulli
from latentops.metrics.bootstrap import Bootstrap
from latentops.model import VAE
from latentops.portion import Portion
from latentops.report import denoising as section
from latentops.report import html, markdown
from latentops.report.document import Document, Picture, Table, Text
from latentops.report.page import SECTIONS
from latentops.service.sources import Folder
from latentops.stages import repeat
from latentops.training import loop
from latentops.training.settings import Settings as TrainSettings
from latentops.verdict.features import Projection


def with_twin(sample: tiny_splits.Sample) -> Subject:
    return replace(subject(sample), denoising=sample.subject.vae)


@pytest.fixture(scope="module")
def texts() -> Subject:
    return with_twin(tiny_splits.texts())


@pytest.fixture(scope="module")
def images() -> Subject:
    return with_twin(tiny_splits.images())


@pytest.fixture(scope="module")
def of_texts(texts: Subject) -> Denoising:
    return denoising.measure(texts).result


# The task


def predictor(spec: Spec, folder: Path) -> Predictor:
    write_project(folder / "project", spec)
    export(folder / "project", folder / "model")
    return Predictor.from_folder(folder / "model")


def test_a_word_comes_in_where_most_documents_of_that_length_hold_it() -> None:
    """Against the sum over every document that can be drawn."""
    generator = torch.Generator().manual_seed(0)
    for words in (1, 2, 3):
        share_BW = torch.rand(20, 4, generator=generator).softmax(1)
        counts_BW = torch.zeros(20, 4)
        counts_BW[:, 3] = words
        found = tasks.cleaned(share_BW, counts_BW, torch.zeros(4))
        for share_W, found_W in zip(share_BW.double(), found, strict=True):
            held_W = torch.zeros(4, dtype=torch.float64)
            for drawn in product(range(4), repeat=words):
                held_W[list(set(drawn))] += share_W[list(drawn)].prod()
            assert (held_W[:3] > 0.5).tolist() == found_W[:3].tolist()
            assert found_W[3]


def test_an_odd_word_goes_and_a_text_without_known_words_stays_empty() -> None:
    share_BW = torch.tensor([[0.04, 0.16, 0.8], [0.04, 0.16, 0.8]])
    counts_BW = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    anyway_W = torch.tensor([0.1, 0.3, 0.6])
    found = tasks.cleaned(share_BW, counts_BW, anyway_W)
    assert found.tolist() == [[False, True, True], [False, False, False]]


def test_texts_are_answered_with_words_by_falling_probability(tmp_path: Path) -> None:
    found = predictor(COUNTS, tmp_path)
    answered = found.predict([*TEXTS, "", "quokka"], task="denoise")
    assert list(answered.columns) == ["words"]
    assert answered["words"].tolist()[3:] == [[], []]
    for text, words in zip(TEXTS, answered["words"], strict=False):
        all_words = found.reconstruct([text])["words"][0]
        assert words == [word for word in all_words if word in words]
        assert set(text.split()) & set(all_words) & set(words)


def test_images_are_answered_with_what_the_mean_decodes_to(tmp_path: Path) -> None:
    found = predictor(IMAGES, tmp_path)
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 1, 3, 2)
    np.testing.assert_array_equal(
        found.predict(pixels, task="denoise"), found.predict(pixels, task="reconstruct")
    )


def test_the_service_denoises(tmp_path: Path) -> None:
    found = predictor(COUNTS, tmp_path)
    with running(Folder(tmp_path / "model")) as (client, _):
        asked = client.post("/v1/denoise", json={"inputs": [TEXTS[0], "quokka"]})
    results = asked.json()["results"]
    assert results == found.denoise([TEXTS[0], "quokka"]).to_dict("records")
    assert results[0]["words"]


# The damage


@pytest.mark.parametrize("kind", ["drop", "swap", "misspell"])
def test_damaged_texts_are_counted_anew_and_nothing_else_changes(
    texts: Subject, kind: damage.Kind
) -> None:
    found = damage.damaged(texts.test, Damage(kind, 0.5), texts.predictor, seed=3)
    assert found.texts != texts.test.texts
    expected = counting.count(found.texts, texts.predictor.vocabulary)
    assert (found.counts != expected).nnz == 0
    assert isinstance(found.counts, scipy.sparse.csr_matrix)
    assert found.counts.dtype == texts.test.counts.dtype
    np.testing.assert_array_equal(found.y, texts.test.y)
    again = damage.damaged(texts.test, Damage(kind, 0.5), texts.predictor, seed=3)
    assert again.texts == found.texts
    assert damage.damaged(texts.test, NONE, texts.predictor, seed=3) is texts.test


@pytest.mark.parametrize("kind", ["noise", "flip", "blank"])
def test_damaged_images_hold_whole_levels(images: Subject, kind: damage.Kind) -> None:
    rows = images.test
    if kind == "flip":
        binary = replace(rows.examples, pixels=(rows.examples.pixels > 127).byte(), levels=2)
        rows = replace(rows, examples=binary)
    weak, strong = (
        damage.damaged(rows, Damage(kind, strength), images.predictor, seed=0)
        for strength in (0.1, 0.5)
    )
    assert strong.examples.pixels.dtype == torch.uint8
    assert strong.matrix().max() <= 1
    far = [np.square(each.matrix() - rows.matrix()).mean() for each in (weak, strong)]
    assert 0 < far[0] < far[1]


def test_the_plan_has_three_strengths_of_what_the_data_can_take() -> None:
    kinds = {
        COUNTS: {"drop", "swap", "misspell"},
        IMAGES: {"noise", "blank"},
        IMAGES.model_copy(update={"levels": 2}): {"flip", "blank"},
        IMAGES.model_copy(update={"binarization": "dynamic"}): {"flip", "blank"},
    }
    for spec, expected in kinds.items():
        plan = damage.planned(spec)
        assert {each.kind for each in plan} == expected
        assert len(set(plan)) == 3 * len(expected)
        assert damage.middle(plan, plan[0].kind) == plan[1]


# What comes back


class Constant(nn.Module):
    """An encoder and a decoder that always say the same."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Posterior | Bernoulli:
        if x.shape[-1] != 1:  # pixels
            return Posterior(torch.zeros(len(x), 1), torch.zeros(len(x), 1))
        return Bernoulli(self.logits.expand(len(x), *self.logits.shape))


def always(value: float, images: Subject) -> VAE:
    logits = torch.full(images.predictor.spec.shape, value).logit()
    return VAE(Constant(logits), Constant(logits), latent=1)


def pca_of(rows: Portion, size: int) -> tuple[PCA, Projection]:
    fitted = PCA(size).fit(rows.matrix())
    return fitted, Projection(fitted.components_.T.astype(np.float32), fitted.mean_)


def test_errors_of_images_are_those_of_scikit_learn_and_of_a_constant(images: Subject) -> None:
    given = damage.damaged(images.test, Damage("noise", 0.3), images.predictor, seed=0)
    fitted, pca = pca_of(images.train, 3)
    found = {
        each.by: each
        for each in repair.of_images(images.test, given, {"vae": always(0.5, images)}, pca, seed=0)
    }
    clean_ND, given_ND = images.test.matrix(), given.matrix()
    by_pca_ND = fitted.inverse_transform(fitted.transform(given_ND)).clip(0, 1)
    expected = {"input": given_ND, "pca": by_pca_ND, "vae": np.full_like(clean_ND, 0.5)}
    assert found.keys() == expected.keys()
    for by, returned_ND in expected.items():
        error = np.square(returned_ND - clean_ND).mean()
        assert found[by].error == pytest.approx(error, rel=1e-4)
        assert found[by].psnr_db == pytest.approx(-10 * np.log10(error), abs=1e-3)
    gain = found["input"].psnr_db - found["pca"].psnr_db
    assert found["input"].gain == pytest.approx(gain)
    assert found["input"].low < gain < found["input"].high
    assert found["pca"].gain is None


def test_psnr_has_its_known_values() -> None:
    assert repair.psnr_db(0.01) == pytest.approx(20)
    assert repair.psnr_db(1.0) == 0
    assert repair.psnr_db(0.0) is None


def test_nats_are_of_the_clean_text_given_the_code_of_the_damaged_one(texts: Subject) -> None:
    """Against dense log-softmax arithmetic."""
    given = damage.damaged(texts.test, Damage("drop", 0.5), texts.predictor, seed=0)
    found = {
        each.by: each
        for each in repair.of_texts(texts.test, given, {"vae": texts.vae, "twin": texts.vae}, 0)
    }
    every = torch.arange(len(given))
    target = texts.test.examples.batch(every).target.to_dense()
    with torch.no_grad():
        logits = texts.vae.decoder(texts.vae.encode(given.examples.batch(every).input).mean).logits
        anyway = texts.vae.decoder(torch.zeros(1, texts.vae.latent)).logits
    nats = -(target * logits.log_softmax(1)).sum(1).mean().item()
    assert found["vae"].error == pytest.approx(nats, rel=1e-5)
    untold = -(target * anyway.log_softmax(1)).sum(1).mean().item()
    assert found["nothing"].error == pytest.approx(untold, rel=1e-5)
    assert found["nothing"].gain == pytest.approx(nats - untold, abs=1e-4)
    assert (found["vae"].gain, found["twin"].gain) == (None, 0)
    assert found["input"].words_f1 < 1


def test_f1_is_that_of_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(0)
    found, true = (torch.rand(30, 6, generator=generator) < 0.4 for _ in range(2))
    expected = f1_score(true.numpy(), found.numpy(), average="samples", zero_division=1.0)
    both_empty = torch.zeros(1, 6, dtype=torch.bool)
    assert repair.f1(found, true).mean().item() == pytest.approx(expected)
    assert repair.f1(both_empty, both_empty).item() == 1


def test_a_ratio_of_means_has_the_interval_of_its_draws() -> None:
    rng = np.random.default_rng(0)
    theirs_N = rng.uniform(1, 2, 400)
    bootstrap = Bootstrap(400, seed=0)
    assert bootstrap.mean_ratio(3 * theirs_N, theirs_N) == pytest.approx((3, 3, 3))
    ours_N = theirs_N * rng.lognormal(0, 0.3, 400)
    found = bootstrap.mean_ratio(ours_N, theirs_N)
    residual_N = ours_N - found.mean * theirs_N  # the delta method
    half = 1.96 * residual_N.std() / np.sqrt(400) / theirs_N.mean()
    assert found.mean == pytest.approx(ours_N.mean() / theirs_N.mean())
    assert (found.low, found.high) == pytest.approx(
        (found.mean - half, found.mean + half), abs=half / 5
    )
    assert Bootstrap(1, seed=0).mean_ratio(ours_N[:1], theirs_N[:1]).high == np.inf


# Heads


def test_accuracies_and_gains_are_over_the_first() -> None:
    right = {"tfidf": np.array([1, 0, 0, 1] * 50, bool), "vae": np.array([1, 1, 0, 1] * 50, bool)}
    first, other = denoising.recognitions(right, seed=0)
    assert (first.features, first.accuracy, first.gain) == ("tfidf", 0.5, None)
    assert (other.features, other.accuracy, other.gain) == ("vae", 0.75, 0.25)
    assert 0 < other.low < 0.25 < other.high


def test_every_damage_is_measured_with_both_vaes(of_texts: Denoising, texts: Subject) -> None:
    assert [(each.kind, each.strength) for each in of_texts.damaged] == list(
        damage.planned(texts.predictor.spec)
    )
    for each in (of_texts.clean, *of_texts.damaged):
        assert [found.by for found in each.repairs] == ["input", "vae", "twin", "nothing"]
        assert [found.features for found in each.recognised] == [
            "tfidf",
            "lsa",
            "vae",
            "tfidf+vae",
            "twin",
            "tfidf+twin",
        ]
    assert of_texts.clean.repairs[0].words_f1 == 1
    assert of_texts.leading in ("vae", "tfidf+vae", "twin", "tfidf+twin")
    assert (of_texts.labelled_rows, of_texts.has_twin) == (120, True)
    baseline = [each.recognised[0].accuracy for each in (of_texts.clean, *of_texts.damaged[:3])]
    assert baseline[0] > baseline[3]


def test_the_twin_of_the_same_weights_does_as_the_vae(of_texts: Denoising) -> None:
    for each in of_texts.damaged:
        accuracy = {found.features: found.accuracy for found in each.recognised}
        assert accuracy["vae"] == accuracy["twin"]


def test_shown_texts_are_of_validation(of_texts: Denoising, texts: Subject) -> None:
    assert {each.clean for each in of_texts.mended} <= set(texts.valid.texts)
    assert all(len(each.damaged.split()) < len(each.clean.split()) for each in of_texts.mended)


def test_images_come_with_a_grid_of_validation(images: Subject) -> None:
    found = denoising.measure(images)
    assert [each.rows for each in found.result.pictured] == [
        ("clean", "input", "pca", "vae", "twin")
    ] * 2
    assert set(found.images) == {"noise", "blank"}
    grid = found.images["noise"]
    assert grid.shape == (5, 8, 1, 4, 4)
    assert grid.min() >= 0
    assert grid.max() <= 1
    valid = {row.tobytes() for row in images.valid.matrix().astype(np.float32)}
    assert {each.astype(np.float32).tobytes() for each in grid[0]} <= valid


def test_the_same_seed_gives_the_same_result(images: Subject) -> None:
    first, again = denoising.measure(images), denoising.measure(images)
    assert first.result == again.result
    np.testing.assert_array_equal(first.images["blank"], again.images["blank"])


def full(found: Subject) -> Subject:
    return replace(found, depth="full")


def relabelled(found: Subject, y: Callable[[np.ndarray], np.ndarray]) -> Subject:
    parts = ("train", "valid", "test")
    return replace(
        found,
        **{part: replace(rows, y=y(rows.y)) for part in parts for rows in [getattr(found, part)]},
    )


ODD: dict[str, Callable[[Subject], Subject]] = {
    "full": full,
    "without labels": lambda found: relabelled(found, lambda y: np.full_like(y, -1)),
    "one class": lambda found: relabelled(found, np.zeros_like),
    "one test row": lambda found: replace(found, test=found.test.subset(np.arange(1))),
    "two rows of validation": lambda found: replace(found, valid=found.valid.subset(np.arange(2))),
    "no validation labels": lambda found: replace(
        found, valid=replace(found.valid, y=np.full_like(found.valid.y, -1))
    ),
    "without a twin": lambda found: replace(found, denoising=None),
    "few training rows": lambda found: replace(
        found, train=found.train.subset(np.arange(0, 96, 8))
    ),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("kind", ["texts", "images"])
def test_no_data_is_too_odd(name: str, kind: str, request: pytest.FixtureRequest) -> None:
    odd = ODD[name](request.getfixturevalue(kind))
    measured = denoising.measure(odd)
    assert measured.result.reason == ""
    assert bool(measured.result.without_heads) == (name in ("without labels", "one class"))
    facts = replace(
        report_samples.digits(),
        applications=Applications(denoising=measured.result),
        images={f"denoising.{name}": each for name, each in measured.images.items()},
    )
    shown = section.denoising(facts)
    text = markdown.render(Document("", (), (shown,)), Path("pictures"))
    assert "nan" not in text
    assert "None" not in text


def test_texts_that_the_vocabulary_does_not_know_are_measured(texts: Subject) -> None:
    rows = texts.test
    strange = rows.table.assign(text="quokka wombat " * 3)
    counts = counting.count(strange["text"], texts.predictor.vocabulary)
    empty = damage._reworded(rows, strange["text"].tolist(), texts.predictor)
    assert counts[:, list(texts.predictor.vocabulary.target)].nnz == 0
    found = denoising.measure(replace(texts, test=empty)).result
    assert found.clean.repairs[1].error == 0


def test_counts_that_came_ready_cannot_be_damaged(texts: Subject) -> None:
    bare = {
        part: replace(rows, table=rows.table.drop(columns="text"))
        for part in ("train", "valid", "test")
        for rows in [getattr(texts, part)]
    }
    found = denoising.measure(replace(texts, **bare)).result
    assert "no text to damage" in found.reason
    assert found.damaged == ()


# The twin's training


def training(sample: tiny_splits.Sample, settings: build.Model) -> repeat.Training:
    """Of images, whose tensors are their pixels."""
    arrays = {
        split: {
            "x": rows.examples.pixels.numpy(),
            "y": rows.y,
            "in_scope": rows.in_scope,
        }
        for split, rows in (("train", sample.train), ("valid", sample.valid))
    }
    sections = repeat.Trained(
        model=settings,
        objective=objectives.Settings(),
        train=TrainSettings(epochs=2, batch_size=16, device="cpu"),
    )
    return repeat.Training(sample.subject.spec, sample.subject.vocabulary, sections, arrays, ("d",))


def test_the_twin_is_the_training_with_damaged_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sample = tiny_splits.images()
    found = training(sample, sample.model)
    written = repeat._twin(found, seed=4)
    weights = artifacts.read_tensors(artifacts.REPEATS / written.file)
    settings = sample.model.model_copy(update={"pixel_noise": twin.PIXEL_NOISE})
    vae = build.model(sample.subject.spec, sample.subject.vocabulary, settings, seed=4)
    parts = (
        build.examples(sample.subject.spec, sample.subject.vocabulary, arrays, settings).subset(
            torch.from_numpy(np.flatnonzero(arrays["in_scope"]))
        )
        for arrays in found.arrays.values()
    )
    loop.fit(
        vae, *parts, found.settings.objective, found.settings.train.model_copy(update={"seed": 4})
    )
    for name, value in build.weights(vae).items():
        np.testing.assert_array_equal(weights[name], value)
    plain = found.fit("plain", seed=4).weights
    assert any((plain[name] != weights[name]).any() for name in plain)


# The section


def test_it_is_on_the_page_and_goes_with_its_switch() -> None:
    assert section.denoising in SECTIONS
    assert section.denoising(report_samples.digits()) is None


def test_a_reason_is_all_there_is() -> None:
    applications = Applications(denoising=Denoising(reason="No text."))
    found = section.denoising(replace(report_samples.digits(), applications=applications))
    assert found.blocks == (Text("No text."),)


def shown(found: Denoising) -> tuple[object, ...]:
    facts = replace(report_samples.digits(), applications=Applications(denoising=found))
    return section.denoising(facts).blocks


def test_the_first_line_says_what_came_back_with_its_interval(of_texts: Denoising) -> None:
    outcomes = {
        (0.02, 0.01, 0.03): "2.0\u00a0points [1.0,\u00a03.0] of the 40.0 points lost come back.",
        (0.0, -0.01, 0.01): "none of the 40.0 points lost come back that could be told from chance",
        (-0.02, -0.03, -0.01): "none of the 40.0 points lost come back: -2.0\u00a0points",
    }
    for (gain, low, high), told in outcomes.items():
        clean, damaged = of_texts.clean, of_texts.damaged[1]
        baseline, *others = damaged.recognised
        ours = others[1].model_copy(update={"gain": gain, "low": low, "high": high})
        before = clean.recognised[0].model_copy(update={"accuracy": 0.9})
        after = baseline.model_copy(update={"accuracy": 0.5})
        changed = of_texts.model_copy(
            update={
                "leading": "vae",
                "clean": clean.model_copy(update={"recognised": (before, *clean.recognised[1:])}),
                "damaged": (
                    of_texts.damaged[0],
                    damaged.model_copy(update={"recognised": (after, ours)}),
                    *of_texts.damaged[2:],
                ),
            }
        )
        assert told in next(section._findings(changed)), gain


def test_swaps_that_change_no_bag_are_said_so(of_texts: Denoising) -> None:
    """The tiny model reads pairs too; one that does not has the same cost of every swap."""
    assert Text(section.SWAPPED) not in shown(of_texts)
    calm = [
        each.model_copy(update={"repairs": of_texts.clean.repairs}) if each.kind == "swap" else each
        for each in of_texts.damaged
    ]
    assert Text(section.SWAPPED) in shown(of_texts.model_copy(update={"damaged": tuple(calm)}))


def test_hostile_texts_are_escaped_and_pictures_have_a_caption(
    of_texts: Denoising, images: Subject
) -> None:
    hostile = of_texts.mended[0].model_copy(update={"clean": report_samples.HOSTILE})
    blocks = shown(of_texts.model_copy(update={"mended": (hostile,)}))
    assert isinstance(blocks[-1], Table)
    page = html.render(Document("", (), (section.Section(section.TITLE, blocks),)))
    assert "<script>alert" not in page
    measured = denoising.measure(images)
    facts = replace(
        report_samples.digits(),
        applications=Applications(denoising=measured.result),
        images={f"denoising.{name}": each for name, each in measured.images.items()},
    )
    pictures = [each for each in section.denoising(facts).blocks if isinstance(each, Picture)]
    assert [each.name for each in pictures] == ["denoising_noise", "denoising_blank"]
    assert all(each.png.startswith(b"\x89PNG") and each.alt for each in pictures)

"""Signals of strangers against brute force, and the study of them on small splits."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse
import torch
from scipy.spatial.distance import cdist
from sklearn.covariance import ledoit_wolf
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize
from tiny_splits import Sample, images, texts

from latentops import elbo
from latentops.artifacts import HeldOut
from latentops.classifier import Classifier, HeadFile
from latentops.metrics import detection
from latentops.verdict import detector, shipped, signals, strangers
from latentops.verdict.results import Signal, Strangers
from latentops.verdict.settings import HeadSettings
from latentops.verdict.strangers import Splits

DRAW = np.random.default_rng(0)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("train_rows", [3, 600])
def test_the_distance_is_to_the_fifth_neighbour(sparse: bool, train_rows: int) -> None:
    rows, train = DRAW.random((300, 8)), DRAW.random((train_rows, 8))
    nearest = NearestNeighbors(n_neighbors=min(5, train_rows), metric="cosine").fit(train)
    truth = nearest.kneighbors(rows)[0][:, -1]
    given = [scipy.sparse.csr_matrix(each) for each in (rows, train)] if sparse else [rows, train]
    assert signals.neighbour_distance(*given) == pytest.approx(truth, abs=1e-9)


def test_mahalanobis_is_that_of_scipy_with_the_shrunk_covariance() -> None:
    train, rows = DRAW.normal(size=(90, 4)), DRAW.normal(size=(20, 4))
    y = np.repeat([2, 5, 9], 30)
    train[y == 5] += 2.0
    unit = normalize(train)
    means = np.stack([unit[y == each].mean(axis=0) for each in (2, 5, 9)])
    centred = unit - means[np.searchsorted([2, 5, 9], y)]
    precision = np.linalg.inv(ledoit_wolf(centred, assume_centered=True)[0])
    truth = cdist(normalize(rows), means, "mahalanobis", VI=precision).min(axis=1)
    assert signals.mahalanobis(rows, train, y) == pytest.approx(truth, rel=1e-6)


def test_a_collapsed_code_gives_no_distance() -> None:
    flat = np.zeros((10, 3))
    assert (signals.mahalanobis(flat, flat, np.repeat([0, 1], 5)) == 0).all()
    assert np.isfinite(signals.neighbour_distance(flat, flat)).all()


def test_the_elbo_is_that_of_the_model() -> None:
    sample = texts()
    rows, vae = sample.valid, sample.subject.vae
    found = signals.elbo_nats(vae, rows.examples, seed=3)
    batch = rows.examples.batch(torch.arange(len(rows)))
    with torch.no_grad():
        output = vae(batch.input, torch.Generator().manual_seed(3))
        terms = elbo.terms(output.rate_BZ, output.likelihood, batch.target)
    assert found == pytest.approx(-(terms.rate_B + terms.distortion_B).numpy(), rel=1e-4)
    assert np.array_equal(found, signals.elbo_nats(vae, rows.examples, seed=3))


def test_a_detector_finds_the_weights_that_made_the_strangers() -> None:
    """Two signals tell strangers equally well, a third says nothing."""
    own = {name: DRAW.normal(size=2000) for name in ("margin", "rate", "noise")}
    other = {
        "margin": DRAW.normal(1.0, size=2000),
        "rate": DRAW.normal(1.0, size=2000),
        "noise": DRAW.normal(size=2000),
    }
    found = detector.fit(own, other, refuse=0.05)
    assert found.signals["margin"].weight == pytest.approx(1.0, abs=0.15)
    assert found.signals["rate"].weight == pytest.approx(1.0, abs=0.15)
    assert found.signals["noise"].weight == pytest.approx(0.0, abs=0.1)
    assert found.refused == 0.05


def test_a_detector_without_strangers_is_the_first_signal() -> None:
    own = {"margin": DRAW.normal(size=100), "rate": DRAW.normal(size=100)}
    found = detector.fit(own, {name: values[:0] for name, values in own.items()}, refuse=0.1)
    assert list(found.signals) == ["margin"]
    assert "no strangers" in found.note
    values = detector.combine(found.signals, own)
    assert np.array_equal(values.argsort(), own["margin"].argsort())
    assert (values > found.threshold).mean() == found.refused == 0.1


@pytest.mark.parametrize(("strangers", "weighed"), [(19, ["margin"]), (20, ["margin", "rate"])])
def test_few_strangers_weigh_nothing(strangers: int, weighed: list[str]) -> None:
    own = {name: DRAW.normal(size=100) for name in ("margin", "rate")}
    other = {name: DRAW.normal(1.0, size=strangers) for name in own}
    assert list(detector.fit(own, other, 0.05).signals) == weighed


def test_a_signal_that_never_changes_is_left_out() -> None:
    own = {"margin": DRAW.normal(size=100), "known": np.zeros(100)}
    other = {"margin": DRAW.normal(2.0, size=30), "known": np.zeros(30)}
    assert list(detector.fit(own, other, 0.05).signals) == ["margin"]
    flat = {name: np.zeros_like(values) for name, values in own.items()}
    assert list(detector.fit(flat, other, 0.05).signals) == ["margin"]


def splits(sample: Sample) -> Splits:
    return Splits(sample.train, sample.valid, sample.test)


def shipped_head(sample: Sample, features: str) -> HeadFile:
    settings = HeadSettings(features=features, classifier="svm")
    found = shipped.ship(sample.subject, sample.train, sample.valid, settings)
    assert isinstance(found, Classifier)
    return found.head


@pytest.fixture(scope="module")
def of_texts() -> tuple[Sample, HeadFile, Strangers]:
    sample = texts()
    head = shipped_head(sample, "tfidf+vae")
    found = strangers.own(sample.subject, splits(sample), head, seed=0)
    assert found is not None
    return sample, head, found


def named(found: Strangers) -> dict[str, Signal]:
    return {each.name: each for each in found.signals}


def test_every_signal_is_scored_and_says_whether_it_needs_the_vae(
    of_texts: tuple[Sample, HeadFile, Strangers],
) -> None:
    found = named(of_texts[2])
    without = {"margin_tfidf", "knn_tfidf", "known", "unknown", "combination_without_vae"}
    with_vae = {"margin", "rate", "elbo", "knn_latent", "mahalanobis", "combination"}
    assert {name for name, each in found.items() if not each.uses_vae} == without
    assert {name for name, each in found.items() if each.uses_vae} == with_vae
    for each in found.values():
        assert 0 <= each.auroc_low <= each.auroc <= each.auroc_high <= 1
        assert 0 <= each.recall_low <= each.recall <= each.recall_high <= 1
    assert found["combination"].auroc > 0.95
    assert found["unknown"].auroc > 0.95  # two words of each stranger are


def test_the_share_of_the_vae_is_a_difference_of_two_signals() -> None:
    sample = texts(hard=True, seed=3)
    head = shipped_head(sample, "vae+hidden")
    found = strangers.own(sample.subject, splits(sample), head, seed=0)
    assert found is not None
    signal = named(found)
    for claim, quantity in ((found.share_auroc, "auroc"), (found.share_recall, "recall")):
        assert claim is not None
        assert claim.ours == "combination"
        assert not signal[claim.theirs].uses_vae
        ours, theirs = (getattr(signal[name], quantity) for name in (claim.ours, claim.theirs))
        assert claim.difference == pytest.approx(ours - theirs)
        assert claim.low <= claim.difference <= claim.high


def test_the_difference_of_a_better_signal_is_above_zero() -> None:
    in_scope = np.repeat([True, False], 200)
    truth = (~in_scope).astype(float)
    values = {"good": truth + 0.3 * DRAW.normal(size=400), "poor": DRAW.normal(size=400)}
    scored = strangers._Scored.of(values, in_scope, values, in_scope, refuse=0.05, seed=0)
    assert scored.best(["poor", "good"]) == "good"
    for claim in (scored.claim_auroc("good", "poor"), scored.claim_recall("good", "poor")):
        assert 0 < claim.low < claim.difference < claim.high


def test_rows_are_counted_and_the_margin_is_that_of_the_head(
    of_texts: tuple[Sample, HeadFile, Strangers],
) -> None:
    sample, _, found = of_texts
    assert (found.setting, found.in_scope_rows, found.stranger_rows) == ("own", 120, 25)
    assert "25 strangers" in found.note
    settings = HeadSettings(features="tfidf+vae", classifier="svm")
    classifier = shipped.ship(sample.subject, sample.train, sample.valid, settings)
    assert isinstance(classifier, Classifier)
    margin_N = -classifier.logits(sample.subject.inputs(classifier, sample.test)).max(axis=1)
    own = sample.test.in_scope
    auroc = detection.auroc(margin_N[own], margin_N[~own])
    assert named(found)["margin"].auroc == pytest.approx(auroc, abs=0.01)  # but for int8


def test_a_head_without_the_vae_is_its_own_baseline() -> None:
    sample = texts()
    found = strangers.own(sample.subject, splits(sample), shipped_head(sample, "tfidf"), seed=0)
    assert found is not None
    assert "margin_tfidf" not in named(found)
    assert not named(found)["margin"].uses_vae


def test_data_without_strangers_has_no_study_of_them() -> None:
    sample = texts(strangers=0)
    assert strangers.own(sample.subject, splits(sample), HeadFile(), seed=0) is None


def test_strangers_of_test_alone_leave_margins_to_compare() -> None:
    sample = texts()
    valid = sample.valid.subset(np.flatnonzero(sample.valid.in_scope))
    head = shipped_head(sample, "tfidf+vae")
    found = strangers.own(sample.subject, replace(splits(sample), valid=valid), head, seed=0)
    assert found is not None
    assert "no strangers" in found.note
    signal = named(found)
    assert signal["combination"].auroc == signal["margin"].auroc
    assert signal["combination_without_vae"].auroc == signal["margin_tfidf"].auroc


HELD = HeldOut(classes_valid=("class 1",), classes_test=("class 3",), file="", train_seconds=1.0)


@pytest.mark.parametrize("make", [texts, images])
def test_held_out_classes_are_the_strangers(make: type) -> None:
    sample = make()
    plain = "tfidf" if make is texts else "pixels"
    head = shipped_head(sample, f"{plain}+vae")
    found = strangers.held_out(sample.subject, splits(sample), head, HELD, seed=0)
    assert found is not None
    classes = len(sample.subject.spec.classes)
    assert found.setting == "held_out"
    assert (found.in_scope_rows, found.stranger_rows) == (24 * (classes - 2), 24)
    assert "the vocabulary was" in found.note
    assert f"knn_{plain}" in named(found)


def test_no_row_of_a_held_out_class_is_learned_from() -> None:
    """Other labels and texts there leave every score of a study as it was."""
    sample = texts()
    head = shipped_head(sample, "tfidf+vae")
    before = strangers.held_out(sample.subject, splits(sample), head, HELD, seed=0)
    gone = sample.train.subset(np.flatnonzero(~np.isin(sample.train.y, [1, 3])))
    after = strangers.held_out(
        sample.subject, replace(splits(sample), train=gone), head, HELD, seed=0
    )
    assert before == after

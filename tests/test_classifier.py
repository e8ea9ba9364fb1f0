"""The shipped classifier: folded tensors against scikit-learn, its numbers, and its files."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from tiny_splits import Sample, images, texts

from latentops import artifacts, classifier, portion
from latentops.classifier import (
    Candidate,
    Classifier,
    Detector,
    HeadFile,
    Inputs,
    Rounded,
    Weighed,
)
from latentops.data import familiarity, weighting
from latentops.data import vocabulary as counting
from latentops.errors import ArtifactError
from latentops.verdict import heads, shipped
from latentops.verdict.features import Basis, Blocks
from latentops.verdict.heads import Choice, Head
from latentops.verdict.settings import CHOICES

JOIN = 0.7
MARGIN = Detector(
    signals={"margin": Weighed(weight=1.0, mean=0.0, sd=1.0)}, threshold=0.0, refused=0.0, note=""
)


def of_sample(sample: Sample) -> tuple[Basis, Blocks, np.ndarray, Inputs]:
    """Of the rows of train in scope: a basis, blocks, labels, and what a classifier reads."""
    rows = sample.train.subset(np.flatnonzero(sample.train.in_scope))
    code = portion.read(sample.subject.vae, rows.examples)
    vocabulary = sample.subject.vocabulary
    basis = Basis.fit(rows, code, vocabulary, sample.subject.vae.latent, seed=0)
    inputs = Inputs(
        terms_NV=None if rows.counts is None else weighting.tfidf(rows.counts, vocabulary),
        pixels_ND=rows.matrix() if rows.counts is None else None,
        mean_NZ=code.mean_NZ,
        hidden_NH=code.hidden_NH,
        rate_nats_N=code.rate_nats_N,
    )
    return basis, basis.blocks(rows, code), rows.y, inputs


def of_scikit_learn(model: LinearSVC | LogisticRegression, blocks: Blocks, features: str) -> Head:
    """Its coefficients as a head, with the join that `heads.stacked` gave the later blocks."""
    coefficients, start = {}, 0
    for place, name in enumerate(features.split("+")):
        stop = start + blocks[name].shape[1]
        coefficients[name] = model.coef_[:, start:stop].T * (JOIN if place else 1.0)
        start = stop
    bias = np.asarray(model.intercept_)
    if len(model.classes_) == 2:
        coefficients = {
            name: np.hstack([-each / 2, each / 2]) for name, each in coefficients.items()
        }
        bias = np.array([-bias[0] / 2, bias[0] / 2])
    choice = Choice("svm", 1.0, JOIN)
    return Head(features, choice, model.classes_, coefficients, bias)


def applied(maps: dict[str, np.ndarray], bias_C: np.ndarray, inputs: Inputs) -> np.ndarray:
    read = {
        "terms": inputs.terms_NV,
        "pixels": inputs.pixels_ND,
        "mean": inputs.mean_NZ,
        "hidden": inputs.hidden_NH,
    }
    return np.asarray(sum((np.asarray(read[name] @ each) for name, each in maps.items()), bias_C))


CASES = [(texts, name) for name in CHOICES["counts"]] + [
    (images, name) for name in CHOICES["image"]
]


@pytest.mark.parametrize("fitted", [LinearSVC(), LogisticRegression()], ids=["svm", "logistic"])
@pytest.mark.parametrize(
    ("sample", "features"), CASES, ids=lambda case: getattr(case, "__name__", case)
)
def test_the_folded_map_decides_as_scikit_learn_does_on_blocks(
    sample: Callable[[], Sample], features: str, fitted: LinearSVC | LogisticRegression
) -> None:
    basis, blocks, y, inputs = of_sample(sample())
    x = heads.stacked(blocks, features, JOIN)
    truth_NC = fitted.fit(x, y).decision_function(x)
    head = of_scikit_learn(fitted, blocks, features)
    maps, bias_C = shipped.linear_map(head, basis)
    largest = np.abs(truth_NC).max()
    assert np.abs(applied(maps, bias_C, inputs) - truth_NC).max() <= 1e-4 * largest
    names = tuple(f"class {each}" for each in range(y.max() + 1))
    folded = shipped.fold(head, basis, HeadFile(classes=names, detector=MARGIN))
    assert (folded.judge(inputs).label_N == fitted.predict(x)).mean() >= 0.995


def test_two_classes_share_one_decision_value() -> None:
    basis, blocks, y, inputs = of_sample(texts(classes=2))
    x = heads.stacked(blocks, "tfidf+vae", JOIN)
    fitted = LogisticRegression().fit(x, y)
    head = of_scikit_learn(fitted, blocks, "tfidf+vae")
    folded = shipped.fold(head, basis, HeadFile(classes=("no", "yes"), detector=MARGIN))
    logits = folded.logits(inputs)
    assert logits[:, 1] - logits[:, 0] == pytest.approx(fitted.decision_function(x), abs=0.01)
    assert folded.probabilities(logits) == pytest.approx(fitted.predict_proba(x), abs=0.005)


def test_a_class_absent_from_training_is_named_and_never_predicted() -> None:
    basis, blocks, y, inputs = of_sample(texts(classes=4))
    rows = y != 1
    some = heads.sliced(blocks, rows)
    fitted = LinearSVC().fit(heads.stacked(some, "tfidf+vae", JOIN), y[rows])
    head = of_scikit_learn(fitted, blocks, "tfidf+vae")
    facts = HeadFile(classes=("a", "b", "c", "d"), detector=MARGIN)
    folded = shipped.fold(head, basis, facts)
    probabilities = folded.probabilities(folded.logits(inputs))
    assert folded.classes == ("a", "b", "c", "d")
    assert (probabilities[:, 1] == 0).all()
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(len(y)), abs=1e-6)
    assert 1 not in folded.judge(inputs).label_N
    assert np.isfinite(folded.judge(inputs).strangeness_N).all()


def test_rounded_weights_are_off_by_half_a_step_at_most() -> None:
    weights = np.random.default_rng(0).normal(size=(500, 7)) * np.logspace(-3, 3, 7)
    rounded = Rounded.of(weights)
    assert rounded.steps_VC.dtype == np.int8
    step_C = np.abs(weights).max(axis=0) / 127
    error_VC = np.abs(rounded.weights_VC - weights)
    assert (error_VC <= step_C / 2 * (1 + 1e-4)).all()
    assert error_VC.max(axis=0) == pytest.approx(step_C / 2, rel=0.1)


def test_a_class_without_weights_rounds_to_zeros() -> None:
    rounded = Rounded.of(np.array([[0.0, 1.0], [0.0, -2.0]]))
    assert rounded.weights_VC == pytest.approx(np.array([[0, 1], [0, -2]]), abs=0.01)
    assert Rounded.of(np.zeros((0, 3))).weights_VC.shape == (0, 3)


def tiny(temperature: float = 1.0, detector: Detector = MARGIN, **tensors: object) -> Classifier:
    head = HeadFile(classes=("a", "b", "c"), temperature=temperature, detector=detector)
    bias_C = np.array([0.5, 0.0, -0.5], dtype=np.float32)
    return Classifier(head=head, bias_C=bias_C, **tensors)  # type: ignore[arg-type]


MEANS = Inputs(
    mean_NZ=np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], dtype=np.float32),
    rate_nats_N=np.array([3.0, 2.0, 0.5], dtype=np.float32),
    known_N=np.array([5, 3, 0]),
    unknown_N=np.array([0, 1, 4]),
)
WEIGHTS_ZC = np.array([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]], dtype=np.float32)


def test_a_temperature_changes_probabilities_and_no_label() -> None:
    cold, warm = (tiny(temperature, mean_ZC=WEIGHTS_ZC) for temperature in (0.5, 4.0))
    logits = cold.logits(MEANS)
    assert logits.tolist() == [[2.5, 0, -0.5], [0.5, 2, -0.5], [-1.5, -2, -0.5]]
    assert cold.judge(MEANS).label_N.tolist() == warm.judge(MEANS).label_N.tolist() == [0, 1, 2]
    odds = cold.probabilities(logits)[:, 0] / cold.probabilities(logits)[:, 1]
    assert np.log(odds) == pytest.approx([5.0, -3.0, 1.0])
    assert (cold.judge(MEANS).probability_N > warm.judge(MEANS).probability_N).all()


def test_strangeness_is_the_weighed_sum_of_its_signals() -> None:
    detector = Detector(
        signals={
            "margin": Weighed(weight=2.0, mean=-1.0, sd=0.5),
            "rate": Weighed(weight=1.0, mean=-2.0, sd=2.0),
            "known": Weighed(weight=0.5, mean=0.0, sd=1.0),
            "unknown": Weighed(weight=3.0, mean=0.0, sd=1.0),
        },
        threshold=4.0,
        refused=0.05,
        note="",
    )
    judged = tiny(detector=detector, mean_ZC=WEIGHTS_ZC).judge(MEANS)
    largest = np.array([2.5, 2.0, -0.5])
    truth = (
        2 * (-largest + 1) / 0.5
        + (-MEANS.rate_nats_N + 2) / 2
        - 0.5 * np.log([6, 4, 1])
        + 3 * np.log([1, 2, 5])
    )
    assert judged.strangeness_N == pytest.approx(truth, rel=1e-6)
    assert judged.out_of_scope_N.tolist() == (truth > 4.0).tolist() == [False, False, True]


def with_signals(*names: str) -> Detector:
    weighed = dict.fromkeys(names, Weighed(weight=1.0, mean=0.0, sd=1.0))
    return Detector(signals=weighed, threshold=0.0, refused=0.0, note="")


@pytest.mark.parametrize(
    ("signals", "tensors", "needs", "needs_encoder"),
    [
        (("margin",), {"terms": Rounded.of(np.ones((4, 3)))}, {"terms"}, False),
        (("margin", "rate"), {"terms": Rounded.of(np.ones((4, 3)))}, {"terms", "rate"}, True),
        (
            ("margin", "known", "unknown"),
            {"terms": Rounded.of(np.ones((4, 3)))},
            {"terms", "familiarity"},
            False,
        ),
        (("margin",), {"pixels_DC": np.ones((4, 3))}, {"pixels"}, False),
        (("margin",), {"mean_ZC": WEIGHTS_ZC}, {"mean"}, True),
        (("margin",), {"mean_ZC": WEIGHTS_ZC, "hidden_HC": WEIGHTS_ZC}, {"mean", "hidden"}, True),
    ],
)
def test_it_needs_what_it_reads(
    signals: tuple[str, ...], tensors: dict[str, object], needs: set[str], needs_encoder: bool
) -> None:
    found = tiny(detector=with_signals(*signals), **tensors)
    assert found.needs == needs
    assert found.needs_encoder == needs_encoder


def test_what_is_not_needed_is_not_computed() -> None:
    """A head on terms alone gets its inputs from a model that would fail if it were run."""
    sample = texts()
    rows = sample.valid
    terms = len(sample.subject.vocabulary.terms)
    found = tiny(terms=Rounded.of(np.ones((terms, 3))))
    given = portion.inputs(
        found,
        None,
        rows.examples,
        rows.counts,
        sample.subject.vocabulary,
        rows.texts,  # type: ignore[arg-type]
    )
    assert given.terms_NV is not None
    assert given.mean_NZ is None
    assert given.known_N is None
    assert len(found.judge(given).label_N) == len(rows)


def test_it_is_the_same_after_saving(tmp_path: Path) -> None:
    detector = with_signals("margin", "rate")
    chosen = Candidate(
        features="tfidf+vae",
        classifier="svm",
        inverse_penalty=1.0,
        join=0.7,
        accuracy=0.9,
        bytes=1,
    )
    draw = np.random.default_rng(0)
    head = HeadFile(
        classes=("a", "b", "c"), chosen=chosen, temperature=0.3, detector=detector, absent=("b",)
    )
    made = Classifier(
        head=head,
        bias_C=np.array([0.1, -np.inf, 0.2], dtype=np.float32),
        terms=Rounded.of(draw.normal(size=(5, 3))),
        mean_ZC=draw.normal(size=(2, 3)).astype(np.float32),
    )
    made.save(tmp_path)
    loaded = classifier.load(tmp_path)
    assert loaded is not None
    inputs = Inputs(
        terms_NV=scipy.sparse.csr_matrix(draw.random((4, 5)), dtype=np.float32),
        mean_NZ=draw.normal(size=(4, 2)).astype(np.float32),
        rate_nats_N=draw.random(4),
    )
    assert loaded.head == head
    assert np.array_equal(loaded.logits(inputs), made.logits(inputs))
    assert np.array_equal(loaded.judge(inputs).strangeness_N, made.judge(inputs).strangeness_N)


def test_files_without_a_classifier_say_why(tmp_path: Path) -> None:
    classifier.save_absence("the training rows have no labels.", tmp_path)
    assert classifier.load(tmp_path) is None
    head = artifacts.read_schema(HeadFile, tmp_path / "head.json")
    assert head.reason == "the training rows have no labels."


def test_tensors_of_other_classes_are_refused(tmp_path: Path) -> None:
    tiny(mean_ZC=WEIGHTS_ZC).save(tmp_path)
    artifacts.write_tensors({"bias": np.zeros(2)}, tmp_path / "head.safetensors")
    with pytest.raises(ArtifactError, match="dvc repro head"):
        classifier.load(tmp_path)


def test_known_and_unknown_words_and_pairs_are_counted() -> None:
    sample = texts()
    vocabulary = sample.subject.vocabulary
    given = ["please tell word0x1 zzz zzz", "", "what the is"]
    counts = counted(given, sample)
    known, unknown = familiarity.known_and_unknown(given, counts, vocabulary)
    terms = set(vocabulary.terms)
    for text, one, other in zip(given, known, unknown, strict=True):
        words = text.split()
        pairs = [f"{a} {b}" for a, b in pairwise(words)]
        found = sum(term in terms for term in [*words, *pairs])
        assert (one, other) == (found, len(words) + len(pairs) - found)


def counted(given: list[str], sample: Sample) -> scipy.sparse.csr_matrix:
    return counting.count(given, sample.subject.vocabulary)


@pytest.mark.parametrize("text", ["我想听音乐 now", "你好", "!!!", "x"])
def test_no_text_has_fewer_unknown_terms_than_none(text: str) -> None:
    sample = texts()
    counts = counted([text], sample)
    known, unknown = familiarity.known_and_unknown([text], counts, sample.subject.vocabulary)
    assert known[0] >= 0
    assert unknown[0] >= 0


def test_a_run_without_spaces_has_no_neighbours() -> None:
    """Its characters and their pairs are its words; the words around it are no pair."""
    sample = texts()
    text = "please 音乐 tell"
    known, unknown = familiarity.known_and_unknown(
        [text], counted([text], sample), sample.subject.vocabulary
    )
    assert (known[0], unknown[0]) == (2, 3)  # please, tell; 音, 乐, 音乐

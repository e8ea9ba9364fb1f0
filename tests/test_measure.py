"""Challenger and champion on the same rows: against evaluation, by hand, and at the extremes."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
import tiny_splits
from tiny_splits import Sample

from latentops import artifacts, build, classifier, portion
from latentops.artifacts import Spec, Split, Vocabulary
from latentops.classifier import Classifier, Detector, HeadFile, Rounded, Weighed
from latentops.data import vocabulary as counting
from latentops.data.settings import Settings as DataSettings
from latentops.errors import DataError
from latentops.evaluation.evaluate import evaluate
from latentops.evaluation.settings import Settings as EvaluateSettings
from latentops.inference.predictor import Predictor
from latentops.networks import bow
from latentops.portion import Prepared
from latentops.registry import answers, measure
from latentops.registry.measure import Pair, pair
from latentops.registry.rule import decide
from latentops.registry.settings import SCORES, Settings

SEED = 3
Tensors = dict[str, np.ndarray]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def head_of(
    classes: tuple[str, ...],
    terms_VC: np.ndarray | None = None,
    pixels_DC: np.ndarray | None = None,
    mean_ZC: np.ndarray | None = None,
    threshold: float = 0.0,
) -> Classifier:
    """Its strangeness is minus the largest logit."""
    alone = Weighed(weight=1.0, mean=0.0, sd=1.0)
    detector = Detector(signals={"margin": alone}, threshold=threshold, refused=0.0, note="")
    return Classifier(
        head=HeadFile(classes=classes, detector=detector),
        bias_C=np.zeros(len(classes), dtype=np.float32),
        terms=None if terms_VC is None else Rounded.of(terms_VC),
        pixels_DC=pixels_DC,
        mean_ZC=mean_ZC,
    )


def spotting(
    classes: tuple[str, ...], vocabulary: Vocabulary, threshold: float = 0.0
) -> Classifier:
    """The class whose name is a word of the text; below the threshold a text without any."""
    terms_VC = np.zeros((len(vocabulary.terms), len(classes)))
    for place, name in enumerate(classes):
        if name in vocabulary.terms:
            terms_VC[vocabulary.terms.index(name), place] = 1.0
    return head_of(classes, terms_VC, threshold=threshold)


def write_model(
    folder: Path,
    spec: Spec,
    vocabulary: Vocabulary,
    settings: build.Model,
    weights: Tensors,
    head: Classifier | None,
) -> Path:
    artifacts.write_json(spec, folder / "spec.json")
    artifacts.write_json(vocabulary, folder / "vocabulary.json")
    artifacts.write_json({"model": settings.model_dump(mode="json")}, folder / "settings.json")
    artifacts.write_tensors(weights, folder / "weights.safetensors")
    if head:
        head.save(folder)
    else:
        classifier.save_absence("its data has no labels.", folder)
    return folder


def weights_of(
    spec: Spec, vocabulary: Vocabulary, settings: build.Model, seed: int = 0, spread: float = 1.0
) -> Tensors:
    drawn = build.weights(build.model(spec, vocabulary, settings, seed))
    return {name: tensor * np.float32(spread) for name, tensor in drawn.items()}


def write_test(
    spec: Spec, vocabulary: Vocabulary, arrays: dict[str, np.ndarray], table: pd.DataFrame
) -> None:
    artifacts.write_json(spec, artifacts.SPEC)
    artifacts.write_json(vocabulary, artifacts.VOCABULARY)
    artifacts.write_tensors(arrays, artifacts.tensors_path("test"))
    artifacts.write_table(table, artifacts.table_path("test"))


# A project of a few texts, whose classes are words.

TEXTS = ["play a song", "play it", "stop it", "please stop", "who are you", "song"]
LABELS = ["play", "play", "stop", "play", "", ""]  # the fourth is wrong for whoever spots words
CHOICE = DataSettings(
    word_pairs=False, characters=None, min_documents=1, target_size=6, vocabulary_size=50
)
VOCABULARY = counting.build(TEXTS, CHOICE)
CLASSES = ("play", "stop")
BOW = bow.Settings(latent=3, hidden=(5,), input="log1p")


def few(texts: list[str] = TEXTS, labels: list[str] = LABELS, strangers: int = 2) -> Spec:
    """The last so many are out of scope."""
    spec = Spec(
        source="few", kind="counts", shape=(len(VOCABULARY.terms),), classes=CLASSES, synthetic=True
    )
    counts = counting.count(texts, VOCABULARY)
    arrays = {
        "indptr": counts.indptr.astype(np.int64),
        "indices": counts.indices,
        "counts": counts.data,
        "y": np.array([CLASSES.index(name) if name else -1 for name in labels], dtype=np.int64),
        "in_scope": np.arange(len(texts)) < len(texts) - strangers,
    }
    write_test(spec, VOCABULARY, arrays, pd.DataFrame({"text": texts}))
    return spec


def model(
    name: str,
    vocabulary: Vocabulary = VOCABULARY,
    classes: tuple[str, ...] = CLASSES,
    settings: bow.Settings = BOW,
    seed: int = 0,
    head: bool = True,
) -> Path:
    spec = Spec(source="few", kind="counts", shape=(len(vocabulary.terms),), classes=classes)
    weights = weights_of(spec, vocabulary, settings, seed)
    spots = spotting(classes, vocabulary, threshold=-0.1) if head else None
    return write_model(Path(name), spec, vocabulary, settings, weights, spots)


def test_shares_are_those_counted_by_hand() -> None:
    """Of four rows one is wrong; of the strangers one has a word of a class, so is not refused."""
    few([*TEXTS[:5], "stop that"])
    found = pair(model("ours"), None, SEED)
    assert found.rows == 6
    assert found.challenger["accuracy"] == 3 / 4
    assert found.challenger["recall_macro"] == pytest.approx((2 / 3 + 1) / 2)
    assert found.challenger["f1_macro"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert found.challenger["in_scope_refused"] == 0
    assert found.challenger["out_of_scope_recall"] == 1 / 2
    assert found.test_md5 == artifacts.md5(artifacts.tensors_path("test"))
    assert (found.champion, found.differences) == (None, {})


def test_every_score_that_a_policy_may_name_is_measured() -> None:
    few()
    found = pair(model("ours"), model("theirs", seed=1), SEED)
    assert found.champion is not None
    assert set(found.challenger) == set(found.champion) == set(found.differences) == set(SCORES)
    assert found.notes == ()


def test_a_model_against_itself_differs_by_nothing() -> None:
    few()
    found = pair(model("ours"), model("theirs"), SEED)
    seconds = found.differences.pop("seconds_per_example")
    assert abs(seconds.mean) < 1
    shares = {"accuracy": 4, "in_scope_refused": 4, "out_of_scope_recall": 2}
    for name, difference in found.differences.items():
        room = 3 / shares[name] if name in shares else 0.0  # the rule of three
        assert difference == (0.0, -room, room), name


def test_a_difference_is_an_improvement_whatever_the_direction() -> None:
    few()
    found = pair(model("ours", seed=1), model("theirs", classes=("other", "stop")), SEED)
    assert found.champion is not None
    for name, difference in found.differences.items():
        gain = found.challenger[name] - found.champion[name]
        direction = 1 if SCORES[name].more_is_better else -1
        assert difference.mean == pytest.approx(direction * gain), name
        assert difference.low <= difference.mean <= difference.high
    assert found.differences["accuracy"].mean == 0.5


def test_intervals_of_nats_are_those_of_the_rows_difference() -> None:
    """Against the normal approximation, over 400 rows."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(VOCABULARY.terms, 4)) for _ in range(400)]
    few(texts, ["play"] * 400, strangers=0)
    ours, theirs = (
        model("ours", seed=1),
        model("theirs", settings=BOW.model_copy(update={"latent": 2})),
    )
    found = pair(ours, theirs, SEED)
    test = answers.CurrentTest.read(SEED)
    elbo_N = [
        answers.answers(Predictor.from_folder(folder), test, SEED).elbo_N
        for folder in (ours, theirs)
    ]
    gain_N = elbo_N[0] - elbo_N[1]
    half = 1.96 * gain_N.std() / math.sqrt(len(gain_N))
    mean, low, high = found.differences["elbo_nats"]
    assert mean == pytest.approx(gain_N.mean())
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=0.1 * half)


# Two models that do not read or know the same


def permuted(vocabulary: Vocabulary, order: list[int]) -> Vocabulary:
    """The same terms, `order[new]` being the old column."""
    place = {old: new for new, old in enumerate(order)}
    return vocabulary.model_copy(
        update={
            "terms": tuple(vocabulary.terms[old] for old in order),
            "document_frequency": tuple(vocabulary.document_frequency[old] for old in order),
            "target": tuple(place[old] for old in vocabulary.target),
        }
    )


def test_each_model_reads_texts_through_its_own_vocabulary() -> None:
    """The columns of the champion stand in another order, and so do its weights."""
    spec = few()
    order = list(reversed(range(len(VOCABULARY.terms))))
    other = permuted(VOCABULARY, order)
    weights = weights_of(spec, VOCABULARY, BOW)
    (encoder,) = [n for n, w in weights.items() if w.ndim == 2 and len(order) in w.shape]
    moved = weights[encoder]
    weights[encoder] = moved[:, order] if moved.shape[1] == len(order) else moved[order]
    theirs = write_model(
        Path("theirs"), spec, other, BOW, weights, spotting(CLASSES, other, threshold=-0.1)
    )
    found = pair(model("ours"), theirs, SEED)
    for name in ("elbo_nats", "rate_nats", "accuracy", "out_of_scope_auroc", "active_units"):
        assert found.differences[name].mean == pytest.approx(0, abs=1e-5), name
    assert found.notes == ()


def test_likelihoods_of_other_words_are_not_compared() -> None:
    few()
    fewer = VOCABULARY.model_copy(update={"target": VOCABULARY.target[:4]})
    found = pair(model("ours", fewer), model("theirs"), SEED)
    assert found.champion is not None
    for name in ("elbo_nats", "rate_nats", "distortion_nats"):
        assert math.isfinite(found.challenger[name])
        assert math.isfinite(found.champion[name])
        assert name not in found.differences
    assert "accuracy" in found.differences
    assert "challenger is of the counts of 4 words" in found.notes[0]
    assert "champion of the counts of 6 words" in found.notes[0]
    assert not decided(found).promote


def test_nor_are_likelihoods_of_counts_and_of_presence() -> None:
    few()
    presence = BOW.model_copy(update={"target": "presence"})
    found = pair(model("ours", settings=presence), model("theirs"), SEED)
    assert "elbo_nats" not in found.differences
    assert "challenger is of the presence of 6 words" in found.notes[0]


def test_labels_are_compared_by_name() -> None:
    few()
    found = pair(model("ours", classes=("stop", "another", "play")), model("theirs"), SEED)
    assert found.differences["accuracy"].mean == 0
    assert found.differences["recall_macro"].mean == 0


def test_a_row_whose_class_a_model_does_not_know_is_wrong() -> None:
    few()
    found = pair(model("ours"), model("theirs", classes=("stop", "halt")), SEED)
    assert found.champion is not None
    assert found.champion["accuracy"] == 1 / 4
    (note,) = found.notes
    assert note == (
        "The champion does not know 1 of the 2 classes ('play'): their 3 test rows count as wrong."
    )


def test_without_a_classifier_there_is_no_share_and_codes_are_timed() -> None:
    few()
    found = pair(model("ours"), model("theirs", head=False), SEED)
    assert found.champion is not None
    assert "accuracy" not in found.champion
    assert "accuracy" not in found.differences
    assert found.champion["seconds_per_example"] > 0
    assert found.notes == (
        "The champion has no classifier, and its time is that of its codes: its data has no "
        "labels.",
    )


# Rows that are few, or alike


def test_no_labels() -> None:
    few(labels=[""] * 6)
    found = pair(model("ours"), model("theirs"), SEED)
    assert not found.challenger.keys() & {"accuracy", "recall_macro", "f1_macro"}
    assert {"elbo_nats", "in_scope_refused", "out_of_scope_auroc"} <= found.differences.keys()
    assert found.notes == ("No test row in scope has a label: there is no accuracy.",)
    assert decided(found, Settings()).promote
    assert not decided(found, Settings(at_least={"accuracy": 0.5})).promote


def test_one_class() -> None:
    few(["play it", "play"], ["play", "play"], strangers=0)
    found = pair(model("ours"), None, SEED)
    assert [found.challenger[name] for name in ("accuracy", "recall_macro", "f1_macro")] == [1] * 3
    assert not found.challenger.keys() & {"out_of_scope_auroc", "out_of_scope_recall"}
    assert found.challenger["in_scope_refused"] == 0


def test_one_row() -> None:
    few(["play it"], ["play"], strangers=0)
    found = pair(model("ours", seed=1), model("theirs"), SEED)
    assert found.rows == 1
    assert found.differences["elbo_nats"].low == -math.inf
    assert "active_units" not in found.challenger
    decision = decided(found)
    assert not decision.promote
    json.dumps([gate.plain() for gate in decision.gates], allow_nan=False)


def test_no_row_in_scope() -> None:
    few(strangers=6)
    found = pair(model("ours"), model("theirs"), SEED)
    assert "elbo_nats" not in found.challenger
    assert found.challenger["out_of_scope_recall"] == 2 / 6
    assert found.notes == ("No test row is in scope: there is no ELBO and no accuracy.",)
    assert not decided(found).promote


def test_a_row_without_a_known_word() -> None:
    few(["xyzzy", "play"], ["play", "play"], strangers=0)
    found = pair(model("ours"), model("theirs"), SEED)
    assert all(math.isfinite(value) for value in found.challenger.values())


def test_no_row_at_all() -> None:
    few([], [], strangers=0)
    found = pair(model("ours"), model("theirs"), SEED)
    assert set(found.challenger) == {"model_bytes"}
    assert not decided(found).promote


def test_a_model_whose_numbers_are_none_is_measured_and_refused() -> None:
    spec = few()
    weights = {
        name: w * np.float32(np.nan) for name, w in weights_of(spec, VOCABULARY, BOW).items()
    }
    broken = write_model(
        Path("ours"), spec, VOCABULARY, BOW, weights, spotting(CLASSES, VOCABULARY)
    )
    found = pair(broken, model("theirs"), SEED)
    assert math.isnan(found.challenger["elbo_nats"])
    assert all(map(math.isnan, found.differences["elbo_nats"]))
    decision = decided(found)
    assert not decision.promote
    assert decision.reasons[0] == "elbo_nats on the test split is nan"
    assert not decided(pair(model("good"), broken, SEED)).promote


def decided(found: Pair, policy: Settings | None = None) -> Any:
    return decide(
        found.challenger, found.champion, found.differences, True, policy or small_policy()
    )


def small_policy() -> Settings:
    return Settings(min_active_units=0)


# Against evaluation


def evaluated(sample: Sample, head: Classifier, spec: Spec | None = None) -> dict[str, float]:
    """Writes what stage prepare writes, and a model folder `ours`."""
    spec = spec or sample.subject.spec
    vocabulary = sample.subject.vocabulary
    weights = build.weights(sample.subject.vae)
    splits = {split: prepared(getattr(sample, split)) for split in get_args(Split)}
    write_test(spec, vocabulary, splits["test"].arrays, splits["test"].table)
    write_model(Path("ours"), spec, vocabulary, sample.model, weights, head)
    vae = build.load_model(spec, vocabulary, sample.model, weights)
    settings = EvaluateSettings(seed=SEED, importance_samples=1)
    return evaluate(vae, head, spec, vocabulary, splits, sample.model, settings).scores


def prepared(rows: Any) -> Prepared:
    """As stage prepare writes them."""
    known = {"y": rows.y, "in_scope": rows.in_scope}
    if rows.counts is None:
        return Prepared({**known, "x": rows.examples.pixels.numpy()}, rows.table)
    counts = rows.counts.astype(np.int32)
    seen = {"indptr": counts.indptr, "indices": counts.indices, "counts": counts.data}
    return Prepared({**known, **seen}, rows.table)


def wide(sample: Sample) -> Sample:
    """With weights that use the latent."""
    vae = sample.subject.vae
    weights = {name: w * 3 for name, w in build.weights(vae).items()}
    spec, vocabulary = sample.subject.spec, sample.subject.vocabulary
    louder = build.load_model(spec, vocabulary, sample.model, weights)
    return replace(sample, subject=replace(sample.subject, vae=louder))


SHARED = (
    "elbo_nats",
    "rate_nats",
    "distortion_nats",
    "active_units",
    "accuracy",
    "recall_macro",
    "f1_macro",
    "out_of_scope_auroc",
    "out_of_scope_recall",
    "in_scope_refused",
)


@pytest.mark.parametrize("kind", ["texts", "images", "dynamic images"])
def test_scores_are_those_of_evaluation_with_the_same_seed(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the rows are read in several portions."""
    monkeypatch.setattr(answers, "ROWS_IN_MEMORY", 256)
    rng = np.random.default_rng(0)
    if kind == "texts":
        sample = wide(tiny_splits.texts(rows=110))
        size = (len(sample.subject.vocabulary.terms), 5)
        head = head_of(sample.subject.spec.classes, rng.normal(size=size), threshold=-0.6)
        spec = None
    else:
        sample = wide(tiny_splits.images(rows=80))
        head = head_of(
            sample.subject.spec.classes,
            None,
            rng.normal(size=(16, 4)),
            rng.normal(size=(4, 4)),
            threshold=-1.0,
        )
        spec = sample.subject.spec
        if kind == "dynamic images":
            spec = spec.model_copy(update={"binarization": "dynamic"})
            drawn = build.model(spec, Vocabulary(), sample.model, 0).eval()
            sample = replace(sample, subject=replace(sample.subject, vae=drawn))
    told = evaluated(sample, head, spec)
    found = pair(Path("ours"), None, SEED).challenger
    for name in SHARED:
        assert found[name] == pytest.approx(told[name], rel=1e-6), name
    assert 0 < found["accuracy"] < 1
    assert 0 < found["in_scope_refused"] < found["out_of_scope_recall"] + 1


def test_both_are_shown_the_same_pixels_of_dynamic_images() -> None:
    sample = tiny_splits.images(rows=10)
    spec = sample.subject.spec.model_copy(update={"binarization": "dynamic"})
    vae = build.model(spec, Vocabulary(), sample.model, 0).eval()
    sample = replace(sample, subject=replace(sample.subject, vae=vae))
    head = head_of(spec.classes, pixels_DC=np.random.default_rng(0).normal(size=(16, 4)))
    evaluated(sample, head, spec)
    static = spec.model_copy(update={"binarization": "static", "levels": 2})
    weights = build.weights(vae)
    write_model(Path("theirs"), static, Vocabulary(), sample.model, weights, head)
    found = pair(Path("ours"), Path("theirs"), SEED)
    for name in ("elbo_nats", "rate_nats", "distortion_nats", "out_of_scope_auroc"):
        assert found.differences[name] == (0, 0, 0)
    assert pair(Path("ours"), None, SEED).challenger["elbo_nats"] == found.challenger["elbo_nats"]
    assert pair(Path("ours"), None, 4).challenger["elbo_nats"] != found.challenger["elbo_nats"]


# Counts that came without texts


def without_texts() -> None:
    artifacts.write_table(pd.DataFrame({"row": range(6)}), artifacts.table_path("test"))


def test_ready_counts_are_read_as_they_are() -> None:
    few()
    with_texts = pair(model("ours"), model("theirs", seed=1), SEED)
    without_texts()
    found = pair(Path("ours"), Path("theirs"), SEED)
    for scores in (found.challenger, found.champion, with_texts.challenger, with_texts.champion):
        assert scores is not None
        assert scores.pop("seconds_per_example") > 0
    assert found.challenger == with_texts.challenger
    assert found.champion == with_texts.champion
    assert found.notes == (
        "The data has no texts: the time is that of texts made of the counted words.",
    )


def test_ready_counts_of_other_terms_cannot_be_read() -> None:
    few()
    without_texts()
    order = list(reversed(range(len(VOCABULARY.terms))))
    with pytest.raises(DataError, match=r"The champion reads 9 terms, .* another registry\.name"):
        pair(model("ours"), model("theirs", permuted(VOCABULARY, order)), SEED)


def test_ready_counts_hold_no_unknown_word_for_a_detector_to_find() -> None:
    spec = few()
    without_texts()
    head = spotting(CLASSES, VOCABULARY)
    unknown = head.detector.model_copy(
        update={"signals": {"unknown": Weighed(weight=1.0, mean=0.0, sd=1.0)}}
    )
    head = replace(head, head=head.head.model_copy(update={"detector": unknown}))
    folder = write_model(
        Path("ours"), spec, VOCABULARY, BOW, weights_of(spec, VOCABULARY, BOW), head
    )
    with pytest.raises(DataError, match=r"The challenger reads texts, .* holds no texts"):
        pair(folder, None, SEED)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"shape": (1, 4, 5)}, "images of 1 x 4 x 5 with 256 levels"),
        ({"levels": 17}, "images of 1 x 4 x 4 with 17 levels"),
        ({"binarization": "dynamic"}, "images of 1 x 4 x 4 with 2 levels"),
        ({"kind": "counts", "shape": (9,)}, "words"),
    ],
)
def test_a_model_of_other_data_is_refused_by_name(change: dict[str, Any], told: str) -> None:
    sample = tiny_splits.images(rows=3)
    rows = prepared(sample.test)
    write_test(sample.subject.spec, Vocabulary(), rows.arrays, rows.table)
    other = sample.subject.spec.model_copy(update=change)
    settings, vocabulary = sample.model, Vocabulary()
    if other.kind == "counts":
        settings, vocabulary = BOW, VOCABULARY
    weights = weights_of(other, vocabulary, settings)
    folder = write_model(Path("ours"), other, vocabulary, settings, weights, None)
    with pytest.raises(DataError) as caught:
        pair(folder, None, SEED)
    assert f"The challenger reads {told}, and the project's test split holds" in str(caught.value)
    assert "images of 1 x 4 x 4 with 256 levels" in str(caught.value)


# Bytes, seconds and memory


def test_bytes_are_those_of_the_files_that_a_prediction_needs() -> None:
    few()
    folder = model("ours")
    size = sum(file.stat().st_size for file in folder.iterdir())
    (folder / "card.html").write_text("beside it")
    assert pair(folder, None, SEED).challenger["model_bytes"] == size


def test_models_are_timed_in_turns_after_a_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first call of each is slow, and one later: the median knows neither."""
    few()
    order: list[int] = []
    now = 0.0

    def classify(self: Predictor, raw: list[str], seed: int = 0) -> None:
        nonlocal now
        who = self.vae.latent
        order.append(who)
        now += 0.1 if order.count(who) in (1, 3) else {3: 0.004, 4: 0.012}[who]

    monkeypatch.setattr(measure.time, "perf_counter", lambda: now)
    monkeypatch.setattr(Predictor, "classify", classify)
    theirs = model("theirs", settings=BOW.model_copy(update={"latent": 4}))
    found = pair(model("ours"), theirs, SEED)
    assert found.champion is not None
    assert order == [3, 4] * 6
    assert found.challenger["seconds_per_example"] == pytest.approx(0.004 / 6)
    assert found.champion["seconds_per_example"] == pytest.approx(0.012 / 6)


def test_few_hundred_rows_are_timed_however_many_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few(["play"] * 1000, ["play"] * 1000, strangers=0)
    sizes = []

    def classify(self: Predictor, raw: list[str], seed: int = 0) -> None:
        sizes.append(len(raw))

    monkeypatch.setattr(Predictor, "classify", classify)
    pair(model("ours"), None, SEED)
    assert set(sizes) == {measure.TIMED_ROWS}


def test_rows_are_read_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answers.ROWS_IN_MEMORY % portion.ROWS_AT_ONCE == 0
    few(["play"] * 600, ["play"] * 600, strangers=0)
    sizes = []
    count = counting.count

    def counted(texts: Any, vocabulary: Vocabulary) -> Any:
        sizes.append(len(texts))
        return count(texts, vocabulary)

    monkeypatch.setattr(answers, "ROWS_IN_MEMORY", 256)
    monkeypatch.setattr(counting, "count", counted)
    pair(model("ours"), None, SEED)
    assert sizes[:3] == [256, 256, 88]


def test_the_same_seed_gives_the_same_numbers() -> None:
    few()
    model("ours")
    model("theirs", seed=1)
    found = [pair(Path("ours"), Path("theirs"), SEED) for _ in range(2)]
    for each in found:
        del each.challenger["seconds_per_example"]
        del each.differences["seconds_per_example"]
    assert found[0].challenger == found[1].challenger
    assert found[0].differences == found[1].differences

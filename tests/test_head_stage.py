"""Stages head and repeat: what is chosen, calibrated and guarded, and what is trained again."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tiny_splits import Sample, images, texts

from latentops import artifacts, build, classifier, config, objectives
from latentops.artifacts import Repeats
from latentops.classifier import Classifier
from latentops.errors import SettingsError
from latentops.portion import Portion
from latentops.stages import head, repeat
from latentops.training import loop
from latentops.training.settings import Settings as TrainSettings
from latentops.verdict import features, shipped
from latentops.verdict.settings import CANDIDATES, CHOICES, DEFAULTS, HeadSettings

TFIDF = HeadSettings(features="tfidf", classifier="svm")


def ship(
    sample: Sample,
    settings: HeadSettings = TFIDF,
    train: Portion | None = None,
    valid: Portion | None = None,
) -> Classifier:
    found = shipped.ship(sample.subject, train or sample.train, valid or sample.valid, settings)
    assert isinstance(found, Classifier), found
    return found


def judged(found: Classifier, sample: Sample, rows: Portion) -> classifier.Judgement:
    return found.judge(sample.subject.inputs(found, rows))


def relabelled(rows: Portion, y: np.ndarray) -> Portion:
    return replace(rows, y=y)


def without_labels(rows: Portion) -> Portion:
    return relabelled(rows, np.full(len(rows), -1))


@pytest.fixture(scope="module")
def of_texts() -> tuple[Sample, Classifier]:
    sample = texts()
    return sample, ship(sample, HeadSettings())


def test_what_is_shipped_classifies_and_guards(of_texts: tuple[Sample, Classifier]) -> None:
    sample, found = of_texts
    result = judged(found, sample, sample.test)
    known = sample.test.in_scope
    assert (result.label_N == sample.test.y)[known].mean() > 0.95
    assert result.out_of_scope_N[~known].mean() > 0.9
    assert result.out_of_scope_N[known].mean() < 0.2
    assert ((result.probability_N > 0) & (result.probability_N <= 1)).all()


def test_auto_compares_every_candidate_and_takes_the_best_and_smallest(
    of_texts: tuple[Sample, Classifier],
) -> None:
    facts = of_texts[1].head
    assert tuple(each.features for each in facts.candidates) == CANDIDATES["counts"]
    assert facts.chosen is not None
    best = max(each.accuracy or 0 for each in facts.candidates)
    tied = [each for each in facts.candidates if each.accuracy == best]
    assert facts.chosen == min(tied, key=lambda each: each.bytes)
    assert facts.chosen_by == "accuracy on 120 labelled validation rows"
    assert facts.train_rows == 120
    assert facts.absent == ()
    assert facts.rounded_labels is not None
    assert facts.rounded_labels >= 0.99


def test_images_get_a_classifier_too() -> None:
    sample = images()
    found = ship(sample, HeadSettings())
    assert tuple(each.features for each in found.head.candidates) == CANDIDATES["image"]
    known = sample.test.in_scope
    assert (judged(found, sample, sample.test).label_N == sample.test.y)[known].mean() > 0.95


def test_bytes_are_those_of_the_file_and_the_encoder(tmp_path: Path) -> None:
    sample = texts()
    plain, joined = (ship(sample, HeadSettings(features=name)) for name in ("tfidf", "tfidf+vae"))
    encoder = sum(4 * each.numel() for each in sample.subject.vae.encoder.parameters())
    for found, more in ((plain, 0), (joined, encoder)):
        found.save(tmp_path)
        tensors = artifacts.read_tensors(tmp_path / "head.safetensors")
        read = {name: each for name, each in tensors.items() if not name.startswith("class_")}
        assert len(tensors) - len(read) == 2  # moments of the classes, which no label needs
        assert found.head.chosen is not None
        assert found.head.chosen.bytes == sum(each.nbytes for each in read.values()) + more


def test_the_same_data_gives_the_same_classifier(
    of_texts: tuple[Sample, Classifier], tmp_path: Path
) -> None:
    again = ship(texts(), HeadSettings())
    for found, folder in ((of_texts[1], tmp_path / "one"), (again, tmp_path / "other")):
        found.save(folder)
    for name in ("head.safetensors", "head.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


@pytest.mark.parametrize("name", CHOICES["counts"])
def test_named_features_are_the_only_candidate(name: str) -> None:
    found = ship(texts(classes=3), HeadSettings(features=name, classifier="logistic"))
    assert [each.features for each in found.head.candidates] == [name]
    assert found.head.chosen is not None
    assert found.head.chosen.classifier == "logistic"
    assert found.head.chosen_by == "named in params.yaml"


def test_features_of_another_kind_of_data_are_refused_with_what_there_is() -> None:
    with pytest.raises(SettingsError, match=r"no 'pixels'.*auto, tfidf, lsa, tfidf\+lsa, vae"):
        ship(texts(), HeadSettings(features="pixels"))


def test_a_misspelt_name_is_refused_with_a_guess() -> None:
    with pytest.raises(SettingsError, match=r"head.features.*Did you mean 'tfidf\+vae'"):
        config.parse(head.Settings, {"head": {"features": "tfdf+vae"}}, "params.yaml")


def test_what_can_be_shipped_is_what_the_study_compares() -> None:
    """But for the words alone, whose rows are no linear map of those of all terms."""
    names = {name for known in CHOICES.values() for name in known}
    assert names == set(features.FEATURE_SETS) - {"tfidf_words"}
    for kind, known in CHOICES.items():
        assert set(CANDIDATES[kind]) <= set(known)
        assert DEFAULTS[kind] in CANDIDATES[kind]


def test_a_temperature_makes_validation_most_probable() -> None:
    """Against a fine grid."""
    draw = np.random.default_rng(0)
    y = draw.integers(4, size=300)
    logits = 3.0 * (np.eye(4)[y] + draw.normal(scale=0.8, size=(300, 4)))

    def nll_nats(temperature: float) -> float:
        scaled = logits / temperature
        log_p = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        return -float(log_p[np.arange(300), y].mean())

    grid = np.geomspace(0.1, 10, 4001)
    best = grid[np.argmin([nll_nats(each) for each in grid])]
    assert shipped.temperature(logits, y) == pytest.approx(best, rel=2e-3)
    assert shipped.temperature(5 * logits, y) == pytest.approx(5 * best, rel=2e-3)


def test_a_temperature_without_labels_is_one() -> None:
    assert shipped.temperature(np.zeros((0, 3)), np.zeros(0, int)) == 1.0


def test_the_threshold_refuses_the_share_asked_for() -> None:
    sample = texts()
    for refuse in (0.05, 0.25):
        found = ship(sample, HeadSettings(features="tfidf", classifier="svm", refuse=refuse))
        known = sample.valid.subset(np.flatnonzero(sample.valid.in_scope))
        refused = judged(found, sample, known).out_of_scope_N.mean()
        assert refused == pytest.approx(found.detector.refused)
        assert refuse - 1 / len(known) < refused <= refuse


def test_strangers_of_validation_weigh_the_signals(of_texts: tuple[Sample, Classifier]) -> None:
    detector = of_texts[1].detector
    assert set(detector.signals) == {"margin", "rate", "known", "unknown"}
    assert detector.note == (
        "logistic regression on 25 strangers and 120 rows in scope of validation"
    )


def test_too_few_strangers_leave_the_margin_alone() -> None:
    sample = texts(strangers=3)
    found = ship(sample)
    assert set(found.detector.signals) == {"margin"}
    assert "3 strangers" in found.detector.note
    assert not found.needs_encoder


def test_out_of_scope_rows_of_train_change_nothing(tmp_path: Path) -> None:
    sample, other = texts(), texts()
    assert (~other.train.in_scope).any()
    fewer = other.train.subset(np.flatnonzero(other.train.in_scope))
    mislabelled = relabelled(sample.train, np.maximum(sample.train.y, 0))
    ship(sample, train=mislabelled).save(tmp_path / "with")
    ship(other, train=fewer).save(tmp_path / "without")
    for name in ("head.safetensors", "head.json"):
        one, two = ((tmp_path / folder / name).read_bytes() for folder in ("with", "without"))
        assert one == two


def test_rows_without_a_label_serve_the_features_only() -> None:
    sample = texts()
    y = sample.train.y.copy()
    y[::2] = -1
    found = ship(sample, HeadSettings(features="lsa"), train=relabelled(sample.train, y))
    assert found.head.train_rows == 60
    assert (judged(found, sample, sample.test).label_N == sample.test.y)[:120].mean() > 0.8


def test_validation_without_labels_leaves_the_choice_to_the_labels_of_train() -> None:
    sample = texts()
    found = ship(sample, HeadSettings(), valid=without_labels(sample.valid))
    assert "no validation row has a label" in found.head.chosen_by
    assert found.head.temperature == 1.0
    assert found.head.rounded_labels is None
    assert found.detector.refused <= 0.05


def test_one_label_for_each_of_many_classes_is_enough() -> None:
    sample = texts(classes=40, rows=1, strangers=0)
    found = ship(sample, HeadSettings(), valid=without_labels(sample.valid))
    assert found.head.chosen is not None
    assert found.head.chosen.features == DEFAULTS["counts"]
    assert found.head.chosen_by == "the default, for there are too few labels to compare"
    assert len(found.classes) == 40


def test_a_class_without_training_rows_is_absent() -> None:
    sample = texts(classes=3)
    kept = sample.train.subset(np.flatnonzero(sample.train.y != 1))
    found = ship(sample, HeadSettings(), train=kept)
    assert found.head.absent == ("class 1",)
    assert found.classes == ("class 0", "class 1", "class 2")
    assert 1 not in judged(found, sample, sample.test).label_N
    assert np.isfinite(found.head.temperature)


def test_two_classes_are_enough_and_one_is_not() -> None:
    sample = texts(classes=2)
    assert len(ship(sample, HeadSettings()).classes) == 2
    one = sample.train.subset(np.flatnonzero(sample.train.y == 1))
    reason = shipped.ship(sample.subject, one, sample.valid, HeadSettings())
    assert reason == "all labelled training rows of 'tiny' are 'class 1'."


def test_no_labels_give_a_reason() -> None:
    sample = texts()
    rows = without_labels(sample.train)
    reason = shipped.ship(sample.subject, rows, sample.valid, HeadSettings())
    assert reason == "the training rows of 'tiny' have no labels."


# The stages themselves, in a project folder.

TRAIN = TrainSettings(epochs=2, batch_size=32, device="cpu", seed=4)
OBJECTIVE = objectives.Settings()


NOTHING_MORE = {"denoising": False, "meaning": False, "betas": [2.0]}


def write_project(
    sample: Sample,
    depth: str = "full",
    applications: dict[str, Any] = NOTHING_MORE,
    **head_settings: Any,
) -> None:
    """As prepare and train leave it, in the working directory."""
    subject = sample.subject
    artifacts.write_json(subject.spec, artifacts.SPEC)
    artifacts.write_json(subject.vocabulary, artifacts.VOCABULARY)
    artifacts.write_tensors(build.weights(subject.vae), artifacts.WEIGHTS)
    sections = {"model": sample.model, "objective": OBJECTIVE, "train": TRAIN}
    dumped = {name: section.model_dump(mode="json") for name, section in sections.items()}
    artifacts.write_json(dumped, artifacts.MODEL_SETTINGS)
    for split, rows in (("train", sample.train), ("valid", sample.valid)):
        write_split(split, rows)
    params = {
        "head": head_settings,
        "evaluate": {"depth": depth, "seed": 0},
        "applications": applications,
    }
    Path("params.yaml").write_text(yaml.safe_dump(params))
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"repeat": {"deps": []}}}))


def write_split(split: Any, rows: Portion) -> None:
    assert rows.counts is not None
    counts = rows.counts.astype(np.int32)
    arrays = {"indptr": counts.indptr, "indices": counts.indices, "counts": counts.data}
    artifacts.write_tensors(
        {**arrays, "y": rows.y, "in_scope": rows.in_scope}, artifacts.tensors_path(split)
    )
    artifacts.write_table(rows.table, artifacts.table_path(split))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_stage_head_writes_what_can_be_loaded(project: Path) -> None:
    sample = texts()
    write_project(sample, features="tfidf+vae")
    head.main()
    found = classifier.load(project / "model")
    assert found is not None
    direct = ship(sample, HeadSettings(features="tfidf+vae"))
    assert found.head == direct.head
    one, other = (judged(each, sample, sample.test) for each in (found, direct))
    assert np.array_equal(one.strangeness_N, other.strangeness_N)


def test_stage_head_says_why_there_is_no_classifier(project: Path) -> None:
    sample = texts()
    write_project(replace(sample, train=without_labels(sample.train)))
    head.main()
    assert classifier.load(project / "model") is None


def trained_directly(sample: Sample, seed: int) -> artifacts.Arrays:
    train, valid = (
        rows.subset(np.flatnonzero(rows.in_scope)) for rows in (sample.train, sample.valid)
    )
    subject = sample.subject
    unigram = build.unigram(train.examples)
    vae = build.model(subject.spec, subject.vocabulary, sample.model, seed, unigram)
    settings = TRAIN.model_copy(update={"seed": seed})
    loop.fit(vae, train.examples, valid.examples, OBJECTIVE, settings)
    return build.weights(vae)


def test_quick_repeats_once_with_the_next_seed(project: Path) -> None:
    sample = texts()
    write_project(sample, depth="quick")
    repeat.main()
    found = artifacts.read_schema(Repeats, artifacts.REPEATS_LIST)
    assert [each.seed for each in found.seeds] == [5]
    assert found.held_out is None
    assert (found.denoising, found.by_beta) == (None, ())
    assert found.seeds[0].train_seconds > 0
    weights = artifacts.read_tensors(artifacts.REPEATS / found.seeds[0].file)
    truth = trained_directly(sample, seed=5)
    assert weights.keys() == truth.keys()
    assert all(np.array_equal(weights[name], truth[name]) for name in truth)
    assert not repeat.CHECKPOINTS.exists()


def test_the_twin_has_the_seed_and_every_beta_five(project: Path) -> None:
    sample = texts()
    write_project(sample, "quick", {"denoising": True, "meaning": True, "betas": [0.5, 1.0]})
    repeat.main()
    found = artifacts.read_schema(Repeats, artifacts.REPEATS_LIST)
    assert found.denoising is not None
    assert found.denoising.seed == 4
    assert [each.beta for each in found.by_beta] == [0.5, 1.0]
    seeds = [[each.seed for each in of.repeats] for of in found.by_beta]
    assert seeds == [[4, 5, 6, 7, 8]] * 2
    half, one = (
        artifacts.read_tensors(artifacts.REPEATS / of.repeats[1].file) for of in found.by_beta
    )
    twin = artifacts.read_tensors(artifacts.REPEATS / found.denoising.file)
    truth, untouched = trained_directly(sample, seed=5), trained_directly(sample, seed=4)
    assert all(np.array_equal(one[name], truth[name]) for name in truth)
    assert any(not np.array_equal(half[name], truth[name]) for name in truth)
    assert any(not np.array_equal(twin[name], untouched[name]) for name in truth)


def test_full_repeats_twice_and_holds_classes_out(project: Path) -> None:
    write_project(texts())
    repeat.main()
    found = artifacts.read_schema(Repeats, artifacts.REPEATS_LIST)
    assert [each.seed for each in found.seeds] == [5, 6]
    assert [each.file for each in found.seeds] == ["seed-1.safetensors", "seed-2.safetensors"]
    assert found.held_out is not None
    assert len(found.held_out.classes_valid) == len(found.held_out.classes_test) == 1
    assert not set(found.held_out.classes_valid) & set(found.held_out.classes_test)
    assert (artifacts.REPEATS / found.held_out.file).exists()


def held_out_weights(sample: Sample) -> artifacts.Arrays:
    write_project(sample)
    repeat.main()
    return artifacts.read_tensors(artifacts.HELD_OUT_WEIGHTS)


def test_the_held_out_model_never_saw_those_classes(project: Path) -> None:
    """Other texts in their rows leave every weight as it was."""
    sample = texts()
    before = held_out_weights(sample)
    found = artifacts.read_schema(Repeats, artifacts.REPEATS_LIST).held_out
    assert found is not None
    names = [*found.classes_valid, *found.classes_test]
    y = [sample.subject.spec.classes.index(name) for name in names]
    after = held_out_weights(
        replace(sample, train=emptied(sample.train, y), valid=emptied(sample.valid, y))
    )
    assert all(np.array_equal(before[name], after[name]) for name in before)
    others = [each for each in range(5) if each not in y][:1]
    changed = held_out_weights(replace(sample, train=emptied(sample.train, others)))
    assert any(not np.array_equal(before[name], changed[name]) for name in before)


def emptied(rows: Portion, classes: list[int]) -> Portion:
    """With the texts of those classes gone."""
    assert rows.counts is not None
    kept = (~np.isin(rows.y, classes)).astype(np.float32)
    counts = rows.counts.multiply(kept[:, None]).tocsr()
    counts.eliminate_zeros()
    return replace(rows, counts=counts)


def test_a_killed_stage_goes_on_where_it_was(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(texts())
    repeat.main()
    paths = [artifacts.repeat_path(1), artifacts.repeat_path(2), artifacts.HELD_OUT_WEIGHTS]
    truth = [path.read_bytes() for path in paths]
    original, epochs = loop._Loop.epoch, []

    def counted(self: loop._Loop) -> loop.Row:
        if len(epochs) == 3:  # in the second epoch of the second of three trainings
            raise KeyboardInterrupt
        epochs.append(1)
        return original(self)

    with monkeypatch.context() as patch:
        patch.setattr(loop._Loop, "epoch", counted)
        with pytest.raises(KeyboardInterrupt):
            repeat.main()
    for path in paths:
        path.unlink()  # as DVC does before it runs a stage again
    again: list[int] = []
    monkeypatch.setattr(loop._Loop, "epoch", lambda self: again.append(1) or original(self))
    repeat.main()
    assert len(again) == 3  # of six
    assert [path.read_bytes() for path in paths] == truth


@pytest.mark.parametrize(
    ("classes", "valid", "test"), [(5, 1, 1), (10, 1, 1), (15, 1, 2), (150, 15, 15)]
)
def test_a_fifth_of_the_classes_is_held_out(classes: int, valid: int, test: int) -> None:
    y = np.arange(classes)
    drawn = repeat.held_out_classes(y, y, seed=0)
    assert drawn is not None
    assert (len(drawn[0]), len(drawn[1])) == (valid, test)
    assert not set(drawn[0]) & set(drawn[1])
    assert drawn == repeat.held_out_classes(y, y, seed=0)


def test_classes_are_held_out_only_where_enough_stand_in_both_splits() -> None:
    five = np.arange(5)
    assert repeat.held_out_classes(np.arange(4), five, seed=0) is None
    assert repeat.held_out_classes(five, np.array([0, 1, 2, 3, -1]), seed=0) is None
    assert repeat.held_out_classes(np.full(9, -1), np.full(9, -1), seed=0) is None
    drawn = repeat.held_out_classes(np.arange(20), five, seed=0)
    assert drawn is not None
    assert set(drawn[0]) | set(drawn[1]) <= set(range(5))


def test_a_held_out_training_reads_no_row_of_an_unknown_class() -> None:
    arrays = {"y": np.array([0, 1, 2, -1]), "in_scope": np.array([True, True, False, True])}
    assert repeat.learned_from(arrays, []).tolist() == [True, True, False, True]
    assert repeat.learned_from(arrays, [1]).tolist() == [True, False, False, False]

"""New rows: what they are made of, what they are worth, how they reach a file and the report."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import report_samples
import tiny_splits
import torch
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression
from tiny_model import COUNTS, IMAGES, TEXTS, write_project

from latentops.applications import augmentation, made_rows
from latentops.applications.made_rows import Given, Reader
from latentops.applications.results import Applications, Augmentation, Augmented, AugmentedBudget
from latentops.applications.subject import Subject
from latentops.cli import augment as command
from latentops.cli.main import cli
from latentops.data import vocabulary as counting
from latentops.data.batches import Images
from latentops.elbo import Posterior
from latentops.errors import DataError, SettingsError
from latentops.inference import augmenting, tasks
from latentops.inference.folder import export
from latentops.inference.predictor import Predictor
from latentops.likelihoods import Multinomial
from latentops.portion import Portion
from latentops.report import augmentation as report
from latentops.report.document import Picture, Table, Text
from latentops.scoring import augmented
from latentops.verdict import heads
from latentops.verdict.heads import Choice
from latentops.verdict.results import Claim


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("models")
    for spec in (COUNTS, IMAGES):
        write_project(base / f"project-{spec.kind}", spec)
        export(base / f"project-{spec.kind}", base / spec.kind)
    return {spec.kind: base / spec.kind for spec in (COUNTS, IMAGES)}


@pytest.fixture
def texts(folders: dict[str, Path]) -> Predictor:
    return Predictor.from_folder(folders["counts"])


@pytest.fixture
def images(folders: dict[str, Path]) -> Predictor:
    return Predictor.from_folder(folders["image"])


def subject_of(sample: tiny_splits.Sample, depth: str = "quick", head: str = "none") -> Subject:
    spec, vocabulary = sample.subject.spec, sample.subject.vocabulary
    predictor = Predictor(sample.subject.vae, spec, vocabulary, sample.model, head)
    rows = (each.subset(np.flatnonzero(each.in_scope)) for each in (sample.train, sample.valid))
    test = sample.test.subset(np.flatnonzero(sample.test.in_scope))
    return Subject(predictor, *rows, test, depth=depth, seed=0)


@pytest.fixture(scope="module")
def of_texts() -> Subject:
    return subject_of(tiny_splits.texts(classes=3, rows=12))


@pytest.fixture(scope="module")
def of_images() -> Subject:
    return subject_of(tiny_splits.images(classes=3, rows=12))


# The task


def test_a_document_has_as_many_words_as_the_decoder_knows_of_the_text(texts: Predictor) -> None:
    made = texts.predict(["turn the light off", "zzz music", *TEXTS], "augment", n=3, seed=1)
    assert made["row"].tolist() == np.repeat(range(5), 3).tolist()
    known = [3, 1, 3, 2, 3]  # "the" is no target
    assert made["text"].str.split().str.len().tolist() == np.repeat(known, 3).tolist()
    assert set(" ".join(made["text"]).split()) <= {"turn", "on", "light", "play", "music", "off"}


def test_a_text_without_a_known_word_has_no_new_row(texts: Predictor) -> None:
    made = texts.predict(["zzz", "play", "", "the"], "augment", n=2)
    assert made["row"].tolist() == [1, 1]
    none = texts.predict(["zzz"], "augment", n=2)
    assert list(none) == ["row", "text"]
    assert none["row"].dtype == np.int64
    assert none.empty


def test_what_is_made_of_a_row_depends_on_no_other(texts: Predictor, images: Predictor) -> None:
    whole = texts.augment(TEXTS, 4, seed=7)
    alone = texts.augment(TEXTS[2:], 4, seed=7, rows=[2])
    assert whole[whole["row"] == 2].reset_index(drop=True).equals(alone)
    fewer = texts.augment(TEXTS, 2, seed=7)
    assert whole.groupby("row").head(2).reset_index(drop=True).equals(fewer)
    assert not whole.equals(texts.augment(TEXTS, 4, seed=8))
    levels = np.random.default_rng(0).integers(0, 256, (3, 3, 2), dtype=np.uint8)
    made = images.augment(levels, 2, seed=7)
    np.testing.assert_allclose(made[4:], images.augment(levels[2:], 2, seed=7, rows=[2]), atol=1e-6)


def test_new_images_are_decoded_from_where_the_encoder_puts_the_row(images: Predictor) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (3, 3, 2), dtype=np.uint8)
    made = images.predict(levels, "augment", n=400, seed=0)
    assert made.shape == (1200, 1, 3, 2)
    assert made.min() >= 0
    assert made.max() <= 1
    input_ = images._examples(images._arrays(levels)).batch(torch.arange(3)).input
    with torch.inference_mode():
        posterior = images.vae.encode(input_)
        drawn = posterior.sample(torch.Generator().manual_seed(0), 4000)
        expected = images.vae.decode(drawn).mean.mean(0).numpy()
    np.testing.assert_allclose(made.reshape(3, 400, 1, 3, 2).mean(1), expected, atol=0.01)


def test_codes_have_the_moments_of_the_posterior() -> None:
    mean_Z, log_variance_Z = torch.tensor([1.0, -2.0]), torch.tensor([0.0, -2.0])
    draws = [tasks.draw_of(0, 0, made) for made in range(5000)]
    z_MZ = augmenting.codes(
        Posterior(mean_Z.expand(5000, 2), log_variance_Z.expand(5000, 2)), draws
    )
    np.testing.assert_allclose(z_MZ.mean(0), mean_Z, atol=0.05)
    np.testing.assert_allclose(z_MZ.std(0), (log_variance_Z / 2).exp(), rtol=0.04)


def test_words_are_drawn_as_often_as_their_share_and_never_without_one() -> None:
    share_W = np.array([0.0, 0.5, 0.0, 0.2, 0.3, 0.0])
    likelihood = Multinomial(torch.from_numpy(share_W).log()[None])
    (drawn,) = augmenting.words(likelihood, np.array([20_000]), [np.random.default_rng(0)])
    found_W = np.bincount(drawn, minlength=6) / 20_000
    assert (found_W[share_W == 0] == 0).all()
    np.testing.assert_allclose(found_W, share_W, atol=0.015)


@pytest.mark.parametrize("n", [0, -1])
def test_no_row_at_all_is_refused(texts: Predictor, images: Predictor, n: int) -> None:
    with pytest.raises(DataError, match="at least 1 new row"):
        texts.predict(TEXTS, "augment", n=n)
    with pytest.raises(DataError, match="at least 1 new row"):
        images.predict(np.zeros((1, 3, 2)), "augment", n=n)


@pytest.mark.parametrize("seed", [-1, 2**64 - 1])
def test_any_seed_will_do(texts: Predictor, seed: int) -> None:
    assert len(texts.predict(TEXTS, "augment", seed=seed)) == 3


@pytest.mark.parametrize("method", augmenting.EASY)
def test_an_easy_method_changes_one_word_of_a_few(method: str) -> None:
    made = augmenting.easy("turn on the light", method, np.random.default_rng(0))
    assert made != "turn on the light"
    kept = set(made.split()) & {"turn", "on", "the", "light"}
    assert len(kept) == {"swap": 4, "delete": 3, "typo": 3}[method]
    assert augmenting.easy("", method, np.random.default_rng(0)) == ""


# Rows made for a classifier


def reader_and_rows(subject: Subject, rows: int = 6) -> tuple[Reader, Given]:
    reader = Reader(subject.predictor, augmentation._basis(subject), seed=0)
    y = subject.train.y
    first = np.concatenate([np.flatnonzero(y == label)[: rows // 2] for label in (0, 1)])
    return reader, reader.read(subject.train.subset(first), first)


def test_repeated_rows_are_the_rows(of_texts: Subject) -> None:
    reader, given = reader_and_rows(of_texts)
    made = made_rows.methods(given, "tfidf+vae")[made_rows.REPEATED](reader, given, 2)
    np.testing.assert_array_equal(made["vae"][1::2], given.blocks["vae"])
    assert (made["tfidf"][::2] != given.blocks["tfidf"]).nnz == 0


def test_extrapolation_goes_on_half_the_way_from_the_other_row_of_the_class(
    of_texts: Subject,
) -> None:
    """Two rows of a class: the other one is known (Kumar et al. 2019, lambda = 0.5)."""
    reader, given = reader_and_rows(of_texts, rows=4)
    made = made_rows.methods(given, "tfidf+vae")["extrapolation"](reader, given, 1)
    z_NZ = given.code.mean_NZ
    expected = 1.5 * z_NZ - 0.5 * z_NZ[[1, 0, 3, 2]]
    np.testing.assert_allclose(made["vae"], reader.basis.scales["vae"](expected), atol=1e-5)
    assert (made["tfidf"] != given.blocks["tfidf"]).nnz == 0


def test_a_lone_row_of_a_class_stays_where_it_is(of_texts: Subject) -> None:
    reader, given = reader_and_rows(of_texts, rows=2)
    made = made_rows.methods(given, "vae")["extrapolation"](reader, given, 3)
    np.testing.assert_allclose(made["vae"], np.repeat(given.blocks["vae"], 3, axis=0), atol=1e-6)


def test_codes_of_a_class_have_the_moments_of_its_labelled_rows(of_texts: Subject) -> None:
    reader, given = reader_and_rows(of_texts)
    made = made_rows.methods(given, "vae")["class"](reader, given, 2000)["vae"]
    scale = reader.basis.scales["vae"]
    own = given.code.mean_NZ[:3].astype(float)
    inside = np.exp(given.code.log_variance_NZ[:3].astype(float))
    sd_Z = np.sqrt(own.var(0) + inside.mean(0)) / scale.divisor_F
    first = made[: 3 * 2000]
    error_Z = 4 * sd_Z / np.sqrt(6000)
    assert (abs(first.mean(0) - scale(own).mean(0)) < error_Z).all()
    np.testing.assert_allclose(first.std(0), sd_Z, rtol=0.05)


def test_decoded_rows_are_read_as_any_row_of_their_words(of_texts: Subject) -> None:
    reader, given = reader_and_rows(of_texts)
    vocabulary = of_texts.predictor.vocabulary
    drawn = [np.array([0, 1, 0]), np.array([2])]
    words = [vocabulary.terms[column] for column in vocabulary.target]
    texts = [" ".join(words[place] for place in each) for each in drawn]
    assert (reader.of_words(drawn)["tfidf"] != reader.of_texts(texts)["tfidf"]).nnz == 0
    made = made_rows.methods(given, "tfidf")["vae"](reader, given, 2)
    assert made["tfidf"].shape[0] == 2 * len(given.y)


def test_counts_without_pairs_and_ngrams_need_no_string(of_texts: Subject) -> None:
    only_words = of_texts.predictor.vocabulary.model_copy(
        update={"pairs": False, "characters": None, "terms": ("it's", "a", "b"), "target": (0, 2)}
    )
    found = made_rows.word_counts([np.array([1, 0, 1]), np.array([], dtype=int)], only_words)
    expected = counting.count(["b it's b", ""], only_words)
    assert (found != expected).nnz == 0


def test_shifted_images_hold_what_was_there_moved_by_a_pixel() -> None:
    image_CHW = np.arange(16.0).reshape(1, 4, 4)
    draw = np.random.default_rng(0)
    corners = {tuple(made_rows.CHANGES["shift"](image_CHW, draw)[0, 1:3, 1]) for _ in range(300)}
    assert corners == {
        (image_CHW[0, 1 + down, 1 + right], image_CHW[0, 2 + down, 1 + right])
        for down in (-1, 0, 1)
        for right in (-1, 0, 1)
    }


def test_noise_has_its_standard_deviation() -> None:
    noisy = made_rows.CHANGES["noise"](np.zeros((1, 100, 100)), np.random.default_rng(0))
    assert noisy.std() == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("classifier", ["svm", "logistic"])
def test_a_weight_of_nothing_leaves_a_row_out_and_two_counts_it_twice(classifier: str) -> None:
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(60, 3)), np.arange(60) % 3
    choice = Choice(classifier, 1.0)
    weights = np.repeat([1.0, 0.0], 30)
    some = heads.fit({"vae": x}, y, "vae", choice, weights)
    few = heads.fit({"vae": x[:30]}, y[:30], "vae", choice)
    np.testing.assert_allclose(some.decision({"vae": x}), few.decision({"vae": x}), atol=0.06)
    twice = heads.fit({"vae": x}, y, "vae", choice, np.full(60, 2.0))
    repeated = heads.fit({"vae": np.vstack([x, x])}, np.tile(y, 2), "vae", choice)
    np.testing.assert_allclose(twice.decision({"vae": x}), repeated.decision({"vae": x}), atol=0.06)


def test_weights_are_those_of_scikit_learn() -> None:
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(300, 3)), draw.integers(2, size=300)
    weights = draw.uniform(0.1, 2, 300)
    head = heads.fit({"vae": x}, y, "vae", Choice("logistic", 1.0), weights)
    truth = LogisticRegression(C=1.0, tol=1e-8).fit(x, y, sample_weight=weights)
    found = head.decision({"vae": x})
    np.testing.assert_allclose(found[:, 1] - found[:, 0], truth.decision_function(x), atol=0.05)


# The measurement


@pytest.fixture(scope="module")
def measured(of_texts: Subject) -> Augmentation:
    return augmentation.measure(of_texts).result


def test_every_method_at_both_budgets_beside_the_labels_alone(measured: Augmentation) -> None:
    assert [budget.per_class for budget in measured.budgets] == [5, 10]
    assert [budget.labels for budget in measured.budgets] == [15, 30]
    assert measured.samples == 2
    for budget in measured.budgets:
        none, repeated, *others = budget.scores
        assert (none.method, none.made, none.gain) == ("none", 0, None)
        assert (repeated.method, repeated.over_repeated) == ("repeated", None)
        names = {score.method for score in others}
        assert names == {"swap", "delete", "typo", "vae", "latent", "extrapolation", "class"}
        for score in (repeated, *others):
            assert score.made in augmentation.MADE
            assert score.gain.difference == pytest.approx(score.accuracy - none.accuracy)
            assert score.gain.low <= score.gain.difference <= score.gain.high


def test_the_same_rows_give_the_same_result(of_texts: Subject, measured: Augmentation) -> None:
    assert augmentation.measure(of_texts).result == measured


def test_no_choice_looks_at_test(of_texts: Subject, measured: Augmentation) -> None:
    y = np.random.default_rng(0).permutation(of_texts.test.y)
    other = augmentation.measure(replace(of_texts, test=replace(of_texts.test, y=y))).result
    for one, another in zip(measured.budgets, other.budgets, strict=True):
        for score, shuffled in zip(one.scores, another.scores, strict=True):
            assert (score.made, score.weight) == (shuffled.made, shuffled.weight)
            assert score.valid_accuracy == shuffled.valid_accuracy


def test_examples_are_of_validation(of_texts: Subject, measured: Augmentation) -> None:
    assert len(measured.examples) == 3
    for example in measured.examples:
        assert example.text in of_texts.valid.texts
        assert set(example.made) == {"swap", "delete", "typo", "vae"}


def test_images_have_methods_of_their_own_and_are_shown(of_images: Subject) -> None:
    result, shown = augmentation.measure(of_images)
    names = [score.method for score in result.budgets[0].scores]
    vae = ["vae", "latent", "extrapolation", "class"]
    assert names == ["none", "repeated", "shift", "noise", *vae]
    assert result.shown == ("none", "shift", "noise", "vae")
    assert shown["made"].shape == (4, 8, 1, 4, 4)
    assert shown["made"].dtype == np.float32
    assert shown["made"].min() >= 0
    assert shown["made"].max() <= 1
    rows = of_images.valid.matrix()
    for image in shown["made"][0].reshape(8, -1):
        assert (abs(rows - image).max(axis=1) < 1e-6).any()


def test_the_full_depth_measures_the_observed_alone_too() -> None:
    subject = subject_of(tiny_splits.texts(classes=2, rows=6), depth="full")
    result = augmentation.measure(subject).result
    assert [budget.features for budget in result.budgets] == ["tfidf+vae"] * 2 + ["tfidf"] * 2
    assert "latent" not in {score.method for score in result.budgets[2].scores}
    assert result.samples == 5


def without_labels(rows: Portion) -> Portion:
    return replace(rows, y=np.full_like(rows.y, -1))


def test_without_labels_it_says_so(of_texts: Subject) -> None:
    for change in (
        {"train": without_labels(of_texts.train)},
        {"test": without_labels(of_texts.test)},
        {"train": of_texts.train.subset(np.flatnonzero(of_texts.train.y == 1))},
    ):
        result, shown = augmentation.measure(replace(of_texts, **change))
        assert result.reason
        assert result.budgets == ()
        assert shown == {}


def test_without_validation_labels_nothing_is_chosen(of_texts: Subject) -> None:
    found = augmentation.measure(replace(of_texts, valid=without_labels(of_texts.valid))).result
    for score in found.budgets[0].scores[1:]:
        assert (score.made, score.weight, score.valid_accuracy) == (1, 1.0, None)


def test_ready_counts_have_no_easy_methods(of_texts: Subject) -> None:
    def bare(rows: Portion) -> Portion:
        return replace(rows, table=rows.table.drop(columns="text"))

    subject = replace(
        of_texts,
        train=bare(of_texts.train),
        valid=bare(of_texts.valid),
        test=bare(of_texts.test),
    )
    result = augmentation.measure(subject).result
    assert not {score.method for score in result.budgets[0].scores} & set(augmenting.EASY)
    assert result.examples == ()


def test_two_classes_of_few_rows_and_texts_without_a_word(of_texts: Subject) -> None:
    few = of_texts.train.subset(np.array([0, 1, 2, 12, 13]))
    assert augmentation.measure(replace(of_texts, train=few)).result.budgets
    blank = Reader(of_texts.predictor, augmentation._basis(of_texts), 0).of_texts(["zzz", ""])
    assert np.isfinite(blank["vae"]).all()


# Files


Write = Callable[[list[dict[str, object]]], Path]


@pytest.fixture(params=["csv", "tsv", "jsonl", "parquet"])
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Write:
    def write(rows: list[dict[str, object]]) -> Path:
        table, path = pd.DataFrame(rows), tmp_path / f"in.{request.param}"
        if request.param == "parquet":
            table.to_parquet(path, index=False)
        elif request.param == "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        else:
            table.to_csv(path, index=False, sep="\t" if request.param == "tsv" else ",")
        return path

    return write


ROWS: list[dict[str, object]] = [
    {"text": TEXTS[0], "label": "light", "id": 1},
    {"text": "", "label": "none", "id": 2},
    {"text": "zzz yyy", "label": "odd", "id": 3},
    {"text": TEXTS[1], "label": "music", "id": 4},
]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("at_once", [1, 4096])
def test_a_file_gets_what_the_predictor_gives_whatever_its_chunks(
    texts: Predictor,
    written: Write,
    tmp_path: Path,
    suffix: str,
    at_once: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(augmented, "_ROWS_AT_ONCE", at_once)
    target = tmp_path / f"out.{suffix}"
    recipe = augmented.Recipe("vae", 3, 5, texts)
    done = augmented.augment_file(recipe, written(ROWS), target)
    assert (done.rows, done.made, done.skipped) == (4, 6, 2)
    readers = {"csv": pd.read_csv, "jsonl": lambda path: pd.read_json(path, lines=True)}
    found = readers.get(suffix, pd.read_parquet)(target)
    assert list(found) == ["text", "label", "source_row", "method", "seed"]
    expected = texts.augment([TEXTS[0], TEXTS[1]], 3, 5, rows=[0, 3])
    assert found["text"].tolist() == expected["text"].tolist()
    assert found["source_row"].tolist() == [0, 0, 0, 3, 3, 3]
    assert found["label"].tolist() == ["light"] * 3 + ["music"] * 3
    assert set(found["method"]) == {"vae"}
    assert set(found["seed"]) == {5}


@pytest.mark.parametrize("method", augmenting.EASY)
def test_easy_methods_need_no_model_and_no_known_word(tmp_path: Path, method: str) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    pd.DataFrame(ROWS).rename(columns={"text": "said", "label": "topic"}).to_csv(source)
    done = augmented.augment_file(augmented.Recipe(method, 2, 0), source, target, "said", "topic")
    found = pd.read_csv(target)
    assert (done.made, done.skipped) == (6, 1)
    assert list(found) == ["said", "topic", "source_row", "method", "seed"]
    draw = tasks.draw_of(0, 3, 1)
    assert found["said"].iloc[-1] == augmenting.easy(TEXTS[1], method, draw)


def test_a_file_without_anything_to_use_has_no_new_row(texts: Predictor, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text\nzzz\n \n")
    done = augmented.augment_file(
        augmented.Recipe("vae", 2, 0, texts), tmp_path / "in.csv", tmp_path / "out.csv"
    )
    assert (done.rows, done.made, done.skipped) == (2, 0, 2)
    assert (tmp_path / "out.csv").read_text() == "text,source_row,method,seed\n"


@pytest.mark.parametrize(
    ("content", "label", "said"),
    [
        ("text,topic\na,b\n", "topics", "Did you mean 'topic'"),
        ("text,seed\na,b\n", "seed", "Rename it first"),
        ("words\na\n", None, "no column 'text'"),
        ("text\na,b\n", None, "2 fields"),
    ],
)
def test_an_unusable_file_leaves_no_output(
    tmp_path: Path, content: str, label: str | None, said: str
) -> None:
    (tmp_path / "in.csv").write_text(content)
    with pytest.raises(DataError, match=said) as error:
        augmented.augment_file(
            augmented.Recipe("typo", 1, 0), tmp_path / "in.csv", tmp_path / "out.csv", label=label
        )
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_column_is_not_text_and_label_at_once(tmp_path: Path) -> None:
    pd.DataFrame({"text": ["turn on the light"]}).to_csv(tmp_path / "in.csv", index=False)
    with pytest.raises(SettingsError, match="holds the texts"):
        augmented.augment_file(
            augmented.Recipe("typo", 1, 0), tmp_path / "in.csv", tmp_path / "out.csv", label="text"
        )
    assert not (tmp_path / "out.csv").exists()


def test_a_model_of_images_is_sent_to_its_task(texts: Predictor, images: Predictor) -> None:
    augmented.require_texts(texts)
    with pytest.raises(SettingsError, match="task augment"):
        augmented.require_texts(images)


def test_the_command_writes_the_file_and_counts(folders: dict[str, Path], tmp_path: Path) -> None:
    assert command._METHODS == augmented.METHODS
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    pd.DataFrame(ROWS).to_csv(source, index=False)
    options = ["--input", str(source), "--output", str(target), "-n", "2"]
    done = CliRunner().invoke(cli, ["augment", str(folders["counts"]), *options])
    assert done.exit_code == 0
    assert "4 new rows of 4; 2 skipped" in done.output
    assert len(pd.read_csv(target)) == 4
    done = CliRunner().invoke(cli, ["augment", *options, "--method", "swap"])
    assert "6 new rows of 4; 1 skipped" in done.output
    done = CliRunner().invoke(cli, ["augment", "some", *options, "--method", "swap"])
    assert done.exit_code == 2
    assert "needs no model" in done.output


# The report


def budget_of(*gains: tuple[float, float, float], **more: float) -> AugmentedBudget:
    """Of the VAE's methods in order; validation prefers the last."""
    names = ["none", "repeated", *report.OF_THE_VAE[: len(gains)]]
    differences = [None, (0.001, -0.002, 0.004), *gains]

    def claim(found: tuple[float, float, float] | None, theirs: str) -> Claim | None:
        if found is None:
            return None
        difference, low, high = found
        return Claim(ours="", theirs=theirs, difference=difference, low=low, high=high)

    scores = tuple(
        Augmented(
            method=name,
            made=0 if name == "none" else 2,
            weight=1.0,
            valid_accuracy=None if name == "none" else place / 10,
            accuracy=0.7 + (gain[0] if gain else 0),
            accuracy_low=0.6,
            accuracy_high=0.8,
            gain=claim(gain, "none"),
            over_repeated=None if place < 2 else claim(gain, "repeated"),
        )
        for place, (name, gain) in enumerate(zip(names, differences, strict=True))
    )
    return AugmentedBudget(features="tfidf+vae", per_class=5, labels=750, scores=scores)


GAIN, LOSS, UNCLEAR = (0.012, 0.004, 0.02), (-0.03, -0.05, -0.01), (0.002, -0.01, 0.014)


@pytest.mark.parametrize(
    ("gains", "said"),
    [
        ((LOSS, GAIN), "with the VAE help: +1.2 [0.4, 2.0] points of accuracy on 70.0 %"),
        ((GAIN, LOSS), "with the VAE hurt: -3.0 [-5.0, -1.0] points"),
        ((GAIN, UNCLEAR), "with the VAE make no clear difference: +0.2 [-1.0, 1.4] points"),
    ],
)
def test_the_finding_is_of_the_way_that_validation_prefers(gains: tuple, said: str) -> None:
    found = report.finding(budget_of(*gains)).replace("\u00a0", " ")
    assert found.startswith("With 5 labels per class and TF-IDF + VAE, rows made")
    assert said in found


def facts_of(found: Augmentation | None, **images: np.ndarray) -> object:
    return replace(
        report_samples.clear_no(), applications=Applications(augmentation=found), images=images
    )


def test_the_section_has_words_tables_and_a_picture(measured: Augmentation) -> None:
    section = report.augmentation(facts_of(measured))
    tables = [block for block in section.blocks if isinstance(block, Table)]
    assert len(tables) == 3
    assert all(len(row) == len(table.header) for table in tables for row in table.rows)
    assert [block.name for block in section.blocks if isinstance(block, Picture)] == [
        "augmentation"
    ]
    assert isinstance(section.blocks[0], Text)


def test_images_are_drawn_with_their_methods() -> None:
    found = Augmentation(budgets=(budget_of(GAIN),), shown=("none", "shift", "noise", "vae"))
    made = np.random.default_rng(0).random((4, 8, 1, 4, 4))
    section = report.augmentation(facts_of(found, **{"augmentation.made": made}))
    assert [block.name for block in section.blocks if isinstance(block, Picture)] == [
        "augmentation",
        "augmentation_images",
    ]


def test_off_and_unable_are_told_apart() -> None:
    assert report.augmentation(facts_of(None)) is None
    section = report.augmentation(facts_of(Augmentation(reason="No labels.")))
    assert section.blocks == (Text("No labels."),)


def test_every_method_has_a_name(of_texts: Subject, of_images: Subject) -> None:
    for subject, features in ((of_texts, "tfidf+vae"), (of_images, "pixels+vae")):
        _, given = reader_and_rows(subject)
        assert set(made_rows.methods(given, features)) <= set(report.METHODS)
    assert isinstance(of_images.valid.examples, Images)

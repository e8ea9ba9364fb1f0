"""The study: its features, its label budgets, what it claims, and what it says of odd data."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.metrics import recall_score
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits
from tiny_splits import Sample, images, texts

from latentops import build, portion
from latentops.artifacts import Vocabulary
from latentops.classifier import HeadFile
from latentops.metrics.bootstrap import Bootstrap
from latentops.model import VAE
from latentops.portion import Code, Portion
from latentops.verdict import budgets, claims, cost, study, verdict
from latentops.verdict.claims import Outcome
from latentops.verdict.features import Basis, Projection, available
from latentops.verdict.heads import Choice
from latentops.verdict.results import Budget, Verdict
from latentops.verdict.strangers import Splits
from latentops.verdict.verdict import Trained

TEXT_SETS = (
    "tfidf_words", "tfidf", "lsa", "tfidf+lsa", "vae", "vae+hidden", "tfidf+vae", "lsa+vae",
)  # fmt: skip
CLASSES, ROWS = 5, 14  # so many of each class in every split
IMAGE_SETS = ("pixels", "pca", "pixels+pca", "vae", "vae+hidden", "pixels+vae", "pca+vae")


@pytest.fixture(scope="module")
def of_texts() -> Sample:
    return texts(CLASSES, ROWS)


@pytest.fixture(scope="module")
def of_images() -> Sample:
    return images()


def splits(sample: Sample) -> Splits:
    return Splits(sample.train, sample.valid, sample.test)


def trained(sample: Sample, repeats: int = 1) -> Trained:
    subject = sample.subject
    others = (
        build.model(subject.spec, subject.vocabulary, sample.model, seed).eval()
        for seed in range(1, 1 + repeats)
    )
    return Trained(
        subject=subject,
        model=sample.model,
        head=HeadFile(reason="none is needed"),
        training_seconds=100.0,
        repeats=tuple(others),
        held_out=None,
    )


def reached(sample: Sample, depth: budgets.Depth = "quick", repeats: int = 1) -> Verdict:
    return verdict.reach(trained(sample, repeats), splits(sample), depth, seed=0)


@pytest.fixture(scope="module")
def text_verdict(of_texts: Sample) -> Verdict:
    return reached(of_texts)


@pytest.fixture(scope="module")
def image_verdict(of_images: Sample) -> Verdict:
    return reached(of_images)


def with_labels(rows: Portion, y: np.ndarray) -> Portion:
    return replace(rows, y=np.where(rows.in_scope, y, -1))


def no_labels(rows: Portion) -> Portion:
    return replace(rows, y=np.full(len(rows), -1))


def fitted(sample: Sample, size: int = 3) -> tuple[Basis, Portion, Code]:
    rows = sample.train.labelled()
    code = portion.read(sample.subject.vae, rows.examples)
    return Basis.fit(rows, code, sample.subject.vocabulary, size, seed=0), rows, code


# Features


def test_tfidf_of_words_is_that_of_scikit_learn_on_words_alone(of_texts: Sample) -> None:
    basis, rows, code = fitted(of_texts)
    assert rows.counts is not None
    words = rows.counts[:, basis.word_columns]
    weighted = TfidfTransformer(sublinear_tf=True).fit(words).transform(words)
    ours = basis.blocks(rows, code)["tfidf_words"]
    np.testing.assert_allclose(ours.toarray(), weighted.toarray(), atol=1e-6)


def test_lsa_is_that_of_scikit_learn_and_is_then_scaled(of_texts: Sample) -> None:
    basis, rows, code = fitted(of_texts)
    blocks = basis.blocks(rows, code)
    exact = TruncatedSVD(3, random_state=0).fit_transform(blocks["tfidf"])
    raw = basis.dense(basis.observed(rows))["lsa"]
    np.testing.assert_allclose(raw, exact, atol=1e-5)
    scaled = (exact - exact.mean(0)) / exact.std(0) / np.sqrt(3)
    np.testing.assert_allclose(blocks["lsa"], scaled, atol=1e-4)


def test_pca_is_that_of_scikit_learn(of_images: Sample) -> None:
    basis, rows, _ = fitted(of_images)
    pixels = rows.matrix()
    exact = PCA(3, random_state=0).fit_transform(pixels)
    np.testing.assert_allclose(basis.dense(basis.observed(rows))["pca"], exact, atol=1e-5)
    assert isinstance(basis.projection, Projection)
    centre = basis.projection(pixels.mean(axis=0, keepdims=True))
    np.testing.assert_allclose(centre, np.zeros((1, 3)), atol=1e-5)


@pytest.mark.parametrize("kind", ["texts", "images"])
def test_rows_of_every_dense_block_have_a_mean_square_of_one(
    kind: str, of_texts: Sample, of_images: Sample
) -> None:
    basis, rows, code = fitted(of_texts if kind == "texts" else of_images)
    for name, block in basis.blocks(rows, code).items():
        squares = np.square(np.asarray(block.todense() if name.startswith("tfidf") else block))
        assert squares.sum(axis=1).mean() == pytest.approx(1, abs=0.05)


def test_a_latent_dimension_that_hardly_moves_stays_small(of_texts: Sample) -> None:
    _, rows, code = fitted(of_texts)
    spread = np.array([1.0, 1.0, 1e-6, 0.0], dtype=np.float32)
    means = np.random.default_rng(0).normal(size=code.mean_NZ.shape).astype(np.float32) * spread
    basis = Basis.fit(rows, replace(code, mean_NZ=means), of_texts.subject.vocabulary, 3, seed=0)
    block = basis.code_blocks(replace(code, mean_NZ=means))["vae"]
    assert block[:, 0].std() == pytest.approx(0.5, rel=0.01)
    assert block[:, 2].std() < 1e-4
    assert (block[:, 3] == 0).all()


def test_another_vae_leaves_the_baselines_as_they_are(of_texts: Sample) -> None:
    basis, rows, code = fitted(of_texts)
    other = replace(code, mean_NZ=3 * code.mean_NZ + 1)
    again = basis.with_code(other)
    before, after = basis.blocks(rows, code), again.blocks(rows, other)
    np.testing.assert_array_equal(before["lsa"], after["lsa"])
    np.testing.assert_allclose(before["vae"], after["vae"], atol=1e-5)


def test_the_sets_are_those_that_the_blocks_suffice_for() -> None:
    assert available({"tfidf_words", "tfidf", "lsa", "vae", "hidden"}) == TEXT_SETS
    assert available({"pixels", "pca", "vae", "hidden"}) == IMAGE_SETS
    assert available({"tfidf", "vae"}) == ("tfidf", "vae", "tfidf+vae")


# Label budgets


def test_a_budget_holds_so_many_rows_of_each_class_or_all_that_it_has() -> None:
    y = np.repeat(np.arange(6), [40, 40, 40, 40, 7, 1])
    one, ten, everything = budgets.budgets(y, "quick", seed=0)
    assert (one.name, ten.name, everything.name) == ("1 per class", "10 per class", "all")
    assert all(np.bincount(y[rows]).tolist() == [1] * 6 for rows in one.samples)
    assert all(np.bincount(y[rows]).tolist() == [10] * 4 + [7, 1] for rows in ten.samples)
    assert len({rows.tobytes() for rows in ten.samples}) == budgets.SAMPLES
    assert [rows.tolist() for rows in everything.samples] == [list(range(len(y)))]


def test_with_few_classes_budgets_are_totals_and_hold_every_class() -> None:
    y = np.array([0] * 3_000 + [1] * 2)
    names = [budget.name for budget in budgets.budgets(y, "full", seed=0)]
    assert names == ["200 labels", "500 labels", "2500 labels", "all"]
    few = budgets.budgets(y, "quick", seed=0)[0]
    assert all(len(rows) == len(set(rows)) == 200 for rows in few.samples)
    assert all(set(y[rows]) == {0, 1} for rows in few.samples)


def test_a_budget_that_takes_everything_is_left_out() -> None:
    assert [each.name for each in budgets.budgets(np.arange(300), "full", seed=0)] == ["all"]
    assert [each.name for each in budgets.budgets(np.arange(2), "quick", 0)] == ["all"]


def test_two_classes_with_fewer_labels_than_the_least_total_are_drawn_per_class() -> None:
    found = [each.name for each in budgets.budgets(np.arange(200) % 2, "quick", 0)]
    assert found == ["1 per class", "10 per class", "all"]
    found = [each.name for each in budgets.budgets(np.arange(201) % 2, "quick", 0)]
    assert found == ["200 labels", "all"]


def test_not_all_labels_are_called_by_their_number() -> None:
    assert budgets.budgets(np.arange(9), "quick", 0, complete=False)[-1].name == "9 labels"


# What is claimed

Y = np.arange(100) % 4


def outcome(features: str, right: Sequence[float], inner: float | None = None) -> Outcome:
    """With so large a share of right test rows for each VAE seed."""
    predicted = [np.where(np.arange(100) < 100 * share, Y, (Y + 1) % 4) for share in right]
    return Outcome(features, np.array([predicted]), (Choice(),), inner)


def test_the_vaes_features_are_chosen_inside_the_labels_and_the_baseline_on_test() -> None:
    outcomes = [
        outcome("tfidf", [0.7], inner=0.9),
        outcome("lsa", [0.8], inner=0.1),
        outcome("vae", [0.95, 0.95], inner=0.5),
        outcome("tfidf+vae", [0.9, 0.8], inner=0.6),
    ]
    first, second = claims.claims(outcomes, Y, Bootstrap(100, seed=0))
    assert (first.ours, first.theirs) == ("tfidf+vae", "lsa")
    assert first.difference == pytest.approx(0.05)
    assert first.low <= 0.0 < first.high
    assert (second.ours, second.theirs) == ("vae", "lsa")
    assert second.difference == pytest.approx(0.15)
    assert second.low > 0


def test_where_nothing_could_be_chosen_the_join_is_claimed() -> None:
    outcomes = [outcome("tfidf", [0.7]), outcome("vae", [0.9]), outcome("tfidf+vae", [0.6])]
    (claim,) = claims.claims(outcomes, Y, Bootstrap(100, seed=0))
    assert (claim.ours, claim.theirs) == ("tfidf+vae", "tfidf")


def test_a_score_is_averaged_over_samples_and_seeds() -> None:
    found = claims.score(
        outcome("lsa+vae", [0.9, 0.7]), Y, np.arange(100) >= 50, Bootstrap(100, seed=0)
    )
    each = outcome("lsa+vae", [0.9, 0.7]).predicted_SVN[0]
    assert found.accuracy == pytest.approx(0.8)
    assert found.accuracy_sd == pytest.approx(np.std([0.9, 0.7], ddof=1))
    assert found.accuracy_unseen == pytest.approx(0.6)
    assert found.recall_macro == pytest.approx(
        np.mean([recall_score(Y, predicted, average="macro") for predicted in each])
    )
    assert (found.classifier, found.join) == ("svm", 0.7)


def test_without_a_row_that_is_new_nothing_is_said_of_such_rows() -> None:
    found = claims.score(outcome("vae", [1.0]), Y, np.zeros(100, bool), Bootstrap(100, seed=0))
    assert found.accuracy_unseen is None
    assert found.join is None


# The whole


def by_features(budget: Budget) -> dict[str, float]:
    return {score.features: score.accuracy for score in budget.scores}


def test_a_study_of_texts(text_verdict: Verdict) -> None:
    assert text_verdict.reason == ""
    assert [budget.name for budget in text_verdict.budgets] == [
        "1 per class",
        "10 per class",
        "all",
    ]
    assert [budget.labels for budget in text_verdict.budgets] == [5, 50, 140]  # with validation
    for budget in text_verdict.budgets:
        assert tuple(by_features(budget)) == TEXT_SETS
    few, _, everything = map(by_features, text_verdict.budgets)
    assert few["tfidf"] < everything["tfidf"]
    assert everything["tfidf"] > 0.95
    assert {claim.theirs for claim in text_verdict.budgets[-1].claims} >= {"lsa"}


def test_a_study_of_images(image_verdict: Verdict, of_images: Sample) -> None:
    assert tuple(by_features(image_verdict.budgets[-1])) == IMAGE_SETS
    assert image_verdict.test_rows_also_in_train is None
    basis, train, _ = fitted(of_images, size=of_images.subject.vae.latent)
    test = of_images.test.labelled()
    codes = (basis.dense(basis.observed(rows))["pca"] for rows in (train, test))
    expected = KNeighborsClassifier(5).fit(next(codes), train.y).score(next(codes), test.y)
    knn = {each.features: each.accuracy_knn5 for each in image_verdict.cost}
    assert knn["pca"] == pytest.approx(expected)
    assert knn["vae"] is not None
    assert knn["pixels"] is None


def test_the_same_study_twice(text_verdict: Verdict, of_texts: Sample) -> None:
    assert reached(of_texts).budgets == text_verdict.budgets


def test_the_labels_of_test_choose_nothing(text_verdict: Verdict, of_texts: Sample) -> None:
    shuffled = with_labels(of_texts.test, np.roll(of_texts.test.y, 17))
    other = reached(replace(of_texts, test=shuffled))
    for before, after in zip(text_verdict.budgets, other.budgets, strict=True):
        for one, another in zip(before.scores, after.scores, strict=True):
            assert one.inner_accuracy == another.inner_accuracy
            assert (one.classifier, one.join) == (another.classifier, another.join)
    assert by_features(other.budgets[-1])["tfidf"] < 0.6


def test_rows_out_of_scope_serve_nothing(text_verdict: Verdict, of_texts: Sample) -> None:
    known = {
        name: rows.subset(np.flatnonzero(rows.in_scope))
        for name, rows in (("train", of_texts.train), ("valid", of_texts.valid))
    }
    assert reached(replace(of_texts, **known)).budgets == text_verdict.budgets


def test_each_vae_is_read_for_itself_and_baselines_once(
    of_texts: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second VAE that knows nothing halves the way of the means to chance."""
    alone = reached(of_texts, repeats=0)
    blind = trained(of_texts, repeats=0)
    weights = {name: 0 * value for name, value in blind.subject.vae.state_dict().items()}
    other: VAE = build.model(
        of_texts.subject.spec, of_texts.subject.vocabulary, of_texts.model, seed=1
    ).eval()
    other.load_state_dict(weights)
    both = verdict.reach(replace(blind, repeats=(other,)), splits(of_texts), "quick", seed=0)
    one, two = (by_features(each.budgets[-1]) for each in (alone, both))
    assert two["tfidf"] == one["tfidf"]
    assert two["vae"] == pytest.approx((one["vae"] + 0.2) / 2)
    assert both.seeds == 2


def test_test_rows_that_stand_in_train_are_counted_and_left_out(
    text_verdict: Verdict, of_texts: Sample
) -> None:
    """Every other test row gets the text of a row of train, in capitals, and a wrong label."""
    test, train = of_texts.test, of_texts.train.labelled()
    known = np.arange(len(test)) % 2 == 1
    texts_then = [
        train.table["text"][0].upper() if seen else f"new {row}" for row, seen in enumerate(known)
    ]
    y = np.where(known & test.in_scope, (test.y + 1) % CLASSES, test.y)
    changed = replace(test, y=y, table=test.table.assign(text=texts_then))
    found = reached(replace(of_texts, test=changed))
    assert text_verdict.test_rows_also_in_train == 0
    assert found.test_rows_also_in_train == known[test.in_scope].sum()
    (scores,) = (each for each in found.budgets[-1].scores if each.features == "tfidf")
    assert scores.accuracy < 0.6
    assert scores.accuracy_unseen is not None
    assert scores.accuracy_unseen > 0.9


def test_the_cost_is_that_of_the_form_that_ships(text_verdict: Verdict, of_texts: Sample) -> None:
    cost_of = {each.features: each for each in text_verdict.cost}
    terms, classes = len(of_texts.subject.vocabulary.terms), CLASSES
    encoder = 4 * sum(each.numel() for each in of_texts.subject.vae.encoder.parameters())
    assert tuple(cost_of) == TEXT_SETS
    assert cost_of["tfidf"].bytes == terms * classes + 4 * classes + 4 * classes + 4 * terms
    assert cost_of["lsa"].bytes == cost_of["tfidf"].bytes
    assert cost_of["vae"].bytes == encoder + 4 * 4 * classes + 4 * classes + 4 * terms
    assert cost_of["tfidf_words"].bytes < cost_of["tfidf"].bytes
    assert cost_of["vae+hidden"].features_in == 4 + 6 + 5
    assert cost_of["tfidf+lsa"].features_in == terms + 4
    assert cost_of["vae"].fit_seconds == 100.0
    assert cost_of["lsa+vae"].fit_seconds > 100.0 > cost_of["lsa"].fit_seconds
    assert all(each.microseconds_per_example > 0 for each in text_verdict.cost)
    assert cost_of["tfidf"].accuracy == by_features(text_verdict.budgets[-1])["tfidf"]


@pytest.mark.parametrize("kind", ["texts", "images"])
def test_what_is_timed_predicts_what_was_compared(
    kind: str, of_texts: Sample, of_images: Sample
) -> None:
    sample = of_texts if kind == "texts" else of_images
    subject, test = sample.subject, sample.test.labelled()
    with threadpool_limits(limits=1):  # small products do not gain from more
        compared = study.compare(subject, (subject.vae,), splits(sample), None, "quick", seed=0)
    code = portion.read(subject.vae, test.examples)
    blocks = compared.basis.blocks(test, code)
    for each in compared.heads.values():
        deployed = cost._Deployed.of(each.head, compared.basis, subject, sample.model)
        same = deployed.predict(deployed.fed(test)) == each.head.predict(blocks)
        assert same.mean() > 0.95, each.head.features  # but for the int8 of the terms


# Odd data


def reason(sample: Sample) -> str:
    found = reached(sample)
    assert found.budgets == found.cost == ()
    return found.reason


def test_data_without_labels_has_a_reason(of_texts: Sample) -> None:
    assert reason(replace(of_texts, train=no_labels(of_texts.train))).endswith("have no labels.")
    assert "test rows" in reason(replace(of_texts, test=no_labels(of_texts.test)))


def test_one_class_has_a_reason(of_texts: Sample) -> None:
    one = with_labels(of_texts.train, np.zeros(len(of_texts.train), int))
    assert "one class" in reason(replace(of_texts, train=one))


def test_classes_of_one_text_each_have_a_reason(of_texts: Sample) -> None:
    """Its only text is in one of the splits."""
    test = of_texts.test.subset(np.flatnonzero(of_texts.test.y == 0))
    train = of_texts.train.subset(np.flatnonzero(of_texts.train.y > 0))
    assert "needs a row in both" in reason(replace(of_texts, train=train, test=test))


def test_one_training_text_of_each_class_is_all_there_is(of_texts: Sample) -> None:
    first = np.unique(of_texts.train.y, return_index=True)[1]
    found = reached(replace(of_texts, train=of_texts.train.subset(first)))
    assert [budget.name for budget in found.budgets] == ["all"]


def test_without_validation_labels_all_labels_choose_inside(of_texts: Sample) -> None:
    found = reached(replace(of_texts, valid=no_labels(of_texts.valid)))
    assert found.budgets[-1].labels == CLASSES * ROWS
    assert found.budgets[-1].scores[0].inner_accuracy is not None


def test_a_class_that_stands_in_test_alone_is_always_missed(of_texts: Sample) -> None:
    some = of_texts.train.subset(np.flatnonzero(of_texts.train.y != 4))
    found = reached(replace(of_texts, train=some))
    assert by_features(found.budgets[-1])["tfidf"] == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("classes", [2, 60])
def test_few_and_many_classes(classes: int) -> None:
    found = reached(texts(classes=classes, rows=3), repeats=0)
    assert found.budgets[-1].name == "all"
    assert by_features(found.budgets[-1])["tfidf"] > 0.5


def test_fewer_rows_than_latent_dimensions(of_texts: Sample) -> None:
    few = [
        part.subset(np.flatnonzero(part.in_scope)[[0, 1, -1]])
        for part in (of_texts.train, of_texts.valid, of_texts.test)
    ]
    found = reached(replace(of_texts, train=few[0], valid=few[1], test=few[2]), repeats=0)
    assert (found.test_rows, found.budgets[-1].labels) == (3, 6)


def test_a_single_term_has_no_lsa(of_texts: Sample) -> None:
    _, rows, code = fitted(of_texts)
    assert rows.counts is not None
    one = Vocabulary(terms=("a",), document_frequency=(3,), documents=9)
    alone = replace(rows, counts=rows.counts[:, :1])
    blocks = Basis.fit(alone, code, one, size=3, seed=0).blocks(alone, code)
    assert set(blocks) == {"tfidf", "vae", "hidden"}


def test_texts_without_a_known_word_are_classified_too(of_texts: Sample) -> None:
    counts = of_texts.test.counts
    assert counts is not None
    emptied = counts.multiply((np.arange(counts.shape[0]) % 2)[:, None]).tocsr()
    emptied.eliminate_zeros()
    found = reached(replace(of_texts, test=replace(of_texts.test, counts=emptied)), repeats=0)
    assert 0.4 < by_features(found.budgets[-1])["tfidf"] < 0.8

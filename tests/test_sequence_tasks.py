"""The tasks of a model of sentences: against its own parts, hand counts and scikit-learn."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tiny_sentences
import tiny_splits
import tiny_subject
import torch
from click.testing import CliRunner
from sklearn.neighbors import NearestNeighbors
from tiny_model import COUNTS, head
from tiny_sentences import PHRASES

from latentops import artifacts, build, portion
from latentops.applications import (
    augmentation,
    compression,
    denoising,
    generation,
    meaning,
    repair,
    twin,
)
from latentops.applications.generation_sentences import Bigrams
from latentops.applications.subject import Subject
from latentops.artifacts import PAD
from latentops.classifier import ClassCodes, save_absence
from latentops.cli.main import cli
from latentops.errors import DataError, SettingsError
from latentops.inference import neighbours
from latentops.inference.forms import Result
from latentops.inference.predictor import SCORE_SAMPLES, Predictor
from latentops.inference.writing import Writing
from latentops.networks import seq
from latentops.registry.answers import CurrentTest, require_readable
from latentops.registry.measure import _Model

UNKNOWN_TEXT = "zzz qqq"


@pytest.fixture(scope="module")
def subject() -> Subject:
    """It has a classifier, and so knows where the classes lie."""
    found = tiny_subject.subject(tiny_sentences.sample())
    predictor, train = found.predictor, found.train
    code = portion.read(predictor.vae, train.examples)
    codes = ClassCodes.of(code.mean_NZ, code.log_variance_NZ, train.y, len(PHRASES))
    plain = head(COUNTS)
    known = replace(
        plain, head=plain.head.model_copy(update={"classes": tuple(PHRASES)}), codes=codes
    )
    parts = predictor.vae, predictor.spec, predictor.vocabulary, predictor.settings
    return replace(found, predictor=Predictor(*parts, known))


@pytest.fixture(scope="module")
def predictor(subject: Subject) -> Predictor:
    return subject.predictor


@pytest.fixture(scope="module")
def texts(subject: Subject) -> list[str]:
    assert subject.train.texts is not None
    return subject.train.texts


@pytest.fixture(scope="module")
def bags() -> Predictor:
    return tiny_subject.subject(tiny_splits.texts(classes=2, rows=4)).predictor


def told(result: Result) -> list[str]:
    assert isinstance(result, pd.DataFrame)
    return list(result["text"])


# Tasks


def test_sentences_come_back_as_they_were(predictor: Predictor, texts: list[str]) -> None:
    assert told(predictor.reconstruct(texts)) == texts
    assert told(predictor.reconstruct(["  Turn ON the light in the kitchen NOW"])) == [
        "turn on the light in the kitchen now"
    ]


def test_beams_find_sentences_that_are_as_likely_or_more(
    subject: Subject, predictor: Predictor
) -> None:
    unseen = subject.test.texts or []
    mean_NZ = portion.encode(predictor.vae, subject.test.examples).mean
    parts = predictor.spec, predictor.vocabulary, predictor.settings

    def nats(written: list[str]) -> float:
        arrays = portion.arrays_of_texts(written, predictor.vocabulary, predictor.settings)
        target = build.examples(*parts[:2], arrays, parts[2]).batch(torch.arange(len(written)))
        with torch.no_grad():
            return float(-predictor.vae.decode(mean_NZ).log_prob(target.target).sum())

    greedy, searched = (
        told(predictor.reconstruct(unseen, writing=Writing(beams=beams))) for beams in (1, 8)
    )
    assert nats(searched) <= nats(greedy) + 1e-4


def test_the_score_is_the_elbo_by_hand_and_per_token(
    predictor: Predictor, texts: list[str]
) -> None:
    found = predictor.score(texts[:5], seed=3)
    noise_KZ = torch.randn(
        (SCORE_SAMPLES, predictor.vae.latent), generator=torch.Generator().manual_seed(3)
    )
    (batch,) = predictor._batches(texts[:5], seed=3)
    with torch.no_grad():
        posterior = predictor.vae.encode(batch.input)
        z_KBZ = posterior.mean + posterior.standard_deviation * noise_KZ[:, None]
        log_prob_B = predictor.vae.decode(z_KBZ).log_prob(batch.target).mean(0)
        elbo_B = (log_prob_B - posterior.kl().sum(-1)).numpy()
    np.testing.assert_allclose(found["elbo_nats"], elbo_B, rtol=1e-4)
    tokens = np.array([len(text.split()) + 1 for text in texts[:5]])  # the end is one
    np.testing.assert_allclose(found["nats_per_token"], -elbo_B / tokens, rtol=1e-4)


@pytest.mark.parametrize("task", ["encode", "score"])
def test_a_sentence_is_read_alone_as_beside_longer_ones(
    predictor: Predictor, texts: list[str], task: str
) -> None:
    together = predictor.predict([*texts, " ".join(texts)], task)
    alone = [predictor.predict([text], task) for text in texts]
    np.testing.assert_allclose(np.vstack(alone), np.asarray(together)[:-1], rtol=1e-3, atol=1e-4)


def test_generation_by_class_writes_from_where_its_codes_lie(
    predictor: Predictor, texts: list[str]
) -> None:
    """A class whose codes all lie where one sentence does gives that sentence."""
    shown = {
        label: next(text for text in texts if text[0] == label_start[0])
        for label, label_start in PHRASES.items()
    }
    mean_CZ = predictor.encode(list(shown.values())).to_numpy()
    assert not isinstance(predictor.head, str)
    narrow = replace(predictor.head, codes=ClassCodes(mean_CZ, np.full_like(mean_CZ, 1e-3)))
    parts = predictor.vae, predictor.spec, predictor.vocabulary, predictor.settings
    sure = Predictor(*parts, narrow)
    for label, text in shown.items():
        made = sure.generate(4, seed=1, label=label, writing=Writing(temperature=0.0))
        assert told(made) == [text] * 4


def test_generation_from_the_prior_writes_sentences_of_every_class(predictor: Predictor) -> None:
    made = told(predictor.generate(40))
    assert {phrase.split()[0] for phrase in PHRASES.values()} <= {text.split()[0] for text in made}


def test_generation_around_a_sentence_stays_near_it(predictor: Predictor, texts: list[str]) -> None:
    made = told(predictor.generate(20, around=texts[0], seed=2))
    assert made.count(texts[0]) > 5
    assert made == told(predictor.generate(20, around=texts[0], seed=2))


def test_without_temperature_the_most_probable_sentence_is_written(predictor: Predictor) -> None:
    z_NZ = predictor.vae.prior.sample(12, torch.Generator().manual_seed(5))
    with torch.no_grad():
        expected = predictor.form.shown(predictor.vae.decode(z_NZ), Writing())
    calm = Writing(temperature=0.0)
    assert told(predictor.generate(12, seed=5, writing=calm)) == told(expected)
    hot = told(predictor.generate(12, seed=5, writing=Writing(temperature=30.0)))
    assert hot != told(expected)
    narrow = Writing(temperature=30.0, top_k=1)
    assert told(predictor.generate(12, seed=5, writing=narrow)) == told(expected)


def test_the_way_between_two_sentences_has_both_as_its_ends(
    predictor: Predictor, texts: list[str]
) -> None:
    found = predictor.interpolate([texts[0], texts[-1], texts[1]], 4)
    assert isinstance(found, pd.DataFrame)
    assert found["pair"].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert found["step"].tolist() == [0, 1, 2, 3] * 2
    assert told(found)[0::4] == [texts[0], texts[-1]]
    assert told(found)[3::4] == [texts[-1], texts[1]]


def test_neighbours_are_those_of_scikit_learn(predictor: Predictor, texts: list[str]) -> None:
    code_NZ = predictor.encode(texts).to_numpy(dtype=np.float64)
    finder = NearestNeighbors(n_neighbors=4, algorithm="brute").fit(code_NZ)
    distance_NK, place_NK = finder.kneighbors(code_NZ)
    found = predictor.nearest(texts, 3)
    assert found["row"].tolist() == np.repeat(np.arange(len(texts)), 3).tolist()
    assert found["neighbour"].tolist() == place_NK[:, 1:].ravel().tolist()
    np.testing.assert_allclose(found["distance"], distance_NK[:, 1:].ravel(), rtol=1e-5)
    assert told(found) == [texts[place] for place in found["neighbour"]]


def test_neighbours_of_more_codes_than_a_block_holds() -> None:
    code_NZ = torch.randn((600, 3), generator=torch.Generator().manual_seed(0))
    finder = NearestNeighbors(n_neighbors=3, algorithm="brute").fit(code_NZ.double().numpy())
    distance_NK, place_NK = finder.kneighbors(code_NZ.double().numpy())
    found = neighbours.nearest(code_NZ, 2)
    np.testing.assert_array_equal(found.place_NK, place_NK[:, 1:])
    np.testing.assert_allclose(found.distance_NK, distance_NK[:, 1:], rtol=1e-5)


def test_equal_sentences_are_neighbours_and_nobody_is_its_own(
    predictor: Predictor, bags: Predictor
) -> None:
    for model in (predictor, bags):
        found = model.nearest(["play music", "turn on", "play music"], 9)
        assert len(found) == 6, "no more than there are"
        assert found["neighbour"].tolist()[::2] == [2, 0, 0]
        assert found["distance"].tolist()[0] == 0
        with pytest.raises(DataError, match="two or more"):
            model.nearest(["play music"], 1)
        with pytest.raises(DataError, match="at least 1 neighbour"):
            model.nearest(["play music", "turn on"], 0)


def test_new_rows_depend_on_their_own_row_alone(predictor: Predictor, texts: list[str]) -> None:
    made = predictor.augment([texts[0], UNKNOWN_TEXT, texts[1]], 2, 4, rows=[7, 8, 9])
    assert isinstance(made, pd.DataFrame)
    assert made["row"].tolist() == [7, 7, 9, 9], "of a row without a known token there is none"
    alone = predictor.augment([texts[1]], 2, 4, rows=[9])
    assert told(made)[2:] == told(alone)
    assert set(told(predictor.augment([texts[0]], 20, 0))) & {texts[0]}


def test_a_damaged_sentence_comes_back_whole(predictor: Predictor) -> None:
    assert told(predictor.denoise(["turn on light in the kitchen now"])) == [
        "turn on the light in the kitchen now"
    ]


def test_progress_is_told_each_block_of_codes(predictor: Predictor, texts: list[str]) -> None:
    seen: list[int] = []
    parts = predictor.vae, predictor.spec, predictor.vocabulary, predictor.settings, predictor.head

    def progress(blocks: Any) -> Any:
        seen.extend(map(len, blocks))
        return iter(blocks)

    watched = Predictor(*parts, progress=progress)
    watched.generate(300)
    assert seen == [256, 44]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"temperature": -1.0}, "temperature should be 0 or more. Got -1"),
        ({"temperature": float("nan")}, "temperature should be 0 or more. Got nan"),
        ({"top_k": -1}, "top_k should be 0"),
        ({"top_p": 0.0}, "top_p should be above 0 and at most 1. Got 0"),
        ({"top_p": 1.5}, "top_p"),
        ({"beams": 0}, "beams should be 1 or more"),
    ],
)
def test_values_without_a_meaning_are_named(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        Writing(**asked)


def test_a_way_of_writing_that_would_do_nothing_is_refused(predictor: Predictor) -> None:
    for task in ("reconstruct", "interpolate", "denoise"):
        with pytest.raises(DataError, match="temperature and top_k say how a sentence is drawn"):
            predictor.predict(["play", "stop"], task, n=2, temperature=0.5, top_k=3)
    with pytest.raises(DataError, match=r"drawn at temperature 1\. Set temperature to 0"):
        predictor.predict([""], "generate", beams=4)


def test_half_a_character_is_no_text(predictor: Predictor, bags: Predictor) -> None:
    for model in (predictor, bags):
        with pytest.raises(DataError, match="Row 1 holds half a character"):
            model.predict(["play", "\ud800"], "encode")


def test_no_codes_give_no_sentences(predictor: Predictor) -> None:
    none = predictor.vae.decode(torch.zeros(0, predictor.vae.latent))
    assert none.sample().shape == (0, 0)


def test_what_cannot_be_generated_is_named(predictor: Predictor) -> None:
    with pytest.raises(DataError, match="not for both"):
        predictor.predict([""], "generate", label="light", around="play music")
    with pytest.raises(DataError, match="Did you mean 'light'"):
        predictor.predict([""], "generate", label="lihgt")
    with pytest.raises(DataError, match="beams should be 1 or more"):
        predictor.predict([""], "generate", beams=0)


def test_a_model_without_sentences_says_that_it_writes_none(bags: Predictor) -> None:
    for task in ("generate", "reconstruct", "interpolate", "denoise"):
        with pytest.raises(DataError, match="temperature and beams say how a sentence"):
            bags.predict(["please", "tell"], task, n=2, temperature=0.5, beams=3)
    assert len(bags.generate(3, around="please tell me")) == 3
    images = tiny_subject.subject(tiny_splits.images(classes=2, rows=4)).predictor
    with pytest.raises(DataError, match="ask for task augment"):
        images.generate(1, around="a three")
    assert list(images.nearest(np.zeros((2, 4, 4), np.uint8))) == ["row", "neighbour", "distance"]


# The command


@pytest.fixture(scope="module")
def folder(subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder, whose name has a space."""
    folder = tmp_path_factory.mktemp("of a model")
    predictor = subject.predictor
    artifacts.write_json(predictor.spec, folder / "spec.json")
    artifacts.write_json(predictor.vocabulary, folder / "vocabulary.json")
    settings = {"model": predictor.settings.model_dump(mode="json")}
    artifacts.write_json(settings, folder / "settings.json")
    artifacts.write_tensors(build.weights(predictor.vae), folder / "weights.safetensors")
    save_absence("nobody fitted it.", folder)
    return folder


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_file_gets_the_texts_of_the_task(
    folder: Path, predictor: Predictor, tmp_path: Path, suffix: str
) -> None:
    target = tmp_path / f"made.{suffix}"
    asked = ["generate", str(folder), "--output", str(target), "-n", "5", "--seed", "3"]
    done = CliRunner().invoke(cli, [*asked, "--around", "play some music", "--temperature", "0.7"])
    assert done.exit_code == 0, done.output
    assert "5 new texts" in done.output
    readers = {"csv": pd.read_csv, "jsonl": lambda path: pd.read_json(path, lines=True)}
    found = readers.get(suffix, pd.read_parquet)(target)
    expected = predictor.generate(5, 3, around="play some music", writing=Writing(temperature=0.7))
    assert list(found["text"]) == told(expected)


def test_a_command_that_cannot_be_followed_writes_nothing(folder: Path, tmp_path: Path) -> None:
    asked = ["generate", str(folder), "-n", "2", "--output"]
    for extra, error, said in (
        (["made.txt"], SettingsError, "should end in"),
        (["made.csv", "--label", "light"], DataError, "nobody fitted it"),
    ):
        output, *more = extra
        done = CliRunner().invoke(cli, [*asked, str(tmp_path / output), *more])
        assert isinstance(done.exception, error)
        assert said in str(done.exception)
    assert not list(tmp_path.iterdir())


# Applications


def test_bigrams_are_those_of_the_sentences() -> None:
    sampler = Bigrams.of([(5, 6), (5, 7), (5, 6)])
    rng = np.random.default_rng(0)
    drawn = [sampler.drawn(rng) for _ in range(3000)]
    assert set(drawn) == {(5, 6), (5, 7)}
    assert drawn.count((5, 6)) / len(drawn) == pytest.approx(2 / 3, abs=0.03)


def test_generated_sentences_are_judged(subject: Subject) -> None:
    found = generation.measure(subject).result
    assert found.sentences
    by_way = {(each.source, each.way): each for each in found.made}
    real, ours = by_way["valid", "real"], by_way["vae", "class"]
    assert real.copies == 0, "no validation sentence stands in training"
    assert real.agreement == 1
    assert ours.agreement is not None
    assert by_way["bigram", "class"].agreement == 1
    perplexities = [(each.forward_perplexity, each.reverse_perplexity) for each in found.made]
    assert all(forward and forward > 1 and reverse for forward, reverse in perplexities)
    assert {each.label for each in found.written} <= set(PHRASES)
    for crossing in found.crossings:
        assert len(crossing.words) == 5
        assert all(len(step) == 1 for step in crossing.words)


def test_denoising_knows_the_order_of_the_words(subject: Subject) -> None:
    found = denoising.measure(subject).result
    by = {each.by: each for each in found.clean.repairs}
    assert by["input"].words_f1 == 1
    assert by["vae"].error is not None
    assert by["nothing"].error is not None
    assert by["vae"].error < by["nothing"].error
    swapped = [each for each in found.damaged if each.kind == "swap"][-1]
    (given,) = (each for each in swapped.repairs if each.by == "input")
    assert given.words_f1 == 1, "the same words in another order"
    (answered,) = (each for each in swapped.repairs if each.by == "vae")
    assert answered.error is not None
    assert answered.error > by["vae"].error
    assert (found.has_twin, found.damage_in_training) == (False, "")
    assert all(len(each.by_vae) == 1 for each in found.mended)


def test_the_words_of_two_sentences_are_compared_as_sets() -> None:
    """5 and 6 of 5, 6, 7: precision 1, recall 2/3; PAD, UNKNOWN and END are no words."""
    found, true = repair._tokens_held(
        torch.tensor([[6, 5, 3, PAD], [3, PAD, PAD, PAD]]),
        torch.tensor([[5, 6, 7, 3], [1, 3, 0, 0]]),
    )
    assert repair.f1(found, true).tolist() == pytest.approx([0.8, 1.0])


def test_a_code_is_compared_with_no_bag_of_words(subject: Subject) -> None:
    found = compression.measure(subject).result
    assert found.without_lossless
    assert found.lossy is not None
    assert (found.lossy.baseline, {point.code for point in found.lossy.points}) == (None, {"vae"})
    texts = subject.test.texts or []
    tokens = sum(len(text.split()) + 1 for text in texts)
    assert found.lossy.words_per_row == pytest.approx(tokens / len(texts))


def test_made_rows_are_sentences_and_dimensions_get_texts(subject: Subject) -> None:
    found = augmentation.measure(subject).result
    assert all(each.made["vae"].split()[0] in ("turn", "please", "is") for each in found.examples)
    assert {"vae", "class"} <= {score.method for score in found.budgets[0].scores}
    shown = meaning.measure(subject).result.directions
    assert shown
    assert all(not each.rising and each.low.texts for each in shown)


def test_sentences_have_no_twin() -> None:
    settings = seq.Settings(word_dropout=0.5)
    assert not twin.possible(settings)
    assert not twin.reads_damaged(settings)


# The registry


def test_elbos_of_other_tokens_are_not_compared(subject: Subject, bags: Predictor) -> None:
    predictor, spec = subject.predictor, subject.predictor.spec
    test = CurrentTest(spec, predictor.vocabulary, {}, pd.DataFrame({"text": ["a"]}))

    def target(model: Predictor) -> Any:
        return _Model("challenger", model, None, 0, test).target  # type: ignore[arg-type]

    assert target(predictor).told == f"sentences of {spec.tokens} kinds of token"
    assert target(predictor).identity == predictor.vocabulary.tokenizer
    assert "words that the decoder knows" in target(bags).told
    counted = CurrentTest(spec, predictor.vocabulary, {}, pd.DataFrame({"label": ["a"]}))
    with pytest.raises(DataError, match="reads sentences"):
        require_readable(predictor, counted, "challenger")

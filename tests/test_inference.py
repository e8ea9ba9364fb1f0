"""Raw input to answers, against the model itself and closed forms."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_model import (
    CLASSES,
    COUNTS,
    IMAGES,
    TEXTS,
    VOCABULARY,
    model_settings,
    write_project,
)

from latentops import artifacts, build
from latentops.artifacts import Spec
from latentops.classifier import Classifier, save_absence
from latentops.data import vocabulary
from latentops.data.batches import in_batches
from latentops.elbo import terms
from latentops.errors import ArtifactError, DataError
from latentops.inference.folder import FILES, HEAD_FILES, export
from latentops.inference.forms import DOCUMENT_WORDS, Result
from latentops.inference.predictor import SCORE_SAMPLES, Predictor
from latentops.inference.raw import Raw
from latentops.likelihoods import Multinomial

LEVELS = np.arange(12, dtype=np.uint8).reshape(2, 3, 2) * 20
DYNAMIC = IMAGES.model_copy(update={"binarization": "dynamic"})
BINARY = IMAGES.model_copy(update={"levels": 2})


def predictor_of(spec: Spec, folder: Path) -> Predictor:
    write_project(folder / "project", spec)
    export(folder / "project", folder / "model")
    return Predictor.from_folder(folder / "model")


@pytest.fixture
def texts(tmp_path: Path) -> Predictor:
    return predictor_of(COUNTS, tmp_path)


@pytest.fixture
def images(tmp_path: Path) -> Predictor:
    return predictor_of(IMAGES, tmp_path)


def table(result: Result) -> pd.DataFrame:
    assert isinstance(result, pd.DataFrame)
    return result


# Encode


def test_codes_are_the_posterior_means_of_the_word_counts(texts: Predictor) -> None:
    counts = vocabulary.count(TEXTS, VOCABULARY)
    assert counts.toarray()[0].tolist() == [1, 1, 1, 1, 0, 0, 0]
    arrays = {"indptr": counts.indptr, "indices": counts.indices, "counts": counts.data}
    settings = model_settings(COUNTS)
    (batch,) = in_batches(build.examples(COUNTS, VOCABULARY, arrays, settings), 10)
    with torch.no_grad():
        expected = texts.vae.encode(batch.input).mean.numpy()
    codes = texts.encode(TEXTS)
    assert list(codes.columns) == ["z0", "z1", "z2"]
    np.testing.assert_array_equal(codes.to_numpy(), expected)


@pytest.mark.parametrize(
    "raw",
    [
        np.array(TEXTS),
        pd.Series(TEXTS, index=[7, 8, 9]),
        pd.DataFrame({"label": [1, 2, 3], "text": TEXTS}),
        pd.DataFrame({"anything": TEXTS}),
        tuple(TEXTS),
    ],
    ids=["array", "series", "table", "one column", "tuple"],
)
def test_texts_come_in_many_forms(texts: Predictor, raw: Raw) -> None:
    pd.testing.assert_frame_equal(texts.encode(raw), texts.encode(TEXTS))


@pytest.mark.parametrize(
    "raw",
    [
        LEVELS[:, None],
        LEVELS.astype(np.int64),
        LEVELS / 255,
        LEVELS.tolist(),
        LEVELS / np.float32(255),
        np.maximum(LEVELS - 0.4, 0) / 255,
    ],
    ids=["with channel", "integers", "shares", "lists", "single precision", "between levels"],
)
def test_images_come_in_many_forms(images: Predictor, raw: Raw) -> None:
    pd.testing.assert_frame_equal(images.encode(raw), images.encode(LEVELS))


def test_black_and_white_images_come_as_files_hold_them(tmp_path: Path) -> None:
    images = predictor_of(IMAGES.model_copy(update={"levels": 2}), tmp_path)
    binary = (LEVELS > 100).astype(np.uint8)
    expected = images.encode(binary)
    pd.testing.assert_frame_equal(images.encode(255 * binary), expected)
    pd.testing.assert_frame_equal(images.encode(binary.astype(bool)), expected)
    with pytest.raises(DataError, match="whole numbers from 0 to 1"):
        images.encode(LEVELS)


# Classify


def test_the_label_is_that_of_the_linear_map_of_terms_and_means(texts: Predictor) -> None:
    """Against the products written out: TF-IDF by scikit-learn's formula, softmax by hand."""
    found = table(texts.classify(TEXTS))
    assert isinstance(texts.head, Classifier)
    assert texts.head.terms is not None
    counts = vocabulary.count(TEXTS, VOCABULARY).toarray()
    idf_V = np.log((1 + 3) / (1 + np.array(VOCABULARY.document_frequency))) + 1
    weighted_NV = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0) * idf_V
    tfidf_NV = weighted_NV / np.linalg.norm(weighted_NV, axis=1, keepdims=True)
    mean_NZ = texts.encode(TEXTS).to_numpy()
    logits_NC = (
        tfidf_NV @ texts.head.terms.weights_VC + mean_NZ @ texts.head.mean_ZC + texts.head.bias_C
    )
    share_NC = np.exp(logits_NC) / np.exp(logits_NC).sum(1, keepdims=True)
    with torch.no_grad():
        (batch,) = texts._batches(TEXTS, seed=0)
        rate_nats_N = texts.vae.encode(batch.input).kl().sum(-1).numpy()
    strangeness_N = (0.5 - logits_NC.max(1)) / 0.5 + 0.1 * (1 - rate_nats_N)
    assert found["label"].tolist() == [CLASSES[index] for index in logits_NC.argmax(1)]
    np.testing.assert_allclose(found["probability"], share_NC.max(1), rtol=1e-5)
    np.testing.assert_allclose(found["out_of_scope_score"], strangeness_N, rtol=1e-4, atol=1e-5)
    assert found["out_of_scope"].tolist() == (strangeness_N > 2).tolist()
    assert found["out_of_scope"].nunique() == 2, "the threshold parts them"


def test_images_are_classified_from_their_shares(images: Predictor) -> None:
    found = table(images.classify(LEVELS))
    assert isinstance(images.head, Classifier)
    pixels_ND = LEVELS.reshape(2, 6) / 255
    mean_NZ = images.encode(LEVELS).to_numpy()
    logits_NC = (
        pixels_ND @ images.head.pixels_DC + mean_NZ @ images.head.mean_ZC + images.head.bias_C
    )
    assert found["label"].tolist() == [CLASSES[index] for index in logits_NC.argmax(1)]


def test_a_head_on_terms_alone_asks_nothing_of_the_encoder(texts: Predictor) -> None:
    assert isinstance(texts.head, Classifier)
    margin = {"margin": texts.head.detector.signals["margin"]}
    detector = texts.head.detector.model_copy(update={"signals": margin})
    facts = texts.head.head.model_copy(update={"detector": detector})
    texts.head = dataclasses.replace(texts.head, head=facts, mean_ZC=None)
    texts.vae = torch.nn.Module()  # without an encoder
    assert len(table(texts.classify(TEXTS))) == 3


def test_a_model_without_classes_says_why_it_cannot_classify(tmp_path: Path) -> None:
    predictor_of(COUNTS, tmp_path)
    save_absence("the training rows have no labels.", tmp_path / "model")
    predictor = Predictor.from_folder(tmp_path / "model")
    with pytest.raises(DataError, match="cannot classify: the training rows have no labels"):
        predictor.classify(TEXTS)


def test_a_folder_from_before_classifiers_does_all_but_classify(tmp_path: Path) -> None:
    predictor_of(COUNTS, tmp_path)
    for path in HEAD_FILES:
        (tmp_path / "model" / path.name).unlink()
    predictor = Predictor.from_folder(tmp_path / "model")
    for task in ("encode", "reconstruct", "generate", "score"):
        assert len(predictor.predict(TEXTS, task)) in (1, 3)
    with pytest.raises(DataError, match=r"before models had a classifier.*`dvc repro`"):
        predictor.classify(TEXTS)


# Score


def test_the_score_is_the_elbo_averaged_over_samples(texts: Predictor) -> None:
    """Against the same 16 draws through elbo.terms, and near the mean of 4,000 others."""
    noise_KZ = torch.randn((SCORE_SAMPLES, 3), generator=torch.Generator().manual_seed(5))
    scores = texts.score(TEXTS, seed=5)["elbo_nats"].to_numpy()
    with torch.no_grad():
        (batch,) = texts._batches(TEXTS, seed=5)
        posterior = texts.vae.encode(batch.input)
        z_KBZ = posterior.mean + posterior.standard_deviation * noise_KZ[:, None]
        expected = terms(posterior.kl(), texts.vae.decode(z_KBZ), batch.target).elbo_B.mean(0)
        many_KBZ = posterior.sample(torch.Generator().manual_seed(0), samples=4000)
        elbo_KB = terms(posterior.kl(), texts.vae.decode(many_KBZ), batch.target).elbo_B
    np.testing.assert_allclose(scores, expected, rtol=1e-5)
    tolerance = 5 * elbo_KB.std(0).numpy() / SCORE_SAMPLES**0.5
    assert (abs(scores - elbo_KB.mean(0).numpy()) < tolerance).all()


def test_a_text_without_known_words_costs_its_rate_alone(texts: Predictor) -> None:
    with torch.no_grad():
        (batch,) = texts._batches(["zzz"], seed=0)
        rate = texts.vae.encode(batch.input).kl().sum().item()
    assert texts.score(["zzz"])["elbo_nats"].tolist() == pytest.approx([-rate])


@pytest.mark.parametrize("spec", [COUNTS, IMAGES], ids=["texts", "images"])
@pytest.mark.parametrize("task", ["classify", "encode", "score"])
def test_the_other_rows_change_nothing(
    spec: Spec, task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = predictor_of(spec, tmp_path)
    raw = TEXTS if spec is COUNTS else list(LEVELS)
    together = table(predictor.predict(raw, task))
    alone = pd.concat([table(predictor.predict([row], task)) for row in raw], ignore_index=True)
    monkeypatch.setattr("latentops.inference.predictor._BATCH", 2)
    in_twos = table(predictor.predict(raw, task))
    pd.testing.assert_frame_equal(alone, together, rtol=1e-5)
    pd.testing.assert_frame_equal(in_twos, together, rtol=1e-5)


# Reconstruct and generate


def decode_always(predictor: Predictor, logits_W: list[float]) -> None:
    logits = torch.tensor(logits_W)
    predictor.vae.decode = lambda z_BZ: Multinomial(logits.expand(len(z_BZ), -1))


def test_reconstructed_words_are_the_most_probable_of_the_target(texts: Predictor) -> None:
    decode_always(texts, [0.0, 5, 1, 4, 2, 3])
    words = ["on", "play", "off", "music", "light", "turn"]  # `the` is no target word
    assert table(texts.reconstruct(["turn"]))["words"].tolist() == [words]


def test_images_come_back_as_shares_with_their_channel(images: Predictor) -> None:
    for result, rows in ((images.reconstruct(LEVELS), 2), (images.generate(3), 3)):
        assert isinstance(result, np.ndarray)
        assert result.shape == (rows, 1, 3, 2)
        assert result.min() >= 0
        assert result.max() <= 1


def test_generation_is_by_seed_and_begins_alike_for_any_n(
    texts: Predictor, images: Predictor
) -> None:
    many, few = images.generate(300, seed=4), images.generate(300, seed=4)
    np.testing.assert_array_equal(many, few)
    assert not np.array_equal(many, images.generate(300, seed=5))
    dreamt = table(texts.generate(300, seed=4))
    assert len(dreamt) == 300
    assert list(dreamt.index) == list(range(300))
    pd.testing.assert_frame_equal(dreamt, table(texts.generate(300, seed=4)))
    known = set(VOCABULARY.terms) - {"the"}
    assert {word for text in dreamt["document"] for word in text.split()} == known
    assert set(dreamt["document"].str.split().str.len()) == {DOCUMENT_WORDS}


def test_documents_are_drawn_with_the_models_probabilities(texts: Predictor) -> None:
    decode_always(texts, [0.0, 0, 0, 0, 0, 2])
    drawn = " ".join(table(texts.generate(1000))["document"]).split()
    off = np.e**2 / (5 + np.e**2)
    assert drawn.count("off") / len(drawn) == pytest.approx(off, abs=4 * 0.5 / len(drawn) ** 0.5)


def test_global_random_state_is_left_alone(texts: Predictor) -> None:
    before = torch.get_rng_state()
    texts.generate(2)
    texts.score(TEXTS)
    assert torch.equal(torch.get_rng_state(), before)


def test_grey_images_are_made_binary_by_chance_of_the_seed(tmp_path: Path) -> None:
    predictor = predictor_of(DYNAMIC, tmp_path)
    codes = {seed: predictor.encode(LEVELS, seed).to_numpy() for seed in (0, 1)}
    np.testing.assert_array_equal(predictor.encode(LEVELS, 0).to_numpy(), codes[0])
    assert not np.array_equal(codes[0], codes[1])


# Unusable input


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ([], "empty"),
        ("turn on", "list of texts"),
        (5, "list of texts"),
        ({"text": ["turn"]}, "list of texts"),
        (["turn", None], "Row 1 is None"),
        (["turn", float("nan")], "Row 1 is nan"),
        ([b"turn"], "Row 0"),
        (np.zeros((2, 3)), "Row 0"),
        (pd.DataFrame({"a": ["x"], "b": ["y"]}), "column 'text'. Found a, b"),
    ],
)
def test_what_is_no_text_is_named(texts: Predictor, raw: Raw, said: str) -> None:
    for task in ("classify", "encode", "reconstruct", "score"):
        with pytest.raises(DataError, match=said):
            texts.predict(raw, task)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (np.zeros((0, 3, 2)), "at least 1"),
        (np.zeros((1, 2, 3)), r"\[N, 1, 3, 2\]"),
        (np.zeros(5), "shape"),
        (np.zeros((1, 3, 3, 2)), "shape"),
        (np.full((1, 3, 2), np.nan), "NaN"),
        (np.full((1, 3, 2), np.inf), "infinity"),
        (np.full((1, 3, 2), 1.5), r"float64 should be shares in \[0, 1\]"),
        (np.full((1, 3, 2), 256), "0 to 255"),
        (np.full((1, 3, 2), -1), "-1"),
        (["turn on"], "numbers"),
        ([[[1, 2], [3]]], "same height"),
        (None, "numbers"),
    ],
)
def test_what_is_no_image_is_named(images: Predictor, raw: Raw, said: str) -> None:
    with pytest.raises(DataError, match=said):
        images.encode(raw)


def test_grey_levels_do_not_fit_a_model_of_binary_pixels(tmp_path: Path) -> None:
    predictor = predictor_of(BINARY, tmp_path)
    with pytest.raises(DataError, match="0 to 1"):
        predictor.encode(LEVELS)
    predictor.encode(LEVELS > 100)


def test_a_task_and_a_count_that_do_not_exist(texts: Predictor) -> None:
    listed = r"one of classify, encode, .*interpolate.*\. Got 'embed'"
    with pytest.raises(DataError, match=listed):
        texts.predict(TEXTS, "embed")
    with pytest.raises(DataError, match="at least 1"):
        texts.generate(0)


@pytest.mark.parametrize("name", [path.name for path in (*FILES, artifacts.HEAD)])
def test_a_folder_with_a_file_missing_or_damaged_is_refused(tmp_path: Path, name: str) -> None:
    predictor_of(COUNTS, tmp_path)
    (tmp_path / "model" / name).write_bytes(b"junk")
    with pytest.raises(ArtifactError, match=name):
        Predictor.from_folder(tmp_path / "model")
    (tmp_path / "model" / name).unlink()
    with pytest.raises(ArtifactError, match=f"{name} is missing"):
        Predictor.from_folder(tmp_path / "model")

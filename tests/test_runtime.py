"""The runtime in numpy against the networks in torch: the same answers, and the same refusals."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_model import CLASSES, COUNTS, IMAGES, head

from latentops import artifacts, build
from latentops.artifacts import Spec, Vocabulary
from latentops.classifier import ClassCodes, Classifier, Detector, Rounded, Weighed
from latentops.data import familiarity, vocabulary
from latentops.errors import ArtifactError, DataError, IntegrityError
from latentops.inference.folder import FILES, HEAD_FILES
from latentops.inference.forms import Result
from latentops.inference.predictor import Predictor as Torch
from latentops.networks import bow, conv, mlp
from latentops.runtime import loading
from latentops.runtime.draws import Draws
from latentops.runtime.predictor import Predictor as Numpy
from latentops.runtime.whole import Whole
from latentops.scoring.run import score_file

TRAINING = [
    "turn on the light in the kitchen",
    "turn the light off please",
    "play the music please",
    "play some music in the kitchen, play it loud",
    "stop the music",
    "is the light on",
]
TEXTS = [
    "turn the light on on on",
    "play it, PLAY it loud in the kitchen",
    "the",
    "entirely unknown stuff",
    "",
    "stop \N{LATIN SMALL LETTER E WITH ACUTE}clair, stop the music please",
]
TASKS = ("encode", "reconstruct", "denoise", "score", "classify")


class Choice:
    """Of terms: section `data`."""

    words, word_pairs, characters = True, True, (3, 3)
    min_documents, vocabulary_size, target_size, target_pairs = 1, 40, 12, 4
    stop_words = "none"


WORDS = type("Words", (Choice,), {"word_pairs": False, "characters": None, "target_pairs": 0})


def vocabulary_of(choice: Any) -> Vocabulary:
    return vocabulary.build(TRAINING, choice)


def spread(vae: torch.nn.Module, seed: int) -> None:
    """Weights as far from their first values as those of a trained model."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in vae.state_dict().items():
        if tensor.is_floating_point():
            tensor += 0.3 * torch.randn(tensor.shape, generator=generator)
            if name.endswith("running_var"):
                tensor.abs_().add_(0.1)


def classifier(spec: Spec, hidden: int, latent: int) -> Any:
    """One that reads everything there is, with codes of its classes."""
    draw = np.random.default_rng(3)
    is_text = spec.kind == "counts"
    signals = ("margin", "rate", *(("known", "unknown") if is_text else ()))
    detector = Detector(
        signals={name: Weighed(weight=0.3, mean=0.1, sd=0.9) for name in signals},
        threshold=0.2,
        refused=0.05,
        note="",
    )
    first = head(COUNTS if is_text else IMAGES)
    codes = draw.normal(size=(2, 2, latent)).astype(np.float32)
    width = int(np.prod(spec.shape))
    return type(first)(
        head=first.head.model_copy(update={"detector": detector, "temperature": 1.7}),
        bias_C=np.array([0.1, -0.1], dtype=np.float32),
        terms=Rounded.of(draw.normal(size=(width, 2))) if is_text else None,
        pixels_DC=None if is_text else draw.normal(size=(width, 2)).astype(np.float32),
        mean_ZC=draw.normal(size=(latent, 2)).astype(np.float32),
        hidden_HC=draw.normal(size=(hidden, 2)).astype(np.float32),
        codes=ClassCodes(codes[0], abs(codes[1])),
    )


def written(folder: Path, spec: Spec, known: Vocabulary, settings: build.Model) -> Path:
    """A model folder."""
    vae = build.model(spec, known, settings, seed=0)
    spread(vae, seed=1)
    artifacts.write_json(spec, folder / artifacts.SPEC.name)
    artifacts.write_json(known, folder / artifacts.VOCABULARY.name)
    sections = {"model": settings.model_dump(mode="json"), "train": {"epochs": 1}}
    artifacts.write_json(sections, folder / artifacts.MODEL_SETTINGS.name)
    artifacts.write_tensors(build.weights(vae), folder / artifacts.WEIGHTS.name)
    classifier(spec, sum(settings.hidden), settings.latent).save(folder)
    return folder


def documents(folder: Path, known: Vocabulary, **settings: Any) -> tuple[Numpy, Torch]:
    spec = COUNTS.model_copy(update={"shape": (len(known.terms),)})
    chosen = bow.Settings(**{"latent": 3, "hidden": (5,), **settings})
    written(folder, spec, known, chosen)
    return both(folder)


def pictures(folder: Path, spec: Spec, **settings: Any) -> tuple[Numpy, Torch]:
    chosen = {"latent": 3, "hidden": (5,), "decoder_hidden": (4,), **settings}
    written(folder, spec, Vocabulary(), mlp.Settings(**chosen))
    return both(folder)


def both(folder: Path) -> tuple[Numpy, Torch]:
    found = loading.load(folder)
    assert isinstance(found, Numpy)
    return found, Torch.from_folder(folder)


def assert_same(found: Result, expected: Result) -> None:
    if isinstance(expected, pd.DataFrame):
        assert isinstance(found, pd.DataFrame)
        pd.testing.assert_frame_equal(found, expected, rtol=1e-5, atol=1e-5)
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


BAGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "no hidden layer": {"hidden": ()},
    "two hidden layers": {"hidden": (5, 4), "decoder_hidden": (6, 4)},
    "tfidf": {"input": "tfidf", "input_scale": 2.0},
    "tfidf of words": {"input": "tfidf", "terms": "words"},
    "words": {"terms": "words"},
    "presence": {"target": "presence"},
    "lengths": {"length_features": True},
    "evidence": {"posterior": "evidence"},
    "evidence of words": {"posterior": "evidence", "terms": "words", "length_features": True},
    "mixture": {"prior": "mixture", "prior_parts": 4},
    "experts": {"decoder": "topics", "prior": "dirichlet", "concentration": 0.3},
    "bursty": {"likelihood": "dirichlet"},
    "bursty experts": {"decoder": "topics", "likelihood": "dirichlet"},
    "held means": {"mean_scale": 0.6},
    "held means alone": {"mean_scale": 0.6, "hidden": ()},
    "thinned": {"thinning": 0.5},
    "relu": {"activation": "relu", "decoder_hidden": (4,)},
    "tanh": {"activation": "tanh", "decoder_hidden": (4,)},
    "gelu": {"activation": "gelu", "decoder_hidden": (4,)},
}


@pytest.mark.parametrize("settings", BAGS.values(), ids=BAGS)
@pytest.mark.parametrize("choice", [Choice, WORDS], ids=["all kinds", "words alone"])
def test_documents_get_the_answers_of_torch(
    settings: dict[str, Any], choice: Any, tmp_path: Path
) -> None:
    ours, theirs = documents(tmp_path, vocabulary_of(choice), **settings)
    for task in TASKS:
        assert_same(ours.predict(TEXTS, task, seed=5), theirs.predict(TEXTS, task, seed=5))
    for task in ("generate", "interpolate", "nearest", "augment"):
        asked = {"n": 3, "seed": 5}
        found, expected = (each.predict(TEXTS, task, **asked) for each in (ours, theirs))
        if task == "generate" and settings.get("likelihood") == "dirichlet":  # other gammas
            found, expected = (each.drop(columns="document") for each in (found, expected))
        assert_same(found, expected)


def test_bursts_of_words_are_as_common_as_those_of_torch(tmp_path: Path) -> None:
    """How many different words a document holds, of some hundred."""
    ours, theirs = documents(tmp_path, vocabulary_of(Choice), likelihood="dirichlet")
    of_each = [
        np.mean([len(set(text.split())) for text in each.generate(400, seed=1)["document"]])
        for each in (ours, theirs)
    ]
    assert of_each[0] == pytest.approx(of_each[1], abs=0.3)


def test_a_step_that_the_decoder_advises_is_taken(tmp_path: Path) -> None:
    known = vocabulary_of(type("Every", (WORDS,), {"target_size": 100}))
    for number, settings in enumerate(({}, {"posterior": "evidence", "decoder_hidden": (4,)})):
        ours, theirs = documents(tmp_path / str(number), known, tied=True, **settings)
        for task in ("encode", "score", "classify"):
            assert_same(ours.predict(TEXTS, task), theirs.predict(TEXTS, task))


@pytest.mark.parametrize("shift", [-12, 6])
@pytest.mark.parametrize("posterior", ["gaussian", "evidence"])
def test_variances_are_held_as_torch_holds_them(
    posterior: str, shift: float, tmp_path: Path
) -> None:
    """At both ends: what the encoder says of them is moved as far as no training does."""
    documents(tmp_path, vocabulary_of(WORDS), posterior=posterior)
    tensors = artifacts.read_tensors(tmp_path / "weights.safetensors")
    tensors["encoder.body.1.bias"][3:] += shift
    artifacts.write_tensors(tensors, tmp_path / "weights.safetensors")
    ours, theirs = both(tmp_path)
    for task in ("classify", "score"):
        assert_same(ours.predict(TEXTS, task), theirs.predict(TEXTS, task))


GREY = IMAGES
DYNAMIC = IMAGES.model_copy(update={"binarization": "dynamic"})
BINARY = IMAGES.model_copy(update={"levels": 2})
FOUR = IMAGES.model_copy(update={"levels": 4, "shape": (3, 3, 2)})

PIXELS: dict[str, tuple[Spec, dict[str, Any]]] = {
    "grey": (GREY, {}),
    "binary": (BINARY, {}),
    "made binary": (DYNAMIC, {}),
    "mixtures": (GREY, {"mixtures": 3}),
    "few levels in colours": (FOUR, {"mixtures": 2, "likelihood": "logistic"}),
    "binary as levels": (BINARY, {"likelihood": "logistic"}),
    "no hidden layers": (GREY, {"hidden": (), "decoder_hidden": ()}),
    "deep": (BINARY, {"hidden": (5, 4), "decoder_hidden": (4, 6), "activation": "gelu"}),
    "held means": (GREY, {"mean_scale": 0.6, "activation": "tanh"}),
    "held means alone": (GREY, {"mean_scale": 0.6, "hidden": ()}),
    "mixture prior": (BINARY, {"prior": "mixture", "prior_parts": 4, "activation": "relu"}),
    "trained on noise": (GREY, {"pixel_noise": 0.3, "pixel_blank": 0.3}),
}


def images_of(spec: Spec, count: int = 5) -> np.ndarray:
    assert spec.levels is not None
    return np.random.default_rng(4).integers(0, spec.levels, (count, *spec.shape), dtype=np.uint8)


@pytest.mark.parametrize(("spec", "settings"), PIXELS.values(), ids=PIXELS)
def test_images_get_the_answers_of_torch(
    spec: Spec, settings: dict[str, Any], tmp_path: Path
) -> None:
    ours, theirs = pictures(tmp_path, spec, **settings)
    given = images_of(spec)
    for task in TASKS:
        assert_same(ours.predict(given, task, seed=5), theirs.predict(given, task, seed=5))
    for task in ("generate", "interpolate", "nearest", "augment"):
        asked = {"n": 3, "seed": 5}
        assert_same(ours.predict(given, task, **asked), theirs.predict(given, task, **asked))


def test_examples_of_a_class_and_around_a_text_are_those_of_torch(tmp_path: Path) -> None:
    ours, theirs = documents(tmp_path, vocabulary_of(Choice))
    for asked in ({"label": CLASSES[1]}, {"around": "play the music"}, {}):
        assert_same(ours.generate(300, 7, **asked), theirs.generate(300, 7, **asked))
    grey, grey_by_torch = pictures(tmp_path / "images", GREY)
    assert_same(grey.generate(20, 7, CLASSES[0]), grey_by_torch.generate(20, 7, CLASSES[0]))


def test_new_rows_keep_the_numbers_that_they_are_given(tmp_path: Path) -> None:
    ours, theirs = documents(tmp_path, vocabulary_of(Choice))
    asked = {"n": 2, "seed": 3, "rows": [7, 11, 2, 40, 41, 42]}
    assert_same(ours.augment(TEXTS, **asked), theirs.augment(TEXTS, **asked))
    assert ours.augment([""], n=2).empty


def test_images_are_compressed_to_the_bytes_of_torch(tmp_path: Path) -> None:
    ours, theirs = pictures(tmp_path, BINARY)
    given = images_of(BINARY, count=40)
    file = ours.predict(given, "compress")
    np.testing.assert_array_equal(file, theirs.compress(given))
    np.testing.assert_array_equal(ours.predict(file, "decompress"), given)
    texts, _ = documents(tmp_path / "texts", vocabulary_of(Choice))
    with pytest.raises(DataError, match="Lossless compression is of images"):
        texts.compress(TEXTS)


# Rows for the service


@pytest.fixture
def texts(tmp_path: Path) -> tuple[Numpy, Torch]:
    return documents(tmp_path, vocabulary_of(Choice))


@pytest.mark.parametrize("task", [*TASKS, "generate", "interpolate", "nearest", "augment"])
def test_rows_are_the_records_of_the_table(texts: tuple[Numpy, Torch], task: str) -> None:
    ours, _ = texts
    table = ours.predict(TEXTS, task, n=2)
    assert isinstance(table, pd.DataFrame)
    assert ours.rows(TEXTS, task, n=2) == table.to_dict("records")


def test_rows_of_images_are_lists(tmp_path: Path) -> None:
    ours, _ = pictures(tmp_path, GREY)
    given = images_of(GREY)
    assert ours.rows(given, "reconstruct") == ours.reconstruct(given).tolist()
    assert ours.classify_rows(given) == ours.classify(given).to_dict("records")


def test_codes_come_as_one_array(texts: tuple[Numpy, Torch]) -> None:
    ours, theirs = texts
    codes = ours.encode_rows(TEXTS)
    assert (codes.dtype, codes.shape) == (np.float32, (6, 3))
    np.testing.assert_allclose(codes, theirs.encode(TEXTS), atol=1e-5)


@pytest.mark.parametrize("task", ["classify", "encode", "score"])
def test_the_other_rows_change_nothing(
    texts: tuple[Numpy, Torch], task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, _ = texts
    together = ours.predict(TEXTS, task)
    alone = pd.concat([ours.predict([text], task) for text in TEXTS], ignore_index=True)
    pd.testing.assert_frame_equal(alone, together, rtol=1e-6)
    monkeypatch.setattr("latentops.runtime.predictor._BATCH", 4)
    monkeypatch.setattr("latentops.runtime.predictor._NUMBERS_AT_ONCE", 400)
    pd.testing.assert_frame_equal(ours.predict(TEXTS, task), together, rtol=1e-6)


@pytest.mark.parametrize("settings", [{}, {"hidden": ()}], ids=["hidden", "none hidden"])
def test_one_text_alone_is_judged_as_among_others(settings: Any, tmp_path: Path) -> None:
    ours, theirs = documents(tmp_path, vocabulary_of(Choice), **settings)
    alone = pd.DataFrame([ours.classify_rows([text])[0] for text in TEXTS])
    expected = theirs.classify(TEXTS)
    pd.testing.assert_frame_equal(alone, expected, check_dtype=False, rtol=1e-5, atol=1e-5)


def test_a_head_on_terms_alone_asks_nothing_of_the_encoder(folder: Path) -> None:
    model = loading.load(folder)
    assert isinstance(model, Numpy)
    assert isinstance(model.head, Classifier)
    signals = {"margin": model.head.detector.signals["margin"]}
    detector = model.head.detector.model_copy(update={"signals": signals})
    facts = model.head.head.model_copy(update={"detector": detector})
    alone = replace(model.head, head=facts, mean_ZC=None, hidden_HC=None)
    lean = Numpy(model.network, model.spec, model.vocabulary, alone, folder)
    lean.network.encode = None
    for given in (TEXTS, TEXTS[:1]):
        assert lean.classify_rows(given)[0]["label"] in CLASSES


@pytest.mark.parametrize("choice", [Choice, WORDS], ids=["all kinds", "words alone"])
def test_words_without_a_column_are_counted(choice: Any, tmp_path: Path) -> None:
    """Against `data.familiarity`, which counts them by another way."""
    known = vocabulary_of(choice)
    ours, _ = documents(tmp_path, known)
    counts = vocabulary.count(TEXTS, known)
    known_N, unknown_N = familiarity.known_and_unknown(TEXTS, counts, known)
    bags = ours.network.given(TEXTS, seed=0)
    assert [bag.known for bag in bags] == known_N.tolist()
    assert [bag.unknown for bag in bags] == unknown_N.tolist()


@pytest.mark.parametrize("choice", [Choice, WORDS], ids=["all kinds", "words alone"])
def test_the_share_of_unknown_words_leaves_pairs_and_ngrams_alone(
    choice: Any, tmp_path: Path
) -> None:
    ours, _ = documents(tmp_path, vocabulary_of(choice))
    texts = ["turn the zebra off", "zebra", "the", "", "?!"]
    for model in (ours, Whole(ours.folder)):
        assert model.unknown_share(texts).tolist() == [0.25, 1, 0, 0, 0]
    images, _ = pictures(tmp_path / "images", GREY)
    with pytest.raises(DataError, match="knows no words"):
        images.unknown_share(["the"])


def test_a_bag_is_what_the_vocabulary_counts(tmp_path: Path) -> None:
    for number, choice in enumerate((Choice, WORDS)):
        known = vocabulary_of(choice)
        ours, _ = documents(tmp_path / str(number), known)
        counts = vocabulary.count(TEXTS, known)
        for bag, expected_V in zip(ours.network.given(TEXTS, 0), counts.toarray(), strict=True):
            found_V = np.zeros_like(expected_V)
            found_V[bag.columns_n] = bag.counts_n
            assert found_V.tolist() == expected_V.tolist()


# Draws


@pytest.mark.parametrize("seed", [0, 5, 2**31, 2**40 + 3, 2**63 - 1])
def test_a_seed_gives_the_numbers_of_torch(seed: int) -> None:
    draws, generator = Draws(seed), torch.Generator().manual_seed(seed)
    for shape in ((3,), (2,), (17,), (15,), (16, 3), (1, 1), (5, 5)):
        expected = torch.randn(shape, generator=generator).numpy()
        np.testing.assert_allclose(draws.normal(*shape), expected, atol=1e-6)
    expected = torch.randint(255, (9, 5), generator=generator, dtype=torch.uint8).numpy()
    np.testing.assert_array_equal(draws.whole(255, (9, 5)), expected)
    shares = torch.rand(50, generator=torch.Generator().manual_seed(1)).softmax(0)
    expected = torch.multinomial(shares, 500, replacement=True, generator=generator).numpy()
    np.testing.assert_array_equal(draws.places(shares.numpy(), 500), expected)


# Refusals


WRONG: dict[str, Callable[[Numpy | Torch], object]] = {
    "empty": lambda model: model.encode([]),
    "a text": lambda model: model.encode("turn"),
    "a number": lambda model: model.encode([1]),
    "a task": lambda model: model.predict(TEXTS, "embed"),
    "beams": lambda model: model.predict(TEXTS, "reconstruct", beams=3),
    "temperature": lambda model: model.predict(TEXTS, "encode", temperature=-1),
    "top_p": lambda model: model.predict(TEXTS, "generate", top_p=0.5),
    "none to generate": lambda model: model.generate(0),
    "class": lambda model: model.generate(1, label="musik"),
    "two wishes": lambda model: model.generate(1, label=CLASSES[0], around="turn"),
    "one row": lambda model: model.interpolate(["turn"], 3),
    "one step": lambda model: model.interpolate(TEXTS, 1),
    "no neighbour": lambda model: model.nearest(TEXTS, 0),
    "alone": lambda model: model.nearest(["turn"], 1),
    "no new row": lambda model: model.augment(TEXTS, 0),
}


@pytest.mark.parametrize("ask", WRONG.values(), ids=WRONG)
def test_what_is_refused_is_refused_in_the_same_words(
    texts: tuple[Numpy, Torch], ask: Callable[[Numpy | Torch], object]
) -> None:
    said = []
    for model in texts:
        with pytest.raises(DataError) as refused:
            ask(model)
        said.append(str(refused.value))
    assert said[0] == said[1]


def test_images_are_refused_in_the_same_words(tmp_path: Path) -> None:
    ours, theirs = pictures(tmp_path, GREY)
    for wrong in (np.zeros((1, 2, 2)), np.full((1, 3, 2), np.nan), ["turn"], np.zeros((0, 3, 2))):
        said = []
        for model in (ours, theirs):
            with pytest.raises(DataError) as refused:
                model.encode(wrong)
            said.append(str(refused.value))
        assert said[0] == said[1]
    for model in (ours, theirs):
        with pytest.raises(DataError, match="knows no text to be around"):
            model.generate(1, around="turn")


# Folders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    known = vocabulary_of(Choice)
    spec = COUNTS.model_copy(update={"shape": (len(known.terms),)})
    return written(tmp_path, spec, known, bow.Settings(latent=3, hidden=(5,)))


def sha256s(folder: Path) -> dict[str, str]:
    return {path.name: artifacts.sha256(folder / path.name) for path in (*FILES, *HEAD_FILES)}


def test_files_that_are_what_they_were_are_loaded(folder: Path) -> None:
    assert len(loading.load(folder, sha256s(folder)).encode_rows(TEXTS)) == len(TEXTS)


@pytest.mark.parametrize("name", [path.name for path in (*FILES, *HEAD_FILES)])
def test_a_file_that_changed_or_went_is_named(folder: Path, name: str) -> None:
    expected = sha256s(folder)
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    with pytest.raises(IntegrityError, match=f"{name} is not what was recorded") as refused:
        loading.load(folder, expected)
    assert "\n" not in str(refused.value)
    (folder / name).unlink()
    with pytest.raises((ArtifactError, IntegrityError), match=f"{name} is (missing|gone)"):
        loading.load(folder, expected)


@pytest.mark.parametrize("name", [path.name for path in (*FILES, artifacts.HEAD_FACTS)])
def test_a_file_of_junk_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"junk")
    with pytest.raises(ArtifactError, match=name):
        loading.load(folder)


def test_weights_of_another_model_are_refused(folder: Path) -> None:
    tensors = artifacts.read_tensors(folder / "weights.safetensors")
    strange = {
        "encoder.bag.bias is missing": {k: v for k, v in tensors.items() if "bag.bias" not in k},
        r"decoder.words.bias has shape \[2\]": {**tensors, "decoder.words.bias": np.zeros(2)},
        "prior.mean would not be read": {**tensors, "prior.mean": np.zeros(2)},
    }
    for said, changed in strange.items():
        artifacts.write_tensors(changed, folder / "weights.safetensors")
        with pytest.raises(ArtifactError, match=said):
            loading.load(folder)


def test_a_model_without_a_classifier_does_all_but_classify(folder: Path) -> None:
    for path in HEAD_FILES:
        (folder / path.name).unlink()
    ours, theirs = both(folder)
    assert_same(ours.encode(TEXTS), theirs.encode(TEXTS))
    with pytest.raises(DataError, match=r"before models had a classifier.*`dvc repro`"):
        ours.classify_rows(TEXTS)


def test_convolutions_are_left_to_torch(tmp_path: Path) -> None:
    spec = IMAGES.model_copy(update={"shape": (1, 8, 8)})
    settings = conv.Settings(latent=3, channels=(4,), hidden=(5,), decoder_hidden=(4,))
    written(tmp_path, spec, Vocabulary(), settings)
    found, expected = loading.load(tmp_path), Torch.from_folder(tmp_path)
    given = images_of(spec)
    assert not isinstance(found, Numpy)
    assert_same(found.predict(given, "reconstruct"), expected.reconstruct(given))
    assert found.classify_rows(given) == expected.classify(given).to_dict("records")
    np.testing.assert_array_equal(found.encode_rows(given), expected.encode(given).to_numpy())
    assert found.latent == 3


_LOADS = """
import sys
from pathlib import Path
from latentops.runtime import loading
model = loading.load(Path(sys.argv[1]))
model.classify_rows(["turn the light on"])
model.rows(["turn the light on", "stop"], "interpolate", n=2)
model.unknown_share(["turn"])
print(sorted({"torch", "pandas", "scipy", "sklearn", "pyarrow"} & set(sys.modules)))
"""


def test_neither_torch_nor_tables_are_loaded_for_words(folder: Path) -> None:
    ran = [sys.executable, "-c", _LOADS, str(folder)]
    assert subprocess.run(ran, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_file_through_it_is_that_of_torch(texts: tuple[Numpy, Torch], tmp_path: Path) -> None:
    pd.DataFrame({"text": [*TEXTS, None]}).to_csv(tmp_path / "in.csv")
    for task in ("classify", "encode", "score"):
        answers = []
        for model in texts:
            score_file(model, tmp_path / "in.csv", tmp_path / "out.parquet", task, rows_at_once=3)
            answers.append(pd.read_parquet(tmp_path / "out.parquet"))
        assert_same(*answers)

"""The runtime in numpy against the networks in torch: the same answers, and the same refusals."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_model import CLASSES, COUNTS, IMAGES, head

from latentops import artifacts, build
from latentops.artifacts import Spec, Vocabulary
from latentops.classifier import ClassCodes, Detector, Rounded, Weighed
from latentops.data import familiarity, vocabulary
from latentops.errors import ArtifactError, DataError, IntegrityError
from latentops.inference.folder import FILES, HEAD_FILES
from latentops.inference.forms import Result
from latentops.inference.predictor import Predictor as Torch
from latentops.networks import bow, conv, mlp
from latentops.runtime import loading
from latentops.runtime.draws import Draws
from latentops.runtime.predictor import Predictor as Numpy

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
        assert_same(ours.predict(TEXTS, task, **asked), theirs.predict(TEXTS, task, **asked))



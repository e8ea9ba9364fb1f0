"""The service, spoken to over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
from service_at_work import folder_of, running
from tiny_model import COUNTS, IMAGES, TEXTS, head

from latentops.classifier import ClassCodes, save_absence
from latentops.errors import ArtifactError
from latentops.inference.predictor import Predictor
from latentops.service.app import create_app
from latentops.service.sources import Folder


@contextmanager
def served(folder: Path) -> Iterator[tuple[httpx.Client, Predictor]]:
    with running(Folder(folder)) as (client, _):
        yield client, Predictor.from_folder(folder)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Predictor]]:
    with served(folder_of(COUNTS, tmp_path_factory.mktemp("texts"))) as both:
        yield both


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Predictor]]:
    with served(folder_of(IMAGES, tmp_path_factory.mktemp("images"))) as both:
        yield both


def test_it_says_that_it_lives_and_what_it_serves(texts: tuple[httpx.Client, Predictor]) -> None:
    client, _ = texts
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/v1/model").json() == {
        "name": "model",
        "version": "0",
        "lineage_key": "",
        "kind": "counts",
        "shape": [7],
        "latent": 3,
        "source": "tiny-texts",
        "synthetic": True,
        "licence": "",
        "classes": ["light", "music"],
        "features": "tfidf+vae",
        "out_of_scope_threshold": 2.0,
    }


@pytest.mark.parametrize("task", ["classify", "encode", "reconstruct", "score"])
def test_texts_get_what_the_predictor_gives(
    texts: tuple[httpx.Client, Predictor], task: str
) -> None:
    client, predictor = texts
    answer = client.post(f"/v1/{task}", json={"inputs": TEXTS, "seed": 3})
    expected = predictor.predict(TEXTS, task, seed=3)
    assert isinstance(expected, pd.DataFrame)
    assert answer.status_code == 200
    pd.testing.assert_frame_equal(
        pd.DataFrame(answer.json()["results"]), expected, check_dtype=False
    )


@pytest.mark.parametrize("task", ["classify", "encode", "reconstruct", "score"])
def test_whole_grey_levels_stay_whole_on_the_way(
    images: tuple[httpx.Client, Predictor], task: str
) -> None:
    client, predictor = images
    levels = np.arange(12, dtype=np.uint8).reshape(2, 3, 2) * 20
    results = client.post(f"/v1/{task}", json={"inputs": levels.tolist()}).json()["results"]
    shares = client.post(f"/v1/{task}", json={"inputs": (levels / 255).tolist()}).json()["results"]
    expected = predictor.predict(levels, task)
    for answers in (results, shares):
        if isinstance(expected, pd.DataFrame):
            found = pd.DataFrame(answers)
            pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-6)
        else:
            np.testing.assert_allclose(answers, expected, rtol=1e-6)


def test_a_service_without_a_classifier_says_so(tmp_path: Path) -> None:
    folder = folder_of(COUNTS, tmp_path)
    save_absence("the training rows have no labels.", folder)
    with served(folder) as (client, _):
        about = client.get("/v1/model").json()
        assert (about["classes"], about["features"]) == ([], None)
        refused = client.post("/v1/classify", json={"inputs": TEXTS})
    assert refused.status_code == 422
    assert "have no labels" in refused.json()["detail"]


def test_generation_follows_n_and_seed(
    texts: tuple[httpx.Client, Predictor], images: tuple[httpx.Client, Predictor]
) -> None:
    client, _ = texts
    first = client.post("/v1/generate", json={"n": 4, "seed": 1}).json()["results"]
    assert len(first) == 4
    assert set(first[0]) == {"words", "document"}
    assert client.post("/v1/generate", json={"n": 4, "seed": 1}).json()["results"] == first
    assert client.post("/v1/generate", json={"n": 4, "seed": 2}).json()["results"] != first
    client, _ = images
    assert np.shape(client.post("/v1/generate", json={"n": 2}).json()["results"]) == (2, 1, 3, 2)


def test_new_rows_are_those_of_the_predictor(
    texts: tuple[httpx.Client, Predictor], images: tuple[httpx.Client, Predictor]
) -> None:
    client, predictor = texts
    answer = client.post("/v1/augment", json={"inputs": [*TEXTS, "zzz"], "n": 2, "seed": 4})
    assert answer.json()["results"] == predictor.augment(TEXTS, 2, 4).to_dict("records")
    client, _ = images
    answer = client.post("/v1/augment", json={"inputs": [[[0, 1], [2, 3], [4, 5]]], "n": 3})
    assert np.shape(answer.json()["results"]) == (3, 1, 3, 2)


def test_generation_by_class_and_the_classes_there_are(tmp_path: Path) -> None:
    folder = folder_of(COUNTS, tmp_path)
    codes = ClassCodes(np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32))
    replace(head(COUNTS), codes=codes).save(folder)
    with served(folder) as (client, predictor):
        answer = client.post("/v1/generate", json={"n": 2, "label": "music"}).json()["results"]
        expected = predictor.generate(2, label="music")
        refused = client.post("/v1/generate", json={"label": "musik"})
    assert isinstance(expected, pd.DataFrame)
    assert answer == expected.to_dict("records")
    assert refused.status_code == 422
    assert "Did you mean 'music'? There are 'light', 'music'." in refused.json()["detail"]


def test_interpolation_goes_from_each_input_to_the_next(
    texts: tuple[httpx.Client, Predictor], images: tuple[httpx.Client, Predictor]
) -> None:
    client, predictor = texts
    steps = client.post("/v1/interpolate", json={"inputs": TEXTS, "n": 3}).json()["results"]
    assert [(each["pair"], each["step"]) for each in steps[2:4]] == [(0, 2), (1, 0)]
    assert steps[2]["words"] == predictor.predict(TEXTS, "reconstruct")["words"][1]
    most = client.post("/v1/interpolate", json={"inputs": ["turn"] * 101, "n": 10})
    assert len(most.json()["results"]) == 1000
    client, _ = images
    inputs = np.zeros((3, 3, 2), dtype=int).tolist()
    answer = client.post("/v1/interpolate", json={"inputs": inputs, "n": 2})
    assert np.shape(answer.json()["results"]) == (4, 1, 3, 2)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("encode", {"inputs": []}),
        ("encode", {"inputs": ["a"] * 1001}),
        ("encode", {"inputs": "turn on the light"}),
        ("encode", {"inputs": [1, 2]}),
        ("encode", {"inputs": [None]}),
        ("encode", {"inputs": ["x" * 100_001]}),
        ("encode", {"inputs": ["a"], "task": "score"}),
        ("encode", {}),
        ("score", {"inputs": ["a"], "seed": -1}),
        ("score", {"inputs": ["a"], "seed": 2**63}),
        ("augment", {"inputs": ["a"], "n": 0}),
        ("augment", {"inputs": ["a"], "n": 1001}),
        ("augment", {"inputs": ["a", "b", "c"], "n": 334}),
        ("generate", {"n": 0}),
        ("generate", {"n": 1001}),
        ("generate", {"n": "many"}),
        ("generate", {"label": "x" * 1001}),
        ("interpolate", {"inputs": ["a", "b"], "n": 1}),
        ("interpolate", {"inputs": ["a", "b"], "n": 1001}),
        ("interpolate", {"inputs": ["a"] * 102, "n": 10}),
        ("interpolate", {"inputs": ["a"]}),
    ],
)
def test_a_body_that_does_not_fit_is_refused(
    texts: tuple[httpx.Client, Predictor], path: str, body: object
) -> None:
    assert texts[0].post(f"/v1/{path}", json=body).status_code == 422


def test_the_limits_themselves_are_accepted(texts: tuple[httpx.Client, Predictor]) -> None:
    client, _ = texts
    assert len(client.post("/v1/score", json={"inputs": ["a"] * 1000}).json()["results"]) == 1000
    assert client.post("/v1/generate", json={"n": 1000, "seed": 2**63 - 1}).status_code == 200
    body = {"inputs": ["play"] * 2, "n": 500}
    assert len(client.post("/v1/augment", json=body).json()["results"]) == 1000


def test_what_the_model_cannot_read_is_refused_in_its_words(
    texts: tuple[httpx.Client, Predictor], images: tuple[httpx.Client, Predictor]
) -> None:
    refused = texts[0].post("/v1/encode", json={"inputs": [[[0, 1]]]})
    assert (refused.status_code, "valid string" in refused.json()["detail"]) == (422, True)
    refused = images[0].post("/v1/encode", json={"inputs": [[[0, 1]]]})
    assert (refused.status_code, "inputs.0" in refused.json()["detail"]) == (422, True)
    refused = images[0].post("/v1/encode", json={"inputs": [[[0, 1], [2, 3], [4, 0.5]]]})
    assert (refused.status_code, "Pixels" in refused.json()["detail"]) == (422, True)


@pytest.mark.parametrize("body", ['{"inputs": [[[NaN]]]}', '{"inputs": ["a"], "seed": NaN}', "{"])
def test_a_body_that_is_not_json_is_refused(
    images: tuple[httpx.Client, Predictor], body: str
) -> None:
    headers = {"content-type": "application/json"}
    assert images[0].post("/v1/encode", content=body, headers=headers).status_code == 422


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"spec\.json is missing"):
        create_app(Folder(tmp_path))

"""Other people's clients get answers: Triton's, MLflow's form, and who reads the OpenAPI page."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import numpy as np
import pytest
import schemathesis
import tritonclient.http as triton
from service_at_work import folder_of, running, until
from tiny_model import COUNTS, IMAGES, TEXTS

from latentops import observations
from latentops.inference.predictor import Predictor
from latentops.service.app import Settings
from latentops.service.limits import Limits
from latentops.service.sources import Folder
from latentops.service.watch import Watch
from latentops.service.window import Window

SERVED = {"name": "model", "version": "0"}
Both = tuple[httpx.Client, Predictor]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = folder_of(COUNTS, tmp_path_factory.mktemp("texts"))
    with running(Folder(folder), Settings(Limits(rows=20))) as (client, _):
        yield client, Predictor.from_folder(folder)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = folder_of(IMAGES, tmp_path_factory.mktemp("images"))
    with running(Folder(folder), Settings(Limits(rows=20))) as (client, _):
        yield client, Predictor.from_folder(folder)


def triton_client(client: httpx.Client) -> triton.InferenceServerClient:
    return triton.InferenceServerClient(f"127.0.0.1:{client.base_url.port}")


def asked_text(rows: list[str], binary: bool) -> triton.InferInput:
    given = triton.InferInput("text", [len(rows)], "BYTES")
    given.set_data_from_numpy(np.array(rows, dtype=object), binary_data=binary)
    return given


# Triton's client


@pytest.mark.parametrize("binary", [True, False])
def test_tritons_client_gets_the_predictors_answers(texts: Both, binary: bool) -> None:
    client, predictor = texts
    speaking = triton_client(client)
    assert speaking.is_server_live()
    assert speaking.is_server_ready()
    assert speaking.is_model_ready("model")
    assert speaking.is_model_ready("model", "0")
    about = speaking.get_model_metadata("model")
    rows = [*TEXTS, "löffel quokka", ""]
    names = [output["name"] for output in about["outputs"]]
    wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in names]
    found = speaking.infer("model", [asked_text(rows, binary)], outputs=wanted, request_id="7")
    expected = predictor.classify(rows)
    assert [one.decode() if binary else one for one in found.as_numpy("label")] == list(
        expected["label"]
    )
    for name in ("probability", "out_of_scope", "out_of_scope_score"):
        np.testing.assert_allclose(found.as_numpy(name), expected[name], rtol=1e-4)
    answer = found.get_response()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("model", "0", "7")


def test_tritons_client_names_a_task_and_gets_codes(texts: Both) -> None:
    client, predictor = texts
    found = triton_client(client).infer(
        "model", [asked_text(TEXTS, True)], parameters={"task": "encode"}
    )
    np.testing.assert_allclose(found.as_numpy("z"), predictor.encode(TEXTS), rtol=1e-4)


@pytest.mark.parametrize("datatype", ["UINT8", "FP32"])
def test_tritons_client_sends_images(images: Both, datatype: str) -> None:
    client, predictor = images
    levels = np.arange(12, dtype=np.uint8).reshape(2, 1, 3, 2) * 20
    given = triton.InferInput("image", list(levels.shape), datatype)
    given.set_data_from_numpy(levels if datatype == "UINT8" else (levels / 255).astype(np.float32))
    speaking = triton_client(client)
    found = speaking.infer("model", [given], parameters={"task": "reconstruct"})
    np.testing.assert_allclose(
        found.as_numpy("image"), predictor.reconstruct(levels), rtol=1e-4, atol=1e-6
    )
    labels = speaking.infer("model", [given]).as_numpy("label")
    assert [label.decode() for label in labels] == list(predictor.classify(levels)["label"])


def test_tritons_client_is_told_what_is_wrong(texts: Both) -> None:
    given = triton.InferInput("image", [1], "BYTES")
    given.set_data_from_numpy(np.array(["a"], dtype=object))
    speaking = triton_client(texts[0])
    with pytest.raises(triton.InferenceServerException, match="one tensor was expected"):
        speaking.infer("model", [given])


@pytest.mark.parametrize("task", ["generate", "nearest", "augment", "interpolate", "denoise"])
def test_every_task_has_an_answer_in_tensors(texts: Both, task: str) -> None:
    given = {"name": "text", "shape": [2, 1], "datatype": "BYTES", "data": [["turn on"], ["play"]]}
    body = {"inputs": [given], "parameters": {"task": task, "n": 2, "seed": 1}}
    found = texts[0].post("/v2/models/model/infer", json=body)
    assert found.status_code == 200
    typed = {"n": 2, "seed": 1} | ({} if task == "generate" else {"inputs": ["turn on", "play"]})
    typed = {key: one for key, one in typed.items() if key != "n" or task != "denoise"}
    rows = texts[0].post(f"/v1/{task}", json=typed).json()["results"]
    for output in found.json()["outputs"]:
        column = [row[output["name"]] for row in rows]
        shown = [one if isinstance(one, int | float | str) else json.dumps(one) for one in column]
        assert (
            output["data"] == pytest.approx(shown)
            if column and isinstance(column[0], float)
            else output["data"] == shown
        )


# MLflow's form


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": TEXTS},
        {"inputs": {"text": TEXTS}},
        {"inputs": {"said": TEXTS}},
        {"instances": TEXTS},
        {"instances": [{"text": text} for text in TEXTS]},
        {"dataframe_records": [{"id": 1, "text": text} for text in TEXTS]},
        {
            "dataframe_split": {
                "columns": ["text"],
                "index": [0, 1, 2],
                "data": [[t] for t in TEXTS],
            }
        },
    ],
)
def test_each_form_of_mlflows_gets_codes_or_what_params_ask_for(
    texts: Both, body: dict[str, Any]
) -> None:
    client, predictor = texts
    codes = client.post("/invocations", json=body).json()["predictions"]
    expected = predictor.encode(TEXTS)
    np.testing.assert_allclose([list(code.values()) for code in codes], expected, rtol=1e-4)
    assert list(codes[0]) == list(expected.columns)
    labels = client.post("/invocations", json=body | {"params": {"task": "classify"}}).json()
    assert [row["label"] for row in labels["predictions"]] == list(
        predictor.classify(TEXTS)["label"]
    )


def test_images_in_mlflows_form(images: Both) -> None:
    client, predictor = images
    levels = np.arange(6, dtype=np.uint8).reshape(1, 1, 3, 2)
    body = {"inputs": levels.tolist(), "params": {"task": "reconstruct"}}
    found = client.post("/invocations", json=body).json()["predictions"]
    np.testing.assert_allclose(found, predictor.reconstruct(levels), rtol=1e-4)


def test_mlflows_errors_have_its_form(texts: Both) -> None:
    refused = texts[0].post("/invocations", json={"inputs": [1]}).json()
    assert refused["error_code"] == "BAD_REQUEST"
    assert "text" in refused["message"]


# The OpenAPI page


@pytest.mark.parametrize("kind", ["texts", "images"])
def test_each_example_of_the_page_is_answered(kind: str, request: pytest.FixtureRequest) -> None:
    client, _ = request.getfixturevalue(kind)
    document = client.get("/openapi.json").json()
    asked = 0
    for path, methods in document["paths"].items():
        if "post" in methods:
            schema = methods["post"]["requestBody"]["content"]["application/json"]["schema"]
            body = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            address = path.replace("{name}", "model").replace("{version}", "0")
            for example in body["examples"]:
                answer = client.post(address, json=example)
                assert answer.status_code == 200, (address, answer.text)
                asked += 1
    assert asked == 12
    assert client.get("/docs").status_code == 200


@pytest.mark.parametrize("kind", ["texts", "images"])
def test_schemathesis_finds_nothing(kind: str, request: pytest.FixtureRequest) -> None:
    """Of what the page promises. To answer 422 to a body that fits the schema is one of the
    promises: no schema says that `n` times the inputs is bounded, or which classes there are.
    """
    client, _ = request.getfixturevalue(kind)
    schema = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
    schema.config.checks.update(excluded_check_names=["positive_data_acceptance"])
    for found in schema.get_all_operations():
        operation = found.ok()

        @hypothesis.settings(
            max_examples=8,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(case=operation.as_strategy())
        def asks(case: schemathesis.Case) -> None:
            case.path_parameters = {name: SERVED[name] for name in case.path_parameters or {}}
            case.call_and_validate()

        asks()


# The window


def test_what_was_answered_is_sampled_without_its_texts(tmp_path: Path) -> None:
    folder = folder_of(COUNTS, tmp_path)
    window = Window(tmp_path / "window.parquet", most=50, seconds=0.05)
    settings = Settings(watch=Watch(window=window))
    rows = ["turn on quokka", *["play the music"] * 3]
    with running(Folder(folder), settings) as (client, server):
        window.start()
        for _ in range(25):
            client.post("/v1/classify", json={"inputs": rows})
        client.post("/v1/encode", json={"inputs": ["not counted"]})
        until(lambda: (tmp_path / "window.parquet").exists())
        for text in rows:
            assert not server.service.watch.metrics.text().count(text.encode())
    assert b"quokka" not in (tmp_path / "window.parquet").read_bytes()
    found, about = observations.read(tmp_path / "window.parquet")
    assert (about.name, about.version, about.rows_seen, len(found)) == ("model", "0", 100, 50)
    predictor = Predictor.from_folder(folder)
    judged = predictor.classify(rows)
    codes = predictor.encode(rows).to_numpy()
    elbo = predictor.score(rows)["elbo_nats"]
    assert set(found.words_N) == {3}
    assert set(found.unknown_words_N) == {0, 1}
    for place, unknown in enumerate(found.unknown_words_N):
        row = 0 if unknown else 1
        assert found.label_N[place] == judged["label"][row]
        assert found.out_of_scope_N[place] == judged["out_of_scope"][row]
        np.testing.assert_allclose(found.z_NZ[place], codes[row], rtol=1e-4)
        assert found.nats_per_word_N[place] == pytest.approx(-elbo[row] / (3 - unknown), rel=1e-4)


def test_each_row_is_as_likely_to_stay_in_the_window(tmp_path: Path) -> None:
    """Of 40 rows 10 stay: over many windows each of them in a quarter."""
    stayed = np.zeros(40)
    with running(Folder(folder_of(COUNTS, tmp_path))) as (_, server):
        loaded = server.service.current.loaded
        assert loaded is not None
        for _ in range(2000):
            window = Window(tmp_path / "never", most=10)
            for number in range(40):
                window.offer(loaded, [number])
            stayed[list(window._waiting.values())] += 1
    assert stayed.sum() == 20_000
    assert np.abs(stayed / 2000 - 0.25).max() < 0.05  # five standard deviations


def test_a_window_that_was_taken_away_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "window.parquet"
    window = Window(path)
    with running(Folder(folder_of(IMAGES, tmp_path))) as (_, server):
        loaded = server.service.current.loaded
        assert loaded is not None
        window.offer(loaded, np.zeros((3, 1, 3, 2), np.uint8).tolist())
        window.write()
        window.write()
        assert observations.read(path)[1].rows_seen == 3
        path.rename(tmp_path / "monday.parquet")
        window.write()
        window.offer(loaded, np.zeros((2, 1, 3, 2), np.uint8).tolist())
        window.write()
        assert observations.read(path)[1].rows_seen == 2

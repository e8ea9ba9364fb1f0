"""What the service refuses, and that it goes on: limits, tokens, bad input, and nothing in logs."""

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from service_at_work import folder_of, running, until
from tiny_model import COUNTS, IMAGES, TEXTS

from latentops.service import connection
from latentops.service import service as parts
from latentops.service.app import Settings
from latentops.service.limits import Limits
from latentops.service.server import Server
from latentops.service.sources import Folder
from latentops.service.watch import Watch

LIMITS = Limits(body_bytes=20_000, rows=10, text_characters=100, in_flight=4)
TOKEN = "a-token-that-nobody-guesses"
SECRET = "xylophone"
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(COUNTS, tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def limited(folder: Path) -> Iterator[tuple[httpx.Client, Server]]:
    with running(Folder(folder), Settings(LIMITS)) as both:
        yield both


@pytest.fixture
def client(limited: tuple[httpx.Client, Server]) -> Iterator[httpx.Client]:
    """Whatever was asked of it, it goes on."""
    client, _ = limited
    yield client
    assert client.post("/v1/classify", json={"inputs": TEXTS}).status_code == 200


def told(answer: httpx.Response) -> str:
    body = answer.json()
    text: str = body.get("detail") or body.get("error") or body["message"]
    assert "\n" not in text
    return text


def value(client: httpx.Client, name: str) -> float:
    """Of a metric, with its labels."""
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name} "))


ADDRESSES = ["/v1/classify", "/invocations", "/v2/models/model/infer"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_body_that_is_too_long_is_refused_by_its_announced_length(
    client: httpx.Client, address: str
) -> None:
    refused = client.post(address, content=b"x" * 20_001, headers=JSON)
    assert refused.status_code == 413
    assert "20,000 bytes" in told(refused)


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_body_without_a_length_is_refused_while_it_is_read(
    limited: tuple[httpx.Client, Server], address: str
) -> None:
    """A client that never stops sending gets its answer, and its bytes are not kept."""
    _, server = limited
    with socket.create_connection(server.servers[0].sockets[0].getsockname()) as line:
        head = f"POST {address} HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n"
        line.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode())
        for _ in range(25):
            line.sendall(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
        line.settimeout(30)
        assert line.recv(1000).startswith(b"HTTP/1.1 413")


def test_twenty_megabytes_are_refused(client: httpx.Client) -> None:
    refused = client.post("/v1/classify", json={"inputs": ["x" * 20 * 2**20]})
    assert refused.status_code == 413


def test_a_hundred_thousand_rows_are_refused(folder: Path) -> None:
    """With the limits that there are without options."""
    with running(Folder(folder)) as (client, _):
        for address, body in (
            ("/v1/classify", {"inputs": ["a"] * 100_000}),
            ("/invocations", {"inputs": ["a"] * 100_000}),
        ):
            refused = client.post(address, json=body)
            assert refused.status_code == 422
            assert "1,000 rows" in told(refused) or "1000 items" in told(refused)


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("/v1/classify", {"inputs": []}),
        ("/v1/classify", {"inputs": ["a"] * 11}),
        ("/v1/classify", {"inputs": ["x" * 101]}),
        ("/v1/classify", {"inputs": ["a"], "task": "score"}),
        ("/v1/generate", {"around": "x" * 101}),
        ("/v1/generate", {"n": 11}),
        ("/v1/augment", {"inputs": ["a"] * 4, "n": 3}),
        ("/v1/interpolate", {"inputs": ["a"] * 4, "n": 4}),
        ("/invocations", {}),
        ("/invocations", []),
        ("/invocations", {"inputs": []}),
        ("/invocations", {"inputs": None}),
        ("/invocations", {"inputs": ["a"], "instances": ["a"]}),
        ("/invocations", {"inputs": ["a"] * 11}),
        ("/invocations", {"inputs": ["x" * 101]}),
        ("/invocations", {"inputs": [1]}),
        ("/invocations", {"inputs": ["a"], "params": {"task": "sing"}}),
        ("/invocations", {"inputs": ["a"], "params": {"n": "3"}}),
        ("/invocations", {"inputs": ["a"], "params": {"task": "augment", "n": 11}}),
        ("/invocations", {"inputs": ["a"], "params": {"task": "generate", "around": "x" * 101}}),
        ("/invocations", {"dataframe_split": {"columns": ["id", "said"], "data": [[1, "a"]]}}),
        ("/invocations", {"dataframe_split": {"columns": ["text"], "data": [["a", "b"]]}}),
        ("/invocations", {"dataframe_records": [{"id": 1, "said": "a"}]}),
        ("/invocations", {"dataframe_records": [{}]}),
        ("/invocations", {"inputs": {"text": ["a"], "id": [1, 2]}}),
    ],
)
def test_what_does_not_fit_is_refused_in_words(
    client: httpx.Client, address: str, body: object
) -> None:
    refused = client.post(address, json=body)
    assert refused.status_code == 422
    assert told(refused)


def tensor(**changes: Any) -> dict[str, Any]:
    given = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a"]} | changes
    return {"inputs": [{key: one for key, one in given.items() if one is not None}]}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"inputs": []},
        {"inputs": tensor()["inputs"] * 2},
        tensor(name="image"),
        tensor(datatype="FP32", data=[1.5]),
        tensor(datatype="INT3", data=[1]),
        tensor(data=[1]),
        tensor(data=None),
        tensor(shape=[2]),
        tensor(shape=[]),
        tensor(shape=[-1]),
        tensor(shape=[0], data=[]),
        tensor(shape=[1, 1, 2], data=["a", "b"]),
        tensor(shape=[2, 2], data=["a", "b", "c", "d"]),
        tensor(shape=[11], data=["a"] * 11),
        tensor(data=["x" * 101]),
        tensor(parameters={"binary_data_size": 5}),
        tensor() | {"outputs": [{"name": "song"}]},
        tensor() | {"parameters": {"task": "sing"}},
        tensor() | {"parameters": {"seed": -1}},
    ],
)
def test_tensors_that_do_not_fit_are_refused_in_words(client: httpx.Client, body: object) -> None:
    refused = client.post("/v2/models/model/infer", json=body)
    assert refused.status_code == 422
    assert told(refused)


@pytest.mark.parametrize("tail", [b"", b"\x01", b"\x05\x00\x00\x00a", b"\x01\x00\x00\x00\xff"])
def test_bytes_behind_the_json_that_do_not_fit_are_refused(
    client: httpx.Client, tail: bytes
) -> None:
    size = {"binary_data_size": max(len(tail), 1)}
    head = json.dumps(tensor(data=None, parameters=size)).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    refused = client.post("/v2/models/model/infer", content=head + tail, headers=headers)
    assert refused.status_code == 422
    assert told(refused)


@pytest.mark.parametrize("length", ["-1", "x", "99999"])
def test_a_length_of_the_json_that_cannot_be_is_refused(client: httpx.Client, length: str) -> None:
    headers = {"Inference-Header-Content-Length": length}
    refused = client.post("/v2/models/model/infer", json=tensor(), headers=headers)
    assert refused.status_code == 422


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b'{"inputs": ["\xff"]}', b'["\\ud800"]'])
def test_what_is_no_json_or_no_utf_8_is_refused(
    client: httpx.Client, address: str, raw: bytes
) -> None:
    refused = client.post(address, content=raw, headers=JSON)
    assert refused.status_code == 422
    assert told(refused)


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_body_nested_without_end_is_refused(client: httpx.Client, address: str) -> None:
    raw = b'{"inputs": ' + b"[" * 9000 + b"]" * 9000 + b"}"
    assert client.post(address, content=raw, headers=JSON).status_code == 422


@pytest.mark.parametrize("address", ADDRESSES[:2])
def test_a_form_that_a_page_of_another_origin_can_send_is_refused(
    client: httpx.Client, address: str
) -> None:
    raw = b'{"inputs": ["a"]}'
    assert (
        client.post(address, content=raw, headers={"content-type": "text/plain"}).status_code == 415
    )
    compressed = JSON | {"content-encoding": "gzip"}
    assert client.post(address, content=raw, headers=compressed).status_code == 415


def test_an_empty_text_is_answered(client: httpx.Client) -> None:
    (row,) = client.post("/v1/classify", json={"inputs": [""]}).json()["results"]
    assert set(row) == {"label", "probability", "out_of_scope", "out_of_scope_score"}


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/classify", 405),
        ("POST", "/v2/models/another/infer", 404),
        ("GET", "/v2/models/model/versions/7", 404),
        ("GET", "/v2/nowhere", 404),
    ],
)
def test_an_address_that_is_not_there_is_told(
    client: httpx.Client, method: str, address: str, status: int
) -> None:
    found = client.request(method, address)
    assert found.status_code == status
    assert told(found)
    assert set(found.json()) == ({"error"} if address.startswith("/v2") else {"detail"})


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": [[[0, 1]]]},
        {"inputs": [[[0, 1], [2, 3], [4, 256]]]},
        {"inputs": [[[0, 1], [2, 3], [4, "5"]]]},
        {"inputs": [[[0, 1], [2, 3], [4, None]]]},
        {"inputs": ["turn on the light"]},
    ],
)
def test_images_that_do_not_fit_are_refused(tmp_path: Path, body: object) -> None:
    with running(Folder(folder_of(IMAGES, tmp_path))) as (client, _):
        assert client.post("/v1/encode", json=body).status_code == 422
        assert client.post("/invocations", json=body).status_code == 422
        image = {"name": "image", "datatype": "UINT8", "shape": [1, 3, 2]}
        for data, datatype in (([0] * 5, "UINT8"), ([300] * 6, "UINT8"), ([0.5] * 6, "UINT8")):
            asked = {"inputs": [image | {"data": data, "datatype": datatype}]}
            assert client.post("/v2/models/model/infer", json=asked).status_code == 422
        assert client.post("/v1/encode", json={"inputs": [[[0, 1]] * 3]}).status_code == 200


# As much at once, and as long


class Held:
    """A thread that holds what it is asked until the test lets it go."""

    def __init__(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()
        loaded = server.service.current.loaded
        assert loaded is not None
        original = loaded.model.rows

        def rows(*arguments: Any, **options: Any) -> list[Any]:
            self.begun.release()
            self.go.wait()
            return original(*arguments, **options)

        monkeypatch.setattr(loaded.model, "rows", rows)


def test_more_requests_than_may_be_at_once_are_told_to_come_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(in_flight=1, deadline_seconds=60)
    with running(Folder(folder), Settings(limits)) as (client, server):
        held = Held(server, monkeypatch)
        answers: list[httpx.Response] = []
        asking = threading.Thread(
            target=lambda: answers.append(client.post("/v1/score", json={"inputs": TEXTS}))
        )
        asking.start()
        held.begun.acquire()
        refused = client.post("/v1/classify", json={"inputs": TEXTS})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert told(refused).startswith("1 requests")
        assert client.get("/v2/health/ready").status_code == 200
        held.go.set()
        asking.join()
        assert answers[0].status_code == 200
        assert client.post("/v1/classify", json={"inputs": TEXTS}).status_code == 200


def test_an_answer_that_takes_too_long_is_given_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(Folder(folder), Settings(Limits(deadline_seconds=0.2))) as (client, server):
        held = Held(server, monkeypatch)
        late = client.post("/v1/score", json={"inputs": TEXTS})
        assert late.status_code == 504
        assert "0.2 s" in told(late)
        held.go.set()
        assert client.post("/v1/score", json={"inputs": TEXTS}).status_code == 200
        assert value(client, 'latentops_refusals_total{reason="deadline"}') == 1


def test_a_body_that_never_comes_is_given_up(folder: Path) -> None:
    with running(Folder(folder), Settings(Limits(deadline_seconds=0.2))) as (_, server):
        address = server.servers[0].sockets[0].getsockname()
        with socket.create_connection(address, timeout=30) as line:
            head = "POST /v1/classify HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n"
            line.sendall(head.encode())
            assert line.recv(100).startswith(b"HTTP/1.1 504")


# Who may ask


@pytest.mark.parametrize("given", [None, "Bearer", f"Basic {TOKEN}", "Bearer another", TOKEN])
def test_who_does_not_send_the_token_is_refused(folder: Path, given: str | None) -> None:
    headers = {} if given is None else {"authorization": given}
    with running(Folder(folder), Settings(token=TOKEN)) as (client, _):
        for address in ("/v1/model", "/metrics", "/docs", "/v2", "/v2/models/model/ready"):
            refused = client.get(address, headers=headers)
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
            assert TOKEN not in refused.text
        for address in ("/health", "/ping", "/v2/health/live", "/v2/health/ready"):
            assert client.get(address, headers=headers).status_code == 200


def test_who_sends_the_token_is_answered(folder: Path) -> None:
    with running(Folder(folder), Settings(token=TOKEN)) as (client, _):
        client.headers["authorization"] = f"Bearer {TOKEN}"
        assert client.post("/v1/classify", json={"inputs": TEXTS}).status_code == 200
        document = client.get("/openapi.json").json()
        assert document["paths"]["/v1/classify"]["post"]["security"] == [{"token": []}]
        assert document["paths"]["/v2/health/ready"]["get"]["security"] == []


# Nothing of what was asked is written down


def test_no_text_reaches_a_log_or_a_metric(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of what was answered, nor of what was refused, nor of what made the service fail."""
    caplog.set_level(logging.DEBUG)
    with running(Folder(folder), Settings(watch=Watch())) as (client, server):
        for address, body in (
            ("/v1/classify", {"inputs": [SECRET]}),
            ("/v1/classify", {"inputs": [SECRET], SECRET: 1}),
            ("/v1/generate", {"label": SECRET}),
            ("/invocations", {"dataframe_records": [{SECRET: 1, "b": 2}]}),
            ("/v2/models/model/infer", tensor(name=SECRET)),
            (f"/{SECRET}", {}),
        ):
            client.post(address, json=body)
        loaded = server.service.current.loaded
        assert loaded is not None

        def fails(*_: Any, **__: Any) -> None:
            raise KeyError(SECRET)

        with monkeypatch.context() as counting:
            counting.setattr(loaded.model, "unknown_share", fails)
            for texts in ([SECRET], [SECRET, SECRET]):  # counted behind the reply, and before it
                answered = client.post("/v1/classify", json={"inputs": texts})
                assert answered.status_code == 200
            client.get("/health")  # by then the first is counted, too
        monkeypatch.setattr(loaded.model, "rows", fails)
        failed = client.post("/v1/classify", json={"inputs": [SECRET]})
        assert failed.status_code == 500
        written = client.get("/metrics").text
    service_says = [one for one in caplog.records if not one.name.startswith(("httpx", "httpcore"))]
    assert sum("KeyError" in one.getMessage() for one in service_says) == 3
    assert not any(SECRET in one.getMessage() or one.exc_info for one in service_says)
    assert SECRET not in written


def test_what_is_counted(folder: Path) -> None:
    with running(Folder(folder), Settings(LIMITS)) as (client, _):
        assert value(client, "latentops_ready") == 1
        client.post("/v1/classify", json={"inputs": ["turn on", "turn quokka", "quokka wombat"]})
        client.post("/v1/score", json={"inputs": [""]})
        client.post("/v1/encode", json={"inputs": ["quokka"]})
        client.post("/v1/classify", json={"inputs": []})
        counts = {
            'rows_total{task="classify"}': 3,
            'rows_total{task="score"}': 1,
            'rows_total{task="encode"}': 1,
            'requests_total{route="/v1/classify",status="200"}': 1,
            'requests_total{route="/v1/classify",status="422"}': 1,
            'refusals_total{reason="input"}': 1,
            'request_seconds_count{route="/v1/classify"}': 2,
            "unknown_words_share_count": 4,
            "unknown_words_share_sum": 1.5,
            'model_info{lineage_key="",name="model",version="0"}': 1,
        }
        assert {name: value(client, f"latentops_{name}") for name in counts} == counts
        assert 'le="0.0001"' in client.get("/metrics").text


def test_a_client_that_goes_away_is_no_failure(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running(Folder(folder)) as (client, server):
        address = server.servers[0].sockets[0].getsockname()
        with socket.create_connection(address) as line:
            head = "POST /v1/classify HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n"
            line.sendall(head.encode())
            time.sleep(0.05)
        name = 'latentops_requests_total{route="/v1/classify",status="499"}'
        until(lambda: value(client, name) == 1)
    assert not caplog.records or all("failed" not in one.getMessage() for one in caplog.records)


def test_bodies_of_any_size_get_the_same_answer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the loop answers, or a thread."""
    with running(Folder(folder)) as (client, _):
        body = {"inputs": [TEXTS[0]]}
        in_the_loop = client.post("/v1/classify", json=body).content
        monkeypatch.setattr(parts, "_SMALL_BODY_BYTES", 0)
        assert client.post("/v1/classify", json=body).content == in_the_loop


def test_a_head_without_end_is_cut_off(limited: tuple[httpx.Client, Server]) -> None:
    _, server = limited
    with socket.create_connection(server.servers[0].sockets[0].getsockname()) as line:
        line.settimeout(30)
        head = b"GET /health HTTP/1.1\r\n" + b"X-Much: " + b"x" * 60_000 + b"\r\n"
        line.sendall(head + b"X-More: " + b"x" * 60_000)
        assert line.recv(100).startswith(b"HTTP/1.1 400")


def test_a_head_that_never_ends_is_cut_off(
    limited: tuple[httpx.Client, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_HEAD_SECONDS", 0.05)
    _, server = limited
    for sent in (b"", b"GET /health HTT"):
        with socket.create_connection(server.servers[0].sockets[0].getsockname()) as half:
            half.settimeout(30)
            half.sendall(sent)
            assert half.recv(100) == b""


def test_another_protocol_is_refused_and_not_read_as_an_empty_body(client: httpx.Client) -> None:
    upgrade = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": ""}
    refused = client.post("/v1/classify", json={"inputs": TEXTS}, headers=upgrade)
    assert refused.status_code == 400
    assert "HTTP/1.1 is spoken here" in told(refused)


@pytest.mark.parametrize("path", ["/v1/classify", "/health"])
def test_what_follows_a_refused_upgrade_is_no_request(
    limited: tuple[httpx.Client, Server], path: str
) -> None:
    _, server = limited
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
    with socket.create_connection(server.servers[0].sockets[0].getsockname()) as line:
        line.settimeout(30)
        line.sendall(head.encode())
        answer = b"".join(iter(lambda: line.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"HTTP/1.1 is spoken here" in answer


def test_of_headers_with_one_name_the_first_counts(client: httpx.Client) -> None:
    body = json.dumps({"inputs": TEXTS}).encode()
    for first, second, status in (("json", "text", 200), ("text", "json", 415)):
        kinds = [("content-type", f"application/{kind}") for kind in (first, second)]
        assert client.post("/v1/classify", content=body, headers=kinds).status_code == status


def test_an_address_with_a_slash_behind_it_sends_no_text_elsewhere(client: httpx.Client) -> None:
    refused = client.post("/v1/classify/", json={"inputs": TEXTS}, headers={"host": "other"})
    assert refused.status_code == 404
    assert "location" not in refused.headers


def test_rows_of_a_reply_that_is_refused_are_not_counted(client: httpx.Client) -> None:
    before = value(client, "latentops_rows_total")
    asked = tensor() | {"outputs": [{"name": "nope"}]}
    assert client.post("/v2/models/model/infer", json=asked).status_code == 422
    assert value(client, "latentops_rows_total") == before


def test_a_length_of_thousands_of_digits_is_refused(client: httpx.Client) -> None:
    headers = {"Inference-Header-Content-Length": "9" * 5000}
    refused = client.post("/v2/models/model/infer", json=tensor(), headers=headers)
    assert refused.status_code == 422
    assert "should be a number of bytes" in told(refused)


def test_files_are_not_packed_over_http(client: httpx.Client) -> None:
    for task in ("compress", "decompress"):
        refused = client.post("/invocations", json={"inputs": TEXTS, "params": {"task": task}})
        assert refused.status_code == 422
        assert f"Task {task} is not served over HTTP" in told(refused)


def test_more_rows_times_beams_than_may_be_are_refused(client: httpx.Client) -> None:
    refused = client.post("/v1/reconstruct", json={"inputs": TEXTS, "beams": 8})
    assert refused.status_code == 422
    assert "Rows times beams may be 10" in told(refused)


def test_a_failure_has_mlflows_code(folder: Path) -> None:
    with running(Folder(folder), Settings(LIMITS, token=TOKEN)) as (client, _):
        refused = client.post("/invocations", json={"inputs": TEXTS})
        assert refused.json()["error_code"] == "UNAUTHENTICATED"


def test_an_address_that_is_not_there_is_counted(client: httpx.Client) -> None:
    name = 'latentops_refusals_total{reason="not_found"}'
    before = value(client, name)
    assert client.get("/nowhere").status_code == 404
    assert value(client, name) == before + 1


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("/invocations", {"inputs": [["x" * 400, ""]]}),
        (
            "/v2/models/model/infer",
            {"inputs": [{"name": "image", "datatype": "UINT8", "shape": [], "data": [1]}]},
        ),
    ],
)
def test_what_is_no_image_is_refused_in_words(
    tmp_path: Path, address: str, body: dict[str, Any]
) -> None:
    with running(Folder(folder_of(IMAGES, tmp_path))) as (client, _):
        refused = client.post(address, json=body)
        assert refused.status_code == 422
        assert "image" in told(refused)

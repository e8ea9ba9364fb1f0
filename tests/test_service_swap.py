"""The model is exchanged while the service answers, and the service ends when it is asked to."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from light_registry import light, promote, register_seed
from mlflow import MlflowClient
from service_at_work import SECONDS, folder_of, running, until
from tiny_model import COUNTS, IMAGES, TEXTS

from latentops import artifacts
from latentops.artifacts import Spec
from latentops.errors import ArtifactError, IntegrityError, LatentOpsError, StoreError
from latentops.inference.folder import MODEL_FILES
from latentops.registry.reference import Reference
from latentops.registry.source import Registered
from latentops.release import Release
from latentops.service import loaded as loading
from latentops.service.app import Settings
from latentops.service.loaded import Loaded
from latentops.service.server import Server, listening
from latentops.service.sources import Folder

__all__ = ["light"]  # a fixture
MAIN = "from latentops.cli.main import main; main()"


def often() -> Settings:
    return Settings(poll_seconds=0.01)


class Named:
    """A source that says what the test says, an error too."""

    def __init__(self, now: Release) -> None:
        self.now: Release | LatentOpsError = now

    def current(self) -> Release:
        if isinstance(self.now, LatentOpsError):
            raise self.now
        return self.now


def release(path: Path, number: int, spec: Spec = COUNTS) -> Release:
    """A version whose answers are its own."""
    folder = folder_of(spec, path / str(number), seed=number)
    sha256s = {one.name: artifacts.sha256(folder / one.name) for one in MODEL_FILES}
    return Release("tiny", str(number), f"lineage-{number}", folder, sha256s)


def serves(client: httpx.Client, version: str) -> Callable[[], bool]:
    return lambda: client.get("/v1/model").json()["version"] == version


def swaps(client: httpx.Client, result: str) -> float:
    start = f'latentops_model_swaps_total{{result="{result}"}} '
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(start))


def test_every_reply_says_which_version_gave_it(tmp_path: Path) -> None:
    one, two = release(tmp_path, 1), release(tmp_path, 2)
    source = Named(one)
    with running(source, often()) as (client, _):
        before = client.post("/v1/encode", json={"inputs": TEXTS})
        source.now = two
        until(serves(client, "2"))
        for answer in (
            client.post("/v1/encode", json={"inputs": TEXTS}),
            client.post("/v1/encode", json={"inputs": []}),
            client.get("/v2/health/ready"),
            client.get("/nowhere"),
        ):
            assert answer.headers["x-model-name"] == "tiny"
            assert answer.headers["x-model-version"] == "2"
            assert answer.headers["x-model-lineage"] == "lineage-2"
        after = client.post("/v2/models/tiny/infer", json=_tensor()).json()
        assert (after["model_name"], after["model_version"]) == ("tiny", "2")
        assert after["parameters"] == {"lineage_key": "lineage-2"}
        assert client.post("/v2/models/tiny/versions/1/infer", json=_tensor()).status_code == 404
        other = client.post("/v1/encode", json={"inputs": TEXTS}).json()
        assert before.headers["x-model-version"] == "1"
        assert before.json() != other
        info = 'latentops_model_info{lineage_key="lineage-2",name="tiny",version="2"} 1.0'
        lines = client.get("/metrics").text.splitlines()
        assert [line for line in lines if line.startswith("latentops_model_info{")] == [info]


def _tensor() -> dict[str, Any]:
    return {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["turn on"]}]}


def test_no_request_is_lost_while_models_are_exchanged(tmp_path: Path) -> None:
    """And each answer is the one of the version that it names."""
    versions = [release(tmp_path, number) for number in (1, 2)]
    source = Named(versions[0])
    ending = threading.Event()
    answers: list[httpx.Response] = []
    with running(source, often()) as (client, _):

        def ask() -> None:
            with httpx.Client(base_url=client.base_url, timeout=SECONDS) as own:
                while not ending.is_set():
                    answers.append(own.post("/v1/encode", json={"inputs": TEXTS[:1]}))

        asking = [threading.Thread(target=ask) for _ in range(4)]
        for thread in asking:
            thread.start()
        for number in range(10):
            source.now = versions[(number + 1) % 2]
            until(serves(client, source.now.version))
        ending.set()
        for thread in asking:
            thread.join()
        assert swaps(client, "done") == 10
    assert {answer.status_code for answer in answers} == {200}
    by_version = {(one.headers["x-model-version"], one.content) for one in answers}
    assert len(by_version) == 2


def test_a_request_keeps_the_model_that_it_began_with(tmp_path: Path) -> None:
    one, two = release(tmp_path, 1), release(tmp_path, 2)
    source = Named(one)
    with running(source, often()) as (client, server):
        address = server.servers[0].sockets[0].getsockname()
        body = json.dumps({"inputs": TEXTS[:1]}).encode()
        with socket.create_connection(address, timeout=SECONDS) as connection:
            head = f"POST /v1/encode HTTP/1.1\r\nHost: here\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body[:5])
            route = "latentops_requests_in_flight 2.0"
            until(lambda: route in client.get("/metrics").text)
            source.now = two
            until(serves(client, "2"))
            connection.sendall(body[5:])
            answer = connection.recv(10_000)
        assert b"x-model-version: 1\r\n" in answer


@pytest.mark.parametrize("fault", ["altered", "missing", "other kind", "no settings", "a bug"])
def test_a_next_model_that_fails_its_check_leaves_the_old_one(
    tmp_path: Path,
    fault: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, good = release(tmp_path, 1), release(tmp_path, 3)
    bad = release(tmp_path, 2, IMAGES if fault == "other kind" else COUNTS)
    spoil(bad, fault, monkeypatch)
    source = Named(one)
    with running(source, often()) as (client, _):
        source.now = bad
        until(lambda: swaps(client, "failed") == 1)
        time.sleep(0.1)  # some ten polls
        assert swaps(client, "failed") == 1
        assert serves(client, "1")()
        assert client.post("/v1/classify", json={"inputs": TEXTS}).status_code == 200
        assert client.get("/v2/health/ready").status_code == 200
        source.now = good
        until(serves(client, "3"))
        source.now = bad  # it is tried again when the source names it anew
        until(lambda: swaps(client, "failed") == 2)
    told = [one.getMessage() for one in caplog.records if "stays" in one.getMessage()]
    assert len(told) == 2
    assert all("\n" not in line for line in told)


def spoil(bad: Release, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if fault == "altered":
        with (bad.folder / "weights.safetensors").open("ab") as file:
            file.write(b" ")
    if fault == "missing":
        (bad.folder / "vocabulary.json").unlink()
    if fault == "no settings":
        (bad.folder / "settings.json").write_text("{}")
        bad.sha256s["settings.json"] = artifacts.sha256(bad.folder / "settings.json")  # type: ignore[index]
    if fault == "a bug":
        original = loading._warm

        def warm(loaded: Loaded) -> None:
            if loaded.release == bad:
                raise ZeroDivisionError
            original(loaded)

        monkeypatch.setattr(loading, "_warm", warm)


def test_a_source_that_does_not_answer_leaves_the_model(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = release(tmp_path, 1), release(tmp_path, 2)
    source = Named(one)
    with running(source, often()) as (client, _):
        source.now = StoreError("The MLflow store refused.")
        until(lambda: swaps(client, "failed") == 1)
        time.sleep(0.1)
        assert client.post("/v1/classify", json={"inputs": TEXTS}).status_code == 200
        source.now = two
        until(serves(client, "2"))
    assert sum("store refused" in one.getMessage() for one in caplog.records) == 1


def test_it_lives_before_it_is_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    original = loading._warm
    monkeypatch.setattr(loading, "_warm", lambda loaded: (go.wait(), original(loaded)))
    with running(Named(release(tmp_path, 1)), ready=False) as (client, _):
        assert client.get("/v2/health/live").status_code == 200
        assert client.get("/v2/health/ready").status_code == 503
        assert client.post("/v1/classify", json={"inputs": TEXTS}).status_code == 503
        assert "latentops_ready 0.0" in client.get("/metrics").text
        go.set()
        until(lambda: client.get("/v2/health/ready").status_code == 200)
        assert client.post("/v1/classify", json={"inputs": TEXTS}).status_code == 200


def test_a_first_model_that_is_not_what_it_was_ends_the_service(tmp_path: Path) -> None:
    bad = release(tmp_path, 1)
    (bad.folder / "weights.safetensors").write_bytes(b"")
    server = Server(Named(bad), Settings())
    with listening("127.0.0.1", 0) as listener:
        server.run(sockets=[listener])
    assert isinstance(server.service.current.failure, IntegrityError)


def test_an_exported_folder_says_what_it_holds(tmp_path: Path) -> None:
    made = release(tmp_path, 1)
    made.write()
    with running(Folder(made.folder), often()) as (client, _):
        about = client.get("/v1/model").json()
        assert (about["name"], about["version"]) == ("tiny", "1")
        later = release(tmp_path, 2)
        for path in MODEL_FILES:
            shutil.copy(later.folder / path.name, made.folder)
        Release("tiny", "2", "lineage-2", made.folder, later.sha256s).write()
        until(serves(client, "2"))


@pytest.mark.parametrize("text", ["{", '{"name": "x"}', '{"sha256": {"../../x": "0"}}'])
def test_a_model_json_that_cannot_be_read_is_one_line(tmp_path: Path, text: str) -> None:
    folder = folder_of(COUNTS, tmp_path)
    (folder / "model.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"model\.json"):
        Folder(folder).current()


# The registry's alias


@pytest.fixture
def two(light: Path) -> Path:
    """Version 1, which is champion, and version 2."""
    register_seed(0)
    register_seed(1)
    return light


def test_the_alias_is_followed(two: Path) -> None:
    source = Registered(Reference("tiny"))
    fixed = Registered(Reference("tiny", version=1))
    first = source.current()
    assert (first.name, first.version) == ("tiny", "1")
    assert source.current() is first
    assert loading.load(first).release is first
    promote(2, force=True)
    second = source.current()
    assert second.version == "2"
    assert second.lineage_key != first.lineage_key
    assert fixed.current() == first
    assert loading.load(second).model.encode_rows(TEXTS).shape == (3, 3)


def test_an_alias_that_moves_to_a_broken_version_is_told_until_it_moves_on(two: Path) -> None:
    source = Registered(Reference("tiny"))
    source.current()
    stored = MlflowClient(f"sqlite:///{two}/mlruns/mlflow.db").get_model_version("tiny", "2").source
    (weights,) = two.glob(f"mlruns/**/{stored.removeprefix('models:/')}/**/weights.safetensors")
    promote(2, force=True)
    whole = weights.read_bytes()
    weights.write_bytes(whole + b" ")
    for _ in range(2):
        with pytest.raises(IntegrityError, match=r"weights\.safetensors of version 2 of tiny"):
            source.current()
    promote(1, force=True)
    assert source.current().version == "1"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (Reference("tiny", alias="nobody"), "no alias 'nobody'"),
        (Reference("tiny", version=9), "no version 9"),
    ],
)
def test_what_does_not_exist_is_told(two: Path, asked: Reference, told: str) -> None:
    with pytest.raises(StoreError, match=told):
        Registered(asked).current()


def test_an_alias_that_somebody_else_moved_is_not_followed(two: Path) -> None:
    source = Registered(Reference("tiny"))
    source.current()
    MlflowClient(f"sqlite:///{two}/mlruns/mlflow.db").set_registered_model_alias(
        "tiny", "champion", "2"
    )
    with pytest.raises(IntegrityError):
        source.current()


# The end


class Process:
    """`latentops serve FOLDER` in a process of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-c", MAIN, "serve", str(folder), "--port", str(port), *options]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def wait_until_ready(self) -> None:
        until(self._is_ready)

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.process.communicate()
        try:
            return httpx.get(f"{self.address}/v2/health/ready").status_code == 200
        except httpx.ConnectError:
            return False


def test_asked_to_end_it_finishes_what_it_answers(tmp_path: Path) -> None:
    """Many ask, over connections that they keep; each is answered, or was never let in."""
    folder = folder_of(COUNTS, tmp_path)
    service = Process(folder)
    service.wait_until_ready()
    broken: list[Exception] = []
    answered: list[int] = []

    def ask() -> None:
        with httpx.Client(base_url=service.address, timeout=SECONDS) as client:
            while True:
                try:
                    answered.append(client.post("/v1/score", json={"inputs": TEXTS}).status_code)
                except httpx.ConnectError:
                    return
                except httpx.HTTPError as error:
                    broken.append(error)
                    return

    asking = [threading.Thread(target=ask) for _ in range(8)]
    for thread in asking:
        thread.start()
    until(lambda: len(answered) > 50)
    service.process.send_signal(signal.SIGTERM)
    for thread in asking:
        thread.join()
    _, errors = service.process.communicate(timeout=SECONDS)
    assert service.process.returncode == 0
    assert set(answered) == {200}
    assert not broken
    assert "Traceback" not in errors


def test_it_is_not_ready_from_the_moment_in_which_it_is_asked_to_end(tmp_path: Path) -> None:
    with running(Folder(folder_of(COUNTS, tmp_path))) as (client, server):
        assert client.get("/v2/health/ready").status_code == 200
        server.handle_exit(signal.SIGTERM, None)
        assert client.get("/v2/health/ready").status_code == 503


def test_what_cannot_be_served_is_one_line_and_status_1(tmp_path: Path) -> None:
    folder = folder_of(COUNTS, tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-c", MAIN, "serve", str(folder), "--port", port],
            capture_output=True,
            text=True,
            env=os.environ,
        )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: Cannot listen on 127.0.0.1")


def test_a_bow_model_is_served_without_torch(tmp_path: Path) -> None:
    text = """
import sys
from pathlib import Path
from latentops.service.app import create_app
from latentops.service.loaded import load
from latentops.service.sources import Folder
folder = Folder(Path(sys.argv[1]))
create_app(folder)
load(folder.current()).model.classify_rows(["turn on"])
assert "torch" not in sys.modules, "torch"
assert "mlflow" not in sys.modules, "mlflow"
"""
    command = [sys.executable, "-c", text, str(folder_of(COUNTS, tmp_path))]
    subprocess.run(command, check=True)

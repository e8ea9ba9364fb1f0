"""`latentops serve` beside `mlflow models serve`, on the same version: one utterance a request.

    python -m benchmarks.serving PROJECT [ROUNDS] [SECONDS]

PROJECT is the folder of a project whose champion is a model of texts. Both servers run at once,
with one thread each, and are asked in turns by `wrk`, another process on the same machine: at one
connection, which gives the latency, and at 64, which gives the rate. Then the model is exchanged
100 times and the service asked to end while others ask it: a request that is lost is an error.
"""

import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from latentops import artifacts
from latentops.errors import SettingsError
from latentops.release import Release

TEXT = "turn on the light in the kitchen please"
CONNECTIONS = (1, 64)
SWAPS = 100
ASKING = 8  # connections, while models are exchanged
MAIN = "from latentops.cli.main import main; main()"
_READY_SECONDS = 180
_UNITS_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


@dataclass(frozen=True)
class Side:
    """A server, where it is asked, and what."""

    name: str
    address: str
    body: str


@dataclass(frozen=True)
class Load:
    """What wrk measured."""

    requests_per_second: float
    p50_ms: float
    errors: int


def main() -> None:
    project, rounds, seconds = Path(sys.argv[1]), *map(int, (*sys.argv[2:], *"55")[:2])
    if shutil.which("wrk") is None:
        raise SettingsError("The load comes from wrk, which is not here: `apt install wrk`.")
    print(f"python -m benchmarks.serving PROJECT {rounds} {seconds}")
    with _served(project) as ours, _served_by_mlflow(project) as mlflows:
        sides = [ours, mlflows]
        _warm(sides)
        found = {
            connections: _in_turns(sides, connections, rounds, seconds)
            for connections in CONNECTIONS
        }
    _tell(sides, found)
    _exchange_under_load(project)


def _in_turns(
    sides: list[Side], connections: int, rounds: int, seconds: int
) -> dict[str, list[Load]]:
    loads: dict[str, list[Load]] = {side.name: [] for side in sides}
    for _ in range(rounds):
        for side in sides:
            loads[side.name].append(_asked(side, connections, seconds))
    return loads


def _tell(sides: list[Side], found: dict[int, dict[str, list[Load]]]) -> None:
    """Medians over rounds."""
    print(f"\n{'':24}" + "".join(f"{f'{one} connections':>28}" for one in CONNECTIONS))
    print(f"{'':24}" + f"{'p50, ms':>12}{'requests / s':>16}" * len(CONNECTIONS))
    for side in sides:
        cells = [found[connections][side.name] for connections in CONNECTIONS]
        told = "".join(
            f"{statistics.median(one.p50_ms for one in loads):12.3f}"
            f"{statistics.median(one.requests_per_second for one in loads):16.0f}"
            for loads in cells
        )
        print(f"{side.name:24}{told}")
    many = found[CONNECTIONS[-1]]
    ratios = [
        ours.requests_per_second / theirs.requests_per_second
        for ours, theirs in zip(*(many[side.name] for side in sides), strict=True)
    ]
    errors = sum(load.errors for loads in found.values() for one in loads.values() for load in one)
    print(
        f"\nratio at {CONNECTIONS[-1]} connections: {statistics.median(ratios):.1f}; "
        f"requests that failed: {errors}"
    )


def _asked(side: Side, connections: int, seconds: int) -> Load:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(
            'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
            f"wrk.body = {json.dumps(side.body)}\n"
        )
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
        told = subprocess.run(
            [*command, "-s", script.name, side.address], check=True, capture_output=True, text=True
        ).stdout
    if "50%" not in told:
        raise SettingsError(f"wrk did not say how long a request took:\n{told}")
    p50, unit = re.findall(r"50%\s+([0-9.]+)(us|ms|s)\n", told)[0]
    rate = re.findall(r"Requests/sec:\s+([0-9.]+)", told)[0]
    wrong = re.findall(r"Non-2xx or 3xx responses: ([0-9]+)", told)
    broken = re.findall(r"Socket errors: connect ([0-9]+), read ([0-9]+), write ([0-9]+)", told)
    errors = sum(map(int, [*wrong, *(count for counts in broken for count in counts)]))
    return Load(float(rate), float(p50) * _UNITS_MS[unit], errors)


@contextmanager
def _served(project: Path) -> Iterator[Side]:
    port = free_port()
    with running([sys.executable, "-c", MAIN, "serve", "--port", str(port)], project):
        wait(f"http://127.0.0.1:{port}/v2/health/ready")
        address = f"http://127.0.0.1:{port}/v1/classify"
        yield Side("latentops serve", address, json.dumps({"inputs": [TEXT]}))


@contextmanager
def _served_by_mlflow(project: Path) -> Iterator[Side]:
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    command += ["--model-uri", f"models:/{_name(project)}@champion", "--port", str(port)]
    with running([*command, "--workers", "1"], project):
        wait(f"http://127.0.0.1:{port}/ping")
        body = {"inputs": [TEXT], "params": {"task": "classify"}}
        address = f"http://127.0.0.1:{port}/invocations"
        yield Side("mlflow models serve", address, json.dumps(body))


def _name(project: Path) -> str:
    name: str = artifacts.read_json(project / artifacts.REGISTERED)["name"]
    return name


@contextmanager
def running(command: list[str], project: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Ended with all its children."""
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "MLFLOW_TRACKING_URI": f"sqlite:///{project.resolve()}/mlruns/mlflow.db",
        # MLflow's server looks up uvicorn there.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    process = subprocess.Popen(
        command,
        cwd=project,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def wait(address: str) -> None:
    end = time.monotonic() + _READY_SECONDS
    while time.monotonic() < end:
        try:
            if httpx.get(address).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise SettingsError(f"{address} did not answer within {_READY_SECONDS} s.")


def _warm(sides: list[Side]) -> None:
    for side in sides:
        _asked(side, 1, 1)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


# The model is exchanged, and the service ends, while others ask


def _exchange_under_load(project: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        served = Path(folder)
        export(project, served)
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-c", MAIN, "serve", str(served), "--port", str(port)]
        with running([*command, "--poll-seconds", "0.02"], project) as process:
            wait(f"{address}/v2/health/ready")
            asking = [Asking(address) for _ in range(ASKING)]
            for number in range(1, SWAPS + 1):
                release(served, number)
                _wait_for_version(address, number)
            process.send_signal(signal.SIGTERM)
            for one in asking:
                one.join()
            status = process.wait()
    answered = sum(one.answered for one in asking)
    lost = [one.lost for one in asking if one.lost]
    versions = set().union(*(one.versions for one in asking))
    print(
        f"{SWAPS} exchanges and SIGTERM under {ASKING} connections: {answered:,} answered by "
        f"{len(versions)} versions, {len(lost)} lost; exit status {status}"
    )
    if lost or status:
        sys.exit(f"error: {lost}")


def export(project: Path, folder: Path) -> None:
    """The project's model, as a folder that serves alone."""
    for path in (
        artifacts.WEIGHTS,
        artifacts.MODEL_SETTINGS,
        artifacts.SPEC,
        artifacts.VOCABULARY,
        artifacts.HEAD,
        artifacts.HEAD_FACTS,
    ):
        shutil.copy(project / path, folder)
    release(folder, 0)


def release(folder: Path, number: int) -> None:
    """A version that has the same files."""
    files = [path for path in folder.iterdir() if path.name != "model.json"]
    sha256s = {path.name: artifacts.sha256(path) for path in files}
    Release("exchanged", str(number), "", folder, sha256s).write()


def _wait_for_version(address: str, number: int) -> None:
    while httpx.get(f"{address}/v1/model").json()["version"] != str(number):
        time.sleep(0.01)


class Asking(threading.Thread):
    """One connection that is kept, until no new one is let in."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self.answered = 0
        self.versions: set[str] = set()
        self.lost = ""
        self._address = address
        self.start()

    def run(self) -> None:
        with httpx.Client(base_url=self._address, timeout=60) as client:
            while not self.lost:
                try:
                    self._ask(client)
                except httpx.ConnectError:
                    return
                except httpx.HTTPError as error:
                    self.lost = repr(error)

    def _ask(self, client: httpx.Client) -> None:
        answer = client.post("/v1/classify", json={"inputs": [TEXT]})
        if answer.status_code != httpx.codes.OK:
            self.lost = answer.text
        self.answered += 1
        self.versions.add(answer.headers["x-model-version"])


if __name__ == "__main__":
    main()

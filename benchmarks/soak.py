"""A service that is asked without a pause: does its memory stay where it was?

    python -m benchmarks.soak PROJECT [MINUTES]

PROJECT is the folder of a project whose model is one of texts. Tasks of all kinds, good and bad
requests, one text and many, are sent over several connections, and the model is exchanged all the
while; the resident memory that the service tells of itself is read every few seconds. Exit status 1
where the last third has more than a twentieth above the second third, where an answer is none that
was to be expected, or where the last version is not the one that answers in the end.
"""

import json
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx

from benchmarks.serving import MAIN, export, free_port, release, running, wait

CONNECTIONS = 8
EVERY_SECONDS = 5.0
LOOKS_PER_EXCHANGE = 4
MOST_GROWTH = 1.05
WORDS = ("turn", "on", "the", "light", "play", "music", "book", "a", "table", "wombat", "7")
_JSON = {"content-type": "application/json"}
_EXPECTED = {200, 413, 415, 422}


class Asking(threading.Thread):
    """A connection that asks at random until it is told to end."""

    def __init__(self, address: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.answered = 0
        self.unexpected: list[str] = []
        self.ending = threading.Event()
        self._address = address
        self._draw = random.Random(seed)
        self.start()

    def run(self) -> None:
        with httpx.Client(base_url=self._address, timeout=60) as client:
            while not self.ending.is_set():
                try:
                    self._ask(client)
                except httpx.HTTPError as error:
                    self.unexpected.append(repr(error))

    def _ask(self, client: httpx.Client) -> None:
        path, body = self._path_and_body()
        answer = client.post(path, content=body, headers=_JSON)
        self.answered += 1
        if answer.status_code not in _EXPECTED:
            self.unexpected.append(f"{answer.status_code} {answer.text[:200]}")

    def _path_and_body(self) -> tuple[str, bytes]:
        task = self._draw.choice(
            ["classify", "classify", "encode", "score", "reconstruct", "nothing"]
        )
        if task == "nothing":
            return "/v1/classify", self._draw.choice([b"", b"{", b"[]", b"x" * 9_000_000])
        rows = self._draw.choice([1, 1, 1, 2, 50])
        texts = [" ".join(self._draw.choices(WORDS, k=8)) for _ in range(rows)]
        return f"/v1/{task}", json.dumps({"inputs": texts}).encode()


def main() -> None:
    project, minutes = Path(sys.argv[1]).resolve(), float((*sys.argv[2:], "10")[0])
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as kept:
        folder, window = Path(kept, "model"), Path(kept, "window.parquet")
        folder.mkdir()
        export(project, folder)
        command = [sys.executable, "-c", MAIN, "serve", str(folder), "--port", str(port)]
        with running([*command, "--window", str(window), "--poll-seconds", "1"], project):
            wait(f"{address}/v2/health/ready")
            asking = [Asking(address, seed) for seed in range(CONNECTIONS)]
            memory = _watched(address, folder, minutes)
            for one in asking:
                one.ending.set()
                one.join()
            _require_last_version(address, len(memory))
    _judge(memory, asking, minutes)


def _watched(address: str, folder: Path, minutes: float) -> list[float]:
    """Resident megabytes, every few seconds; between them a new version takes over."""
    found: list[float] = []
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        time.sleep(EVERY_SECONDS)
        found.append(_resident_megabytes(address))
        if len(found) % LOOKS_PER_EXCHANGE == 0:
            release(folder, len(found))
            left_minutes = (end - time.monotonic()) / 60
            print(f"{left_minutes:.1f} minutes left, {found[-1]:.0f} MB", file=sys.stderr)
    return found


def _require_last_version(address: str, looks: int) -> None:
    expected = str(looks - looks % LOOKS_PER_EXCHANGE)
    time.sleep(EVERY_SECONDS)
    served = httpx.get(f"{address}/v1/model").json()["version"]
    if expected not in ("0", served):
        sys.exit(f"error: version {served} answers, and {expected} was released last.")


def _resident_megabytes(address: str) -> float:
    name = "process_resident_memory_bytes "
    lines = httpx.get(f"{address}/metrics", timeout=60).text.splitlines()
    return float(next(line for line in lines if line.startswith(name)).split()[1]) / 2**20


def _judge(memory: list[float], asking: list[Asking], minutes: float) -> None:
    third = max(len(memory) // 3, 1)
    middle, last = (
        statistics.median(memory[-2 * third : -third] or memory),
        statistics.median(memory[-third:]),
    )
    answered = sum(one.answered for one in asking)
    print(
        f"{minutes:g} minutes, {answered:,} answers, {len(memory) // LOOKS_PER_EXCHANGE} exchanges "
        f"of the model: {memory[0]:.0f} MB at first, then "
        f"{middle:.0f} and {last:.0f} (medians of the second and the last third), "
        f"{max(memory):.0f} at most"
    )
    if unexpected := [told for one in asking for told in one.unexpected]:
        sys.exit(f"error: {len(unexpected)} unexpected answers, such as {unexpected[0]}")
    if last > MOST_GROWTH * middle:
        sys.exit("error: its memory grows.")


if __name__ == "__main__":
    main()

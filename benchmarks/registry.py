"""Seconds of the registry's commands on a finished project, in a store that has no other load."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from latentops import artifacts
from latentops.registry import candidate, promotion, trace, versions
from latentops.registry.measure import Pair
from latentops.registry.reference import Reference
from latentops.registry.register import register
from latentops.registry.seal import seal
from latentops.registry.settings import Settings

ROUNDS = 5
_AUTHOR = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost")


def measure(project: Path) -> dict[str, float]:
    """The median over rounds, each with a registered model of its own."""
    _commit(project)
    rounds = []
    with inside(project):
        weights = artifacts.read_tensors(artifacts.WEIGHTS)
        register("warm-up", candidate.read())
        for number in range(ROUNDS):
            artifacts.write_tensors(weights, artifacts.WEIGHTS)
            rounds.append(_round(f"model-{number}", weights))
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def _round(name: str, weights: artifacts.Arrays) -> dict[str, float]:
    found = {
        "register": _seconds(lambda: register(name, candidate.read())),
        "register again": _seconds(lambda: register(name, candidate.read())),
        "seal": _seconds(lambda: seal(name, 1)),
    }
    moved = {key: array * 2 for key, array in weights.items()}
    artifacts.write_tensors(moved, artifacts.WEIGHTS)
    register(name, candidate.read())
    return found | {
        "promote, without scoring": _seconds(lambda: _promote(name)),
        "rollback": _seconds(lambda: promotion.rollback(name)),
        "lineage": _seconds(lambda: trace.trace(versions.find(Reference(name, 1)))),
    }


def _promote(name: str) -> None:
    promotion.promote(name, Settings(max_loss={}), _scored, lambda _: "", 2, force=True)


def _scored(challenger: Path, champion: Path | None) -> Pair:
    scores = {"elbo_nats": -1.0, "active_units": 9.0}
    return Pair(scores, scores, {}, (), rows=1, test_md5="")


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _commit(project: Path) -> None:
    for command in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "as it was made")):
        subprocess.run(["git", *_AUTHOR, *command], cwd=project, check=True, capture_output=True)


@contextmanager
def inside(project: Path) -> Iterator[None]:
    """The project's own store, whatever the caller's environment says."""
    here, before = Path.cwd(), dict(os.environ)
    os.chdir(project)
    os.environ["DVC_ROOT"] = str(project)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    try:
        yield
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(before)

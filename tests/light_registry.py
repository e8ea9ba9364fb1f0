"""Registering without what makes it slow, and scores that a test names: for many steps at once."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from tiny_model import write_project

from latentops.registry import audit, candidate, package, promotion, versions
from latentops.registry.audit import Chain
from latentops.registry.measure import Pair
from latentops.registry.promotion import Outcome
from latentops.registry.register import register
from latentops.registry.settings import Settings
from latentops.registry.versions import Version
from latentops.store import connect

NAME = "tiny"
POLICY = Settings(at_least={"accuracy": 0.5}, max_loss={})
GOOD, BAD = 0.9, 0.1
COMMIT = "c" * 40

WRITES = (
    "create_experiment",
    "create_run",
    "set_terminated",
    "create_logged_model",
    "log_model_artifacts",
    "finalize_logged_model",
    "log_outputs",
    "log_param",
    "create_registered_model",
    "create_model_version",
    "set_model_version_tag",
    "set_registered_model_tag",
    "set_registered_model_alias",
)
"""Of MlflowClient: every one that the registry makes."""


class Killed(BaseException):
    """As SIGKILL, no `except Exception` sees it."""


def save_files_only(folder: Path, described: object, made: object, files: list[Path]) -> None:
    (folder / "artifacts").mkdir(parents=True)
    for path in files:
        shutil.copy(path, folder / "artifacts")


@pytest.fixture
def light(mlflow_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose models are registered without MLflow's own files about them."""
    monkeypatch.setattr(package, "_save", save_files_only)
    write_project(mlflow_store)
    return mlflow_store


def register_seed(seed: int, name: str = NAME) -> Version:
    write_project(Path(), seed=seed)
    return register(name, candidate.read())


def seal(number: int, name: str = NAME) -> None:
    """As if git had been asked: the tag, and the event that says so."""
    store = connect()
    with store.lock:
        log = audit.require(store, name)
        log.settle()
        log.append("sealed", number, facts={"commit": COMMIT})
        store.client.set_model_version_tag(name, str(number), "sealed_commit", COMMIT)


def settle(name: str = NAME) -> Chain:
    """What the next command that writes does first."""
    store = connect()
    with store.lock:
        return audit.require(store, name).settle()


def scores(accuracy: float) -> dict[str, float]:
    return {"accuracy": accuracy, "elbo_nats": -80.0, "active_units": 3.0}


def scorer(accuracy: float, test_md5: str = "") -> promotion.Scorer:
    def score(challenger: Path, champion: Path | None) -> Pair:
        assert (challenger / "weights.safetensors").is_file()
        other = scores(0.7) if champion else None
        return Pair(scores(accuracy), other, {}, (), rows=10, test_md5=test_md5)

    return score


def promote(
    number: int | None = None,
    accuracy: float = GOOD,
    name: str = NAME,
    test_md5: str = "",
    **options: Any,
) -> Outcome:
    score = scorer(accuracy, test_md5)
    return promotion.promote(name, POLICY, score, lambda _: "table", number, **options)


def champion(name: str = NAME) -> int | None:
    """As MLflow's alias says."""
    found = connect().client.get_registered_model(name).aliases.get("champion")
    return None if found is None else int(found)


def history(name: str = NAME) -> list[tuple[str, int, int | None, int | None]]:
    return [
        (event.kind, event.version, event.champion_before, event.champion_after)
        for event in audit.events(name)
    ]


def tags(number: int, name: str = NAME) -> Mapping[str, str]:
    return next(one.tags for one in versions.list_versions(name) if one.number == number)


@contextmanager
def killed_at(write: int, after: bool) -> Iterator[None]:
    """Killed at the n-th write to the store from now, from 0, before or after it is done."""
    left = write

    def dying(original: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left >= 0:
                return original(*args, **kwargs)
            if left == -1 and after:
                original(*args, **kwargs)
            raise Killed

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in WRITES:
            patch.setattr(MlflowClient, name, dying(getattr(MlflowClient, name)))
        yield

"""A worker of a study whose trials train nothing, as if it ran on a machine of its own."""

import functools
import os
import time
from contextlib import suppress
from pathlib import Path

from latentops import objectives
from latentops.tuning import alive, patience, storage, worker
from latentops.tuning.outcome import Outcome, Report
from latentops.tuning.settings import Dimension, Settings
from latentops.tuning.space import BETA, Choice, Sections
from latentops.tuning.study import Study

NAME = "study"
SECTIONS: Sections = {"objective": objectives.Settings()}


def settings(trials: int) -> Settings:
    """Each slot of this study has a beta of its own, by which it is known outside too."""
    return Settings(
        trials=trials, sampler="grid", space={BETA: Dimension(low=0.1, high=10.0, log=True)}
    )


def outcome(beta: float) -> Outcome:
    return Outcome(
        rate_nats=1 / beta,
        distortion_nats=beta,
        elbo_nats=-beta - 1 / beta,
        active_units=2,
        seconds=0.0,
        epochs=1,
    )


def main(address: str, trials: int, log: Path, seconds: float) -> None:
    """Write to the log `pid beta` when a trial begins, and again when it ends."""
    patience._LONGEST_PAUSE = 0.2
    for wait in ("grpc.initial_reconnect_backoff_ms", "grpc.max_reconnect_backoff_ms"):
        storage._CHANNEL[wait] = 200
    alive._machine = lambda: f"a machine for {os.getpid()}"
    alive.beating = functools.partial(alive.beating, seconds_between=0.3)

    def attempt(choice: Choice, report: Report) -> Outcome:
        _note(log, choice[BETA])
        time.sleep(seconds)
        _note(log, choice[BETA])
        return outcome(choice[BETA])

    with (
        suppress(KeyboardInterrupt),
        storage.interrupted_by_sigterm(),
        storage.opened(address, Path("unused")) as opened,
    ):
        worker.work(Study(opened, NAME, settings(trials), SECTIONS), attempt)


def _note(log: Path, beta: float) -> None:
    with log.open("a") as file:
        file.write(f"{os.getpid()} {beta}\n")

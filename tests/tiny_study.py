"""Studies without a training: what a choice is worth follows from a formula.

ELBO is highest at beta 2 and latent 16; the rate falls with beta.
"""

import math
import multiprocessing
import os
import signal
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import FrozenTrial

from latentops import objectives
from latentops.errors import NumericalError
from latentops.networks import mlp
from latentops.training.settings import Settings as TrainSettings
from latentops.tuning import alive, coordinator, proposals, storage
from latentops.tuning.outcome import Outcome, Report
from latentops.tuning.settings import Settings
from latentops.tuning.space import BETA, LATENT, Choice
from latentops.tuning.study import Record, Study
from latentops.tuning.worker import Attempt

SECTIONS = {
    "model": mlp.Settings(kind="mlp", hidden=(16,), decoder_hidden=(16,)),
    "objective": objectives.Settings(),
    "train": TrainSettings(batch_size=50, learning_rate=3e-3, epochs=99),
}


def tune(**values: Any) -> Settings:
    return Settings.model_validate(values)


def outcome_of(choice: Choice, epochs: int = 4) -> Outcome:
    beta, latent = choice.get(BETA, 2.0), choice.get(LATENT, 16)
    elbo_nats = -90.0 - math.log(beta / 2) ** 2 - math.log(latent / 16) ** 2
    rate_nats = 40 / (1 + beta)
    return Outcome(rate_nats, -elbo_nats - rate_nats, elbo_nats, latent, 0.5, epochs, -elbo_nats)


def attempt(choice: Choice, report: Report) -> Outcome:
    """Four epochs, each nearer to the end."""
    found = outcome_of(choice)
    for epoch in range(1, 5):
        elbo_nats = found.elbo_nats - 50 / epoch**2
        row = {
            "epoch": epoch,
            "valid_elbo_nats": elbo_nats,
            "valid_rate_nats": found.rate_nats,
            "valid_distortion_nats": -elbo_nats - found.rate_nats,
            "seconds": 0.1,
        }
        report(row, elbo_nats)
    return found


def failing(choice: Choice, report: Report) -> Outcome:
    raise NumericalError(f"The loss stopped being finite at step {choice[LATENT]}. Try less.")


def opened(folder: Path) -> AbstractContextManager[BaseStorage]:
    """A journal of its own."""
    return storage.opened(None, folder / "s.journal")


def study_in(where: BaseStorage, settings: Settings) -> Study:
    return Study(where, "s", settings, SECTIONS)


def run(
    settings: Settings,
    attempt: Attempt = attempt,
    where: BaseStorage | None = None,
    seen: list[Record] | None = None,
    points: Sequence[Choice] | None = None,
    watch: alive.Watch | None = None,
) -> list[Record]:
    """As stage tune does, by one worker; in memory if nowhere else."""
    study = study_in(InMemoryStorage() if where is None else where, settings)
    return coordinator.run(
        study,
        len(points) if points else proposals.total(settings, SECTIONS),
        attempt,
        (lambda record: None) if seen is None else seen.append,
        watch or alive.Watch(private=True),
        coordinator.Workers([], 0, 1),
        points,
    )


def choices(records: Sequence[Record]) -> list[Choice]:
    return [record.choice for record in records]


class EverybodyGone(alive.Watch):
    """As the next process sees the trials of one that was killed."""

    def __init__(self) -> None:
        super().__init__(private=True)

    def is_dead(self, trial: FrozenTrial) -> bool:
        return True


def process(target: Callable[..., object], *arguments: Any) -> BaseProcess:
    """Started as a copy of this one, which costs no imports."""
    with warnings.catch_warnings():  # of Python 3.12, where other threads run
        warnings.simplefilter("ignore", DeprecationWarning)
        started = multiprocessing.get_context("fork").Process(target=target, args=arguments)
        started.start()
    return started


def killed_after(survived: int, settings: Settings, folder: Path) -> None:
    """A process that is killed in the middle of the trial after so many."""

    def attempt_or_die(choice: Choice, report: Report) -> Outcome:
        nonlocal survived
        if not survived:
            os.kill(os.getpid(), signal.SIGKILL)
        survived -= 1
        return attempt(choice, report)

    def work() -> None:
        with opened(folder) as where:
            run(settings, attempt_or_die, where)

    killed = process(work)
    killed.join()
    assert killed.exitcode == -signal.SIGKILL

"""One trial: a model trained on the training split and scored on the validation split."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor

from latentops import build, objectives
from latentops.artifacts import Arrays, Spec, Vocabulary
from latentops.data.batches import Examples, in_batches
from latentops.errors import NumericalError
from latentops.metrics import latent
from latentops.model import VAE
from latentops.training import loop
from latentops.training.settings import Settings as TrainSettings
from latentops.tuning import outcome, space
from latentops.tuning.outcome import HEAD_SCORES, Outcome, Report, Row
from latentops.tuning.probe import Probe
from latentops.tuning.settings import Settings
from latentops.tuning.space import Choice, Sections

# What a nat of rate above the budget costs, in nats of distortion, when trials are pruned: more
# than it can gain, for along the front a nat of rate buys less than beta nats of distortion.
_COST_OF_EXCESS = 20.0
_RUNGS = (1, 2)  # where the score is a head's, which costs a fit: after 1/3 and 1/9 of the epochs
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


@dataclass(frozen=True)
class Data:
    """What stage prepare wrote, without the test split."""

    spec: Spec
    vocabulary: Vocabulary
    train: Arrays
    valid: Arrays


class Trainer:
    """Trains a model for each choice, on the in-scope examples."""

    def __init__(
        self, data: Data, sections: Sections, tune: Settings, threads: int | None = None
    ) -> None:
        """With at most so many threads, all by default.

        Raises SettingsError where the score needs labels that the data does not have.
        """
        self._data, self._tune = data, tune
        self._share = share = threads or joblib.cpu_count()
        self._pools = ThreadpoolController()
        within = {"train.epochs": tune.epochs, "train.threads": share}
        if asked := space.value("train.threads", sections):
            within["train.threads"] = min(asked, share)
        self._sections = space.applied(within, sections)
        self._ready: tuple[object, _Examples] | None = None
        measured = {*tune.score} & {*HEAD_SCORES} if tune.mode == "score" else ()
        self._probe = Probe(data.spec.source, _labels(data), tune) if measured else None

    def __call__(self, choice: Choice, report: Report) -> Outcome:
        """Raises NumericalError where a loss or a score is not finite or the memory is too small,
        and SettingsError where the chosen settings contradict each other."""
        sections = space.applied(choice, self._sections)
        with self._within_share(), _memory_is_the_trials():
            return self._trained(sections, report)

    def _trained(self, sections: Mapping[str, Any], report: Report) -> Outcome:
        examples = self._examples(sections["model"])
        vae = build.model(
            self._data.spec,
            self._data.vocabulary,
            sections["model"],
            sections["train"].seed,
            examples.unigram,
        )
        training = _Training(vae, examples, sections, self._tune, self._probe)
        return training.outcome(report)

    @contextmanager
    def _within_share(self) -> Iterator[None]:
        """No more threads than this process's share: those of torch, and of what scikit-learn
        calls."""
        threads = torch.get_num_threads()
        torch.set_num_threads(min(threads, self._share))
        try:
            with self._pools.limit(limits=self._share):
                yield
        finally:
            torch.set_num_threads(threads)

    def _examples(self, model: build.Model) -> "_Examples":
        """Those of the trial before where its settings read the data alike."""
        read = build.reading(model)
        if self._ready is None or self._ready[0] != read:
            self._ready = read, _Examples(self._data, model)
        return self._ready[1]


class _Examples:
    """Both splits in scope, as a model of some settings reads them."""

    def __init__(self, data: Data, model: build.Model) -> None:
        self.train, self.valid = (_in_scope(data, each, model) for each in (data.train, data.valid))
        self.unigram = build.unigram(self.train)


class _Training:
    """A model while it is trained, and what it is worth at any moment."""

    def __init__(
        self,
        vae: VAE,
        examples: _Examples,
        sections: Mapping[str, Any],
        tune: Settings,
        probe: Probe | None,
    ) -> None:
        self._vae, self._examples, self._tune, self._probe = vae, examples, tune, probe
        self._objective: objectives.Settings = sections["objective"]
        self._settings: TrainSettings = sections["train"]

    def outcome(self, report: Report) -> Outcome:
        """Train, and tell each epoch."""

        def log(step: int, row: Row) -> None:
            report(row, self._value(row))

        splits = self._examples.train, self._examples.valid
        fit = loop.fit(self._vae, *splits, self._objective, self._settings, log)
        row = fit.history[fit.best_epoch - 1]
        valid_NZ = self._means(self._examples.valid)
        return Outcome(
            rate_nats=row["valid_rate_nats"],
            distortion_nats=row["valid_distortion_nats"],
            elbo_nats=fit.valid_elbo_nats,
            active_units=latent.active_units(valid_NZ),
            seconds=fit.seconds,
            epochs=fit.epochs,
            **self._head_scores(valid_NZ),
        )

    def _value(self, row: Row) -> float | None:
        """By which the trial compares with others at this epoch: none before the warm-up is over,
        and of a head's score none between its rungs."""
        epochs = self._settings.epochs
        prunes = self._tune.pruner != "none" and row["epoch"] < epochs  # the last one is paid for
        examples = len(self._examples.train)
        if not prunes or not loop.settled(row, examples, self._objective, self._settings):
            return None
        if self._tune.mode == "budget":
            excess_nats = outcome.excess_rate_nats(row["valid_rate_nats"], self._tune)
            return -row["valid_distortion_nats"] - _COST_OF_EXCESS * max(0.0, excess_nats)
        if self._probe is None:
            return row["valid_elbo_nats"]
        if row["epoch"] not in {math.ceil(epochs / 3**rung) for rung in _RUNGS}:
            return None
        return self._head_scores(self._means(self._examples.valid))[self._tune.score[0]]

    def _head_scores(self, valid_NZ: Tensor) -> dict[str, float]:
        return (
            self._probe.scores(self._means(self._examples.train), valid_NZ) if self._probe else {}
        )

    @torch.no_grad()
    def _means(self, examples: Examples) -> Tensor:
        """Of the model as it is now, on the CPU; it goes on in the mode in which it was."""
        device, training = next(self._vae.parameters()).device, self._vae.training
        frozen = examples.frozen(self._settings.seed).to(device)
        self._vae.eval()
        batches = in_batches(frozen, self._settings.batch_size)
        means_NZ = torch.cat([self._vae.encode(batch.input).mean for batch in batches])
        self._vae.train(training)
        return means_NZ.cpu()


@contextmanager
def _memory_is_the_trials() -> Iterator[None]:
    """A model that is too large fails as a trial: the study goes on with smaller ones."""
    try:
        yield
    except RuntimeError as error:  # also torch.OutOfMemoryError
        if not any(sign in str(error) for sign in _NO_MEMORY):
            raise
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise NumericalError("The model or its batches do not fit into the memory.") from error


def _in_scope(data: Data, arrays: Arrays, model: build.Model) -> Examples:
    rows = torch.from_numpy(np.flatnonzero(arrays["in_scope"]))
    return build.examples(data.spec, data.vocabulary, arrays, model).subset(rows)


def _labels(data: Data) -> tuple[np.ndarray, np.ndarray]:
    train, valid = (arrays["y"][arrays["in_scope"]] for arrays in (data.train, data.valid))
    return train, valid

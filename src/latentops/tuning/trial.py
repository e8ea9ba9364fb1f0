"""One trial: a model trained on the training split and scored on the validation split."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentops import build, objectives
from latentops.artifacts import Arrays, Spec, Vocabulary
from latentops.data.batches import Examples, in_batches
from latentops.errors import NumericalError, SettingsError
from latentops.metrics import latent
from latentops.model import VAE
from latentops.training import loop
from latentops.training.settings import Settings as TrainSettings
from latentops.tuning.outcome import Outcome
from latentops.tuning.settings import Settings
from latentops.tuning.space import Choice
from latentops.verdict import heads
from latentops.verdict.features import Blocks, Scale


@dataclass(frozen=True)
class Data:
    """What stage prepare wrote, without the test split."""

    spec: Spec
    vocabulary: Vocabulary
    train: Arrays
    valid: Arrays


class Trainer:
    """Trains a model for each choice, on the in-scope examples, made ready once."""

    def __init__(
        self,
        data: Data,
        model: build.Model,
        objective: objectives.Settings,
        train: TrainSettings,
        tune: Settings,
    ) -> None:
        """Raises SettingsError where the score needs labels that the data does not have."""
        self.data, self.model, self.objective, self.tune = data, model, objective, tune
        self.settings = train.model_copy(update={"epochs": tune.epochs})
        self.train = _Split(data, data.train, model)
        self.valid = _Split(data, data.valid, model)
        self.unigram = build.unigram(self.train.examples)
        if tune.score == "accuracy":
            self._check_labels()

    def __call__(self, choice: Choice) -> Outcome:
        """Raises NumericalError where a loss or a score is not finite."""
        model = self.model.model_copy(update={"latent": choice.latent})
        objective = self.objective.model_copy(update={"beta": choice.beta})
        vae = build.model(
            self.data.spec, self.data.vocabulary, model, self.settings.seed, self.unigram
        )
        fit = loop.fit(vae, self.train.examples, self.valid.examples, objective, self.settings)
        row = fit.history[fit.best_epoch - 1]
        valid_NZ = self._means(vae, self.valid)
        return Outcome(
            score=self._score(vae, fit, valid_NZ),
            rate_nats=row["valid_rate_nats"],
            distortion_nats=row["valid_distortion_nats"],
            elbo_nats=fit.valid_elbo_nats,
            active_units=latent.active_units(valid_NZ),
            seconds=fit.seconds,
        )

    def _score(self, vae: VAE, fit: loop.Fit, valid_NZ: Tensor) -> float:
        if self.tune.score == "elbo":
            return fit.valid_elbo_nats
        train, valid = self.train, self.valid
        features = [self._means(vae, train)[train.labelled], valid_NZ[valid.labelled]]
        if not all(torch.isfinite(means_NZ).all() for means_NZ in features):
            raise NumericalError("A latent mean is not finite. Try a lower train.learning_rate.")
        scale = Scale.of(features[0].numpy())
        of_train, of_valid = (_blocks(scale(means_NZ.numpy())) for means_NZ in features)
        _, accuracy = heads.choose(of_train, train.y, "vae", self.tune.seed, (of_valid, valid.y))
        assert accuracy is not None, "validation rows choose"
        return accuracy

    @torch.no_grad()
    def _means(self, vae: VAE, split: "_Split") -> Tensor:
        vae.eval()
        frozen = split.examples.frozen(self.settings.seed)
        batches = in_batches(frozen, self.settings.batch_size)
        return torch.cat([vae.encode(batch.input).mean for batch in batches])

    def _check_labels(self) -> None:
        classes = len(np.unique(self.train.y))
        if classes < 2 or not len(self.valid.y):
            raise SettingsError(
                f"tune.score 'accuracy' needs labels: {self.data.spec.source!r} has {classes} "
                f"classes in training and {len(self.valid.y)} labels in validation. "
                "Set tune.score to elbo."
            )


def _blocks(means_NZ: np.ndarray) -> Blocks:
    return {"vae": means_NZ}


class _Split:
    """The in-scope examples of a split, and the labels of those that have one."""

    def __init__(self, data: Data, arrays: Arrays, model: build.Model) -> None:
        rows = torch.from_numpy(np.flatnonzero(arrays["in_scope"]))
        everything = build.examples(data.spec, data.vocabulary, arrays, model)
        self.examples: Examples = everything.subset(rows)
        y = arrays["y"][arrays["in_scope"]]
        self.labelled = torch.from_numpy(np.flatnonzero(y >= 0))
        self.y = y[y >= 0]

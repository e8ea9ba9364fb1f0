"""How well a linear head tells the classes of the validation split from latent means."""

import numpy as np
import torch
from torch import Tensor

from latentops.errors import NumericalError, SettingsError
from latentops.metrics import classification
from latentops.tuning.settings import Settings
from latentops.verdict import budgets, heads
from latentops.verdict.features import Blocks, Scale

_FEATURES = "vae"


class Probe:
    """The labels of both splits, and the samples of them that a head is fitted on."""

    def __init__(self, source: str, y: tuple[np.ndarray, np.ndarray], tune: Settings) -> None:
        """`y`: class indices of training and validation, -1 where a row has no label.

        Raises SettingsError where nothing can be told from them.
        """
        train_y, valid_y = y
        self._labelled = [torch.from_numpy(np.flatnonzero(y >= 0)) for y in (train_y, valid_y)]
        self._train_y, self._valid_y = train_y[train_y >= 0], valid_y[valid_y >= 0]
        self._tune = tune
        classes = len(np.unique(self._train_y))
        if classes < 2 or not len(self._valid_y):
            raise SettingsError(
                f"tune.score {'+'.join(tune.score)} needs labels: {source!r} has {classes} classes "
                f"in training and {len(self._valid_y)} labels in validation. Set tune.score: elbo."
            )
        self._samples = self._drawn()

    def scores(self, train_NZ: Tensor, valid_NZ: Tensor) -> dict[str, float]:
        """Accuracy and macro recall, means over the samples of labels, by the names of outcomes."""
        train, valid = (
            means_NZ[rows].numpy()
            for means_NZ, rows in zip((train_NZ, valid_NZ), self._labelled, strict=True)
        )
        if not (np.isfinite(train).all() and np.isfinite(valid).all()):
            raise NumericalError("A latent mean is not finite. Try a lower train.learning_rate.")
        found = [self._of_sample(rows, train, valid) for rows in self._samples]
        return {name: float(np.mean([each[name] for each in found])) for name in found[0]}

    def _drawn(self) -> tuple[np.ndarray, ...]:
        if self._tune.labels is None:
            return (np.arange(len(self._train_y)),)
        return budgets.of_each_class(self._train_y, self._tune.labels, self._tune.seed)

    def _of_sample(
        self, rows: np.ndarray, train: np.ndarray, valid: np.ndarray
    ) -> dict[str, float]:
        scale = Scale.of(train[rows])
        of_train, of_valid = _blocks(scale(train[rows])), _blocks(scale(valid))
        y, seed = self._train_y[rows], self._tune.seed
        best, accuracy = heads.choose(of_train, y, _FEATURES, seed, (of_valid, self._valid_y))
        assert accuracy is not None, "validation rows choose"
        if "macro_recall" not in self._tune.score:
            return {"accuracy": accuracy}
        predicted = heads.fit(of_train, y, _FEATURES, best).predict(of_valid)
        recall = classification.scores(self._valid_y, predicted)["recall_macro"]
        return {"accuracy": accuracy, "macro_recall": recall}


def _blocks(means_NZ: np.ndarray) -> Blocks:
    return {_FEATURES: means_NZ}

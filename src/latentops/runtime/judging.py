"""What a classifier says of one text: `Classifier.judge`, in a third of its time for a single row.

There most of the time goes to the arrays of one number; here these are plain numbers.

Shape suffixes: V terms, Z latent dimensions, H hidden units, C classes; n terms of the text.
"""

import math

import numpy as np

from latentops.classifier import Classifier
from latentops.data.weighting import Weighting
from latentops.runtime.layers import Reading
from latentops.runtime.priors import Prior
from latentops.runtime.words import Bag


class Judge:
    """Of a classifier of texts; `weighting` is that of its terms, `prior` that of the model."""

    def __init__(self, head: Classifier, weighting: Weighting, prior: Prior) -> None:
        self._head, self._weighting, self._prior = head, weighting, prior
        self._classes, self._temperature = head.classes, head.head.temperature
        self._terms_VC = None if head.terms is None else head.terms.weights_VC
        self._signals = [
            (name, weighed.weight, weighed.mean, weighed.sd)
            for name, weighed in head.detector.signals.items()
        ]
        self._threshold = head.threshold

    def __call__(self, bag: Bag, read: Reading | None) -> dict[str, str | float | bool]:
        """A row of `Predictor.classify`; `read` is of this text, where the classifier needs it."""
        logits_C = self._logits(bag, read)
        best = int(logits_C.argmax())
        most = float(logits_C[best])
        score = self._strangeness(most, bag, read)
        return {
            "label": self._classes[best],
            "probability": 1 / float(np.exp((logits_C - most) / self._temperature).sum()),
            "out_of_scope": score > self._threshold,
            "out_of_scope_score": score,
        }

    def _logits(self, bag: Bag, read: Reading | None) -> np.ndarray:
        logits_C = self._head.bias_C
        if self._terms_VC is not None:
            values_n = self._weighting.of_one(bag.counts_n, bag.columns_n)
            logits_C = logits_C + values_n @ self._terms_VC.take(bag.columns_n, axis=0)
        if read is not None and self._head.mean_ZC is not None:
            logits_C = logits_C + read.mean_BZ[0] @ self._head.mean_ZC
        if read is not None and self._head.hidden_HC is not None:
            logits_C = logits_C + read.hidden_BH[0] @ self._head.hidden_HC
        return logits_C

    def _strangeness(self, most: float, bag: Bag, read: Reading | None) -> float:
        signals = {
            "margin": -most,
            "rate": 0.0 if read is None else -float(self._prior.by_dimension(read).sum()),
            "known": -math.log1p(bag.known),
            "unknown": math.log1p(bag.unknown),
        }
        return sum(weight * (signals[name] - mean) / sd for name, weight, mean, sd in self._signals)

"""The classifier that is shipped with the model, on the test rows."""

import numpy as np

from latentops.classifier import Classifier
from latentops.evaluation.scores import Scores
from latentops.metrics import classification, detection


def accuracies(y: np.ndarray, predicted: np.ndarray, seen_in_train: np.ndarray | None) -> Scores:
    """Of labelled rows, [N]; once more of those that do not stand in train, where that is known."""
    found = classification.scores(y, predicted)
    if seen_in_train is None or seen_in_train.all():
        return found
    unseen = ~seen_in_train
    return {**found, "accuracy_unseen": float((predicted == y)[unseen].mean())}


def detections(classifier: Classifier, known_N: np.ndarray, strangers_S: np.ndarray) -> Scores:
    """Of the strangeness of rows in scope and of those that are not."""
    return {
        "out_of_scope_auroc": detection.auroc(known_N, strangers_S),
        "out_of_scope_recall": detection.recall(strangers_S, classifier.threshold),
        "in_scope_refused": detection.recall(known_N, classifier.threshold),
    }

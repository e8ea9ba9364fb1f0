"""How well a linear classifier does on given features: the linear probe and its baselines."""

import time
import warnings
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, recall_score
from sklearn.preprocessing import StandardScaler

Features = np.ndarray | scipy.sparse.csr_matrix  # [N, features]

INVERSE_PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)  # scikit-learn's C
_ITERATIONS = 1000


@dataclass(frozen=True)
class Head:
    """A fitted multinomial logistic regression."""

    scaler: StandardScaler | None  # of dense features; sparse ones are taken as they are
    regression: LogisticRegression
    converged: bool
    fit_seconds: float  # of the whole search

    def predict(self, x: Features) -> np.ndarray:
        """The class index of each row, [N]."""
        return np.asarray(self.regression.predict(self.scaler.transform(x) if self.scaler else x))

    @property
    def inverse_penalty(self) -> float:
        return float(self.regression.C)

    @property
    def bytes(self) -> int:
        """Of the numbers that a prediction needs."""
        scaling = [self.scaler.mean_, self.scaler.scale_] if self.scaler else []
        arrays = [self.regression.coef_, self.regression.intercept_, *scaling]
        return int(sum(array.nbytes for array in arrays))


def fit_head(
    x_train: Features, y_train: np.ndarray, x_valid: Features, y_valid: np.ndarray
) -> Head:
    """The head with the best validation accuracy, fitted on the training rows alone.

    C rises through `INVERSE_PENALTIES` until validation accuracy falls; without validation rows it
    is 1. Labels are class indices, of two classes or more in `y_train`.
    """
    started = time.perf_counter()
    scaler = None if scipy.sparse.issparse(x_train) else StandardScaler().fit(x_train)
    if scaler:
        x_train = scaler.transform(x_train)
        x_valid = scaler.transform(x_valid) if len(y_valid) else x_valid
    regression, converged = _search(x_train, y_train, x_valid, y_valid)
    return Head(scaler, regression, converged, time.perf_counter() - started)


def _search(
    x_train: Features, y_train: np.ndarray, x_valid: Features, y_valid: np.ndarray
) -> tuple[LogisticRegression, bool]:
    if not len(y_valid):
        return _fit(x_train, y_train, inverse_penalty=1.0)
    best, best_accuracy = None, -1.0
    for inverse_penalty in INVERSE_PENALTIES:
        candidate = _fit(x_train, y_train, inverse_penalty)
        accuracy = candidate[0].score(x_valid, y_valid)
        if accuracy < best_accuracy:
            break
        if accuracy > best_accuracy:
            best, best_accuracy = candidate, accuracy
    assert best is not None
    return best


def _fit(x: Features, y: np.ndarray, inverse_penalty: float) -> tuple[LogisticRegression, bool]:
    # On thousands of sparse columns each partial derivative is small, so that lbfgs, which looks
    # at the largest, stops at once; saga looks at the change of the coefficients.
    regression = (
        LogisticRegression(
            C=inverse_penalty, solver="saga", tol=1e-2, max_iter=_ITERATIONS, random_state=0
        )
        if scipy.sparse.issparse(x)
        else LogisticRegression(C=inverse_penalty, solver="lbfgs", max_iter=_ITERATIONS)
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        regression.fit(x, y)
    stopped_early = any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    return regression, not stopped_early


def scores(y: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Shares of one. Macro means weigh the classes alike, those that stand in `y`."""
    present = np.unique(y)
    return {
        "accuracy": float(accuracy_score(y, predicted)),
        "recall_macro": float(
            recall_score(y, predicted, labels=present, average="macro", zero_division=0)
        ),
        "f1_macro": float(f1_score(y, predicted, labels=present, average="macro", zero_division=0)),
    }

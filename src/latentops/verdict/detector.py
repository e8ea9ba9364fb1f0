"""Several signs that a row is a stranger, weighed into one number on validation rows."""

from collections.abc import Mapping

import numpy as np
from sklearn.linear_model import LogisticRegression

from latentops.classifier import Detector, Weighed
from latentops.metrics.detection import threshold_at

LEAST_STRANGERS = 20  # fewer say little on how to weigh several signals

Signals = Mapping[str, np.ndarray]  # each [N], higher for a stranger


def fit(in_scope: Signals, strangers: Signals, refuse: float) -> Detector:
    """Weights from a logistic regression, and the threshold that refuses the share `refuse`.

    `in_scope` and `strangers` are of validation. With fewer than `LEAST_STRANGERS` the first
    signal stands alone.
    """
    count, many = (len(next(iter(rows.values()))) for rows in (in_scope, strangers))
    if many < LEAST_STRANGERS:
        first = next(iter(in_scope))
        note = f"{first} alone, for validation has {many or 'no'} strangers to weigh others on"
        weighed = {first: _standard(in_scope[first])}
    else:
        note = f"logistic regression on {many} strangers and {count} rows in scope of validation"
        weighed = _weigh(in_scope, strangers)
    values_N = combine(weighed, in_scope)
    threshold = threshold_at(values_N, refuse)
    refused = float((values_N > threshold).mean())
    return Detector(signals=weighed, threshold=threshold, refused=refused, note=note)


def combine(weighed: Mapping[str, Weighed], signals: Signals) -> np.ndarray:
    """Strangeness, [N]."""
    return np.asarray(sum(part.of(signals[name]) for name, part in weighed.items()))


def _weigh(in_scope: Signals, strangers: Signals) -> dict[str, Weighed]:
    """Without the signals that are the same for every row in scope."""
    units = {name: _standard(values_N) for name, values_N in in_scope.items() if np.ptp(values_N)}
    if not units:
        first = next(iter(in_scope))
        return {first: _standard(in_scope[first])}
    x = np.concatenate([_columns(units, in_scope), _columns(units, strangers)])
    is_stranger = np.arange(len(x)) >= len(next(iter(in_scope.values())))
    weights = LogisticRegression().fit(x, is_stranger).coef_[0]
    return {
        name: unit.model_copy(update={"weight": float(weight)})
        for (name, unit), weight in zip(units.items(), weights, strict=True)
    }


def _columns(units: Mapping[str, Weighed], signals: Signals) -> np.ndarray:
    return np.stack([unit.of(signals[name]) for name, unit in units.items()], axis=1)


def _standard(values_N: np.ndarray) -> Weighed:
    return Weighed(
        weight=1.0, mean=float(values_N.mean()), sd=float(values_N.std(dtype=np.float64)) or 1.0
    )

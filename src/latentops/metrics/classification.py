"""How well predicted classes fit the true ones."""

import numpy as np


def scores(y: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Shares of one, from class indices. Macro means weigh the classes alike, those in `y`."""
    count = 1 + int(max(y.max(), predicted.max()))
    present = np.unique(y)
    right_C = np.bincount(y[y == predicted], minlength=count)[present]
    actual_C = np.bincount(y, minlength=count)[present]
    predicted_C = np.bincount(predicted, minlength=count)[present]
    return {
        "accuracy": float((y == predicted).mean()),
        "recall_macro": float((right_C / actual_C).mean()),
        "f1_macro": float((2 * right_C / (actual_C + predicted_C)).mean()),
    }

"""Models as points of the rate-distortion plane: the smaller both are, the better."""

import numpy as np
import pandas as pd


def front(points: pd.DataFrame) -> pd.DataFrame:
    """The rows that no other matches in `rate_nats` and `distortion_nats` at once, by rising rate.

    Of rows that are equal in both the first.
    """
    ordered = points.sort_values(["rate_nats", "distortion_nats"], kind="stable")
    least_before = ordered["distortion_nats"].cummin().shift(fill_value=np.inf)
    return ordered[ordered["distortion_nats"] < least_before]

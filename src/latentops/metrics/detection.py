# ruff: noqa: N815 - names end in their shape suffixes
"""How well a strangeness tells strangers from rows in scope; higher means stranger.

Shape suffixes: N rows in scope, S strangers, G signals, B bootstrap draws.
"""

from dataclasses import dataclass

import numpy as np

DRAWS = 2_000
_NUMBERS_AT_ONCE = 1 << 22
_ROUNDING = 1e-9  # so that 0.07 of 100 rows is 7


def auroc(in_scope_N: np.ndarray, strangers_S: np.ndarray) -> float:
    """The probability that a stranger is above a row in scope; a tie counts as half."""
    return float(_rank_of_each(np.sort(in_scope_N), strangers_S).mean())


def threshold_at(in_scope_N: np.ndarray, refuse: float) -> float:
    """The lowest of these values that at most the share `refuse` of them is above."""
    above = int(refuse * len(in_scope_N) + _ROUNDING)
    return float(np.sort(in_scope_N)[-1 - above])


def recall(strangers_S: np.ndarray, threshold: float) -> float:
    """The share of strangers above the threshold."""
    return float((strangers_S > threshold).mean())


@dataclass(frozen=True)
class Draws:
    """AUROC and recall of each signal in each draw: paired, for a draw takes the same rows."""

    auroc_BG: np.ndarray
    recall_BG: np.ndarray


def bootstrap(
    in_scope_NG: np.ndarray,
    strangers_SG: np.ndarray,
    threshold_G: np.ndarray,
    seed: int,
    draws: int = DRAWS,
) -> Draws:
    """Rows in scope and strangers are drawn anew, each group with replacement; thresholds stay."""
    rng = np.random.default_rng(seed)
    count, strangers = len(in_scope_NG), len(strangers_SG)
    at_once = max(1, _NUMBERS_AT_ONCE // (count + strangers))
    signals = [_Ranked(*each) for each in zip(in_scope_NG.T, strangers_SG.T, strict=True)]
    over_SG = (strangers_SG > threshold_G).astype(np.float64)
    aurocs, recalls = [], []
    for start in range(0, draws, at_once):
        some = min(at_once, draws - start)
        times_BN, times_BS = _times(rng, some, count), _times(rng, some, strangers)
        aurocs.append(np.stack([each.auroc(times_BN, times_BS) for each in signals], axis=1))
        recalls.append(times_BS @ over_SG / strangers)
    return Draws(np.concatenate(aurocs), np.concatenate(recalls))


def interval(values_B: np.ndarray) -> tuple[float, float]:
    """The ends of the 95 % percentile interval."""
    low, high = np.quantile(values_B, (0.025, 0.975))
    return float(low), float(high)


class _Ranked:
    """One signal: where each stranger stands among the rows in scope."""

    def __init__(self, in_scope_N: np.ndarray, strangers_S: np.ndarray) -> None:
        self.order_N = np.argsort(in_scope_N, kind="stable")
        self.below_S, self.up_to_S = _places(in_scope_N[self.order_N], strangers_S)

    def auroc(self, times_BN: np.ndarray, times_BS: np.ndarray) -> np.ndarray:
        """Of rows that stand so many times in each draw, [B]."""
        rows_BN = np.cumsum(times_BN[:, self.order_N], axis=1)
        rows_BN = np.concatenate([np.zeros((len(rows_BN), 1)), rows_BN], axis=1)
        twice_BS = rows_BN[:, self.below_S] + rows_BN[:, self.up_to_S]
        pairs = len(self.order_N) * len(self.below_S)
        return np.asarray((twice_BS * times_BS).sum(axis=1) / (2 * pairs))


def _rank_of_each(sorted_N: np.ndarray, strangers_S: np.ndarray) -> np.ndarray:
    below_S, up_to_S = _places(sorted_N, strangers_S)
    return np.asarray((below_S + up_to_S) / (2 * len(sorted_N)))


def _places(sorted_N: np.ndarray, strangers_S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many rows in scope are below each stranger, and how many are not above it."""
    return (
        np.searchsorted(sorted_N, strangers_S, side="left"),
        np.searchsorted(sorted_N, strangers_S, side="right"),
    )


def _times(rng: np.random.Generator, draws: int, rows: int) -> np.ndarray:
    """How often each row stands in each draw of as many rows, [B, rows]; float64, whole."""
    drawn = rng.integers(rows, size=(draws, rows)) + rows * np.arange(draws)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=draws * rows)
    return counts.reshape(draws, rows).astype(np.float64)

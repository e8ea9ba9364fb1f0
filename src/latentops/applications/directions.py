"""What lies along the dimensions that tell most of the factors, on validation rows.

Shape suffixes: N rows, Z latent dimensions, F factors.
"""

from collections.abc import Sequence

import numpy as np

from latentops.applications.factors import Factors
from latentops.applications.results import Direction, End
from latentops.artifacts import Vocabulary
from latentops.evaluation import text
from latentops.metrics.disentanglement import MISSING
from latentops.model import VAE
from latentops.portion import Portion

LEAST_SHOWN = 6
_END_SHARE = 0.1
_TEXTS = 3

Pair = tuple[int, int]  # factor, dimension


def telling(share_FZ: np.ndarray) -> list[Pair]:
    """For each factor the dimension that tells most of it, as a share of its entropy.

    Where these are few, beside them what the next dimensions tell most of.
    """
    pairs = [(factor, int(share_Z.argmax())) for factor, share_Z in enumerate(share_FZ)]
    shown = {dimension for _, dimension in pairs}
    for z in np.argsort(-share_FZ.max(axis=0), kind="stable").tolist():
        if len(pairs) >= LEAST_SHOWN:
            break
        if z not in shown and share_FZ[:, z].any():
            pairs.append((int(share_FZ[:, z].argmax()), z))
    return pairs


def described(
    pairs: Sequence[Pair], rows: Portion, mean_NZ: np.ndarray, values_NF: np.ndarray, known: Factors
) -> list[Direction]:
    """Those of which two validation rows have a value."""
    return [
        Direction(
            factor=known.names[factor],
            dimension=z,
            low=_end(rows, mean_NZ[:, z], values_NF[:, factor], known.values[factor]),
            high=_end(rows, -mean_NZ[:, z], values_NF[:, factor], known.values[factor]),
        )
        for factor, z in pairs
        if np.count_nonzero(values_NF[:, factor] != MISSING) > 1
    ]


def worded(found: Sequence[Direction], vae: VAE, vocabulary: Vocabulary) -> list[Direction]:
    """With the words that rise and fall along the dimension."""
    words = {each.index: each for each in text.dimensions(vae, vocabulary, np.zeros(vae.latent))}
    return [
        each.model_copy(
            update={
                "rising": words[each.dimension].rising,
                "falling": words[each.dimension].falling,
            }
        )
        for each in found
    ]


def _end(rows: Portion, z_N: np.ndarray, values_N: np.ndarray, names: tuple[str, ...]) -> End:
    """Of the lowest `z`."""
    known = np.flatnonzero(values_N != MISSING)
    order = known[np.argsort(z_N[known], kind="stable")]
    here = order[: max(1, round(_END_SHARE * len(order)))]
    share_K, share_of_all_K = (
        np.bincount(values_N[some], minlength=len(names)) / len(some) for some in (here, order)
    )
    value = int((share_K - share_of_all_K).argmax())
    return End(
        value=names[value],
        share=share_K[value],
        share_of_all=share_of_all_K[value],
        texts=_outermost(rows, order),
    )


def _outermost(rows: Portion, order: np.ndarray) -> tuple[str, ...]:
    """Texts that differ."""
    if rows.texts is None:
        return ()
    texts = rows.table["text"]
    return tuple(dict.fromkeys(str(texts[row]) for row in order[: 10 * _TEXTS]))[:_TEXTS]

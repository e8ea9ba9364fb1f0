# ruff: noqa: N815 - names end in their shape suffixes
"""The examples that the page shows: of the validation split, never of test.

Shape suffixes: N rows, Z latent dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latentops import artifacts, portion
from latentops.artifacts import Arrays, Spec, Vocabulary
from latentops.classifier import Classifier, Judgement
from latentops.errors import DataError
from latentops.inference.predictor import Predictor
from latentops.model import VAE
from latentops.portion import Portion, Prepared

MOST_ROWS = 2_000
LONGEST_TEXT = 200  # characters
_MOST_PIXELS = 1_500_000  # of all images together
_WORDS_OF_COUNTS = 12
_SEED = 0


@dataclass(frozen=True)
class Shown:
    """N rows and what the model makes of them."""

    portion: Portion
    rows_in_all: int  # of the split
    mean_NZ: np.ndarray
    rate_nats_Z: np.ndarray  # the KL of each dimension, averaged over the rows
    judged: Judgement | None  # None: the model has no classifier


def seen(predictor: Predictor, head: Classifier | None) -> Shown:
    """At most `MOST_ROWS` of the project in the working directory, drawn by chance."""
    valid = _valid(predictor)
    drawn = valid.sample(_most(predictor.spec), _SEED)
    posterior = portion.encode(predictor.vae, drawn.examples)
    return Shown(
        portion=drawn,
        rows_in_all=len(valid),
        mean_NZ=posterior.mean.numpy(),
        rate_nats_Z=predictor.vae.prior.by_dimension(posterior).mean(0).numpy(),
        judged=None if head is None else judged(drawn, predictor.vae, predictor.vocabulary, head),
    )


def judged(rows: Portion, vae: VAE, vocabulary: Vocabulary, head: Classifier) -> Judgement:
    given = portion.inputs(head, vae, rows.examples, rows.counts, vocabulary, rows.texts)
    return head.judge(given)


def _valid(predictor: Predictor) -> Portion:
    prepared = Prepared(
        arrays=artifacts.read_tensors(artifacts.tensors_path("valid")),
        table=artifacts.read_table(artifacts.table_path("valid")),
    )
    parts = predictor.spec, predictor.vocabulary, predictor.settings
    rows = portion.whole("valid", prepared, *parts, _SEED)
    if not len(rows):
        raise DataError(
            f"The validation split of {predictor.spec.source!r} has no row, so that there is "
            "nothing to show. Set data.valid_fraction above 0 and run `dvc repro`."
        )
    return rows


def _most(spec: Spec) -> int:
    if spec.kind == "counts":
        return MOST_ROWS
    return min(MOST_ROWS, max(1, _MOST_PIXELS // int(np.prod(spec.shape))))


def texts(rows: Portion, vocabulary: Vocabulary) -> list[str]:
    """On one line each; of rows whose counts came ready, their commonest words; none of images."""
    if rows.texts is not None:
        return [" ".join(text.split()) for text in rows.texts]
    if rows.counts is None:
        return []
    return [_commonest(rows, row, vocabulary.terms) for row in range(len(rows))]


def cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"


def _commonest(rows: Portion, row: int, terms: Sequence[str]) -> str:
    assert rows.counts is not None
    start, end = rows.counts.indptr[row : row + 2]
    order = np.argsort(-rows.counts.data[start:end], kind="stable")[:_WORDS_OF_COUNTS]
    return " ".join(terms[column] for column in rows.counts.indices[start:end][order])


def pixels(rows: Portion, spec: Spec) -> Arrays:
    """As the model reads them, in whole levels: uint8 [N, C * H * W]; none of texts."""
    if spec.kind == "counts":
        return {}
    levels_ND = np.asarray(rows.matrix()) * (spec.levels_read - 1)
    return {"rows.pixels": np.rint(levels_ND).astype(np.uint8)}

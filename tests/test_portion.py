"""The rows of a split and their codes, against the model asked row by row."""

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_model import COUNTS, IMAGES, VOCABULARY, head, model_settings

from latentops import build, portion
from latentops.artifacts import Arrays, Spec, Vocabulary
from latentops.model import VAE
from latentops.portion import Portion, Prepared

DYNAMIC = IMAGES.model_copy(update={"binarization": "dynamic"})
TERMS = {"indptr": [0, 2, 3, 3, 6, 7], "indices": [0, 3, 4, 1, 2, 6, 5], "counts": [1] * 7}
LABELS = {"y": [1, 0, -1, 1, 0], "in_scope": [True, False, True, True, False]}


def prepared(spec: Spec) -> Prepared:
    content = TERMS if spec.kind == "counts" else {"x": _pixels()}
    arrays: Arrays = {name: np.array(value) for name, value in (content | LABELS).items()}
    return Prepared(arrays, pd.DataFrame({"row": np.arange(5), "text": list("abcde")}))


def _pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, size=(5, 1, 3, 2), dtype=np.uint8)


def whole(spec: Spec, seed: int = 0) -> Portion:
    words = VOCABULARY if spec.kind == "counts" else Vocabulary()
    return portion.whole("test", prepared(spec), spec, words, model_settings(spec), seed)


def dense(rows: Portion) -> np.ndarray:
    matrix = rows.matrix()
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


def vae_of(spec: Spec) -> VAE:
    words = VOCABULARY if spec.kind == "counts" else Vocabulary()
    return build.model(spec, words, model_settings(spec), seed=0).eval()


@pytest.mark.parametrize("spec", [COUNTS, DYNAMIC], ids=["counts", "dynamic images"])
def test_the_rows_in_scope_are_those_of_the_whole(spec: Spec) -> None:
    words = VOCABULARY if spec.kind == "counts" else Vocabulary()
    scoped = portion.in_scope("test", prepared(spec), spec, words, model_settings(spec), 0)
    everything = whole(spec)
    assert everything.in_scope.tolist() == LABELS["in_scope"]
    assert scoped.table["text"].tolist() == ["a", "c", "d"]
    assert scoped.y.tolist() == [1, -1, 1]
    np.testing.assert_array_equal(dense(scoped), dense(everything)[[0, 2, 3]])


@pytest.mark.parametrize("spec", [COUNTS, IMAGES], ids=["counts", "images"])
def test_a_code_is_what_the_encoder_makes_of_each_row(
    spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portion, "ROWS_AT_ONCE", 2)
    vae, rows = vae_of(spec), whole(spec)
    code = portion.read(vae, rows.examples)
    batch = rows.examples.batch(torch.arange(5))
    with torch.no_grad():
        posterior, hidden_BH = vae.read(batch.input)
    assert code.hidden_NH.shape == (5, 5)
    np.testing.assert_allclose(code.mean_NZ, posterior.mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(code.log_variance_NZ, posterior.log_variance, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(code.hidden_NH, hidden_BH, rtol=1e-5, atol=1e-6)
    variance = np.exp(code.log_variance_NZ)
    kl_NZ = 0.5 * (code.mean_NZ**2 + variance - 1 - code.log_variance_NZ)
    np.testing.assert_allclose(code.rate_nats_N, kl_NZ.sum(1), rtol=1e-4)


def test_a_classifier_gets_what_it_needs_and_no_more() -> None:
    rows, vae = whole(COUNTS), vae_of(COUNTS)
    given = portion.inputs(head(COUNTS), vae, rows.examples, rows.counts, VOCABULARY, rows.texts)
    assert given.terms_NV is not None
    assert given.terms_NV.shape == (5, 7)
    assert given.mean_NZ is not None
    assert given.rate_nats_N is not None
    assert given.pixels_ND is None

"""Rows made of labelled rows, as blocks of numbers that a classifier reads.

A method makes n rows of each row, those of a row side by side. Shape suffixes: N rows, M = N * n
made ones, Z latent dimensions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse
import torch

from latentops import portion
from latentops.artifacts import Arrays, Vocabulary
from latentops.classifier import ClassCodes
from latentops.data.batches import Bags
from latentops.elbo import Posterior
from latentops.inference import augmenting, tasks
from latentops.inference import raw as raws
from latentops.inference.forms import Sentences
from latentops.inference.predictor import Predictor
from latentops.portion import Code, Portion, Prepared
from latentops.verdict import heads
from latentops.verdict.features import Basis, Blocks, names

REPEATED = "repeated"  # the null: what a method must beat beside no new rows
STEP_BEYOND = 0.5  # lambda of Kumar et al. 2019
SHIFT_SHARE = 1 / 14  # of an image's side, one pixel at least: two of MNIST's 28
NOISE_SD = 0.1  # on pixels in [0, 1]


@dataclass(frozen=True)
class Given:
    """N labelled rows, and what was read of them."""

    rows: Portion
    blocks: Blocks
    code: Code
    numbers: np.ndarray  # of the rows: what is made of one depends on its own

    @property
    def y(self) -> np.ndarray:
        return self.rows.y


@dataclass(frozen=True)
class Reader:
    """What makes blocks of rows: a model, and what was learned of the training rows."""

    predictor: Predictor
    basis: Basis
    seed: int

    def read(self, rows: Portion, numbers: np.ndarray | None = None) -> Given:
        code = portion.read(self.predictor.vae, rows.examples)
        numbered = np.arange(len(rows)) if numbers is None else numbers
        return Given(rows, self.basis.blocks(rows, code), code, numbered)

    def of_texts(self, texts: Sequence[str]) -> Blocks:
        model = self.predictor
        arrays = portion.arrays_of_texts(texts, model.vocabulary, model.settings)
        return self._of_arrays(arrays, len(texts))

    def of_words(self, drawn_M: Sequence[np.ndarray]) -> Blocks:
        """Of documents, given by the places of their words among the target words.

        Where pairs or n-grams are terms too they are counted as of a text with the words in the
        order in which they were drawn: n-grams stay inside words, and the few of its pairs that
        stand in the vocabulary say little.
        """
        vocabulary = self.predictor.vocabulary
        if not vocabulary.pairs and vocabulary.characters is None:
            return self._of_counts(word_counts(drawn_M, vocabulary))
        words_W = np.array([vocabulary.terms[column] for column in vocabulary.target])
        return self.of_texts([" ".join(words_W[drawn]) for drawn in drawn_M])

    def of_images(self, shares: np.ndarray) -> Blocks:
        """[M, C, H, W]; what lies outside [0, 1] becomes its nearer end."""
        pixels = raws.pixels(shares.clip(0, 1).astype(np.float32), self.predictor.spec)
        return self._of_arrays({"x": pixels}, len(pixels))

    def _of_counts(self, counts: scipy.sparse.csr_matrix) -> Blocks:
        arrays = {"indptr": counts.indptr, "indices": counts.indices, "counts": counts.data}
        return self._of_arrays(arrays, counts.shape[0])

    def _of_arrays(self, arrays: Arrays, rows: int) -> Blocks:
        known = {"y": np.full(rows, -1), "in_scope": np.full(rows, True)}
        prepared = Prepared(arrays | known, pd.DataFrame(index=range(rows)))
        model = self.predictor
        parts = model.spec, model.vocabulary, model.settings
        return self.read(portion.whole("train", prepared, *parts, self.seed)).blocks


def word_counts(drawn_M: Sequence[np.ndarray], vocabulary: Vocabulary) -> scipy.sparse.csr_matrix:
    """Of documents, given by the places of their words among the target words: int32 [M, terms].

    Words of ready counts may be of any form, so that no string would give them back.
    """
    columns = np.array(vocabulary.target)[np.concatenate(drawn_M)]
    ends = np.cumsum([0, *map(len, drawn_M)])
    shape = len(drawn_M), len(vocabulary.terms)
    ones = np.ones(len(columns), dtype=np.int32)
    counts = scipy.sparse.csr_matrix((ones, columns, ends), shape=shape)
    counts.sum_duplicates()
    return counts


Method = Callable[[Reader, Given, int], Blocks]
Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]  # of an image [C, H, W]
Codes = Callable[[Given, int, tasks.Draws], np.ndarray]  # z of the made rows, [M, Z]


def _shifted(image_CHW: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Moved by a pixel or a few; what comes in from outside is as the nearest pixel."""
    reach = max(1, round(SHIFT_SHARE * image_CHW.shape[-1]))
    down, right = draw.integers(2 * reach + 1, size=2)
    padded = np.pad(image_CHW, ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    height, width = image_CHW.shape[1:]
    return padded[:, down : down + height, right : right + width]


def _noisy(image_CHW: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    return image_CHW + draw.normal(scale=NOISE_SD, size=image_CHW.shape)


CHANGES: dict[str, Change] = {"shift": _shifted, "noise": _noisy}
"""The easy methods of images."""


def methods(given: Given, features: str) -> dict[str, Method]:
    """Those that can make rows with these features of rows like the given ones, by name.

    Where the features hold the code itself, z stands in for it and the other blocks stay those of
    the row; elsewhere z is decoded, and what comes of it is read like any row.
    """
    observed = _of_images() if given.rows.counts is None else _of_texts(given.rows)
    holds_code = "vae" in names(features)
    finish = _as_block if holds_code else _decoded
    latent: dict[str, Method] = {"latent": _as_block(_around)} if holds_code else {}
    return {
        REPEATED: _repeated,
        **observed,
        "vae": _decoded(_around),
        **latent,
        "extrapolation": finish(_beyond),
        "class": finish(_of_class),
    }


def _of_texts(rows: Portion) -> dict[str, Method]:
    """Ready counts have no text to change."""
    return {} if rows.texts is None else {name: _changed(name) for name in augmenting.EASY}


def _of_images() -> dict[str, Method]:
    return {name: _pictures(change) for name, change in CHANGES.items()}


def _repeated(reader: Reader, given: Given, n: int) -> Blocks:
    return heads.sliced(given.blocks, _sources(given, n))


def _changed(name: str) -> Method:
    def make(reader: Reader, given: Given, n: int) -> Blocks:
        texts = given.rows.texts or []
        drawn = zip(_sources(given, n), _draws(reader, given, n), strict=True)
        return reader.of_texts([augmenting.easy(texts[at], name, draw) for at, draw in drawn])

    return make


def _pictures(change: Change) -> Method:
    def make(reader: Reader, given: Given, n: int) -> Blocks:
        shape = -1, *reader.predictor.spec.shape
        images = np.asarray(given.rows.matrix())[_sources(given, n)].reshape(shape)
        drawn = zip(images, _draws(reader, given, n), strict=True)
        return reader.of_images(np.stack([change(image, draw) for image, draw in drawn]))

    return make


def _as_block(make_codes: Codes) -> Method:
    def make(reader: Reader, given: Given, n: int) -> Blocks:
        z_MZ = make_codes(given, n, _draws(reader, given, n))
        return _repeated(reader, given, n) | {"vae": reader.basis.scales["vae"](z_MZ)}

    return make


def _decoded(make_codes: Codes) -> Method:
    """Documents as long as the row's, of one word at least; sentences; or mean images."""

    @torch.inference_mode()
    def make(reader: Reader, given: Given, n: int) -> Blocks:
        draws_M = _draws(reader, given, n)
        z_MZ = torch.from_numpy(make_codes(given, n, draws_M))
        starts = range(0, len(draws_M), portion.ROWS_AT_ONCE)
        some = [slice(start, start + portion.ROWS_AT_ONCE) for start in starts]
        decode, examples = reader.predictor.vae.decode, given.rows.examples
        if isinstance(form := reader.predictor.form, Sentences):
            return reader.of_texts(form.of_codes(reader.predictor.vae, z_MZ))
        if not isinstance(examples, Bags):
            return reader.of_images(np.concatenate([decode(z_MZ[at]).mean.numpy() for at in some]))
        lengths_N = examples.target.sums(examples.target.values.long()).clamp(min=1).numpy()
        lengths_M = lengths_N[_sources(given, n)]
        drawn = (augmenting.words(decode(z_MZ[at]), lengths_M[at], draws_M[at]) for at in some)
        return reader.of_words([document for block in drawn for document in block])

    return make


def _around(given: Given, n: int, draws_M: tasks.Draws) -> np.ndarray:
    """z ~ q(z given x)."""
    sources = _sources(given, n)
    mean_MZ, log_variance_MZ = given.code.mean_NZ[sources], given.code.log_variance_NZ[sources]
    posterior = Posterior(torch.from_numpy(mean_MZ), torch.from_numpy(log_variance_MZ))
    return augmenting.codes(posterior, draws_M).numpy()


def _beyond(given: Given, n: int, draws_M: tasks.Draws) -> np.ndarray:
    """z + lambda (z - z'), z' of another row of the class; z where there is none."""
    sources, mean_NZ = _sources(given, n), given.code.mean_NZ
    others = np.array(
        [_other(given.y, at, draw) for at, draw in zip(sources, draws_M, strict=True)]
    )
    return np.asarray(mean_NZ[sources] + STEP_BEYOND * (mean_NZ[sources] - mean_NZ[others]))


def _other(y: np.ndarray, at: int, draw: np.random.Generator) -> int:
    """Another row of the same class, if there is one."""
    others = np.flatnonzero(y == y[at])
    others = others[others != at]
    return int(others[draw.integers(len(others))]) if len(others) else at


def _of_class(given: Given, n: int, draws_M: tasks.Draws) -> np.ndarray:
    """From a normal with the moments of the class's codes, as these labels alone tell them."""
    y_N, code = given.y, given.code
    codes = ClassCodes.of(code.mean_NZ, code.log_variance_NZ, y_N, int(y_N.max()) + 1)
    y_M = y_N[_sources(given, n)]
    noise_MZ = np.stack([draw.standard_normal(code.mean_NZ.shape[1]) for draw in draws_M])
    return np.asarray(codes.mean_CZ[y_M] + codes.sd_CZ[y_M] * noise_MZ, dtype=np.float32)


def _sources(given: Given, n: int) -> np.ndarray:
    """The row that each made one is of, [M]."""
    return np.repeat(np.arange(len(given.y)), n)


def _draws(reader: Reader, given: Given, n: int) -> tasks.Draws:
    return [
        tasks.draw_of(reader.seed, int(number), made)
        for number in given.numbers
        for made in range(n)
    ]

# ruff: noqa: N815 - names end in their shape suffixes
"""Bytes of a code against what is lost of an example, and of its class, by keeping the code alone.

The VAE's means are stored in fewer and fewer bits and decoded again; PCA of the pixels, or LSA of
the terms, of as many directions is stored in the same ways. Shape suffixes: N examples, Z
dimensions, L ways to decode.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from latentops import portion
from latentops.applications import decoding
from latentops.applications.decoding import Decode
from latentops.applications.quantiser import Quantiser, allocated
from latentops.applications.results import Beside, Change, Lossy, LossyChoice, LossyPoint
from latentops.applications.subject import Subject
from latentops.data.batches import Sequences
from latentops.metrics.bootstrap import Bootstrap, Interval
from latentops.model import VAE
from latentops.portion import Code, Portion
from latentops.verdict import heads
from latentops.verdict.features import Basis, Projection, Scale
from latentops.verdict.heads import Choice, Head

Coding = Literal["float32", "float16", "even", "allocated"]

# Each with its mean bits per dimension: of floats, of as many bits for every dimension, and of bits
# that go to the dimensions which need them.
CODINGS: tuple[tuple[Coding, float], ...] = (
    ("float32", 32),
    ("float16", 16),
    ("even", 8),
    ("even", 6),
    ("even", 4),
    ("even", 2),
    ("allocated", 4),
    ("allocated", 2),
    ("allocated", 1),
    ("allocated", 0.5),
)
WHOLE = 0  # the place of float32

# What a coding may cost on validation to be called nearly free.
_LOST_ACCURACY = 0.005
_ADDED_DISTORTION = 0.01

_MOST_FITTED = {"quick": 4_000, "full": 25_000}
_MOST_SCORED = {"quick": 2_000, "full": 10_000}
_HEAD = Choice("logistic", 10.0)  # what is chosen on means nearly always; see verdict.heads


class Rows(NamedTuple):
    """What everything is fitted on, chosen on and reported on."""

    train: Portion
    valid: Portion
    test: Portion


@dataclass(frozen=True)
class Space:
    """Where an example is one point: the VAE's means, or PCA or LSA of as many directions.

    `decode(code_NZ, rows)` is what each way to decode these codes loses of the rows, [L, N].
    """

    name: Literal["vae", "pca", "lsa"]
    train_NZ: np.ndarray
    valid_NZ: np.ndarray
    test_NZ: np.ndarray
    spread_Z: np.ndarray  # errors of this size cost the same
    decode: Decode
    scale: Scale
    head: Head | None  # None: there are no labels to fit it on


@dataclass(frozen=True)
class Stored:
    """A way to store the codes of a space."""

    store: Callable[[np.ndarray], np.ndarray]  # and read again, float32 [N, Z]
    dimensions: int
    bytes: int


@dataclass(frozen=True)
class Scored:
    """One way to store the codes of one space: rows of test, and means of validation."""

    point: LossyPoint
    distortion_N: np.ndarray
    right_N: np.ndarray  # bool, of the labelled rows
    valid_distortion: float
    valid_accuracy: float | None


def measure(subject: Subject) -> Lossy:
    """Deterministic given the subject."""
    rows = _rows(subject)
    spaces = _spaces(subject, rows)
    scored = {
        space.name: [_scored(space, rows, coding, bits) for coding, bits in CODINGS]
        for space in spaces
    }
    ours, baseline = scored["vae"], spaces[1].name if len(spaces) > 1 else None
    best = _cheapest(ours)
    theirs = scored[baseline][best] if baseline else None
    return Lossy(
        unit="nats" if rows.test.counts is not None else "mse_pixel",
        rows=len(rows.test),
        labelled_rows=int(np.count_nonzero(rows.test.y >= 0)),
        row_bytes=_row_bytes(subject, rows.test),
        words_per_row=_words_per_row(rows.test),
        baseline=baseline,
        points=tuple(each.point for curve in scored.values() for each in curve),
        chosen=LossyChoice(
            coding=ours[best].point.coding,
            bits_per_dimension=ours[best].point.bits_per_dimension,
            beside_float32=_beside(ours[best], ours[WHOLE], subject.seed),
            beside_baseline=_beside(ours[best], theirs, subject.seed) if theirs else None,
        ),
    )


def _rows(subject: Subject) -> Rows:
    fitted, scored = _MOST_FITTED[subject.depth], _MOST_SCORED[subject.depth]
    return Rows(
        subject.train.sample(fitted, subject.seed),
        subject.valid.sample(scored, subject.seed),
        subject.test.sample(scored, subject.seed),
    )


def _spaces(subject: Subject, rows: Rows) -> list[Space]:
    """The VAE's, and the baseline's.

    There is none where only one term or pixel is there to project, nor of sentences, whose order
    LSA does not hold: what it loses of a bag of words compares with nothing.
    """
    codes = [portion.read(subject.vae, each.examples) for each in rows]
    size, vocabulary = subject.vae.latent, subject.predictor.vocabulary
    basis = Basis.fit(rows.train, codes[0], vocabulary, size, subject.seed)
    spaces = [_space_of_vae(subject.vae, codes, rows, basis.scales["vae"])]
    if basis.projection is not None and not isinstance(rows.train.examples, Sequences):
        spaces.append(_space_of_baseline(basis, basis.projection, rows))
    return spaces


def _space_of_vae(vae: VAE, codes: list[Code], rows: Rows, scale: Scale) -> Space:
    train, valid, test = (code.mean_NZ for code in codes)
    return Space(
        name="vae",
        train_NZ=train,
        valid_NZ=valid,
        test_NZ=test,
        spread_Z=np.sqrt(np.exp(codes[0].log_variance_NZ).mean(axis=0)),
        decode=decoding.of_vae(vae, is_text=rows.test.counts is not None),
        scale=scale,
        head=_head("vae", scale(train), rows.train.y),
    )


def _space_of_baseline(basis: Basis, projection: Projection, rows: Rows) -> Space:
    """Its directions are at right angles, so that errors of equal size cost the same."""
    name: Literal["pca", "lsa"] = "lsa" if rows.train.counts is not None else "pca"
    train, valid, test = (basis.dense(basis.observed(each))[name] for each in rows)
    is_text = name == "lsa"
    decode = decoding.of_lsa(train, rows.train) if is_text else decoding.of_pca(projection)
    return Space(
        name=name,
        train_NZ=train,
        valid_NZ=valid,
        test_NZ=test,
        spread_Z=np.ones(train.shape[1]),
        decode=decode,
        scale=basis.scales[name],
        head=_head(name, basis.scales[name](train), rows.train.y),
    )


def _head(name: str, scaled_NZ: np.ndarray, y: np.ndarray) -> Head | None:
    known = y >= 0
    if len(np.unique(y[known])) < 2:
        return None
    return heads.fit({name: scaled_NZ[known]}, y[known], name, _HEAD)


def _scored(space: Space, rows: Rows, coding: Coding, bits: float) -> Scored:
    """The way to decode is the one that loses least on validation."""
    stored = _stored(space, coding, bits)
    valid_NZ, test_NZ = stored.store(space.valid_NZ), stored.store(space.test_NZ)
    valid_L = space.decode(valid_NZ, rows.valid).mean(axis=1)
    way = int(valid_L.argmin())
    distortion_N = space.decode(test_NZ, rows.test)[way]
    right_N = _right(space, test_NZ, rows.test.y)
    point = LossyPoint(
        code=space.name,
        coding=coding,
        bits_per_dimension=bits,
        dimensions=stored.dimensions,
        bytes=stored.bytes,
        distortion=float(distortion_N.mean()),
        accuracy=_share(right_N),
    )
    valid_accuracy = _share(_right(space, valid_NZ, rows.valid.y))
    return Scored(point, distortion_N, right_N, float(valid_L[way]), valid_accuracy)


def _stored(space: Space, coding: Coding, bits: float) -> Stored:
    dimensions = space.train_NZ.shape[1]
    if coding == "float32":
        return Stored(lambda code_NZ: code_NZ, dimensions, 4 * dimensions)
    if coding == "float16":
        return Stored(_in_half_precision, dimensions, 2 * dimensions)
    total = max(1, round(bits * dimensions))
    bits_Z = (
        np.full(dimensions, round(bits))
        if coding == "even"
        else allocated(space.train_NZ, space.spread_Z, total)
    )
    quantiser = Quantiser.fit(space.train_NZ, bits_Z)
    return Stored(quantiser, int(np.count_nonzero(bits_Z)), quantiser.bytes)


def _in_half_precision(code_NZ: np.ndarray) -> np.ndarray:
    return code_NZ.astype(np.float16).astype(np.float32)


def _right(space: Space, code_NZ: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Whether the head names the class of each labelled row; none where there is no head."""
    known = y >= 0
    if space.head is None or not known.any():
        return np.zeros(0, dtype=bool)
    predicted = space.head.predict({space.name: space.scale(code_NZ[known])})
    return np.asarray(predicted == y[known])


def _share(right_N: np.ndarray) -> float | None:
    return float(right_N.mean()) if len(right_N) else None


def _cheapest(scored: list[Scored]) -> int:
    """The place of the fewest bytes that cost next to nothing on validation."""
    whole = scored[WHOLE]
    most = whole.valid_distortion * (1 + _ADDED_DISTORTION)
    fine = [
        place
        for place, each in enumerate(scored)
        if each.valid_distortion <= most and _lost(whole, each) <= _LOST_ACCURACY
    ]
    return min(fine, key=lambda place: (scored[place].point.bytes, place))


def _lost(whole: Scored, other: Scored) -> float:
    """Accuracy on validation; 0 where it is not known."""
    if whole.valid_accuracy is None or other.valid_accuracy is None:
        return 0.0
    return whole.valid_accuracy - other.valid_accuracy


def _beside(ours: Scored, theirs: Scored, seed: int) -> Beside:
    """Paired over the test rows."""
    rows = len(ours.distortion_N)
    distortion = Bootstrap(rows, seed).mean_difference(ours.distortion_N, theirs.distortion_N)
    accuracy = None
    if len(ours.right_N):
        ours_11N, theirs_11N = ours.right_N[None, None], theirs.right_N[None, None]
        labelled = Bootstrap(len(ours.right_N), seed)
        accuracy = _change(labelled.paired_difference(ours_11N, theirs_11N))
    return Beside(distortion=_change(distortion), accuracy=accuracy)


def _change(interval: Interval) -> Change:
    low, high = (end if math.isfinite(end) else None for end in interval[1:])
    return Change(mean=interval.mean, low=low, high=high)


def _row_bytes(subject: Subject, test: Portion) -> float | None:
    """Of a row as it is, without any compression: its text, or its pixels at their bits."""
    if test.counts is None:
        spec = subject.predictor.spec
        levels = 2 if spec.binarization == "dynamic" else spec.levels or 2
        return math.prod(spec.shape) * math.ceil(math.log2(levels)) / 8
    texts = test.texts
    return None if texts is None else float(np.mean([len(text.encode()) for text in texts]))


def _words_per_row(test: Portion) -> float | None:
    """That the decoder is asked for; None for images."""
    return None if test.counts is None else decoding.words_per_row(test)

# ruff: noqa: N802 - names end in their shape suffixes
"""Documents from the prior and by class, beside those of a unigram sampler and real ones.

A model of word counts knows no order, so that a document here is a bag of target words, put into
the order of the vocabulary. Those that are made have the lengths, and by class the classes, of
real validation rows.

Shape suffixes: N documents, M training rows, W target words, Z latent dimensions, P pairs, S steps.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TypeVar

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from latentops.applications import by_class
from latentops.applications.by_class import MOST, Coder, Judged, Way
from latentops.applications.judges import TextJudge, documents
from latentops.applications.results import Crossing, Generation, Made, Written
from latentops.applications.subject import Subject
from latentops.data.batches import Bags
from latentops.likelihoods import Multinomial
from latentops.metrics import generation
from latentops.networks import bow
from latentops.portion import Portion

_BLEU_DOCUMENTS = 500  # self-BLEU rises with their number
_BLEU_ORDER = 2
_AT_ONCE = 256
_SHOWN_CLASSES = 8
_SHOWN_WITHOUT_CLASSES = 4
_CROSSINGS = 3
_STEPS = 5
_WORDS = 8
_LEAST = 1e-12  # share of a word

Of = TypeVar("Of")
Shares = Callable[[slice], np.ndarray]  # of some of N documents the share of each word, [.., W]


def measure(subject: Subject) -> Generation:
    study = _Study(subject)
    real = study.real()
    if len(real) < 2:
        return Generation(reason="Fewer than two validation documents hold a word to reconstruct.")
    counts_NW, y_N = target_counts(real), study.coder.learned(real.y)
    length_N, nobody = lengths(counts_NW), np.full(len(real), -1)
    judged = [study.judged("valid", "real", [counts_NW], y_N), *study.both(length_N, nobody)]
    gain = None
    if (y_N >= 0).any():
        vae, unigram = study.both(length_N[y_N >= 0], y_N[y_N >= 0])
        judged += [vae, unigram]
        gain = by_class.gain(vae, unigram, subject.seed)
    around = study.by_vae(study.coder.around, real, length_N)
    between = study.by_vae(study.coder.between, real, length_N)
    judged += [
        study.judged("vae", "around", around, y_N),
        study.judged("vae", "between", between, nobody),
    ]
    return Generation(
        seeds=len(study.coder.vaes),
        made=tuple(each.made for each in judged),
        gain=gain,
        without_classes=study.coder.without_classes,
        written=tuple(study.written(y_N, int(np.median(length_N)))),
        crossings=tuple(study.crossings(real)),
    )


def target_counts(rows: Portion) -> scipy.sparse.csr_matrix:
    """What the decoder is asked for, [N, W], int64."""
    assert isinstance(rows.examples, Bags)
    target = rows.examples.target
    values = target.values.numpy().astype(np.int64)
    parts = (values, target.columns.numpy(), target.indptr.numpy())
    return scipy.sparse.csr_matrix(parts, shape=(len(target), target.width))


def drawn(
    shares: Shares, length_N: np.ndarray, different: bool, rng: np.random.Generator
) -> scipy.sparse.csr_matrix:
    """Documents of those lengths, [N, W]: words drawn one after the other by their shares.

    Where they are to be `different`, no word is drawn twice, and a document is shorter where there
    are too few. Then it is the words of the highest log share plus a Gumbel variate (Vieira 2014).
    """
    parts = []
    for start in range(0, len(length_N), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        share_NW = shares(some).astype(np.float64)
        draw = _different if different else _repeated
        parts.append(scipy.sparse.csr_matrix(draw(share_NW, length_N[some], rng)))
    return scipy.sparse.csr_matrix(scipy.sparse.vstack(parts, format="csr"))


def _repeated(share_NW: np.ndarray, length_N: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rng.multinomial(length_N, share_NW / share_NW.sum(axis=1, keepdims=True))


def _different(share_NW: np.ndarray, length_N: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    with np.errstate(divide="ignore"):
        key_NW = np.log(share_NW) + rng.gumbel(size=share_NW.shape)
    order_NW = np.argsort(-key_NW, axis=1)
    taken_NW = np.arange(share_NW.shape[1]) < length_N[:, None]
    taken_NW &= np.take_along_axis(share_NW, order_NW, axis=1) > 0
    counts_NW = np.zeros(share_NW.shape, dtype=np.int64)
    np.put_along_axis(counts_NW, order_NW, taken_NW.astype(np.int64), axis=1)
    return counts_NW


class _Study:
    """What makes documents, and what they are judged by."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.coder = Coder(subject)
        self.counts_MW = target_counts(subject.train)
        self.judge = TextJudge.fit(self.counts_MW, subject.train.y)
        settings = subject.predictor.settings
        self.different = isinstance(settings, bow.Settings) and settings.target == "presence"
        vocabulary = subject.predictor.vocabulary
        self.words_W = np.array([vocabulary.terms[column] for column in vocabulary.target])

    def real(self) -> Portion:
        """Validation rows that hold a word."""
        valid = self.subject.valid
        held = valid.subset(np.flatnonzero(lengths(target_counts(valid))))
        return held.sample(MOST[self.subject.depth], self.subject.seed)

    def both(self, length_N: np.ndarray, y_N: np.ndarray) -> tuple[Judged, Judged]:
        """Documents of every VAE, and of the unigram sampler; by class unless y is -1."""
        way: Way = "prior" if (y_N < 0).any() else "class"
        ours = self.by_vae(self.coder.codes, y_N, length_N)
        theirs = self._drawn(lambda some: self._unigram(y_N[some]), length_N)
        return self.judged("vae", way, ours, y_N), self.judged("unigram", way, [theirs], y_N)

    def by_vae(
        self, codes: Callable[[int, Of], Tensor], of: Of, length_N: np.ndarray
    ) -> list[scipy.sparse.csr_matrix]:
        """Documents of every VAE, from the codes that it has of rows or classes."""
        return [
            self._decoded(place, codes(place, of), length_N)
            for place in range(len(self.coder.vaes))
        ]

    def _decoded(self, place: int, z_NZ: Tensor, length_N: np.ndarray) -> scipy.sparse.csr_matrix:
        generator = torch.Generator().manual_seed(self.subject.seed)
        vae = self.coder.vaes[place]

        @torch.no_grad()
        def shares(some: slice) -> np.ndarray:
            likelihood = vae.decode(z_NZ[some])
            assert isinstance(likelihood, Multinomial), "a model of bags of words"
            return likelihood.shares(generator).numpy()

        return self._drawn(shares, length_N)

    def _drawn(self, shares: Shares, length_N: np.ndarray) -> scipy.sparse.csr_matrix:
        rng = np.random.default_rng(self.subject.seed)
        return drawn(shares, length_N, self.different, rng)

    @torch.no_grad()
    def _shares(self, z_NZ: Tensor, place: int = 0) -> np.ndarray:
        return self.coder.vaes[place].decode(z_NZ).mean.numpy()

    def _unigram(self, y_N: np.ndarray) -> np.ndarray:
        """How often each word stands in the class of each, or anywhere where y is -1: [N, W]."""
        y, place_N = np.unique(y_N, return_inverse=True)
        return np.stack([self._word_counts(each) for each in y])[place_N]

    def _word_counts(self, y: int) -> np.ndarray:
        """Of all rows where the class has no word."""
        rows = self.subject.train.y == y if y >= 0 else slice(None)
        counts_W = np.asarray(self.counts_MW[rows].sum(axis=0)).ravel()
        return counts_W if y < 0 or counts_W.any() else self._word_counts(-1)

    def judged(
        self, source: str, way: Way, counts: Sequence[scipy.sparse.csr_matrix], y_N: np.ndarray
    ) -> Judged:
        """Documents of each VAE seed; agreement is of those that have a class."""
        seed, bags = self.subject.seed, documents(counts[0])
        copies = by_class.interval([self.judge.copied(each) for each in counts], seed)
        told = np.flatnonzero(y_N >= 0)
        correct = [self._correct(each[told], y_N[told]) for each in counts]
        agreement = by_class.interval(correct, seed) if len(told) else None
        made = Made(
            source=source,
            way=way,
            rows=len(bags),
            nearest=float(np.median(self.judge.nearest(counts[0]).distance_NK)),
            copies=copies.mean,
            copies_low=copies.low,
            copies_high=copies.high,
            distinct_1=generation.distinct(bags, 1),
            distinct_2=generation.distinct(bags, 2),
            self_bleu=generation.self_bleu(bags[:_BLEU_DOCUMENTS], _BLEU_ORDER),
            agreement=agreement.mean if agreement else None,
            agreement_low=agreement.low if agreement else None,
            agreement_high=agreement.high if agreement else None,
        )
        return Judged(made, np.stack(correct)[None])

    def _correct(self, counts_NW: scipy.sparse.csr_matrix, y_N: np.ndarray) -> np.ndarray:
        return self.judge.label(counts_NW) == y_N if len(y_N) else np.zeros(0, dtype=bool)

    def written(self, asked_N: np.ndarray, length: int) -> Iterable[Written]:
        """A document of each of some classes, or some from the prior."""
        y_N = by_class.shown_classes(asked_N, _SHOWN_CLASSES, _SHOWN_WITHOUT_CLASSES)
        share_NW = self._shares(self.coder.codes(0, y_N))
        counts_NW = self._drawn(lambda some: share_NW[some], np.full(len(y_N), length))
        near = self.judge.nearest(counts_NW)
        for place, y in enumerate(y_N):
            row = int(near.row_NK[place, 0])
            yield Written(
                label=self._class(y),
                words=self._raised(share_NW[place]),
                document=self._bag(counts_NW[place]),
                nearest=self._text(self.subject.train, row),
                nearest_label=self._class(self.subject.train.y[row]),
                cosine=float(1 - near.distance_NK[place, 0]),
            )

    def crossings(self, real: Portion) -> Iterable[Crossing]:
        """From some real rows to others, of other classes where there are some."""
        shown, path_PSZ = by_class.crossed(self.subject.vae, real, _CROSSINGS, _STEPS)
        for place, path_SZ in enumerate(path_PSZ):
            yield Crossing(
                first=self._text(shown, place),
                last=self._text(shown, len(path_PSZ) + place),
                words=tuple(self._raised(share_W) for share_W in self._shares(path_SZ)),
            )

    def _class(self, y: int) -> str:
        return self.subject.predictor.spec.classes[y] if y >= 0 else ""

    def _bag(self, counts_1W: scipy.sparse.csr_matrix) -> str:
        (bag,) = documents(counts_1W)
        return " ".join(self.words_W[list(bag)])

    def _text(self, rows: Portion, row: int) -> str:
        """As it is, or its target words where the counts came ready."""
        texts = rows.texts
        return texts[row] if texts else self._bag(target_counts(rows.subset(np.array([row]))))

    def _raised(self, share_W: np.ndarray) -> tuple[str, ...]:
        """The words that add most to the divergence from the unigram: probable, and more so here
        than elsewhere."""
        gain_W = share_W * (np.log(np.maximum(share_W, _LEAST)) - np.log(self._unigram_W))
        return tuple(self.words_W[np.argsort(-gain_W, kind="stable")[:_WORDS]].tolist())

    @cached_property
    def _unigram_W(self) -> np.ndarray:
        counts_W = np.maximum(self._word_counts(-1), 0.5)
        return np.asarray(counts_W / counts_W.sum())


def lengths(counts_NW: scipy.sparse.csr_matrix) -> np.ndarray:
    """Words of each row, [N]."""
    return np.asarray(counts_NW.sum(axis=1), dtype=np.int64).ravel()

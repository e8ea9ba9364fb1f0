"""Sentences from the prior and by class, beside those of a bigram sampler and real ones.

Each is drawn token by token from what its code makes likely. As many are made as there are real
validation rows, by class of the same classes.

Shape suffixes: N sentences, M training rows, W target words, Z latent dimensions, P pairs, S steps.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Self, TypeVar

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from latentops.applications import by_class
from latentops.applications.by_class import MOST, Coder, Judged, Way
from latentops.applications.judges import TextJudge
from latentops.applications.results import Crossing, Generation, Made, Written
from latentops.applications.subject import Subject
from latentops.data import tokens
from latentops.data import vocabulary as counting
from latentops.inference.forms import Sentences
from latentops.metrics import generation
from latentops.metrics.sentences import KneserNey
from latentops.portion import Portion

Sentence = tuple[int, ...]

_BLEU_SENTENCES = 500  # self-BLEU rises with their number
_BLEU_ORDER = 4
_GRAMS = 3  # of the language model
_NEVER_TOLD = 2  # kinds of token that no sentence holds: PAD and START
_SHOWN_CLASSES = 8
_SHOWN_WITHOUT_CLASSES = 4
_CROSSINGS = 3
_STEPS = 5

Of = TypeVar("Of")


def measure(subject: Subject) -> Generation:
    """With a perplexity of made sentences, and one of test sentences by what was made."""
    real = subject.valid.sample(MOST[subject.depth], subject.seed)
    if len(real) < 2:
        return Generation(reason="There are fewer than two validation sentences to compare with.")
    study = _Study(subject)
    y_N, nobody = study.coder.learned(real.y), np.full(len(real), -1)
    judged = [study.judged("valid", "real", [real.texts or []], y_N), *study.both(nobody)]
    gain = None
    if (y_N >= 0).any():
        vae, bigram = study.both(y_N[y_N >= 0])
        judged += [vae, bigram]
        gain = by_class.gain(vae, bigram, subject.seed)
    judged += [
        study.judged("vae", "around", study.by_vae(study.coder.around, real), y_N),
        study.judged("vae", "between", study.by_vae(study.coder.between, real), nobody),
    ]
    return Generation(
        seeds=len(study.coder.vaes),
        sentences=True,
        made=tuple(each.made for each in judged),
        gain=gain,
        without_classes=study.coder.without_classes,
        written=tuple(study.written(y_N)),
        crossings=tuple(study.crossings(real)),
    )


@dataclass(frozen=True)
class Bigrams:
    """A sampler that knows what follows a token in training, and nothing further back."""

    followers: Mapping[int | None, Sequence[int | None]]  # None: the start and the end

    @classmethod
    def of(cls, sentences: Iterable[Sentence]) -> Self:
        followers = defaultdict(list)
        for sentence in sentences:
            for token, following in pairwise((None, *sentence, None)):
                followers[token].append(following)
        return cls(followers)

    def drawn(self, rng: np.random.Generator) -> Sentence:
        """Of equal length on average to those of training."""
        sentence: list[int] = []
        token = self._following(None, rng)
        while token is not None:
            sentence.append(token)
            token = self._following(token, rng)
        return tuple(sentence)

    def _following(self, token: int | None, rng: np.random.Generator) -> int | None:
        known = self.followers[token]
        return known[int(rng.integers(len(known)))]


class _Study:
    """What makes sentences, and what they are judged by."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.coder = Coder(subject)
        self.vocabulary = subject.predictor.vocabulary
        self.tokenizer = self.vocabulary.tokenizer
        self.sentences = Sentences(self.tokenizer)
        texts = subject.train.texts or []
        self.known = self._tokens(texts)
        self.judge = TextJudge.fit(self._counts(texts), subject.train.y)
        self.language = self._language(self.known)

    def both(self, y_N: np.ndarray) -> tuple[Judged, Judged]:
        """Sentences of every VAE, and of the bigram sampler; by class unless y is -1."""
        way: Way = "prior" if (y_N < 0).any() else "class"
        ours = self.judged("vae", way, self.by_vae(self.coder.codes, y_N), y_N)
        return ours, self.judged("bigram", way, [self._bigrams(y_N)], y_N)

    def by_vae(self, codes: Callable[[int, Of], Tensor], of: Of) -> list[list[str]]:
        """Sentences of every VAE, from the codes that it has of rows or classes."""
        return [self._told(codes(place, of), place) for place in range(len(self.coder.vaes))]

    def _told(self, z_NZ: Tensor, place: int = 0) -> list[str]:
        generator = torch.Generator().manual_seed(self.subject.seed)
        return self.sentences.of_codes(self.coder.vaes[place], z_NZ, generator=generator)

    def _bigrams(self, y_N: np.ndarray) -> list[str]:
        """Each of the class that was asked for, or of all training rows where y is -1."""
        rng = np.random.default_rng(self.subject.seed)
        samplers = {y: Bigrams.of(self._known_of(y)) for y in np.unique(y_N)}
        return tokens.decode([samplers[y].drawn(rng) for y in y_N], self.tokenizer)

    def _known_of(self, y: int) -> Iterable[Sentence]:
        y_M = self.subject.train.y
        return (each for each, own in zip(self.known, y_M, strict=True) if y in (-1, own))

    def judged(
        self, source: str, way: Way, texts: Sequence[Sequence[str]], y_N: np.ndarray
    ) -> Judged:
        """Sentences of each VAE seed; agreement is of those that have a class."""
        seed, told = self.subject.seed, np.flatnonzero(y_N >= 0)
        counts = [self._counts(each) for each in texts]
        made = [self._tokens(each) for each in texts]
        copies = by_class.interval(
            [generation.standing_in(each, self.known) for each in made], seed
        )
        correct = [self._correct(each[told], y_N[told]) for each in counts]
        agreement = by_class.interval(correct, seed) if len(told) else None
        found = Made(
            source=source,
            way=way,
            rows=len(made[0]),
            nearest=float(np.median(self.judge.nearest(counts[0]).distance_NK)),
            copies=copies.mean,
            copies_low=copies.low,
            copies_high=copies.high,
            distinct_1=generation.distinct(made[0], 1),
            distinct_2=generation.distinct(made[0], 2),
            self_bleu=generation.self_bleu(made[0][:_BLEU_SENTENCES], _BLEU_ORDER),
            forward_perplexity=self.language.perplexity(made[0]),
            reverse_perplexity=self._language(made[0]).perplexity(self._test),
            agreement=agreement.mean if agreement else None,
            agreement_low=agreement.low if agreement else None,
            agreement_high=agreement.high if agreement else None,
        )
        return Judged(found, np.stack(correct)[None])

    def _correct(self, counts_NW: scipy.sparse.csr_matrix, y_N: np.ndarray) -> np.ndarray:
        return self.judge.label(counts_NW) == y_N if len(y_N) else np.zeros(0, dtype=bool)

    @cached_property
    def _test(self) -> list[Sentence]:
        rows = self.subject.test.sample(MOST[self.subject.depth], self.subject.seed)
        return self._tokens(rows.texts or [])

    def _language(self, sentences: Sequence[Sentence]) -> KneserNey:
        return KneserNey(sentences, _GRAMS, tokens.kinds(self.tokenizer) - _NEVER_TOLD)

    def _tokens(self, texts: Sequence[str]) -> list[Sentence]:
        arrays = tokens.encode(texts, self.tokenizer)
        parts = np.split(arrays["tokens"], arrays["tokens_indptr"][1:-1])
        return [tuple(part.tolist()) for part in parts]

    def _counts(self, texts: Sequence[str]) -> scipy.sparse.csr_matrix:
        """Of the target words, [N, W]."""
        return counting.count(texts, self.vocabulary)[:, list(self.vocabulary.target)]

    def written(self, asked_N: np.ndarray) -> Iterable[Written]:
        """A sentence of each of some classes, or some from the prior."""
        y_N = by_class.shown_classes(asked_N, _SHOWN_CLASSES, _SHOWN_WITHOUT_CLASSES)
        texts = self._told(self.coder.codes(0, y_N))
        near, train = self.judge.nearest(self._counts(texts)), self.subject.train
        for place, (y, text) in enumerate(zip(y_N, texts, strict=True)):
            row = int(near.row_NK[place, 0])
            yield Written(
                label=self._class(y),
                words=(),
                document=text,
                nearest=(train.texts or [])[row],
                nearest_label=self._class(train.y[row]),
                cosine=float(1 - near.distance_NK[place, 0]),
            )

    def crossings(self, real: Portion) -> Iterable[Crossing]:
        """From some real rows to others, of other classes where there are some."""
        shown, path_PSZ = by_class.crossed(self.subject.vae, real, _CROSSINGS, _STEPS)
        texts = shown.texts or []
        for place, path_SZ in enumerate(path_PSZ):
            steps = self.sentences.of_codes(self.subject.vae, path_SZ)
            yield Crossing(
                first=texts[place],
                last=texts[len(path_PSZ) + place],
                words=tuple((step,) for step in steps),
            )

    def _class(self, y: int) -> str:
        return self.subject.predictor.spec.classes[y] if y >= 0 else ""

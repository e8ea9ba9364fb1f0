"""Challenger and champion, scored again on the same test rows with the same seeds.

What is compared are two models as they are stored, not numbers that each wrote down in its time.
Shape suffixes: N rows of a score.
"""

import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from latentops import artifacts
from latentops.data import tokens
from latentops.inference.folder import FILES, HEAD_FILES
from latentops.inference.predictor import Predictor
from latentops.inference.raw import Raw
from latentops.metrics import classification, detection
from latentops.metrics.bootstrap import Bootstrap, Interval
from latentops.networks import bow, seq
from latentops.registry.answers import Answers, CurrentTest, answers, require_readable
from latentops.registry.rule import improvement
from latentops.registry.settings import SCORES
from latentops.verdict.threads import one_thread

TIMED_ROWS = 256
_TURNS = 5
_OF_TARGET_WORDS = ("elbo_nats", "rate_nats", "distortion_nats")
_NAMED = 3  # classes in a note


@dataclass(frozen=True)
class Pair:
    """Scores by their names in registry/settings.py; one that could not be measured is absent.

    `differences` are improvements: above 0 the challenger is better. Their intervals are paired
    over rows; a score that is no mean over rows has none, and its three numbers are the same.
    """

    challenger: dict[str, float]
    champion: dict[str, float] | None
    differences: dict[str, Interval]
    notes: tuple[str, ...]
    rows: int
    test_md5: str


class _Target(NamedTuple):
    """What the ELBO is of."""

    identity: object  # which words and whether of their counts or presence, or which tokens
    told: str


@dataclass(frozen=True)
class _Model:
    """One side, with all that was asked of it."""

    who: str
    predictor: Predictor
    said: Answers
    bytes: int
    test: CurrentTest

    @classmethod
    def of(cls, who: str, folder: Path, test: CurrentTest, seed: int) -> Self:
        predictor = Predictor.from_folder(folder)
        require_readable(predictor, test, who)
        said = answers(predictor, test, seed)
        return cls(who, predictor, said, _bytes(folder), test)

    @property
    def known(self) -> frozenset[str]:
        """Names of classes."""
        return frozenset(
            () if isinstance(self.predictor.head, str) else self.predictor.head.classes
        )

    @property
    def target(self) -> _Target:
        settings, vocabulary = self.predictor.settings, self.predictor.vocabulary
        if isinstance(settings, seq.Settings):
            kinds = tokens.kinds(vocabulary.tokenizer)
            return _Target(vocabulary.tokenizer, f"sentences of {kinds:,} kinds of token")
        if not isinstance(settings, bow.Settings):
            return _Target("", "pixels")
        words = Counter(vocabulary.terms[column] for column in vocabulary.target)
        told = f"the {settings.target} of {words.total()} words that the decoder knows"
        return _Target((words, settings.target), told)


def pair(challenger: Path, champion: Path | None, seed: int) -> Pair:
    """Of model folders, on the test split of the project in the working directory.

    The same seed gives the same numbers, but for seconds; the ELBO is that of stage evaluate with
    the same seed. Scores need not be finite. Raises DataError where a model cannot read the rows.
    """
    test = CurrentTest.read(seed)
    models = [_Model.of("challenger", challenger, test, seed)]
    if champion is not None:
        models.append(_Model.of("champion", champion, test, seed))
    seconds = _seconds_per_example([model.predictor for model in models], test)
    scores = [_in_order(_scores(model) | s) for model, s in zip(models, seconds, strict=True)]
    return Pair(
        challenger=scores[0],
        champion=scores[1] if champion else None,
        differences=_differences(models, scores, seed) if champion else {},
        notes=tuple(_notes(models)),
        rows=len(test),
        test_md5=artifacts.md5(artifacts.tensors_path("test")),
    )


def _in_order(scores: Mapping[str, float]) -> dict[str, float]:
    return {name: scores[name] for name in SCORES if name in scores}


def _scores(model: _Model) -> dict[str, float]:
    """All but the seconds."""
    found: dict[str, float] = {"model_bytes": model.bytes}
    found |= {name: float(value_N.mean()) for name, value_N in _row_values(model).items()}
    if len(model.test.in_scope_N) > 1:  # one mean does not vary
        found["active_units"] = model.said.active_units
    return found | _macros(model) | _auroc(model)


def _row_values(model: _Model) -> dict[str, np.ndarray]:
    """The scores that are means over rows: float64 in nats, bool for shares, each [N], N > 0."""
    said, test = model.said, model.test
    values = {
        "elbo_nats": said.elbo_N,
        "rate_nats": said.rate_N,
        "distortion_nats": said.distortion_N,
    }
    if judged := said.judged:
        values["accuracy"] = (judged.label_N == test.label_N)[test.label_N != ""]
        values["in_scope_refused"] = judged.strangeness_N > judged.threshold
        values["out_of_scope_recall"] = judged.strangeness_S > judged.threshold
    return {name: value_N for name, value_N in values.items() if len(value_N)}


def _macros(model: _Model) -> dict[str, float]:
    """Over the classes of the test rows, by name."""
    actual, judged = model.test.label_N, model.said.judged
    labelled = actual != ""
    if judged is None or not labelled.any():
        return {}
    names = np.concatenate([actual[labelled], judged.label_N[labelled]]).astype(str)
    codes = np.unique(names, return_inverse=True)[1]
    found = classification.scores(*np.split(codes, 2))
    return {name: found[name] for name in ("recall_macro", "f1_macro")}


def _auroc(model: _Model) -> dict[str, float]:
    judged = model.said.judged
    if judged is None or not len(judged.strangeness_N) or not len(judged.strangeness_S):
        return {}
    return {"out_of_scope_auroc": detection.auroc(judged.strangeness_N, judged.strangeness_S)}


def _differences(
    models: Sequence[_Model], scores: Sequence[Mapping[str, float]], seed: int
) -> dict[str, Interval]:
    ours, theirs = scores
    left_out = () if _same_target(models) else _OF_TARGET_WORDS
    compared = [name for name in SCORES if name in ours and name in theirs and name not in left_out]
    whole = {name: improvement(name, ours[name], theirs[name]) for name in compared}
    rows = _row_differences(models, seed)
    return {name: rows.get(name, Interval(*3 * (whole[name],))) for name in compared}


def _row_differences(models: Sequence[_Model], seed: int) -> dict[str, Interval]:
    """Paired: every score of as many rows is given the same draws of rows."""
    bootstrap = cache(lambda rows: Bootstrap(rows, seed))
    ours, theirs = map(_row_values, models)
    found = {}
    for name in ours.keys() & theirs.keys():
        better, worse = ours[name], theirs[name]
        if not SCORES[name].more_is_better:
            better, worse = worse, better
        drawn = bootstrap(len(better))
        if better.dtype == bool:
            found[name] = drawn.paired_difference(better[None, None], worse[None, None])
        else:
            found[name] = drawn.mean_difference(better, worse)
    return found


def _same_target(models: Sequence[_Model]) -> bool:
    return all(model.target.identity == models[0].target.identity for model in models)


def _bytes(folder: Path) -> int:
    files = (folder / path.name for path in (*FILES, *HEAD_FILES))
    return sum(file.stat().st_size for file in files if file.exists())


def _seconds_per_example(
    predictors: Sequence[Predictor], test: CurrentTest
) -> list[dict[str, float]]:
    """From what a person has to the answer, in one batch on one thread: the median over turns.

    Models take turns, after one each to warm up, so that what else the machine does falls on all.
    """
    rows = np.unique(np.linspace(0, len(test) - 1, min(len(test), TIMED_ROWS)).astype(int))
    if not len(rows):
        return [{} for _ in predictors]
    raw = test.raw(rows)
    taken: list[list[float]] = [[] for _ in predictors]
    with one_thread():
        for _ in range(1 + _TURNS):
            for predictor, seconds in zip(predictors, taken, strict=True):
                seconds.append(_seconds(predictor, raw))
    return [
        {"seconds_per_example": statistics.median(seconds[1:]) / len(rows)} for seconds in taken
    ]


def _seconds(predictor: Predictor, raw: Raw) -> float:
    answer: Callable[[Raw], object] = predictor.classify
    if isinstance(predictor.head, str):
        answer = predictor.encode
    started = time.perf_counter()
    answer(raw)
    return time.perf_counter() - started


def _notes(models: Sequence[_Model]) -> list[str]:
    """What a reader of the scores must know, a sentence each."""
    test = models[0].test
    notes = [note for model in models for note in _notes_on(model)]
    if not _same_target(models):
        ours, theirs = (model.target.told for model in models)
        notes.append(
            f"The ELBO of the challenger is of {ours}, that of the champion of {theirs}: ELBO, "
            "rate and distortion are not compared."
        )
    if not len(test.in_scope_N):
        notes.append("No test row is in scope: there is no ELBO and no accuracy.")
    elif not (test.label_N != "").any():
        notes.append("No test row in scope has a label: there is no accuracy.")
    if not len(test.strangers_S):
        notes.append("No test row is out of scope: only what is refused in scope is measured.")
    if test.spec.kind == "counts" and not test.has_texts:
        notes.append("The data has no texts: the time is that of texts made of the counted words.")
    return notes


def _notes_on(model: _Model) -> list[str]:
    head, label_N = model.predictor.head, model.test.label_N
    if isinstance(head, str):
        return [f"The {model.who} has no classifier, and its time is that of its codes: {head}"]
    actual = Counter(label_N[label_N != ""].tolist())
    unknown = sorted(actual.keys() - model.known)
    if not unknown:
        return []
    listed = ", ".join(map(repr, unknown[:_NAMED])) + (", ..." if len(unknown) > _NAMED else "")
    rows = sum(actual[name] for name in unknown)
    return [
        f"The {model.who} does not know {len(unknown)} of the {len(actual)} classes ({listed}): "
        f"their {rows} test rows count as wrong."
    ]

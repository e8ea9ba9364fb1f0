# ruff: noqa: N815 - names end in their shape suffixes
"""What a comparison of features at one label budget allows to be said, with intervals.

Shape suffixes: N test rows, S label samples, V VAE seeds.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from latentops.metrics import classification
from latentops.metrics.bootstrap import Bootstrap
from latentops.verdict.features import names, uses_vae
from latentops.verdict.heads import Choice
from latentops.verdict.results import Claim, Score

_OURS_UNCHOSEN = ("tfidf+vae", "pixels+vae")  # where there are too few labels to compare
_OF_THE_SAME_SIZE = ("lsa", "pca")

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True)
class Outcome:
    """One feature set at one budget. What needs no VAE has one seed."""

    features: str
    predicted_SVN: np.ndarray  # class indices
    choices: tuple[Choice, ...]  # of each sample
    inner_accuracy: float | None  # mean over samples

    def correct(self, y_N: np.ndarray) -> np.ndarray:
        """[S, V, N], bool."""
        return np.asarray(self.predicted_SVN == y_N)


def score(
    outcome: Outcome, y_N: np.ndarray, unseen_N: np.ndarray | None, bootstrap: Bootstrap
) -> Score:
    """`unseen_N` marks the test rows that do not stand in train; None: not known."""
    correct_SVN = outcome.correct(y_N)
    found = bootstrap.interval(correct_SVN)
    each = [
        classification.scores(y_N, predicted_N)
        for predicted_VN in outcome.predicted_SVN
        for predicted_N in predicted_VN
    ]
    return Score(
        features=outcome.features,
        accuracy=found.mean,
        accuracy_low=found.low,
        accuracy_high=found.high,
        accuracy_sd=_sd([scores["accuracy"] for scores in each]),
        recall_macro=float(np.mean([scores["recall_macro"] for scores in each])),
        f1_macro=float(np.mean([scores["f1_macro"] for scores in each])),
        accuracy_unseen=_share(correct_SVN, unseen_N),
        inner_accuracy=outcome.inner_accuracy,
        classifier=_commonest(choice.classifier for choice in outcome.choices),
        join=_commonest(choice.join for choice in outcome.choices)
        if len(names(outcome.features)) > 1
        else None,
    )


def claims(outcomes: Sequence[Outcome], y_N: np.ndarray, bootstrap: Bootstrap) -> tuple[Claim, ...]:
    """The VAE's best features, as the labels tell, against the baseline that is best on test; and
    its means against LSA or PCA of the same size."""
    correct = {outcome.features: outcome.correct(y_N) for outcome in outcomes}
    baselines = [features for features in correct if not uses_vae(features)]
    strongest = max(baselines, key=lambda features: correct[features].mean())
    pairs = [(_ours(outcomes), strongest)]
    pairs += [("vae", features) for features in _OF_THE_SAME_SIZE if features in correct]
    return tuple(_claim(ours, theirs, correct, bootstrap) for ours, theirs in dict.fromkeys(pairs))


def _claim(ours: str, theirs: str, correct: dict[str, np.ndarray], bootstrap: Bootstrap) -> Claim:
    return Claim.of(ours, theirs, bootstrap.paired_difference(correct[ours], correct[theirs]))


def _ours(outcomes: Sequence[Outcome]) -> str:
    """Chosen without a look at test."""
    candidates = {
        outcome.features: outcome.inner_accuracy
        for outcome in outcomes
        if uses_vae(outcome.features)
    }
    chosen = {features: inner for features, inner in candidates.items() if inner is not None}
    if chosen:
        return max(chosen, key=lambda features: chosen[features])
    return next(features for features in _OURS_UNCHOSEN if features in candidates)


def _share(correct_SVN: np.ndarray, of_N: np.ndarray | None) -> float | None:
    return None if of_N is None or not of_N.any() else float(correct_SVN[:, :, of_N].mean())


def _sd(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _commonest(values: Iterable[T]) -> T:
    return Counter(values).most_common(1)[0][0]

"""What each feature set costs beside its accuracy, measured side by side in the form it ships in.

Every set is folded into one linear map of terms or pixels, means and hidden layers, as the
shipped classifier is: LSA then costs what TF-IDF does.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from latentops import build, portion
from latentops.classifier import Classifier, Detector, HeadFile, Weighed
from latentops.data import weighting
from latentops.portion import Portion
from latentops.verdict import shipped
from latentops.verdict.features import Basis, names, uses_vae
from latentops.verdict.heads import Head
from latentops.verdict.results import Cost
from latentops.verdict.shipped import Subject
from latentops.verdict.study import Comparison

_TIMED_ROWS = 1_000
_ROUNDS = 5
_NEIGHBOURS = 5
_WORDS = "tfidf_words"
_UNGUARDED = Detector(
    signals={"margin": Weighed(weight=1.0, mean=0.0, sd=1.0)}, threshold=0.0, refused=0.0, note=""
)


def measure(
    subject: Subject,
    model: build.Model,
    comparison: Comparison,
    test: Portion,
    training_seconds: float,
) -> tuple[Cost, ...]:
    """At all labels, with the subject's VAE, which took so long to train.

    On as many threads as the caller allows. Feature sets take turns, so that what else the machine
    does falls on all of them.
    """
    deployed = {
        features: _Deployed.of(each.head, comparison.basis, subject, model)
        for features, each in comparison.heads.items()
    }
    timed = test.subset(np.arange(min(len(test), _TIMED_ROWS)))
    microseconds = _microseconds(deployed, timed)
    accuracies = {score.features: score.accuracy for score in comparison.budgets[-1].scores}
    return tuple(
        Cost(
            features=features,
            accuracy=accuracies[features],
            fit_seconds=_fit_seconds(features, comparison.basis, training_seconds),
            head_seconds=each.head_seconds,
            microseconds_per_example=microseconds[features],
            bytes=deployed[features].bytes,
            features_in=sum(len(weights_FC) for weights_FC in each.head.coefficients.values()),
        )
        for features, each in comparison.heads.items()
    )


def with_neighbours(
    cost: tuple[Cost, ...], subject: Subject, basis: Basis, train: Portion, test: Portion
) -> tuple[Cost, ...]:
    """With the accuracy of the 5 nearest neighbours, by Euclidean distance, in PCA and in the means
    as they are. Labelled rows."""
    codes = {
        "vae": lambda rows: portion.read(subject.vae, rows.examples).mean_NZ,
        "pca": lambda rows: basis.dense(basis.observed(rows))["pca"],
    }
    found = []
    for each in cost:
        code = codes.get(each.features)
        accuracy = None if code is None else _accuracy_knn(code(train), train.y, code(test), test.y)
        found.append(each.model_copy(update={"accuracy_knn5": accuracy}))
    return tuple(found)


@dataclass(frozen=True)
class _Deployed:
    """A folded classifier with what it is fed by."""

    classifier: Classifier
    subject: Subject  # its vocabulary is that of the counts which the classifier reads
    model: build.Model
    columns: np.ndarray | None  # of all terms, where it reads some of them

    @classmethod
    def of(cls, head: Head, basis: Basis, subject: Subject, model: build.Model) -> Self:
        facts = HeadFile(classes=subject.spec.classes, detector=_UNGUARDED)
        if head.features != _WORDS:
            return cls(shipped.fold(head, basis, facts), subject, model, None)
        # By themselves the words are all terms there are.
        words = weighting.single_words(basis.vocabulary)
        alone = replace(head, features="tfidf", coefficients={"tfidf": head.coefficients[_WORDS]})
        classifier = shipped.fold(alone, replace(basis, vocabulary=words), facts)
        return cls(classifier, replace(subject, vocabulary=words), model, basis.word_columns)

    def fed(self, rows: Portion) -> Portion:
        """Their counts, of the terms that it reads."""
        if self.columns is None or rows.counts is None:
            return rows
        return replace(rows, counts=rows.counts[:, self.columns])

    def predict(self, fed: Portion) -> np.ndarray:
        """From counts, tokens or pixels to class indices.

        Weighting counts for the encoder is part of it; counting and cutting into tokens are not.
        """
        examples = fed.examples
        counts = fed.counts if self.model.kind == "bow" else None
        if counts is not None and self.classifier.needs_encoder:
            arrays = {"indptr": counts.indptr, "indices": counts.indices, "counts": counts.data}
            spec, vocabulary = self.subject.spec, self.subject.vocabulary
            examples = build.examples(spec, vocabulary, arrays, self.model)
        inputs = portion.inputs(
            self.classifier, self.subject.vae, examples, fed.counts, self.subject.vocabulary, None
        )
        return np.asarray(self.classifier.logits(inputs).argmax(axis=1))

    @property
    def bytes(self) -> int:
        """Of its tensors, of the encoder where it reads that, and of the idf of each term."""
        idf = 4 * len(self.subject.vocabulary.terms)
        encoder = self.subject.vae.encoder.parameters() if self.classifier.needs_encoder else ()
        return (
            self.classifier.bytes
            + idf
            + sum(each.numel() * each.element_size() for each in encoder)
        )


def _microseconds(deployed: Mapping[str, _Deployed], rows: Portion) -> dict[str, float]:
    """Of one example in a batch of `rows`: the median over rounds, after one to warm up."""
    fed = {features: each.fed(rows) for features, each in deployed.items()}
    seconds: dict[str, list[float]] = {features: [] for features in deployed}
    for _ in range(1 + _ROUNDS):
        for features, each in deployed.items():
            started = time.perf_counter()
            each.predict(fed[features])
            seconds[features].append(time.perf_counter() - started)
    return {
        features: float(np.median(found[1:])) / len(rows) * 1e6
        for features, found in seconds.items()
    }


def _fit_seconds(features: str, basis: Basis, training_seconds: float) -> float:
    """LSA's and PCA's hold what comes before them; the VAE's are those of its training."""
    own = [basis.seconds[name] for name in names(features) if name in basis.seconds]
    return max(own, default=0.0) + (training_seconds if uses_vae(features) else 0.0)


def _accuracy_knn(
    train_NF: np.ndarray, y_train: np.ndarray, test_NF: np.ndarray, y_test: np.ndarray
) -> float:
    count = min(_NEIGHBOURS, len(y_train))
    neighbours = KNeighborsClassifier(count, algorithm="brute").fit(train_NF, y_train)
    return float(neighbours.score(test_NF, y_test))

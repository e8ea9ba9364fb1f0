"""A trained model and the prepared splits to scores and what the pictures show."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from latentops import build
from latentops.artifacts import Spec, Split, Vocabulary
from latentops.classifier import Classifier, Judgement
from latentops.data.batches import Bags, Sequences
from latentops.elbo import Posterior
from latentops.evaluation import gallery, judged, latent_use, scores, sentences, text
from latentops.evaluation.results import (
    Dimension,
    Evaluation,
    Gallery,
    Neighbours,
    Sentences,
    Topic,
)
from latentops.evaluation.scores import Scores
from latentops.evaluation.settings import Settings
from latentops.metrics import latent
from latentops.model import VAE
from latentops.portion import Portion, Prepared, encode, in_scope, inputs, seen_in_train, whole


@dataclass(frozen=True)
class _Subject:
    """What is evaluated, and on what."""

    vae: VAE
    classifier: Classifier | None
    spec: Spec
    vocabulary: Vocabulary
    train: Portion
    valid: Portion
    test: Portion
    seen: np.ndarray | None  # [N], bool: the test texts that stand in train too
    strangers: Portion | None  # the test rows out of scope
    posterior: Posterior  # of test
    rates: np.ndarray  # [Z], mean over test, nats
    settings: Settings


@torch.no_grad()
def evaluate(
    vae: VAE,
    classifier: Classifier | None,
    spec: Spec,
    vocabulary: Vocabulary,
    splits: Mapping[Split, Prepared],
    model: build.Model,
    settings: Settings,
) -> Evaluation:
    """Score a trained model and its classifier, on the CPU and in evaluation mode.

    Scores come from the rows of `test` in scope, those of detection from all of them. `train`
    serves PCA and says which test rows it holds too. What is shown, in pictures or in words, is of
    `valid`: nobody who looks at it gets to know `test`. The same arguments give the same scores.
    Raises NumericalError for a score that is not finite.
    """
    subject = _subject(vae, classifier, spec, vocabulary, splits, model, settings)
    found = _model_scores(subject)
    scores.require_finite(found)
    judgement = _judgement(subject, subject.test)
    found |= _more_scores(subject, judgement)
    active_Z = latent.active(subject.posterior.mean).numpy()
    topics = _topics(subject, active_Z)
    found |= text.topic_scores(vae, active_Z, topics)
    scores.require_finite(found)
    shown_mean_NZ = encode(vae, subject.valid.examples).mean.numpy()
    return Evaluation(
        scores=found,
        use=latent_use.measure(vae, subject.valid.examples, "validation", settings),
        rate_per_dimension_nats=subject.rates,
        active=active_Z,
        latent_map=gallery.latent_map(shown_mean_NZ, subject.valid.y, spec),
        confusion=_confusion(subject, judgement),
        gallery=_gallery(subject),
        dimensions=_dimensions(subject),
        topics=topics,
        neighbours=_neighbours(subject, shown_mean_NZ),
        sentences=_sentences(subject, shown_mean_NZ),
    )


def _subject(
    vae: VAE,
    classifier: Classifier | None,
    spec: Spec,
    vocabulary: Vocabulary,
    splits: Mapping[Split, Prepared],
    model: build.Model,
    settings: Settings,
) -> _Subject:
    def portion(split: Split) -> Portion:
        return in_scope(split, splits[split], spec, vocabulary, model, settings.seed)

    everything = whole("test", splits["test"], spec, vocabulary, model, settings.seed)
    strangers = np.flatnonzero(~everything.in_scope)
    train, test = portion("train"), portion("test")
    posterior = encode(vae, test.examples)
    return _Subject(
        vae=vae,
        classifier=classifier,
        spec=spec,
        vocabulary=vocabulary,
        train=train,
        valid=portion("valid"),
        test=test,
        seen=seen_in_train(train, test) if spec.kind == "counts" else None,
        strangers=everything.subset(strangers) if len(strangers) else None,
        posterior=posterior,
        rates=vae.prior.by_dimension(posterior).double().mean(0).numpy(),
        settings=settings,
    )


def _model_scores(subject: _Subject) -> Scores:
    vae, test, settings = subject.vae, subject.test.examples, subject.settings
    return {
        **scores.bound_scores(vae, test, subject.spec, settings, subject.seen),
        **latent_use.shuffled_scores(vae, test, settings),
        **sentences.reconstruction_scores(vae, test, subject.vocabulary),
        **scores.code_scores(subject.posterior, vae.prior, settings),
        **scores.size_scores(vae),
    }


def _more_scores(subject: _Subject, judgement: Judgement | None) -> Scores:
    """What is set beside the model, and what its classifier makes of the rows."""
    train, test = subject.train, subject.test
    found: Scores = {"test_rows": len(test)}
    seen = subject.seen
    if seen is None:
        found |= scores.pca_scores(train, test, subject.vae.latent, subject.settings.seed)
    else:
        found["test_rows_also_in_train"] = int(seen.sum())
    if judgement is None:
        return found
    labelled = test.y >= 0
    if labelled.any():
        also_in_train = None if seen is None else seen[labelled]
        found |= judged.accuracies(test.y[labelled], judgement.label_N[labelled], also_in_train)
    return found | _detections(subject, judgement)


def _detections(subject: _Subject, judgement: Judgement) -> Scores:
    """Empty where the data has no rows out of scope."""
    if subject.classifier is None or subject.strangers is None:
        return {}
    strange = _judgement(subject, subject.strangers)
    assert strange is not None
    return judged.detections(subject.classifier, judgement.strangeness_N, strange.strangeness_N)


def _judgement(subject: _Subject, portion: Portion) -> Judgement | None:
    """None for a model without a classifier."""
    if subject.classifier is None:
        return None
    given = inputs(
        subject.classifier,
        subject.vae,
        portion.examples,
        portion.counts,
        subject.vocabulary,
        portion.texts,
    )
    return subject.classifier.judge(given)


def _confusion(subject: _Subject, judgement: Judgement | None) -> pd.DataFrame:
    """Class names of the labelled test rows; no rows where nothing classifies them."""
    labelled = np.flatnonzero(subject.test.y >= 0)
    actual = subject.test.y[labelled] if judgement else np.empty(0, int)
    predicted = judgement.label_N[labelled] if judgement else actual
    return pd.DataFrame(
        {
            "actual": gallery.class_names(actual, subject.spec),
            "predicted": gallery.class_names(predicted, subject.spec),
        },
        dtype="str",
    )


def _gallery(subject: _Subject) -> Gallery | None:
    if subject.spec.kind != "image":
        return None
    generator = torch.Generator().manual_seed(subject.settings.seed)
    return gallery.images(subject.vae, subject.valid.examples, subject.rates, generator)


def _dimensions(subject: _Subject) -> list[Dimension]:
    if not isinstance(subject.valid.examples, Bags):
        return []
    return text.dimensions(subject.vae, subject.vocabulary, subject.rates)


def _topics(subject: _Subject, active_Z: np.ndarray) -> list[Topic]:
    train = subject.train.examples
    if not isinstance(train, Bags):
        return []
    return text.topics(subject.vae, subject.vocabulary, active_Z, train)


def _neighbours(subject: _Subject, shown_mean_NZ: np.ndarray) -> list[Neighbours]:
    if "text" not in subject.valid.table:
        return []
    train_mean_MZ = encode(subject.vae, subject.train.examples).mean.numpy()
    return text.neighbours(subject.valid, shown_mean_NZ, subject.train, train_mean_MZ, subject.spec)


def _sentences(subject: _Subject, shown_mean_NZ: np.ndarray) -> Sentences | None:
    valid = subject.valid.examples
    if not isinstance(valid, Sequences):
        return None
    generator = torch.Generator().manual_seed(subject.settings.seed)
    return sentences.gallery(subject.vae, valid, shown_mean_NZ, subject.vocabulary, generator)

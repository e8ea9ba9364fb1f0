"""A trained model and the prepared splits to scores, probes and what the pictures show."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from latentops import build
from latentops.artifacts import Spec, Split, Vocabulary
from latentops.elbo import Posterior
from latentops.evaluation import baselines, gallery, scores, text
from latentops.evaluation.baselines import FeatureSet, Probed
from latentops.evaluation.results import Dimension, Evaluation, Gallery, Neighbours
from latentops.evaluation.scores import Scores
from latentops.evaluation.settings import Settings
from latentops.metrics import latent
from latentops.model import VAE
from latentops.portion import Portion, Prepared, encode, in_scope


@dataclass(frozen=True)
class _Subject:
    """What is evaluated, and on what."""

    vae: VAE
    spec: Spec
    vocabulary: Vocabulary
    train: Portion
    valid: Portion
    test: Portion
    posterior: Posterior  # of test
    rates: np.ndarray  # [Z], mean over test, nats
    settings: Settings


def evaluate(
    vae: VAE,
    spec: Spec,
    vocabulary: Vocabulary,
    splits: Mapping[Split, Prepared],
    model: build.Model,
    settings: Settings,
    training_seconds: float | None = None,
) -> Evaluation:
    """Score a trained model, on the CPU and in evaluation mode.

    Scores come from the rows of `test` in scope. `train` and `valid` serve the linear heads and
    the baselines. What is shown, in pictures or in words, is of `valid`: nobody who looks at it
    gets to know `test`. The same arguments give the same scores, seconds apart. Raises
    NumericalError for a score that is not finite.
    """
    subject = _subject(vae, spec, vocabulary, splits, model, settings)
    found = _model_scores(subject)
    scores.require_finite(found)
    sets, more = _baselines(subject)
    shown_mean_NZ = encode(vae, subject.valid.examples).mean.numpy()
    probes = _probes(subject, {"vae_mean": baselines.vae_mean(vae, training_seconds), **sets})
    found |= {**more, **_test_rows(subject, probes), **_accuracies(probes)}
    scores.require_finite(found)
    return Evaluation(
        scores=found,
        probes={name: probed.scores for name, probed in probes.items()},
        collapse=scores.collapse(found, vae.latent, settings),
        rate_per_dimension_nats=subject.rates,
        active=latent.active(subject.posterior.mean).numpy(),
        latent_map=gallery.latent_map(shown_mean_NZ, subject.valid.y, spec),
        confusion=_confusion(subject, probes),
        gallery=_gallery(subject),
        dimensions=_dimensions(subject),
        neighbours=_neighbours(subject, shown_mean_NZ),
    )


def _subject(
    vae: VAE,
    spec: Spec,
    vocabulary: Vocabulary,
    splits: Mapping[Split, Prepared],
    model: build.Model,
    settings: Settings,
) -> _Subject:
    def portion(split: Split) -> Portion:
        return in_scope(split, splits[split], spec, vocabulary, model, settings.seed)

    test = portion("test")
    posterior = encode(vae, test.examples)
    return _Subject(
        vae=vae,
        spec=spec,
        vocabulary=vocabulary,
        train=portion("train"),
        valid=portion("valid"),
        test=test,
        posterior=posterior,
        rates=posterior.kl().double().mean(0).numpy(),
        settings=settings,
    )


def _model_scores(subject: _Subject) -> Scores:
    return {
        **scores.bound_scores(subject.vae, subject.test.examples, subject.spec, subject.settings),
        **scores.code_scores(subject.posterior, subject.settings),
        **scores.size_scores(subject.vae),
    }


def _baselines(subject: _Subject) -> tuple[dict[str, FeatureSet], Scores]:
    """What the means have to beat, and what it scores without labels."""
    size, seed = subject.vae.latent, subject.settings.seed
    if subject.spec.kind == "image":
        pca, seconds = baselines.fit_pca(subject.train, size, seed)
        mse = baselines.mse_pixel(pca, subject.test)
        return baselines.of_pixels(pca, seconds), {"mse_pixel_pca": mse}
    if not baselines.can_probe(subject.train, subject.test):
        return {}, {}
    return baselines.of_counts(subject.train, size, seed), {}


def _probes(subject: _Subject, sets: Mapping[str, FeatureSet]) -> dict[str, Probed]:
    """Empty where there are no labels."""
    train, valid, test = subject.train, subject.valid, subject.test
    if not baselines.can_probe(train, test):
        return {}
    return baselines.probe_all(sets, train, valid, test, subject.settings.seed)


def _accuracies(probes: Mapping[str, Probed]) -> Scores:
    """Of the VAE's means without a suffix, of the other features with their name as one."""
    if not probes:
        return {}
    others = {
        f"accuracy_{name}": probed.scores["accuracy"]
        for name, probed in probes.items()
        if name != "vae_mean"
    }
    ours = probes["vae_mean"].scores
    return {name: ours[name] for name in ("accuracy", "recall_macro", "f1_macro")} | others


def _test_rows(subject: _Subject, probes: Mapping[str, Probed]) -> Scores:
    """How many rows were scored, and for documents how many of them stand in train too."""
    rows: Scores = {"test_rows": len(subject.test)}
    if subject.spec.kind == "image":
        return rows
    seen = scores.seen_in_train(subject.train, subject.test)
    counted: Scores = {**rows, "test_rows_also_in_train": int(seen.sum())}
    labelled = subject.test.y >= 0
    unseen = ~seen[labelled]
    if not probes or not unseen.any():
        return counted
    right = probes["vae_mean"].predicted == subject.test.y[labelled]
    return {**counted, "accuracy_unseen": float(right[unseen].mean())}


def _confusion(subject: _Subject, probes: Mapping[str, Probed]) -> pd.DataFrame:
    """Class names of the labelled test rows; no rows where there are no labels."""
    actual = subject.test.y[subject.test.y >= 0] if probes else np.empty(0, int)
    predicted = probes["vae_mean"].predicted if probes else actual
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
    if subject.spec.kind != "counts":
        return []
    return text.dimensions(subject.vae, subject.vocabulary, subject.rates)


def _neighbours(subject: _Subject, shown_mean_NZ: np.ndarray) -> list[Neighbours]:
    if "text" not in subject.valid.table:
        return []
    train_mean_MZ = encode(subject.vae, subject.train.examples).mean.numpy()
    return text.neighbours(subject.valid, shown_mean_NZ, subject.train, train_mean_MZ, subject.spec)

"""Small evaluations of stand-ins: PCA on real digits, and made-up texts with hostile names."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from latentops.artifacts import Spec
from latentops.classifier import Candidate, Detector, HeadFile, Weighed
from latentops.evaluation.diagnosis import Use
from latentops.evaluation.results import Dimension, Evaluation, Gallery, Neighbours, Topic
from latentops.report.facts import Facts
from latentops.verdict.results import (
    Budget,
    Claim,
    Cost,
    Score,
    Signal,
    Strangers,
    Verdict,
)

HOSTILE = "<script>alert(1)</script>|\n$\\frac{*_`](\"'&amp;"
CHINESE = "退款"


def curve(epochs: int = 12) -> pd.DataFrame:
    epoch = np.arange(1, epochs + 1)
    falling = np.exp(-epoch / 4)
    columns: dict[str, np.ndarray] = {
        "epoch": epoch,
        "step": epoch * 11,
        "beta": np.minimum(1, epoch / 4),
    }
    for split, gap in (("train", 0.0), ("valid", 1.5)):
        rate, distortion = 18 * (1 - falling), 30 + 60 * falling + gap
        columns |= {
            f"{split}_rate_nats": rate,
            f"{split}_distortion_nats": distortion,
            f"{split}_elbo_nats": -rate - distortion,
        }
    return pd.DataFrame(columns)


TEXT_FEATURES = {
    "tfidf_words": (0.38, 0.912),
    "tfidf": (0.442, 0.928),
    "lsa": (0.42, 0.84),
    "tfidf+lsa": (0.477, 0.931),
    "vae": (0.46, 0.883),
    "vae+hidden": (0.47, 0.905),
    "tfidf+vae": (0.497, 0.929),
    "lsa+vae": (0.48, 0.895),
}
IMAGE_FEATURES = {
    "pixels": (0.62, 0.908),
    "pca": (0.60, 0.894),
    "pixels+pca": (0.63, 0.91),
    "vae": (0.66, 0.924),
    "vae+hidden": (0.69, 0.951),
    "pixels+vae": (0.68, 0.93),
    "pca+vae": (0.67, 0.925),
}
BUDGETS = {
    "1 per class": 150,
    "5 per class": 750,
    "10 per class": 1500,
    "50 per class": 7500,
    "all": 15000,
}
FEW_CLASSES = {"200 labels": 200, "2500 labels": 2500, "all": 18000}
MIXED = ((0.02, 0.008), (0.017, 0.005), (0.011, 0.004), (0.006, 0.007), (-0.002, 0.003))
Features = Mapping[str, tuple[float, float]]  # accuracy with the fewest labels, and with all
Gain = tuple[float, float]  # difference, half its interval


def verdict(
    gains: Sequence[Gain] = MIXED,
    features: Features = TEXT_FEATURES,
    labels: Mapping[str, float] = BUDGETS,
    settings: Sequence[str] = ("own", "held_out"),
) -> Verdict:
    """Of a study that found these gains of the third last features on the fourth."""
    return Verdict(
        depth="full",
        source="sample",
        seeds=3,
        samples=5,
        test_rows=4500,
        test_rows_also_in_train=13 if features is TEXT_FEATURES else None,
        budgets=tuple(
            budget(name, count, gain, features, place / max(1, len(gains) - 1))
            for place, ((name, count), gain) in enumerate(zip(labels.items(), gains, strict=True))
        ),
        cost=tuple(cost(name, place, features) for place, name in enumerate(features)),
        strangers=tuple(strangers(setting) for setting in settings),
    )


def budget(name: str, labels: float, gain: Gain, features: Features, way: float) -> Budget:
    joined = list(features)[-2]
    flat = list(features)[2 if len(features) == 7 else 3]
    small = next(name for name in ("lsa", "pca") if name in features)
    return Budget(
        name=name,
        labels=labels,
        scores=tuple(
            score(name, few + (many - few) * way**0.4, with_images="pixels" in features)
            for name, (few, many) in features.items()
        ),
        claims=(claim(joined, flat, *gain), claim("vae", small, 0.04, 0.01)),
    )


def claim(ours: str, theirs: str, difference: float, half: float) -> Claim:
    low, high = difference - half, difference + half
    return Claim(ours=ours, theirs=theirs, difference=difference, low=low, high=high)


def score(features: str, accuracy: float, with_images: bool) -> Score:
    return Score(
        features=features,
        accuracy=accuracy,
        accuracy_low=accuracy - 0.008,
        accuracy_high=accuracy + 0.009,
        accuracy_sd=0.004,
        recall_macro=accuracy - 0.01,
        f1_macro=accuracy - 0.02,
        accuracy_unseen=None if with_images else accuracy - 0.001,
        inner_accuracy=accuracy + 0.01,
        classifier="svm" if "+" in features else "logistic",
        join=0.7 if "+" in features else None,
    )


def cost(name: str, place: int, features: Features) -> Cost:
    """The later the features, the slower."""
    return Cost(
        features=name,
        accuracy=features[name][1],
        fit_seconds=None if name == "pixels" else 3.25,
        head_seconds=1.5,
        microseconds_per_example=9.0 + 14 * place,
        bytes=400_000 * (1 + place),
        features_in=64 * (1 + place),
        accuracy_knn5=0.969 if name in ("pca", "vae") and "pixels" in features else None,
    )


def strangers(setting: str) -> Strangers:
    found = {
        "margin": (0.951, True),
        "margin_tfidf": (0.942, False),
        "knn_tfidf": (0.92, False),
        "known": (0.71, False),
        "unknown": (0.66, False),
        "rate": (0.841, True),
        "elbo": (0.403, True),
        "knn_latent": (0.901, True),
        "mahalanobis": (0.876, True),
        "combination": (0.96, True),
        "combination_without_vae": (0.952, False),
    }
    return Strangers(
        setting=setting,
        in_scope_rows=4500,
        stranger_rows=1000,
        note="A sentence on how it was done.",
        signals=tuple(signal(name, auroc, vae) for name, (auroc, vae) in found.items()),
        share_auroc=claim("combination", "combination_without_vae", 0.008, 0.003),
        share_recall=claim("combination", "combination_without_vae", 0.016, 0.007),
    )


def signal(name: str, auroc: float, uses_vae: bool) -> Signal:
    recall = max(0.0, auroc - 0.16)
    return Signal(
        name=name,
        auroc=auroc,
        auroc_low=auroc - 0.01,
        auroc_high=min(1.0, auroc + 0.01),
        recall=recall,
        recall_low=recall - 0.02,
        recall_high=recall + 0.02,
        uses_vae=uses_vae,
    )


def head(features: str = "tfidf+vae", classes: Sequence[str] = ("a", "b")) -> HeadFile:
    chosen = Candidate(
        features=features,
        classifier="svm",
        inverse_penalty=0.3,
        join=0.7,
        accuracy=0.937,
        bytes=4_300_000,
    )
    return HeadFile(
        classes=tuple(classes),
        chosen=chosen,
        chosen_by="3,000 validation rows",
        candidates=(chosen, chosen.model_copy(update={"features": "vae", "accuracy": 0.884})),
        train_rows=15000,
        temperature=0.41,
        rounded_labels=0.9998,
        detector=Detector(
            signals={
                "margin": Weighed(weight=1.2, mean=0.1, sd=0.5),
                "rate": Weighed(weight=0.4, mean=-15.0, sd=4.0),
            },
            threshold=1.432,
            refused=0.0497,
            note="100 validation rows out of scope",
        ),
    )


def use(active_units: int, gain_nats: float) -> Use:
    return Use(
        split="validation",
        rows=297,
        latent=8,
        active_units=active_units,
        least_active_units=2,
        rate_nats=15.9,
        mutual_information_nats=5.1,
        distortion_nats=24.3,
        distortion_shuffled_nats=24.3 + gain_nats,
    )


def digits(latent: int = 8, examples: int = 300) -> Facts:
    """Eight principal components of scikit-learn's digits in the place of a VAE."""
    x, y = load_digits(return_X_y=True)
    x = x / 16
    pca = PCA(latent, random_state=0).fit(x)
    z = pca.transform(x[:examples])
    label = pd.Series(y[:examples].astype(str), dtype="str")
    evaluation = Evaluation(
        scores={"elbo_nats": -40.2, "rate_nats": 15.9, "distortion_nats": 24.3, "active_units": 5},
        use=use(active_units=5, gain_nats=20.0),
        rate_per_dimension_nats=np.array([0.0, 2.0, 3.5, 0.1, 0.7, 0.01, 1.4, 0.9]),
        active=np.array([False, True, True, False, True, False, True, True]),
        latent_map=pd.DataFrame({"x": z[:, 0], "y": z[:, 1], "label": label}),
        confusion=pd.DataFrame({"actual": label, "predicted": label.shift(fill_value="0")}),
        gallery=_gallery(x, z, pca),
    )
    return Facts(
        spec=Spec(source="digits", kind="image", shape=(1, 8, 8), levels=17, classes=tuple("0123")),
        settings={"model": {"kind": "mlp", "latent": latent, "hidden": [64, 64]}},
        evaluation=evaluation,
        curve=curve(),
        training={"best_epoch": 9, "epochs": 12, "train_seconds": 1.5, "valid_elbo_nats": -50.0},
        data={"rows": {"train": 1200, "valid": 297, "test": 300}, "refused": {"rows": 0}},
        lineage={"weights_sha256": "ab" * 32, "data_md5": {"train": "cd" * 16}},
        verdict=verdict(features=IMAGE_FEATURES, settings=["held_out"]),
        head=head("pixels+vae", tuple("0123456789")),
    )


def _gallery(x: np.ndarray, z: np.ndarray, pca: PCA) -> Gallery:
    axes = np.eye(z.shape[1])[:3, None] * np.linspace(-2, 2, 7)[:, None]
    return Gallery(
        originals=_images(x[:10]),
        reconstructions=_images(pca.inverse_transform(z[:10])),
        prior_samples=_images(pca.inverse_transform(np.random.default_rng(0).normal(size=(12, 8)))),
        traversal=np.stack([_images(pca.inverse_transform(row)) for row in axes]),
        traversal_dimensions=(0, 1, 2),
    )


def _images(flat: np.ndarray) -> np.ndarray:
    return flat.clip(0, 1).reshape(-1, 1, 8, 8)


def hostile() -> Facts:
    """Labels, words and texts that are code in HTML, Markdown or TeX, or in another script."""
    facts = digits()
    rename = {"0": HOSTILE, "1": CHINESE, "2": "$x^{$", "3": "a long name " * 9}
    found = facts.evaluation
    evaluation = replace(
        found,
        latent_map=found.latent_map.replace({"label": rename}),
        confusion=found.confusion.replace(rename),
        use=use(active_units=0, gain_nats=0.0),
        gallery=None,
        dimensions=[Dimension(3, 0.25, (HOSTILE, "up"), (CHINESE, "down"))],
        topics=[Topic(3, (HOSTILE, CHINESE), -0.5)],
        scores={**found.scores, "topics": 1, "topic_npmi": -0.5, "topic_diversity": 1.0},
        neighbours=[Neighbours(HOSTILE * 30, HOSTILE, ((HOSTILE, CHINESE, 0.5),))],
    )
    return replace(
        facts,
        spec=Spec(source=HOSTILE, kind="counts", shape=(900,), synthetic=True, licence=HOSTILE),
        evaluation=evaluation,
        data={"rows": {"train": 3}, "refused": {"rows": 7, "by_reason": {HOSTILE: 7}}},
        lineage={HOSTILE: HOSTILE},
        verdict=verdict(),
        head=head(classes=(HOSTILE, CHINESE)).model_copy(
            update={"chosen_by": HOSTILE, "absent": (HOSTILE,)}
        ),
    )


def unlabelled() -> Facts:
    """Images without labels: nothing to compare, no confusion, a map of one colour."""
    facts = digits()
    found = facts.evaluation
    evaluation = replace(
        found,
        latent_map=found.latent_map.assign(label=""),
        confusion=found.confusion.iloc[:0],
    )
    reason = "the training rows of 'digits' have no labels."
    return replace(
        facts,
        spec=facts.spec.model_copy(update={"classes": ()}),
        evaluation=evaluation,
        verdict=Verdict(
            depth="full",
            source="digits",
            seeds=0,
            samples=0,
            test_rows=0,
            test_rows_also_in_train=None,
            reason=reason,
        ),
        head=HeadFile(reason=reason),
    )


def texts(names: Sequence[str], found: Verdict, each: int = 12) -> Facts:
    """Texts of these classes, whose codes are digits', with a verdict."""
    facts = digits(examples=min(1797, each * len(names)))
    evaluation = facts.evaluation
    count = len(evaluation.latent_map)
    label = pd.Series([names[place % len(names)] for place in range(count)], dtype="str")
    wrong = label.where(np.arange(count) % 7 > 0, label.shift(1, fill_value=names[-1]))
    return replace(
        facts,
        spec=Spec(source="sample", kind="counts", shape=(5000,), classes=tuple(names)),
        evaluation=replace(
            evaluation,
            latent_map=evaluation.latent_map.assign(label=label),
            confusion=pd.DataFrame({"actual": label, "predicted": wrong}),
            gallery=None,
            dimensions=[Dimension(2, 3.5, ("book", "flight"), ("refund", "card"))],
            neighbours=[Neighbours("book it", names[0], (("book a flight", names[0], 0.97),))],
        ),
        verdict=found,
        head=head(classes=names),
    )


def clear_yes() -> Facts:
    gains = [(0.03, 0.008), (0.025, 0.006), (0.02, 0.005), (0.012, 0.004), (0.007, 0.003)]
    return texts(["alarm", "book_flight", "cancel"], verdict(gains))


def clear_no() -> Facts:
    gains = [(-0.01, 0.02), (-0.012, 0.006), (-0.015, 0.005), (-0.01, 0.004), (-0.008, 0.003)]
    return texts(["alarm", "book_flight", "cancel"], verdict(gains, settings=()))


def two_classes() -> Facts:
    gains = [(0.044, 0.003), (0.008, 0.002), (0.001, 0.002)]
    return texts(["neg", "pos"], verdict(gains, labels=FEW_CLASSES, settings=()))


def many_classes() -> Facts:
    names = [f"a rather long name of an intent, number {place:03d}" for place in range(150)]
    return texts(names, verdict())


def chinese() -> Facts:
    return texts(["退款", "查询余额", "转账", "开户"], verdict(settings=["own"]))

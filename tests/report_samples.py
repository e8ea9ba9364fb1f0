"""Small evaluations of stand-ins: PCA on real digits, and made-up texts with hostile names."""

from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from latentops.artifacts import Spec
from latentops.evaluation.results import Dimension, Evaluation, Gallery, Neighbours
from latentops.report.facts import Facts

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


def probe(accuracy: float, features: int = 8) -> dict[str, float]:
    return {
        "accuracy": accuracy,
        "recall_macro": accuracy - 0.01,
        "f1_macro": accuracy - 0.02,
        "features": features,
        "train_rows": 1200,
        "feature_fit_seconds": 1.25,
        "head_fit_seconds": 0.3,
        "microseconds_per_example": 12.5,
        "bytes": 12_345,
        "inverse_penalty": 1.0,
        "converged": 1,
    }


def digits(latent: int = 8, examples: int = 300) -> Facts:
    """Eight principal components of scikit-learn's digits in the place of a VAE."""
    x, y = load_digits(return_X_y=True)
    x = x / 16
    pca = PCA(latent, random_state=0).fit(x)
    z = pca.transform(x[:examples])
    label = pd.Series(y[:examples].astype(str), dtype="str")
    evaluation = Evaluation(
        scores={"elbo_nats": -40.2, "rate_nats": 15.9, "distortion_nats": 24.3, "active_units": 5},
        probes={"vae_mean": probe(0.94), "pca": probe(0.95), "pixels": probe(0.96, 64)},
        collapse="",
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
        collapse=f"Collapsed {HOSTILE}",
        gallery=None,
        dimensions=[Dimension(3, 0.25, (HOSTILE, "up"), (CHINESE, "down"))],
        neighbours=[Neighbours(HOSTILE * 30, HOSTILE, ((HOSTILE, CHINESE, 0.5),))],
    )
    return replace(
        facts,
        spec=Spec(source=HOSTILE, kind="counts", shape=(900,), synthetic=True, licence=HOSTILE),
        evaluation=evaluation,
        data={"rows": {"train": 3}, "refused": {"rows": 7, "by_reason": {HOSTILE: 7}}},
        lineage={HOSTILE: HOSTILE},
    )


def unlabelled() -> Facts:
    """Images without labels: no probe, no confusion, a map of one colour."""
    facts = digits()
    found = facts.evaluation
    evaluation = replace(
        found,
        probes={},
        latent_map=found.latent_map.assign(label=""),
        confusion=found.confusion.iloc[:0],
    )
    return replace(facts, spec=facts.spec.model_copy(update={"classes": ()}), evaluation=evaluation)

"""A model of a few weights, untrained, in the files of a project: for tests of what uses one."""

from pathlib import Path

import numpy as np
import yaml

from latentops import artifacts, build
from latentops.artifacts import Spec, Split, Vocabulary
from latentops.classifier import Candidate, Classifier, Detector, HeadFile, Rounded, Weighed
from latentops.networks import bow, mlp

TEXTS = ["turn on the light", "play the music", "turn off music"]
VOCABULARY = Vocabulary(
    terms=("turn", "the", "on", "light", "play", "music", "off"),
    target=(0, 2, 3, 4, 5, 6),
    document_frequency=(2, 2, 1, 1, 1, 2, 1),
    documents=3,
)
CLASSES = ("light", "music")
COUNTS = Spec(source="tiny-texts", kind="counts", shape=(7,), synthetic=True, classes=CLASSES)
IMAGES = Spec(source="tiny-images", kind="image", shape=(1, 3, 2), levels=256, classes=CLASSES)

PIPELINE = {
    "stages": {
        "prepare": {"cmd": "p", "deps": ["src/prepare.py", "data/raw"]},
        "train": {"cmd": "t", "deps": ["src/train.py", {"src/loop.py": {"cache": False}}]},
        "head": {"cmd": "h", "deps": ["src/head.py"]},
        "evaluate": {"cmd": "e", "deps": ["src/evaluate.py"]},
    }
}


def model_settings(spec: Spec) -> build.Model:
    if spec.kind == "counts":
        return bow.Settings(latent=3, hidden=(5,))
    return mlp.Settings(latent=3, hidden=(5,), decoder_hidden=(4,))


def head(spec: Spec, seed: int = 0) -> Classifier:
    """Of two classes; it reads terms or pixels, means and the rate."""
    draw = np.random.default_rng(seed)
    tensors = {
        "terms": Rounded.of(draw.normal(size=(*spec.shape, 2))) if spec.kind == "counts" else None,
        "pixels_DC": draw.normal(size=(6, 2)) if spec.kind == "image" else None,
    }
    detector = Detector(
        signals={
            "margin": Weighed(weight=1.0, mean=-0.5, sd=0.5),
            "rate": Weighed(weight=0.1, mean=-1.0, sd=1.0),
        },
        threshold=2.0,
        refused=0.05,
        note="",
    )
    chosen = Candidate(
        features="tfidf+vae" if spec.kind == "counts" else "pixels+vae",
        classifier="logistic",
        inverse_penalty=1.0,
        join=0.7,
        accuracy=0.9,
        bytes=100,
    )
    return Classifier(
        head=HeadFile(classes=CLASSES, chosen=chosen, train_rows=3, detector=detector),
        bias_C=np.array([0.1, -0.1], dtype=np.float32),
        mean_ZC=draw.normal(size=(3, 2)).astype(np.float32),
        **tensors,
    )


def write_project(folder: Path, spec: Spec = COUNTS, seed: int = 0) -> None:
    """As prepare, train, head and evaluate leave it."""
    vocabulary = VOCABULARY if spec.kind == "counts" else Vocabulary()
    settings = model_settings(spec)
    weights = build.weights(build.model(spec, vocabulary, settings, seed))
    artifacts.write_json(spec, folder / artifacts.SPEC)
    artifacts.write_json(vocabulary, folder / artifacts.VOCABULARY)
    sections = {"model": settings.model_dump(mode="json"), "train": {"epochs": 1}}
    artifacts.write_json(sections, folder / artifacts.MODEL_SETTINGS)
    artifacts.write_tensors(weights, folder / artifacts.WEIGHTS)
    head(spec, seed).save(folder / artifacts.HEAD.parent)
    artifacts.write_json({"run_id": "0" * 32}, folder / artifacts.RUN)
    splits: tuple[Split, ...] = ("train", "valid", "test")
    for number, split in enumerate(splits):
        artifacts.write_tensors({"y": np.array([number])}, folder / artifacts.tensors_path(split))
    write_scores(folder)
    (folder / "dvc.yaml").write_text(yaml.safe_dump(PIPELINE))
    (folder / "src").mkdir(exist_ok=True)
    for name in ("prepare", "train", "loop", "head", "evaluate"):
        (folder / f"src/{name}.py").write_text(f"# {name}\n")


def write_scores(folder: Path, elbo_nats: float = -80.0, active_units: int = 3) -> None:
    scores = {"elbo_nats": elbo_nats, "active_units": active_units}
    artifacts.write_json(scores, folder / artifacts.EVAL_METRICS)

"""Models whose page is opened in tests: small, quickly trained, in memory."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
import torch
import yaml
from conftest import ROOT
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from latentops import artifacts, build, objectives, portion
from latentops.classifier import Candidate, Classifier, Detector, HeadFile, Rounded, Weighed
from latentops.data import prepared, weighting
from latentops.data.prepared import Prepared as Ready
from latentops.data.settings import Settings as DataSettings
from latentops.explorer import page, payload, weights
from latentops.explorer.payload import Origin, Payload
from latentops.inference.predictor import Predictor
from latentops.model import VAE
from latentops.portion import Portion, Prepared
from latentops.training import loop
from latentops.training.settings import Settings as TrainSettings

ORIGIN = Origin(
    name="tiny",
    lineage_key="0123456789abcdef",
    scores={"accuracy": 0.9, "elbo_nats": -50.0, "rate_nats": 7.0, "active_units": 8.0},
    beta=1.0,
)
SHOWN = 120  # validation rows
_SPARSE = {"indptr": ("indices", "counts"), "tokens_indptr": ("tokens",)}
SIGNALS = {
    "margin": Weighed(weight=1.0, mean=-0.5, sd=0.5),
    "rate": Weighed(weight=0.3, mean=-5.0, sd=2.0),
    "known": Weighed(weight=-0.2, mean=-2.0, sd=0.4),
    "unknown": Weighed(weight=0.7, mean=0.3, sd=0.5),
}


@dataclass(frozen=True)
class Project:
    """A prepared data set; its validation split is written where `folder` is."""

    ready: Ready
    folder: Path

    def rows(self, split: artifacts.Split, settings: build.Model) -> Portion:
        given = Prepared(self.ready.arrays[split], self.ready.tables[split])
        parts = self.ready.spec, self.ready.vocabulary, settings
        return portion.whole(split, given, *parts, 0)

    def predictor(self, settings: build.Model, vae: VAE, head: Classifier | str) -> Predictor:
        return Predictor(vae, self.ready.spec, self.ready.vocabulary, settings, head)


def project(folder: Path, recipe: str, **changed: Any) -> Project:
    """Of the embedded data of that recipe; of validation a few rows, for a map takes its time."""
    asked = yaml.safe_load((ROOT / f"recipes/{recipe}.yaml").read_text())["data"]
    ready = _with_few_shown(prepared.prepare(DataSettings.model_validate(asked | changed)))
    write(folder, ready)
    return Project(ready, folder)


def _with_few_shown(ready: Ready) -> Ready:
    arrays = dict(ready.arrays["valid"])
    shown = min(SHOWN, len(arrays["y"]))
    for starts, of_rows in _SPARSE.items():
        if starts in arrays:
            end = arrays[starts][shown]
            arrays |= {starts: arrays[starts][: shown + 1]}
            arrays |= {name: arrays[name][:end] for name in of_rows}
    per_row = ("x", "y", "in_scope")
    arrays |= {name: arrays[name][:shown] for name in per_row if name in arrays}
    table = ready.tables["valid"][:shown]
    return replace(
        ready,
        arrays={**ready.arrays, "valid": arrays},
        tables={**ready.tables, "valid": table},
    )


def write(folder: Path, ready: Ready) -> None:
    artifacts.write_table(ready.tables["valid"], folder / artifacts.table_path("valid"))
    artifacts.write_tensors(ready.arrays["valid"], folder / artifacts.tensors_path("valid"))


def trained(made: Project, settings: build.Model, epochs: int) -> Predictor:
    """With a linear classifier of all that it may read."""
    train, valid = (made.rows(split, settings) for split in ("train", "valid"))
    spec, vocabulary = made.ready.spec, made.ready.vocabulary
    vae = build.model(spec, vocabulary, settings, 0, build.unigram(train.examples))
    how = TrainSettings(epochs=epochs, learning_rate=0.005, patience=0, device="cpu", threads=1)
    loop.fit(vae, train.examples, valid.examples, objectives.Settings(), how)
    return made.predictor(settings, vae.eval(), _fitted(vae, train.labelled(), made))


def _fitted(vae: VAE, train: Portion, made: Project) -> Classifier:
    code = portion.read(vae, train.examples)
    is_text = train.counts is not None
    first = weighting.tfidf(train.counts, made.ready.vocabulary) if is_text else train.matrix()
    blocks = [scipy.sparse.csr_matrix(each) for each in (first, code.mean_NZ, code.hidden_NH)]
    classes = made.ready.spec.classes
    weights_DC, bias_C = _linear(scipy.sparse.hstack(blocks).tocsr(), train.y, is_text)
    ends = np.cumsum([block.shape[1] for block in blocks])[:-1]
    of_first, of_mean, of_hidden = np.split(weights_DC, ends)
    head = Classifier(
        head=head_file(classes, is_text),
        bias_C=bias_C,
        mean_ZC=of_mean,
        hidden_HC=of_hidden,
    )
    if is_text:
        return replace(head, terms=Rounded.of(of_first))
    return replace(head, pixels_DC=of_first)


def _linear(
    rows_ND: scipy.sparse.csr_matrix, y_N: np.ndarray, is_text: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Weights [D, C] and biases [C]; ridge regression where logistic regression takes long."""
    with threadpool_limits(1):
        if is_text:
            fitted = Ridge(solver="sparse_cg").fit(rows_ND, 8 * np.eye(y_N.max() + 1)[y_N])
        else:
            fitted = LogisticRegression(max_iter=500, tol=1e-2).fit(rows_ND, y_N)
    return fitted.coef_.T.astype(np.float32), fitted.intercept_.astype(np.float32)


def untrained(made: Project, settings: build.Model, seed: int = 0) -> Predictor:
    """Every number drawn by chance, the statistics of normalisation too."""
    spec, vocabulary = made.ready.spec, made.ready.vocabulary
    vae = build.model(spec, vocabulary, settings, seed).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in vae.state_dict().items():
            drawn = 0.2 * torch.randn(tensor.shape, generator=generator)
            if tensor.is_floating_point():
                tensor.add_(drawn.abs() if name.endswith("running_var") else drawn)
    return made.predictor(settings, vae, drawn_head(made, settings, seed))


def drawn_head(made: Project, settings: build.Model, seed: int) -> Classifier:
    draw = np.random.default_rng(seed)
    spec = made.ready.spec
    classes, is_text = spec.classes, spec.kind == "counts"
    width = spec.shape[0] if is_text else int(np.prod(spec.shape))
    first = draw.normal(size=(width, len(classes))).astype(np.float32)
    hidden = draw.normal(size=(sum(settings.hidden), len(classes))).astype(np.float32)
    return Classifier(
        head=head_file(classes, is_text),
        bias_C=draw.normal(size=len(classes)).astype(np.float32),
        terms=Rounded.of(first) if is_text else None,
        pixels_DC=None if is_text else first,
        mean_ZC=draw.normal(size=(settings.latent, len(classes))).astype(np.float32),
        hidden_HC=hidden,
    )


def head_file(classes: tuple[str, ...], is_text: bool) -> HeadFile:
    names = SIGNALS if is_text else ("margin", "rate")
    signals = {name: SIGNALS[name] for name in names}
    chosen = Candidate(
        features="drawn",
        classifier="logistic",
        inverse_penalty=1,
        join=None,
        accuracy=None,
        bytes=1,
    )
    detector = Detector(signals=signals, threshold=2.0, refused=0.05, note="")
    return HeadFile(classes=classes, chosen=chosen, temperature=1.3, detector=detector)


def payload_of(predictor: Predictor, origin: Origin = ORIGIN, most_bytes: int = 0) -> Payload:
    """Of the project in the working directory."""
    return payload.of_project(predictor, origin, most_bytes or page.room(1))


def as_in_the_page(predictor: Predictor, shown: Payload) -> Predictor:
    """With the rounded weights that the page has."""
    assert isinstance(predictor.head, Classifier)
    found = weights.restored(shown.tensors, build.weights(predictor.vae), predictor.head)
    parts = predictor.spec, predictor.vocabulary, predictor.settings
    assert found.head is not None
    return Predictor(build.load_model(*parts, found.weights), *parts, found.head)

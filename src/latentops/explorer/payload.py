"""What the page holds of one model: facts as JSON and numbers in one safetensors file.

It stands in the page compressed and in base64, so that no text of it can be markup.

Shape suffixes: N rows, V terms, Z latent dimensions.
"""

import base64
import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pydantic
import safetensors
import safetensors.numpy
import torch

from latentops import build
from latentops.artifacts import Arrays, Schema, Spec, Vocabulary
from latentops.classifier import Classifier, Rounded
from latentops.data import weighting
from latentops.data.terms import kind_of
from latentops.errors import ArtifactError
from latentops.explorer import projection, rows, weights
from latentops.explorer.rows import Shown
from latentops.inference.predictor import Predictor
from latentops.metrics import latent
from latentops.networks import bow

SCORES = ("accuracy", "elbo_nats", "rate_nats", "active_units")
"""Of the test split, those that the page tells."""

_FACTS = "facts"
_SHARE_STEP = 0.93  # of the share that should just fit


class Signal(Schema):
    """One signal of the detector, as `classifier.Weighed` has it."""

    weight: float
    mean: float
    sd: float


class Facts(Schema):
    """What the page says and needs beside numbers. A field that is added later needs a default."""

    name: str  # of the registered model
    version: int | None = None  # None: the page is logged with the version, before it has a number
    lineage_key: str
    study: str = ""
    trial: str = ""
    source: str
    synthetic: bool
    kind: str  # bow | mlp | conv | seq
    settings: dict[str, Any]  # of the model
    beta: float
    shape: tuple[int, ...]  # of images: channels, height, width
    levels: int  # of a pixel as the model reads it; 0 for texts
    classes: tuple[str, ...]
    scores: dict[str, float]
    latent: int
    explained: float  # share of the means' variance that the map shows
    rows_in_all: int  # of the validation split, of which the page shows some
    threshold: float | None = None  # of strangeness; None: the model has no classifier
    temperature: float = 1.0
    signals: dict[str, Signal] = pydantic.Field(default_factory=dict)
    live: bool  # the page itself runs the model
    kept_terms: float = 1.0  # share of the terms whose weights the page holds
    agreement: float | None = (
        None  # share of the rows whose label is the model's, with int8 weights
    )
    words: bool = True
    pairs: bool = False
    characters: tuple[int, int] | None = None
    terms: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()  # of images none
    whole: bool = True  # false: not the texts, which nobody has, but their commonest words


@dataclass(frozen=True)
class Origin:
    """What is known of a model beside its folder."""

    name: str
    lineage_key: str
    scores: Mapping[str, float]
    beta: float
    version: int | None = None
    study: str = ""
    trial: str = ""

    @classmethod
    def of(
        cls,
        name: str,
        tags: Mapping[str, str],
        settings: Mapping[str, Any],
        version: int | None = None,
    ) -> "Origin":
        """From the tags of a version and the settings beside its weights."""
        return cls(
            name=name,
            version=version,
            lineage_key=tags.get("lineage_key", ""),
            study=tags.get("study", ""),
            trial=tags.get("trial", ""),
            scores={score: float(tags[score]) for score in SCORES if score in tags},
            beta=settings.get("objective", {}).get("beta", 1.0),
        )


@dataclass(frozen=True)
class Payload:
    facts: Facts
    tensors: Arrays

    def packed(self) -> str:
        """Base64 of the compressed file; the same for the same model, byte for byte."""
        rows_first = {name: np.asarray(array, order="C") for name, array in self.tensors.items()}
        saved = safetensors.numpy.save(rows_first, {_FACTS: self.facts.model_dump_json()})
        return base64.b64encode(gzip.compress(saved, mtime=0)).decode("ascii")

    def of_version(self, version: int) -> "Payload":
        return replace(self, facts=self.facts.model_copy(update={"version": version}))


def unpacked(text: str) -> Payload:
    """What `packed` made. Raises ArtifactError for anything else."""
    try:
        saved = gzip.decompress(base64.b64decode(text, validate=True))
        header = json.loads(saved[8 : 8 + int.from_bytes(saved[:8], "little")])
        facts = Facts.model_validate_json(header["__metadata__"][_FACTS])
        return Payload(facts, safetensors.numpy.load(saved))
    except (
        ValueError,
        KeyError,
        OSError,
        EOFError,
        zlib.error,
        safetensors.SafetensorError,
    ) as error:
        reason = " ".join(str(error).split())[:200]
        raise ArtifactError(
            f"The page holds a model that cannot be read ({reason}). Where the project holds it, "
            "`dvc repro --force --single-item register` makes the page again."
        ) from error


@torch.inference_mode()
def of_project(predictor: Predictor, origin: Origin, most_bytes: int) -> Payload:
    """Of a model and the validation split of the project in the working directory.

    Where all its weights would take more than `most_bytes` of the page, those of rare terms are
    left out; where the other numbers alone take more, the page shows the model and does not run it.
    """
    head = predictor.head if isinstance(predictor.head, Classifier) else None
    shown = rows.seen(predictor, head)
    whole = Payload(_facts(predictor, head, shown, origin), _shown(shown, predictor.spec))
    if predictor.settings.kind not in weights.LIVE:
        return whole
    live = replace(whole, tensors=whole.tensors | _model(predictor, head))
    if len(_with_terms(live, 0.0).packed()) > most_bytes:  # it is shown, but not run
        still = whole.facts.model_copy(update={"live": False, "terms": ()})
        return fitted(replace(whole, facts=still), most_bytes)
    return _measured(fitted(live, most_bytes), predictor, head, shown)


def _facts(predictor: Predictor, head: Classifier | None, shown: Shown, origin: Origin) -> Facts:
    spec, vocabulary, settings = predictor.spec, predictor.vocabulary, predictor.settings
    live = settings.kind in weights.LIVE
    known = vocabulary.model_dump(include={"words", "pairs", "characters"}) if live else {}
    told = rows.texts(shown.portion, vocabulary)
    return Facts(
        **_of_origin(origin),
        source=spec.source,
        synthetic=spec.synthetic,
        kind=settings.kind,
        settings=settings.model_dump(mode="json"),
        shape=spec.shape if spec.kind == "image" else (),
        levels=spec.levels_read if spec.kind == "image" else 0,
        classes=spec.classes,
        latent=settings.latent,
        explained=projection.of(shown.mean_NZ).explained,
        rows_in_all=shown.rows_in_all,
        live=live,
        terms=vocabulary.terms if live else (),
        texts=tuple(map(rows.cut, told)),
        whole=shown.portion.texts is not None,
        **known,
        **({} if head is None else _of_head(head)),
    )


def _of_origin(origin: Origin) -> dict[str, Any]:
    fields = ("name", "lineage_key", "version", "study", "trial", "beta")
    return {name: getattr(origin, name) for name in fields} | {"scores": dict(origin.scores)}


def _of_head(head: Classifier) -> dict[str, Any]:
    signals = {name: signal.model_dump() for name, signal in head.detector.signals.items()}
    return {
        "threshold": head.threshold,
        "temperature": head.head.temperature,
        "signals": signals,
    }


def _shown(shown: Shown, spec: Spec) -> Arrays:
    """The rows [N, ...], the map and how much each dimension is used."""
    codes = Rounded.of(shown.mean_NZ)
    placed = projection.of(shown.mean_NZ)
    found = {
        "rows.mean": codes.steps_VC,
        "rows.mean.scale": codes.scale_C,
        "rows.y": shown.portion.y.astype(np.int32),
        "rows.in_scope": shown.portion.in_scope.astype(np.uint8),
        "map.center": placed.center_Z,
        "map.axes": placed.axes_2Z,
        "units.nats": shown.rate_nats_Z.astype(np.float32),
        "units.active": latent.active(torch.from_numpy(shown.mean_NZ)).numpy().astype(np.uint8),
    }
    near_N2 = projection.neighbourhoods(shown.mean_NZ, placed)
    if near_N2 is not None:
        found["map.near"] = near_N2
    return found | _answers(shown) | rows.pixels(shown.portion, spec)


def _answers(shown: Shown) -> Arrays:
    if shown.judged is None:
        return {}
    return {
        "rows.label": shown.judged.label_N.astype(np.int32),
        "rows.probability": shown.judged.probability_N.astype(np.float32),
        "rows.out_of_scope": shown.judged.out_of_scope_N.astype(np.uint8),
    }


def _model(predictor: Predictor, head: Classifier | None) -> Arrays:
    """The network, its classifier, and what the page knows of each term, [V]."""
    network = weights.of_network(build.weights(predictor.vae))
    of_head = {} if head is None else weights.of_head(head)
    mean_Z, deviation_Z = predictor.vae.prior.moments()
    prior = {"prior.mean": mean_Z.numpy(), "prior.sd": deviation_Z.numpy()}
    return network | of_head | prior | _terms(predictor)


def _terms(predictor: Predictor) -> Arrays:
    vocabulary, settings = predictor.vocabulary, predictor.settings
    if not isinstance(settings, bow.Settings):
        return {}
    kinds = [kind_of(term) for term in vocabulary.terms]
    groups = weighting.kinds(vocabulary)
    return {
        "terms.frequency": np.array(
            [vocabulary.documents, *vocabulary.document_frequency], np.int32
        ),
        "terms.ngram": np.array(
            ["ngram" in groups and kind == "ngram" for kind in kinds], np.uint8
        ),
        "terms.word": np.array([kind != "ngram" for kind in kinds], np.uint8),
        "terms.read": _read(vocabulary, settings).astype(np.int32),
        "terms.target": np.array(vocabulary.target, np.int32),
    }


def _read(vocabulary: Vocabulary, settings: bow.Settings) -> np.ndarray:
    """The columns that the encoder reads, in its order."""
    if settings.terms == "all":
        return np.arange(len(vocabulary.terms))
    return weighting.word_columns(vocabulary)


def fitted(payload: Payload, most_bytes: int) -> Payload:
    """With the weights of as many terms as fit; the same payload where all do."""
    size, share = len(payload.packed()), 1.0
    if size <= most_bytes:
        return payload
    left = _with_terms(payload, 0.0)
    floor = len(left.packed())
    while floor <= most_bytes < size:
        share *= _SHARE_STEP * (most_bytes - floor) / (size - floor)
        left = _with_terms(payload, share)
        size = len(left.packed())
    if size <= most_bytes:
        return left
    raise ArtifactError(
        f"The page of {payload.facts.name} would have {floor:,} bytes even without its terms; "
        f"{most_bytes:,} are allowed. Show fewer versions at once."
    )


def _with_terms(payload: Payload, share: float) -> Payload:
    if "terms.read" not in payload.tensors:
        return payload
    changed = {"kept_terms": payload.facts.kept_terms * share, "agreement": None}
    tensors = weights.without_rare(payload.tensors, share, _frequency(payload.tensors))
    return Payload(payload.facts.model_copy(update=changed), tensors)


def _frequency(tensors: Arrays) -> dict[str, np.ndarray]:
    """Of the terms of each matrix."""
    of_each = tensors["terms.frequency"][1:].astype(np.float64)
    columns = {"head.terms": np.arange(len(of_each)), "encoder.bag.weight": tensors["terms.read"]}
    return {
        name: of_each[at[tensors.get(f"{name}.at", slice(None))]] for name, at in columns.items()
    }


def _measured(
    payload: Payload, predictor: Predictor, head: Classifier | None, shown: Shown
) -> Payload:
    """And how many rows keep their label, now that the weights are rounded."""
    if head is None or shown.judged is None:
        return payload
    original = build.weights(predictor.vae)
    rounded = weights.restored(payload.tensors, original, head)
    parts = predictor.spec, predictor.vocabulary, predictor.settings
    vae = build.load_model(*parts, rounded.weights)
    assert rounded.head is not None
    again = rows.judged(shown.portion, vae, predictor.vocabulary, rounded.head)
    same = float((again.label_N == shown.judged.label_N).mean())
    return replace(payload, facts=payload.facts.model_copy(update={"agreement": same}))

"""A model that answers: read from the folder of its release, checked and warm."""

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

import numpy as np

from latentops import artifacts
from latentops.artifacts import Spec, Vocabulary
from latentops.classifier import HeadFile
from latentops.release import Release
from latentops.runtime import loading
from latentops.runtime.model import Model

_QUICK = ("bow", "mlp")  # kinds of model of which one row costs less than a change of threads
_EXAMPLE_WORDS = 6


@dataclass(frozen=True)
class Loaded:
    """It never changes: a request keeps the one that it began with."""

    release: Release
    model: Model
    kind: str  # of the network: bow, mlp, conv or seq

    @property
    def spec(self) -> Spec:
        return self.model.spec

    @property
    def head(self) -> HeadFile | None:
        """Facts of the classifier; None where there is none."""
        return None if isinstance(self.model.head, str) else self.model.head.head

    @property
    def reads_texts(self) -> bool:
        return self.spec.kind == "counts"

    @property
    def reads(self) -> str:
        """What its inputs are."""
        if self.reads_texts:
            return "texts"
        return f"images of shape {list(self.spec.shape)}"

    @property
    def quick(self) -> bool:
        return self.kind in _QUICK

    @cached_property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Of every reply. A name that is no plain word is quoted as in an address."""
        release = self.release
        facts = {"name": release.name, "version": release.version, "lineage": release.lineage_key}
        return [(f"x-model-{key}".encode(), quote(fact).encode()) for key, fact in facts.items()]


def load(release: Release) -> Loaded:
    """Raises IntegrityError or ArtifactError for files that are not what they should be."""
    model = loading.load(release.folder, release.sha256s)
    sections = artifacts.read_json(release.folder / artifacts.MODEL_SETTINGS.name)
    loaded = Loaded(release, model, kind=sections["model"]["kind"])
    _warm(loaded)
    return loaded


def example(spec: Spec, vocabulary: Vocabulary) -> list[str] | np.ndarray:
    """One row that a model of these reads."""
    if spec.kind == "image":
        return np.zeros((1, *spec.shape), dtype=np.uint8)
    return [" ".join(vocabulary.terms[column] for column in vocabulary.target[:_EXAMPLE_WORDS])]


def _warm(loaded: Loaded) -> None:
    """The first answers are slow, and where a file is wrong, they fail: better here."""
    model, one = loaded.model, example(loaded.spec, loaded.model.vocabulary)
    model.encode_rows(one)
    model.predict(one, "score")
    if loaded.head is not None:
        model.classify_rows(one)
    if loaded.reads_texts:
        model.unknown_share([*map(str, one)])

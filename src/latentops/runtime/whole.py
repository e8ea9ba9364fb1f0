"""A model that numpy does not run (sentences, convolutions), with the face that others have."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentops.data import familiarity
from latentops.data import vocabulary as counting
from latentops.errors import DataError
from latentops.inference.forms import Result
from latentops.inference.predictor import Predictor
from latentops.inference.raw import Raw
from latentops.runtime.model import Familiarity


class Whole:
    """See `runtime.model.Model`."""

    def __init__(self, folder: Path) -> None:
        self.predictor = Predictor.from_folder(folder)
        self.spec, self.vocabulary = self.predictor.spec, self.predictor.vocabulary
        self.head, self.latent = self.predictor.head, self.predictor.vae.latent
        self.writes_sentences = self.predictor.writes_sentences

    def predict(self, raw: Raw, task: str = "encode", **options: Any) -> Result:
        return self.predictor.predict(raw, task, **options)

    def rows(self, raw: Raw, task: str = "encode", **options: Any) -> list[Any]:
        found = self.predict(raw, task, **options)
        listed: list[Any] = (
            found.to_dict("records") if isinstance(found, pd.DataFrame) else found.tolist()
        )
        return listed

    def classify_rows(self, raw: Raw, seed: int = 0) -> list[dict[str, Any]]:
        return self.rows(raw, "classify", seed=seed)

    def encode_rows(self, raw: Raw, seed: int = 0) -> np.ndarray:
        return self.predictor.encode(raw, seed).to_numpy()

    def familiarity(self, texts: Sequence[str]) -> Familiarity:
        """Raises DataError for a model of images."""
        if self.spec.kind == "image":
            raise DataError("A model of images knows no words.")
        counts = counting.count(texts, self.vocabulary)
        known_N, unknown_N = familiarity.known_and_unknown(texts, counts, self.vocabulary)
        return Familiarity(known_N + unknown_N, unknown_N)

    def unknown_share(self, texts: Sequence[str]) -> np.ndarray:
        said_N, unknown_N = self.familiarity(texts)
        return np.asarray(unknown_N / np.maximum(said_N, 1))

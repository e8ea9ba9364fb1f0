"""A model that numpy does not run (sentences, convolutions), with the face that others have."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentops.data import familiarity
from latentops.inference import raw as raws
from latentops.inference import tasks as promised
from latentops.inference.forms import Result
from latentops.inference.predictor import Predictor
from latentops.inference.raw import Raw


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

    def unknown_share(self, texts: Sequence[str]) -> np.ndarray:
        if self.spec.kind == "image":
            raise promised.no_words()
        counts = [familiarity.word_counts(text, self.vocabulary) for text in raws.texts(texts)]
        return np.array([max(unknown, 0) / max(words, 1) for words, unknown in counts])

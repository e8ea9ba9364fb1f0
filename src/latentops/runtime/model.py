"""What the service and the monitor ask of a model, whoever runs its networks.

Shape suffixes: N examples, Z latent dimensions.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, Union

import numpy as np

from latentops.artifacts import Spec, Vocabulary
from latentops.classifier import Classifier
from latentops.inference.raw import Raw

if TYPE_CHECKING:
    import pandas as pd

Result: TypeAlias = Union["pd.DataFrame", np.ndarray]


class Model(Protocol):
    """A trained model that takes what a person has: see `inference.predictor.Predictor`."""

    @property
    def spec(self) -> Spec: ...
    @property
    def vocabulary(self) -> Vocabulary: ...
    @property
    def head(self) -> Classifier | str:
        """The classifier, or a sentence on why there is none."""

    @property
    def latent(self) -> int: ...
    @property
    def writes_sentences(self) -> bool: ...

    def predict(self, raw: Raw, task: str = "encode", **options: Any) -> Result:
        """A task's answer; `options` are fields of `inference.tasks.Options`.

        Raises DataError for what cannot be read or asked for.
        """

    def rows(self, raw: Raw, task: str = "encode", **options: Any) -> list[Any]:
        """The same as plain lists, dicts, numbers and texts: one for each row of the answer."""

    def classify_rows(self, raw: Raw, seed: int = 0) -> list[dict[str, Any]]:
        """label, probability, out_of_scope and out_of_scope_score of each example."""

    def encode_rows(self, raw: Raw, seed: int = 0) -> np.ndarray:
        """Posterior means, float32 [N, Z]."""

    def unknown_share(self, texts: Sequence[str]) -> np.ndarray:
        """Of the words of each text, [N] in [0, 1]; of a text without any it is 0.

        Raises DataError for a model of images.
        """

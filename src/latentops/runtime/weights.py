"""The tensors of a model folder, each taken once and of the shape that the settings ask for."""

from collections.abc import Iterable
from types import TracebackType
from typing import Self

import numpy as np

from latentops.artifacts import Arrays
from latentops.errors import ArtifactError

_NORM_EPSILON = 1e-5  # of torch's BatchNorm
_UNREAD = "num_batches_tracked"  # of every BatchNorm, which predicts without it


class Weights:
    """What a network takes its tensors from, by their names in torch.

    As a context it raises ArtifactError where one is left over in the end: the settings beside the
    weights are then of another model.
    """

    def __init__(self, tensors: Arrays) -> None:
        self._left = {name: array for name, array in tensors.items() if _UNREAD not in name}

    def take(self, name: str, *shape: int) -> np.ndarray:
        """float32 of that shape. Raises ArtifactError where there is none."""
        found = self._left.pop(name, None)
        if found is None:
            raise _unfit(f"{name} is missing.")
        if found.shape != shape:
            raise _unfit(f"{name} has shape {list(found.shape)} and not {list(shape)}.")
        return np.ascontiguousarray(found, dtype=np.float32)

    def norm(self, name: str, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Gain and shift [width] of a BatchNorm without weights: x -> gain * x + shift."""
        mean = self.take(f"{name}.running_mean", width)
        gain = 1 / np.sqrt(self.take(f"{name}.running_var", width) + np.float32(_NORM_EPSILON))
        return gain, -gain * mean

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None and self._left:
            raise _unfit(f"{_listed(self._left)} would not be read.")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _unfit(problem: str) -> ArtifactError:
    return ArtifactError(
        f"The weights do not fit the model's settings and data: {problem} Stage 'train' writes "
        "weights and settings together: run `dvc repro train`."
    )

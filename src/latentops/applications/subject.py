"""What the applications are measured on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, NamedTuple, TypeVar

from latentops.artifacts import Arrays
from latentops.inference.predictor import Predictor
from latentops.model import VAE
from latentops.portion import Portion

R = TypeVar("R")


@dataclass(frozen=True)
class Subject:
    """A trained model as people use it, the rows in scope, and the trainings to compare with."""

    predictor: Predictor
    train: Portion
    valid: Portion
    test: Portion
    depth: Literal["quick", "full"]
    seed: int
    repeats: Sequence[VAE] = ()  # other seeds of the same training
    denoising: VAE | None = None  # the same training with damaged inputs
    by_beta: Mapping[float, Sequence[VAE]] = field(default_factory=dict)  # a VAE for each seed

    @property
    def vae(self) -> VAE:
        return self.predictor.vae


class Measured(NamedTuple, Generic[R]):
    """A result, and by name the images [..., C, H, W] in [0, 1] that its section shows."""

    result: R
    images: Arrays

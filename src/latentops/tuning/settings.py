"""The section `tune` of params.yaml."""

from typing import Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from latentops.config import Section


class Settings(Section):
    """What a study searches, how, and what it calls better."""

    trials: int = Field(20, ge=1, le=10_000, description="in all: running again tops up")
    seed: int = Field(0, ge=0)
    sampler: Literal["tpe", "random", "gp", "grid"] = "tpe"
    score: Literal["elbo", "accuracy"] = Field(
        "elbo",
        description="elbo: of the validation split, nats, at beta 1 whatever was trained; "
        "accuracy: of a linear probe on its latent means",
    )
    beta: tuple[PositiveFloat, PositiveFloat] = Field((0.1, 10.0), description="log scale")
    latent: tuple[PositiveInt, PositiveInt] = Field((4, 64), description="log scale")
    epochs: int = Field(8, ge=1, description="of each trial")

    @model_validator(mode="after")
    def _bounds_are_in_order(self) -> Self:
        for name, (low, high) in {"beta": self.beta, "latent": self.latent}.items():
            if low > high:
                raise ValueError(
                    f"{name}: the lower bound {low:g} is above the upper bound {high:g}"
                )
        return self

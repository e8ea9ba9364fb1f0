"""Section `applications` of params.yaml."""

import pydantic

from latentops.config import Section


class Trainings(Section):
    """What stage repeat, which trains what is compared, reads of the section."""

    model_config = pydantic.ConfigDict(extra="ignore")

    denoising: bool = pydantic.Field(True, description="inputs that were damaged, and their repair")
    meaning: bool = pydantic.Field(True, description="what the latent dimensions stand for")
    betas: tuple[pydantic.PositiveFloat, ...] = pydantic.Field(
        (), description="of the trainings, each with 5 seeds, whose dimensions are compared"
    )

    @pydantic.field_validator("betas")
    @classmethod
    def _each_once(cls, betas: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(betas)) < len(betas):
            raise ValueError("each beta should stand there once")
        return betas


class Settings(Trainings):
    """Which applications are measured."""

    model_config = pydantic.ConfigDict(extra="forbid")

    generation: bool = pydantic.Field(True, description="new examples")
    augmentation: bool = pydantic.Field(True, description="more rows for a classifier")
    compression: bool = pydantic.Field(True, description="lossless of images, lossy of all")

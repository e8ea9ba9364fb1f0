"""Section `evaluate` of params.yaml."""

from typing import Literal

import pydantic

from latentops.config import Section


class Depth(Section):
    """What the stages that repeat the training and reach the verdict read of the section."""

    model_config = pydantic.ConfigDict(extra="ignore")

    depth: Literal["quick", "full"] = pydantic.Field(
        "full", description="trainings, label samples and label budgets of the verdict"
    )
    seed: int = pydantic.Field(
        0, ge=0, lt=2**32, description="label samples, samples of z, dynamic binarization"
    )


class Settings(Depth):
    """How the trained model is scored."""

    model_config = pydantic.ConfigDict(extra="forbid")

    importance_samples: int = pydantic.Field(
        100, ge=1, description="k of the importance-sampled bound"
    )
    min_active_units: int = pydantic.Field(
        2, ge=0, description="below: the report says that the posterior collapsed"
    )

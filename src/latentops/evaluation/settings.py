"""Section `evaluate` of params.yaml."""

import pydantic

from latentops.config import Section


class Settings(Section):
    """How the trained model is scored."""

    seed: int = pydantic.Field(
        0, ge=0, lt=2**32, description="samples of z, dynamic binarization of the test images"
    )
    importance_samples: int = pydantic.Field(
        100, ge=1, description="k of the importance-sampled bound"
    )
    min_active_units: int = pydantic.Field(
        2, ge=0, description="below: the report says that the posterior collapsed"
    )

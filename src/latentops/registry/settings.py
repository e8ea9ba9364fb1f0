"""Section `registry` of params.yaml: the model's name and the policy by which it is promoted."""

import pydantic

from latentops.config import Section

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"  # safe in a path, a URI, a shell and an MLflow filter


class Settings(Section):
    """Under what name to register, and what a challenger must reach."""

    name: str = pydantic.Field(
        "latentops",
        pattern=NAME,
        max_length=200,
        description="of the registered model: letters, digits and . _ -",
    )
    max_elbo_loss_nats: float = pydantic.Field(
        0.5, ge=0, description="a test ELBO this much below the champion's is still accepted"
    )
    min_active_units: int = pydantic.Field(
        2, ge=0, description="below: the posterior has collapsed and nothing is promoted"
    )

"""The section `train` of params.yaml."""

from typing import Literal, Self

from pydantic import Field, model_validator

from latentops.config import Section


class Settings(Section):
    """How a model is fitted; what is minimized is `objectives.Settings`."""

    epochs: int = Field(20, ge=1)
    batch_size: int = Field(128, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    optimizer: Literal["adam", "sgd"] = Field(
        "adam", description="adam: AdamW; sgd: with momentum 0.9; both fused"
    )
    weight_decay: float = Field(0.0, ge=0)
    schedule: Literal["constant", "cosine"] = Field(
        "constant", description="cosine falls to 5 % of the rate at the last planned step"
    )
    rate_warmup: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the steps in which the learning rate rises to its value",
    )
    average: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="kept of the averaged weights at each step, the rest is the new ones; the "
        "averaged are scored and kept; 0: no average",
    )
    pretrain_epochs: int = Field(
        0,
        ge=0,
        description="of the epochs: first the rate costs nothing, then the decoder starts anew",
    )
    encoder_updates: int = Field(
        0,
        ge=0,
        description="of the encoder alone before each one of the decoder, until the mutual "
        "information of examples and codes no longer rises on validation",
    )
    patience: int = Field(
        10, ge=0, description="epochs without a better validation ELBO; 0: never stop early"
    )
    clip_norm: float | None = Field(None, gt=0, description="largest norm of the whole gradient")
    seed: int = Field(0, ge=0)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int | None = Field(
        1, ge=1, description="of the CPU; part of what makes weights the same; null: all"
    )
    matmul_precision: Literal["highest", "high", "medium"] = "highest"
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="of the networks in training; loss and validation stay in float32"
    )

    @model_validator(mode="after")
    def _epochs_are_left_after_pretraining(self) -> Self:
        if self.epochs <= self.pretrain_epochs:
            raise ValueError(
                f"pretrain_epochs {self.pretrain_epochs} are of the {self.epochs} epochs: leave "
                "some for the training itself"
            )
        return self

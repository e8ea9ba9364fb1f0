"""Section `model` of the networks that need no torch to run, and the numbers fixed in them.

They stand apart from the networks, so that what reads a trained model without torch shares them.
"""

from typing import Literal, Self

import pydantic

from latentops.config import Section

Activation = Literal["relu", "tanh", "silu", "gelu"]
Widths = tuple[pydantic.PositiveInt, ...]

LOG_VARIANCE_RANGE = (-8.0, 4.0)
LOG_SCALE_RANGE = (-7.0, 2.0)
FIRST_LOG_SCALE = -2.0
MOST_LOG_EVIDENCE = 20.0  # of a word on a dimension: exp() stays harmless
TYPICAL_LOG_LENGTH = 4.0  # about 54 words


class Common(Section):
    """Settings of every network."""

    latent: int = pydantic.Field(32, ge=1, description="latent dimensions")
    hidden: Widths = pydantic.Field((256,), description="widths of the encoder's hidden layers")
    decoder_hidden: Widths = pydantic.Field((), description="widths of the decoder's, if any")
    activation: Activation = "silu"
    mean_scale: float | None = pydantic.Field(
        None,
        gt=0,
        description="standard deviation of each latent mean over the examples, held by BatchNorm",
    )


class Bow(Common):
    """Section `model` with kind bow."""

    kind: Literal["bow"] = "bow"
    terms: Literal["all", "words"] = pydantic.Field(
        "all", description="what the encoder reads; words: single words only"
    )
    input: Literal["log1p", "tfidf"] = pydantic.Field(
        "log1p", description="weights of the terms that the encoder reads; each row has length 1"
    )
    input_scale: float = pydantic.Field(5.0, gt=0, description="the rows are multiplied by this")
    target: Literal["counts", "presence"] = pydantic.Field(
        "counts", description="what the decoder reconstructs"
    )
    word_dropout: float = pydantic.Field(
        0.0, ge=0, lt=1, description="share of the input terms dropped in training"
    )
    length_features: bool = pydantic.Field(
        False, description="the encoder also reads how many words, and distinct words, there are"
    )
    posterior: Literal["gaussian", "evidence"] = pydantic.Field(
        "gaussian", description="evidence: its precision is 1 and a learned amount for each word"
    )
    tied: bool = pydantic.Field(
        False, description="the encoder also takes a step that the decoder's own weights advise"
    )
    prior: Literal["normal", "mixture", "dirichlet"] = pydantic.Field(
        "normal",
        description="mixture: learned Gaussians; dirichlet: the Gaussian that, after a softmax, is "
        "nearest a Dirichlet distribution",
    )
    prior_parts: int = pydantic.Field(50, ge=1, description="Gaussians of the prior mixture")
    concentration: float = pydantic.Field(
        1.0,
        ge=0.02,
        description="of the prior dirichlet: the lower, the fewer topics in a document",
    )
    decoder: Literal["words", "topics"] = pydantic.Field(
        "words", description="topics: the code's softmax weighs one expert for each dimension"
    )
    likelihood: Literal["multinomial", "dirichlet"] = pydantic.Field(
        "multinomial", description="dirichlet: a word that came once is likelier to come again"
    )
    thinning: float = pydantic.Field(
        0.0, ge=0, le=1, description="share of the documents of which training drops some words"
    )

    @property
    def reads_counts(self) -> bool:
        """Whether the encoder is given counts, and weighs them itself."""
        alone = self.length_features or self.tied or self.thinning > 0
        return alone or self.posterior == "evidence"

    @pydantic.model_validator(mode="after")
    def _counts_are_weighed_by_the_encoder(self) -> Self:
        if self.reads_counts and self.input == "tfidf":
            raise ValueError(
                "length_features, posterior evidence, tied and thinning need the counts, which "
                "the encoder weighs with input log1p: set input to log1p, or leave these out"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _what_counts_is_counted(self) -> Self:
        of_counts = {
            "thinning": self.thinning > 0,
            "tied": self.tied,
            "likelihood dirichlet": self.likelihood == "dirichlet",
        }
        asked = [name for name, is_asked in of_counts.items() if is_asked]
        if asked and self.target == "presence":
            raise ValueError(f"{asked[0]} is of counts: set target to counts, or leave it out")
        return self

    @pydantic.model_validator(mode="after")
    def _topics_have_shares(self) -> Self:
        if self.prior == "dirichlet" and self.latent == 1:
            raise ValueError(
                "prior dirichlet shares a document among topics: set latent to 2 or more, or prior "
                "to normal"
            )
        if self.prior == "dirichlet" and self.posterior == "evidence":
            raise ValueError(
                "posterior evidence begins at a precision of 1, which is not that of the prior "
                "dirichlet: set posterior to gaussian, or prior to mixture"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _a_step_is_advised(self) -> Self:
        if self.tied and self.decoder == "topics":
            raise ValueError("tied follows weights from z to words: set decoder to words")
        if self.tied and self.mean_scale is not None:
            raise ValueError(
                "mean_scale holds the means where tied would move them: keep one of them"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _topics_are_experts(self) -> Self:
        if self.decoder == "topics" and self.decoder_hidden:
            raise ValueError(
                "decoder topics has no hidden layers: set decoder_hidden to [], or decoder to words"
            )
        return self


class Images(Common):
    """Of every network for images."""

    decoder_hidden: Widths = pydantic.Field(
        (256,), description="widths of the decoder's hidden layers"
    )
    likelihood: Literal["auto", "bernoulli", "logistic"] = pydantic.Field(
        "auto", description="auto: bernoulli for binary pixels, else a discretized logistic"
    )
    mixtures: int = pydantic.Field(1, ge=1, description="logistics that each pixel is a mixture of")
    prior: Literal["normal", "mixture"] = pydantic.Field(
        "normal", description="mixture: of learned Gaussians"
    )
    prior_parts: int = pydantic.Field(50, ge=1, description="Gaussians of the prior mixture")
    pixel_noise: float = pydantic.Field(
        0.0,
        ge=0,
        le=1,
        description="in training, on what the encoder reads: the standard deviation on grey "
        "pixels, the share flipped of binary ones; each image another, evenly from 0 to this",
    )
    pixel_blank: float = pydantic.Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the pixels that the encoder reads as 0 in training; likewise",
    )


class Mlp(Images):
    """Section `model` with kind mlp."""

    kind: Literal["mlp"] = "mlp"

"""The bodies of typed requests and replies, as what the model reads and the limits have them."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, create_model

from latentops.artifacts import Spec
from latentops.service.limits import Limits

MOST_BEAMS = 32

Seed = Annotated[int, Field(ge=0, lt=2**63)]
Beams = Annotated[int, Field(ge=1, le=MOST_BEAMS)]
B = TypeVar("B", bound=BaseModel)


class Strict(BaseModel):
    """A number is a number and a text a text: "3" is no 3."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class Generation(Strict):
    """What is generated: of all, of a class, or around a text; the last four of sentences."""

    label: Annotated[str, Field(max_length=1000)] = ""
    around: str = ""
    temperature: Annotated[float, Field(ge=0, le=100)] = 1.0
    top_k: Annotated[int, Field(ge=0, lt=2**31)] = 0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    beams: Beams = 1


class Options(Generation):
    """Of a task in the protocols that have one address for all: what it does not read it ignores.

    See `Predictor.predict`.
    """

    task: Annotated[str, Field(max_length=100)] = ""  # empty: the protocol's default
    n: Annotated[int, Field(ge=1, lt=2**31)] = 1
    seed: Seed = 0

    def given(self) -> dict[str, Any]:
        return self.model_dump(exclude={"task"}, exclude_unset=True)


class Body(Strict):
    """Of a task with an address of its own."""

    model_config = ConfigDict(extra="forbid")

    seed: Seed = 0

    def options(self) -> dict[str, Any]:
        return self.model_dump(exclude={"inputs"}, exclude_unset=True)


class Examples(Body):
    """Texts, or images as whole grey levels or as shares in [0, 1]."""

    inputs: list[Any]


class Around(Examples):
    """How many new examples, or neighbours, of each: `n` times the inputs is the answer."""

    n: int = 1


class Written(Examples):
    """Beams of a search for the most probable sentence; other models know 1 alone."""

    beams: Beams = 1


class Journey(Examples):
    """Steps from each example to the next, both included: `n` for each pair."""

    n: int = 8

    def options(self) -> dict[str, Any]:
        return super().options() | {"n": self.n}


class Wish(Generation, Body):
    """`n` examples to generate: of all, of a class, or around a text.

    temperature, top_k, top_p and beams are for sentences.
    """

    n: int = 1


def by_task(spec: Spec, limits: Limits, example: Any) -> dict[str, type[Body]]:
    """Of a service; `example` is one input that its model reads."""
    inputs = (_inputs(spec, limits), ...)
    n = (Annotated[int, Field(ge=1, le=limits.rows)], 1)
    steps = (Annotated[int, Field(ge=2, le=limits.rows)], 8)
    text = (Annotated[str, Field(max_length=limits.text_characters)], "")

    def examples(name: str, body: type[Examples], count: int = 1, **more: Any) -> type[Body]:
        return narrowed(name, body, {"inputs": [example] * count}, inputs=inputs, **more)

    plain = examples("Examples", Examples)
    return {
        **dict.fromkeys(("classify", "encode", "denoise", "score"), plain),
        "reconstruct": examples("Reconstruct", Written),
        "augment": examples("Augment", Around, n=n),
        "nearest": examples("Nearest", Around, 2, n=n),
        "interpolate": examples("Interpolate", Journey, 2, n=steps),
        "generate": narrowed("Generate", Wish, {"n": 2, "seed": 1}, n=n, around=text),
    }


def narrowed(name: str, body: type[B], example: Mapping[str, Any], **fields: Any) -> type[B]:
    """The same body with other fields of these names, and an example for people."""
    model: type[B] = create_model(name, __base__=body, **fields)
    model.__doc__ = body.__doc__
    model.model_config["json_schema_extra"] = {"examples": [dict(example)]}
    model.model_rebuild(force=True)
    return model


def _inputs(spec: Spec, limits: Limits) -> Any:
    text = Annotated[str, Field(max_length=limits.text_characters)]
    one = text if spec.kind == "counts" else _image(spec)
    return Annotated[list[one], Field(min_length=1, max_length=limits.rows)]  # type: ignore[valid-type]


def _image(spec: Spec) -> Any:
    """[C, H, W], or [H, W] of grey ones."""
    channels, height, width = spec.shape
    top = (spec.levels or 2) - 1
    level = Annotated[int, Field(ge=0, le=255 if top == 1 else top)]  # 255: white, as stored
    share = Annotated[float, Field(ge=0, le=1)]
    plane = _of_length(_of_length(level | share, width), height)
    whole = _of_length(plane, channels)
    return whole | plane if channels == 1 else whole


def _of_length(item: Any, length: int) -> Any:
    return Annotated[list[item], Field(min_length=length, max_length=length)]

"""The V2 inference protocol (KServe's and Triton's), with its extension of binary data.

https://github.com/kserve/open-inference-protocol. A tensor `text` of BYTES or `image` of UINT8
(grey levels) or FP32 (shares in [0, 1]) comes in; what goes out depends on the parameter `task`.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import DTypeLike
from pydantic import BaseModel, Field
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

import latentops
from latentops.artifacts import Spec
from latentops.service import json_body, pages, refusal, tensors
from latentops.service.bodies import Options, Strict
from latentops.service.loaded import Loaded
from latentops.service.questions import Answer, Question
from latentops.service.refusal import unusable
from latentops.service.service import Asked, Service, model_of

HEADER = "Inference-Header-Content-Length"
_MOST_DIGITS = 18  # of it: Python reads no number of thousands
EXTENSIONS = ["binary_tensor_data"]
_OUTPUTS = {
    "classify": {
        "label": "BYTES",
        "probability": "FP32",
        "out_of_scope": "BOOL",
        "out_of_scope_score": "FP32",
    },
    "encode": {"z": "FP32"},
}
_NUMPY: dict[type, DTypeLike] = {bool: np.bool_, int: "<i8", float: "<f4"}

Name = Annotated[str, Field(max_length=200)]


class InParameters(Strict):
    binary_data_size: Annotated[int, Field(ge=0)] | None = None


class Given(Strict):
    name: Name
    shape: list[Annotated[int, Field(ge=0, lt=2**31)]]
    datatype: Name
    parameters: InParameters = Field(default_factory=InParameters)
    data: list[Any] | None = None


class OutParameters(Strict):
    binary_data: bool | None = None


class Wanted(Strict):
    name: Name
    parameters: OutParameters = Field(default_factory=OutParameters)


class Parameters(Options):
    """What a task reads, and `task` itself."""

    binary_data_output: bool = False


class Inference(Strict):
    """An inference request."""

    id: Name = ""
    parameters: Parameters = Field(default_factory=Parameters)
    inputs: list[Given] = Field(default_factory=list, max_length=1)
    outputs: list[Wanted] = Field(default_factory=list, max_length=100)


class Tensor(BaseModel):
    """In the reply."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, int] | None = None
    data: list[Any] | None = None


class Inferred(BaseModel):
    """The reply; without `data` the values stand behind the JSON, as bytes."""

    model_name: str
    model_version: str
    id: str | None = None
    parameters: dict[str, str]
    outputs: list[Tensor]


class Server(BaseModel):
    """Server metadata."""

    name: str
    version: str
    extensions: list[str]


class Described(BaseModel):
    """A tensor, as the metadata have it; -1: of any length."""

    name: str
    datatype: str
    shape: list[int]


class Metadata(BaseModel):
    """Model metadata: of the default task."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[Described]
    outputs: list[Described]
    parameters: dict[str, str]


async def server(request: Request) -> Response:
    about = Server(name="latentops", version=latentops.__version__, extensions=EXTENSIONS)
    return json_body.reply(about)


async def metadata(request: Request) -> Response:
    return json_body.reply(_described(required(request)))


async def ready(service: Service, request: Request) -> Response:
    required(request)
    return await pages.ready(service, request)


def _described(loaded: Loaded) -> Metadata:
    outputs = _OUTPUTS[_default_task(loaded)]
    return Metadata(
        name=loaded.release.name,
        versions=[loaded.release.version],
        platform="latentops",
        inputs=[_input(loaded)],
        outputs=[
            Described(
                name=name, datatype=kind, shape=[-1, loaded.model.latent] if name == "z" else [-1]
            )
            for name, kind in outputs.items()
        ],
        parameters={"lineage_key": loaded.release.lineage_key},
    )


def example(spec: Spec, one: Any) -> dict[str, Any]:
    """A request with one input that the model reads."""
    if spec.kind == "counts":
        given = {"name": "text", "shape": [1], "datatype": tensors.BYTES, "data": [one]}
    else:
        given = {"name": "image", "shape": [1, *spec.shape], "datatype": "UINT8", "data": [one]}
    return {"id": "1", "inputs": [given]}


def required(request: Request) -> Loaded:
    """The model of the address. RefusalError 404 where it names another, or another version."""
    loaded = model_of(request)
    release = loaded.release
    name = request.path_params["name"]
    version = request.path_params.get("version", release.version)
    if (name, version) != (release.name, release.version):
        raise refusal.no_such(
            f"{release.name}, version {release.version}, is served here, and not {name}, version "
            f"{version}."
        )
    return loaded


async def infer(service: Service, request: Request) -> Response:
    required(request)
    json_body.require_plain(request)
    length = request.headers.get(HEADER)

    def read(loaded: Loaded, raw: bytes) -> Asked:
        asked, tail = _split(raw, length)
        return _understood(loaded, json_body.read(Inference, asked), tail)

    return await service.answer(request, read)


def _split(raw: bytes, length: str | None) -> tuple[bytes, bytes]:
    """The JSON, and the bytes of the tensors behind it."""
    if length is None:
        return raw, b""
    if not length.isdecimal() or len(length) > _MOST_DIGITS or int(length) > len(raw):
        raise unusable(f"{HEADER} should be a number of bytes of the body, which has {len(raw)}.")
    return raw[: int(length)], raw[int(length) :]


def _understood(loaded: Loaded, asked: Inference, tail: bytes) -> Asked:
    task = asked.parameters.task or _default_task(loaded)
    options = asked.parameters.given()
    options.pop("binary_data_output", None)
    question = Question(task, _inputs(loaded, asked, task, tail), options)
    return Asked(question, lambda answer: _reply(loaded, asked, answer))


def _default_task(loaded: Loaded) -> str:
    return "classify" if loaded.head is not None else "encode"


def _input(loaded: Loaded) -> Described:
    if loaded.reads_texts:
        return Described(name="text", datatype=tensors.BYTES, shape=[-1])
    return Described(name="image", datatype="UINT8", shape=[-1, *loaded.spec.shape])


def _inputs(loaded: Loaded, asked: Inference, task: str, tail: bytes) -> Any:
    if task == "generate":
        return []
    expected = _input(loaded)
    if len(asked.inputs) != 1 or asked.inputs[0].name != expected.name:
        raise unusable(f"inputs: one tensor was expected: {expected}.")
    array = _array(asked.inputs[0], tail)
    if not loaded.reads_texts:
        if array.ndim == 0:
            raise unusable(f"inputs.image: the shape {expected.shape} was expected. Found [].")
        return array
    is_line = array.ndim > 0 and array.shape[1:] in ((), (1,))
    if array.dtype != object or array.size == 0 or not is_line:
        raise unusable(
            f"inputs.text: BYTES of shape [N] or [N, 1] were expected, N at least 1. Found "
            f"{asked.inputs[0].datatype[:20]} of shape {list(array.shape)}."
        )
    return array.ravel().tolist()


def _array(given: Given, tail: bytes) -> np.ndarray:
    size = given.parameters.binary_data_size
    if size is None:
        return tensors.of_json(given.name, given.datatype, given.shape, given.data)
    if size != len(tail):
        raise unusable(
            f"inputs.{given.name}: {size} bytes were announced, and {len(tail)} stand behind the "
            "JSON."
        )
    return tensors.of_bytes(given.name, given.datatype, given.shape, tail)


def _reply(loaded: Loaded, asked: Inference, answer: Answer) -> Response:
    arrays = _wanted(_arrays(answer), asked.outputs)
    binary = {one.name: one.parameters.binary_data for one in asked.outputs}
    told, behind = [], []
    for name, array in arrays.items():
        as_bytes = binary.get(name)
        is_binary = asked.parameters.binary_data_output if as_bytes is None else as_bytes
        raw = tensors.to_bytes(array) if is_binary else None
        told.append(_told(name, array, raw))
        behind.append(raw or b"")
    return _response(to_json(_head(loaded, asked, told), inf_nan_mode="null"), b"".join(behind))


def _head(loaded: Loaded, asked: Inference, told: list[dict[str, Any]]) -> dict[str, Any]:
    release = loaded.release
    return {
        "model_name": release.name,
        "model_version": release.version,
        **({"id": asked.id} if asked.id else {}),
        "parameters": {"lineage_key": release.lineage_key},
        "outputs": told,
    }


def _told(name: str, array: np.ndarray, raw: bytes | None) -> dict[str, Any]:
    told = {"name": name, "datatype": tensors.datatype_of(array), "shape": list(array.shape)}
    if raw is None:
        return told | {"data": array.ravel().tolist()}
    return told | {"parameters": {"binary_data_size": len(raw)}}


def _response(head: bytes, behind: bytes) -> Response:
    if not behind:
        return Response(head, media_type="application/json")
    headers = {HEADER: str(len(head))}
    return Response(head + behind, headers=headers, media_type="application/octet-stream")


def _wanted(arrays: dict[str, np.ndarray], outputs: Sequence[Wanted]) -> dict[str, np.ndarray]:
    """All, where none is named."""
    if unknown := [one.name for one in outputs if one.name not in arrays]:
        raise unusable(
            f"outputs: there are {', '.join(arrays)}. There is no {unknown[0]!r} for this task."
        )
    return {one.name: arrays[one.name] for one in outputs} or arrays


def _arrays(answer: Answer) -> dict[str, np.ndarray]:
    """A tensor for each column, the dimensions of codes joined to one, `z`."""
    if not answer:
        return {}
    first = answer[0]
    if not isinstance(first, dict):
        images = np.asarray(answer)
        return {"image": images.astype("<f4" if images.dtype.kind == "f" else np.uint8)}
    if all(name[:1] == "z" and name[1:].isdecimal() for name in first):
        return {"z": np.array([list(row.values()) for row in answer], dtype="<f4")}
    return {name: _column([row[name] for row in answer]) for name in first}


def _column(values: list[Any]) -> np.ndarray:
    """What is no number is told as text, lists of words as JSON."""
    if dtype := _NUMPY.get(type(values[0])):
        return np.array(values, dtype=dtype)
    texts = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in values]
    return np.array(texts, dtype=object)

"""POST /v1/TASK: an address, a body and a reply of its own for each task."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from latentops.service import json_body
from latentops.service.bodies import Body
from latentops.service.loaded import Loaded
from latentops.service.questions import Answer, Question
from latentops.service.service import Asked, Endpoint, Service


class Classified(BaseModel):
    """Out of scope: the score is above `out_of_scope_threshold` of /v1/model."""

    label: str
    probability: float
    out_of_scope: bool
    out_of_scope_score: float


class Scored(BaseModel):
    elbo_nats: float | None
    nats_per_token: float | None = None  # of models of sentences


class Classes(BaseModel):
    results: list[Classified]


class Codes(BaseModel):
    """The posterior mean of each input: z0, z1, ..."""

    results: list[dict[str, float | None]]


class Scores(BaseModel):
    results: list[Scored]


class Results(BaseModel):
    """Of texts a row for each: words, text, document, and which input it belongs to; of images
    [C, H, W], in [0, 1]."""

    results: list[Any]


REPLIES: Mapping[str, type[BaseModel]] = {"classify": Classes, "encode": Codes, "score": Scores}
"""Of the tasks that are not listed: Results."""


def endpoint(service: Service, task: str, body: type[Body]) -> Endpoint:
    def read(loaded: Loaded, raw: bytes) -> Asked:
        asked = json_body.read(body, raw)
        inputs = getattr(asked, "inputs", [])
        return Asked(Question(task, inputs, asked.options()), reply)

    async def answer(request: Request) -> Response:
        json_body.require_json(request)
        return await service.answer(request, read)

    return answer


def reply(answer: Answer) -> Response:
    return json_body.reply({"results": answer})

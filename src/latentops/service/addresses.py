"""Every address of the service, and what the OpenAPI page says of it."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from latentops.artifacts import Spec
from latentops.service import bodies, invocations, pages, questions, typed, v2
from latentops.service.gate import OPEN
from latentops.service.service import Endpoint, Service

_REFERENCE = "#/components/schemas/{model}"
_MODEL = "/v2/models/{name}"
_VERSION = f"{_MODEL}/versions/{{version}}"
_REFUSALS = {
    401: "No token, where the service asks for one.",
    404: "Another model, or version, than is served.",
    413: "More bytes than a body may have.",
    415: "A body of another type, or a compressed one.",
    422: "A body that does not fit: what was expected, and what is allowed.",
    400: "A request for another protocol.",
    500: "The service failed.",
    503: "Too many requests at once, or no model yet.",
    504: "No answer before the deadline.",
}


class Problem(BaseModel):
    """Of our own addresses."""

    detail: str


class V2Problem(BaseModel):
    """Of the V2 protocol."""

    error: str


class MlflowProblem(BaseModel):
    """Of MLflow's protocol."""

    error_code: str
    message: str


class _Direct(APIRoute):
    """Its endpoint takes the request and gives the response: nothing stands between.

    What FastAPI would put there (dependencies, and two stacks to end them) costs more than the
    mathematics of one text.
    """

    def __init__(self, path: str, endpoint: Endpoint, **described: Any) -> None:
        super().__init__(path, endpoint, **described)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            response = await endpoint(Request(scope, receive, send))
            await response(scope, receive, send)

        self.app = app


class _Address(NamedTuple):
    """`body` and `reply` are what the page says of them."""

    path: str
    endpoint: Endpoint
    what: str
    reply: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    problem: type[BaseModel] = Problem

    @property
    def method(self) -> str:
        return "GET" if self.body is None else "POST"

    @property
    def group(self) -> str:
        """Of the page."""
        first = self.path.split("/")[1]
        return {"v1": "tasks", "v2": "V2 protocol", "invocations": "MLflow"}.get(first, "service")


def add(app: FastAPI, service: Service, spec: Spec, example: Sequence[str] | np.ndarray) -> None:
    """`example` is one row that the model reads."""
    one = np.asarray(example).tolist()[0]
    # Routes are tried in order: those of which microseconds count come first.
    every = [*_tasks(service, spec, one), *_v2(service, spec, one), *_pages(service)]
    for address in every:
        _add(app, address)
    bodies_read = [address.body for address in every if address.body is not None]
    app.openapi = lambda: _document(app, bodies_read, service)  # type: ignore[method-assign]
    app.openapi_url = "/openapi.json"
    app.setup()  # its page, and the document behind it


def _pages(service: Service) -> Iterator[_Address]:
    yield _Address("/health", pages.health, "The process lives.", pages.Lives)
    yield _Address("/ping", pages.health, "The same, as MLflow's server has it.", pages.Lives)
    yield _Address("/metrics", partial(pages.metrics, service), "Counts, for Prometheus.")
    yield _Address("/v1/model", pages.model, "What answers, and what it reads.", pages.About)


def _tasks(service: Service, spec: Spec, one: Any) -> Iterator[_Address]:
    for task, body in bodies.by_task(spec, service.limits, one).items():
        endpoint = typed.endpoint(service, task, body)
        reply = typed.REPLIES.get(task, typed.Results)
        yield _Address(f"/v1/{task}", endpoint, questions.TASKS[task], reply, body)
    yield _Address(
        "/invocations",
        partial(invocations.answer, service),
        "As MLflow's own server has it; `params.task` is one of the tasks, or encode.",
        invocations.Predictions,
        bodies.narrowed("Invocation", invocations.Invocation, {"inputs": [one]}),
        MlflowProblem,
    )


def _v2(service: Service, spec: Spec, one: Any) -> Iterator[_Address]:
    live, ready = "/v2/health/live", "/v2/health/ready"
    yield _Address("/v2", v2.server, "Server metadata.", v2.Server, None, V2Problem)
    yield _Address(live, pages.live, "The process lives.", pages.Live, None, V2Problem)
    is_ready = partial(pages.ready, service)
    what = "A model is loaded, checked and warm, and the service is not about to end."
    yield _Address(ready, is_ready, what, pages.Ready, None, V2Problem)
    body = bodies.narrowed("Inference", v2.Inference, v2.example(spec, one))
    for path in (_MODEL, _VERSION):
        yield _Address(path, v2.metadata, "Model metadata.", v2.Metadata, None, V2Problem)
        of_model = partial(v2.ready, service)
        yield _Address(f"{path}/ready", of_model, what, pages.Ready, None, V2Problem)
        infer = partial(v2.infer, service)
        yield _Address(f"{path}/infer", infer, "Inference.", v2.Inferred, body, V2Problem)


def _add(app: FastAPI, address: _Address) -> None:
    app.router.add_api_route(
        address.path,
        address.endpoint,
        methods=[address.method],
        name=address.path,
        operation_id=f"{address.method} {address.path}",
        summary=address.path.strip("/"),
        description=address.what,
        tags=[address.group],
        response_model=address.reply,
        responses=_responses(address),
        openapi_extra=_extra(address),
        route_class_override=_Direct,
    )


def _responses(address: _Address) -> dict[int | str, dict[str, Any]]:
    refusals = _REFUSALS if address.path not in OPEN else {503: _REFUSALS[503]}
    told: dict[int | str, dict[str, Any]] = {
        status: {"model": address.problem, "description": why} for status, why in refusals.items()
    }
    if address.reply is None:
        told[200] = {"content": {"text/plain": {"schema": {"type": "string"}}}}
    return told


def _extra(address: _Address) -> dict[str, Any]:
    """What FastAPI would read of an endpoint's signature, which here is always the same."""
    extra: dict[str, Any] = {}
    if address.body is not None:
        schema = {"$ref": _REFERENCE.format(model=address.body.__name__)}
        extra["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    if names := [part[1:-1] for part in address.path.split("/") if part.startswith("{")]:
        extra["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in names
        ]
    return extra


def _document(
    app: FastAPI, bodies_read: Sequence[type[BaseModel]], service: Service
) -> dict[str, Any]:
    """FastAPI's own, with the bodies, and the token where one is asked for."""
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, routes=app.routes)
        _, defined = models_json_schema(
            [(body, "validation") for body in dict.fromkeys(bodies_read)],
            ref_template=_REFERENCE,
        )
        found["components"]["schemas"] |= defined["$defs"]
        if service.token is not None:
            _ask_for_token(found)
        app.openapi_schema = found
    return app.openapi_schema


def _ask_for_token(document: dict[str, Any]) -> None:
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            operation["security"] = [] if path in OPEN else [{"token": []}]

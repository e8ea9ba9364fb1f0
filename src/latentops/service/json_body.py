"""JSON in and out, by pydantic's own reader and writer."""

from typing import Any, TypeVar

import pydantic
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from latentops.service import refusal

_JSON = b"application/json"

B = TypeVar("B", bound=pydantic.BaseModel)


def read(body: type[B], raw: bytes) -> B:
    """RefusalError 422 with the first problem and its place."""
    try:
        return body.model_validate_json(raw)
    except pydantic.ValidationError as error:
        raise refusal.misshapen(error) from error


def reply(value: Any) -> Response:
    """NaN and infinity, which JSON has not, become null."""
    return Response(to_json(value, inf_nan_mode="null"), media_type="application/json")


def headers(scope: Scope) -> dict[bytes, bytes]:
    """By name, in lower case; of several with one name the first, as Starlette has it."""
    return dict(reversed(scope["headers"]))


def require_json(request: Request) -> None:
    """RefusalError 415 where the request says that its body is something else, or compressed.

    A page of another origin can send forms and plain texts, but not this type, without asking.
    """
    kind = headers(request.scope).get(b"content-type", _JSON).partition(b";")[0].strip().lower()
    if not (kind == _JSON or kind.endswith(b"+json")):
        raise refusal.not_json()
    require_plain(request)


def require_plain(request: Request) -> None:
    if headers(request.scope).get(b"content-encoding", b"identity") != b"identity":
        raise refusal.not_json()

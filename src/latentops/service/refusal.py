"""A request that is not answered: why, in the words of the protocol that it speaks.

A refusal is told to the one who asked and counted; it is never logged, for it may name a text.
"""

from collections.abc import Mapping
from typing import Any, Literal

import pydantic
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response

from latentops.service.limits import Limits

Reason = Literal[
    "body", "busy", "content_type", "deadline", "input", "not_found", "not_ready", "token", "bug"
]

_MLFLOW_CODES = {
    401: "UNAUTHENTICATED",
    404: "RESOURCE_DOES_NOT_EXIST",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class RefusalError(Exception):
    """`told` says what was expected, what was found and what is allowed."""

    def __init__(
        self, status: int, reason: Reason, told: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(told)
        self.status = status
        self.reason = reason
        self.told = told
        self.headers = headers

    def response(self, path: str) -> Response:
        """As the protocol of that path has it: V2's, MLflow's or ours."""
        return Response(
            to_json(_in_the_form_of(path, self.status, self.told)),
            self.status,
            headers=self.headers,
            media_type="application/json",
        )


def _in_the_form_of(path: str, status: int, told: str) -> dict[str, Any]:
    if path == "/v2" or path.startswith("/v2/"):
        return {"error": told}
    if path == "/invocations":
        return {"error_code": _MLFLOW_CODES.get(status, "BAD_REQUEST"), "message": told}
    return {"detail": told}


def unusable(told: str) -> RefusalError:
    return RefusalError(422, "input", told)


def misshapen(error: pydantic.ValidationError) -> RefusalError:
    """The first problem, with its place; pydantic's own words would send the body back."""
    first, *others = error.errors(include_url=False, include_context=False, include_input=False)
    place = ".".join(map(str, first["loc"])) or "body"
    more = f" ({len(others)} more)" if others else ""
    return unusable(f"{place}: {first['msg']}.{more}")


def no_such(told: str) -> RefusalError:
    return RefusalError(404, "not_found", told)


def no_address(error: HTTPException) -> RefusalError:
    """One that is not there, or not by that method."""
    told = f"{error.detail}. The addresses are listed at /docs and /openapi.json."
    return RefusalError(error.status_code, "not_found", told, error.headers)


def too_large(limits: Limits) -> RefusalError:
    return RefusalError(
        413,
        "body",
        f"A body may have {limits.body_bytes:,} bytes, and this one has more. Send fewer rows at a "
        "time.",
    )


def busy(limits: Limits) -> RefusalError:
    told = f"{limits.in_flight} requests are being answered, which is as many as may be at once."
    return RefusalError(503, "busy", f"{told} Try again in a second.", {"Retry-After": "1"})


def late(limits: Limits) -> RefusalError:
    return RefusalError(
        504,
        "deadline",
        f"No answer was found within {limits.deadline_seconds:g} s. Send the body faster, or fewer "
        "rows at a time.",
    )


def not_ready() -> RefusalError:
    told = "The model is not loaded yet, or the service is about to end."
    return RefusalError(
        503, "not_ready", f"{told} /v2/health/ready says when it is.", {"Retry-After": "1"}
    )


def without_token() -> RefusalError:
    told = "This service answers who sends its token, as the header Authorization: Bearer TOKEN."
    return RefusalError(401, "token", told, {"WWW-Authenticate": "Bearer"})


def not_json() -> RefusalError:
    return RefusalError(
        415, "content_type", "A body of type application/json was expected, as it is."
    )


def no_upgrade() -> RefusalError:
    told = "HTTP/1.1 is spoken here: send no header Upgrade (curl --http1.1; in Java HTTP_1_1)."
    # What follows on this connection, the body first, would be read as a request of its own.
    return RefusalError(400, "content_type", told, {"Connection": "close"})


def bug() -> RefusalError:
    return RefusalError(500, "bug", "The service failed. What happened stands in its log.")

"""Between the connection and the addresses: who may ask, how much at once, and for how long."""

import asyncio
import hmac
import logging
import time
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from latentops.service import failures, json_body, refusal
from latentops.service.loaded import Loaded
from latentops.service.refusal import RefusalError
from latentops.service.service import LOADED, Service

OPEN = frozenset({"/health", "/ping", "/v2/health/live", "/v2/health/ready"})
"""Answered without a token, and however much else is asked."""

_GONE = 499  # in the counts: nobody was left to answer

_log = logging.getLogger("latentops.service")


class Gate:
    """Stands around all addresses, so that no failure is told, or logged, by others."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service
        self._in_flight = 0
        service.watch.metrics.in_flight.set_function(lambda: self._in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        scope[LOADED] = self._service.current.loaded
        reply = _Reply(send, scope[LOADED], self._service)
        self._in_flight += 1
        try:
            await self._answer(scope, receive, reply)
        finally:
            self._in_flight -= 1
            self._count(scope, reply.status, time.perf_counter() - begun)

    async def _answer(self, scope: Scope, receive: Receive, reply: "_Reply") -> None:
        limits = self._service.limits
        try:
            async with asyncio.timeout(limits.deadline_seconds):
                self._admit(scope)
                await self._app(scope, _Bounded(receive, self._service), reply)
        except RefusalError as refused:
            await self._refuse(refused, scope, receive, reply)
        except HTTPException as error:
            await self._refuse(refusal.no_address(error), scope, receive, reply)
        except TimeoutError:
            await self._refuse(refusal.late(limits), scope, receive, reply)
        except ClientDisconnect:
            reply.status = _GONE
        except Exception as error:
            _log.error("%s", failures.where(error))
            await self._refuse(refusal.bug(), scope, receive, reply)

    def _admit(self, scope: Scope) -> None:
        """RefusalError of who may not ask, or of more than there may be."""
        headers = json_body.headers(scope)
        if b"upgrade" in headers:  # its body would be taken for another protocol's
            raise refusal.no_upgrade()
        if scope["path"] in OPEN:
            return
        if self._service.token is not None and not _knows(self._service.token, headers):
            raise refusal.without_token()
        if self._in_flight > self._service.limits.in_flight:
            raise refusal.busy(self._service.limits)
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._service.limits.body_bytes:
            raise refusal.too_large(self._service.limits)

    async def _refuse(
        self, refused: RefusalError, scope: Scope, receive: Receive, reply: "_Reply"
    ) -> None:
        self._service.watch.metrics.refusals.labels(refused.reason).inc()
        if reply.status is None:
            await refused.response(scope["path"])(scope, receive, reply)

    def _count(self, scope: Scope, status: int | None, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        self._service.watch.metrics.replied(route, status or _GONE, seconds)


class _Bounded:
    """Of a body, no more than is allowed: the rest is not read, whatever its length says."""

    def __init__(self, receive: Receive, service: Service) -> None:
        self._receive = receive
        self._limits = service.limits
        self._bytes = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._limits.body_bytes:
            raise refusal.too_large(self._limits)
        return message


class _Reply:
    """With the model's name, version and lineage; `status` is None until it begins."""

    def __init__(self, send: Send, loaded: Loaded | None, service: Service) -> None:
        self.status: int | None = None
        self._send = send
        self._headers = [] if loaded is None else loaded.headers
        self._service = service

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"].extend(self._headers)
            if self._service.closing:
                message["headers"].append((b"connection", b"close"))
        await self._send(message)


def _knows(token: str, headers: Mapping[bytes, bytes]) -> bool:
    scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
    return scheme.lower() == b"bearer" and hmac.compare_digest(given, token.encode())

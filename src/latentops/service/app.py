"""The application: the addresses, what stands before them, and the thread behind them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from latentops import __version__, artifacts
from latentops.artifacts import Spec, Vocabulary
from latentops.service import addresses
from latentops.service import limits as limiting
from latentops.service.current import Current
from latentops.service.gate import Gate
from latentops.service.limits import Limits
from latentops.service.loaded import example
from latentops.service.refusal import RefusalError
from latentops.service.service import Service
from latentops.service.sources import Source
from latentops.service.watch import Watch


@dataclass(frozen=True)
class Settings:
    """`token`: None where whoever reaches the service is answered."""

    limits: Limits = limiting.DEFAULT
    token: str | None = None
    poll_seconds: float = 5.0
    watch: Watch = field(default_factory=Watch)


def create_app(
    source: Source,
    settings: Settings | None = None,
    on_failure: Callable[[], None] = lambda: None,
) -> FastAPI:
    """The service of the model that the source names; it is ready some time after it has begun.

    `on_failure` is called where not even the first model can be loaded; `app.state.service` then
    says why. Raises LatentOpsError where the source names none, or one without its spec.json.
    """
    settings = settings or Settings()
    folder = source.current().folder
    spec = artifacts.read_schema(Spec, folder / artifacts.SPEC.name)
    vocabulary = artifacts.read_schema(Vocabulary, folder / artifacts.VOCABULARY.name)
    current = Current(source, settings.watch.metrics, settings.poll_seconds)
    service = Service(current, settings.limits, settings.watch, settings.token)
    app = FastAPI(title="LatentOps", version=__version__, lifespan=partial(_alive, on_failure))
    app.state.service = service
    app.add_middleware(Gate, service=service)
    app.add_exception_handler(HTTPException, _no_address)
    addresses.add(app, service, spec, example(spec, vocabulary))
    return app


async def _no_address(request: Request, error: Exception) -> Response:
    """An address that is not there, or not by that method."""
    assert isinstance(error, HTTPException)
    told = f"{error.detail}. The addresses are listed at /docs and /openapi.json."
    raise RefusalError(error.status_code, "not_found", told, error.headers)


@asynccontextmanager
async def _alive(on_failure: Callable[[], None], app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    service.current.start(on_failure)
    yield
    service.ending = True
    service.current.end()
    service.threads.shutdown(cancel_futures=True)
    if service.watch.window is not None:
        service.watch.window.close()

"""The application: the addresses, what stands before them, and the thread behind them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from fastapi import FastAPI
from starlette.types import ASGIApp

from latentops import __version__, artifacts
from latentops.artifacts import Spec, Vocabulary
from latentops.service import addresses
from latentops.service import limits as limiting
from latentops.service.current import Current
from latentops.service.gate import Gate
from latentops.service.limits import Limits
from latentops.service.loaded import example
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
    app = _Gated(
        title="LatentOps",
        version=__version__,
        lifespan=partial(_alive, on_failure),
        openapi_url=None,  # comes behind the addresses
        redirect_slashes=False,  # which would send a text again, maybe without TLS
        # Counts are at /metrics: to ask at each request who else wants them costs microseconds.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.service = service
    addresses.add(app, service, spec, example(spec, vocabulary))
    return app


class _Gated(FastAPI):
    """The gate alone stands before the addresses: it does what FastAPI's own layers would do, which
    cost as much as the mathematics of one text. Middleware and handlers added to it do nothing."""

    def build_middleware_stack(self) -> ASGIApp:
        return Gate(self.router, self.state.service)


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

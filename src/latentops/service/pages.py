"""What the service says of itself: that it lives, that it is ready, its model and its metrics."""

from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from latentops.classifier import HeadFile
from latentops.service import json_body, refusal
from latentops.service.loaded import Loaded
from latentops.service.service import Service, model_of


class About(BaseModel):
    """What answers, what it reads, what it was trained on, and what its classifier tells apart."""

    name: str
    version: str
    lineage_key: str  # empty: nobody recorded what made it
    kind: str
    shape: tuple[int, ...]
    latent: int
    source: str
    synthetic: bool
    licence: str
    classes: tuple[str, ...]  # none: it cannot classify
    features: str | None  # that its classifier was fitted on
    out_of_scope_threshold: float | None  # a score above it is out of scope


class Lives(BaseModel):
    status: str


class Live(BaseModel):
    live: bool


class Ready(BaseModel):
    ready: bool


async def health(request: Request) -> Response:
    return json_body.reply({"status": "ok"})


async def live(request: Request) -> Response:
    return json_body.reply({"live": True})


async def ready(service: Service, request: Request) -> Response:
    """RefusalError 503 before the first model is warm, and as soon as the end has begun."""
    if not service.ready:
        raise refusal.not_ready()
    return json_body.reply({"ready": True})


async def model(request: Request) -> Response:
    return json_body.reply(about(model_of(request)))


async def metrics(service: Service, request: Request) -> Response:
    return Response(service.watch.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def about(loaded: Loaded) -> About:
    release, head = loaded.release, loaded.head or HeadFile()
    known: dict[str, Any] = loaded.spec.model_dump(include=set(About.model_fields) - {"classes"})
    return About(
        name=release.name,
        version=release.version,
        lineage_key=release.lineage_key,
        latent=loaded.model.latent,
        classes=head.classes,
        features=head.chosen.features if head.chosen else None,
        out_of_scope_threshold=head.detector.threshold if head.detector else None,
        **known,
    )

"""An HTTP service over a model folder. It knows nothing of MLflow or training."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Self

import pandas as pd
import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator

from latentops.classifier import Classifier
from latentops.errors import DataError
from latentops.inference.forms import Result
from latentops.inference.predictor import Predictor
from latentops.inference.writing import Writing

MAX_ROWS = 1000  # of an answer too
MOST_BEAMS = 32

Text = Annotated[str, Field(max_length=100_000)]
Row = list[int | float]
Image = list[Row] | list[list[Row]]  # [H, W] or [C, H, W]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    seed: Seed = 0


class Examples(Body):
    """Texts, or images as whole grey levels or as shares in [0, 1]."""

    inputs: list[Text] | list[Image] = Field(min_length=1, max_length=MAX_ROWS)


class Around(Examples):
    """How many new examples around each: all together no more than one request may bring."""

    n: int = Field(1, ge=1, le=MAX_ROWS)

    @model_validator(mode="after")
    def _is_not_too_much(self) -> Self:
        if len(self.inputs) * self.n > MAX_ROWS:
            raise ValueError(
                f"{len(self.inputs)} inputs times n = {self.n} make more than {MAX_ROWS} examples"
            )
        return self


class Written(Examples):
    """Beams of a search for the most probable sentence; other models know 1 alone."""

    beams: int = Field(1, ge=1, le=MOST_BEAMS)


class Wish(Body):
    """How many examples to generate: of all, of a class, or around a text; see `inference.writing`.

    The last four fields are for sentences.
    """

    n: int = Field(1, ge=1, le=MAX_ROWS)
    label: Annotated[str, Field(max_length=1000)] = ""
    around: Text = ""
    temperature: float = Field(1.0, ge=0, le=100)
    top_k: int = Field(0, ge=0, lt=2**31)
    top_p: float = Field(1.0, gt=0, le=1)
    beams: int = Field(1, ge=1, le=MOST_BEAMS)

    @property
    def writing(self) -> Writing:
        return Writing(self.temperature, self.top_k, self.top_p, self.beams)


class Journey(Examples):
    """Steps from each example to the next, both included: `n` for each pair."""

    n: int = Field(8, ge=2, le=MAX_ROWS)

    @model_validator(mode="after")
    def _bounded(self) -> "Journey":
        steps = (len(self.inputs) - 1) * self.n
        if steps > MAX_ROWS:
            raise ValueError(f"pairs of inputs times n should be at most {MAX_ROWS}, not {steps}")
        return self


class Answer(BaseModel):
    """One result for each example, in order."""

    results: list[Any]


class About(BaseModel):
    """What the model reads, what it was trained on, and what its classifier tells apart."""

    kind: str
    shape: tuple[int, ...]
    latent: int
    source: str
    synthetic: bool
    licence: str
    classes: tuple[str, ...]  # none: it cannot classify
    features: str | None  # that its classifier was fitted on
    out_of_scope_threshold: float | None  # a score above it is out of scope


def create_app(folder: Path) -> FastAPI:
    """The service of the model in `folder`. Raises ArtifactError where that holds none."""
    predictor = Predictor.from_folder(folder)
    app = FastAPI(title="LatentOps")
    app.add_exception_handler(DataError, _unusable)
    app.add_exception_handler(RequestValidationError, _misshapen)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/v1/model")
    def model() -> About:
        return _about(predictor)

    for task in ("classify", "encode", "denoise", "score"):
        route = _route(predictor, task)
        app.add_api_route(f"/v1/{task}", route, methods=["POST"], name=task)

    @app.post("/v1/reconstruct")
    def reconstruct(body: Written) -> Answer:
        return _answer(predictor.reconstruct(body.inputs, body.seed, Writing(beams=body.beams)))

    @app.post("/v1/nearest")
    def nearest(body: Around) -> Answer:
        return _answer(predictor.nearest(body.inputs, body.n, body.seed))

    @app.post("/v1/augment")
    def augment(body: Around) -> Answer:
        return _answer(predictor.augment(body.inputs, body.n, body.seed))

    @app.post("/v1/generate")
    def generate(body: Wish) -> Answer:
        made = predictor.generate(body.n, body.seed, body.label, body.around, body.writing)
        return _answer(made)

    @app.post("/v1/interpolate")
    def interpolate(body: Journey) -> Answer:
        return _answer(predictor.interpolate(body.inputs, body.n, body.seed))

    return app


def serve(folder: Path, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Answer until interrupted; other machines reach it only at another `host`."""
    uvicorn.run(create_app(folder), host=host, port=port)


def _route(predictor: Predictor, task: str) -> Callable[[Examples], Answer]:
    """Of a task that asks for examples and a seed alone."""

    def answer(body: Examples) -> Answer:
        return _answer(predictor.predict(body.inputs, task, seed=body.seed))

    return answer


def _about(predictor: Predictor) -> About:
    spec = predictor.spec.model_dump(include=set(About.model_fields) - {"classes"})
    head = predictor.head if isinstance(predictor.head, Classifier) else None
    return About(
        latent=predictor.vae.latent,
        classes=head.classes if head else (),
        features=head.head.chosen.features if head and head.head.chosen else None,
        out_of_scope_threshold=head.threshold if head else None,
        **spec,
    )


def _answer(result: Result) -> Answer:
    if isinstance(result, pd.DataFrame):
        return Answer(results=result.to_dict("records"))
    return Answer(results=result.tolist())


def _unusable(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=422)


def _misshapen(request: Request, error: Exception) -> JSONResponse:
    """FastAPI's own answer sends the body back, which may be large, or NaN and so no JSON."""
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    told = [{key: problem[key] for key in ("type", "loc", "msg")} for problem in problems]
    return JSONResponse({"detail": told}, status_code=422)

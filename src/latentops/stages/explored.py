"""The page by which a version is looked into, made of the files that the version is made from."""

from pathlib import Path

from latentops import artifacts
from latentops.explorer import page, payload
from latentops.explorer.payload import Origin
from latentops.inference.predictor import Predictor
from latentops.registry.candidate import Candidate


def files(name: str, scored: Candidate) -> dict[str, bytes]:
    """Of the folder that holds dvc.yaml; `name` is the registered model's."""
    settings = artifacts.read_json(artifacts.MODEL_SETTINGS)
    origin = Origin.of(name, scored.tags(), settings)
    shown = payload.of_project(Predictor.from_project(Path()), origin, page.room(1))
    return {page.NAME: page.render([shown]).encode()}

"""A model in MLflow's format without a pickle: safetensors, JSON and code."""

import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import mlflow.pyfunc
import numpy as np
from mlflow import artifacts as mlflow_artifacts
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus, Run
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec

import latentops
from latentops import artifacts
from latentops.artifacts import Spec, Vocabulary
from latentops.errors import IntegrityError
from latentops.inference.folder import MODEL_FILES
from latentops.registry.candidate import Candidate
from latentops.store import Store

PACKAGE = "package_sha256"  # a tag: of what MLflow stores beside the model's own files
_CODE = Path(latentops.__file__).parent  # stored whole: a model loads where the package is absent
_REQUIREMENTS = (
    "torch",
    "numpy",
    "scipy",
    "safetensors",
    "pydantic",
    "regex",
    "pandas",
    "pyarrow",
    "pyyaml",
    "constriction",
    "tokenizers",
)
_PARAMS = ParamSchema(
    [
        ParamSpec("task", DataType.string, "encode"),
        ParamSpec("n", DataType.long, 1),
        ParamSpec("seed", DataType.long, 0),
        ParamSpec("label", DataType.string, ""),
        ParamSpec("around", DataType.string, ""),
        ParamSpec("temperature", DataType.double, 1.0),
        ParamSpec("top_k", DataType.long, 0),
        ParamSpec("top_p", DataType.double, 1.0),
        ParamSpec("beams", DataType.long, 1),
    ]
)


def log(store: Store, run_id: str, candidate: Candidate, tags: Mapping[str, str]) -> str:
    """Log the project's model to that run; the id of the logged model.

    What a kill left of an earlier try goes first, and what an error leaves goes at once: on a full
    disk every try would take more of it.
    """
    run = store.client.get_run(run_id)
    _discard_unfinished(store, run)
    logged = store.client.create_logged_model(
        run.info.experiment_id, "model", source_run_id=run_id, tags=dict(tags)
    )
    with tempfile.TemporaryDirectory() as folder:
        described = Model(run_id=run_id, model_uuid=logged.model_id, model_id=logged.model_id)
        card = _written(Path(folder, "card"), candidate.card)
        _save(Path(folder, "model"), described, candidate, [*MODEL_FILES, *card])
        store.client.set_logged_model_tags(
            logged.model_id, {PACKAGE: _sha256(Path(folder, "model"))}
        )
        with _whole(logged):
            store.client.log_model_artifacts(logged.model_id, str(Path(folder, "model")))
    store.client.finalize_logged_model(logged.model_id, "READY")
    store.client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return str(logged.model_id)


def require_whole(store: Store, source: str, sha256: str) -> None:
    """IntegrityError where what MLflow would run of that logged model is not what was logged."""
    with store.as_default():
        folder = Path(mlflow_artifacts.download_artifacts(artifact_uri=source))
    if _sha256(folder) != sha256:
        raise IntegrityError(
            f"MLmodel, the code or the requirements of {source} are not what was logged. "
            "latentops does not run them, but mlflow.pyfunc does: do not load it so."
        )


def _sha256(folder: Path) -> str:
    """Of all files but those of the model and its card, which have digests of their own."""
    digests = {
        path.relative_to(folder).as_posix(): artifacts.sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.relative_to(folder).parts[0] != "artifacts"
        and path.parent.name != "__pycache__"
    }
    digests.pop("registered_model_meta", None)  # MLflow writes it where it downloads to
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()


def discard(store: Store, model_id: str) -> None:
    """Take back a logged model that no version points to."""
    _delete_files(store.client.get_logged_model(model_id))
    store.client.delete_logged_model(model_id)


def log_card(store: Store, source: str, candidate: Candidate) -> None:
    """Put the candidate's card, if it has one, into a model that was logged before."""
    with tempfile.TemporaryDirectory() as folder:
        _written(Path(folder, "artifacts"), candidate.card)
        store.client.log_model_artifacts(source.removeprefix("models:/"), folder)


def restore(store: Store, source: str) -> None:
    """Put the files that the project holds into a model that was logged of them before."""
    with tempfile.TemporaryDirectory() as folder:
        files = {path.name: path.read_bytes() for path in MODEL_FILES}
        _written(Path(folder, "artifacts"), files)
        store.client.log_model_artifacts(source.removeprefix("models:/"), folder)


def _written(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def _discard_unfinished(store: Store, run: Run) -> None:
    of_run = f"source_run_id = '{run.info.run_id}'"
    for found in store.client.search_logged_models([run.info.experiment_id], of_run):
        if found.status == LoggedModelStatus.PENDING:
            _delete_files(found)
            store.client.delete_logged_model(found.model_id)


@contextmanager
def _whole(logged: LoggedModel) -> Iterator[None]:
    """All of its files are stored, or none."""
    try:
        yield
    except Exception:
        _delete_files(logged)
        raise


def _delete_files(logged: LoggedModel) -> None:
    with suppress(MlflowException, OSError):  # where there are none, or the store keeps them
        files = get_artifact_repository(logged.artifact_location)
        files.delete_artifacts()  # type: ignore[no-untyped-call]


def _save(folder: Path, described: Model, candidate: Candidate, files: Iterable[Path]) -> None:
    mlflow.pyfunc.save_model(
        folder,
        mlflow_model=described,
        python_model=str(_CODE / "registry/pyfunc.py"),
        artifacts={path.name: str(path) for path in files},
        code_paths=[str(_CODE)],
        signature=ModelSignature(_input(candidate.spec), _codes(candidate.latent), _PARAMS),
        input_example=_example(candidate.spec, candidate.vocabulary),
        pip_requirements=_requirements(),
    )


def _codes(latent: int) -> Schema:
    """What the default task gives."""
    return Schema([ColSpec(DataType.float, f"z{z}") for z in range(latent)])


def _input(spec: Spec) -> Schema:
    if spec.kind == "counts":
        return Schema([ColSpec(DataType.string)])  # without a name: a plain list fits too
    # Of any shape, for decompress reads bytes: what is wrong with images the model says itself.
    return Schema([TensorSpec(np.dtype(np.uint8), (-1, -1, -1, -1))])


def _example(spec: Spec, vocabulary: Vocabulary) -> list[str] | np.ndarray:
    if spec.kind == "counts":
        return [" ".join(vocabulary.terms[column] for column in vocabulary.target[:6])]
    return np.zeros((1, *spec.shape), dtype=np.uint8)


def _requirements() -> list[str]:
    """As installed, without a build's local label (+cpu), which no index has."""
    return [f"{name}=={version(name).partition('+')[0]}" for name in _REQUIREMENTS]

"""From a model's URI to a model folder on this machine."""

from pathlib import Path

from mlflow import artifacts as mlflow_artifacts

from latentops.errors import StoreError
from latentops.store import connect, one_line_errors


def model_folder(uri: str) -> Path:
    """The folder with weights, settings, spec and vocabulary of `models:/name@alias` or /version.

    It is the store's own where that is on this machine, and else a temporary copy.
    """
    store = connect()
    with one_line_errors(store.uri), store.as_default():
        folder = Path(mlflow_artifacts.download_artifacts(artifact_uri=uri), "artifacts")
    if not folder.is_dir():
        raise StoreError(f"{uri} was not registered by this project: it holds no {folder.name}/.")
    return folder

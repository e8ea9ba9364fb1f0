"""The registered model as MLflow loads it: this file is stored with the model and run, not pickled.

MLflow runs it again wherever the model is loaded, so it imports what it needs and no MLflow store.
"""

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from latentops.inference.forms import Result
from latentops.inference.predictor import Predictor


class Model(PythonModel):
    """`predict(raw, params={"task": ..., "n": ..., "seed": ..., ...})`: see `Predictor.predict`."""

    def load_context(self, context: PythonModelContext) -> None:  # MLflow asks for this name
        folder = Path(context.artifacts["weights.safetensors"]).parent
        self.predictor = Predictor.from_folder(folder)

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,  # or an array of images; MLflow warns of any hint but one type
        params: dict[str, Any] | None = None,
    ) -> Result:
        return self.predictor.predict(model_input, **(params or {}))


set_model(Model())

"""POST /invocations, as MLflow's own server has it, so that its clients need not be changed.

See MLflow's documentation, "Deploy MLflow Model as a Local Inference Server". CSV is left out.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from latentops.service import json_body, tensors
from latentops.service.bodies import Options, Strict
from latentops.service.loaded import Loaded
from latentops.service.questions import Answer, Question
from latentops.service.refusal import unusable
from latentops.service.service import Asked, Service

DEFAULT_TASK = "encode"  # that of the registered model's own signature

_TEXT = "text"


class Predictions(BaseModel):
    """Of texts a row for each, of images [C, H, W]."""

    predictions: list[Any]


class Split(Strict):
    """A table, as pandas' orient="split" has it."""

    columns: list[str]
    data: list[list[Any]]
    index: list[Any] | None = None


class Invocation(Strict):
    """One of the four, and `params`: `task`, and what it reads."""

    model_config = ConfigDict(extra="forbid")

    dataframe_split: Split | None = None
    dataframe_records: list[dict[str, Any]] | None = None
    instances: list[Any] | None = None
    inputs: list[Any] | dict[str, list[Any]] | None = None
    params: Options = Field(default_factory=Options)

    @model_validator(mode="after")
    def _is_one(self) -> "Invocation":
        given = self.model_fields_set - {"params"}
        if len(given) != 1 or getattr(self, next(iter(given))) is None:
            raise ValueError(f"just one of {', '.join(_FORMS)} should be given, and not null")
        return self

    def rows(self) -> list[Any]:
        """One for each example: what it is, or for a table a mapping of its columns."""
        (form,) = self.model_fields_set - {"params"}
        return _FORMS[form](getattr(self, form))


def _records_of_split(table: Split) -> list[dict[str, Any]]:
    if any(len(row) != len(table.columns) for row in table.data):
        raise unusable(f"Each row of dataframe_split should have {len(table.columns)} values.")
    return [dict(zip(table.columns, row, strict=True)) for row in table.data]


def _records_of_columns(inputs: list[Any] | Mapping[str, list[Any]]) -> list[Any]:
    if isinstance(inputs, list):
        return inputs
    if len({len(column) for column in inputs.values()}) != 1:
        raise unusable("The columns of inputs should be as long as each other.")
    return [dict(zip(inputs, row, strict=True)) for row in zip(*inputs.values(), strict=True)]


_FORMS: dict[str, Callable[[Any], list[Any]]] = {
    "dataframe_split": _records_of_split,
    "dataframe_records": list,
    "instances": list,
    "inputs": _records_of_columns,
}


def read(loaded: Loaded, raw: bytes) -> Asked:
    asked = json_body.read(Invocation, raw)
    rows = asked.rows()
    if not rows:
        raise unusable("At least one row was expected. There is none.")
    inputs = [_text(row) for row in rows] if loaded.reads_texts else _images(rows)
    task = asked.params.task or DEFAULT_TASK
    return Asked(Question(task, inputs, asked.params.given()), _reply)


def _text(row: Any) -> str:
    """Of column `text`, or the only one."""
    if isinstance(row, dict):
        if _TEXT not in row and len(row) != 1:
            found = ", ".join(map(str, row)) or "none"
            raise unusable(f"A table of texts should have a column 'text'. Found {found}.")
        row = row[_TEXT] if _TEXT in row else next(iter(row.values()))
    if not isinstance(row, str):
        raise unusable(f"Every example should be a text. One is of type {type(row).__name__}.")
    return row


def _images(rows: list[Any]) -> list[Any]:
    """Beside a long text numpy would make every number as wide as it."""
    if any(isinstance(one, str) for one in tensors.flat(rows)):
        raise unusable("Every example should be an image of numbers. One holds a text.")
    return rows


def _reply(answer: Answer) -> Response:
    return json_body.reply({"predictions": answer})


async def answer(service: Service, request: Request) -> Response:
    json_body.require_json(request)
    return await service.answer(request, read)

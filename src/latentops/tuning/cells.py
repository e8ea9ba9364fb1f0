"""Settings as columns of tune/trials.parquet.

A column of Parquet has one type. Where the values of a setting are not all numbers, all texts or
all true or false, as where null or a list is among them, each is there as its JSON text.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd


def column(setting: str, choices: Sequence[Mapping[str, Any]]) -> "pd.Series[Any]":
    """The values of a setting, missing where a choice does not have it."""
    kind = _kind([choice[setting] for choice in choices if setting in choice])
    text = kind == "json"
    return pd.Series(
        [_cell(choice[setting], text) if setting in choice else None for choice in choices],
        dtype="object" if text else kind,
        name=setting,
    )


def value(cell: Any) -> Any:
    """The value of a cell that is not missing."""
    if not isinstance(cell, str):
        return cell
    try:
        return json.loads(cell)
    except ValueError:  # a text among texts
        return cell


def _kind(values: Sequence[Any]) -> str:
    """A type of pandas that has them and what is missing, or json."""
    types = {type(value) for value in values}
    for kind, held in _KINDS.items():
        if types <= held:
            return kind
    return "json"


_KINDS: dict[str, set[type]] = {
    "Int64": {int},
    "float64": {int, float},
    "boolean": {bool},
    "object": {str},
}


def _cell(value: Any, text: bool) -> Any:
    return json.dumps(value) if text else value

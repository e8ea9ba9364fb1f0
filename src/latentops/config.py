"""params.yaml, read strictly: frozen sections, unknown names refused, every problem at once.

This module owns no setting. A component declares its section as a subclass of `Section`; a
stage declares the sections that it reads as the fields of one more `Section` and calls `load`.
"""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml

from latentops.errors import SettingsError

PARAMS = Path("params.yaml")
SECTIONS = ("data", "model", "objective", "train", "evaluate", "registry", "tune")


class Section(pydantic.BaseModel):
    """Settings that cannot change once read."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


S = TypeVar("S", bound=Section)


def load(settings: type[S], path: Path = PARAMS) -> S:
    """Read the sections of `path` that `settings` names."""
    return parse(settings, read(path), origin=str(path))


def read(path: Path) -> dict[str, Any]:
    """The whole file as a mapping of sections, its top level checked against `SECTIONS`."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(
            f"{path} is missing in {Path.cwd()}. Take one: `cp recipes/intents.yaml {path}`."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise SettingsError(f"{path} is not YAML: {reason}") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{path} should hold the sections {', '.join(SECTIONS)}. Found none.")
    if strange := [str(name) for name in values if name not in SECTIONS]:
        raise SettingsError(_listing(str(path), (_unknown(name, SECTIONS) for name in strange)))
    return values


def parse(settings: type[S], values: Mapping[str, Any], origin: str) -> S:
    """Check `values` against `settings`; `origin` names them in the error."""
    known = {name: values[name] for name in settings.model_fields if name in values}
    try:
        return settings.model_validate(known)
    except pydantic.ValidationError as error:
        problems = [_problem(settings, problem) for problem in error.errors()]
        raise SettingsError(_listing(origin, problems)) from error


def _listing(origin: str, problems: Iterable[str]) -> str:
    return "\n  ".join([f"{origin} cannot be used:", *problems])


def _problem(settings: type[Section], problem: Any) -> str:
    place = [str(part) for part in problem["loc"]]
    if problem["type"] == "extra_forbidden":
        return _unknown(".".join(place), _neighbours(settings, place))
    if problem["type"] == "missing":
        return f"{'.'.join(place)}: missing."
    found = "" if isinstance(problem["input"], dict) else f" Got {problem['input']!r}."
    return f"{'.'.join(place)}: {problem['msg']}.{found}"


def _unknown(name: str, known: Iterable[str]) -> str:
    guess = difflib.get_close_matches(name.rpartition(".")[2], list(known), n=1)
    hint = f" Did you mean {guess[0]!r}?" if guess else ""
    return f"{name}: no such setting.{hint}"


def _neighbours(settings: type[Section], place: list[str]) -> list[str]:
    """Names that could have stood at `place`, found by walking the JSON schema."""
    schema = settings.model_json_schema()
    nodes = [schema]
    for part in place[:-1]:
        nodes = [found for node in nodes for found in _step(schema, node, part)]
    return [name for node in nodes for name in node.get("properties", {})]


def _step(schema: dict[str, Any], node: dict[str, Any], part: str) -> list[dict[str, Any]]:
    if part not in node.get("properties", {}):  # the tag of a union, not a name in the file
        return [node] if "properties" in node else []
    child = node["properties"][part]
    return [_resolve(schema, option) for option in child.get("oneOf", child.get("anyOf", [child]))]


def _resolve(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    return node

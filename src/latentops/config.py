"""params.yaml, read strictly: frozen sections, unknown names refused, every problem at once.

This module owns no setting. A component declares its section as a subclass of `Section`; a
stage declares the sections that it reads as the fields of one more `Section` and calls `load`.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml

from latentops.errors import SettingsError

PARAMS = Path("params.yaml")
SECTIONS = (
    "data",
    "model",
    "objective",
    "train",
    "head",
    "evaluate",
    "applications",
    "registry",
    "tune",
)


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
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError as error:
        raise SettingsError(
            f"{path} is missing in {Path.cwd()}. Take one: `cp recipes/intents.yaml {path}`."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise SettingsError(f"{path} is not YAML: {reason}") from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error
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


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """By the names that people use: {"model": {"latent": 2}} -> {"model.latent": 2}"""
    found: dict[str, Any] = {}
    for name, value in values.items():
        inner = isinstance(value, Mapping)
        found |= flat(value, f"{prefix}{name}.") if inner else {f"{prefix}{name}": value}
    return found


def _listing(origin: str, problems: Iterable[str]) -> str:
    return "\n  ".join([f"{origin} cannot be used:", *problems])


def _problem(settings: type[Section], problem: Any) -> str:
    *parents, last = problem["loc"] or ("",)
    if problem["type"] == "extra_forbidden":
        place, known = _walk(settings, parents)
        return _unknown(".".join([*place, str(last)]), known)
    name = ".".join(_walk(settings, problem["loc"])[0])
    if problem["type"] == "missing":
        return f"{name}: missing."
    found = "" if isinstance(problem["input"], dict) else f" Got {problem['input']!r}."
    return f"{name}: {problem['msg'].removeprefix('Value error, ')}.{found}"


def _unknown(name: str, known: Iterable[str]) -> str:
    guess = difflib.get_close_matches(name.rpartition(".")[2], list(known), n=1)
    hint = f" Did you mean {guess[0]!r}?" if guess else ""
    return f"{name}: no such setting.{hint}"


def _walk(settings: type[Section], location: Sequence[str | int]) -> tuple[list[str], list[str]]:
    """The names in the file on the way to pydantic's `location`, and those that may stand there.

    A location holds the tags of unions too (model.bow.latent), which the file does not.
    """
    schema = settings.model_json_schema()
    names, node = [], schema
    for part in location:
        tags = node.get("discriminator", {}).get("mapping", {})
        if part not in tags:
            names.append(str(part))
        child = {"$ref": tags[part]} if part in tags else node.get("properties", {}).get(part, {})
        node = _resolve(schema, child)
    return names, list(node.get("properties", {}))


def _resolve(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    return node


class _Loader(yaml.SafeLoader):
    """Refuses a name that stands twice in one mapping, of which YAML would keep the second."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := [key for key, _ in node.value if names.count(key.value) > 1]:
            raise yaml.constructor.ConstructorError(
                None, None, f"{twice[-1].value} stands twice", twice[-1].start_mark
            )
        return super().construct_mapping(node, deep)

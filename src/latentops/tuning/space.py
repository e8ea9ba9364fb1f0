"""What a trial may choose, and who proposes it.

A choice is a mapping of settings by their dotted names in params.yaml. Lists and null, which
Optuna does not take as a category, are known to it by their JSON text.
"""

import difflib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import pydantic
from optuna.trial import Trial

from latentops.config import Section
from latentops.errors import SettingsError
from latentops.tuning.settings import Dimension, Settings

BETA, LATENT = "objective.beta", "model.latent"
Choice: TypeAlias = dict[str, Any]
Sections: TypeAlias = Mapping[str, Section]
"""`model`, `objective` and `train` of params.yaml."""

_DIGITS = 4  # of a float, as params.yaml will hold it
_DIGITS_OF_STEPS = 10  # 0.1 + 0.2 is 0.3
_NOT_SEARCHED = {
    "model.kind": "each kind has settings of its own",
    "train.epochs": "trials train for tune.epochs",
}
_CHANGES_DISTORTION = ("model.target", "model.likelihood")


def check(settings: Settings, sections: Sections) -> None:
    """Raise SettingsError where a searched setting does not exist or refuses one of its values."""
    known = {
        f"{section}.{name}" for section, found in sections.items() for name in found.model_dump()
    }
    for name, dimension in settings.space.items():
        if name in _NOT_SEARCHED:
            raise SettingsError(f"tune.space: {name} is not searched: {_NOT_SEARCHED[name]}.")
        if name not in known:
            raise SettingsError(f"tune.space: {_unknown(name, sections, known)}")
        if name in _CHANGES_DISTORTION and not settings.by_head:
            raise SettingsError(
                f"tune.space: {name} is not searched by likelihood, for other values of it measure "
                "something else. Set tune.score to accuracy or macro_recall."
            )
        _check_kind(name, dimension, sections)
        for value in _ends(dimension):
            _check_value(name, value, sections)
        for parent in dimension.when:
            if _is_continuous(parent, settings.space[parent], sections):
                raise SettingsError(
                    f"tune.space: {name}: when names {parent}, which hardly ever is exactly one "
                    "value: give it choices or a step."
                )


def applied(choice: Mapping[str, Any], sections: Sections) -> dict[str, Any]:
    """The sections with the chosen values; SettingsError where together they cannot be used."""
    return {section: _changed(section, found, choice) for section, found in sections.items()}


def present(settings: Settings, sections: Sections) -> Choice:
    """What params.yaml holds for the searched settings."""
    return {name: _plain(value(name, sections)) for name in settings.space}


def value(name: str, sections: Sections) -> Any:
    """What params.yaml holds for one setting."""
    section, _, field = name.partition(".")
    return sections[section].model_dump(mode="json")[field]


def suggest(trial: Trial, settings: Settings, sections: Sections) -> Choice:
    """Ask for each setting whose condition holds."""
    chosen: Choice = {}
    for name, dimension in settings.space.items():
        if holds(dimension.when, chosen):
            asked = _asked(trial, name, dimension, is_integer(name, dimension, sections))
            chosen[name] = rounded(asked, dimension)
    return chosen


def choice(params: Mapping[str, Any], settings: Settings) -> Choice:
    """What is trained for the params of a trial."""
    return {
        name: rounded(params[name], dimension)
        for name, dimension in settings.space.items()
        if name in params
    }


def _asked(trial: Trial, name: str, dimension: Dimension, integer: bool) -> Any:
    if dimension.choices is not None:
        return trial.suggest_categorical(name, [*map(text, dimension.choices)])
    low, high, step, log = dimension.low or 0, highest(dimension), dimension.step, dimension.log
    if integer:
        return trial.suggest_int(name, int(low), int(high), step=int(step or 1), log=log)
    return trial.suggest_float(name, low, high, step=step, log=log)


def highest(dimension: Dimension) -> float:
    """The upper bound, or what the last step below it reaches."""
    low, high, step = float(dimension.low or 0), float(dimension.high or 0), dimension.step
    if step is None:
        return high
    return float(f"{low + step * steps(low, high, step):.{_DIGITS_OF_STEPS}g}")


def steps(low: float, high: float, step: float) -> int:
    """How many fit."""
    return math.floor((high - low) / step * (1 + 1e-12))


def text(value: Any) -> Any:
    """As Optuna knows it: a scalar as it is, what it refuses as JSON."""
    return value if isinstance(value, bool | int | float | str) else json.dumps(_plain(value))


def _plain(value: Any) -> Any:
    """As YAML and JSON have it: a tuple is a list."""
    return [*map(_plain, value)] if isinstance(value, list | tuple) else value


def rounded(value: Any, dimension: Dimension) -> Any:
    """What is trained, and what params.yaml will hold, for a value that Optuna knows."""
    if dimension.choices is not None:
        return next(_plain(each) for each in dimension.choices if text(each) == value)
    if isinstance(value, int):
        return value
    digits = _DIGITS if dimension.step is None else _DIGITS_OF_STEPS
    low, high = float(dimension.low or 0), float(dimension.high or 0)
    return min(max(float(f"{value:.{digits}g}"), low), high)


def holds(when: Mapping[str, Sequence[Any]], chosen: Mapping[str, Any]) -> bool:
    return all(
        parent in chosen and chosen[parent] in [*map(_plain, values)]
        for parent, values in when.items()
    )


def _is_continuous(name: str, dimension: Dimension, sections: Sections) -> bool:
    free = dimension.choices is None and dimension.step is None and dimension.low != dimension.high
    return free and not is_integer(name, dimension, sections)


def _ends(dimension: Dimension) -> Iterator[Any]:
    yield from dimension.choices or (dimension.low, dimension.high)


def is_integer(name: str, dimension: Dimension, sections: Sections) -> bool:
    return dimension.type == "int" or (dimension.type is None and int in _types(name, sections))


def _check_kind(name: str, dimension: Dimension, sections: Sections) -> None:
    if dimension.choices is not None:
        return
    found = _types(name, sections)
    if not {int, float} & found or bool in found:
        raise SettingsError(f"tune.space: {name} is no number: give its choices.")
    numbers = [dimension.low, dimension.high, dimension.step or 1]
    whole = all(value == int(value or 0) for value in numbers)
    if int in found and (dimension.type == "float" or not whole):
        raise SettingsError(f"tune.space: {name} is a whole number: give whole bounds, no float.")
    if dimension.type == "int" and not whole:
        raise SettingsError(f"tune.space: {name}: type int needs whole bounds.")


def _types(name: str, sections: Sections) -> set[Any]:
    """`float | None` is {float, NoneType}"""
    section, _, field = name.partition(".")
    annotation = type(sections[section]).model_fields[field].annotation
    return set(getattr(annotation, "__args__", ())) or {annotation}


def _check_value(name: str, value: Any, sections: Sections) -> None:
    """Of this setting alone: what two of them forbid together is found by the trial."""
    section, _, field = name.partition(".")
    try:
        type(sections[section]).model_validate(sections[section].model_dump() | {field: value})
    except pydantic.ValidationError as error:
        for problem in error.errors():
            if problem["loc"][:1] == (field,):
                raise SettingsError(f"tune.space: {name}: {value}: {problem['msg']}.") from error


def _changed(section: str, found: Section, choice: Mapping[str, Any]) -> Section:
    prefix = f"{section}."
    values = {
        name.removeprefix(prefix): value
        for name, value in choice.items()
        if name.startswith(prefix)
    }
    try:
        return type(found).model_validate(found.model_dump() | values)
    except pydantic.ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{section}: {message}.") from error


def _unknown(name: str, sections: Sections, known: set[str]) -> str:
    section = name.partition(".")[0]
    if section not in sections:
        return (
            f"{name} cannot be searched. A study searches settings of {', '.join(sections)}: its "
            "trials share the prepared data."
        )
    guess = difflib.get_close_matches(name, known, n=1)
    return f"{name}: no such setting." + (f" Did you mean {guess[0]!r}?" if guess else "")

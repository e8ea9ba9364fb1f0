"""What a study chose: tune/best.json, and its way into params.yaml."""

import dataclasses
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pydantic
import yaml

from latentops import artifacts, config
from latentops.artifacts import Schema
from latentops.errors import SettingsError, StudyError
from latentops.tuning import space
from latentops.tuning.identity import Experiment

_SCORES = ("score", "rate_nats", "distortion_nats", "elbo_nats", "active_units")


class Best(Schema):
    """tune/best.json: the best trial, and what its study held fixed."""

    model_config = pydantic.ConfigDict(validate_by_name=True, serialize_by_alias=True)

    study: str
    trial: int
    beta: float = pydantic.Field(alias=space.BETA)
    latent: int = pydantic.Field(alias=space.LATENT)
    score: float
    score_name: str
    rate_nats: float
    distortion_nats: float
    elbo_nats: float
    active_units: int
    trials: int  # complete ones, out of which this is the best
    source: str
    data_md5: str
    fixed: dict[str, Any]


def best(trials: pd.DataFrame, study: str, score_name: str, shared: Experiment) -> Best:
    """The highest score, the first of equals. `trials` is `study.table`, not all of them failed."""
    complete = trials[trials["state"] == "complete"]
    row = complete.sort_values("score", ascending=False, kind="stable").iloc[0]
    return Best.model_validate(
        {name: row[name] for name in ("trial", space.BETA, space.LATENT, *_SCORES)}
        | {"study": study, "score_name": score_name, "trials": len(complete)}
        | dataclasses.asdict(shared)
    )


def pick(best: Best, trials: pd.DataFrame, trial: int | None = None) -> dict[str, Any]:
    """The chosen settings by dotted name: the best trial's, or those of `trial`."""
    if trial is None:
        return {space.BETA: best.beta, space.LATENT: best.latent}
    found = trials[trials["trial"] == trial]
    if found.empty:
        known = ", ".join(str(number) for number in trials["trial"])
        raise StudyError(f"Study {best.study} has no trial {trial}. It has {known}.")
    row = found.iloc[0]
    if row["state"] != "complete":
        raise StudyError(f"Trial {trial} of study {best.study} failed: {row['error']}")
    return {space.BETA: float(row[space.BETA]), space.LATENT: int(row[space.LATENT])}


def check_fits(best: Best, present: Experiment) -> None:
    """Raise StudyError where the study's data or fixed settings are not the present ones."""
    there = {"data.source": best.source, **best.fixed}
    here = {"data.source": present.source, **present.fixed}
    found = [
        f"{name} was {there.get(name, 'not there')}, is {here.get(name, 'not there')}"
        for name in sorted(there | here)
        if there.get(name) != here.get(name)
    ]
    if not found and best.data_md5 != present.data_md5:
        found = ["the prepared data has changed"]
    if found:
        more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
        raise StudyError(
            f"{artifacts.STUDY_BEST} is of another experiment than {config.PARAMS}: "
            f"{'; '.join(found[:3])}{more}. Run `make tune` for this one first."
        )


def edited(text: str, values: Mapping[str, int | float]) -> str:
    """A params.yaml with other values of scalar settings and every other character as it was."""
    nodes = {name: _node(text, name) for name in values}
    new = text
    for name in sorted(nodes, key=lambda name: -nodes[name].start_mark.index):
        start, end = nodes[name].start_mark.index, nodes[name].end_mark.index
        new = _spliced(new, start, end, _scalar(values[name]))
    if not _reads_as(new, text, values):
        raise SettingsError(
            f"{config.PARAMS} is written in a way that cannot be edited in place (an anchor?). "
            f"Set {', '.join(f'{name}: {_scalar(value)}' for name, value in values.items())} there."
        )
    return new


def difference(before: str, after: str, path: Path = config.PARAMS) -> str:
    """The changed lines as a unified diff without context; empty where nothing changes."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"{path} before", f"{path} after", "", "", 0, ""
    )
    return "\n".join(lines)


def _node(text: str, setting: str) -> yaml.Node:
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    for name in setting.split("."):
        values = {key.value: value for key, value in node.value}
        if name not in values:
            raise SettingsError(f"{config.PARAMS} has no line for {setting}. Add it.")
        node = values[name]
    return cast(yaml.Node, node)


def _reads_as(new: str, old: str, values: Mapping[str, int | float]) -> bool:
    """Whether `new` is the YAML of `old` but for `values`."""
    expected = yaml.safe_load(old)
    for setting, value in values.items():
        section, name = setting.split(".")
        expected[section][name] = value
    try:
        return bool(yaml.safe_load(new) == expected)
    except yaml.YAMLError:
        return False


def _spliced(text: str, start: int, end: int, new: str) -> str:
    """A comment behind the value stays in its column where there is room."""
    rest = text[end:]
    gap = len(rest) - len(rest.lstrip(" "))
    if rest[gap:].startswith("#"):
        rest = " " * max(1, gap + (end - start) - len(new)) + rest[gap:]
    return text[:start] + new + rest


def _scalar(value: int | float) -> str:
    """As YAML writes it: 1e-05 without a point would be text."""
    return str(yaml.safe_dump(value)).splitlines()[0]

"""What a study chose: tune/best.json, and its way into params.yaml."""

import dataclasses
import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import yaml

from latentops import artifacts, config
from latentops.artifacts import Schema
from latentops.errors import SettingsError, StudyError
from latentops.tuning import cells, picks
from latentops.tuning.identity import Experiment
from latentops.tuning.settings import Pick, Settings

_SCORES = ("score", "rate_nats", "distortion_nats", "elbo_nats", "active_units")
_OF_LABELS = ("accuracy", "macro_recall")


class Best(Schema):
    """tune/best.json: the chosen trial, what it was chosen from, and what its study held fixed."""

    study: str
    mode: str
    score_name: str
    pick: Pick
    trial: int
    settings: dict[str, Any]  # that the trial chose, by dotted name
    default: dict[str, Any]  # that params.yaml held for them when the study began
    score: float  # higher is better
    rate_nats: float
    distortion_nats: float
    elbo_nats: float
    active_units: int
    accuracy: float | None = None
    macro_recall: float | None = None
    rate_budget_nats: float | None = None
    trials: int  # complete ones, of which this is one
    pruned: int
    failed: int
    source: str
    data_md5: str
    fixed: dict[str, Any]


def best(
    trials: pd.DataFrame,
    study: str,
    tune: Settings,
    shared: Experiment,
    default: Mapping[str, Any],
) -> Best:
    """The trial that `tune.pick` means. `trials` is tune/trials.parquet, one of them complete.

    Raises StudyError where a budget is given and no trial keeps it.
    """
    row = _row(trials, picks.chosen(trials, tune))
    states = trials["state"].value_counts()
    return Best.model_validate(
        {name: row[name] for name in _SCORES}
        | {name: row[name] for name in _OF_LABELS if pd.notna(row.get(name))}
        | {"study": study, "mode": tune.mode, "score_name": tune.score_name, "pick": tune.pick}
        | {"trial": row["trial"], "settings": _settings(row), "default": dict(default)}
        | {"rate_budget_nats": tune.rate_nats, "trials": states["complete"]}
        | {state: states.get(state, 0) for state in ("pruned", "failed")}
        | dataclasses.asdict(shared)
    )


def pick(
    best: Best,
    trials: pd.DataFrame,
    trial: int | None = None,
    pick: Pick | None = None,
    rate_nats: float | None = None,
) -> dict[str, Any]:
    """The settings of the chosen trial, of `trial`, or of the trial that `pick` means.

    By dotted name; one whose condition did not hold is left out. `rate_nats` is the budget where
    the study had none.
    """
    if pick is not None:
        budget_nats = best.rate_budget_nats if rate_nats is None else rate_nats
        trial = picks.by(pick, trials, best.mode, budget_nats)
    if trial is None:
        return best.settings
    if trial not in set(trials["trial"]):
        known = ", ".join(str(number) for number in trials["trial"])
        raise StudyError(f"Study {best.study} has no trial {trial}. It has {known}.")
    row = _row(trials, trial)
    if row["state"] != "complete":
        why = f": {row['error']}" if row["error"] else "."
        raise StudyError(f"Trial {trial} of study {best.study} {_ENDS[row['state']]}{why}")
    return _settings(row)


_ENDS = {"failed": "failed", "pruned": "was pruned before its end"}


def changes(best: Best, chosen: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """What params.yaml needs so that it trains as the trial did; `present` is what it holds now.

    A setting that the trial did not choose is that of the study's beginning.
    """
    wanted = best.default | dict(chosen)
    return {
        name: value
        for name, value in wanted.items()
        if name not in present or present[name] != value
    }


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


def edited(text: str, values: Mapping[str, Any]) -> str:
    """A params.yaml with other values of some settings and every other character as it was.

    A list is written on one line. Raises SettingsError where a setting has no line, or where the
    text cannot be edited without losing something.
    """
    edits = [edit for name, value in values.items() for edit in _edits(text, name, value)]
    new = text
    for edit in sorted(edits, reverse=True):
        new = _spliced(new, edit)
    if any(_loses_a_comment(text, edit) for edit in edits) or not _reads_as(new, text, values):
        wanted = ", ".join(f"{name}: {_flow(value)}" for name, value in values.items())
        raise SettingsError(
            f"{config.PARAMS} is written in a way that cannot be edited in place (an anchor, or a "
            f"comment inside a list?). Set {wanted} there."
        )
    return new


def difference(before: str, after: str, path: Path = config.PARAMS) -> str:
    """The changed lines as a unified diff without context; empty where nothing changes."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"{path} before", f"{path} after", "", "", 0, ""
    )
    return "\n".join(lines)


class _Edit(NamedTuple):
    """`text[start:end]` becomes `new`."""

    start: int
    end: int
    new: str


def _row(trials: pd.DataFrame, trial: int) -> "pd.Series[Any]":
    return trials[trials["trial"] == trial].astype(object).iloc[0]


def _settings(row: "pd.Series[Any]") -> dict[str, Any]:
    """Of the columns that are named as settings are."""
    return {
        str(name): cells.value(cell)
        for name, cell in row.items()
        if "." in str(name) and not pd.isna(cell)
    }


def _edits(text: str, setting: str, value: Any) -> Iterator[_Edit]:
    """By which that setting gets that value."""
    key, node = _found(text, setting)
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        colon = text.index(":", key.end_mark.index) + 1
        yield _Edit(colon, colon, f" {_flow(value)}")
        yield _Edit(
            text.rindex("\n", 0, node.start_mark.index) + 1,
            text.find("\n", _last(node)) + 1 or len(text),
            "",
        )
    else:
        start, end = node.start_mark.index, node.end_mark.index
        space = " " if text[start - 1] == ":" else ""  # where nothing stood
        yield _Edit(start, end, space + _flow(value))


def _found(text: str, setting: str) -> tuple[yaml.Node, yaml.Node]:
    """The key and the value of a setting."""
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    key = node
    for name in setting.split("."):
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        pair = next(((key, value) for key, value in pairs if key.value == name), None)
        if pair is None:
            raise SettingsError(f"{config.PARAMS} has no line for {setting}. Add it.")
        key, node = pair
    return key, node


def _last(node: Any) -> int:
    """Where the text of a node ends: its own mark may be behind the comments that follow."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        last = node.value[-1]
        return _last(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _spliced(text: str, edit: _Edit) -> str:
    """A comment behind the value stays in its column where there is room."""
    start, end, new = edit
    rest = text[end:]
    gap = len(rest) - len(rest.lstrip(" "))
    if new and rest[gap:].startswith("#"):
        rest = " " * max(1, gap + (end - start) - len(new)) + rest[gap:]
    return text[:start] + new + rest


def _loses_a_comment(text: str, edit: _Edit) -> bool:
    removed = text[edit.start : edit.end]
    return "\n" in removed and "#" in removed


def _reads_as(new: str, old: str, values: Mapping[str, Any]) -> bool:
    """Whether `new` is the YAML of `old` but for `values`."""
    expected = yaml.safe_load(old)
    for setting, value in values.items():
        expected = _with(expected, setting.split("."), value)
    try:
        return bool(yaml.safe_load(new) == expected)
    except yaml.YAMLError:
        return False


def _with(values: Any, path: Sequence[str], value: Any) -> Any:
    """A copy: what an alias shares is changed in one place alone."""
    if not path:
        return value
    return {**values, path[0]: _with(values[path[0]], path[1:], value)}


def _flow(value: Any) -> str:
    """On one line, as it may stand inside a list too; 1e-05 without a point would be text."""
    listed = yaml.safe_dump(
        [value], default_flow_style=True, width=math.inf, allow_unicode=True, sort_keys=False
    )
    return listed.strip()[1:-1]

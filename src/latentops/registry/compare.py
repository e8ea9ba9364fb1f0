"""What a version says of itself, by subject, and where two versions differ."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, get_args

from latentops import artifacts, config
from latentops.registry import fetch
from latentops.registry.versions import Version

Subject = Literal["settings", "scores", "data", "code", "weights", "training"]

# Subject of each tag; numbers among the others are scores.
_TAGS: Mapping[str, tuple[str, ...]] = {
    "data": ("source", "synthetic", "licence", "data_md5", "test_md5"),
    "code": (
        "code_sha256",
        "git_commit",
        "git_dirty",
        "dvc_lock_sha256",
        "dvc_experiment",
        "sealed_commit",
        "sealed_dvc_lock_sha256",
    ),
    "weights": ("weights_sha256", "head_sha256", "files_sha256", "model_md5"),
    "training": (
        "lineage_key",
        "settings_sha256",
        "run_id",
        "restored_from_run",
        "cpu",
        "torch",
        "study",
        "trial",
    ),
}
_SUBJECTS = {tag: subject for subject, tags in _TAGS.items() for tag in tags}
_LATER = ("verdict", "reproduced")  # what was said of the version once it was there


@dataclass(frozen=True)
class Row:
    """One fact of two versions; None where a version does not say it."""

    subject: Subject
    name: str
    first: Any
    second: Any

    @property
    def differs(self) -> bool:
        return bool(self.first != self.second)

    @property
    def change(self) -> float | None:
        """From the first to the second, where both are numbers."""
        if isinstance(self.first, int | float) and isinstance(self.second, int | float):
            return self.second - self.first
        return None


def rows(first: Version, second: Version) -> list[Row]:
    """Every fact of either, settings first. Raises IntegrityError where stored files changed."""
    left, right = _facts(first), _facts(second)
    return [
        Row(subject, name, left[subject].get(name), right[subject].get(name))
        for subject in get_args(Subject)
        for name in {**left[subject], **right[subject]}
    ]


def by_subject(tags: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The tags in groups: JSON is read, numbers of no other subject are the scores."""
    groups: dict[str, dict[str, Any]] = {"scores": {}, **{subject: {} for subject in _TAGS}}
    for name, text in sorted(tags.items()):
        number = _number(text)
        if name in _SUBJECTS:
            groups[_SUBJECTS[name]][name] = read(text)
        elif name not in _LATER:
            group = "other" if number is None else "scores"
            groups.setdefault(group, {})[name] = text if number is None else number
    return groups


def settings(version: Version) -> dict[str, Any]:
    """By which it was trained, by their dotted names, from the settings stored with it."""
    stored = fetch.folder(version) / artifacts.MODEL_SETTINGS.name
    return config.flat(artifacts.read_json(stored))


def _facts(version: Version) -> dict[str, dict[str, Any]]:
    groups = {subject: config.flat(told) for subject, told in by_subject(version.tags).items()}
    return {**groups, "settings": settings(version)}


def _number(text: str) -> float | int | None:
    """NaN and infinity are numbers too: a score may have become one."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return None


def read(text: str) -> Any:
    """A tag that lists files is JSON, any other is text."""
    with suppress(ValueError):
        return json.loads(text) if text.startswith("{") else text
    return text

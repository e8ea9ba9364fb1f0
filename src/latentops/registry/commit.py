"""What a git commit makes: the proof reads dvc.lock and the files at it, and believes no run.

Everything but `read` is pure. A difference is a sentence; where there is none, it is proved.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from latentops import config, provenance
from latentops.registry.lineage import MADE_BY

SHORT = 12  # digits of a digest that a person is shown


class _Missing:
    def __repr__(self) -> str:
        return "missing"


_MISSING = _Missing()


@dataclass(frozen=True)
class Snapshot:
    """The project's pipeline at a commit."""

    lock_sha256: str
    lock: Mapping[str, Any]  # of dvc.lock: the stages that make a model
    pipeline: Mapping[str, Any]  # of dvc.yaml: the same stages
    params: Mapping[str, Any]  # the settings in each file that these stages read
    md5: Mapping[Path, tuple[str, ...]]  # of each dep in git: as it is kept, and with \r\n


def read(folder: Path, commit: str) -> Snapshot | None:
    """Of the project in `folder`; None where no dvc.lock was committed. Raises GitError."""
    described = provenance.files_at(folder, commit, (provenance.LOCK, provenance.PIPELINE))
    if provenance.LOCK not in described:
        return None
    lock, pipeline = (
        _made_by(_parsed(described.get(name, b"")))
        for name in (provenance.LOCK, provenance.PIPELINE)
    )
    settings = [Path(name) for stage in lock.values() for name in stage.get("params", {})]
    deps = [path for stage in lock.values() for path, _ in _digests(stage, "deps")]
    found = provenance.files_at(folder, commit, {*settings, *deps})
    return Snapshot(
        lock_sha256=hashlib.sha256(described[provenance.LOCK]).hexdigest(),
        lock=lock,
        pipeline=pipeline,
        params={str(name): _parsed(found.get(name, b"")) for name in settings},
        md5={name: _possible_md5(found[name]) for name in deps if name in found},
    )


def differences(at: Snapshot, tags: Mapping[str, str]) -> list[str]:
    """Why that commit does not make the version with these tags; empty where it does."""
    model = (recorded_differences(at, tags, name) for name in ("model_md5", "data_md5"))
    return [
        *(difference for found in model for difference in found),
        *code_differences(at, tags),
        *settings_differences(at),
    ]


def recorded_differences(at: Snapshot, tags: Mapping[str, str], name: str) -> list[str]:
    """Files of the version that are not the ones in dvc.lock; `name` is a tag, JSON of md5."""
    if not (expected := expected_md5(tags, name)):
        return [f"the version does not say by which md5 DVC knows its files (tag {name})"]
    return [
        f"{path} has md5 {md5[:SHORT]} in the version and {_listed(recorded)} in dvc.lock"
        for path, md5 in expected.items()
        if (recorded := recorded_md5(at, path)) != {md5}
    ]


def expected_md5(tags: Mapping[str, str], name: str) -> dict[Path, str]:
    """Of each file that the tag lists; empty where it lists none."""
    try:
        return {Path(path): str(md5) for path, md5 in json.loads(tags[name]).items()}
    except (KeyError, ValueError, AttributeError):
        return {}


def recorded_md5(at: Snapshot, path: Path) -> set[str]:
    """By which dvc.lock knows that file, as an output or a dep: one where it is of one run."""
    every = (*_each(at, "deps"), *_each(at, "outs"))
    return {md5 for name, md5 in every if name == path}


def code_differences(at: Snapshot, tags: Mapping[str, str]) -> list[str]:
    """Files in git that are not those that the stages ran with."""
    deps = dict(_each(at, "deps"))
    found = [
        f"{path} has md5 {at.md5[path][0][:SHORT]} in git and {md5[:SHORT]} in dvc.lock"
        for path, md5 in deps.items()
        if path in at.md5 and md5 not in at.md5[path]
    ]
    code = {path: md5 for path, md5 in deps.items() if path.suffix == ".py"}
    found += [f"{path} is not in git" for path in code if path not in at.md5]
    if provenance.files_sha256(code) != tags.get("code_sha256"):
        found.append("the code of stages " + ", ".join(MADE_BY) + " is not the version's")
    return found


def settings_differences(at: Snapshot) -> list[str]:
    """Settings and commands of the stages that are others in git than when they ran."""
    found = []
    for name, stage in at.lock.items():
        for file, settings in stage.get("params", {}).items():
            for section, value in settings.items():
                found += list(_changed(file, section, value, _at(at.params[file], section)))
        if stage.get("cmd") != at.pipeline.get(name, {}).get("cmd"):
            found.append(f"the command of stage {name} is another in dvc.yaml than in dvc.lock")
    return found


def _changed(file: str, section: str, recorded: Any, present: Any) -> Iterator[str]:
    then, now = config.flat({section: recorded}), config.flat({section: present})
    for name in sorted({*then, *now}):
        was, found = then.get(name, _MISSING), now.get(name, _MISSING)
        if was != found:
            yield f"{name} is {found!r} in {file} and was {was!r} when the stage ran"


def _at(settings: Any, name: str) -> Any:
    """The value under a dotted name."""
    for part in name.split("."):
        settings = settings.get(part, _MISSING) if isinstance(settings, Mapping) else _MISSING
    return settings


def _each(at: Snapshot, kind: str) -> Iterator[tuple[Path, str]]:
    for stage in at.lock.values():
        yield from _digests(stage, kind)


def _digests(stage: Mapping[str, Any], kind: str) -> Iterator[tuple[Path, str]]:
    for entry in stage.get(kind, ()):
        yield Path(entry["path"]), str(entry.get("md5", ""))


def _possible_md5(blob: bytes) -> tuple[str, ...]:
    """Git may keep other ends of lines than it writes to a working copy on Windows."""
    windows = blob.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return tuple(hashlib.md5(form).hexdigest() for form in (blob, windows))


def _made_by(parsed: Any) -> dict[str, Any]:
    stages = parsed.get("stages") if isinstance(parsed, Mapping) else None
    stages = stages if isinstance(stages, Mapping) else {}
    return {name: stages[name] for name in MADE_BY if isinstance(stages.get(name), Mapping)}


def _parsed(text: bytes) -> Any:
    """As DVC reads it, in YAML 1.2: PyYAML takes 1e-3 for a string and yes for true."""
    try:
        return YAML(typ="safe").load(text)
    except (YAMLError, ValueError):
        return None


def _listed(digests: Iterable[str]) -> str:
    return " or ".join(sorted(digest[:SHORT] for digest in digests)) or "none"

"""The registry as git tags that GTO reads, so that a CI which waits for such tags sees promotions.

NAME@v3.0.0 stands at the commit of version 3, NAME#champion#7 at that of the version which event 7
of the log made champion, NAME#champion!#7 at that of the one before: of all versions in a stage GTO
shows the one with the highest number. Tags are dated in the order of the log, for GTO goes by their
dates (https://dvc.org/doc/gto). They are made here, and it is you who pushes them.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from latentops import provenance
from latentops.errors import StoreError
from latentops.registry import audit
from latentops.registry.audit import CHAMPION
from latentops.registry.events import Event
from latentops.store import project_root

_log = logging.getLogger(__name__)
_NAME = "[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?"  # what GTO takes of what a model may be called


@dataclass(frozen=True)
class _Tag:
    name: str
    commit: str
    message: str
    second: int  # since 1970, UTC


def sync(name: str) -> list[str]:
    """Make the tags that are missing, and give their names. What is there is never moved.

    StoreError where GTO could not read such a name, or where a version's tag is at another commit
    than the one that seals it; GitError where git cannot make a tag.
    """
    _check(name)
    folder = project_root()
    found = provenance.tags(folder)
    chain = audit.read(name)
    audit.require_sound(name, chain)
    events, numbers = chain.events, {event.version for event in chain.events}
    commits = {number: commit for number in numbers if (commit := chain.sealed(number))}
    wanted = list(_wanted(commits, events))
    new = [tag for tag in wanted if tag.name not in found]
    for tag in new:
        provenance.tag(folder, tag.name, tag.commit, tag.message, at=f"{tag.second} +0000")
    _require_in_place([tag for tag in wanted if "#" not in tag.name], found)
    if events and (champion := events[-1].champion_after) and champion not in commits:
        _log.warning("No git tag says that version %s is champion: it is not sealed.", champion)
    return [tag.name for tag in new]


def _check(name: str) -> None:
    if not re.fullmatch(_NAME, name):
        raise StoreError(
            f"Git tags cannot be named after {name!r}: GTO reads letters, digits, - and _ that "
            "begin and end with a letter or digit. Choose such a registry.name, or set "
            "registry.git_tags to false. Nothing was tagged."
        )


def _wanted(commits: Mapping[int, str], events: Sequence[Event]) -> Iterator[_Tag]:
    tagged = set()
    for event, second in zip(events, _seconds(events), strict=True):
        number = event.version
        if number in commits and number not in tagged:
            tagged.add(number)
            name = f"{event.model}@v{number}.0.0"
            yield _Tag(name, commits[number], f"version {number}", second)
        if event.moves_champion:
            yield from _moved(event, commits, second)


def _moved(event: Event, commits: Mapping[int, str], second: int) -> Iterator[_Tag]:
    said = f"{event.kind} by {event.by}: {event.reason}"
    stage = f"{event.model}#{CHAMPION}"
    if before := commits.get(event.champion_before or 0):
        yield _Tag(f"{stage}!#{event.number}", before, said, second)
    if after := commits.get(event.champion_after or 0):
        yield _Tag(f"{stage}#{event.number}", after, said, second + 1)


def _seconds(events: Sequence[Event]) -> Iterator[int]:
    """Of each event, as the log orders them: two apart at least, whatever the clocks said."""
    last = 0
    for event in events:
        last = max(last + 2, int(datetime.fromisoformat(event.at).astimezone(UTC).timestamp()))
        yield last


def _require_in_place(tags: Sequence[_Tag], found: dict[str, str]) -> None:
    for tag in tags:
        if found.get(tag.name, tag.commit) != tag.commit:
            raise StoreError(
                f"The git tag {tag.name} is at commit {found[tag.name][:12]}, and the version is "
                f"sealed with {tag.commit[:12]}. Remove it, `git tag --delete {tag.name}`: the "
                "next promotion, rollback or seal makes it anew."
            )

"""What happened to a registered model, as a chain in which each event holds the digest of the last.

Pure: where the events are kept is `audit`'s affair.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pydantic

from latentops.artifacts import Schema

Kind = Literal[
    "registered",
    "rescored",
    "sealed",
    "promoted",
    "refused",
    "rolled_back",
    "reproduced",
    "healed",
]
START = "0" * 64  # what the first event holds in place of a digest
LONGEST_REASON = 1_000


class Event(Schema):
    """One thing that was done, or refused, to a version."""

    number: int  # from 1
    model: str
    kind: Kind
    version: int
    champion_before: int | None
    champion_after: int | None
    at: str  # ISO 8601, UTC
    by: str
    reason: str = pydantic.Field("", max_length=LONGEST_REASON)
    forced: bool = False
    facts: dict[str, str] = pydantic.Field(default_factory=dict)
    gates: tuple[dict[str, Any], ...] = ()  # of a promotion: rule.Gate
    previous_sha256: str

    @property
    def text(self) -> str:
        """The one way of writing it, whose digest is `sha256`."""
        plain = self.model_dump(mode="json")
        return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @property
    def sha256(self) -> str:
        return digest(self.text)

    @property
    def moves_champion(self) -> bool:
        return self.champion_before != self.champion_after


@dataclass(frozen=True)
class Record:
    """An event as it is kept: not yet believed."""

    text: str
    number: int | None  # as the record says beside the text; None where it says nothing
    deleted: bool = False
    finished: bool = True


@dataclass(frozen=True)
class Fault:
    """The place where a chain is not what was written."""

    number: int
    what: Literal["altered", "deleted", "inserted"]

    def __str__(self) -> str:
        return f"event {self.number} was {self.what}"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def parse(text: str) -> Event | None:
    """None for what is no event."""
    try:
        return Event.model_validate_json(text)
    except pydantic.ValidationError:
        return None


def champions(events: Iterable[Event]) -> tuple[int, ...]:
    """The champion, last, and those before it to which a rollback would lead.

    Going back to one that a rollback had left counts as going on to it.
    """
    stack: list[int] = []
    for event in events:
        after = event.champion_after
        if after is None or (stack and stack[-1] == after):
            continue
        if event.kind == "rolled_back" and after in stack:
            del stack[stack.index(after) + 1 :]
        else:
            stack.append(after)
    return tuple(stack)


def fault(
    claims: Mapping[int, str], records: Sequence[Record], head: tuple[int, str] | None
) -> Fault | None:
    """The first place where the chain was altered, deleted or inserted.

    `claims` are the digests of the events by number, `head` a number and its digest that were noted
    elsewhere. A record that was never claimed and never finished is what a kill left: no event. One
    that says word for word what another does is of a request that was sent twice, and says nothing.
    """
    found = [*_chain_faults(claims, records), *_inserted(claims, records), *_cut(claims, head)]
    return min(found, key=lambda one: one.number, default=None)


def _chain_faults(claims: Mapping[int, str], records: Sequence[Record]) -> Iterable[Fault]:
    whole_last = sorted(records, key=lambda record: not record.deleted)
    by_digest = {digest(record.text): record for record in whole_last}
    numbered = {record.number for record in records if record.finished}
    for number in range(1, max(claims, default=0) + 1):
        claimed = claims.get(number)
        record = by_digest.get(claimed) if claimed else None
        if claimed is None or (record is None and number not in numbered):
            yield Fault(number, "deleted")
            return  # what comes after it may be without end
        if record is None or not _follows(parse(record.text), number, claims):
            yield Fault(number, "altered")
        elif record.deleted:
            yield Fault(number, "deleted")


def _follows(event: Event | None, number: int, claims: Mapping[int, str]) -> bool:
    if event is None or event.number != number:
        return False
    return event.previous_sha256 == (claims.get(number - 1) if number > 1 else START)


def _inserted(claims: Mapping[int, str], records: Sequence[Record]) -> Iterable[Fault]:
    known = set(claims.values())
    for record in records:
        counts = record.finished and not record.deleted and digest(record.text) not in known
        if counts and not _stands_for_lost(record, claims, records):
            yield Fault(record.number or len(claims) + 1, "inserted")


def _stands_for_lost(record: Record, claims: Mapping[int, str], records: Sequence[Record]) -> bool:
    """Whether it is the altered form of an event that was claimed."""
    claimed = claims.get(record.number or 0)
    return claimed is not None and claimed not in {digest(one.text) for one in records}


def _cut(claims: Mapping[int, str], head: tuple[int, str] | None) -> Iterable[Fault]:
    if head is None:
        return
    number, sha256 = head
    if number not in claims:
        yield Fault(max(claims, default=0) + 1, "deleted")
    elif claims[number] != sha256:
        yield Fault(number, "altered")


def differs(events: Sequence[Event], exported: Sequence[Event]) -> Fault | None:
    """The first place where a chain is no longer what was exported once; it may have grown."""
    for kept, event in zip(exported, events, strict=False):
        if kept.sha256 != event.sha256:
            return Fault(kept.number, "altered")
    return Fault(len(events) + 1, "deleted") if len(events) < len(exported) else None

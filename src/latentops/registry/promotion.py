"""Move the champion, forwards by the rule and backwards by the log.

What is moved to is never changed, and the scoring, which takes long, holds no lock: whoever moves
the champion meanwhile makes this one be refused.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from latentops.errors import IntegrityError, RefusedError, StoreError
from latentops.registry import audit, fetch, rule
from latentops.registry.audit import Chain, Log
from latentops.registry.events import Event
from latentops.registry.reference import Reference, check_name
from latentops.registry.rule import Decision
from latentops.registry.settings import Settings
from latentops.registry.versions import CHALLENGER, Version, found
from latentops.store import Store, connect, one_line_errors

if TYPE_CHECKING:
    from latentops.registry.measure import Pair  # loads torch

Scorer = Callable[[Path, Path | None], "Pair"]
"""Of the folders of challenger and champion."""

Table = Callable[[Decision], str]
"""The verdict as it shall stand on the version."""

_LONGEST_TABLE = 5_000


@dataclass(frozen=True)
class Outcome:
    """What a promotion came to. Without an event, nothing was written."""

    version: Version
    champion: Version | None
    decision: Decision | None = None  # None: it was the champion already
    notes: tuple[str, ...] = ()  # what a reader of the scores must know
    event: Event | None = None
    forced: bool = False  # against the decision

    @property
    def promoted(self) -> bool:
        return self.decision is None or self.decision.promote or self.forced


def promote(
    name: str,
    policy: Settings,
    score: Scorer,
    table: Table,
    number: int | None = None,
    *,
    expect: int | None = None,
    force: bool = False,
    dry_run: bool = False,
    reason: str = "",
) -> Outcome:
    """Make that version, or the challenger, the champion, if the gates of `policy` let it.

    A refusal by a gate is an outcome. RefusedError: the champion is not `expect`, or was moved
    meanwhile. IntegrityError: stored files are not what was registered; force does not help.
    """
    store = connect()
    with one_line_errors(store.uri):
        log, chain = _opened(store, name, settle=not dry_run)
        version = found(store, Reference(name, number), CHALLENGER)
        champion = found(store, Reference(name, chain.champion)) if chain.champion else None
        _require_expected(log, version, expect, chain.champion, dry_run)
        if champion and version.number == champion.number:
            return Outcome(version, champion)
        pair = score(*_folders(log, chain, version, champion, dry_run))
        decision = _decision(chain, version, pair, policy)
        notes = (*pair.notes, *_other_rows(version, champion, pair))
        outcome = Outcome(version, champion, decision, notes, forced=force and not decision.promote)
        if dry_run:
            return outcome
        with store.lock:
            text = table(decision)[:_LONGEST_TABLE]
            store.client.set_model_version_tag(name, str(version.number), "verdict", text)
            return _written(log, outcome, reason)


def rollback(name: str, to: int | None = None, reason: str = "") -> Version:
    """Make the champion before the champion again, or `to`, which was champion once.

    IntegrityError where its stored files are not what was registered: nothing moves.
    """
    store = connect()
    with one_line_errors(store.uri), store.lock:
        log, chain = _opened(store, name, settle=True)
        number = _before(name, chain, to)
        if number == chain.champion:
            return found(store, Reference(name, number))
        version = found(store, Reference(name, number))
        _folder(log, chain, version)
        log.append("rolled_back", number, reason, champion=number, against=chain.champion)
        return found(store, Reference(name, number))


def _opened(store: Store, name: str, settle: bool) -> tuple[Log, Chain]:
    check_name(name)
    log = audit.require(store, name)
    if settle:
        with store.lock:
            chain = log.settle()
        log.require_alias(chain)
    else:
        chain = log.read()
    audit.require_sound(name, chain)
    return log, chain


def _require_expected(
    log: Log, version: Version, expect: int | None, champion: int | None, dry_run: bool
) -> None:
    if expect is None or expect == champion:
        return
    reason = f"version {expect} was expected to be champion, and {champion or 'none'} is"
    if not dry_run:
        log.append("refused", version.number, reason)
    raise RefusedError(
        f"{version} was not promoted: {reason}. Look at `latentops registry audit {log.name}` and "
        "decide again."
    )


def _folders(
    log: Log, chain: Chain, version: Version, champion: Version | None, dry_run: bool
) -> tuple[Path, Path | None]:
    write = None if dry_run else log
    mine = _folder(write, chain, version)
    return mine, _folder(write, chain, champion, version) if champion else None


def _folder(
    log: Log | None, chain: Chain, version: Version, refused: Version | None = None
) -> Path:
    """Of that version, whose files and tags are those that the log says; else `refused` is."""
    try:
        recorded = chain.registered(version.number)
        if recorded and recorded.facts["files_sha256"] != version.tags.get("files_sha256"):
            raise IntegrityError(
                f"The tag files_sha256 of {version} is not what event {recorded.number} of the log "
                "says: somebody changed it. Nothing was moved."
            )
        return fetch.folder(version)
    except IntegrityError as error:
        if log:
            log.append("refused", (refused or version).number, str(error))
        raise


def _decision(chain: Chain, version: Version, pair: "Pair", policy: Settings) -> Decision:
    commit = chain.sealed(version.number)
    sealed = commit is not None and commit == version.sealed_commit
    return rule.decide(pair.challenger, pair.champion, pair.differences, sealed, policy)


def _other_rows(version: Version, champion: Version | None, pair: "Pair") -> Iterator[str]:
    """A model that was registered with other test data may have learned from today's."""
    for one in filter(None, (version, champion)):
        if one.tags.get("test_md5") != pair.test_md5:
            yield (
                f"V{str(one)[1:]} was registered with other test data, or other terms: it may have "
                "learned from rows that it is scored on now."
            )


def _written(log: Log, outcome: Outcome, reason: str) -> Outcome:
    decision = outcome.decision
    assert decision is not None
    before = outcome.champion.number if outcome.champion else None
    why = "; ".join(filter(None, (reason, *decision.reasons)))
    number, gates = outcome.version.number, [gate.plain() for gate in decision.gates]
    if outcome.promoted:
        event = log.append(
            "promoted",
            number,
            why,
            champion=number,
            against=before,
            forced=outcome.forced,
            gates=gates,
        )
    else:
        event = log.append("refused", number, why, gates=gates)
    return replace(outcome, event=event)


def _before(name: str, chain: Chain, to: int | None) -> int:
    """The version that a rollback leads to."""
    if to is None:
        if len(chain.champions) < 2:
            raise StoreError(f"{name} has no champion before this one to go back to.")
        return chain.champions[-2]
    ever = sorted({event.champion_after for event in chain.events if event.champion_after})
    if to not in ever:
        listed = ", ".join(map(str, ever)) or "none"
        raise StoreError(
            f"Version {to} of {name} was never champion, so one cannot go back to it. Champions "
            f"were: {listed}. `latentops registry promote {name} {to}` takes it through the gates."
        )
    return to

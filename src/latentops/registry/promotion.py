"""Move the champion, forwards by the rule and backwards by the log.

What is moved to is never changed, and the scoring, which takes long, holds no lock: whoever moves
the champion meanwhile makes this one be refused.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from latentops.errors import IntegrityError, RefusedError, StoreError
from latentops.registry import audit, fetch, rule
from latentops.registry.audit import Chain, Log
from latentops.registry.events import LONGEST_REASON, Event
from latentops.registry.reference import Reference, check_name
from latentops.registry.rule import Decision
from latentops.registry.settings import Settings
from latentops.registry.versions import CHALLENGER, Version, found
from latentops.store import Store, connect, one_line_errors

if TYPE_CHECKING:
    from latentops.registry.measure import Pair  # loads torch

Scorer = Callable[[Path, Path | None], "Pair"]
"""Of the folders of challenger and champion."""

Table = Callable[["Outcome"], str]
"""The verdict as it shall stand on the version."""

_LONGEST_TABLE = 5_000


@dataclass(frozen=True)
class Outcome:
    """What a promotion came to. Without an event, nothing was written."""

    version: Version
    champion: Version | None
    decision: Decision | None = None  # None: it was the champion already
    notes: tuple[str, ...] = ()  # what a reader of the scores must know
    test_md5: str = ""  # of the rows that both were scored on
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
    meanwhile. IntegrityError: stored files are not what was registered; force helps only where
    they are those of the champion, which is then left out of the comparison.
    """
    store = connect()
    with one_line_errors(store.uri):
        log, chain = _opened(store, name, settle=not dry_run)
        version = found(store, Reference(name, number), CHALLENGER)
        champion = found(store, Reference(name, chain.champion)) if chain.champion else None
        written = None if dry_run else log
        with _refusals(written, version):
            _require_expected(version, expect, chain.champion)
        if champion and version.number == champion.number:
            return Outcome(version, champion)
        with _refusals(written, version):
            mine = fetch.folder(version)
            theirs, damage = _champions_folder(champion, force)
        outcome = _decided(chain, version, champion, score(mine, theirs), damage, policy, force)
        if dry_run:
            return outcome
        with store.lock, _refusals(log, version):
            done = _written(log, outcome, reason)
            text = table(done)[:_LONGEST_TABLE]
            store.client.set_model_version_tag(name, str(version.number), "verdict", text)
            return done


def rollback(name: str, to: int | None = None, reason: str = "") -> Version:
    """Make the champion before the champion again, or `to`, which was champion once.

    IntegrityError where its stored files are not what was registered: nothing moves.
    """
    store = connect()
    with one_line_errors(store.uri), store.lock:
        log, chain = _opened(store, name, settle=True)
        number = _before(name, chain, to)
        version = found(store, Reference(name, number))
        if number == chain.champion:
            return version
        with _refusals(log, version):
            fetch.folder(version)
            log.append("rolled_back", number, reason, champion=number, against=chain.champion)
        return found(store, Reference(name, number))


def _opened(store: Store, name: str, settle: bool) -> tuple[Log, Chain]:
    check_name(name)
    log = audit.require(store, name)
    if not settle:
        chain = log.read()
    else:
        with store.lock:
            chain = log.settle()
        chain = log.require_alias(chain)
    audit.require_sound(name, chain)
    return log, chain


@contextmanager
def _refusals(log: Log | None, version: Version) -> Iterator[None]:
    """What is refused on the way is in the log too; None where nothing shall be written."""
    try:
        yield
    except (RefusedError, IntegrityError) as error:
        if log and log.read().fault is None:
            log.append("refused", version.number, str(error))
        raise


def _require_expected(version: Version, expect: int | None, champion: int | None) -> None:
    if expect is not None and expect != champion:
        raise RefusedError(
            f"{version} was not promoted: version {expect} was expected to be champion, and "
            f"{champion or 'none'} is. Look at `latentops registry audit {version.name}` and "
            "decide again."
        )


def _champions_folder(champion: Version | None, force: bool) -> tuple[Path | None, tuple[str, ...]]:
    """And what is wrong with it, where force goes on without it."""
    if champion is None:
        return None, ()
    try:
        return fetch.folder(champion), ()
    except IntegrityError as error:
        if force:
            return None, (f"Scored without the champion. {error}",)
        raise IntegrityError(f"{error} To replace it unseen: --force.") from error


def _decided(
    chain: Chain,
    version: Version,
    champion: Version | None,
    pair: "Pair",
    damage: tuple[str, ...],
    policy: Settings,
    force: bool,
) -> Outcome:
    """Nothing is written yet."""
    sealed = chain.sealed(version.number) is not None
    decision = rule.decide(pair.challenger, pair.champion, pair.differences, sealed, policy)
    return Outcome(
        version,
        champion,
        decision,
        test_md5=pair.test_md5,
        notes=(*damage, *pair.notes, *_other_rows(version, champion, pair)),
        forced=force and (bool(damage) or not decision.promote),
    )


def _other_rows(version: Version, champion: Version | None, pair: "Pair") -> Iterator[str]:
    """A model that was registered with other test data may have learned from today's."""
    for one in filter(None, (version, champion)):
        if one.tags.get("test_md5") != pair.test_md5:
            yield (
                f"V{str(one)[1:]} was registered with other test data, or other terms: it may have "
                "learned from rows that it is scored on now."
            )


def _written(log: Log, outcome: Outcome, reason: str) -> Outcome:
    decision, number = outcome.decision, outcome.version.number
    assert decision is not None
    append = partial(
        log.append,
        version=number,
        reason="; ".join(filter(None, (reason, *decision.reasons))),
        facts=_facts(outcome),
        gates=[gate.plain() for gate in decision.gates],
    )
    if not outcome.promoted:
        return replace(outcome, event=append("refused"))
    before = outcome.champion.number if outcome.champion else None
    event = append("promoted", champion=number, against=before, forced=outcome.forced)
    return replace(outcome, event=event)


def _facts(outcome: Outcome) -> dict[str, str]:
    notes = {"notes": " ".join(outcome.notes)[:LONGEST_REASON]} if outcome.notes else {}
    return {"test_md5": outcome.test_md5, **notes}


def _before(name: str, chain: Chain, to: int | None) -> int:
    """The version that a rollback leads to."""
    ever = sorted({event.champion_after for event in chain.events if event.champion_after})
    listed = ", ".join(map(str, ever)) or "none"
    if to is None and len(chain.champions) < 2:
        others = f" Champions were: {listed}; --to VERSION leads to one." if len(ever) > 1 else ""
        raise StoreError(f"{name} has no champion before this one to go back to.{others}")
    if to is None:
        return chain.champions[-2]
    if to not in ever:
        way = f"`latentops registry promote {name} {to}` takes it through the gates."
        raise StoreError(
            f"Version {to} of {name} was never champion, so one cannot go back to it. Champions "
            f"were: {listed}. {way if to in chain.versions else 'There is no such version.'}"
        )
    return to

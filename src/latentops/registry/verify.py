"""Whether a registered model is what its log says, and what can be mended of what is not."""

import time
from collections.abc import Iterator

from latentops.errors import ArtifactError, IntegrityError, StoreError
from latentops.registry import audit, events, fetch, lineage, package
from latentops.registry.audit import Chain, Log
from latentops.registry.checks import Check
from latentops.registry.commit import SHORT
from latentops.registry.events import Event
from latentops.registry.reference import check_name
from latentops.registry.register import record
from latentops.registry.versions import Version, all_of
from latentops.store import Store, connect, one_line_errors

_PATIENCE_SECONDS = 1.0
_ADVICE = (
    "restore the store from a backup; without one, look at what is left with `latentops registry "
    "audit`, and begin another log with `latentops registry verify --heal --new-log`"
)


def verify(name: str, exported: list[Event] | None = None) -> list[Check]:
    """The log (against an export of it, too), the alias, and each version's files and tags."""
    check_name(name)
    store = connect()
    with one_line_errors(store.uri):
        if not store.client.search_registered_models(f"name='{name}'"):
            return [_unknown(name)]
        log = audit.find(store, name)
        if log is None:
            return [_without_log(name)]
        try:
            chain = _at_rest(log)
        except IntegrityError as error:
            return [Check("log", "failed", str(error))]
        return [*_of_log(log, chain, exported or []), *_of_versions(store, name, chain)]


def heal(name: str, new_log: bool = False) -> list[str]:
    """What was mended: an interrupted move, the alias, the log's gaps, files the project holds.

    A log that was altered stays as it is: IntegrityError. With `new_log` another is begun, which
    says so.
    """
    check_name(name)
    store = connect()
    with one_line_errors(store.uri), store.lock:
        if not store.client.search_registered_models(f"name='{name}'"):
            return []
        log, done = _begun(store, name, new_log)
        unfinished = log.read().unfinished
        chain = log.settle()
        audit.require_sound(name, chain)
        if unfinished:
            done.append(f"carried out what event {chain.events[-1].number} says")
        done += _recorded(store, log)
        done += _noted_as_gone(store, log)
        done += _aliased(store, log)
        return done + _restored(store, log)


def _begun(store: Store, name: str, new_log: bool) -> tuple[Log, list[str]]:
    """The log, or where that is asked for and it was altered another, which names it."""
    log = audit.begin(store, name)
    if not (new_log and (fault := audit.fault_of(log))):
        return log, []
    return audit.begin_anew(store, log, fault), [f"began another log, since {fault}"]


def _at_rest(log: Log) -> Chain:
    """The log; somebody who is writing to it now gets the time to end."""
    chain = log.read()
    if chain.unfinished:
        time.sleep(_PATIENCE_SECONDS)
        chain = log.read()
    return chain


def _unknown(name: str) -> Check:
    return Check(
        "model",
        "failed",
        f"this store has no model {name}",
        f"`latentops registry verify {name} --heal` registers it again from the project's files",
    )


def _without_log(name: str) -> Check:
    return Check(
        "log",
        "failed",
        "it was registered by other means and has none",
        f"`latentops registry verify {name} --heal` begins one",
    )


def _of_log(log: Log, chain: Chain, exported: list[Event]) -> Iterator[Check]:
    fault = chain.fault or events.differs(chain.events, exported)
    if fault:
        yield Check("log", "failed", str(fault), _ADVICE)
    elif chain.unfinished:
        last = f"event {chain.events[-1].number} was not carried out to its end"
        yield Check("log", "failed", last, "any command that writes, or --heal, does the rest")
    else:
        yield Check("log", "ok", f"{len(chain.events)} events, each in its place")
    try:
        log.require_alias(chain)
        yield Check("champion", "ok" if chain.champion else "absent", f"{chain.champion or 'none'}")
    except IntegrityError as error:
        yield Check("champion", "failed", str(error))


def _of_versions(store: Store, name: str, chain: Chain) -> Iterator[Check]:
    versions = {version.number: version for version in all_of(store, name)}
    for number in sorted(chain.versions - set(versions)):
        yield Check(
            f"version {number}",
            "failed",
            "it was registered and is gone",
            f"`latentops registry verify {name} --heal` notes that it was deleted",
        )
    for number in sorted(versions):
        yield _of_version(store, versions[number], chain)


def _of_version(store: Store, version: Version, chain: Chain) -> Check:
    title = f"version {version.number}"
    try:
        chain.require_recorded(version.number, version.tags)
        fetch.checked(version, fetch.stored(store, version))
        for file in fetch.card_digests(version):
            fetch.card(version, file)
        package.require_whole(store, version.source, version.tags[package.PACKAGE])
    except KeyError:
        return Check(title, "failed", "it was registered by other means")
    except (StoreError, OSError) as error:
        return Check(title, "failed", str(error))
    if version.sealed_commit not in (None, chain.sealed(version.number)):
        seal = f"`latentops registry seal {version.name} {version.number}` asks git"
        return Check(title, "failed", "the log knows no seal with the commit that it names", seal)
    weights = version.tags["weights_sha256"][:SHORT]
    return Check(title, "ok", f"{len(fetch.digests(version))} files, weights {weights}")


def _recorded(store: Store, log: Log) -> list[str]:
    """Versions that a kill kept from the log, or that were registered by other means."""
    chain, done = log.read(), []
    for version in reversed(all_of(store, log.name)):
        if chain.registered(version.number) is None:
            record(store, log, store.client.get_model_version(log.name, str(version.number)))
            done.append(f"wrote version {version.number} into the log")
    return done


def _aliased(store: Store, log: Log) -> list[str]:
    """The last champion that is left and whole; one by force where none is."""
    chain = log.read()
    try:
        log.require_alias(chain)
    except IntegrityError:
        whole = {one.number for one in all_of(store, log.name) if _whole(store, one)}
        former = [number for number in chain.champions if number in whole]
        if not whole:
            return []
        number = former[-1] if former else min(whole)
        reason = "the alias was moved by other means"
        log.append(
            "healed",
            number,
            reason if former else f"{reason}, and no former champion is left whole",
            champion=number,
            against=chain.champion,
            forced=not former,
        )
        return [f"put the alias champion back to version {number}"]
    return []


def _noted_as_gone(store: Store, log: Log) -> list[str]:
    """Versions that were deleted by other means."""
    there, chain, done = {version.number for version in all_of(store, log.name)}, log.read(), []
    for number in sorted(chain.versions - there):
        log.append("healed", number, "it was deleted by other means", facts={"gone": "true"})
        done.append(f"noted that version {number} was deleted")
    return done


def _restored(store: Store, log: Log) -> list[str]:
    """Damaged files of the version that the project still holds."""
    try:
        key = lineage.read().key
    except ArtifactError:
        return []
    done = []
    for version in all_of(store, log.name):
        if version.tags.get("lineage_key") == key and not _whole(store, version):
            package.restore(store, version.source)
            fetch.checked(version, fetch.stored(store, version))
            log.append("healed", version.number, "its files were put back from the project's")
            done.append(f"put the files of version {version.number} back")
    return done


def _whole(store: Store, version: Version) -> bool:
    try:
        fetch.checked(version, fetch.stored(store, version))
    except (StoreError, OSError):
        return False
    return True

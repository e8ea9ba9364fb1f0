"""The log of what happened to a registered model, kept in MLflow. The log is the truth: the alias
`champion` is a view of it that every command brings up to date.

Each event is a run of the experiment "registry of NAME". It counts from the moment in which its
digest is a param of the model's audit run: MLflow writes a param once and never again, so that of
two writers, wherever they are, one gets the next number and the other learns that it did not.
Then the alias moves, and at last the event's run ends. Killed before the param, nothing happened;
killed after it, the next command does the rest.
"""

import getpass
import os
import re
import socket
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import LifecycleStage, Run, ViewType
from mlflow.entities.model_registry import RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INVALID_PARAMETER_VALUE,
    RESOURCE_DOES_NOT_EXIST,
    ErrorCode,
)

from latentops.errors import IntegrityError, RefusedError, StoreError
from latentops.registry import events as chains
from latentops.registry.events import LONGEST_REASON, START, Event, Fault, Kind, Record
from latentops.registry.reference import check_name
from latentops.store import Store, connect, one_line_errors

CHAMPION = "champion"
_AUDIT_RUN = "audit_run_id"  # a tag of the registered model
_HEAD = "audit_head"  # a tag of the registered model: how many events there were, and the last
_OF = "audit_of"  # a tag of the audit run
_EVENT, _NUMBER = "event", "number"  # tags of an event's run
_PARENT, _RUN_NAME = "mlflow.parentRunId", "mlflow.runName"
_LONGEST_TAG = 8_000  # MLflow cuts what is longer without a word
_LONGEST_FACT = 64
_PAGE = 1_000
_TRIES = 50


@dataclass(frozen=True)
class Chain:
    """The log as it was read."""

    events: tuple[Event, ...]
    unfinished: tuple[tuple[str, Event], ...]  # with their runs: claimed and not carried out
    abandoned: tuple[str, ...]  # runs that were begun for a number that went to others
    fault: Fault | None

    @property
    def champion(self) -> int | None:
        return self.events[-1].champion_after if self.events else None

    @property
    def champions(self) -> tuple[int, ...]:
        """Those that a rollback goes back through; the champion is the last."""
        return chains.champions(self.events)

    @property
    def versions(self) -> set[int]:
        """All that were registered, but those that are noted as gone."""
        gone = {event.version for event in self.events if "gone" in event.facts}
        return {event.version for event in self.events if event.kind == "registered"} - gone

    def registered(self, number: int) -> Event | None:
        """The event by which that version got into the log."""
        return next((event for event in self._about(number) if event.kind == "registered"), None)

    def recorded(self, number: int) -> dict[str, str]:
        """What the version's tags were, as `told` tells them, when it was last scored."""
        told_of = [one for one in self._about(number) if one.kind in ("registered", "rescored")]
        return {name: value for event in told_of for name, value in event.facts.items()}

    def require_recorded(self, version: int, tags: Mapping[str, str]) -> None:
        """IntegrityError where the log does not know the version, or other tags of it."""
        if self.registered(version) is None:
            why = f" any more ({self.fault})" if self.fault else ""
            raise IntegrityError(
                f"Version {version} is not in the log{why}, so nobody knows what it was. "
                "`latentops registry verify --heal` writes it there as it is: look at it first."
            )
        for name, value in self.recorded(version).items():
            if told(tags.get(name, "")) != value:
                raise IntegrityError(
                    f"Tag {name} of version {version} is not what the log says: somebody changed "
                    "it. Do not use the version; `latentops registry show` has the tag."
                )

    def sealed(self, number: int) -> str | None:
        """The commit that was last shown to make that version."""
        seals = [event for event in self._about(number) if event.kind == "sealed"]
        return seals[-1].facts["commit"] if seals else None

    def _about(self, number: int) -> list[Event]:
        return [event for event in self.events if event.version == number]

    def next(self) -> dict[str, Any]:
        """What the place in the chain says of the event that comes there."""
        return {
            "number": len(self.events) + 1,
            "champion_before": self.champion,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "by": _who(),
            "previous_sha256": self.events[-1].sha256 if self.events else START,
        }


class Log:
    """The log of one model in an open store."""

    def __init__(self, store: Store, name: str, run_id: str) -> None:
        self.name = name
        self._client: MlflowClient = store.client
        self.run_id = run_id

    def read(self) -> Chain:
        """Never fails for what somebody did to the log: `fault` says it."""
        audit_run = self._audit_run()
        claims = {
            int(key): value for key, value in audit_run.data.params.items() if key.isdecimal()
        }
        runs = self._event_runs(audit_run.info.experiment_id)
        by_digest = {chains.digest(run.data.tags[_EVENT]): run for run in sorted(runs, key=_done)}
        kept = [
            by_digest[claims[number]] for number in sorted(claims) if claims[number] in by_digest
        ]
        parsed = [(run, chains.parse(run.data.tags[_EVENT])) for run in kept]
        head = _head(self._client.get_registered_model(self.name))
        return Chain(
            events=tuple(event for _, event in parsed if event),
            unfinished=tuple(
                (run.info.run_id, event) for run, event in parsed if event and _open(run)
            ),
            abandoned=tuple(
                run.info.run_id for run in runs if run not in kept and _lost(run, claims)
            ),
            fault=chains.fault(claims, [_record(run) for run in runs], head),
        )

    def append(
        self,
        kind: Kind,
        version: int,
        reason: str = "",
        *,
        champion: int | None = None,
        against: int | None = None,
        forced: bool = False,
        facts: Mapping[str, str] | None = None,
        gates: Sequence[dict[str, Any]] = (),
    ) -> Event:
        """Write an event and carry it out; `champion` is the new one, if it moves.

        RefusedError if it moves and the champion is not `against` any more. A version is registered
        once: where another machine did it meanwhile, that event is given.
        """
        for _ in range(_TRIES):
            chain = self.read()
            require_sound(self.name, chain)
            if kind == "registered" and (known := chain.registered(version)):
                return known
            if champion is not None and chain.champion != against:
                raise RefusedError(
                    f"The champion of {self.name} was {_named(against)} when this was decided and "
                    f"is {_named(chain.champion)} now: somebody else moved it. Nothing was changed."
                )
            event = Event(
                model=self.name,
                kind=kind,
                version=version,
                champion_after=chain.champion if champion is None else champion,
                reason=_line(reason),
                forced=forced,
                facts=dict(facts or {}),
                gates=tuple(gates),
                **chain.next(),
            )
            run_id = self._begin(event)
            if self._claim(event):
                self._carry_out(event, run_id)
                return event
            self._client.set_terminated(run_id, "KILLED")
        raise StoreError(f"{_TRIES} times others wrote to the log of {self.name} first. Try again.")

    def settle(self) -> Chain:
        """Do the rest of what a kill interrupted, and give the log."""
        chain = self.read()
        for run_id in chain.abandoned:
            self._client.set_terminated(run_id, "KILLED")
        if chain.unfinished and chain.fault is None:
            for run_id, event in chain.unfinished:
                self._carry_out(event, run_id)
            return self.read()
        return chain

    def require_alias(self, chain: Chain) -> Chain:
        """The log as it is now. IntegrityError where somebody moved the alias past it."""
        while (alias := self.aliased()) != chain.champion and not chain.unfinished:
            known, chain = chain, self.read()
            if len(chain.events) > len(known.events) or chain.unfinished:
                continue  # somebody promotes at this moment
            raise IntegrityError(
                f"The log of {self.name} says that {_named(chain.champion)} is champion, the alias "
                f"that {_named(alias)} is: it was moved by other means. `latentops registry verify "
                f"{self.name} --heal` puts it back."
            )
        return chain

    def lineage_claim(self, key: str, model_id: str) -> str:
        """The first logged model that anybody named for that lineage: once for each of them."""
        param = f"lineage_{key}"
        try:
            self._client.log_param(self.run_id, param, model_id)
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(INVALID_PARAMETER_VALUE):
                raise
        return str(self._client.get_run(self.run_id).data.params[param])

    def _audit_run(self) -> Run:
        try:
            found = self._client.get_run(self.run_id)
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                raise
            raise IntegrityError(
                f"The log of {self.name} is gone: its run {self.run_id} was deleted for good. Its "
                "versions are not touched; restore the store from a backup."
            ) from error
        if found.info.lifecycle_stage != LifecycleStage.ACTIVE:
            raise IntegrityError(
                f"The log of {self.name} was deleted. `mlflow runs restore --run-id "
                f"{self.run_id}` brings it back."
            )
        return found

    def _event_runs(self, experiment_id: str) -> list[Run]:
        """Deleted ones too, oldest first."""
        runs: list[Run] = []
        token: str | None = None
        while True:
            page = self._client.search_runs(
                [experiment_id],
                f"tags.`{_PARENT}` = '{self.run_id}'",
                ViewType.ALL,
                _PAGE,
                ["attributes.start_time ASC"],
                token,
            )
            runs += page
            token = page.token
            if not token:
                return [run for run in runs if _EVENT in run.data.tags]

    def _begin(self, event: Event) -> str:
        if len(event.text) > _LONGEST_TAG:
            raise StoreError(
                f"An event of the log has at most {_LONGEST_TAG} characters, this one "
                f"{len(event.text)}. Name fewer gates in params.yaml."
            )
        experiment_id = self._audit_run().info.experiment_id
        tags = {
            _PARENT: self.run_id,
            _RUN_NAME: f"{event.number} {event.kind} {event.version}",
            _NUMBER: str(event.number),
            _EVENT: event.text,
        }
        return str(self._client.create_run(experiment_id, tags=tags).info.run_id)

    def _claim(self, event: Event) -> bool:
        """Whether the number is this event's now."""
        try:
            self._client.log_param(self.run_id, f"{event.number:06}", event.sha256)
        except MlflowException as error:
            if error.error_code == ErrorCode.Name(INVALID_PARAMETER_VALUE):
                return False
            raise
        return True

    def _carry_out(self, event: Event, run_id: str) -> None:
        """Last the run's end, which says that all is done."""
        self._client.set_registered_model_tag(self.name, _HEAD, f"{event.number} {event.sha256}")
        if event.moves_champion or (event.kind == "healed" and "gone" not in event.facts):
            self.point()
        self._client.set_terminated(run_id)

    def point(self) -> None:
        """Let the alias say what the log does; a writer elsewhere may be quicker."""
        while (champion := self.read().champion) not in (None, self.aliased()):
            self._client.set_registered_model_alias(self.name, CHAMPION, str(champion))

    def aliased(self) -> int | None:
        found = self._client.get_registered_model(self.name).aliases.get(CHAMPION)
        return None if found is None else int(found)


def events(name: str) -> list[Event]:
    """All that happened to that model, oldest first. IntegrityError where it was touched."""
    chain = read(name)
    require_sound(name, chain)
    return list(chain.events)


def read(name: str) -> Chain:
    check_name(name)
    store = connect()
    with one_line_errors(store.uri):
        return require(store, name).read()


def find(store: Store, name: str) -> Log | None:
    """The log of a registered model; None where it was registered by other means."""
    run_id = store.client.get_registered_model(name).tags.get(_AUDIT_RUN)
    return Log(store, name, run_id) if run_id else None


def require(store: Store, name: str) -> Log:
    if (log := find(store, name)) is None:
        raise StoreError(
            f"{name} was registered by other means and has no log. `latentops registry verify "
            f"{name} --heal` begins one."
        )
    return log


def begin(store: Store, name: str) -> Log:
    """The log of that model; both are made where they are not there."""
    if found := store.client.search_registered_models(f"name='{name}'"):
        run_id = found[0].tags.get(_AUDIT_RUN)
    else:
        run_id = _created(store, name)
    if run_id is None:
        run_id = _audit_run(store, name)
        store.client.set_registered_model_tag(name, _AUDIT_RUN, run_id)
    return Log(store, name, run_id)


def fault_of(log: Log) -> str:
    """What is wrong with it; empty where nothing is."""
    try:
        fault = log.read().fault
    except IntegrityError as error:  # it cannot even be read
        return str(error)
    return str(fault) if fault else ""


def begin_anew(store: Store, log: Log, fault: str) -> Log:
    """Another log of that model. The champion stays, and the first event says what was before."""
    run_id = _audit_run(store, log.name)
    champion = log.aliased()
    store.client.set_registered_model_tag(log.name, _AUDIT_RUN, run_id)
    store.client.delete_registered_model_tag(log.name, _HEAD)
    anew = Log(store, log.name, run_id)
    before = f"the log before, run {log.run_id}, is left behind: {fault}"
    anew.append("healed", champion or 0, before, champion=champion, forced=True)
    return anew


def _created(store: Store, name: str) -> str | None:
    """The registered model is made with its audit run, and by one of two writers."""
    run_id = _audit_run(store, name)
    try:
        store.client.create_registered_model(name, tags={_AUDIT_RUN: run_id})
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return store.client.get_registered_model(name).tags.get(_AUDIT_RUN)  # type: ignore[no-any-return]
    return run_id


def _audit_run(store: Store, name: str) -> str:
    """A new one: a registered model that was deleted and made again is another."""
    experiment_id = store.experiment_id(f"registry of {name}")
    made = store.client.create_run(experiment_id, tags={_OF: name, _RUN_NAME: f"audit of {name}"})
    store.client.set_terminated(made.info.run_id)
    return str(made.info.run_id)


def require_sound(name: str, chain: Chain) -> None:
    """IntegrityError, naming the first event that is not as it was written."""
    if chain.fault:
        raise IntegrityError(
            f"The log of {name} is not as it was written: {chain.fault}. Nothing is added to it. "
            f"Restore the store from a backup; `latentops registry verify {name} --heal --new-log` "
            "leaves the log behind and begins another."
        )


def _head(model: RegisteredModel) -> tuple[int, str] | None:
    found = re.fullmatch(r"(\d+) ([0-9a-f]{64})", model.tags.get(_HEAD, ""))
    return (int(found[1]), found[2]) if found else None


def _record(run: Run) -> Record:
    number = run.data.tags.get(_NUMBER, "")
    return Record(
        text=run.data.tags[_EVENT],
        number=int(number) if number.isdecimal() else None,
        deleted=run.info.lifecycle_stage != LifecycleStage.ACTIVE,
        finished=run.info.status == "FINISHED",
    )


def _open(run: Run) -> bool:
    return bool(run.info.status == "RUNNING" and run.info.lifecycle_stage == LifecycleStage.ACTIVE)


def _lost(run: Run, claims: Mapping[int, str]) -> bool:
    """Whether its number went to another event, or to another run of the same."""
    return _open(run) and _record(run).number in claims


def _done(run: Run) -> bool:
    """Of two runs of one event, whose request was sent twice, the one that was carried out."""
    return bool(run.info.status == "FINISHED" and run.info.lifecycle_stage == LifecycleStage.ACTIVE)


def _line(reason: str) -> str:
    """What a person wrote, on one line, as UTF-8."""
    text = reason.encode(errors="replace").decode()
    return textwrap.shorten(text, LONGEST_REASON, placeholder=" ...")


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # in a container whose user has no name
        user = f"uid {os.getuid()}"
    here = f"{user}@{socket.gethostname()}"
    account = os.environ.get("MLFLOW_TRACKING_USERNAME")
    return f"{account} ({here})" if account else here


def told(value: str) -> str:
    """Of a tag, for the log: itself, or its digest where it is long."""
    return value if len(value) <= _LONGEST_FACT else f"sha256:{chains.digest(value)}"


def _named(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"

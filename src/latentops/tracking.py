"""Training runs in MLflow: an observer on which no output depends.

A store that cannot be opened stops before any work is done. Once a run is open, a store that fails
costs the record and not the training: what it did not take is offered again later, and what it
never took is named on stderr. The same numbers stand in plots/training.csv and metrics/.

While a process works on a run it holds a lock named after it, which the system frees if the process
is killed. Whoever opens a run or adds scores next ends such runs as KILLED; one may still go on.
"""

import json
import logging
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import filelock
import pydantic
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LifecycleStage,
    Metric,
    Param,
    RunTag,
)
from mlflow.entities import Run as MlflowRun
from mlflow.exceptions import MlflowException

from latentops import artifacts, config, provenance
from latentops.errors import StoreError
from latentops.store import ABSENT, Store, connect, one_line_errors

_log = logging.getLogger(__name__)

_PARENT = "mlflow.parentRunId"
_STUDY, _TRIAL = "study", "trial"
_ELBO = "valid_elbo_nats"
# MLflow's limits: runs that one search gives, entries of a batch, characters of a value.
_MOST_TRIALS = 50_000
_MOST_IN_A_BATCH = 1000
_LONGEST_PARAM, _LONGEST_TAG = 6000, 8000

Status = Literal["FINISHED", "FAILED", "KILLED"]
TrialState = Literal["complete", "pruned", "failed"]


class Run:
    """An open run, held by this process. `log` is the training loop's hook.

    Raises filelock.Timeout where another process holds it.
    """

    def __init__(self, store: Store, run_id: str, last_step: int) -> None:
        self.id = run_id
        self._store = store
        self._hold = filelock.FileLock(_holds(store, make=True) / run_id, blocking=False)
        self._hold.acquire()
        self._last_step = last_step  # of the run that is resumed: its epochs are not logged twice
        self._waiting: list[Metric] = []
        self._offer_at = 1  # waiting values; grows while the store refuses, for each try is slow

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """One epoch's numbers in one write."""
        if step <= self._last_step:
            return
        self._waiting += _metrics(values, step)
        if len(self._waiting) >= self._offer_at:
            self._offer()

    def end(self, status: Status) -> None:
        self._offer()
        with _observing(f"the end of run {self.id} ({status})"), one_line_errors(self._store.uri):
            self._store.client.set_terminated(self.id, status)
            Path(self._hold.lock_file).unlink(missing_ok=True)
        self._hold.release()

    def _offer(self) -> None:
        if not self._waiting:
            return
        self._offer_at = 2 * len(self._waiting)
        what = f"{len(self._waiting)} values up to step {self._waiting[-1].step}"
        with _observing(what), one_line_errors(self._store.uri):
            self._store.client.log_batch(self.id, metrics=self._waiting)
            self._waiting, self._offer_at = [], 1


class Study:
    """The run of an open study, and a run below it for each trial."""

    def __init__(self, store: Store, experiment_id: str, run: Run, recorded: set[str]) -> None:
        self.id = run.id
        self._store = store
        self._experiment_id = experiment_id
        self._recorded = recorded  # numbers of the trials that have a run
        self._begun: dict[int, str] = {}  # runs of trials that the store refused to finish

    def trial(
        self,
        number: int,
        state: TrialState,
        params: Mapping[str, Any],
        scores: Mapping[str, float | None],
        curve: Sequence[Mapping[str, float]] = (),
        error: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Record a trial in three writes, if it is not; one that failed is a failed run.

        A row of `curve` holds `epoch` and that epoch's numbers; of a long one some are left out.
        """
        if str(number) in self._recorded:
            return
        told = {"state": state, **({"error": error} if error else {}), **(tags or {})}
        with _observing(f"trial {number}"), one_line_errors(self._store.uri):
            run_id = self._begin(number, state, told)
            listed = [Param(key, value) for key, value in _texts(params).items()]
            metrics = _of_trial(scores, curve, _MOST_IN_A_BATCH - len(listed))
            self._store.client.log_batch(run_id, metrics, listed)
            status = "FAILED" if state == "failed" else "FINISHED"
            self._store.client.set_terminated(run_id, status)
            self._recorded.add(str(number))

    def _begin(self, number: int, state: TrialState, told: Mapping[str, str]) -> str:
        if number not in self._begun:
            name = f"trial {number}" if state == "complete" else f"trial {number} · {state}"
            own = {_PARENT: self.id, _TRIAL: str(number), "mlflow.runName": name}
            tags = {key: _cut(text, _LONGEST_TAG) for key, text in told.items()} | own
            made = self._store.client.create_run(self._experiment_id, tags=tags)
            self._begun[number] = made.info.run_id
        return self._begun[number]


@contextmanager
def study(
    name: str,
    experiment: str,
    params: Mapping[str, Any],
    inputs: Mapping[str, Path],
    tags: Mapping[str, str] | None = None,
) -> Iterator[Study]:
    """The run of the study of that name, found again by its tag; it ends as `run` does.

    `params` are what cannot change while the study keeps its name; `tags` may be others each time.

    Raises StoreError where the store cannot be opened.
    """
    store = connect()
    with one_line_errors(store.uri), store.lock:
        _end_dead_runs(store)
        experiment_id = store.experiment_id(experiment)
        opened = _found_study(store, experiment_id, name) or _started(store, experiment)
        recorded = _recorded_trials(store, experiment_id, opened.id)
    with _ending(opened):
        with one_line_errors(store.uri):
            own = {_STUDY: name, "mlflow.runName": f"study {name}"}
            _describe(store, opened.id, _texts(params), inputs, {**(tags or {}), **own})
        yield Study(store, experiment_id, opened, recorded)


@contextmanager
def run(
    experiment: str,
    settings: pydantic.BaseModel,
    inputs: Mapping[str, Path],
    tags: Mapping[str, str] | None = None,
    run_id: str | None = None,
) -> Iterator[Run]:
    """A run that ends FINISHED, FAILED by an exception or KILLED by Ctrl-C.

    `inputs` names data files by their use (train, valid); DVC's md5 becomes their digest. Run
    `run_id` goes on where the store has it with the same settings; otherwise a new one starts.

    Raises StoreError where the store cannot be opened.
    """
    params = _texts(settings.model_dump(mode="json"))
    store = connect()
    with one_line_errors(store.uri), store.lock:
        _end_dead_runs(store)
        opened = _resumed(store, run_id, params) or _started(store, experiment)
    with _ending(opened):
        with one_line_errors(store.uri):
            _describe(store, opened.id, params, inputs, dict(tags or {}))
        yield opened


def log_scores(run_id: str, scores: Mapping[str, float], files: Iterable[Path] = ()) -> None:
    """Add scores and pictures to a run, if the store has it. Doing it again changes nothing."""
    with _observing(f"the scores of run {run_id}"):
        store = connect()
        with one_line_errors(store.uri):
            with store.lock:
                _end_dead_runs(store)
            known = store.client.get_run(run_id).data.metrics
            new = {key: value for key, value in scores.items() if known.get(key) != value}
            store.client.log_batch(run_id, metrics=_metrics(new, step=0))
            for path in files:
                store.client.log_artifact(run_id, str(path), path.parent.as_posix())


def log_study_scores(name: str, experiment: str, scores: Mapping[str, float]) -> None:
    """The same for the run of the study of that name."""
    with _observing(f"the scores of study {name}"):
        store = connect()
        with one_line_errors(store.uri):
            for found in _study_runs(store, store.experiment_id(experiment), name):
                log_scores(found.info.run_id, scores)


@contextmanager
def _ending(opened: Run) -> Iterator[None]:
    """End the run as what happens inside does."""
    status: Status = "FAILED"
    try:
        yield
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        opened.end(status)


@contextmanager
def _observing(what: str) -> Iterator[None]:
    """The store's refusal is said and goes no further."""
    try:
        yield
    except StoreError as error:
        _log.warning("MLflow did not record %s. %s", what, error)


def _holds(store: Store, make: bool = False) -> Path:
    """The folder of locks, one for each run that is worked on from this machine."""
    lock = Path(store.lock.lock_file)
    folder = lock.with_name(f".{lock.stem}.running")
    if make:
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _end_dead_runs(store: Store) -> None:
    """End as KILLED the runs that a process left open when it died. Whoever calls holds the store's
    lock, so that no run is between its start and its hold."""
    for file in sorted(_holds(store).glob("*")):
        with suppress(filelock.Timeout), filelock.FileLock(file, blocking=False):
            if (found := _find(store, file.name)) is not None:
                _close([found, *_trials(store, found.info.experiment_id, file.name)], store)
            file.unlink(missing_ok=True)


def _close(runs: Iterable[MlflowRun], store: Store) -> None:
    for run in runs:
        if run.info.status == "RUNNING":
            store.client.set_terminated(run.info.run_id, "KILLED")


def _resumed(store: Store, run_id: str | None, params: Mapping[str, str]) -> Run | None:
    found = _find(store, run_id) if run_id else None
    if run_id is None or found is None or not found.data.params.items() <= params.items():
        return None
    history = [
        metric
        for key in found.data.metrics
        for metric in store.client.get_metric_history(run_id, key)
    ]
    try:
        opened = Run(store, run_id, last_step=max((one.step for one in history), default=-1))
    except filelock.Timeout:  # another process trains it now
        return None
    store.client.update_run(run_id, status="RUNNING")
    return opened


def _study_runs(store: Store, experiment_id: str, name: str) -> list[MlflowRun]:
    """The latest, if there is one."""
    tagged = f"tags.`{_STUDY}` = '{name}'"
    return list(store.client.search_runs([experiment_id], tagged, max_results=1))


def _found_study(store: Store, experiment_id: str, name: str) -> Run | None:
    found = _study_runs(store, experiment_id, name)
    if not found:
        return None
    store.client.update_run(found[0].info.run_id, status="RUNNING")
    return Run(store, found[0].info.run_id, last_step=-1)


def _recorded_trials(store: Store, experiment_id: str, parent: str) -> set[str]:
    """Their numbers. A trial's run that a kill left open is closed and does not count."""
    found = _trials(store, experiment_id, parent)
    _close(found, store)
    whole = (trial for trial in found if trial.info.status in ("FINISHED", "FAILED"))
    return {trial.data.tags[_TRIAL] for trial in whole}


def _trials(store: Store, experiment_id: str, parent: str) -> list[MlflowRun]:
    """The runs below that of a study; of a training there are none."""
    found = store.client.search_runs(
        [experiment_id], f"tags.`{_PARENT}` = '{parent}'", max_results=_MOST_TRIALS
    )
    return list(found)


def _find(store: Store, run_id: str) -> MlflowRun | None:
    try:
        found = store.client.get_run(run_id)
    except MlflowException as error:
        if error.error_code in ABSENT:
            return None
        raise
    return found if found.info.lifecycle_stage == LifecycleStage.ACTIVE else None


def _started(store: Store, experiment: str) -> Run:
    created = store.client.create_run(store.experiment_id(experiment))
    return Run(store, created.info.run_id, last_step=-1)


def _describe(
    store: Store,
    run_id: str,
    params: Mapping[str, str],
    inputs: Mapping[str, Path],
    tags: Mapping[str, str],
) -> None:
    facts = provenance.facts(Path())
    known = {
        "mlflow.source.git.commit": facts["git_commit"],
        "data_md5": provenance.md5_of_each(inputs.values()),
    }
    store.client.log_batch(
        run_id,
        params=[Param(key, value) for key, value in params.items()],
        tags=[
            RunTag(key, _cut(value, _LONGEST_TAG))
            for key, value in (known | facts | dict(tags)).items()
        ],
    )
    store.client.log_inputs(run_id, [_input(use, path) for use, path in inputs.items()])


def _input(use: str, path: Path) -> DatasetInput:
    """DVC's md5 as the digest: MLflow's own is over a sample."""
    source = json.dumps({"uri": path.as_posix()})
    dataset = Dataset(path.as_posix(), artifacts.md5(path), source_type="local", source=source)
    return DatasetInput(dataset, tags=[InputTag("mlflow.data.context", use)])


def _metrics(values: Mapping[str, float], step: int) -> list[Metric]:
    now_ms = time.time_ns() // 1_000_000
    return [Metric(key, float(value), now_ms, step) for key, value in values.items()]


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """As MLflow takes them."""
    return {name: _cut(str(value), _LONGEST_PARAM) for name, value in config.flat(values).items()}


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _of_trial(
    scores: Mapping[str, float | None], curve: Sequence[Mapping[str, float]], most: int
) -> list[Metric]:
    """At most so many: the scores, and as many epochs as there is room for."""
    known = {name: value for name, value in scores.items() if value is not None}
    metrics = _metrics(_finite(known), step=0)
    width = max((len(row) - 1 for row in curve), default=0)
    for row in _thinned(curve, (most - len(metrics)) // max(1, width)):
        values = {name: value for name, value in row.items() if name != "epoch"}
        metrics += _metrics(_finite(values), step=int(row["epoch"]))
    return metrics


def _thinned(curve: Sequence[Mapping[str, float]], most: int) -> list[Mapping[str, float]]:
    """At most so many rows, 3 or more: the first, the last, the best, others evenly between."""
    if len(curve) <= most:
        return list(curve)
    last = len(curve) - 1
    best = max(range(len(curve)), key=lambda place: _finite(curve[place]).get(_ELBO, -math.inf))
    evenly = {round(place * last / (most - 2)) for place in range(most - 1)}
    return [curve[place] for place in sorted(evenly | {best})]


def _finite(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if math.isfinite(value)}

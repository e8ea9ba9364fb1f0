"""`latentops tune compare`: chosen and former settings, each trained with the same new seeds.

The trainings are a study of their own, in a journal beside the others: it survives a kill, and goes
on where it was.

    python -m latentops.stages.tune_compare STUDY PARENT     one more worker, until PARENT ends
"""

import dataclasses
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd

from latentops import artifacts, tracking
from latentops.errors import exit_on_known_error
from latentops.tuning import (
    alive,
    compare,
    coordinator,
    identity,
    journal,
    prepared,
    progress,
    storage,
    worker,
)
from latentops.tuning.choice import Best
from latentops.tuning.compare import Comparison
from latentops.tuning.prepared import Prepared
from latentops.tuning.study import Record, Study

_LOST = "its process died in each attempt"


def main(best: Best, trials: pd.DataFrame, seeds: int) -> Comparison:
    """Train what is missing, write tune/compare.json and tell MLflow.

    Raises StudyError where fewer than two seeds can be trained with both settings.
    """
    ready = _to_the_end(prepared.read())
    points = compare.points(best, ready.settings.train.seed, seeds)
    records = _trained(ready, _name(best, ready, points), points)
    found = compare.compared(best, trials, ready.settings.tune, _ordered(points, records))
    artifacts.write_json(found, artifacts.STUDY_COMPARE)
    experiment = Path(best.source).stem
    tracking.log_study_scores(best.study, experiment, compare.scores(found))
    return found


def work(name: str) -> None:
    """Be one more worker."""
    ready = _to_the_end(prepared.read())
    with _opened(ready, name) as study:
        worker.work(study, ready.trainer(coordinator.threads_of_each(_workers(ready))), True)


def _trained(ready: Prepared, name: str, points: Sequence[dict[str, Any]]) -> list[Record]:
    total, count, lies_in = len(points), _workers(ready), _journal(name)
    with coordinator.alone(name, lies_in.parent):
        journal.mend(lies_in)
        with (
            _opened(ready, name) as study,
            progress.Progress(study, total) as shown,
            coordinator.workers(name, count, "latentops.stages.tune_compare") as others,
        ):
            trainer = ready.trainer(coordinator.threads_of_each(count))
            watch = alive.Watch(private=True)
            return coordinator.run(study, total, trainer, shown.show, watch, others, points)


@contextmanager
def _opened(ready: Prepared, name: str) -> Iterator[Study]:
    with storage.opened(None, _journal(name)) as opened:
        yield Study(opened, name, ready.settings.tune, ready.settings.sections)


def _to_the_end(ready: Prepared) -> Prepared:
    """Trainings as long as params.yaml wants its model's; none is pruned."""
    whole = {"epochs": ready.settings.train.epochs, "pruner": "none", "sampler": "random"}
    tune = ready.settings.tune.model_copy(update=whole)
    return dataclasses.replace(ready, settings=ready.settings.model_copy(update={"tune": tune}))


def _name(best: Best, ready: Prepared, points: Sequence[dict[str, Any]]) -> str:
    """Other trainings have another name; more seeds of the same ones do not."""
    same = [points[:2], ready.settings.tune.epochs, ready.shared.fixed, identity.code_md5()]
    digest = hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()
    return f"{best.study}-compare-{digest[:8]}"


def _journal(name: str) -> Path:
    return prepared.studies() / f"{name}.journal"


def _workers(ready: Prepared) -> int:
    return max(1, ready.settings.tune.workers)


def _ordered(
    points: Sequence[dict[str, Any]], records: Sequence[Record]
) -> list[tuple[int, compare.Found]]:
    found = {_key(record.choice): record.outcome or record.error for record in records}
    return [(point[compare.SEED], found.get(_key(point), _LOST)) for point in points]


def _key(choice: dict[str, Any]) -> str:
    return json.dumps(choice, sort_keys=True)


if __name__ == "__main__":
    _, of_study, parent_pid = sys.argv
    worker.die_with(int(parent_pid))
    with exit_on_known_error(), suppress(KeyboardInterrupt):
        work(of_study)

"""Stage tune: a whole study, on the training and validation splits, and what it chose."""

import dataclasses
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from latentops import artifacts, tracking
from latentops.errors import exit_on_known_error
from latentops.report import study_page
from latentops.tuning import (
    alive,
    choice,
    coordinator,
    identity,
    importance,
    journal,
    prepared,
    progress,
    proposals,
    space,
    storage,
)
from latentops.tuning import study as studies
from latentops.tuning.prepared import Prepared
from latentops.tuning.study import Record, Study

Settings = prepared.Settings


def main() -> None:
    ready = prepared.read()
    with _opened(ready) as study, _observed(ready) as observed:
        default = study.remembered("default", space.present(study.settings, study.sections))
        records = _run(ready, study, observed)
        studies.require_success(records)
        trials = studies.table(records, study.settings)
        best = choice.best(trials, study.name, study.settings, ready.shared, default)
        _write(ready, study, records, best)
    pictures = sorted(artifacts.STUDY_PICTURES.glob("*.png"))
    files = (artifacts.STUDY_BEST, artifacts.STUDY_TRIALS, artifacts.STUDY_REPORT, *pictures)
    tracking.log_scores(observed.id, {"best_score": best.score}, files)


@contextmanager
def _opened(ready: Prepared) -> Iterator[Study]:
    """The study, with this process the only one of this machine that runs it."""
    address, folder, settings = _address(), prepared.studies(), ready.settings
    own = folder / f"{ready.name}.journal"
    with coordinator.alone(ready.name, folder):
        if address is None:
            journal.mend(own)
        parts = identity.parts(ready.shared, settings.tune, settings.sections)
        for line in identity.news(ready.name, parts, folder):
            print(line, file=sys.stderr)
        with storage.opened(address, own) as opened:
            yield Study(opened, ready.name, settings.tune, settings.sections)


@contextmanager
def _observed(ready: Prepared) -> Iterator[tracking.Study]:
    tune = ready.settings.tune
    tags = {"mode": tune.mode, "score": tune.score_name, "sampler": tune.sampler}
    searched = {name: each.model_dump(exclude_defaults=True) for name, each in tune.space.items()}
    params = {"space": searched} | ready.shared.fixed
    source = Path(ready.shared.source).stem
    with tracking.study(ready.name, source, params, prepared.INPUTS, tags) as observed:
        yield observed


def _run(ready: Prepared, study: Study, observed: tracking.Study) -> list[Record]:
    tune, private = study.settings, _address() is None
    total = proposals.total(tune, study.sections)
    elsewhere = "" if private else f"; others may join at ${prepared.STORAGE}"
    print(*progress.plan(study, total, elsewhere), sep="\n", file=sys.stderr, flush=True)
    threads = coordinator.threads_of_each(tune.workers)
    with (
        _recorder(observed) as record,
        progress.Progress(study, total) as shown,
        coordinator.workers(study.name, tune.workers) as others,
    ):

        def on_record(spent: Record) -> None:
            record(spent)
            shown.show(spent)

        attempt = ready.trainer(threads) if tune.workers else None
        return coordinator.run(study, total, attempt, on_record, alive.Watch(private), others)


@contextmanager
def _recorder(observed: tracking.Study) -> Iterator[Callable[[Record], None]]:
    """Tells the store of each trial while the next one trains."""
    told: list[Future[None]] = []
    with ThreadPoolExecutor(max_workers=1) as thread:
        yield lambda record: told.append(thread.submit(_record, observed, record))
    for each in told:
        each.result()


def _record(observed: tracking.Study, record: Record) -> None:
    scores = dataclasses.asdict(record.outcome) if record.outcome else {}
    tags = {"worker": record.worker}
    observed.trial(
        record.trial, record.state, record.choice, scores, record.curve, record.error, tags
    )


def _write(ready: Prepared, study: Study, records: list[Record], best: choice.Best) -> None:
    trials, curves = studies.table(records, study.settings), studies.curves(records)
    importances = importance.table(study, trials, study.settings.seed)
    artifacts.write_table(trials, artifacts.STUDY_TRIALS)
    artifacts.write_table(curves, artifacts.STUDY_CURVES)
    artifacts.write_table(importances, artifacts.STUDY_IMPORTANCE)
    shutil.rmtree(artifacts.STUDY_PICTURES, ignore_errors=True)
    search = study.settings.model_dump(mode="json")
    study_page.write(best.model_dump(), trials, importances, curves, search)
    artifacts.write_json(best, artifacts.STUDY_BEST)


def _address() -> str | None:
    return os.environ.get(prepared.STORAGE) or None


if __name__ == "__main__":
    with exit_on_known_error():
        main()

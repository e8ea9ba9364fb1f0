"""Stage tune: a whole study, on the training and validation splits, and what it chose."""

import dataclasses
import shutil
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from latentops import artifacts, tracking
from latentops.errors import exit_on_known_error
from latentops.report import study_page
from latentops.tuning import (
    choice,
    coordinator,
    identity,
    importance,
    prepared,
    progress,
    proposals,
)
from latentops.tuning import study as studies
from latentops.tuning.prepared import Prepared
from latentops.tuning.study import Record, Study

Settings = prepared.Settings


def main() -> None:
    ready = prepared.read()
    with coordinator.opened(ready, ready.name) as study, _observed(ready) as observed:
        for line in identity.news(ready.name, ready.parts, prepared.journal(ready.name).parent):
            print(line, file=sys.stderr)
        records = _run(ready, study, observed)
        trials = _write_trials(study, records)
        studies.require_success(records)
        best = choice.best(trials, study.name, study.settings, ready.shared, study.default)
        _write_choice(study, trials, best)
    pictures = sorted(artifacts.STUDY_PICTURES.glob("*.png"))
    files = (artifacts.STUDY_BEST, artifacts.STUDY_TRIALS, artifacts.STUDY_REPORT, *pictures)
    counts = {f"trials_{name}": getattr(best, name) for name in ("pruned", "failed")}
    scores = {"best_score": best.score, "trials_complete": best.trials} | counts
    tracking.log_scores(observed.id, scores, files)


@contextmanager
def _observed(ready: Prepared) -> Iterator[tracking.Study]:
    tune = ready.settings.tune
    names = ("mode", "sampler", "pruner")
    tags = {name: str(getattr(tune, name)) for name in names} | {"score": tune.score_name}
    space = tune.model_dump(mode="json", include={"space"}, exclude_defaults=True)
    source = Path(ready.shared.source).stem
    params = space | ready.shared.fixed
    with tracking.study(ready.name, source, params, prepared.INPUTS, tags) as observed:
        yield observed


def _run(ready: Prepared, study: Study, observed: tracking.Study) -> list[Record]:
    total = proposals.total(study.settings, study.sections)
    elsewhere = f"; others may join at ${prepared.STORAGE}" if prepared.address() else ""
    print(*progress.plan(study, total, elsewhere), sep="\n", file=sys.stderr, flush=True)
    with progress.Progress(study, total) as shown, _told_of(observed, shown) as on_record:
        return coordinator.carry_out(ready, study, total, on_record)


@contextmanager
def _told_of(
    observed: tracking.Study, shown: progress.Progress
) -> Iterator[Callable[[Record], None]]:
    """Tells people and the store of each trial while the next one trains."""
    told: deque[Future[None]] = deque()

    def tell(record: Record) -> None:
        shown.show(record)
        _record(observed, record)

    with ThreadPoolExecutor(max_workers=1) as thread:

        def on_record(record: Record) -> None:
            while told and told[0].done():
                told.popleft().result()  # a bug there ends the study now, and not after hours
            told.append(thread.submit(tell, record))

        yield on_record
    for each in told:
        each.result()


def _record(observed: tracking.Study, record: Record) -> None:
    scores = dataclasses.asdict(record.outcome) if record.outcome else {}
    tags = {"worker": record.worker}
    observed.trial(
        record.trial, record.state, record.choice, scores, record.curve, record.error, tags
    )


def _write_trials(study: Study, records: Sequence[Record]) -> pd.DataFrame:
    """Also where none of them can be chosen, so that people see why."""
    trials = studies.table(records, study.settings)
    artifacts.STUDY_BEST.unlink(missing_ok=True)  # of another study
    artifacts.write_table(trials, artifacts.STUDY_TRIALS)
    artifacts.write_table(studies.curves(records), artifacts.STUDY_CURVES)
    importances = importance.table(study, trials, study.settings.seed)
    artifacts.write_table(importances, artifacts.STUDY_IMPORTANCE)
    return trials


def _write_choice(study: Study, trials: pd.DataFrame, best: choice.Best) -> None:
    shutil.rmtree(artifacts.STUDY_PICTURES, ignore_errors=True)
    compared = artifacts.STUDY_COMPARE
    study_page.write(
        best.model_dump(),
        trials,
        importance=artifacts.read_table(artifacts.STUDY_IMPORTANCE),
        curves=artifacts.read_table(artifacts.STUDY_CURVES),
        search=study.settings.model_dump(mode="json"),
        compare=artifacts.read_json(compared) if compared.exists() else None,
    )
    artifacts.write_json(best, artifacts.STUDY_BEST)


if __name__ == "__main__":
    with exit_on_known_error():
        main()

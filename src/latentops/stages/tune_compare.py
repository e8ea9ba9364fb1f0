"""`latentops tune compare`: chosen and former settings, each trained with the same new seeds.

The trainings are a study of their own beside the others: it survives a kill, and goes on where it
was.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from latentops import artifacts, tracking
from latentops.tuning import compare, coordinator, prepared, progress
from latentops.tuning.choice import Best
from latentops.tuning.compare import Comparison
from latentops.tuning.prepared import Prepared
from latentops.tuning.space import Choice
from latentops.tuning.study import Record

_LOST = "its process died in each attempt"


def main(best: Best, trials: pd.DataFrame, seeds: int) -> Comparison:
    """Train what is missing, write tune/compare.json and tell MLflow.

    Raises StudyError where params.yaml asks for another score than the study was by, and where
    fewer than two seeds can be trained with both settings.
    """
    ready = prepared.read()
    compare.check_same_score(best, ready.settings.tune)
    points = compare.points(best, ready.settings.train, seeds)
    with (
        coordinator.opened(ready, _name(ready, points)) as study,
        progress.Progress(study, len(points)) as shown,
    ):
        records = coordinator.carry_out(ready, study, len(points), shown.show, points)
    found = compare.compared(best, trials, ready.settings.tune, _ordered(points, records))
    artifacts.write_json(found, artifacts.STUDY_COMPARE)
    experiment = Path(best.source).stem
    tracking.log_study_scores(best.study, experiment, compare.scores(found))
    return found


def _name(ready: Prepared, points: Sequence[Choice]) -> str:
    """Other trainings have another name; more seeds of the same ones do not."""
    digest = hashlib.sha256(json.dumps(points[:2], sort_keys=True).encode()).hexdigest()
    return f"{ready.name}-compare-{digest[:8]}"


def _ordered(
    points: Sequence[Choice], records: Sequence[Record]
) -> list[tuple[int, compare.Found]]:
    found = {_key(record.choice): record.outcome or record.error for record in records}
    return [(point[compare.SEED], found.get(_key(point), _LOST)) for point in points]


def _key(choice: Choice) -> str:
    return json.dumps(choice, sort_keys=True)

"""What a trial costs beside its training; DVC's queue beside a study; one worker beside two.

python -m benchmarks.tuning [trials]      these tables alone
"""

import itertools
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import yaml

from benchmarks import pipeline, registry
from latentops.tuning import alive, outcome, prepared, proposals, space, storage
from latentops.tuning import study as studies

RECIPE = "digits"
TRIALS = 64
EPOCHS = 10  # of a trial: little training, so that what stands beside it shows
LONG_EPOCHS = 40  # the recipe's own: what people have their workers do
ROUNDS = 3
JOBS = 2

_IGNORED = {".gitignore": "/mlruns/\n/tune/\n__pycache__/\n", ".dvc/.gitignore": "/tmp\n/cache\n"}
_SOMEBODY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "benchmark"), ("EMAIL", "benchmark@localhost"))
}
_ELSEWHERE = (prepared.STORAGE, "MLFLOW_TRACKING_URI", "DVC_ROOT")  # not this copy's stores
_SEEDS = itertools.count()  # each study takes one, and so has a name and a journal of its own


@dataclass(frozen=True)
class Turn:
    """A trial that another followed in the same process."""

    seconds: float  # from its start to the start of the next
    training_seconds: float

    @property
    def overhead_seconds(self) -> float:
        return self.seconds - self.training_seconds


@dataclass(frozen=True)
class Run:
    """A whole stage, with its imports, its first and last steps."""

    wall_seconds: float
    turns: tuple[Turn, ...]

    @property
    def median_turn_seconds(self) -> float:
        return statistics.median(turn.seconds for turn in self.turns)


def main() -> None:
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else TRIALS
    report(trials)


def report(trials: int = TRIALS) -> None:
    with pipeline.copied(RECIPE) as project:
        _version(project)
        _call(project, "dvc", "repro", "prepare")
        _study(project, trials=1, epochs=1)  # makes the store, which takes seconds once
        print_overhead(project, trials)
        print_queue(project, trials)
        print_workers(project, trials)


def print_overhead(project: Path, trials: int) -> None:
    """Medians over all rounds. The loop proposes, trains and scores alike, and keeps nothing."""
    rounds = [
        (_study(project, trials=trials, epochs=EPOCHS).turns, _loop(project)) for _ in range(ROUNDS)
    ]
    names = "stage tune, MLflow in SQLite", "plain loop, Optuna in memory"
    rows = {
        name: [*itertools.chain.from_iterable(sides)]
        for name, sides in zip(names, zip(*rounds, strict=True), strict=True)
    }
    print(
        f"\n{f'{RECIPE}, {trials} trials of {EPOCHS} epochs':32} trial, ms  training, ms  "
        "beside, ms  beside / training"
    )
    for name, turns in rows.items():
        whole, training, beside = (
            1000 * statistics.median(getattr(turn, part) for turn in turns)
            for part in ("seconds", "training_seconds", "overhead_seconds")
        )
        print(f"{name:32} {whole:9.1f} {training:13.1f} {beside:11.1f} {beside / training:18.2f}")
    ours, bare = (statistics.median(turn.seconds for turn in turns) for turns in rows.values())
    print(f"{'stage / loop':32} {ours / bare:9.2f}")


def print_queue(project: Path, trials: int) -> None:
    """The same settings, the same epochs, the same train.seed, two at a time, start-up and all."""
    ours = _study(project, trials=trials, epochs=EPOCHS, sampler="grid", workers=JOBS).wall_seconds
    points = _grid(project)
    theirs = _queued(project, points)
    count = len(points)
    print(f"\n{f'{count} settings, {EPOCHS} epochs, 2 jobs':32} seconds   of each  dvc / ours")
    print(f"{'stage tune':32} {ours:7.1f} {ours / count:9.2f}")
    print(f"{'dvc exp run --queue':32} {theirs:7.1f} {theirs / count:9.2f} {theirs / ours:11.2f}")


def print_workers(project: Path, trials: int) -> None:
    """The median over rounds of one worker's time / that of two, in turns on one grid.

    By the whole stage, and by what a trial takes the study while all of its workers train.
    """
    asked = {"trials": trials, "epochs": LONG_EPOCHS, "sampler": "grid"}
    rounds = [
        [_study(project, **asked, workers=workers) for workers in (1, 2)] for _ in range(ROUNDS)
    ]
    print(
        f"\n{f'{trials} trials of {LONG_EPOCHS} epochs, {ROUNDS} rounds':32} whole stage, s  "
        "a trial, s"
    )
    for index, name in enumerate(("1 worker", "2 workers")):
        wall = statistics.median(runs[index].wall_seconds for runs in rounds)
        each = statistics.median(runs[index].median_turn_seconds for runs in rounds) / (index + 1)
        print(f"{name:32} {wall:14.1f} {each:11.3f}")
    wall_ratio = statistics.median(one.wall_seconds / two.wall_seconds for one, two in rounds)
    ratio = statistics.median(
        2 * one.median_turn_seconds / two.median_turn_seconds for one, two in rounds
    )
    print(f"{'1 worker / 2 workers':32} {wall_ratio:14.2f} {ratio:11.2f}")


def _study(project: Path, **tune: Any) -> Run:
    """The stage, on a study that is not there yet."""
    _ask(project, tune | {"seed": next(_SEEDS)})
    before = _journals(project)
    started = time.perf_counter()
    _call(project, "python", "-m", "latentops.stages.tune")
    seconds = time.perf_counter() - started
    (journal,) = _journals(project) - before
    return Run(seconds, tuple(_turns(journal)))


def _ask(project: Path, tune: Mapping[str, Any]) -> None:
    """Change the section `tune` of params.yaml; what is not named is as the recipe has it."""
    recipe = (project / "recipes" / f"{RECIPE}.yaml").read_text(encoding="utf-8")
    settings = yaml.safe_load(recipe)
    settings["tune"] |= tune
    (project / "params.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")


def _journals(project: Path) -> set[Path]:
    return set((project / "mlruns/optuna").glob("*.journal"))


def _turns(journal: Path) -> Iterator[Turn]:
    with storage.opened(None, journal) as opened:
        trials = optuna.load_study(study_name=journal.stem, storage=opened).trials
    of_each = defaultdict(list)
    for trial in sorted(trials, key=lambda trial: trial.datetime_start):
        of_each[trial.user_attrs[alive.OWNER]["name"]].append(trial)
    for own in of_each.values():
        for trial, following in itertools.pairwise(own):
            seconds = (following.datetime_start - trial.datetime_start).total_seconds()
            yield Turn(seconds, trial.user_attrs[studies.FOUND]["outcome"]["seconds"])


def _loop(project: Path) -> tuple[Turn, ...]:
    """The study that params.yaml describes, in this process."""
    with registry.inside(project):
        ready = prepared.read()
        attempt, asked = ready.trainer(), ready.settings.tune
    study = optuna.create_study(direction="maximize", sampler=proposals.sampler(asked))
    started, training = [], []
    for _ in range(asked.trials):
        started.append(time.perf_counter())
        trial = study.ask()
        chosen = space.suggest(trial, asked, ready.settings.sections)
        found = attempt(chosen, lambda row, value: None)
        study.tell(trial, outcome.values(found, asked))
        training.append(found.seconds)
    return tuple(
        Turn(following - start, seconds)
        for (start, following), seconds in zip(itertools.pairwise(started), training, strict=False)
    )


def _grid(project: Path) -> list[space.Choice]:
    """The choices of the study that params.yaml describes."""
    with registry.inside(project):
        settings = prepared.read().settings
    return proposals.grid(settings.tune, settings.sections)


def _queued(project: Path, points: Sequence[space.Choice]) -> float:
    """Seconds that DVC takes to queue and run them: one command each, which is its fastest way."""
    axes = {name: dict.fromkeys(point[name] for point in points) for name in points[0]}
    changes = [f"{name}={','.join(map(str, values))}" for name, values in axes.items()]
    overrides = [word for change in changes for word in ("-S", change)]
    started = time.perf_counter()
    _call(
        project, "dvc", "exp", "run", "--queue", *overrides, "-S", f"train.epochs={EPOCHS}", "train"
    )
    _call(project, "dvc", "exp", "run", "--run-all", "--jobs", str(JOBS))
    seconds = time.perf_counter() - started
    succeeded = _call(project, "dvc", "queue", "status").count("Success")
    if succeeded != len(points):
        sys.exit(f"error: {succeeded} of {len(points)} experiments of DVC succeeded")
    return seconds


def _version(project: Path) -> None:
    """In git, which `dvc exp` asks for."""
    for name, text in _IGNORED.items():
        (project / name).write_text(text, encoding="utf-8")
    (project / ".dvc/config").write_text("[core]\n    analytics = false\n", encoding="utf-8")
    for command in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "as it was made")):
        _call(project, "git", *command)


def _call(project: Path, *command: str) -> str:
    """What it prints on stdout."""
    here = {name: text for name, text in os.environ.items() if name not in _ELSEWHERE}
    beside_this_python = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    own = {"PATH": beside_this_python, "PYTHONPATH": "src", "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run(
        command, cwd=project, env=here | own | _SOMEBODY, capture_output=True, text=True
    )
    if done.returncode != 0:
        said = f"{done.stdout[-1000:]}\n{done.stderr[-2000:]}"
        sys.exit(f"error: {' '.join(command)} failed in a copy of the project:\n{said}")
    return done.stdout


if __name__ == "__main__":
    main()

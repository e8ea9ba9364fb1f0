"""Stage tune: what it writes, how it goes on after a kill, and what the store gets of it."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from mlflow import MlflowClient
from mlflow.entities import Run
from optuna import create_study
from optuna.storages import InMemoryStorage
from sklearn.datasets import load_digits
from tiny_study import outcome_of, process

from latentops import artifacts, config
from latentops.artifacts import Arrays, Spec, Vocabulary
from latentops.errors import NumericalError, StudyError
from latentops.stages import tune as stage
from latentops.tuning import choice, coordinator, prepared, storage, worker
from latentops.tuning.outcome import Outcome, Report
from latentops.tuning.space import BETA, LATENT, Choice
from latentops.tuning.study import Study
from latentops.tuning.trial import Trainer

ROOT = Path(__file__).resolve().parents[1]
PARAMS: dict[str, Any] = {
    "model": {"kind": "mlp", "hidden": [8], "decoder_hidden": [8], "latent": 2},
    "objective": {"beta": 1.0},
    "train": {"batch_size": 50},
    "tune": {
        "trials": 3,
        "epochs": 1,
        "space": {
            BETA: {"low": 0.1, "high": 10.0, "log": True},
            LATENT: {"low": 2, "high": 4},
        },
    },
}


def write_params(**changed: dict[str, Any]) -> None:
    sections = {name: values | changed.get(name, {}) for name, values in PARAMS.items()}
    config.PARAMS.write_text(yaml.safe_dump(sections))


@pytest.fixture
def project(mlflow_store: Path) -> Path:
    """A project after stage prepare, without its test split; it is the working directory."""
    spec = Spec(source="digits", kind="image", shape=(1, 8, 8), levels=17)
    artifacts.write_json(spec, artifacts.SPEC)
    artifacts.write_json(Vocabulary(), artifacts.VOCABULARY)
    artifacts.write_tensors(digits(slice(400)), artifacts.tensors_path("train"))
    artifacts.write_tensors(digits(slice(400, 600)), artifacts.tensors_path("valid"))
    write_params()
    return mlflow_store


def digits(rows: slice) -> Arrays:
    images, y = load_digits(return_X_y=True)
    x = images[rows].astype(np.uint8).reshape(-1, 1, 8, 8)
    return {"x": x, "y": y[rows].astype(np.int64), "in_scope": np.ones(len(x), bool)}


def written() -> dict[str, bytes]:
    files = (path for path in Path("tune").rglob("*") if path.is_file())
    return {str(path.relative_to("tune")): path.read_bytes() for path in files}


def recorded(project: Path) -> tuple[Run, list[Run]]:
    """The one run of the study, and the runs below it."""
    client = MlflowClient(f"sqlite:///{project}/mlruns/mlflow.db")
    [experiment] = client.search_experiments(filter_string="name = 'digits'")
    runs = client.search_runs([experiment.experiment_id])
    [parent] = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    below = [run for run in runs if run is not parent]
    assert {run.data.tags["mlflow.parentRunId"] for run in below} <= {parent.info.run_id}
    return parent, below


def best() -> choice.Best:
    return artifacts.read_schema(choice.Best, artifacts.STUDY_BEST)


def untrained(trainer: Trainer, tried: Choice, report: Report) -> Outcome:
    return outcome_of(tried)


class TestFiles:
    def test_it_writes_the_trials_the_best_and_what_people_look_at(self, project: Path) -> None:
        write_params(tune={"trials": 5})
        stage.main()
        trials = artifacts.read_table(artifacts.STUDY_TRIALS)
        assert (trials["state"] == "complete").all()
        assert len(trials) == 5
        found = best()
        chosen = trials[trials["trial"] == found.trial].iloc[0]
        assert found.score == chosen["score"] == trials["score"].max()
        assert found.settings == {BETA: chosen[BETA], LATENT: chosen[LATENT]}
        assert found.default == {BETA: 1.0, LATENT: 2}
        assert (found.trials, found.pruned, found.failed) == (5, 0, 0)
        files = written()
        assert {"best.json", "trials.parquet", "curves.csv", "importance.csv"} <= {*files}
        assert {"report.html", "pictures/rate_distortion.png"} <= {*files}
        assert all(
            content.startswith(b"\x89PNG") for name, content in files.items() if "png" in name
        )
        assert found.study.encode() in files["report.html"]
        assert len(files["curves.csv"].splitlines()) == 1 + 5
        importances = [line.split(b",")[1] for line in files["importance.csv"].splitlines()[1:]]
        assert sum(map(float, importances)) == pytest.approx(1)
        choice.check_fits(found, prepared.experiment("digits", config.load(stage.Settings)))
        stage.main()  # nothing is left to do
        assert written() == files

    def test_nothing_of_the_study_lies_in_a_temporary_copy_of_the_project(
        self, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Trainer, "__call__", untrained)
        shutil.copytree(project / "data", tmp_path / "temporary/data")
        shutil.copy(project / "params.yaml", tmp_path / "temporary")
        monkeypatch.chdir(tmp_path / "temporary")
        stage.main()
        assert len(list((project / "mlruns/optuna").glob("*.journal"))) == 1
        assert not Path("mlruns").exists()

    @pytest.mark.parametrize(
        "search",
        [
            {"mode": "pareto", "pick": "knee"},
            {"mode": "budget", "rate_nats": 20.0},
            {"score": ["elbo", "accuracy"]},
            {"sampler": "grid", "trials": 4},
        ],
        ids=lambda search: "-".join(map(str, search.values())),
    )
    def test_every_mode_ends_with_a_choice(
        self,
        project: Path,
        monkeypatch: pytest.MonkeyPatch,
        search: dict[str, Any],
    ) -> None:
        monkeypatch.setattr(Trainer, "__call__", untrained)
        write_params(tune={"trials": 6} | search)
        stage.main()
        assert best().mode == search.get("mode", "score")
        assert best().trials == len(artifacts.read_table(artifacts.STUDY_TRIALS))

    def test_all_trials_failed_is_one_line_and_no_choice(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(trainer: Trainer, tried: Choice, report: Report) -> Outcome:
            raise NumericalError(f"The loss became nan at step {tried[LATENT]}.")

        monkeypatch.setattr(Trainer, "__call__", fail)
        with pytest.raises(StudyError, match=r"^All 3 trials failed, 3 of them like this: The lo"):
            stage.main()
        assert not artifacts.STUDY_BEST.exists()


class TestGoingOn:
    def test_a_killed_stage_goes_on_where_it_was(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tried: list[Choice] = []

        def die(trainer: Trainer, choice: Choice, report: Report) -> Outcome:
            tried.append(choice)
            if len(tried) == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            return outcome_of(choice)

        write_params(tune={"trials": 5, "sampler": "random"})
        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "__call__", die)
            killed = process(stage.main)
            killed.join()
        assert killed.exitcode == -signal.SIGKILL
        assert not artifacts.STUDY_BEST.exists()

        def noted(trainer: Trainer, choice: Choice, report: Report) -> Outcome:
            tried.append(choice)
            return outcome_of(choice)

        monkeypatch.setattr(Trainer, "__call__", noted)
        stage.main()
        assert len(tried) == 3
        assert len(artifacts.read_table(artifacts.STUDY_TRIALS)) == 5
        _, below = recorded(project)
        finished = [run.data.tags["trial"] for run in below if run.info.status == "FINISHED"]
        assert len(set(finished)) == len(finished) == 5
        assert {run.info.status for run in below} <= {"FINISHED", "KILLED"}

    def test_other_data_is_another_study_and_said_so(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(Trainer, "__call__", untrained)
        stage.main()
        first = best().study
        assert "another than the last one" not in capsys.readouterr().err
        artifacts.write_tensors(digits(slice(500, 700)), artifacts.tensors_path("valid"))
        stage.main()
        second = best().study
        assert second != first
        said = f"{second}, is another than the last one, {first}, for these are not the same: data."
        assert said in capsys.readouterr().err
        kept = {path.stem for path in Path("mlruns/optuna").glob("*.journal")}
        assert kept == {first, second}

    def test_a_study_that_runs_already_is_refused(self, project: Path) -> None:
        name = prepared.read().name
        with (
            coordinator.alone(name, prepared.journal(name).parent),
            pytest.raises(StudyError, match="is being run by another process"),
        ):
            stage.main()

    def test_a_damaged_line_is_kept_aside_and_no_finished_trial_is_lost(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(Trainer, "__call__", untrained)
        stage.main()
        before = artifacts.read_table(artifacts.STUDY_TRIALS)
        [journal] = Path("mlruns/optuna").glob("*.journal")
        journal.write_bytes(journal.read_bytes() + b'{"op_code": 8, "trial')
        write_params(tune={"trials": 4})
        stage.main()
        assert "kept aside" in capsys.readouterr().err
        after = artifacts.read_table(artifacts.STUDY_TRIALS)
        assert after["score"][:3].tolist() == before["score"].tolist()
        assert len(after) == 4


class TestStore:
    def test_it_gets_a_run_and_one_below_it_for_each_trial(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stage.main()
        parent, below = recorded(project)
        assert parent.data.tags["study"] == best().study
        assert parent.data.metrics["best_score"] == best().score
        trials = artifacts.read_table(artifacts.STUDY_TRIALS).set_index("trial")
        for run in below:
            number = int(run.data.tags["trial"])
            assert run.data.metrics["elbo_nats"] == pytest.approx(trials["elbo_nats"][number])
            assert float(run.data.params[BETA]) == trials[BETA][number]
        assert {run.info.status for run in (parent, *below)} == {"FINISHED"}
        write_params(tune={"trials": 4}, objective={"beta": 2.0})
        stage.main()
        again, below = recorded(project)
        assert again.info.run_id == parent.info.run_id
        assert sorted(run.data.tags["trial"] for run in below) == ["0", "1", "2", "3"]
        assert best().default[BETA] == 1.0  # as when the study began

    def test_a_failed_trial_is_a_failed_run(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        causes = iter([NumericalError("Not finite."), None, None])

        def train(trainer: Trainer, tried: Choice, report: Report) -> Outcome:
            if cause := next(causes):
                raise cause
            return outcome_of(tried)

        monkeypatch.setattr(Trainer, "__call__", train)
        stage.main()
        _, below = recorded(project)
        [failed] = [run for run in below if run.info.status == "FAILED"]
        assert failed.data.tags["error"] == "Not finite."
        assert set(failed.data.params) == {BETA, LATENT}
        assert best().failed == 1


ENVIRONMENT = {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}


class TestProcesses:
    """Real ones, as people start them."""

    def test_a_study_with_two_workers(self, project: Path) -> None:
        write_params(tune={"trials": 4, "workers": 2, "epochs": 5, "sampler": "qmc"})
        done = subprocess.run(
            [sys.executable, "-m", "latentops.stages.tune"],
            env=os.environ | ENVIRONMENT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        told = [line for line in done.stderr.splitlines() if line.startswith("trial ")]
        assert [line.split("(")[1].split(")")[0] for line in told] == [
            f"{number} of 4" for number in range(1, 5)
        ]
        assert not [line for line in done.stderr.splitlines() if "rror" in line]
        assert best().trials == 4

    def test_a_worker_does_what_waits_and_ends_with_the_study(self, project: Path) -> None:
        ready = prepared.read()
        with storage.opened(None, prepared.journal(ready.name)) as opened:
            study = Study(opened, ready.name, ready.settings.tune, ready.settings.sections)
            study.plan(2)
            started = subprocess.Popen(
                [sys.executable, "-m", "latentops.tuning.worker", ready.name, str(os.getpid())],
                env=os.environ | ENVIRONMENT,
            )
            while len(study.spent()) < 2 and started.poll() is None:
                time.sleep(0.1)
            study.ended = True
            assert started.wait() == 0
            records = study.records()
        assert [record.state for record in records] == ["complete", "complete"]
        assert {record.worker.rpartition(":")[2] for record in records} == {str(started.pid)}

    def test_a_worker_of_another_experiment_waits_and_says_what_is_there(
        self,
        project: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        ready = prepared.read()
        there = InMemoryStorage()
        Study(there, "0123", ready.settings.tune, ready.settings.sections)
        monkeypatch.setattr(storage, "opened", lambda *_: contextlib.nullcontext(there))
        monkeypatch.setattr(worker, "MOST_IDLE_SECONDS", 0.0)
        with pytest.raises(StudyError, match="It has 0123: those are of other data") as found:
            worker.join("grpc://elsewhere:1")
        assert "\n" not in str(found.value)
        assert ready.name in str(found.value)
        assert [study.study_name for study in there.get_all_studies()] == ["0123"]
        create_study(study_name=ready.name, storage=there)  # begun, but not yet by its default
        with pytest.raises(StudyError, match="Begin it with `make tune`"):
            worker.join("grpc://elsewhere:1")

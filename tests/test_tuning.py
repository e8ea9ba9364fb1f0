"""Studies: sampling, resuming after kills, bad journals; trials on real digits; the choice."""

import dataclasses
import inspect
import json
import math
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import grimp
import numpy as np
import optuna
import pandas as pd
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow import MlflowClient
from mlflow.entities import Run
from sklearn.datasets import load_digits

from latentops import artifacts, build, config, objectives
from latentops.artifacts import Arrays, Spec, Vocabulary
from latentops.errors import NumericalError, SettingsError, StudyError
from latentops.networks import mlp
from latentops.stages import tune as stage
from latentops.training import loop
from latentops.training.settings import Settings as TrainSettings
from latentops.tuning import choice, identity, space, study
from latentops.tuning.outcome import Outcome
from latentops.tuning.settings import Settings
from latentops.tuning.space import Choice
from latentops.tuning.trial import Data, Trainer

ROOT = Path(__file__).resolve().parents[1]
SAMPLERS = ("tpe", "random", "gp", "grid")


def attempt(tried: Choice) -> Outcome:
    """Best at beta 2 and latent 16."""
    score = -(math.log(tried.beta / 2) ** 2) - math.log(tried.latent / 16) ** 2
    return Outcome(score, 10.0, 80.0, -90.0, tried.latent, 0.5)


def failing(tried: Choice) -> Outcome:
    raise NumericalError(f"The loss stopped being finite at step {tried.latent}. Try less.")


def run(
    name: str,
    attempt: study.Attempt,
    settings: Settings,
    folder: Path,
    on_trial: study.OnTrial | None = None,
) -> list[study.Record]:
    with study.opened(name, folder) as opened:
        return study.run(opened, attempt, settings, on_trial)


def choices(records: list[study.Record]) -> list[Choice]:
    return [record.choice for record in records]


class TestSettings:
    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({"trials": 0}, "greater than or equal to 1"),
            ({"trials": 10_001}, "less than or equal to 10000"),
            ({"beta": [3, 1]}, "beta: the lower bound 3 is above the upper bound 1"),
            ({"latent": [64, 4]}, "latent: the lower bound 64 is above the upper bound 4"),
            ({"beta": [0, 1]}, "greater than 0"),
            ({"latent": [0, 4]}, "greater than 0"),
            ({"latent": [4.5, 8]}, "valid integer"),
            ({"beta": [1]}, "Field required"),
            ({"sampler": "cma"}, "'tpe', 'random', 'gp' or 'grid'"),
            ({"score": "loss"}, "'elbo' or 'accuracy'"),
        ],
    )
    def test_what_cannot_be_searched_is_refused(self, values: dict[str, Any], said: str) -> None:
        with pytest.raises(pydantic.ValidationError, match=said):
            Settings.model_validate(values)


class TestSpace:
    @given(
        low=st.floats(1e-4, 10),
        factor=st.floats(2, 1e4),
        latent=st.integers(1, 300),
        more=st.integers(0, 300),
        trials=st.integers(1, 200),
    )
    def test_a_grid_lies_in_the_space_and_has_its_ends(
        self, low: float, factor: float, latent: int, more: int, trials: int
    ) -> None:
        settings = Settings(beta=(low, low * factor), latent=(latent, latent + more), trials=trials)
        points = {(point.beta, point.latent) for point in space.grid(settings)}
        assert 1 <= len(points) == len(space.grid(settings)) <= trials
        for beta, size in points:
            assert low <= beta <= low * factor
            assert latent <= size <= latent + more
        if trials >= 4:
            assert {(low, latent), (low * factor, latent + more)} <= points

    def test_a_grid_is_even_on_the_log_scale(self) -> None:
        points = space.grid(Settings(beta=(0.1, 10), latent=(4, 64), trials=9))
        assert {point.latent for point in points} == {4, 16, 64}
        assert sorted({point.beta for point in points}) == pytest.approx([0.1, 1, 10])

    def test_a_beta_is_what_params_yaml_will_hold_and_within_its_bounds(self) -> None:
        settings = Settings(beta=(0.1, 9.99999))
        params = {space.LATENT: 4}
        assert space.chosen({space.BETA: 1.23456789, **params}, settings).beta == 1.235
        assert space.chosen({space.BETA: 9.999985, **params}, settings).beta == 9.99999


class TestStudy:
    @pytest.mark.parametrize("sampler", SAMPLERS)
    def test_trials_are_a_total_and_the_best_is_the_highest(
        self, tmp_path: Path, sampler: Any
    ) -> None:
        settings = Settings(sampler=sampler, trials=16, beta=(0.5, 8), latent=(4, 64))
        seen: list[study.Record] = []
        records = run("s", attempt, settings, tmp_path, seen.append)
        assert seen == records
        assert len(records) == 16
        assert study.best(records).outcome == max(
            (attempt(tried) for tried in choices(records)), key=lambda outcome: outcome.score
        )
        assert run("s", failing, settings, tmp_path, seen.append) == records
        assert len(seen) == 16

    @pytest.mark.parametrize("sampler", ["tpe", "random", "gp"])
    def test_topping_up_asks_what_one_run_would_have_asked(
        self, tmp_path: Path, sampler: Any
    ) -> None:
        few, many = (Settings(sampler=sampler, trials=trials) for trials in (11, 14))
        run("s", attempt, few, tmp_path / "twice")
        twice = run("s", attempt, many, tmp_path / "twice")
        assert twice == run("s", attempt, many, tmp_path / "once")
        assert len(set(choices(twice))) == 14

    @pytest.mark.parametrize("sampler", ["tpe", "gp"])
    def test_the_sampler_goes_where_the_score_is_high(self, tmp_path: Path, sampler: Any) -> None:
        """Random trials, of which the first ten are made, are as far from the best at the end."""
        settings = Settings(sampler=sampler, trials=24, beta=(0.01, 100), latent=(1, 512))
        table = study.table(run("s", attempt, settings, tmp_path))
        assert table["score"][10:].median() > table["score"][:10].median() + 1

    def test_another_seed_asks_for_other_trials(self, tmp_path: Path) -> None:
        first, second = (
            run("s", attempt, Settings(trials=3, seed=seed), tmp_path / str(seed))
            for seed in (0, 1)
        )
        assert not set(choices(first)) & set(choices(second))

    def test_a_failed_trial_is_kept_with_its_error_and_the_rest_goes_on(
        self, tmp_path: Path
    ) -> None:
        def small_fails(tried: Choice) -> Outcome:
            return failing(tried) if tried.latent < 16 else attempt(tried)

        records = run("s", small_fails, Settings(trials=12), tmp_path)
        table = study.table(records)
        assert len(table) == 12
        failed = table[table["state"] == "failed"]
        assert 0 < len(failed) < 12
        assert (failed[space.LATENT] < 16).all()
        assert failed["score"].isna().all()
        assert failed["error"].str.startswith("The loss stopped being finite at step").all()
        assert (table[table["state"] == "complete"]["error"] == "").all()

    def test_all_failed_names_the_commonest_cause(self, tmp_path: Path) -> None:
        causes = iter(["Odd.", "Not finite at step 7.", "Not finite at step 12.", "Other."])

        def fail(tried: Choice) -> Outcome:
            raise NumericalError(next(causes))

        said = r"^All 4 trials failed, 2 of them like this: Not finite at step 7\.$"
        with pytest.raises(StudyError, match=said):
            run("s", fail, Settings(trials=4), tmp_path)

    def test_what_is_a_bug_is_not_counted_as_a_failed_trial(self, tmp_path: Path) -> None:
        def bug(tried: Choice) -> Outcome:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            run("s", bug, Settings(trials=3), tmp_path)
        assert run("s", attempt, Settings(trials=3), tmp_path) == [
            dataclasses.replace(record, trial=record.trial + 1)
            for record in run("s", attempt, Settings(trials=3), tmp_path / "other")
        ]

    def test_progress_says_how_far_and_what_is_best(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        records = run("s", attempt, Settings(trials=2), tmp_path)
        first, *trials = capsys.readouterr().err.splitlines()
        assert first == "study s: 0 of 2 trials are done"
        assert [line.split(":")[0] for line in trials] == ["trial 0 (1 of 2)", "trial 1 (2 of 2)"]
        best = study.best(records)
        assert trials[-1].endswith(f"(beta {best.choice.beta:.3g}, latent {best.choice.latent})")


KILLED = """
import math, os, signal
from pathlib import Path
from latentops.tuning import study
from latentops.tuning.outcome import Outcome
from latentops.tuning.settings import Settings
from latentops.tuning.space import Choice

{attempt}
left = {survives}

def until_killed(tried):
    global left
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return attempt(tried)

with study.opened("s", Path({folder!r})) as opened:
    study.run(opened, until_killed, Settings(trials={trials}, sampler={sampler!r}))
"""


def run_until_killed(folder: Path, survives: int, trials: int = 8, sampler: str = "tpe") -> int:
    """The exit status of a process that is killed in the trial after `survives`."""
    text = KILLED.format(
        attempt=inspect.getsource(attempt),
        survives=survives,
        trials=trials,
        sampler=sampler,
        folder=str(folder),
    )
    return subprocess.run([sys.executable, "-c", text], stderr=subprocess.DEVNULL).returncode


class TestKills:
    @pytest.mark.parametrize("sampler", ["tpe", "grid"])
    def test_a_killed_study_ends_as_if_it_had_not_been(self, tmp_path: Path, sampler: Any) -> None:
        settings = Settings(trials=12, sampler=sampler)
        assert run_until_killed(tmp_path, 4, 12, sampler) == -signal.SIGKILL
        assert run_until_killed(tmp_path, 7, 12, sampler) == -signal.SIGKILL
        resumed = run("s", attempt, settings, tmp_path)
        unbroken = run("s", attempt, settings, tmp_path / "unbroken")
        assert choices(resumed) == choices(unbroken)
        assert [r.outcome for r in resumed] == [r.outcome for r in unbroken]
        states = [trial.state.name for trial in journal(tmp_path).trials]
        assert sorted(set(states)) == ["COMPLETE", "FAIL"]
        assert states.count("FAIL") == 2

    def test_a_trial_that_kills_its_process_is_tried_three_times(self, tmp_path: Path) -> None:
        for _ in range(study.MOST_ATTEMPTS):
            assert run_until_killed(tmp_path, survives=0, trials=2) == -signal.SIGKILL
        first, second = run("s", attempt, Settings(trials=2), tmp_path)
        assert first.state == "failed"
        assert first.error.startswith("Its process died in each of 3 attempts.")
        assert second.choice != first.choice
        asked = [trial.params for trial in journal(tmp_path).trials]
        assert asked[0] == asked[1] == asked[2] != asked[3]

    def test_interrupting_is_no_attempt(self, tmp_path: Path) -> None:
        def interrupted(tried: Choice) -> Outcome:
            raise KeyboardInterrupt

        for _ in range(study.MOST_ATTEMPTS + 1):
            with pytest.raises(KeyboardInterrupt):
                run("s", interrupted, Settings(trials=2), tmp_path)
        records = run("s", attempt, Settings(trials=2), tmp_path)
        unbroken = run("s", attempt, Settings(trials=2), tmp_path / "unbroken")
        assert choices(records) == choices(unbroken)

    def test_a_kill_between_failing_a_trial_and_asking_again_loses_nothing(
        self, tmp_path: Path
    ) -> None:
        run_until_killed(tmp_path, survives=2, trials=4)
        left = journal(tmp_path)
        left.tell(2, state=optuna.trial.TrialState.FAIL)
        assert choices(run("s", attempt, Settings(trials=4), tmp_path)) == choices(
            run("s", attempt, Settings(trials=4), tmp_path / "unbroken")
        )

    def test_half_a_line_and_a_lock_left_by_a_kill_are_mended(self, tmp_path: Path) -> None:
        settings = Settings(trials=4)
        whole = run("s", attempt, settings, tmp_path)
        path = tmp_path / "s.journal"
        path.write_bytes(path.read_bytes()[:-20])  # within the last record: the end of a trial
        os.symlink(path, f"{path}.lock")
        assert choices(run("s", attempt, settings, tmp_path)) == choices(whole)
        assert all(json.loads(line) for line in path.read_text().splitlines())

    def test_two_at_once_is_refused_in_one_line(self, tmp_path: Path) -> None:
        def again(tried: Choice) -> Outcome:
            with pytest.raises(StudyError, match="is being run by another process") as refused:
                run("s", attempt, Settings(trials=1), tmp_path)
            assert "\n" not in str(refused.value)
            run("other", attempt, Settings(trials=1), tmp_path)
            return attempt(tried)

        run("s", again, Settings(trials=1), tmp_path)
        run("s", attempt, Settings(trials=2), tmp_path)

    @pytest.mark.parametrize(
        ("damage", "place"),
        [
            (lambda lines: [*lines[:2], b"\x00\xff junk", *lines[2:]], " in line 3"),
            (lambda lines: [b"\x89PNG", b"\r"], " in line 1"),
            (lambda lines: [b"\x89PNG without an end"], " in line 1"),
            (lambda lines: [b"{}"], ""),
            (lambda lines: [b"[1]"], ""),
        ],
        ids=["a line", "binary", "binary, one line", "no operation", "a list"],
    )
    def test_a_damaged_journal_is_named_and_left_alone(
        self, tmp_path: Path, damage: Any, place: str
    ) -> None:
        run("s", attempt, Settings(trials=2), tmp_path)
        path = tmp_path / "s.journal"
        path.write_bytes(b"\n".join(damage(path.read_bytes().splitlines())) + b"\n")
        with pytest.raises(StudyError, match=rf"s\.journal is damaged{place}\. Bring") as refused:
            run("s", attempt, Settings(trials=2), tmp_path)
        assert "\n" not in str(refused.value)


def journal(folder: Path) -> optuna.Study:
    backend = optuna.storages.journal.JournalFileBackend(str(folder / "s.journal"))
    return optuna.load_study(study_name="s", storage=optuna.storages.JournalStorage(backend))


def digits(rows: slice) -> Arrays:
    images, y = load_digits(return_X_y=True)
    x = images[rows].astype(np.uint8).reshape(-1, 1, 8, 8)
    return {"x": x, "y": y[rows].astype(np.int64), "in_scope": np.ones(len(x), bool)}


DATA = Data(
    spec=Spec(source="digits", kind="image", shape=(1, 8, 8), levels=17),
    vocabulary=Vocabulary(),
    train=digits(slice(400)),
    valid=digits(slice(400, 600)),
)
MODEL = mlp.Settings(kind="mlp", hidden=(16,), decoder_hidden=(16,))
OBJECTIVE = objectives.Settings()
TRAIN = TrainSettings(batch_size=50, learning_rate=3e-3, epochs=99)


def trained(tried: Choice, data: Data = DATA, **tune: Any) -> Outcome:
    """Without the seconds, which differ from one training to the next."""
    settings = Settings.model_validate({"epochs": 4} | tune)
    outcome = Trainer(data, MODEL, OBJECTIVE, TRAIN, settings)(tried)
    assert outcome.seconds > 0
    return dataclasses.replace(outcome, seconds=0.0)


def with_rows_out_of_scope(arrays: Arrays) -> Arrays:
    """Three bright images without a label at the front."""
    strange = {
        "x": np.full((3, 1, 8, 8), 16, np.uint8),
        "y": np.full(3, -1),
        "in_scope": [False] * 3,
    }
    return {name: np.concatenate([strange[name], array]) for name, array in arrays.items()}


class TestTrainer:
    def test_the_elbo_has_no_beta_in_it(self) -> None:
        weak, strong = trained(Choice(0.1, 4)), trained(Choice(50.0, 4))
        for outcome in (weak, strong):
            assert outcome.score == outcome.elbo_nats
            assert outcome.elbo_nats == -(outcome.rate_nats + outcome.distortion_nats)
        assert weak.rate_nats > 1 > 0.1 > strong.rate_nats >= 0
        assert weak.distortion_nats < strong.distortion_nats
        assert weak.active_units > strong.active_units == 0

    def test_the_choice_is_what_is_trained_and_tune_epochs_how_long(self) -> None:
        model = MODEL.model_copy(update={"latent": 3})
        objective = objectives.Settings(beta=0.5)
        settings = TRAIN.model_copy(update={"epochs": 2})
        train, valid = (
            build.examples(DATA.spec, DATA.vocabulary, arrays, model)
            for arrays in (DATA.train, DATA.valid)
        )
        vae = build.model(DATA.spec, DATA.vocabulary, model, settings.seed)
        fit = loop.fit(vae, train, valid, objective, settings)
        assert trained(Choice(0.5, 3), epochs=2).elbo_nats == fit.valid_elbo_nats

    def test_the_same_choice_gives_the_same_outcome(self) -> None:
        assert trained(Choice(1.0, 2)) == trained(Choice(1.0, 2))

    def test_accuracy_is_of_a_probe_on_validation(self) -> None:
        outcome = trained(Choice(0.1, 8), score="accuracy", epochs=10)
        assert 0.5 < outcome.score <= 1  # chance is 0.1
        shuffled = {**DATA.valid, "y": np.roll(DATA.valid["y"], 1)}
        data = dataclasses.replace(DATA, valid=shuffled)
        assert trained(Choice(0.1, 8), data, score="accuracy", epochs=10).score < 0.3

    @pytest.mark.parametrize("score", ["elbo", "accuracy"])
    def test_rows_out_of_scope_change_nothing(self, score: str) -> None:
        data = dataclasses.replace(
            DATA,
            train=with_rows_out_of_scope(DATA.train),
            valid=with_rows_out_of_scope(DATA.valid),
        )
        tried = Choice(0.5, 4)
        assert trained(tried, data, score=score) == trained(tried, score=score)

    @pytest.mark.parametrize("split", ["train", "valid"])
    def test_accuracy_without_labels_is_refused(self, split: str) -> None:
        unlabelled = {**DATA.train, "y": np.full(400, -1)}
        data = dataclasses.replace(DATA, **{split: unlabelled})
        with pytest.raises(SettingsError, match="'accuracy' needs labels: 'digits' has"):
            Trainer(data, MODEL, OBJECTIVE, TRAIN, Settings(score="accuracy"))
        Trainer(data, MODEL, OBJECTIVE, TRAIN, Settings(score="elbo"))

    def test_a_training_that_diverges_is_a_failed_trial(self, tmp_path: Path) -> None:
        wild = TRAIN.model_copy(update={"learning_rate": 1e30})
        trainer = Trainer(DATA, MODEL, OBJECTIVE, wild, Settings(epochs=1))
        with pytest.raises(StudyError, match="All 2 trials failed, 2 of them like this: The"):
            run("s", trainer, Settings(trials=2), tmp_path)


def shared(**train: Any) -> identity.Experiment:
    return identity.experiment("digits", [], MODEL, OBJECTIVE, TRAIN.model_copy(update=train))


class TestIdentity:
    def test_the_code_of_a_trial_is_its_import_closure(self) -> None:
        graph = grimp.build_graph("latentops", cache_dir=None)
        modules = {"latentops.tuning.trial"}
        modules |= graph.find_upstream_modules("latentops.tuning.trial")
        found = {
            ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
            for path in identity.trial_code()
        }
        assert {name for name in found if not name.endswith(".__init__")} == modules
        assert "latentops.__init__" in found
        assert "latentops.data.__init__" in found

    @pytest.mark.parametrize(
        "changed",
        [
            {"beta": [0.1, 9]},
            {"latent": [4, 65]},
            {"sampler": "random"},
            {"sampler": "grid"},
            {"seed": 1},
            {"score": "accuracy"},
            {"epochs": 9},
        ],
    )
    def test_another_search_is_another_study(self, changed: dict[str, Any]) -> None:
        settings = Settings.model_validate(changed)
        assert identity.study_name(shared(), settings) != identity.study_name(shared(), Settings())

    def test_the_number_of_trials_is_part_of_a_grid_alone(self) -> None:
        def name(**tune: Any) -> str:
            return identity.study_name(shared(), Settings.model_validate(tune))

        assert name(trials=5) == name(trials=50)
        assert name(trials=5, sampler="grid") != name(trials=50, sampler="grid")

    def test_what_is_fixed_matters_and_what_is_searched_does_not(self) -> None:
        def name(model: Any = MODEL, objective: Any = OBJECTIVE, train: Any = TRAIN) -> str:
            common = identity.experiment("digits", [], model, objective, train)
            return identity.study_name(common, Settings())

        assert name() == name(model=MODEL.model_copy(update={"latent": 99}))
        assert name() == name(objective=objectives.Settings(beta=7))
        assert name() == name(train=TRAIN.model_copy(update={"epochs": 7}))
        assert name() != name(model=MODEL.model_copy(update={"activation": "tanh"}))
        assert name() != name(objective=objectives.Settings(free_nats=0.1))
        assert name() != name(train=TRAIN.model_copy(update={"seed": 7}))

    def test_other_data_or_code_is_another_study(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def name() -> str:
            common = identity.experiment("digits", [tmp_path / "data"], MODEL, OBJECTIVE, TRAIN)
            return identity.study_name(common, Settings())

        monkeypatch.setattr(identity, "trial_code", lambda: [tmp_path / "code.py"])
        names = set()
        for data, code in ((b"1", b"1"), (b"2", b"1"), (b"1", b"2"), (b"1", b"1")):
            (tmp_path / "data").write_bytes(data)
            (tmp_path / "code.py").write_bytes(code)
            names.add(name())
        assert len(names) == 3


TABLE = pd.DataFrame(
    {
        "trial": [0, 1, 2, 4],
        "state": ["complete", "failed", "complete", "complete"],
        space.BETA: [0.5, 9.0, 1e-05, 2.0],
        space.LATENT: [4, 8, 16, 32],
        "score": [-90.0, np.nan, -80.0, -80.0],
        "rate_nats": [10.0, np.nan, 20.0, 5.0],
        "distortion_nats": [80.0, np.nan, 60.0, 75.0],
        "elbo_nats": [-90.0, np.nan, -80.0, -80.0],
        "active_units": pd.array([4, None, 9, 2], dtype="Int64"),
        "seconds": [1.0, np.nan, 1.0, 1.0],
        "error": ["", "The loss stopped being finite.", "", ""],
    }
)


PARAMS = """\
model: {kind: mlp, hidden: [8], decoder_hidden: [8], latent: 2}
objective: {beta: 1.0}
train: {batch_size: 50}
tune: {trials: 3, beta: [0.1, 10], latent: [2, 4], epochs: 1}
"""


@pytest.fixture
def prepared(mlflow_store: Path) -> Path:
    """A project after stage prepare, without its test split."""
    artifacts.write_json(DATA.spec, artifacts.SPEC)
    artifacts.write_json(DATA.vocabulary, artifacts.VOCABULARY)
    artifacts.write_tensors(DATA.train, artifacts.tensors_path("train"))
    artifacts.write_tensors(DATA.valid, artifacts.tensors_path("valid"))
    config.PARAMS.write_text(PARAMS)
    return mlflow_store


class TestStage:
    def test_it_writes_the_trials_the_best_and_the_picture(self, prepared: Path) -> None:
        stage.main()
        trials = artifacts.read_table(artifacts.STUDY_TRIALS)
        best = artifacts.read_schema(choice.Best, artifacts.STUDY_BEST)
        assert len(trials) == 3
        assert best.score == trials["score"].max()
        assert artifacts.STUDY_PICTURE.read_bytes().startswith(b"\x89PNG")
        assert (prepared / f"mlruns/optuna/{best.study}.journal").exists()
        choice.check_fits(best, stage.shared("digits", config.load(stage.Settings)))

        written = [path.read_bytes() for path in sorted(Path("tune").iterdir())]
        stage.main()  # nothing is left to do
        assert [path.read_bytes() for path in sorted(Path("tune").iterdir())] == written

    def test_the_journal_lies_in_the_real_project(
        self, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shutil.copytree(prepared / "data", tmp_path / "temporary/data")
        shutil.copy(prepared / "params.yaml", tmp_path / "temporary")
        monkeypatch.chdir(tmp_path / "temporary")
        stage.main()
        assert len(list((prepared / "mlruns/optuna").glob("*.journal"))) == 1
        assert not Path("mlruns").exists()

    def test_the_store_gets_a_run_and_one_below_it_for_each_trial(self, prepared: Path) -> None:
        stage.main()
        client = MlflowClient(f"sqlite:///{prepared}/mlruns/mlflow.db")
        [experiment] = client.search_experiments(filter_string="name = 'digits'")
        best = artifacts.read_schema(choice.Best, artifacts.STUDY_BEST)

        def recorded() -> tuple[Run, list[Run]]:
            runs = client.search_runs([experiment.experiment_id])
            parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
            [parent] = parents
            below = [run for run in runs if run is not parent]
            assert {run.data.tags["mlflow.parentRunId"] for run in below} == {parent.info.run_id}
            return parent, below

        parent, below = recorded()
        assert parent.data.tags["study"] == best.study
        assert parent.data.metrics["best_score"] == best.score
        assert sorted(run.data.metrics["score"] for run in below) == pytest.approx(
            sorted(artifacts.read_table(artifacts.STUDY_TRIALS)["score"])
        )
        assert {run.info.status for run in (parent, *below)} == {"FINISHED"}

        lost, left_open = below[0].info.run_id, below[1].info.run_id
        client.delete_run(lost)
        client.update_run(left_open, status="RUNNING")
        config.PARAMS.write_text(
            PARAMS.replace("trials: 3", "trials: 4").replace("beta: 1.0", "beta: 2.0")
        )
        stage.main()
        again, below = recorded()
        assert again.info.run_id == parent.info.run_id
        statuses = sorted(run.info.status for run in below)
        assert statuses == ["FINISHED"] * 4 + ["KILLED"]
        finished = [run.data.tags["trial"] for run in below if run.info.status == "FINISHED"]
        assert sorted(finished) == ["0", "1", "2", "3"]

    def test_a_failed_trial_is_a_failed_run(
        self, prepared: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        causes = iter([NumericalError("Not finite."), None, None])

        def train(trainer: Trainer, tried: Choice) -> Outcome:
            if cause := next(causes):
                raise cause
            return attempt(tried)

        monkeypatch.setattr(Trainer, "__call__", train)
        stage.main()
        client = MlflowClient(f"sqlite:///{prepared}/mlruns/mlflow.db")
        [experiment] = client.search_experiments(filter_string="name = 'digits'")
        [failed] = client.search_runs([experiment.experiment_id], "attributes.status = 'FAILED'")
        assert failed.data.tags["error"] == "Not finite."
        assert set(failed.data.params) == {"objective.beta", "model.latent"}

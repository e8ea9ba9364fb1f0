"""A study: its slots and samplers, kills and topping up, several workers, what is told of it."""

import dataclasses
import json
import math
import os
import signal
import time
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import psutil
import pytest
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import FrozenTrial, TrialState
from tiny_study import (
    EverybodyGone,
    attempt,
    choices,
    failing,
    killed_after,
    opened,
    outcome_of,
    process,
    run,
    study_in,
    tune,
)

from latentops.errors import NumericalError, SettingsError, StudyError
from latentops.tuning import (
    alive,
    coordinator,
    importance,
    journal,
    picks,
    prepared,
    progress,
    space,
    worker,
)
from latentops.tuning import study as studies
from latentops.tuning.outcome import Outcome, Report
from latentops.tuning.settings import Settings
from latentops.tuning.space import BETA, LATENT, Choice
from latentops.tuning.study import Record, Study

SAMPLERS = ("tpe", "random", "gp", "qmc", "grid")
WIDE = {
    BETA: {"low": 0.01, "high": 100.0, "log": True},
    LATENT: {"low": 1, "high": 512, "log": True},
}


def interrupting_after(count: int) -> Callable[[Choice, Report], Outcome]:
    """Ctrl-C in the trial after so many."""
    left = iter(range(count))

    def attempted(choice: Choice, report: Report) -> Outcome:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return attempt(choice, report)

    return attempted


def interrupted_after(count: int, settings: Settings, where: BaseStorage) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(settings, interrupting_after(count), where, watch=EverybodyGone())


def resumed(settings: Settings, where: BaseStorage, **more: Any) -> list[Record]:
    return run(settings, where=where, watch=EverybodyGone(), **more)


def outcomes(records: Sequence[Record]) -> list[tuple[Choice, Outcome | None]]:
    """Without the numbers, of which a trial that was asked for again has a later one."""
    found = [(record.choice, record.outcome) for record in records]
    return sorted(found, key=lambda pair: json.dumps(pair[0], sort_keys=True))


def states(study: Study) -> list[str]:
    return [trial.state.name for trial in study.trials()]


class TestTotal:
    @pytest.mark.parametrize("sampler", SAMPLERS)
    def test_it_is_exact_and_each_trial_is_told_once(self, sampler: str) -> None:
        settings = tune(sampler=sampler, trials=12)
        where = InMemoryStorage()
        seen: list[Record] = []
        records = run(settings, where=where, seen=seen)
        assert seen == records
        assert [record.trial for record in records] == [*range(12)]
        assert [record.outcome for record in records] == [*map(outcome_of, choices(records))]
        assert run(settings, failing, where, seen) == records
        assert seen == [*records, *records]

    def test_slots_that_two_machines_planned_at_once_are_done_once(self) -> None:
        settings, where = tune(sampler="grid", trials=9), InMemoryStorage()
        first = study_in(where, settings)
        first.plan(9)
        other = study_in(where, settings)
        other._enqueue(range(9), None)  # it had read the study before the first had planned
        assert len(first.trials()) == 18
        records = run(settings, where=where)
        assert choices(records) == choices(run(settings))

    def test_of_a_large_study_only_the_next_slots_wait(self) -> None:
        study = study_in(InMemoryStorage(), tune(sampler="random", trials=2_000))
        study.plan(2_000)
        waiting = study.trials(TrialState.WAITING)
        assert len(waiting) == 500
        study.plan(2_000)
        assert len(study.trials()) == 500
        assert len(run(tune(sampler="random", trials=600))) == 600

    @pytest.mark.parametrize("sampler", ["tpe", "random", "gp", "qmc"])
    def test_topping_up_asks_what_one_run_would_have_asked(self, sampler: str) -> None:
        where = InMemoryStorage()
        few, many = (tune(sampler=sampler, trials=trials) for trials in (11, 14))
        run(few, where=where)
        twice = run(many, where=where)
        assert outcomes(twice) == outcomes(run(many))
        assert len({json.dumps(choice) for choice in choices(twice)}) == 14

    @pytest.mark.parametrize("sampler", SAMPLERS)
    def test_a_study_that_was_stopped_between_trials_goes_on_as_if_it_had_not_been(
        self, sampler: str
    ) -> None:
        settings = tune(sampler=sampler, trials=13)
        where = InMemoryStorage()
        for done in (4, 7):
            with pytest.raises(KeyboardInterrupt):
                run(settings, where=where, seen=Stopping(done))
        assert outcomes(run(settings, where=where)) == outcomes(run(settings))

    @pytest.mark.parametrize("sampler", ["random", "qmc", "grid"])
    def test_a_study_that_was_stopped_goes_on_as_if_it_had_not_been(self, sampler: str) -> None:
        """TPE draws from what it knows in the order of their numbers: there it may differ."""
        settings = tune(sampler=sampler, trials=13)
        where = InMemoryStorage()
        interrupted_after(3, settings, where)
        interrupted_after(8, settings, where)
        assert outcomes(resumed(settings, where)) == outcomes(run(settings))

    @pytest.mark.parametrize("sampler", ["random", "qmc"])
    def test_slots_that_are_too_many_are_cancelled_and_taken_up_again(self, sampler: str) -> None:
        where = InMemoryStorage()
        interrupted_after(3, tune(sampler=sampler, trials=10), where)
        assert len(resumed(tune(sampler=sampler, trials=5), where)) == 5
        assert TrialState.WAITING.name not in states(study_in(where, tune()))
        raised = resumed(tune(sampler=sampler, trials=8), where)
        assert outcomes(raised) == outcomes(run(tune(sampler=sampler, trials=8)))

    def test_fewer_than_are_done_already_ends_at_once_with_all_of_them(self) -> None:
        where = InMemoryStorage()
        records = run(tune(trials=6), where=where)
        assert run(tune(trials=2), failing, where) == records

    def test_another_seed_asks_for_other_trials(self) -> None:
        for sampler in ("tpe", "random", "qmc"):
            one, other = (
                {json.dumps(c) for c in choices(run(tune(trials=3, seed=seed, sampler=sampler)))}
                for seed in (0, 1)
            )
            assert not one & other

    def test_points_are_tried_as_they_are_wherever_they_lie(self) -> None:
        points = [{BETA: 500.0, "train.seed": 3}, {BETA: 500.0, "train.seed": 4}]
        assert choices(run(tune(), points=points)) == points

    @pytest.mark.parametrize("calls", range(8))
    def test_a_slot_claimed_while_slots_are_counted_is_counted_once(self, calls: int) -> None:
        where = ClaimedMeanwhile(calls)
        study = study_in(where, tune(sampler="random"))
        study.plan(4)
        where.armed = True
        study.plan(6)
        assert sorted(states(study)) in (
            ["RUNNING"] + ["WAITING"] * 5,
            ["WAITING"] * 6,
        )
        study.plan(6)
        assert len(study.trials()) == 6

    def test_what_somebody_else_made_wait_is_left_alone(self) -> None:
        """As optuna-dashboard does."""
        where = InMemoryStorage()
        study_in(where, tune()).optuna.enqueue_trial({BETA: 1.0})
        assert len(run(tune(trials=3), where=where)) == 3
        assert states(study_in(where, tune()))[0] == "WAITING"


class Stopping(list[Record]):
    """Ctrl-C when so many have been told."""

    def __init__(self, count: int) -> None:
        self.left = count

    def append(self, record: Record) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


class ClaimedMeanwhile(InMemoryStorage):
    """A worker claims the first slot before the reading of trials of some number."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls, self.armed = calls, False

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        if self.armed and self.calls == 0:
            self.set_trial_state_values(0, TrialState.RUNNING)
        self.calls -= self.armed
        return super().get_all_trials(study_id, deepcopy, states)


class TestSampling:
    @pytest.mark.parametrize("sampler", ["tpe", "gp"])
    def test_the_sampler_goes_where_the_score_is_high(self, sampler: str) -> None:
        """Random trials, of which the first ten are made, are as far from the best at the end."""
        settings = tune(sampler=sampler, trials=24, space=WIDE)
        score = studies.table(run(settings), settings)["score"]
        assert score[10:].median() > score[:10].median() + 1

    @pytest.mark.parametrize("sampler", ["random", "qmc", "grid"])
    def test_the_order_in_which_workers_are_done_changes_nothing(self, sampler: str) -> None:
        settings = tune(sampler=sampler, trials=9)
        study = study_in(InMemoryStorage(), settings)
        study.plan(9)
        claimed = [study.claim() for _ in range(9)]
        for trial in reversed(claimed):
            assert trial is not None
            worker.tried(study, trial, attempt)
        assert study.claim() is None
        assert outcomes(study.records()) == outcomes(run(settings))

    @pytest.mark.parametrize("sampler", SAMPLERS)
    @pytest.mark.parametrize(
        "search",
        [
            {"mode": "pareto"},
            {"mode": "budget", "rate_nats": 15.0},
            {"mode": "budget", "rate_nats": 15.0, "pruner": "median"},
            {"mode": "budget", "rate_nats": 15.0, "pruner": "hyperband"},
            {"pruner": "median"},
            {"pruner": "hyperband"},
            {"score": ["elbo", "accuracy"]},
        ],
        ids=lambda search: "-".join(map(str, search.values())),
    )
    def test_every_mode_runs_with_every_sampler_and_pruner(
        self, sampler: str, search: dict[str, Any]
    ) -> None:
        settings = tune(sampler=sampler, trials=12, epochs=4, **search)
        records = run(settings)
        table = studies.table(records, settings)
        assert len(table) == 12
        assert set(table["state"]) <= {"complete", "pruned"}
        assert (table["state"] == "complete").any()
        assert table.loc[table["state"] == "pruned", "score"].isna().all()

    @pytest.mark.parametrize(("sampler", "trials"), [("tpe", 30), ("gp", 16)])
    def test_pareto_goes_to_the_front(self, sampler: str, trials: int) -> None:
        settings = tune(sampler=sampler, trials=trials, mode="pareto", space=WIDE)
        where = InMemoryStorage()
        table = studies.table(run(settings, where=where), settings)
        known = {trial.number for trial in study_in(where, settings).optuna.best_trials}
        assert set(picks.front(table)["trial"]) == known
        assert table["score"].equals(table["elbo_nats"])
        random = studies.table(run(tune(trials=trials, space=WIDE, sampler="random")), settings)
        assert hypervolume(table) > hypervolume(random)

    @pytest.mark.parametrize(("sampler", "trials"), [("tpe", 30), ("gp", 20)])
    def test_budget_looks_for_the_least_distortion_that_keeps_it(
        self, sampler: str, trials: int
    ) -> None:
        """The least distortion of all lies at beta 0.01, where the rate is 40 nats."""
        search = {"mode": "budget", "rate_nats": 10.0, "trials": trials, "space": WIDE}
        settings = tune(sampler=sampler, **search)
        table = studies.table(run(settings), settings)
        kept = table["rate_nats"] <= 10
        assert table["score"].equals((-table["distortion_nats"]).where(kept))
        assert kept[10:].mean() > kept[:10].mean()
        random = studies.table(run(tune(sampler="random", **search)), settings)
        assert table["score"].max() > random["score"].max()

    @pytest.mark.parametrize("mode", ["median", "hyperband"])
    @pytest.mark.parametrize("sampler", ["random", "grid"])
    def test_trials_that_fall_behind_are_pruned_and_kept(self, mode: str, sampler: str) -> None:
        settings = tune(pruner=mode, trials=25, epochs=4, space=WIDE, sampler=sampler)
        records = run(settings)
        table, curves = studies.table(records, settings), studies.curves(records)
        pruned = table["state"] == "pruned"
        assert 0 < pruned.sum() < 25
        assert (table.loc[pruned, "epochs"] < 4).any()
        scores = pd.Series([outcome_of(choice).elbo_nats for choice in choices(records)])
        assert scores[pruned].median() < scores[~pruned].median()
        assert table.loc[pruned, ["elbo_nats", "rate_nats", "seconds"]].isna().all(axis=None)
        assert curves.groupby("trial").size().tolist() == table["epochs"].tolist()
        assert [*curves] == [
            "trial",
            "state",
            "epoch",
            "valid_elbo_nats",
            "valid_rate_nats",
            "valid_distortion_nats",
        ]

    def test_no_pruner_prunes_nothing(self) -> None:
        assert {record.state for record in run(tune(trials=12, space=WIDE))} == {"complete"}


def hypervolume(table: pd.DataFrame) -> float:
    points = table[["rate_nats", "distortion_nats"]].to_numpy()
    return float(optuna._hypervolume.compute_hypervolume(points, np.array([40.0, 150.0])))


class TestFailures:
    def test_a_failed_trial_is_kept_with_its_error_and_the_rest_goes_on(self) -> None:
        def small_fails(choice: Choice, report: Report) -> Outcome:
            found = attempt(choice, report)
            return failing(choice, report) if choice[LATENT] < 16 else found

        settings = tune(trials=12)
        records = run(settings, small_fails)
        table = studies.table(records, settings)
        assert len(table) == 12
        failed = table[table["state"] == "failed"]
        assert 0 < len(failed) < 12
        assert (failed[LATENT] < 16).all()
        assert failed["score"].isna().all()
        assert (failed["epochs"] == 4).all()
        assert failed["error"].str.startswith("The loss stopped being finite at step").all()
        assert (table[table["state"] == "complete"]["error"] == "").all()

    def test_settings_that_contradict_each_other_fail_their_trial(self) -> None:
        def refused(choice: Choice, report: Report) -> Outcome:
            raise SettingsError("objective: free_nats and capacity_nats both set the rate.")

        records = run(tune(trials=2), refused)
        assert {record.error.partition(":")[0] for record in records} == {"objective"}

    def test_all_failed_names_the_commonest_cause(self) -> None:
        causes = iter(["Odd.", "Not finite at step 7.", "Not finite at step 12.", "Other."])

        def fail(choice: Choice, report: Report) -> Outcome:
            raise NumericalError(next(causes))

        said = r"^All 4 trials failed, 2 of them like this: Not finite at step 7\.$"
        with pytest.raises(StudyError, match=said):
            studies.require_success(run(tune(trials=4), fail))

    def test_one_complete_trial_is_a_success(self) -> None:
        studies.require_success(run(tune(trials=1)))

    def test_what_is_a_bug_keeps_the_slot_for_the_next_run(self) -> None:
        def bug(choice: Choice, report: Report) -> Outcome:
            raise ZeroDivisionError

        where = InMemoryStorage()
        with pytest.raises(ZeroDivisionError):
            run(tune(trials=3), bug, where)
        assert outcomes(resumed(tune(trials=3), where)) == outcomes(run(tune(trials=3)))

    def test_an_outcome_that_is_not_finite_is_a_bug_and_no_trial(self) -> None:
        def infinite(choice: Choice, report: Report) -> Outcome:
            return dataclasses.replace(outcome_of(choice), elbo_nats=math.nan)

        where = InMemoryStorage()
        with pytest.raises(ValueError, match="nan"):
            run(tune(trials=2), infinite, where)
        assert len(resumed(tune(trials=2), where)) == 2


class TestKills:
    @pytest.mark.parametrize("sampler", ["random", "qmc"])
    def test_a_killed_study_ends_as_if_it_had_not_been(self, tmp_path: Path, sampler: str) -> None:
        settings = tune(trials=12, sampler=sampler)
        killed_after(4, settings, tmp_path)
        killed_after(7, settings, tmp_path)
        with opened(tmp_path) as where:
            records = run(settings, where=where)
            found = states(study_in(where, settings))
        assert outcomes(records) == outcomes(run(settings))
        assert (found.count("COMPLETE"), found.count("FAIL"), len(found)) == (12, 1 + 1, 14)

    def test_a_trial_that_kills_its_process_is_tried_three_times(self, tmp_path: Path) -> None:
        settings = tune(trials=2, sampler="random")
        for _ in range(studies.MOST_ATTEMPTS):
            killed_after(0, settings, tmp_path)
        with opened(tmp_path) as where:
            records = run(settings, where=where)
            asked = [trial.params for trial in study_in(where, settings).trials()]
        killed, sound = sorted(records, key=lambda record: record.state, reverse=True)
        assert killed.error.startswith("Its process died in each of 3 attempts.")
        assert killed.worker.endswith(tuple("0123456789"))
        assert sorted(map(json.dumps, choices([killed, sound]))) == sorted(
            map(json.dumps, choices(run(settings)))
        )
        assert len(asked) == 4
        assert len({json.dumps(params) for params in asked}) == 2

    def test_a_lost_trial_is_asked_for_again_before_what_follows(self, tmp_path: Path) -> None:
        settings = tune(trials=5, sampler="random")
        killed_after(1, settings, tmp_path)
        tried: list[Choice] = []

        def noted(choice: Choice, report: Report) -> Outcome:
            tried.append(choice)
            return attempt(choice, report)

        with opened(tmp_path) as where:
            run(settings, noted, where)
        assert tried == choices(run(settings))[1:]

    def test_interrupting_is_no_attempt(self) -> None:
        def die(choice: Choice, report: Report) -> Outcome:
            raise ZeroDivisionError

        where = InMemoryStorage()
        for _ in range(studies.MOST_ATTEMPTS - 1):
            interrupted_after(0, tune(trials=2), where)
        with pytest.raises(ZeroDivisionError):
            resumed(tune(trials=2), where, attempt=die)
        assert outcomes(resumed(tune(trials=2), where)) == outcomes(run(tune(trials=2)))

    def test_a_kill_between_failing_a_trial_and_asking_again_loses_nothing(self) -> None:
        where = InMemoryStorage()
        interrupted_after(2, tune(trials=4), where)
        study_in(where, tune()).reap(EverybodyGone())
        assert outcomes(run(tune(trials=4), where=where)) == outcomes(run(tune(trials=4)))

    def test_a_kill_between_a_claim_and_its_owner_loses_nothing(self) -> None:
        where = InMemoryStorage()
        study = study_in(where, tune(trials=2))
        study.plan(2)
        where.set_trial_state_values(0, TrialState.RUNNING)
        watch = alive.Watch(private=True, patience_seconds=0.1)
        assert not study.reap(watch)  # whoever it was may be about to say so
        records = run(tune(trials=2), where=where, watch=watch)
        assert outcomes(records) == outcomes(run(tune(trials=2)))

    @pytest.mark.parametrize("which", range(4))
    def test_a_damaged_line_of_a_slot_costs_no_trial(self, tmp_path: Path, which: int) -> None:
        """The first two were completed, the third runs, the fourth waits."""
        settings = tune(trials=4, sampler="random")
        killed_after(2, settings, tmp_path)
        path = tmp_path / "s.journal"
        lines = path.read_bytes().splitlines(keepends=True)
        made = [i for i, line in enumerate(lines) if json.loads(line)["op_code"] == 4]
        lines[made[which]] = b"\0" * 20 + b"\n"
        path.write_bytes(b"".join(lines))
        journal.mend(path)
        with opened(tmp_path) as where:
            records = resumed(settings, where)
        assert [record.state for record in records] == ["complete"] * 4
        unbroken = [json.dumps(choice) for choice in choices(run(settings))]
        found = [json.dumps(choice) for choice in choices(records)]
        assert set(found[:2]) == set(unbroken[:2])

    def test_two_at_once_are_refused_in_one_line(self, tmp_path: Path) -> None:
        with coordinator.alone("s", tmp_path):
            with pytest.raises(StudyError, match=r"^Study s is being run by another") as refused:
                coordinator.alone("s", tmp_path).__enter__()
            assert "\n" not in str(refused.value)
            with coordinator.alone("other", tmp_path):
                pass
        with coordinator.alone("s", tmp_path):
            pass

    def test_a_killed_process_holds_no_study(self, tmp_path: Path) -> None:
        def held() -> None:
            with coordinator.alone("s", tmp_path):
                os.kill(os.getpid(), signal.SIGKILL)

        process(held).join()
        with coordinator.alone("s", tmp_path):
            pass


def wait_until(happened: Callable[[], object]) -> None:
    """The test's own time limit ends it otherwise."""
    while not happened():
        time.sleep(0.02)


def owned(where: BaseStorage, owner: dict[str, Any]) -> tuple[Study, FrozenTrial]:
    """A study with one running trial."""
    study = study_in(where, tune(trials=1))
    study.plan(1)
    trial = study.claim()
    assert trial is not None
    trial.set_user_attr(alive.OWNER, alive.me() | owner)
    return study, where.get_trial(0)


class TestAlive:
    def test_this_process_lives(self) -> None:
        _, trial = owned(InMemoryStorage(), {})
        assert not alive.Watch(private=True).is_dead(trial)

    def test_another_process_of_the_same_number_is_not_the_same(self) -> None:
        _, trial = owned(InMemoryStorage(), {"started": alive.me()["started"] - 100})
        assert alive.Watch(private=True).is_dead(trial)

    def test_a_paused_process_lives_and_a_zombie_does_not(self) -> None:
        sleeping = process(time.sleep, 60)
        started = psutil.Process(sleeping.pid).create_time()
        _, trial = owned(InMemoryStorage(), {"pid": sleeping.pid, "started": started})
        watch = alive.Watch(private=False, patience_seconds=0.0)
        os.kill(sleeping.pid or 0, signal.SIGSTOP)
        wait_until(lambda: psutil.Process(sleeping.pid).status() == psutil.STATUS_STOPPED)
        assert not any(watch.is_dead(trial) for _ in range(3))
        os.kill(sleeping.pid or 0, signal.SIGKILL)
        wait_until(lambda: psutil.Process(sleeping.pid).status() == psutil.STATUS_ZOMBIE)
        assert watch.is_dead(trial)
        sleeping.join()
        assert watch.is_dead(trial)

    def test_elsewhere_only_beats_are_seen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = 1000.0
        monkeypatch.setattr(alive.time, "monotonic", lambda: now)
        where = InMemoryStorage()
        study, _ = owned(where, {"machine": "another"})
        watch = alive.Watch(private=False, patience_seconds=60.0)
        for beat in range(4):
            assert not study.reap(watch)
            now += 59
            assert not study.reap(watch)
            where.set_trial_user_attr(0, alive.BEAT, beat)
        assert not study.reap(watch)
        now += 3600  # in which the storage was away
        assert not study.reap(watch)
        now += 30
        assert study.reap(watch)
        assert states(study) == ["FAIL"]

    def test_a_private_study_has_nobody_elsewhere(self) -> None:
        study, _ = owned(InMemoryStorage(), {"machine": "that was booted anew"})
        assert study.reap(alive.Watch(private=True))

    def test_a_claim_that_has_no_owner_yet_is_given_some_seconds(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = 0.0
        monkeypatch.setattr(alive.time, "monotonic", lambda: now)
        where = InMemoryStorage()
        study = study_in(where, tune(trials=1))
        study.plan(1)
        where.set_trial_state_values(0, TrialState.RUNNING)
        watch = alive.Watch(private=True)
        assert not study.reap(watch)
        now += alive.SECONDS_WITHOUT_OWNER / 2
        assert not study.reap(watch)
        now += alive.SECONDS_WITHOUT_OWNER / 2
        assert study.reap(watch)

    def test_a_heart_beats_while_the_body_works_and_no_longer(self) -> None:
        where = InMemoryStorage()
        study = study_in(where, tune(trials=1))
        study.plan(1)
        trial = study.claim()
        assert trial is not None
        with alive.beating(trial, seconds_between=0.005):
            wait_until(lambda: where.get_trial(0).user_attrs.get(alive.BEAT, 0) >= 3)
        beats = where.get_trial(0).user_attrs[alive.BEAT]
        time.sleep(0.05)
        assert where.get_trial(0).user_attrs[alive.BEAT] == beats

    def test_the_heart_of_a_trial_that_was_taken_away_stops_quietly(self) -> None:
        where = InMemoryStorage()
        study = study_in(where, tune(trials=1))
        study.plan(1)
        trial = study.claim()
        assert trial is not None
        study.reap(EverybodyGone())
        with alive.beating(trial, seconds_between=0.001):
            time.sleep(0.05)


class TestTakenAway:
    """What a worker does whose trial went to another, since nobody saw it any more."""

    @pytest.mark.parametrize("end", ["outcome", "failure", "pruned"])
    def test_its_result_is_left_out(self, end: str, capsys: pytest.CaptureFixture[str]) -> None:
        where = InMemoryStorage()
        settings = tune(trials=2)

        def slow(choice: Choice, report: Report) -> Outcome:
            watching = study_in(where, settings)
            watching.reap(EverybodyGone())
            watching.plan(2)
            if end == "failure":
                raise NumericalError("Too late.")
            if end == "pruned":
                raise worker.Pruned
            return outcome_of(choice)

        study = study_in(where, settings)
        study.plan(2)
        trial = study.claim()
        assert trial is not None
        worker.tried(study, trial, slow)
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "trial 0 was given to another process" in said
        assert states(study) == ["FAIL", "WAITING", "WAITING"]
        assert outcomes(run(settings, where=where)) == outcomes(run(settings))

    def test_ctrl_c_in_that_moment_is_ctrl_c(self) -> None:
        def interrupted(choice: Choice, report: Report) -> Outcome:
            study.reap(EverybodyGone())
            raise KeyboardInterrupt

        study = study_in(InMemoryStorage(), tune())
        study.plan(1)
        trial = study.claim()
        assert trial is not None
        with pytest.raises(KeyboardInterrupt):
            worker.tried(study, trial, interrupted)

    def test_a_slot_that_another_process_had_first_is_not_had(self) -> None:
        class Late(InMemoryStorage):
            """Shows slots as they were a moment ago."""

            def get_all_trials(self, *arguments: Any, **more: Any) -> list[FrozenTrial]:
                seen = super().get_all_trials(*arguments, **more)
                for trial in seen[:2]:
                    if self.get_trial(trial._trial_id).state == TrialState.WAITING:
                        self.set_trial_state_values(trial._trial_id, TrialState.RUNNING)
                for trial in seen[:1]:
                    self.set_trial_state_values(trial._trial_id, TrialState.FAIL)
                return seen

        where = InMemoryStorage()
        study = study_in(where, tune())
        study.plan(3)
        where.__class__ = Late
        trial = study.claim()
        assert trial is not None
        assert trial.number == 2


class TestWorkers:
    def test_two_share_the_slots(self, tmp_path: Path) -> None:
        settings = tune(trials=8, sampler="random")

        def slowly(choice: Choice, report: Report) -> Outcome:
            time.sleep(0.1)
            return attempt(choice, report)

        def help_out() -> None:
            with opened(tmp_path) as where:
                worker.work(study_in(where, settings), slowly, private=True)

        with opened(tmp_path) as where:
            study_in(where, settings).plan(8)
            second = process(help_out)
            wait_until(lambda: "RUNNING" in states(study_in(where, settings)))
            records = run(settings, slowly, where)
        second.join()
        assert second.exitcode == 0
        assert len({record.worker for record in records}) == 2
        assert choices(records) == choices(run(settings))

    def test_what_a_killed_worker_had_is_done_by_another(self, tmp_path: Path) -> None:
        settings = tune(trials=5, sampler="random")

        def die(choice: Choice, report: Report) -> Outcome:
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError

        def help_out() -> None:
            with opened(tmp_path) as where:
                worker.work(study_in(where, settings), die, private=True)

        with opened(tmp_path) as where:
            study_in(where, settings).plan(5)
            second = process(help_out)
            second.join()
            records = run(settings, where=where)
            found = states(study_in(where, settings))
        assert outcomes(records) == outcomes(run(settings))
        assert sorted(found) == ["COMPLETE"] * 5 + ["FAIL"]

    def test_what_another_worker_gave_back_is_done_in_the_same_run(self) -> None:
        settings = tune(trials=4, sampler="random")
        where = InMemoryStorage()
        interrupted = iter([True])

        def beside_another(choice: Choice, report: Report) -> Outcome:
            if next(interrupted, False):
                other = study_in(where, settings)
                trial = other.claim()
                assert trial is not None
                with pytest.raises(KeyboardInterrupt):
                    worker.tried(other, trial, interrupting_after(0))
            return attempt(choice, report)

        assert outcomes(run(settings, beside_another, where)) == outcomes(run(settings))

    def test_a_worker_ends_with_who_started_it(self, tmp_path: Path) -> None:
        told = tmp_path / "pid"

        def second() -> None:
            worker.die_with(os.getppid())
            (tmp_path / "partial").write_text(str(os.getpid()))
            (tmp_path / "partial").rename(told)
            time.sleep(300)

        def first() -> None:
            process(second).join()

        parent = process(first)
        wait_until(told.exists)
        child = psutil.Process(int(told.read_text()))
        owner = alive.me() | {"pid": child.pid, "started": child.create_time()}
        parent.kill()
        parent.join()
        wait_until(lambda: not alive._runs(owner))

    def test_it_ends_when_the_study_has_or_when_nothing_is_to_be_had(self) -> None:
        study = study_in(InMemoryStorage(), tune())
        study.plan(2)
        assert worker.work(study, attempt, most_idle_seconds=0.0) == 2
        study.plan(4)
        study.ended = True
        assert worker.work(study, attempt) == 0
        assert states(study).count("WAITING") == 2

    def test_one_that_dies_again_and_again_is_not_replaced(self, tmp_path: Path) -> None:
        script = f"echo $OMP_NUM_THREADS >> {tmp_path / 'starts'}"
        others = coordinator.Workers(["sh", "-c", script], 1, threads=3)
        for _ in range(5):
            others.keep()
            [started] = [each for each in others._running if each]
            started.wait()
        assert (tmp_path / "starts").read_text() == "3\n" * 3

    def test_ctrl_c_in_a_terminal_reaches_them_once(self) -> None:
        """A terminal sends it to its process group; `end` passes it on."""
        others = coordinator.Workers(["sleep", "300"], 1, threads=1)
        others.keep()
        [started] = [each for each in others._running if each]
        try:
            assert os.getpgid(started.pid) != os.getpgrp()
        finally:
            others.end(signal.SIGTERM)

    @pytest.mark.parametrize("count", [1, 2, 10_000])
    def test_the_cores_are_shared_out(self, count: int) -> None:
        cores = len(os.sched_getaffinity(0))
        assert count * coordinator.threads_of_each(count) <= max(cores, count)

    def test_none_here_and_no_place_to_meet_is_refused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv(prepared.STORAGE, raising=False)
        ready: Any = None  # not needed for that
        study = study_in(InMemoryStorage(), tune(workers=0))
        with pytest.raises(StudyError, match=r"tune\.workers is 0.*STUDY_STORAGE"):
            coordinator.carry_out(ready, study, 3, lambda _: None)

    def test_none_here_leaves_the_trials_to_the_others(self, tmp_path: Path) -> None:
        settings = tune(trials=3, sampler="random", workers=0)

        def elsewhere() -> None:
            with opened(tmp_path) as where:
                worker.work(study_in(where, settings), attempt)

        with opened(tmp_path) as where:
            study = study_in(where, settings)
            study.plan(3)
            other = process(elsewhere)
            others = coordinator.Workers([], 0, 1)
            records = coordinator.run(study, 3, None, lambda _: None, alive.Watch(False), others)
        other.join()
        assert len(records) == 3
        assert {record.worker.rpartition(":")[2] for record in records} == {str(other.pid)}


class TestTable:
    def test_a_row_for_each_trial_in_the_columns_that_were_agreed_on(self) -> None:
        dimensions = {
            "model.hidden": {"choices": [[8], [16]]},
            "train.clip_norm": {"choices": [None, 1.0]},
            BETA: {"low": 0.1, "high": 1.0, "when": {"model.hidden": [[8]]}},
        }
        settings = tune(space=dimensions, trials=8, sampler="random")
        records = run(settings)
        table = studies.table(records, settings)
        assert [*table] == [
            *("trial", "state", "model.hidden", "train.clip_norm", BETA, "score"),
            *("rate_nats", "distortion_nats", "elbo_nats", "active_units", "seconds", "epochs"),
            *("accuracy", "worker", "error"),
        ]
        for row, choice in zip(table.to_dict("records"), choices(records), strict=True):
            assert json.loads(row["model.hidden"]) == choice["model.hidden"]
            assert json.loads(row["train.clip_norm"]) == choice["train.clip_norm"]
            assert math.isnan(row[BETA]) == (BETA not in choice)
        assert table["epochs"].tolist() == [4] * 8
        assert len(studies.curves(records)) == 8 * 4

    def test_of_several_scores_the_mean_of_the_standardised_ones(self) -> None:
        settings = tune(score=["elbo", "accuracy"], trials=5, sampler="random")
        table = studies.table(run(settings), settings)
        z = (table[["elbo_nats", "accuracy"]] - table[["elbo_nats", "accuracy"]].mean()) / table[
            ["elbo_nats", "accuracy"]
        ].std(ddof=0)
        assert table["score"].tolist() == pytest.approx(z.mean(axis=1).tolist())

    def test_the_default_is_that_of_whoever_made_the_study(self) -> None:
        storage = InMemoryStorage()
        made = study_in(storage, tune())
        applied = space.applied({BETA: 3.0}, made.sections)
        again = Study(storage, made.name, made.settings, applied)
        assert again.default == made.default
        assert again.default[BETA] != 3.0


class TestImportance:
    @pytest.mark.parametrize("sampler", ["random", "grid", "qmc"])
    def test_the_setting_that_moves_the_score_comes_first(self, sampler: str) -> None:
        dimensions = WIDE | {LATENT: {"low": 15, "high": 17}}
        settings = tune(space=dimensions, trials=20, sampler=sampler)
        where = InMemoryStorage()
        records = run(settings, where=where)
        study = study_in(where, settings)
        found = importance.table(study, studies.table(records, settings), 0)
        assert found["setting"].tolist() == [BETA, LATENT]
        assert found["importance"].sum() == pytest.approx(1)
        assert found["importance"][0] > 0.8

    @pytest.mark.parametrize("trials", [1, 3])
    def test_of_few_trials_it_is_an_empty_table(self, trials: int) -> None:
        where = InMemoryStorage()
        settings = tune(trials=trials)
        table = studies.table(run(settings, where=where), settings)
        found = importance.table(study_in(where, settings), table, 0)
        assert found.empty
        assert [*found] == ["setting", "importance"]


class TestProgress:
    def test_the_plan_is_what_will_be_searched_and_how_much_is_left(self) -> None:
        where = InMemoryStorage()
        dimensions = WIDE | {
            "model.hidden": {"choices": [[8], [16]]},
            "objective.warmup": {"low": 0.0, "high": 0.5, "step": 0.1},
            "train.clip_norm": {"choices": [None, 1.0], "when": {"model.hidden": [[8]]}},
        }
        settings = tune(
            trials=5, space=dimensions, pruner="median", score="macro_recall", labels=5, workers=2
        )
        study = study_in(where, settings)
        first, second, *searched, last = progress.plan(study, 5, "; others may join")
        assert first == (
            "study s: the highest macro recall on validation with 5 labels of each class"
        )
        assert second == (
            "  5 trials of 8 epochs by tpe, pruned by median; 2 workers here; others may join"
        )
        assert [line.split(maxsplit=1) for line in searched] == [
            [BETA, "0.01 to 100, log scale"],
            [LATENT, "1 to 512, log scale"],
            ["model.hidden", "one of [8], [16]"],
            ["objective.warmup", "0 to 0.5, in steps of 0.1"],
            ["train.clip_norm", "one of null, 1.0, where model.hidden is [8]"],
        ]
        assert last == "  0 of 5 trials are done; how long it takes is told after two more"

    @pytest.mark.parametrize(
        ("search", "said"),
        [
            ({"mode": "pareto"}, "study s: rate against distortion of the validation split"),
            ({"mode": "budget", "rate_nats": 12.5}, "with a rate of at most 12.5 nats"),
            ({"score": ["elbo", "accuracy"]}, "study s: the highest ELBO and accuracy on"),
        ],
    )
    def test_the_goal_is_told_in_words(self, search: dict[str, Any], said: str) -> None:
        assert said in next(progress.plan(study_in(InMemoryStorage(), tune(**search)), 20, ""))

    def test_a_line_says_how_far_it_is_what_is_best_and_from_two_on_what_is_left(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        settings = tune(trials=4, sampler="random")
        where = InMemoryStorage()
        interrupted_after(1, settings, where)
        study = study_in(where, settings)
        with progress.Progress(study, 4) as shown:
            records = run(settings, where=where, watch=EverybodyGone())
            capsys.readouterr()
            for record in records:
                shown.show(record)
        lines = capsys.readouterr().err.splitlines()
        counts = [line.partition("(")[2].partition(")")[0] for line in lines]
        assert counts == ["2 of 4", "3 of 4", "4 of 4"]
        assert [line.endswith(" left") for line in lines] == [False, True, False]
        best = max(records, key=lambda record: outcome_of(record.choice).elbo_nats)
        score = outcome_of(best.choice).elbo_nats
        assert (
            f"; best {score:.5g} (trial {best.trial}: beta {best.choice[BETA]:.3g}, latent"
            in (lines[-1])
        )

    def test_failed_pruned_and_over_the_budget_are_told_as_such(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        settings = tune(trials=3, mode="budget", rate_nats=1.0)
        study = study_in(InMemoryStorage(), settings)
        choice = {BETA: 1.0, LATENT: 4}
        row = {"epoch": 1.0}
        with progress.Progress(study, 3) as shown:
            shown.show(Record(0, "failed", choice, error="Not finite."))
            shown.show(Record(1, "pruned", choice, curve=(row, row)))
            shown.show(Record(2, "complete", choice, outcome_of(choice)))
        failed, pruned, over = capsys.readouterr().err.splitlines()
        assert failed == "trial 0 (1 of 3): failed: Not finite.; none complete yet"
        assert pruned.startswith("trial 1 (2 of 3): pruned after 2 epochs; none complete yet")
        assert over.endswith("nats; none within the budget yet")

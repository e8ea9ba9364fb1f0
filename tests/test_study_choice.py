"""What a study chose: the pick, tune/best.json, params.yaml edited in place, and if it helped."""

import dataclasses
import itertools
import json
import math
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from sklearn.datasets import load_digits

from latentops import artifacts, config, provenance
from latentops.artifacts import Spec, Vocabulary
from latentops.cli.main import cli
from latentops.errors import NumericalError, SettingsError, StudyError
from latentops.registry import trial as origin
from latentops.stages import train
from latentops.stages import tune as stage
from latentops.store import connect
from latentops.training.settings import Settings as TrainSettings
from latentops.tuning import cells, choice, compare, picks, prepared
from latentops.tuning.identity import Experiment
from latentops.tuning.outcome import Outcome
from latentops.tuning.settings import Settings
from latentops.tuning.trial import Trainer

ROOT = Path(__file__).resolve().parents[1]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
BETA, LATENT, HIDDEN = "objective.beta", "model.latent", "model.decoder_hidden"

TRIALS = pd.DataFrame(
    {
        "trial": [0, 1, 2, 4, 5],
        "state": ["complete", "failed", "complete", "complete", "pruned"],
        BETA: [0.5, 9.0, 1e-05, 2.0, 3.0],
        LATENT: pd.array([4, 8, 16, None, 8], dtype="Int64"),
        HIDDEN: ["[]", "[256]", "[256, 128]", "null", "[]"],
        "model.activation": ["silu", "relu", None, "relu", "relu"],
        "score": [-90.0, np.nan, -80.0, -80.0, np.nan],
        "rate_nats": [10.0, np.nan, 20.0, 5.0, 7.0],
        "distortion_nats": [80.0, np.nan, 60.0, 75.0, 99.0],
        "elbo_nats": [-90.0, np.nan, -80.0, -80.0, -106.0],
        "active_units": pd.array([4, None, 9, 2, None], dtype="Int64"),
        "seconds": [1.0, np.nan, 1.0, 1.0, 0.2],
        "error": ["", "The loss stopped being finite.", "", "", ""],
    }
)
DEFAULT = {BETA: 1.0, LATENT: 64}
SHARED = Experiment("digits", "d41d", {"train.batch_size": 50, "model.hidden": [8]})


def of_points(points: list[tuple[float, float]], state: str = "complete") -> pd.DataFrame:
    """Trials at these rates and distortions."""
    trials = pd.DataFrame(points, columns=pd.Index(picks.PLANE), dtype=float)
    elbo = -trials["rate_nats"] - trials["distortion_nats"]
    return trials.assign(trial=range(len(trials)), state=state, elbo_nats=elbo, score=elbo)


POINT = st.tuples(st.integers(0, 9), st.integers(0, 9))
POINTS = st.lists(POINT, min_size=1, max_size=12)


class TestPicks:
    @given(POINTS)
    def test_the_front_is_what_no_other_trial_beats(self, points: list[tuple[int, int]]) -> None:
        beaten = {
            one
            for one, other in itertools.permutations(set(points), 2)
            if other[0] <= one[0] and other[1] <= one[1]
        }
        found = picks.front(of_points([*points]))
        kept = list(zip(found["rate_nats"], found["distortion_nats"], strict=True))
        assert kept == sorted(set(points) - beaten)

    def test_only_complete_trials_are_on_the_front(self) -> None:
        trials = pd.concat([of_points([(3, 3)]), of_points([(1, 1)], state="pruned")])
        assert picks.front(trials)["rate_nats"].tolist() == [3]

    @given(POINTS, st.permutations(range(12)))
    def test_the_knee_is_furthest_from_the_line_between_the_ends(
        self, points: list[tuple[int, int]], order: list[int]
    ) -> None:
        """By the distance of a point to a line, and whatever the order of the rows."""
        trials = of_points([*points])
        line = picks.front(trials)
        ends = line.iloc[[0, -1]][picks.PLANE].to_numpy()
        spans = np.where(np.ptp(ends, axis=0) > 0, np.ptp(ends, axis=0), 1)
        (x0, y0), (x1, y1) = ends / spans
        below = {
            int(row["trial"]): -(x1 - x0) * (row["distortion_nats"] / spans[1] - y0)
            + (y1 - y0) * (row["rate_nats"] / spans[0] - x0)
            for _, row in line.iterrows()
        }
        found = picks.knee(trials)
        if max(below.values()) > 1e-9:
            assert below[found] == pytest.approx(max(below.values()))
        else:
            elbo = trials.set_index("trial")["elbo_nats"]
            assert elbo[found] == elbo[line["trial"]].max()
        shuffled = trials.iloc[[row for row in order if row < len(trials)]]
        again = trials.set_index("trial").loc[picks.knee(shuffled), picks.PLANE]
        assert again.tolist() == trials.set_index("trial").loc[found, picks.PLANE].tolist()

    @pytest.mark.parametrize(
        ("points", "knee"),
        [
            ([(0, 100), (1, 20), (50, 0)], 1),
            ([(50, 0), (1, 20), (0, 100)], 1),  # the order of the rows does not matter
            ([(0, 100), (1000, 0.5), (2000, 0)], 1),  # nor the scale of an axis
            ([(0, 8), (1, 4), (2, 2), (4, 1), (8, 0)], 2),
            ([(0, 100), (10, 99), (20, 0)], 2),  # bent outwards: there is no knee
            ([(0, 4), (2, 1)], 1),  # two points have no knee
            ([(0, 4), (1, 1), (3, 0)], 1),
            ([(5, 5)], 0),
            ([(0, 4), (1, 2), (2, 1), (4, 0)], 1),  # equally far: the lower rate
        ],
    )
    def test_known_knees(self, points: list[tuple[float, float]], knee: int) -> None:
        assert picks.knee(of_points(points)) == knee

    def test_the_best_is_the_first_of_the_highest(self) -> None:
        assert picks.best(TRIALS) == 2
        assert picks.best(TRIALS.iloc[::-1]) == 4

    @given(POINTS, st.integers(0, 9))
    def test_the_budget_holds_and_nothing_within_it_distorts_less(
        self, points: list[tuple[int, int]], rate: int
    ) -> None:
        allowed = [point for point in points if point[0] <= rate]
        assume(allowed)
        found = points[picks.within(of_points([*points]), rate)]
        assert found == min(allowed, key=lambda point: (point[1], point[0]))

    def test_a_budget_that_nothing_keeps_says_how_far_it_is(self) -> None:
        said = (
            r"^No trial has a rate of at most 4 nats: the lowest is 5\. Raise tune\.rate_nats, or "
            r"let tune\.space reach a larger objective\.beta\.$"
        )
        with pytest.raises(StudyError, match=said):
            picks.within(TRIALS, 4)
        for pick in ("best", "budget", "knee"):
            with pytest.raises(StudyError, match=said):
                picks.by(pick, TRIALS, "budget", 4)  # type: ignore[arg-type]

    def test_in_mode_budget_only_what_keeps_the_budget_is_picked(self) -> None:
        best_outside = TRIALS.assign(score=[-80.0, np.nan, -1.0, -75.0, np.nan])
        assert picks.by("best", best_outside, "score", None) == 2
        assert picks.by("best", best_outside, "budget", 10) == 4
        assert picks.by("budget", best_outside, "score", 10) == 4

    def test_a_budget_without_a_rate_is_refused(self) -> None:
        with pytest.raises(StudyError, match=r"Set tune\.rate_nats"):
            picks.by("budget", TRIALS, "pareto", None)

    def test_scores_are_standardised_over_complete_trials(self) -> None:
        trials = TRIALS.assign(accuracy=[0.1, np.nan, 0.2, 0.3, 0.9], same=0.1)
        found = picks.standardised(trials, ["accuracy"])
        assert found.tolist() == pytest.approx(
            [-math.sqrt(1.5), math.nan, 0, math.sqrt(1.5), math.nan], nan_ok=True
        )
        both = picks.standardised(trials, ["accuracy", "same"])
        assert both.tolist() == pytest.approx((found / 2).tolist(), nan_ok=True)
        only = picks.standardised(trials, ["same"])
        assert only[trials["state"] == "complete"].tolist() == [0.0, 0.0, 0.0]

    @given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=9), st.floats(0.1, 9))
    def test_standardised_scores_do_not_depend_on_the_unit(
        self, values: list[float], unit: float
    ) -> None:
        trials = of_points([(0, 0)] * len(values)).assign(a=values)
        assume(np.ptp(values) > 1e-3 or np.ptp(values) == 0)
        found, other = (
            picks.standardised(trials.assign(a=trials["a"] * factor + shift), ["a"])
            for factor, shift in ((1, 0), (unit, 5))
        )
        assert found.tolist() == pytest.approx(other.tolist(), abs=1e-6)


def tune(**values: Any) -> Settings:
    return Settings.model_validate(values)


def best(**values: Any) -> choice.Best:
    return choice.best(TRIALS, "abc", tune(**values), SHARED, DEFAULT)


class TestBest:
    def test_it_says_what_was_chosen_and_from_what(self, tmp_path: Path) -> None:
        found = best(mode="pareto")
        assert (found.trial, found.trials, found.pruned, found.failed) == (2, 3, 1, 1)
        assert found.settings == {BETA: 1e-05, LATENT: 16, HIDDEN: [256, 128]}
        assert (found.default, found.pick, found.mode) == (DEFAULT, "best", "pareto")
        assert (found.rate_nats, found.active_units, found.accuracy) == (20.0, 9, None)
        artifacts.write_json(found, tmp_path / "best.json")
        assert artifacts.read_schema(choice.Best, tmp_path / "best.json") == found
        written = json.loads((tmp_path / "best.json").read_text())
        assert written["settings"] == found.settings
        assert type(written["settings"][LATENT]) is int

    def test_the_pick_of_the_settings_is_taken(self) -> None:
        assert best(mode="pareto", pick="budget", rate_nats=6).trial == 4
        assert best(mode="budget", rate_nats=6).trial == 4
        assert best(mode="budget", rate_nats=6).rate_budget_nats == 6
        with pytest.raises(StudyError, match="No trial has a rate of at most 1 nats"):
            best(mode="budget", rate_nats=1)

    def test_scores_that_were_measured_are_kept(self) -> None:
        trials = TRIALS.assign(accuracy=[0.5, np.nan, 0.75, 0.5, np.nan])
        found = choice.best(trials, "abc", tune(score="accuracy"), SHARED, DEFAULT)
        assert (found.accuracy, found.macro_recall, found.score_name) == (0.75, None, "accuracy")


class TestPick:
    def test_settings_come_back_as_yaml_has_them(self) -> None:
        found = best()
        assert choice.pick(found, TRIALS) == {BETA: 1e-05, LATENT: 16, HIDDEN: [256, 128]}
        assert choice.pick(found, TRIALS, 4) == {
            BETA: 2.0,
            HIDDEN: None,
            "model.activation": "relu",
        }
        assert choice.pick(found, TRIALS, 0)[HIDDEN] == []

    def test_they_survive_the_file(self, tmp_path: Path) -> None:
        artifacts.write_table(TRIALS, tmp_path / "trials.parquet")
        read = artifacts.read_table(tmp_path / "trials.parquet")
        for trial in (0, 2, 4):
            assert choice.pick(best(), read, trial) == choice.pick(best(), TRIALS, trial)
        latent = choice.pick(best(), read, 2)[LATENT]
        assert type(latent) is int

    def test_another_pick_of_the_same_trials(self) -> None:
        found = best(mode="pareto", rate_nats=6)
        assert choice.pick(found, TRIALS, pick="budget")[BETA] == 2.0
        assert choice.pick(found, TRIALS, pick="best")[BETA] == 1e-05
        with pytest.raises(StudyError, match=r"Set tune\.rate_nats"):
            choice.pick(best(), TRIALS, pick="budget")

    @pytest.mark.parametrize(
        ("trial", "said"),
        [
            (3, r"^Study abc has no trial 3\. It has 0, 1, 2, 4, 5\.$"),
            (1, r"^Trial 1 of study abc failed: The loss stopped being finite\.$"),
            (5, r"^Trial 5 of study abc was pruned before its end\.$"),
        ],
    )
    def test_only_a_complete_trial_can_be_taken(self, trial: int, said: str) -> None:
        with pytest.raises(StudyError, match=said):
            choice.pick(best(), TRIALS, trial)

    def test_only_what_differs_needs_writing_and_what_was_not_chosen_goes_back(self) -> None:
        found = best()
        chosen = choice.pick(found, TRIALS, 4)
        present = {BETA: 2, LATENT: 16, HIDDEN: [8], "model.activation": "relu"}
        assert choice.changes(found, chosen, present) == {LATENT: 64, HIDDEN: None}


class TestFit:
    def test_a_choice_for_another_experiment_is_refused(self) -> None:
        choice.check_fits(best(), SHARED)
        other = Experiment("mnist", SHARED.data_md5, {**SHARED.fixed, "train.batch_size": 7})
        said = (
            r"^tune/best\.json is of another experiment than params\.yaml: "
            r"data\.source was digits, is mnist; train\.batch_size was 50, is 7\. Run `make tune`"
        )
        with pytest.raises(StudyError, match=said):
            choice.check_fits(best(), other)
        with pytest.raises(StudyError, match="the prepared data has changed"):
            choice.check_fits(best(), dataclasses.replace(SHARED, data_md5="0"))


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False)
    | st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=8)
)
VALUES = SCALARS | st.lists(SCALARS | st.lists(SCALARS, max_size=2), max_size=3)

LAYOUTS = [  # of the value `old` and the text that stays around it
    "# é\nmodel: {latent: 3}  # three\nobjective:\n  beta: '1'  # one\n",
    "model:\r\n  latent: 3\r\nobjective:  # of it\r\n  beta: 1e-3   # one\r\n  warmup: 0.3\r\n",
    "objective: {beta: , warmup: 0.3}\nmodel:\n  latent:\n  hidden: [2]\n",
    "objective:\n  beta:          # nothing yet\nmodel:\n  latent: 3  # last, without a line end",
    "objective: {warmup: 0, beta: [1, [2]]}\nmodel:\n  latent: {a: 1, b: [2]}  # odd\n",
    "model:\n  latent:  # widths\n    - 256\n    - 128\n\n  # next\n  hidden: [2]\n"
    "objective:\n  beta:\n  - [1, 2]\n  -\n  warmup: 3 # x\n",
    "model:\r\n  latent:\r\n  - 256\r\n  # kept\r\nobjective:\r\n  beta: [1,\r\n    2] # two\r\n",
    "objective:\n  beta:\n    - 1\n    - - 2\n      - 3\nmodel:\n  latent:\n    - 4",
    "---\nmodel:\n  latent: on\n  name: 'beta: 1 # no word'\nobjective: {\n  beta: 1 # c\n}\n",
]


def words_outside_values(text: str) -> list[str]:
    """Comments, in order."""
    return re.findall(r"(?<!')# (?!no )[^\r\n]*", text)


class TestEdited:
    @pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
    def test_applying_changes_two_values_and_nothing_else(self, recipe: Path) -> None:
        before = recipe.read_text()
        after = choice.edited(before, {BETA: 1e-05, LATENT: 12345})
        expected = yaml.safe_load(before)
        expected["objective"]["beta"], expected["model"]["latent"] = 1e-05, 12345
        assert yaml.safe_load(after) == expected
        pairs = list(zip(before.splitlines(), after.splitlines(), strict=True))
        changed = [(old, new) for old, new in pairs if old != new]
        assert len(changed) == 2
        for old, new in changed:
            assert old.split(":")[0] == new.split(":")[0]
            assert old.partition("#")[2] == new.partition("#")[2]
            assert old.find("#") == new.find("#")
        assert choice.edited(after, held(before, BETA, LATENT)) == before

    @pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
    def test_every_setting_of_a_recipe_can_be_written(self, recipe: Path) -> None:
        before = recipe.read_text()
        sections = yaml.safe_load(before)
        for section in ("model", "objective", "train"):
            for name in sections[section]:
                after = choice.edited(before, {f"{section}.{name}": [256, None, "a, b"]})
                expected = yaml.safe_load(before)
                expected[section][name] = [256, None, "a, b"]
                assert yaml.safe_load(after) == expected
                assert words_outside_values(after) == words_outside_values(before)
                assert len(after.splitlines()) == len(before.splitlines())

    @pytest.mark.parametrize("text", LAYOUTS)
    @given(beta=VALUES, latent=VALUES)
    def test_any_value_comes_back_as_it_went_in(self, text: str, beta: Any, latent: Any) -> None:
        after = choice.edited(text, {BETA: beta, LATENT: latent})
        expected = yaml.safe_load(text)
        expected["objective"]["beta"], expected["model"]["latent"] = beta, latent
        assert yaml.safe_load(after) == expected
        other = choice.edited(text, {BETA: 0, LATENT: 0})
        assert words_outside_values(other) == words_outside_values(text)
        assert after.count("\r") - str([beta, latent]).count("\r") == other.count("\r")

    def test_a_list_is_written_on_one_line_and_lines_around_it_stay(self) -> None:
        after = choice.edited(LAYOUTS[5], {LATENT: [256, 128, 64], BETA: None})
        assert after == (
            "model:\n  latent: [256, 128, 64] # widths\n\n  # next\n  hidden: [2]\n"
            "objective:\n  beta: null\n  warmup: 3 # x\n"
        )

    def test_a_setting_deeper_down_can_be_written(self) -> None:
        text = "train:\n  optimizer:\n    kind: adam # which\n    betas: [0.9, 0.99]\n"
        after = choice.edited(text, {"train.optimizer.kind": "sgd"})
        assert after == text.replace("adam # which", "sgd  # which")

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "model: {latent: 3}\n",
            "model: {latent: 3}\nobjective:\n",
            "model: {latent: 3}\nobjective: 4\n",
            "model: {latent: 3}\nobjective: [beta]\n",
            "model: {latent: 3}\nobjective: {warmup: 0.1}\n",
        ],
    )
    def test_a_setting_without_a_line_is_named(self, text: str) -> None:
        with pytest.raises(SettingsError, match=r"has no line for objective\.beta\. Add it\."):
            choice.edited(text, {BETA: 2.0})

    @pytest.mark.parametrize(
        "text",
        [
            "model: {latent: &size 3, hidden: [*size]}\nobjective: {beta: 1}\n",
            "objective: {beta: &size 1}\nmodel: {latent: *size}\n",
            "base: &base {latent: 3}\nobjective: {beta: 1}\nmodel: *base\n",
            "model: {latent: 3}\nobjective:\n  beta:\n  - 1 # this\n  - 2\n",
            "model: {latent: 3}\nobjective:\n  beta: [1, # this\n    2]\n",
            "model: {latent: 3}\nobjective:\n  beta: |\n    1\n  warmup: 0.1\n",
        ],
    )
    def test_what_cannot_be_edited_in_place_is_left_to_the_person(self, text: str) -> None:
        with pytest.raises(SettingsError, match=r"Set objective\.beta: 2\.0, model\.latent: 4 the"):
            choice.edited(text, {BETA: 2.0, LATENT: 4})

    def test_the_difference_shows_the_changed_lines(self) -> None:
        assert choice.difference("a: 1\nb: 2\n", "a: 1\nb: 3\n").splitlines() == [
            "--- params.yaml before",
            "+++ params.yaml after",
            "@@ -2 +2 @@",
            "-b: 2",
            "+b: 3",
        ]


def held(text: str, *names: str) -> dict[str, Any]:
    """The values of these settings."""
    values = yaml.safe_load(text)
    return {name: values[name.split(".")[0]][name.split(".")[1]] for name in names}


VALUE = st.one_of(
    st.lists(st.integers(-(10**6), 10**6), max_size=3),
    st.none(),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["silu", "relu", "a, b", ""]),
)


class TestCells:
    @given(st.lists(st.none() | VALUE.map(lambda value: (value,)), min_size=1, max_size=6))
    def test_a_setting_comes_back_from_its_column(
        self, tmp_path_factory: pytest.TempPathFactory, values: list[tuple[Any] | None]
    ) -> None:
        """None: the trial did not choose it."""
        path = tmp_path_factory.getbasetemp() / "cells.parquet"
        column = cells.column("a.b", [{"a.b": value[0]} if value else {} for value in values])
        artifacts.write_table(pd.DataFrame({"a.b": column}), path)
        read = artifacts.read_table(path)["a.b"].astype(object)
        for value, cell in zip(values, read, strict=True):
            if value is None:
                assert pd.isna(cell)
            else:
                assert cells.value(cell) == value[0]
                assert isinstance(cells.value(cell), bool) == isinstance(value[0], bool)

    def test_whole_numbers_stay_whole_where_some_are_missing(self) -> None:
        column = cells.column("model.latent", [{"model.latent": 8}, {}])
        assert column.astype(object).tolist() == [8, pd.NA]


def trained(**values: Any) -> Outcome:
    known = {"rate_nats": 9.0, "distortion_nats": 80.0, "elbo_nats": -89.0, "active_units": 3}
    return Outcome(**(known | {"seconds": 1.0, "epochs": 30} | values))


def comparison(
    chosen: list[Any], default: list[Any], field: str = "elbo_nats", **settings: Any
) -> compare.Comparison:
    """Of outcomes with these values, or of errors."""
    pairs = itertools.chain.from_iterable(zip(chosen, default, strict=True))
    given = [each if isinstance(each, str) else trained(**{field: each}) for each in pairs]
    seeds = [1 + place // 2 for place in range(len(given))]
    found = best(**settings)
    return compare.compared(found, TRIALS, tune(**settings), [*zip(seeds, given, strict=True)])


GAINS = st.lists(st.floats(-50, 50), min_size=2, max_size=9)


class TestCompare:
    @given(GAINS, st.floats(-3, 3))
    def test_the_interval_is_that_of_the_paired_t_test(
        self, gains: list[float], other: float
    ) -> None:
        assume(np.ptp(gains) > 1e-3)
        reference = stats.ttest_rel(np.array(gains) + other, np.full(len(gains), other))
        expected = reference.confidence_interval(0.95)
        found = compare.interval(gains)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-6)

    @pytest.mark.parametrize(
        ("chosen", "default", "verdict"),
        [
            ([-80.0, -81.0, -82.0], [-90.0, -91.5, -92.0], "helped"),
            ([-90.0, -91.5, -92.0], [-80.0, -81.0, -82.0], "made it worse"),
            ([-80.0, -90.0, -85.0], [-81.0, -84.0, -88.0], "no clear difference"),
            ([-80.0, -80.0], [-80.0, -80.0], "no clear difference"),
        ],
    )
    def test_the_verdict_is_that_of_the_interval(
        self, chosen: list[float], default: list[float], verdict: str
    ) -> None:
        found = comparison(chosen, default, mode="pareto")
        assert found.verdict == verdict
        assert (found.low > 0) == (verdict == "helped")
        assert (found.high < 0) == (verdict == "made it worse")
        assert found.gain == pytest.approx(np.mean(chosen) - np.mean(default))
        assert found.sentence.lower().startswith(
            verdict if verdict.startswith("no") else f"tuning {verdict}: elbo"
        )

    def test_seeds_are_paired(self) -> None:
        """Apart, what differs between seeds would hide what both gain with each."""
        found = comparison([-10.0, -50.0, -90.0], [-11.0, -51.1, -91.0], mode="pareto")
        assert found.verdict == "helped"
        assert 0.8 < found.low < found.high < 1.3

    def test_each_mode_has_its_score(self) -> None:
        by_accuracy = comparison([0.5, 0.7], [0.4, 0.5], "accuracy", score="accuracy")
        assert by_accuracy.gain == pytest.approx(0.15)
        by_budget = comparison(
            [70.0, 71.0], [80.0, 80.0], "distortion_nats", mode="budget", rate_nats=11
        )
        assert by_budget.gain == pytest.approx(9.5)
        assert by_budget.elbo_gain_nats == 0

    def test_several_scores_are_measured_in_the_studys_spread(self) -> None:
        trials = TRIALS.assign(accuracy=[0.1, np.nan, 0.2, 0.3, np.nan])
        settings = tune(score=["accuracy", "elbo"])
        spread = math.sqrt(2 / 3) / 10
        outcomes = [trained(accuracy=0.2 + up * spread) for up in (3, 1, 3, 1)]
        chosen = choice.best(trials, "abc", settings, SHARED, DEFAULT)
        found = compare.compared(
            chosen, trials, settings, [*zip((1, 1, 2, 2), outcomes, strict=True)]
        )
        assert (found.gain, found.low, found.high) == pytest.approx((1, 1, 1))

    @pytest.mark.parametrize(
        ("rates", "verdict"),
        [
            ((9.0, 30.0), "helped"),
            ((30.0, 9.0), "made it worse"),
            ((9.0, 10.0), "made it worse"),  # both keep it: less distortion decides
            ((30.0, 31.0), "made it worse"),
        ],
    )
    def test_what_keeps_the_budget_is_better_than_what_does_not(
        self, rates: tuple[float, float], verdict: str
    ) -> None:
        settings = {"mode": "budget", "rate_nats": 10}
        both = [
            trained(rate_nats=rate, distortion_nats=80.0 + (place == 0))
            for place, rate in enumerate(rates)
        ]
        found = compare.compared(
            best(**settings), TRIALS, tune(**settings), [*zip((1, 1, 2, 2), both * 2, strict=True)]
        )
        assert found.verdict == verdict
        assert found.rate_nats == dict(zip(compare.ARMS, rates, strict=True))
        assert "Of the budget of 10 nats of rate: chosen settings have" in found.sentence

    def test_a_training_that_failed_is_left_out_with_its_pair_and_named(self) -> None:
        found = comparison([-80.0, "Not finite.", -82.0], [-90.0, -50.0, -92.0], mode="pareto")
        assert (found.gain, found.seeds, len(found.trainings)) == (10.0, 2, 6)
        assert [*compare.failures(found)] == [
            "chosen settings, seed 2: left out, it failed: Not finite."
        ]
        assert len(compare.summary(found)) == 5

    def test_an_interval_needs_two_seeds(self) -> None:
        said = r"with 1 of 3 seeds, and an interval needs two: Not finite at step 7\.$"
        with pytest.raises(StudyError, match=said):
            comparison(["Not finite at step 7."] * 2 + [-82.0], [-90.0] * 3, mode="pareto")

    def test_what_is_trained_differs_in_the_arm_and_the_seed_alone(self) -> None:
        found = compare.points(best(), TrainSettings(seed=7, epochs=30), seeds=2)
        whole = {"train.epochs": 30}
        chosen = {BETA: 1e-05, LATENT: 16, HIDDEN: [256, 128]} | whole
        assert found == [
            chosen | {"train.seed": 8},
            DEFAULT | whole | {"train.seed": 8},
            chosen | {"train.seed": 9},
            DEFAULT | whole | {"train.seed": 9},
        ]

    def test_a_choice_of_the_default_leaves_nothing_to_compare(self) -> None:
        found = best()
        assert not compare.nothing_to_compare(found)
        same = found.model_copy(update={"default": found.settings | {"train.clip_norm": None}})
        assert compare.nothing_to_compare(same)

    def test_a_score_that_was_changed_since_is_refused(self) -> None:
        by_rate = tune(mode="budget", rate_nats=9.0)
        found = best(mode="budget", rate_nats=9.0)
        compare.check_same_score(found, by_rate)
        for other in (tune(mode="score"), tune(mode="budget", rate_nats=8.0)):
            with pytest.raises(StudyError, match="chose by mode budget"):
                compare.check_same_score(found, other)

    def test_the_file_has_no_number_that_is_none(self, tmp_path: Path) -> None:
        found = comparison([-80.0, "Not finite.", -82.0], [-90.0, -50.0, -92.0], mode="pareto")
        artifacts.write_json(found, tmp_path / "compare.json")
        assert artifacts.read_schema(compare.Comparison, tmp_path / "compare.json") == found
        assert all(math.isfinite(score) for score in compare.scores(found).values())


PARAMS = """\
data: {source: digits}
model:
  kind: mlp
  latent: 2                   # of z
  hidden: [8]
  decoder_hidden: [8]         # widths
objective:
  beta: 1.0                   # weight of the rate
train: {batch_size: 20, epochs: 2}
tune:
  mode: pareto
  trials: 4
  sampler: random
  epochs: 1
  rate_nats: 1000
  space:
    objective.beta: {low: 2.0, high: 9.0, log: true}
    model.latent: {low: 3, high: 5}
    model.decoder_hidden: {choices: [[], [4, 8], [16]]}
registry: {name: tiny}
"""


def run(*arguments: str) -> str:
    """What a command that succeeds printed."""
    return CliRunner().invoke(cli, arguments, catch_exceptions=False).output


def error_of(*arguments: str) -> BaseException:
    found = CliRunner().invoke(cli, arguments)
    assert found.exception is not None, found.output
    return found.exception


def applied() -> dict[str, Any]:
    """The searched settings as params.yaml holds them."""
    return held(config.PARAMS.read_text(), BETA, LATENT, HIDDEN)


@pytest.fixture
def project(mlflow_store: Path) -> Path:
    """Some handwritten digits, prepared, and settings beside them; it is the working directory."""
    digits = load_digits()
    config.PARAMS.write_text(PARAMS)
    Path("dvc.yaml").write_text("stages: {}\n")
    spec = Spec(
        source="digits", kind="image", shape=(1, 8, 8), levels=17, classes=tuple("0123456789")
    )
    artifacts.write_json(spec, artifacts.SPEC)
    artifacts.write_json(Vocabulary(), artifacts.VOCABULARY)
    for split, rows in {"train": slice(0, 100), "valid": slice(100, 160)}.items():
        x = digits.images[rows, None].astype(np.uint8)
        arrays = {"x": x, "y": digits.target[rows], "in_scope": np.ones(len(x), bool)}
        artifacts.write_tensors(arrays, artifacts.tensors_path(split))  # type: ignore[arg-type]
    return mlflow_store


@pytest.fixture
def studied(project: Path) -> choice.Best:
    stage.main()
    return artifacts.read_schema(choice.Best, artifacts.STUDY_BEST)


class TestShow:
    def test_trials_best_first_the_choice_and_what_apply_would_write(
        self, studied: choice.Best
    ) -> None:
        shown = run("tune", "show").splitlines()
        assert shown[0] == (
            f"study {studied.study} of digits, mode pareto: 4 complete, 0 pruned, 0 failed; "
            "score: elbo"
        )
        trials = [line for line in shown if "complete" in line][1:]
        assert len(trials) == 4
        assert trials[0].endswith("chosen")
        assert f"choice: trial {studied.trial}, by pick best" in shown
        before = run("tune", "apply")
        assert before.splitlines()[:-1] == shown[-len(before.splitlines()) + 1 :]
        assert run("tune", "show").splitlines()[-1] == "params.yaml holds this choice already."

    def test_as_json(self, studied: choice.Best) -> None:
        shown = json.loads(run("tune", "show", "--json"))
        assert (shown["study"], shown["mode"], shown["trials"]) == (studied.study, "pareto", 4)
        assert shown["settings"] == studied.settings
        scores = [trial["score"] for trial in shown["table"]]
        assert scores == sorted(scores, reverse=True)
        assert shown["table"][0][HIDDEN] == studied.settings[HIDDEN]
        assert shown["apply"].startswith("`latentops tune apply` would write:\n--- params.yaml")

    def test_a_study_of_something_else_is_shown_all_the_same(self, studied: choice.Best) -> None:
        config.PARAMS.write_text(PARAMS.replace("batch_size: 20", "batch_size: 10"))
        assert "train.batch_size was 20, is 10" in run("tune", "show").splitlines()[-1]


class TestApply:
    def test_the_choice_is_written_and_comments_kept(self, studied: choice.Best) -> None:
        told = run("tune", "apply").splitlines()
        assert applied() == studied.settings
        assert told[:2] == ["--- params.yaml before", "+++ params.yaml after"]
        assert "-  beta: 1.0                   # weight of the rate" in told
        assert told[-1] == "Now `dvc repro` trains with it."
        assert len(config.PARAMS.read_text().splitlines()) == len(PARAMS.splitlines())
        assert "# of z\n" in config.PARAMS.read_text()
        assert run("tune", "apply") == "params.yaml holds this choice already.\n"

    def test_another_trial_or_pick(self, studied: choice.Best) -> None:
        trials = artifacts.read_table(artifacts.STUDY_TRIALS)
        for row in trials.to_dict("records"):
            run("tune", "apply", "--trial", str(row["trial"]))
            assert applied()[LATENT] == row[LATENT]
            assert applied()[HIDDEN] == json.loads(row[HIDDEN])
        for pick, number in {
            "best": picks.best(trials),
            "knee": picks.knee(trials),
            "budget": picks.within(trials, 1000),
        }.items():
            run("tune", "apply", "--pick", pick)
            assert applied() == choice.pick(studied, trials, number)

    def test_both_at_once_and_unknown_picks_are_wrong_usage(self, studied: choice.Best) -> None:
        both = CliRunner().invoke(cli, ["tune", "apply", "--trial", "0", "--pick", "knee"])
        assert (both.exit_code, "leave one out" in both.output) == (2, True)
        assert CliRunner().invoke(cli, ["tune", "apply", "--pick", "worst"]).exit_code == 2
        assert "has no trial 99" in str(error_of("tune", "apply", "--trial", "99"))
        assert config.PARAMS.read_text() == PARAMS

    @pytest.mark.parametrize("command", ["show", "apply", "compare"])
    def test_without_a_study_it_says_how_to_make_one(self, project: Path, command: str) -> None:
        error = error_of("tune", command)
        assert isinstance(error, StudyError)
        assert str(error) == (
            "No study has ended here: tune/best.json is missing. `make tune` runs one, or goes on "
            "with one that was stopped."
        )

    @pytest.mark.parametrize("command", ["apply", "compare"])
    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("source: digits", "source: mnist", "data.source was digits, is mnist"),
            ("hidden: [8]\n  dec", "hidden: [9]\n  dec", r"model.hidden was [8], is [9]"),
            ("batch_size: 20", "batch_size: 10", "train.batch_size was 20, is 10"),
        ],
    )
    def test_a_study_of_something_else_is_refused(
        self, studied: choice.Best, old: str, new: str, said: str, command: str
    ) -> None:
        other = PARAMS.replace(old, new)
        config.PARAMS.write_text(other)
        error = error_of("tune", command)
        assert isinstance(error, StudyError)
        assert said in str(error)
        assert config.PARAMS.read_text() == other

    def test_a_study_of_other_rows_is_refused(self, studied: choice.Best) -> None:
        artifacts.write_json(Vocabulary(documents=1), artifacts.VOCABULARY)
        assert "the prepared data has changed" in str(error_of("tune", "apply"))

    def test_a_misspelt_setting_is_named_first(self, studied: choice.Best) -> None:
        config.PARAMS.write_text(PARAMS.replace("batch_size", "batchsize"))
        error = error_of("tune", "apply")
        assert isinstance(error, SettingsError)
        assert "Did you mean 'batch_size'?" in str(error)


KILLED = """
import os, signal
from latentops.cli.main import cli
from latentops.tuning.trial import Trainer

train, left = Trainer.__call__, 3

def until_killed(trainer, tried, report):
    global left
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return train(trainer, tried, report)

Trainer.__call__ = until_killed
cli(["tune", "compare", "--seeds", "2"])
"""


class TestCompareCommand:
    def test_it_trains_both_and_says_whether_tuning_helped(self, studied: choice.Best) -> None:
        run("tune", "apply")  # what params.yaml held before is in the study
        told = run("tune", "compare", "--seeds", "2").splitlines()
        found = artifacts.read_schema(compare.Comparison, artifacts.STUDY_COMPARE)
        assert (found.study, found.trial, found.seeds) == (studied.study, studied.trial, 2)
        assert told[-2:] == [found.sentence, found.caveat]
        assert [(row.arm, row.seed) for row in found.trainings] == [
            ("chosen", 1),
            ("default", 1),
            ("chosen", 2),
            ("default", 2),
        ]
        assert found.default == {BETA: 1.0, LATENT: 2, HIDDEN: [8]}
        assert found.epochs == 2, "of train, not those of a trial"
        assert len({row.elbo_nats for row in found.trainings}) == 4

        client = connect().client
        [experiment] = client.search_experiments(filter_string="name = 'digits'")
        tagged = f"tags.study = '{studied.study}'"
        [parent] = client.search_runs([experiment.experiment_id], tagged)
        assert parent.data.metrics["compare_gain"] == found.gain
        assert parent.info.status == "FINISHED"

    def test_what_was_trained_before_a_kill_is_not_trained_again(
        self, studied: choice.Best, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Then more seeds are asked for, then fewer."""
        killed = subprocess.run([sys.executable, "-c", KILLED], capture_output=True)
        assert killed.returncode == -signal.SIGKILL
        train, trained = Trainer.__call__, []

        def counted(trainer: Trainer, tried: Any, report: Any) -> Outcome:
            trained.append(tried)
            return train(trainer, tried, report)

        monkeypatch.setattr(Trainer, "__call__", counted)
        run("tune", "compare", "--seeds", "2")
        assert len(trained) == 1
        first = artifacts.read_schema(compare.Comparison, artifacts.STUDY_COMPARE)
        run("tune", "compare", "--seeds", "3")
        assert len(trained) == 3
        more = artifacts.read_schema(compare.Comparison, artifacts.STUDY_COMPARE)
        assert more.trainings[:4] == first.trainings
        run("tune", "compare", "--seeds", "2")
        assert len(trained) == 3
        assert artifacts.read_schema(compare.Comparison, artifacts.STUDY_COMPARE) == first

    def test_a_training_that_fails_is_left_out_and_said(
        self, studied: choice.Best, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails_once(trainer: Trainer, tried: Any, report: Any) -> Outcome:
            if tried["train.seed"] == 2 and studied.settings.items() <= tried.items():
                raise NumericalError("The loss stopped being finite at step 3.")
            return trained(elbo_nats=-80.0 - tried["train.seed"])

        monkeypatch.setattr(Trainer, "__call__", fails_once)
        told = run("tune", "compare", "--seeds", "3")
        assert "chosen settings, seed 2: left out, it failed: The loss stopped being" in told
        assert "No clear difference: ELBO on validation, in nats, +0 (95 % interval" in told
        assert "2 seeds" in told

    def test_a_study_that_chose_the_default_has_nothing_to_compare(
        self, studied: choice.Best
    ) -> None:
        same = studied.model_copy(update={"default": studied.settings})
        artifacts.write_json(same, artifacts.STUDY_BEST)
        assert "there is nothing to compare" in run("tune", "compare")
        assert not artifacts.STUDY_COMPARE.exists()

    @pytest.mark.parametrize("seeds", ["1", "0", "-3", "two"])
    def test_an_interval_needs_two_seeds(self, project: Path, seeds: str) -> None:
        assert CliRunner().invoke(cli, ["tune", "compare", "--seeds", seeds]).exit_code == 2

    def test_two_workers_train_what_one_trains(self, project: Path) -> None:
        stage.main()
        run("tune", "compare", "--seeds", "2")
        alone = artifacts.read_schema(compare.Comparison, artifacts.STUDY_COMPARE)
        for journal in Path("mlruns/optuna").glob("*-compare-*"):
            journal.unlink()
        config.PARAMS.write_text(PARAMS.replace("tune:\n", "tune:\n  workers: 2\n"))
        run("tune", "compare", "--seeds", "2")
        assert artifacts.read_schema(compare.Comparison, artifacts.STUDY_COMPARE) == alone


class TestOrigin:
    def test_a_model_trained_with_what_was_applied_knows_its_study_and_trial(
        self, studied: choice.Best
    ) -> None:
        data_md5 = provenance.md5_of_each(prepared.DATA)

        def known() -> dict[str, str]:
            train.main()
            return origin.study_and_trial(artifacts.read_json(artifacts.MODEL_SETTINGS), data_md5)

        assert known() == {}, "before anything was applied"
        for number in range(4):
            run("tune", "apply", "--trial", str(number))
            assert known() == {"study": studied.study, "trial": str(number)}

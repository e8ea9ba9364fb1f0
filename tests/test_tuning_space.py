"""What a study may search: the section `tune`, its space, and who proposes a trial."""

import itertools
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import qmc
from tiny_study import SECTIONS, choices, run, tune

from latentops import config
from latentops.config import Section
from latentops.errors import SettingsError, StudyError
from latentops.networks import bow
from latentops.tuning import proposals, space
from latentops.tuning.settings import Dimension, Settings
from latentops.tuning.space import BETA, LATENT, Choice

BOUNDS = {"low": 1, "high": 8}


class Tuned(Section):
    tune: Settings


def refusal(values: dict[str, Any]) -> str:
    """What a person reads, without the heading."""
    with pytest.raises(SettingsError) as refused:
        config.parse(Tuned, {"tune": values}, "params.yaml")
    head, line = str(refused.value).splitlines()
    assert head == "params.yaml cannot be used:"
    return line.strip()


class TestSettings:
    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({"trials": 0}, "tune.trials: Input should be greater than or equal to 1. Got 0."),
            ({"trials": 10_001}, "tune.trials: Input should be less than or equal to 10000."),
            ({"workers": -1}, "tune.workers: Input should be greater than or equal to 0."),
            ({"sampler": "cma"}, "tune.sampler: Input should be 'tpe', 'random', 'gp', 'qmc' or"),
            ({"score": "loss"}, "tune.score.0: Input should be 'elbo', 'accuracy' or"),
            ({"score": []}, "tune: score is empty: name elbo, accuracy or macro_recall."),
            ({"score": ["elbo", "elbo"]}, "tune: score names one twice."),
            ({"mode": "budget"}, "tune: mode budget needs rate_nats: the most nats that the code"),
            ({"pick": "budget"}, "tune: pick budget needs rate_nats:"),
            ({"pick": "knee"}, "tune: pick knee is for mode pareto:"),
            ({"rate_nats": -1.0}, "tune.rate_nats: Input should be greater than or equal to 0."),
            (
                {"mode": "pareto", "pruner": "median"},
                "tune: mode pareto cannot prune, for no one number says who is behind: set pruner",
            ),
            (
                {"score": ["elbo", "accuracy"], "pruner": "hyperband"},
                "tune: several scores cannot prune,",
            ),
            ({"beta": [1, 2]}, "tune.beta: no such setting."),
            ({"trails": 3}, "tune.trails: no such setting. Did you mean 'trials'?"),
            ({"space": {}}, "tune: space is empty: name at least one setting, such as"),
        ],
    )
    def test_what_contradicts_itself_is_one_line(self, values: dict[str, Any], said: str) -> None:
        assert refusal(values).startswith(said)

    @pytest.mark.parametrize(
        ("dimension", "said"),
        [
            ({}, "give low and high, or choices"),
            ({"low": 1}, "give low and high, or choices"),
            ({"high": 1}, "give low and high, or choices"),
            ({"choices": [1, 2], "low": 1}, "give choices, or low and high, not both"),
            ({"choices": [1, 2], "log": True}, "give choices, or low and high, not both"),
            ({"choices": []}, "choices is empty: give at least one value"),
            ({"choices": [1, 2, 1]}, "a choice stands twice"),
            ({"choices": [[8], [8]]}, "a choice stands twice"),
            ({"low": 3, "high": 1}, "the lower bound 3 is above the upper bound 1"),
            ({"low": 0, "high": 1, "log": True}, "a log scale cannot begin at 0"),
            ({"low": -1, "high": 1, "log": True}, "a log scale cannot begin at -1"),
            ({"low": 1, "high": 8, "log": True, "step": 2}, "a log scale has no step"),
            (BOUNDS | {"when": {BETA: []}}, "when names a setting without a value"),
        ],
    )
    def test_bounds_that_contradict_each_other_are_named_by_the_setting(
        self, dimension: dict[str, Any], said: str
    ) -> None:
        assert refusal({"space": {LATENT: dimension}}).startswith(f"tune.space.{LATENT}: {said}")

    @pytest.mark.parametrize(
        "dimension",
        [{"low": True, "high": 1, "logg": False}, BOUNDS | {"step": 0}, BOUNDS | {"hgih": 2}],
    )
    def test_other_nonsense_in_a_dimension_is_refused(self, dimension: dict[str, Any]) -> None:
        assert refusal({"space": {LATENT: dimension}}).startswith(f"tune.space.{LATENT}.")

    @pytest.mark.parametrize(
        ("first", "when", "said"),
        [
            ("model.hidden", {"model.decoder_hidden": [[8]]}, "which stands nowhere before it"),
            ("model.hidden", {"model.hiden": [[8]]}, "which stands nowhere before it"),
            ("model.hidden", {LATENT: [1]}, "which stands nowhere before it"),
            ("model.hidden", {"model.hidden": [[9]]}, "model.hidden never is [9]"),
            (BETA, {BETA: [9.0]}, "objective.beta never is 9"),
            (BETA, {BETA: ["strong"]}, "objective.beta never is strong"),
            (BETA, {BETA: [math.nan]}, "objective.beta never is nan"),
        ],
    )
    def test_a_condition_on_what_is_not_chosen_before_is_refused(
        self, first: str, when: dict[str, Any], said: str
    ) -> None:
        values = BOUNDS if first == BETA else {"choices": [[8], [16]]}
        found = refusal({"space": {first: values, LATENT: BOUNDS | {"when": when}}})
        assert found.startswith(f"tune: space.{LATENT}: ")
        assert said in found

    def test_one_score_may_stand_without_a_list(self) -> None:
        assert tune(score="accuracy").score == tune(score=["accuracy"]).score == ("accuracy",)
        assert tune(score=["accuracy", "elbo"]).score_name == "accuracy+elbo"


class TestCheck:
    @pytest.mark.parametrize(
        ("dimensions", "said"),
        [
            ({"model.latnt": BOUNDS}, "model.latnt: no such setting. Did you mean 'model.latent'?"),
            ({"model.terms": BOUNDS}, "model.terms: no such setting."),  # of bow, not of mlp
            ({"latent": BOUNDS}, "latent cannot be searched. A study searches settings of model, "),
            ({"data.seed": BOUNDS}, "data.seed cannot be searched."),
            ({"tune.seed": BOUNDS}, "tune.seed cannot be searched."),
            ({"model": BOUNDS}, "model: no such setting."),
            ({"train.epochs": BOUNDS}, "train.epochs is not searched: trials train for"),
            (
                {"model.kind": {"choices": ["mlp"]}},
                "model.kind is not searched: each kind has settings",
            ),
            ({"model.activation": BOUNDS}, "model.activation is no number: give its choices."),
            ({"model.hidden": BOUNDS}, "model.hidden is no number: give its choices."),
            ({LATENT: {"low": 1.5, "high": 8}}, "model.latent is a whole number: give whole"),
            ({LATENT: BOUNDS | {"step": 0.5}}, "model.latent is a whole number: give whole"),
            ({LATENT: BOUNDS | {"type": "float"}}, "model.latent is a whole number: give whole"),
            ({LATENT: {"low": 0, "high": 8}}, "model.latent: 0: Input should be greater than or"),
            ({BETA: {"low": -1, "high": 8}}, "objective.beta: -1: Input should be greater than"),
            ({BETA: {"choices": [1.0, "strong"]}}, "objective.beta: strong: Input should be a"),
            ({"model.hidden": {"choices": [[8], [0]]}}, "model.hidden: [0]: Input should be"),
            ({"model.activation": {"choices": ["elu"]}}, "model.activation: elu: Input should be"),
            ({"objective.warmup": {"low": 0, "high": 2}}, "objective.warmup: 2: Input should be"),
            ({BETA: {"low": 0.5, "high": 2.5, "type": "int"}}, "objective.beta: type int needs"),
            (
                {BETA: {"low": 0.5, "high": 2.5}, LATENT: BOUNDS | {"when": {BETA: [1.0]}}},
                "model.latent: when names objective.beta, which hardly ever is exactly one value",
            ),
        ],
    )
    def test_a_space_that_does_not_fit_the_settings_is_one_line(
        self, dimensions: dict[str, Any], said: str
    ) -> None:
        with pytest.raises(SettingsError) as refused:
            space.check(tune(space=dimensions), SECTIONS)
        assert str(refused.value).startswith(f"tune.space: {said}")
        assert "\n" not in str(refused.value)

    @pytest.mark.parametrize(
        "dimensions",
        [
            {BETA: {"low": 0, "high": 8}},
            {BETA: {"low": 1, "high": 8, "type": "int"}},
            {"model.hidden": {"choices": [[], [8], [8, 8]]}},
            {"model.mean_scale": {"choices": [None, 0.5]}},
            {"model.mean_scale": {"low": 0.1, "high": 2.0}},
            {"objective.capacity_nats": {"choices": [None, 5.0]}},
            {"objective.total_correlation": {"low": 1.0, "high": 10.0, "log": True}},
            {"objective.mutual_information": {"choices": [0.0, 1.0]}},
            {"train.learning_rate": {"low": 1e-4, "high": 1e-1, "log": True}},
            {"train.seed": {"low": 0, "high": 4}},
            {"model.activation": {"choices": ["relu", "silu"]}},
        ],
    )
    def test_any_setting_of_model_objective_and_train_can_be_searched(
        self, dimensions: dict[str, Any]
    ) -> None:
        space.check(tune(space=dimensions), SECTIONS)

    def test_what_changes_the_distortion_is_searched_by_a_heads_score_alone(self) -> None:
        sections = SECTIONS | {"model": bow.Settings()}
        targets = {"model.target": {"choices": ["counts", "presence"]}}
        space.check(tune(space=targets, score="accuracy"), sections)
        for values in ({}, {"score": ["accuracy", "elbo"]}, {"mode": "pareto"}):
            with pytest.raises(SettingsError, match="measure something else"):
                space.check(tune(space=targets, **values), sections)

    def test_values_that_contradict_each_other_are_found_when_they_meet(self) -> None:
        both = {"objective.free_nats": 0.5, "objective.capacity_nats": 5.0}
        with pytest.raises(SettingsError, match=r"^objective: free_nats and capacity_nats both"):
            space.applied(both, SECTIONS)


CONDITIONAL = {
    "objective.capacity_nats": {"choices": [None, 5.0, 10.0]},
    BETA: {"low": 0.1, "high": 10.0, "log": True},
    "objective.free_nats": {
        "low": 0.1,
        "high": 0.5,
        "when": {"objective.capacity_nats": [None]},
    },
}


class TestSpace:
    @pytest.mark.parametrize(
        ("value", "dimension", "expected"),
        [
            (1.23456789, {"low": 0.1, "high": 9.0}, 1.235),
            (8.999985, {"low": 0.1, "high": 8.99999}, 8.99999),
            (0.100004, {"low": 0.10002, "high": 9.0}, 0.10002),
            (0.1 + 0.2, {"low": 0.0, "high": 1.0, "step": 0.1}, 0.3),
            (1234567, {"low": 1, "high": 10**9}, 1234567),
            ("[8, 16]", {"choices": [[8], [8, 16]]}, [8, 16]),
            ("null", {"choices": [None, 3.0]}, None),
            ("silu", {"choices": ["relu", "silu"]}, "silu"),
        ],
    )
    def test_a_value_is_what_params_yaml_will_hold_and_within_its_bounds(
        self, value: Any, dimension: dict[str, Any], expected: Any
    ) -> None:
        found = space.rounded(value, Dimension.model_validate(dimension))
        assert found == expected
        assert type(found) is type(expected)

    def test_the_chosen_values_are_set_and_no_other(self) -> None:
        choice = {BETA: 3.0, "model.hidden": [4, 5], "train.clip_norm": None}
        applied = space.applied(choice, SECTIONS)
        assert applied["objective"].beta == 3.0
        assert applied["model"].hidden == (4, 5)
        assert applied["model"].decoder_hidden == (16,)
        assert applied["train"] == SECTIONS["train"]

    @pytest.mark.parametrize("sampler", ["tpe", "random", "gp", "qmc", "grid"])
    def test_a_setting_is_chosen_where_its_condition_holds_and_nowhere_else(
        self, sampler: str
    ) -> None:
        settings = tune(space=CONDITIONAL, trials=16, sampler=sampler)
        found = choices(run(settings))
        conditions = {choice["objective.capacity_nats"] is None for choice in found}
        assert conditions == {True, False}
        for choice in found:
            free = choice["objective.capacity_nats"] is None
            assert ("objective.free_nats" in choice) == free
            space.applied(choice, SECTIONS)

    def test_a_condition_on_a_condition(self) -> None:
        dimensions = {
            "model.hidden": {"choices": [[8], [16]]},
            "model.decoder_hidden": {"choices": [[8], [4]], "when": {"model.hidden": [[16]]}},
            LATENT: {"low": 2, "high": 4, "when": {"model.decoder_hidden": [[4]]}},
        }
        settings = tune(space=dimensions, trials=20, sampler="random")
        found = [[*choice.values()] for choice in choices(run(settings))]
        assert {len(values) for values in found} == {1, 2, 3}
        for values in found:
            assert len(values) == (1 if values[0] == [8] else 3 if values[1] == [4] else 2)

    def test_what_params_yaml_holds_for_the_searched_settings(self) -> None:
        dimensions = {
            "model.hidden": {"choices": [[16], [32]]},
            LATENT: {"low": 2, "high": 64, "when": {"model.hidden": [[32]]}},
            "train.clip_norm": {"choices": [None, 1.0]},
            "model.activation": {"choices": ["silu", "relu"], "when": {"train.clip_norm": [None]}},
        }
        assert space.present(tune(space=dimensions), SECTIONS) == {
            "model.hidden": [16],
            LATENT: SECTIONS["model"].model_dump()["latent"],  # although a trial may leave it out
            "train.clip_norm": None,
            "model.activation": "silu",
        }


class TestGrid:
    @given(
        low=st.floats(1e-4, 10),
        factor=st.floats(2, 1e4),
        latent=st.integers(1, 300),
        more=st.integers(0, 300),
        trials=st.integers(1, 200),
        log=st.booleans(),
    )
    def test_it_lies_in_the_space_and_has_its_ends(
        self, low: float, factor: float, latent: int, more: int, trials: int, log: bool
    ) -> None:
        dimensions = {
            BETA: {"low": low, "high": low * factor, "log": log},
            LATENT: {"low": latent, "high": latent + more, "log": log},
        }
        settings = tune(space=dimensions, trials=trials, sampler="grid")
        grid = proposals.grid(settings, SECTIONS)
        points = {(point[BETA], point[LATENT]) for point in grid}
        assert 1 <= len(points) == len(grid) == proposals.total(settings, SECTIONS) <= trials
        for beta, size in points:
            assert low <= beta <= low * factor
            assert latent <= size <= latent + more
        if trials >= 4:
            ends = (low, latent), (low * factor, latent + more)
            assert [min(points), max(points)] == [pytest.approx(end, rel=1e-3) for end in ends]

    def test_it_is_even_on_the_scale_of_each_setting(self) -> None:
        dimensions = {
            BETA: {"low": 0.1, "high": 10, "log": True},
            LATENT: {"low": 4, "high": 64, "log": True},
            "objective.warmup": {"low": 0.0, "high": 1.0},
        }
        grid = proposals.grid(tune(space=dimensions, trials=27, sampler="grid"), SECTIONS)
        assert len(grid) == 27
        assert sorted({point[BETA] for point in grid}) == pytest.approx([0.1, 1, 10])
        assert {point[LATENT] for point in grid} == {4, 16, 64}
        assert {point["objective.warmup"] for point in grid} == {0.0, 0.5, 1.0}

    def test_it_has_every_choice_and_steps_on_the_steps(self) -> None:
        dimensions = {
            "model.hidden": {"choices": [[8], [16], [32]]},
            LATENT: {"low": 4, "high": 14, "step": 4},
        }
        grid = proposals.grid(tune(space=dimensions, trials=100, sampler="grid"), SECTIONS)
        expected = itertools.product(([8], [16], [32]), (4, 8, 12))
        assert [(point["model.hidden"], point[LATENT]) for point in grid] == list(expected)

    def test_what_a_condition_leaves_out_is_tried_once(self) -> None:
        grid = proposals.grid(tune(space=CONDITIONAL, trials=18, sampler="grid"), SECTIONS)
        assert len({json.dumps(point, sort_keys=True) for point in grid}) == len(grid) < 18

    def test_choices_that_do_not_fit_into_the_trials_are_one_line(self) -> None:
        dimensions = {"model.hidden": {"choices": [[8], [16], [32]]}, LATENT: BOUNDS}
        said = r"^A grid of the choices in tune\.space has 3 points, tune\.trials is 2\. Raise"
        with pytest.raises(StudyError, match=said):
            proposals.grid(tune(space=dimensions, trials=2, sampler="grid"), SECTIONS)


def sobol(numbers: range, seed: int = 0) -> list[Choice]:
    dimensions = {
        BETA: {"low": 0.1, "high": 10, "log": True},
        "objective.warmup": {"low": 0.0, "high": 1.0},
        LATENT: {"low": 1, "high": 101},
    }
    settings = tune(space=dimensions, sampler="qmc", seed=seed)
    found = proposals.planned(settings, SECTIONS, numbers)
    return [point for point in found if point is not None]


@pytest.mark.parametrize("sampler", ["tpe", "random", "gp", "qmc", "grid"])
def test_steps_that_do_not_reach_the_upper_bound_end_before_it(sampler: str) -> None:
    dimensions = {
        LATENT: {"low": 4, "high": 14, "step": 4},
        "objective.warmup": {"low": 0.1, "high": 0.5, "step": 0.3},
    }
    found = choices(run(tune(space=dimensions, trials=14, sampler=sampler)))
    assert {choice[LATENT] for choice in found} == {4, 8, 12}
    assert {choice["objective.warmup"] for choice in found} == {0.1, 0.4}


class TestSobol:
    def test_the_points_are_scipys(self) -> None:
        expected = qmc.Sobol(3, scramble=True, rng=0).random(16)
        for point, (beta, warmup, latent) in zip(sobol(range(16)), expected, strict=True):
            assert point[BETA] == pytest.approx(0.1 * 100**beta, rel=1e-3)
            assert point["objective.warmup"] == pytest.approx(warmup, rel=1e-3)
            assert point[LATENT] == round(1 + 100 * latent)

    @given(first=st.integers(0, 40), more=st.integers(0, 40))
    def test_more_trials_go_on_where_fewer_ended(self, first: int, more: int) -> None:
        together = sobol(range(first + more))
        assert sobol(range(first)) + sobol(range(first, first + more)) == together
        assert len({json.dumps(point) for point in together}) == len(together)

    def test_another_seed_gives_other_points(self) -> None:
        assert sobol(range(4)) != sobol(range(4), seed=1)

"""The policy of promotion, and the rule by which a version becomes the champion."""

import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentops import config
from latentops.errors import SettingsError
from latentops.metrics.bootstrap import Interval
from latentops.registry.rule import Decision, Gate, decide, improvement
from latentops.registry.settings import SCORES, Settings

CHAMPION = {"elbo_nats": -80.0, "active_units": 8, "accuracy": 0.86, "model_bytes": 1000}


def exactly(difference: float) -> Interval:
    return Interval(difference, difference, difference)


def decided(
    challenger: dict[str, float],
    champion: dict[str, float] | None = CHAMPION,
    policy: Settings | None = None,
    sealed: bool = True,
) -> Decision:
    """With differences that have no interval."""
    shared = challenger.keys() & (champion or {}).keys()
    differences = {
        name: exactly(improvement(name, challenger[name], (champion or {})[name]))
        for name in shared
    }
    return decide(challenger, champion, differences, sealed, policy or Settings())


def with_interval(interval: Interval, policy: Settings) -> Decision:
    challenger = {**CHAMPION, "accuracy": 0.9}
    differences = {"accuracy": interval, "elbo_nats": exactly(0)}
    return decide(challenger, CHAMPION, differences, True, policy)


def test_the_first_needs_a_seal_and_a_latent_that_is_used() -> None:
    decision = decided(CHAMPION, champion=None)
    assert decision.promote
    assert [gate.rule for gate in decision.gates] == ["finite", "sealed", "collapse"]
    assert decision.reasons == ("test ELBO -80.00 nats, and there is no champion",)


@pytest.mark.parametrize(
    ("elbo_nats", "promote"), [(-79.0, True), (-80.0, True), (-80.5, True), (-80.51, False)]
)
def test_a_loss_is_accepted_up_to_the_policys_limit(elbo_nats: float, promote: bool) -> None:
    assert decided({**CHAMPION, "elbo_nats": elbo_nats}).promote is promote


def test_a_refusal_gives_the_numbers() -> None:
    assert decided({**CHAMPION, "elbo_nats": -82.0}).reasons == (
        "elbo_nats -82 is 2 worse than the champion's -80; registry.max_loss accepts 0.5",
    )


@pytest.mark.parametrize(("model_bytes", "promote"), [(900, True), (1100, True), (1101, False)])
def test_of_bytes_fewer_are_better(model_bytes: float, promote: bool) -> None:
    policy = Settings(max_loss={"model_bytes": 100})
    assert decided({**CHAMPION, "model_bytes": model_bytes}, policy=policy).promote is promote


def test_every_score_has_the_direction_that_its_name_says() -> None:
    better_when_less = {name for name in SCORES if improvement(name, 1.0, 2.0) > 0}
    assert better_when_less == {
        "in_scope_refused",
        "rate_nats",
        "distortion_nats",
        "model_bytes",
        "seconds_per_example",
    }


def test_a_loss_that_only_rounding_makes_larger_than_its_limit_is_accepted() -> None:
    assert 0.86 - 0.85 > 0.01
    policy = Settings(max_loss={"accuracy": 0.01})
    assert decided({**CHAMPION, "accuracy": 0.85}, policy=policy).promote


@pytest.mark.parametrize(
    ("policy", "promote"),
    [
        (Settings(at_least={"accuracy": 0.86}), True),
        (Settings(at_least={"accuracy": 0.87}), False),
        (Settings(at_least={"elbo_nats": -81}), True),
        (Settings(at_most={"model_bytes": 1000}), True),
        (Settings(at_most={"model_bytes": 999}), False),
    ],
)
def test_absolute_limits_hold_without_a_champion_too(policy: Settings, promote: bool) -> None:
    assert decided(CHAMPION, None, policy).promote is promote
    assert decided(CHAMPION, CHAMPION, policy).promote is promote


def test_an_absolute_refusal_names_the_limit() -> None:
    policy = Settings(at_least={"accuracy": 0.9}, at_most={"model_bytes": 10})
    assert decided(CHAMPION, policy=policy).reasons == (
        "accuracy 0.86 < 0.9 (registry.at_least)",
        "model_bytes 1000 > 10 (registry.at_most)",
    )


@pytest.mark.parametrize(("low", "promote"), [(0.021, True), (0.02, True), (0.019, False)])
def test_a_gain_is_asked_of_the_low_end_of_the_interval(low: float, promote: bool) -> None:
    decision = with_interval(Interval(0.04, low, 0.06), Settings(min_gain={"accuracy": 0.02}))
    assert decision.promote is promote


@pytest.mark.parametrize(("mean", "promote"), [(0.0, True), (-0.01, True), (-0.011, False)])
def test_a_loss_is_asked_of_the_mean(mean: float, promote: bool) -> None:
    """With few rows every low end is far below: nothing could be promoted."""
    interval = Interval(mean, mean - 0.2, mean + 0.2)
    assert with_interval(interval, Settings(max_loss={"accuracy": 0.01})).promote is promote


def test_gains_and_losses_are_no_question_without_a_champion() -> None:
    policy = Settings(min_gain={"accuracy": 0.1})
    assert decided({"elbo_nats": -1.0, "active_units": 2}, None, policy).promote


@pytest.mark.parametrize("rule", ["at_least", "at_most", "min_gain", "max_loss"])
def test_what_was_not_measured_is_refused_with_what_it_needs(rule: str) -> None:
    unlabelled = {"elbo_nats": -80.0, "active_units": 8}
    policy = Settings.model_validate({rule: {"accuracy": 0.5}})
    decision = decided(unlabelled, unlabelled, policy)
    assert not decision.promote
    (reason,) = decision.reasons
    assert reason == (
        f"registry.{rule} limits accuracy, and the challenger has none: it needs labelled test "
        "rows in scope and a model with a classifier. Otherwise take the limit out of params.yaml"
    )


def test_a_champion_without_the_score_is_not_said_to_have_lost() -> None:
    unlabelled = {"elbo_nats": -80.0, "active_units": 8}
    decision = decided(CHAMPION, unlabelled, Settings(max_loss={"accuracy": 0.01}))
    assert not decision.promote
    assert "the champion has none" in decision.reasons[0]


def test_scores_that_cannot_be_compared_are_refused_although_both_are_measured() -> None:
    decision = decide(CHAMPION, CHAMPION, {}, True, Settings())
    assert not decision.promote
    assert "the two cannot be compared" in decision.reasons[0]
    assert "models of the same target words" in decision.reasons[0]


def test_an_unsealed_version_is_refused_with_the_command_to_run() -> None:
    decision = decided(CHAMPION, sealed=False)
    assert not decision.promote
    assert "`latentops registry seal`" in decision.reasons[0]


@pytest.mark.parametrize(("active_units", "promote"), [(0, False), (1, False), (2, True)])
def test_a_collapsed_posterior_is_refused_however_good_its_elbo(
    active_units: int, promote: bool
) -> None:
    decision = decided({**CHAMPION, "elbo_nats": -1.0, "active_units": active_units})
    assert decision.promote is promote
    assert ("collapsed" in decision.reasons[0]) is not promote


@pytest.mark.parametrize("name", ["elbo_nats", "accuracy", "active_units"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_refused(name: str, value: float) -> None:
    broken = {**CHAMPION, name: value}
    for champion in (None, CHAMPION, broken):
        decision = decided(broken, champion)
        assert not decision.promote
        assert decision.reasons[0] == f"{name} on the test split is {value}"


def test_a_champion_whose_elbo_is_none_is_not_beaten_unseen() -> None:
    """What is no number compares with nothing: a person may force it."""
    assert not decided(CHAMPION, {**CHAMPION, "elbo_nats": math.nan}).promote


def test_nothing_measured_at_all_is_refused() -> None:
    decision = decided({}, None)
    assert not decision.promote
    assert len(decision.reasons) == 2
    assert all("could not be measured" in reason for reason in decision.reasons)


def test_every_reason_is_given_at_once() -> None:
    assert len(decided({"elbo_nats": -99.0, "active_units": 0}, sealed=False).reasons) == 3


NUMBERS = st.fixed_dictionaries(
    {
        "elbo_nats": st.floats(-1e6, 0),
        "active_units": st.integers(0, 50),
        "accuracy": st.floats(0, 1),
        "model_bytes": st.integers(1, 10**9),
    }
)
SMALL = st.floats(0, 1e3)


@given(NUMBERS, NUMBERS, SMALL, SMALL, st.sampled_from(sorted(CHAMPION)), st.floats(0, 1e5))
def test_what_is_better_never_turns_a_promotion_into_a_refusal(
    challenger: dict[str, float],
    champion: dict[str, float],
    loss: float,
    gain: float,
    name: str,
    by: float,
) -> None:
    policy = Settings(
        max_loss={"elbo_nats": loss, "model_bytes": loss, "accuracy": min(loss, 1)},
        min_gain={"elbo_nats": gain},
        at_least={"accuracy": 0.2},
    )
    direction = 1 if SCORES[name].more_is_better else -1
    better = {**challenger, name: challenger[name] + direction * by}
    if decided(challenger, champion, policy).promote:
        assert decided(better, champion, policy).promote


@given(NUMBERS)
def test_a_champion_holds_against_itself(scores: dict[str, float]) -> None:
    policy = Settings(max_loss=dict.fromkeys(scores, 0.0), min_active_units=0)
    assert decided(scores, scores, policy).promote


def test_as_many_gates_as_there_can_be_fit_the_record_of_an_event() -> None:
    names = sorted(SCORES, key=len, reverse=True)
    limits = dict.fromkeys(names[:9], 0.123456789)
    policy = Settings(at_least=limits, max_loss=dict.fromkeys(names[:8], 0.123456789))
    scores = dict.fromkeys(SCORES, 12345.6789012)
    interval = Interval(-0.000012345678, -0.000023456789, -0.0000012345678)
    gates = decide(scores, scores, dict.fromkeys(scores, interval), True, policy).gates
    assert len(gates) == 20
    assert len(json.dumps([gate.plain() for gate in gates], separators=(",", ":"))) < 4000


def test_a_gate_is_plain_json_without_what_is_not_known() -> None:
    gate = Gate("accuracy", "max_loss", 0.1 + 0.2, math.nan, 0.01, Interval(1 / 3, 0, 1), False)
    assert gate.plain() == {
        "score": "accuracy",
        "rule": "max_loss",
        "challenger": 0.3,
        "champion": "nan",
        "limit": 0.01,
        "difference": [0.333333, 0.0, 1.0],
        "passed": False,
    }
    sealed = Gate("sealed_commit", "sealed", None, None, None, None, True)
    assert sealed.plain() == {"score": "sealed_commit", "rule": "sealed", "passed": True}
    sure = Gate("model_bytes", "max_loss", 1, 1, 0, exactly(0), True)
    assert sure.plain()["difference"] == [0.0]


def test_the_rule_needs_neither_torch_nor_mlflow() -> None:
    program = (
        "import latentops.registry.rule, sys;"
        "print([name for name in ('torch', 'mlflow') if name in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"


def refused(**section: object) -> str:
    class Stage(config.Section):
        registry: Settings

    with pytest.raises(SettingsError) as caught:
        config.parse(Stage, {"registry": section}, origin="params.yaml")
    return str(caught.value).partition("\n  ")[2]


def test_what_needs_no_labels_is_the_policy_of_who_states_none() -> None:
    assert list(Settings().limits()) == [("max_loss", "elbo_nats", 0.5)]


@pytest.mark.parametrize("rule", ["at_least", "at_most", "min_gain", "max_loss"])
def test_a_score_that_is_not_known_is_refused_with_a_guess(rule: str) -> None:
    said = refused(**{rule: {"acuracy": 0.5}})
    assert said == f"registry.{rule}: no such score: 'acuracy' (Did you mean 'accuracy'?)."
    assert "Known: accuracy, " in refused(**{rule: {"zzz": 1}})


def test_the_limit_that_was_replaced_is_refused_by_name() -> None:
    assert refused(max_elbo_loss_nats=0.5).startswith("registry.max_elbo_loss_nats: no such")


@pytest.mark.parametrize("rule", ["at_least", "at_most", "min_gain", "max_loss"])
def test_a_share_in_percent_is_refused_with_what_it_means(rule: str) -> None:
    said = refused(**{rule: {"accuracy": 97}})
    assert said == f"registry.{rule}: accuracy: 97 is no share: 0.97 means 97 %."
    assert "1000 is no share: it lies between 0 and 1." in refused(**{rule: {"accuracy": 1000}})
    for limit in (0, 1):
        Settings.model_validate({rule: {"accuracy": limit}})
    Settings.model_validate({rule: {"elbo_nats": 97}})


@pytest.mark.parametrize(
    "score",
    [
        "accuracy",
        "recall_macro",
        "f1_macro",
        "out_of_scope_auroc",
        "out_of_scope_recall",
        "in_scope_refused",
    ],
)
def test_what_cannot_leave_0_to_1_is_a_share(score: str) -> None:
    assert "no share" in refused(at_least={score: 1.01})
    assert "no share" in refused(at_most={score: -0.01})


@pytest.mark.parametrize("rule", ["min_gain", "max_loss"])
def test_amounts_are_not_negative(rule: str) -> None:
    assert "greater than or equal to 0" in refused(**{rule: {"accuracy": -0.1}})


@pytest.mark.parametrize("rule", ["at_least", "at_most", "min_gain", "max_loss"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_limits_are_numbers(rule: str, value: float) -> None:
    assert "finite" in refused(**{rule: {"accuracy": value}})


def test_more_limits_than_an_event_can_hold_are_refused() -> None:
    first = dict.fromkeys(list(SCORES)[:6], 0.0)
    assert "at most 17" in refused(at_least=dict.fromkeys(SCORES, 0.0), max_loss=first)


@pytest.mark.parametrize("name", ["latentops-intents", "a", "v1.2_x", "7"])
def test_a_name_of_letters_digits_and_three_signs(name: str) -> None:
    assert Settings(name=name).name == name


@pytest.mark.parametrize("name", ["", "a b", "a/b", "../a", "-a", "a'; DROP", "$(a)", "é", "a\n"])
def test_a_name_that_means_something_to_a_shell_or_a_path_is_refused(name: str) -> None:
    assert refused(name=name) == (
        "registry.name: a name has letters (a-z, A-Z), digits and . _ -, begins with a letter or "
        f"digit and has at most 200 characters. Got {name!r}."
    )

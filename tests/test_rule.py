"""The rule by which a version becomes the champion."""

import math
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentops.registry.rule import Scores, decide
from latentops.registry.settings import Settings

POLICY = Settings(max_elbo_loss_nats=0.5, min_active_units=2)
CHAMPION = Scores(elbo_nats=-80.0, active_units=8, test_md5="a")


def test_the_first_needs_only_a_latent_that_is_used() -> None:
    decision = decide(CHAMPION, None, POLICY)
    assert decision.promote
    assert decision.reasons == ("test ELBO -80.00 nats, and there is no champion",)


@pytest.mark.parametrize(
    ("elbo_nats", "promote"), [(-79.0, True), (-80.0, True), (-80.5, True), (-80.51, False)]
)
def test_a_loss_is_accepted_up_to_the_policys_limit(elbo_nats: float, promote: bool) -> None:
    assert decide(replace(CHAMPION, elbo_nats=elbo_nats), CHAMPION, POLICY).promote is promote


def test_a_refusal_gives_the_numbers() -> None:
    decision = decide(replace(CHAMPION, elbo_nats=-82.0), CHAMPION, POLICY)
    assert decision.reasons == (
        "test ELBO -82.00 nats is 2.00 below the champion's -80.00; at most 0.5 is accepted",
    )


@pytest.mark.parametrize(("active_units", "promote"), [(0, False), (1, False), (2, True)])
def test_a_collapsed_posterior_is_refused_however_good_its_elbo(
    active_units: int, promote: bool
) -> None:
    candidate = replace(CHAMPION, elbo_nats=-1.0, active_units=active_units)
    decision = decide(candidate, CHAMPION, POLICY)
    assert decision.promote is promote
    assert ("collapsed" in decision.reasons[0]) is not promote


def test_scores_on_other_test_data_say_nothing() -> None:
    decision = decide(replace(CHAMPION, elbo_nats=-1.0, test_md5="b"), CHAMPION, POLICY)
    assert not decision.promote
    assert "cannot be compared" in decision.reasons[0]
    assert "another registry.name" in decision.reasons[0]


@pytest.mark.parametrize("elbo_nats", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_refused(elbo_nats: float) -> None:
    assert not decide(replace(CHAMPION, elbo_nats=elbo_nats), CHAMPION, POLICY).promote
    assert not decide(replace(CHAMPION, elbo_nats=elbo_nats), None, POLICY).promote


def test_every_reason_is_given_at_once() -> None:
    decision = decide(Scores(-99.0, 0, "a"), CHAMPION, POLICY)
    assert len(decision.reasons) == 2


SCORES = st.builds(
    Scores,
    elbo_nats=st.floats(-1e6, 0),
    active_units=st.integers(0, 50),
    test_md5=st.sampled_from("ab"),
)


@given(SCORES, SCORES, st.floats(0, 100), st.floats(0, 1e5))
def test_a_better_elbo_never_turns_a_promotion_into_a_refusal(
    candidate: Scores, champion: Scores, loss: float, gain: float
) -> None:
    policy = Settings(max_elbo_loss_nats=loss)
    better = replace(candidate, elbo_nats=candidate.elbo_nats + gain)
    if decide(candidate, champion, policy).promote:
        assert decide(better, champion, policy).promote


@given(SCORES)
def test_a_champion_holds_against_itself(scores: Scores) -> None:
    policy = Settings(max_elbo_loss_nats=0, min_active_units=0)
    assert decide(scores, scores, policy).promote


def test_the_rule_needs_neither_torch_nor_mlflow() -> None:
    program = (
        "import latentops.registry.rule, sys;"
        "print([name for name in ('torch', 'mlflow') if name in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["latentops-intents", "a", "v1.2_x", "7"])
def test_a_name_of_letters_digits_and_three_signs(name: str) -> None:
    assert Settings(name=name).name == name


@pytest.mark.parametrize("name", ["", "a b", "a/b", "../a", "-a", "a'; DROP", "$(a)", "é", "a\n"])
def test_a_name_that_means_something_to_a_shell_or_a_path_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="String should"):
        Settings(name=name)

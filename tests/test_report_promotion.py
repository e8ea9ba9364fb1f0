"""The gates of a promotion as a reader sees them."""

import math
from typing import Any

import pytest

from latentops.metrics.bootstrap import Interval
from latentops.registry.rule import Gate, Rule
from latentops.registry.settings import SCORES
from latentops.report.promotion import HEADER, table


def shown(**given: Any) -> dict[str, str]:
    """One row, by column; a space for a hard one."""
    gate = Gate(
        **{
            "score": "accuracy",
            "rule": "at_least",
            "challenger": None,
            "champion": None,
            "limit": None,
            "difference": None,
            "passed": True,
            **given,
        }
    )
    (row,) = table([gate.plain()]).rows
    return dict(zip(HEADER, (str(cell).replace("\u00a0", " ") for cell in row), strict=True))


def test_a_row_tells_score_rule_numbers_and_verdict() -> None:
    assert shown(
        rule="max_loss",
        challenger=0.978,
        champion=0.971,
        limit=0.01,
        difference=Interval(0.007, 0.002, 0.012),
    ) == {
        "Score": "Accuracy",
        "Rule": "loss at most",
        "Challenger": "97.8 %",
        "Champion": "97.1 %",
        "Better by": "+0.7 [0.2, 1.2] points",
        "Limit": "1 point",
        "Verdict": "passed",
    }


@pytest.mark.parametrize(
    ("score", "rule", "value", "limit", "told"),
    [
        ("accuracy", "at_least", 0.5, 0.5, ("50.0 %", "50.0 %")),
        ("accuracy", "min_gain", 0.5, 0.005, ("50.0 %", "0.5 points")),
        ("elbo_nats", "max_loss", -53.0212, 0.5, ("-53.02", "0.5")),
        ("model_bytes", "at_most", 6.123e6, 5e7, ("6.12 MB", "50 MB")),
        ("seconds_per_example", "at_most", 4.4e-5, 0.01, ("44 µs", "10 ms")),
        ("seconds_per_example", "at_most", 1.5, 2.0, ("1.5 s", "2 s")),
        ("active_units", "collapse", 64, 2, ("64", "2")),
    ],
)
def test_numbers_are_written_in_their_unit(
    score: str, rule: Rule, value: float, limit: float, told: tuple[str, str]
) -> None:
    row = shown(score=score, rule=rule, challenger=value, limit=limit)
    assert (row["Challenger"], row["Limit"]) == told


@pytest.mark.parametrize(
    ("score", "difference", "told"),
    [
        ("elbo_nats", Interval(-0.25, -0.5, 0.125), "-0.25 [-0.5, 0.125]"),
        ("elbo_nats", Interval(0.0, 0.0, 0.0), "0"),
        ("elbo_nats", Interval(1.0, -math.inf, math.inf), "+1 [-inf, inf]"),
        ("model_bytes", Interval(-1e6, -1e6, -1e6), "-1 MB"),
        ("seconds_per_example", Interval(3e-6, 3e-6, 3e-6), "+3 µs"),
        ("f1_macro", Interval(0.01, 0.01, 0.01), "+1 point"),
    ],
)
def test_a_difference_carries_its_sign_and_its_interval_where_it_has_one(
    score: str, difference: Interval, told: str
) -> None:
    row = shown(score=score, rule="max_loss", challenger=1.0, difference=difference)
    assert row["Better by"] == told


def test_what_is_not_known_says_so() -> None:
    missing = shown(rule="at_least", limit=0.5, passed=False)
    assert (missing["Challenger"], missing["Verdict"]) == ("not measured", "REFUSED")
    apart = shown(rule="max_loss", challenger=0.5, champion=0.5, limit=0.01, passed=False)
    assert apart["Better by"] == "not compared"
    sealed = shown(score="sealed_commit", rule="sealed")
    assert (sealed["Score"], sealed["Challenger"]) == ("Git commit", "")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("score", SCORES)
def test_numbers_that_are_none_are_shown(score: str, value: float) -> None:
    difference = Interval(value, value, value)
    row = shown(score=score, rule="max_loss", challenger=value, difference=difference)
    assert str(value).strip("-") in row["Challenger"]


def test_what_is_refused_stands_out() -> None:
    gates = [
        Gate("accuracy", "at_least", 0.5, None, limit, None, passed).plain()
        for limit, passed in ((0.4, True), (0.6, False), (0.7, False))
    ]
    assert table(gates).marked == {1, 2}

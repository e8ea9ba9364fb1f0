"""Whether a version becomes the champion: a pure function of measured scores, with its reasons."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from latentops.metrics.bootstrap import Interval
from latentops.registry.settings import SCORES, LimitRule, Settings

Rule = Literal["finite", "sealed", "collapse"] | LimitRule

_ROUNDING = 1e-9  # 0.86 - 0.85 is no loss of more than 0.01


@dataclass(frozen=True)
class Gate:
    """One question that a challenger must pass.

    `difference` is an improvement: above 0 the challenger is better, whatever the score's
    direction. Where no interval can be drawn its three numbers are the same. What was not measured
    is None, and a gate that needs it is not passed.
    """

    score: str
    rule: Rule
    challenger: float | None
    champion: float | None
    limit: float | None
    difference: Interval | None
    passed: bool

    @property
    def reason(self) -> str:
        """What is against the challenger, and for what is not measured what to do; else empty."""
        return "" if self.passed else _REASONS[self.rule](self)

    def plain(self) -> dict[str, Any]:
        """For JSON: what is None is left out, numbers have 6 digits, those not finite are text.

        A difference is a list: mean, low and high, or the mean alone where there is no interval.
        """
        numbers = {"challenger": self.challenger, "champion": self.champion, "limit": self.limit}
        rounded = {name: _plain(value) for name, value in numbers.items() if value is not None}
        told: dict[str, Any] = {"score": self.score, "rule": self.rule, **rounded}
        if self.difference is not None:
            mean, low, high = map(_plain, self.difference)
            told["difference"] = [mean] if low == mean == high else [mean, low, high]
        return {**told, "passed": self.passed}


@dataclass(frozen=True)
class Decision:
    """What to do, and why: the reason of every gate that refuses, or else the merit."""

    promote: bool
    gates: tuple[Gate, ...]
    reasons: tuple[str, ...]


def decide(
    challenger: Mapping[str, float],
    champion: Mapping[str, float] | None,
    differences: Mapping[str, Interval],
    sealed: bool,
    policy: Settings,
) -> Decision:
    """Without a champion only the challenger's own scores count.

    `differences` holds an improvement for each score that can be compared; see `Gate`.
    """
    gates = (
        _finite(challenger, champion),
        _sealed(sealed),
        _collapse(challenger, champion, policy),
        *_limits(challenger, champion, differences, policy),
    )
    against = tuple(gate.reason for gate in gates if not gate.passed)
    return Decision(not against, gates, against or (_merit(challenger, champion, differences),))


def improvement(score: str, challenger: float, champion: float) -> float:
    """Above 0 where the challenger is better."""
    gain = challenger - champion
    return gain if SCORES[score].more_is_better else -gain


def _finite(challenger: Mapping[str, float], champion: Mapping[str, float] | None) -> Gate:
    """About the first score that is no number; about the ELBO where all are."""
    wrong = (name for name, value in challenger.items() if not math.isfinite(value))
    score = next(wrong, "elbo_nats")
    value = challenger.get(score)
    return Gate(
        score=score,
        rule="finite",
        challenger=value,
        champion=_of(champion, score),
        limit=None,
        difference=None,
        passed=value is not None and math.isfinite(value),
    )


def _sealed(sealed: bool) -> Gate:
    return Gate("sealed_commit", "sealed", None, None, None, None, passed=sealed)


def _collapse(
    challenger: Mapping[str, float], champion: Mapping[str, float] | None, policy: Settings
) -> Gate:
    active = challenger.get("active_units")
    return Gate(
        score="active_units",
        rule="collapse",
        challenger=active,
        champion=_of(champion, "active_units"),
        limit=policy.min_active_units,
        difference=None,
        passed=active is not None and active >= policy.min_active_units,
    )


def _limits(
    challenger: Mapping[str, float],
    champion: Mapping[str, float] | None,
    differences: Mapping[str, Interval],
    policy: Settings,
) -> Iterator[Gate]:
    for rule, score, limit in policy.limits():
        if champion is None and rule in ("min_gain", "max_loss"):
            continue
        value, difference = challenger.get(score), differences.get(score)
        passed = _within(rule, limit, value, difference)
        yield Gate(score, rule, value, _of(champion, score), limit, difference, passed)


def _within(
    rule: LimitRule, limit: float, value: float | None, difference: Interval | None
) -> bool:
    """False for what was not measured."""
    if rule == "at_least":
        return value is not None and _reaches(value, limit)
    if rule == "at_most":
        return value is not None and _reaches(-value, -limit)
    if difference is None:
        return False
    if rule == "min_gain":
        return _reaches(difference.low, limit)
    return _reaches(difference.mean, -limit)


def _of(champion: Mapping[str, float] | None, score: str) -> float | None:
    return None if champion is None else champion.get(score)


def _reaches(value: float, limit: float) -> bool:
    """False for NaN."""
    return value >= limit or math.isclose(value, limit, rel_tol=_ROUNDING, abs_tol=_ROUNDING)


def _plain(value: float) -> float | str:
    return float(f"{value:.6g}") if math.isfinite(value) else str(value)


def _merit(
    challenger: Mapping[str, float],
    champion: Mapping[str, float] | None,
    differences: Mapping[str, Interval],
) -> str:
    if champion is None:
        return f"test ELBO {challenger['elbo_nats']:.2f} nats, and there is no champion"
    shown = (
        f"{score} {challenger[score]:.6g} against the champion's {champion[score]:.6g}"
        for score in ("elbo_nats", "accuracy")
        if score in differences
    )
    return "; ".join(["every gate is passed", *shown])


def _not_measured(gate: Gate) -> str:
    if gate.challenger is None:
        lacking = "the challenger has none"
    elif gate.champion is None:
        lacking = "the champion has none"
    else:
        lacking = "the two cannot be compared"
    return (
        f"registry.{gate.rule} limits {gate.score}, and {lacking}: it needs "
        f"{SCORES[gate.score].needs}. Otherwise take the limit out of params.yaml"
    )


def _not_finite(gate: Gate) -> str:
    if gate.challenger is None:
        return f"{gate.score} could not be measured: it needs {SCORES[gate.score].needs}"
    return f"{gate.score} on the test split is {gate.challenger}"


def _not_sealed(gate: Gate) -> str:
    return (
        "no git commit is known to make this version: commit dvc.lock and what it names, then "
        "`latentops registry seal`"
    )


def _collapsed(gate: Gate) -> str:
    if gate.challenger is None:
        return f"{gate.score} could not be measured: it needs {SCORES[gate.score].needs}"
    return f"active units {gate.challenger:g} < {gate.limit:g}: the posterior has collapsed"


def _outside(gate: Gate) -> str:
    if gate.challenger is None:
        return _not_measured(gate)
    sign = {"at_least": "<", "at_most": ">"}[gate.rule]
    return f"{gate.score} {gate.challenger:.6g} {sign} {gate.limit:g} (registry.{gate.rule})"


def _no_gain(gate: Gate) -> str:
    if gate.difference is None:
        return _not_measured(gate)
    mean, low, high = gate.difference
    return (
        f"{gate.score} gains {mean:.4g} [{low:.4g}, {high:.4g}]: registry.min_gain asks that the "
        f"interval begins at {gate.limit:g} or above"
    )


def _lost(gate: Gate) -> str:
    if gate.difference is None:
        return _not_measured(gate)
    return (
        f"{gate.score} {gate.challenger:.6g} is {-gate.difference.mean:.4g} worse than the "
        f"champion's {gate.champion:.6g}; registry.max_loss accepts {gate.limit:g}"
    )


_REASONS = {
    "finite": _not_finite,
    "sealed": _not_sealed,
    "collapse": _collapsed,
    "at_least": _outside,
    "at_most": _outside,
    "min_gain": _no_gain,
    "max_loss": _lost,
}

"""The gates of a promotion as a table, for a terminal, Markdown and HTML alike."""

from collections.abc import Mapping, Sequence
from typing import Any

from latentops.report.document import Table
from latentops.report.glossary import metric, value_text
from latentops.report.numbers import HARD_SPACE

HEADER = ("Score", "Rule", "Challenger", "Champion", "Better by", "Limit", "Verdict")
REFUSED = "REFUSED"
NOT_MEASURED = "not measured"
NOT_COMPARED = "not compared"

_RULES = {"collapse": "not collapsed", "min_gain": "gain at least", "max_loss": "loss at most"}
_AMOUNTS = ("min_gain", "max_loss")  # their limits are differences
_MILLISECOND = 1e-3


def table(gates: Sequence[Mapping[str, Any]]) -> Table:
    """Of gates as JSON: `score`, `rule`, `passed`; `challenger`, `champion`, `limit` where known.

    `difference` is a list: mean and, where an interval was drawn, its ends; above 0 the challenger
    is better. Numbers that are not finite may be text.
    """
    return Table(
        header=HEADER,
        rows=tuple(_row(gate) for gate in gates),
        numeric=frozenset({2, 3, 4, 5}),
        marked=frozenset(place for place, gate in enumerate(gates) if not gate["passed"]),
        caption="Better by: above 0 the challenger is better; in brackets the 95 % interval, "
        "paired over test rows.",
    )


def _row(gate: Mapping[str, Any]) -> tuple[str, ...]:
    score, rule = gate["score"], gate["rule"]
    known = {
        name: float(gate[name]) for name in ("challenger", "champion", "limit") if name in gate
    }
    write_limit = _amount if rule in _AMOUNTS else _value
    return (
        _title(score),
        _RULES.get(rule, rule.replace("_", " ")),
        _value(score, known["challenger"]) if "challenger" in known else _missing(rule),
        _value(score, known["champion"]) if "champion" in known else "",
        _difference(score, gate["difference"]) if "difference" in gate else _incomparable(gate),
        write_limit(score, known["limit"]) if "limit" in known else "",
        "passed" if gate["passed"] else REFUSED,
    )


def _title(score: str) -> str:
    known = metric(score)
    return f"{known.title}, nats" if known.unit == "nats" else known.title


def _missing(rule: str) -> str:
    return "" if rule == "sealed" else NOT_MEASURED


def _incomparable(gate: Mapping[str, Any]) -> str:
    return NOT_COMPARED if gate["rule"] in _AMOUNTS and "challenger" in gate else ""


def _difference(score: str, numbers: Sequence[float | str]) -> str:
    """Only shares and nats, which stand without their unit, have an interval."""
    values = [float(number) for number in numbers]
    if len(values) == 1:
        return _sign(values[0]) + _amount(score, abs(values[0]))
    share = metric(score).unit == "share"
    mean, low, high = (100 * value if share else value for value in values)
    text = f"{_sign(mean)}{abs(mean):.3g} [{low:.3g},{HARD_SPACE}{high:.3g}]"
    return f"{text}{HARD_SPACE}points" if share else text


def _sign(value: float) -> str:
    return "-" if value < 0 else "+" if value > 0 else ""


def _amount(score: str, value: float) -> str:
    """A difference: of shares in points of per cent."""
    if metric(score).unit == "share":
        points = f"{100 * value:.3g}"
        return f"{points}{HARD_SPACE}{'point' if points == '1' else 'points'}"
    return _value(score, value)


def _value(score: str, value: float) -> str:
    unit = metric(score).unit
    if unit == "s":
        return _duration(value)
    return value_text(value, unit)


def _duration(seconds: float) -> str:
    """With its unit, for an example may take microseconds."""
    if seconds < _MILLISECOND:
        return f"{1e6 * seconds:.3g}{HARD_SPACE}µs"
    if seconds < 1:
        return f"{1e3 * seconds:.3g}{HARD_SPACE}ms"
    return f"{seconds:.3g}{HARD_SPACE}s"

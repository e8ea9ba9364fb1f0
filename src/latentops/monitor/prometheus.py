"""A comparison as Prometheus text, for the textfile collector of a node exporter."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from latentops.monitor.results import Comparison, Finding


class _Gauge(NamedTuple):
    name: str
    help: str
    of: Callable[[Finding], float]


_BY_TEST = (
    _Gauge("changed", "1 where the test found a change.", lambda one: float(one.changed)),
    _Gauge("p_value", "p-value of the test, alone.", lambda one: one.p),
    _Gauge("p_value_holm", "p-value, corrected for all tests.", lambda one: one.p_holm),
    _Gauge("now", "The quantity that is tested, in the window.", lambda one: one.now),
    _Gauge("before", "The same quantity in the profile.", lambda one: one.before),
)


def text(found: Comparison) -> str:
    """In the exposition format 0.0.4, every line ended."""
    labels = {"model": found.name, "version": found.version}
    lines = _gauge("rows", "Rows of the window that were tested.")
    lines.append(_sample("rows", labels, found.rows))
    for gauge in _BY_TEST:
        lines += _gauge(gauge.name, gauge.help)
        lines += [
            _sample(gauge.name, {**labels, "test": one.test}, gauge.of(one))
            for one in found.findings
        ]
    return "\n".join(lines) + "\n"


def _gauge(name: str, told: str) -> list[str]:
    return [f"# HELP latentops_window_{name} {told}", f"# TYPE latentops_window_{name} gauge"]


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    told = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels.items())
    return f"latentops_window_{name}{{{told}}} {value:.10g}"


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

"""Meaning, measured."""

from latentops.applications.results import Meaning
from latentops.applications.subject import Measured, Subject


def measure(subject: Subject) -> Measured[Meaning]:
    return Measured(Meaning(reason="Not measured yet."), {})

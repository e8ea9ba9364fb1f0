"""Generation, measured."""

from latentops.applications.results import Generation
from latentops.applications.subject import Measured, Subject


def measure(subject: Subject) -> Measured[Generation]:
    return Measured(Generation(reason="Not measured yet."), {})

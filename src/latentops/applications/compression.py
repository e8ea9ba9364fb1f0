"""Compression, measured."""

from latentops.applications.results import Compression
from latentops.applications.subject import Measured, Subject


def measure(subject: Subject) -> Measured[Compression]:
    return Measured(Compression(reason="Not measured yet."), {})

"""Augmentation, measured."""

from latentops.applications.results import Augmentation
from latentops.applications.subject import Measured, Subject


def measure(subject: Subject) -> Measured[Augmentation]:
    return Measured(Augmentation(reason="Not measured yet."), {})

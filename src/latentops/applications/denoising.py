"""Denoising, measured."""

from latentops.applications.results import Denoising
from latentops.applications.subject import Measured, Subject


def measure(subject: Subject) -> Measured[Denoising]:
    return Measured(Denoising(reason="Not measured yet."), {})

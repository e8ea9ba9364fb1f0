"""Every application that was asked for."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from latentops.applications import (
    augmentation,
    compression,
    denoising,
    generation,
    meaning,
)
from latentops.applications.results import Applications, Served
from latentops.applications.settings import Settings
from latentops.applications.subject import Measured, Subject
from latentops.artifacts import Arrays
from latentops.verdict.threads import one_thread

Measure = Callable[[Subject], Measured[Any]]
Progress = Callable[[Sequence[str]], Iterable[str]]

_APPLICATIONS: dict[str, Measure] = {  # by its name in the section, in the order of the report
    "generation": generation.measure,
    "augmentation": augmentation.measure,
    "denoising": denoising.measure,
    "compression": compression.measure,
    "meaning": meaning.measure,
}


def measure(
    subject: Subject, settings: Settings, progress: Progress = iter
) -> Measured[Applications]:
    """Names of images begin with that of their application. The same arguments, the same result.

    On one thread: small work on several spends more on waiting for each other than it gains.
    """
    asked = [name for name in _APPLICATIONS if getattr(settings, name)]
    results: dict[str, Served] = {}
    images: Arrays = {}
    for name in progress(asked):
        started = time.perf_counter()
        with one_thread():
            found = _APPLICATIONS[name](subject)
        seconds = time.perf_counter() - started
        results[name] = found.result.model_copy(update={"seconds": seconds})
        images |= {f"{name}.{image}": pixels for image, pixels in found.images.items()}
    return Measured(Applications.model_validate(results), images)

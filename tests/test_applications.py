"""The frame of the applications: what was asked for, in order, and what it may hold."""

import numpy as np
import pytest
import tiny_splits
from tiny_subject import subject

from latentops.applications import measure
from latentops.applications.results import Applications, Generation, Meaning
from latentops.applications.settings import Settings
from latentops.applications.subject import Measured, Subject

OFF = dict.fromkeys(("generation", "augmentation", "denoising", "compression", "meaning"), False)


@pytest.fixture
def texts() -> Subject:
    return subject(tiny_splits.texts())


def test_what_is_switched_off_is_not_measured(texts: Subject) -> None:
    assert measure.measure(texts, Settings(**OFF)) == (Applications(), {})


def test_what_is_on_is_measured_in_order_and_its_images_bear_its_name(
    texts: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.zeros((1, 1, 2, 2), dtype=np.float32)
    made = {"generation": Generation(), "meaning": Meaning(reason="No labels.")}
    for name, result in made.items():
        measured = Measured(result, {"grid": image})
        monkeypatch.setitem(measure._APPLICATIONS, name, lambda _, found=measured: found)
    seen: list[str] = []

    def progress(names: object) -> object:
        seen.extend(names)
        return iter(seen)

    settings = Settings(**OFF | {"generation": True, "meaning": True})
    found = measure.measure(texts, settings, progress)
    assert seen == ["generation", "meaning"]
    assert sorted(found.images) == ["generation.grid", "meaning.grid"]
    assert found.result.augmentation is None
    assert found.result.generation is not None
    assert found.result.generation.seconds > 0
    assert found.result.meaning is not None
    assert found.result.meaning.reason == "No labels."

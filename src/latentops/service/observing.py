"""What a model sees in the rows that it answered, without the rows."""

from collections.abc import Sequence
from typing import Any

from latentops import observations
from latentops.monitor import observe
from latentops.observations import Row
from latentops.service.loaded import Loaded

_AT_ONCE = 256


def observed(loaded: Loaded, inputs: Sequence[Any]) -> list[Row]:
    """One for each input, all of which the model has answered."""
    see = observe.texts if loaded.reads_texts else observe.images
    blocks = (inputs[start : start + _AT_ONCE] for start in range(0, len(inputs), _AT_ONCE))
    return [row for block in blocks for row in observations.rows(see(loaded.model, list(block)))]

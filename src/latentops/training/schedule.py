"""Where an update stands in its training, and its learning rate: functions of the step."""

import math
from typing import NamedTuple

from latentops.training.settings import Settings

_LAST_SHARE_OF_RATE = 0.05


class Moment(NamedTuple):
    """An update's place in the pretraining, or in what follows it: each has its own schedule."""

    pretraining: bool
    step: int  # updates of that part made so far
    steps: int  # updates planned in it


def moment(step: int, examples: int, settings: Settings) -> Moment:
    """Of update `step`, counted from 0 over the whole training with that many examples."""
    of_an_epoch = math.ceil(examples / settings.batch_size)
    first = settings.pretrain_epochs * of_an_epoch
    if step < first:
        return Moment(True, step, first)
    return Moment(False, step - first, settings.epochs * of_an_epoch - first)


def learning_rate_at(step: int, steps: int, settings: Settings) -> float:
    """The rate of update `step` of `steps`, counted from 0: it rises, then follows the schedule."""
    rising = math.ceil(settings.rate_warmup * steps)
    if step < rising:
        return settings.learning_rate * (step + 1) / rising
    if settings.schedule == "constant":
        return settings.learning_rate
    fallen = 0.5 * (1.0 - math.cos(math.pi * (step - rising) / max(1, steps - rising - 1)))
    return settings.learning_rate * (1.0 - (1.0 - _LAST_SHARE_OF_RATE) * fallen)

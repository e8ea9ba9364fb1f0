"""How a model of sentences chooses one token after the other."""

import math
from dataclasses import dataclass

from latentops.errors import DataError


@dataclass(frozen=True)
class Writing:
    """Tokens are drawn where a sentence is made anew, and else the most probable are taken.

    `temperature` divides the logits before a draw; at 0 nothing is drawn. `top_k` keeps so many
    tokens, 0 all; `top_p` the most probable that together have this share (Holtzman et al. 2020).
    More than one of `beams` looks for the most probable sentence where nothing is drawn.
    Raises DataError for values without a meaning.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    beams: int = 1

    def __post_init__(self) -> None:
        allowed = {
            "temperature should be 0 or more": 0 <= self.temperature < math.inf,
            "top_k should be 0, for all tokens, or more": self.top_k >= 0,
            "top_p should be above 0 and at most 1": 0 < self.top_p <= 1,
            "beams should be 1 or more": self.beams >= 1,
        }
        for rule, holds in allowed.items():
            if not holds:
                raise DataError(f"{rule}. Got {getattr(self, rule.partition(' ')[0])}.")


DEFAULT = Writing()


def require_undrawn(writing: Writing) -> None:
    """Raises DataError where the most probable sentence is asked for by settings of a draw."""
    draw = ("temperature", "top_k", "top_p")
    asked = [name for name in draw if getattr(writing, name) != getattr(DEFAULT, name)]
    if asked:
        raise DataError(
            f"{' and '.join(asked)} say how a sentence is drawn, and this task writes the most "
            "probable one. Leave them out, or ask for task generate."
        )


def require_one_beam(writing: Writing) -> None:
    """Raises DataError where a search is asked for although sentences are drawn."""
    if writing.beams > 1 and writing.temperature > 0:
        raise DataError(
            f"beams {writing.beams} looks for the most probable sentence, but sentences are drawn "
            f"at temperature {writing.temperature:g}. Set temperature to 0, or beams to 1."
        )


def require_default(writing: Writing) -> None:
    """Raises DataError where a model that writes no sentences is asked how to write them."""
    asked = [name for name, value in vars(writing).items() if value != getattr(DEFAULT, name)]
    if asked:
        raise DataError(
            f"{' and '.join(asked)} say how a sentence is written, and this model writes none: it "
            "gives words without an order, or images. Leave them out."
        )

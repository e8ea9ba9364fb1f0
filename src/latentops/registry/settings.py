"""Section `registry` of params.yaml: the model's name and the policy by which it is promoted."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import pydantic

from latentops.config import Section

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$"  # safe in a path, a URI, a shell and an MLflow filter

LimitRule = Literal["at_least", "at_most", "min_gain", "max_loss"]
MOST_LIMITS = 17  # with the three gates of every promotion 20, which an event's record can hold


@dataclass(frozen=True)
class Score:
    """Which way is better, and what must be there for the score to be measured."""

    more_is_better: bool
    needs: str
    has_interval: bool = False  # it is a mean over rows
    is_share: bool = False  # it lies between 0 and 1


_LABELS = "labelled test rows in scope and a model with a classifier"
_STRANGERS = "test rows in scope and out of scope and a model with a classifier"
_ROWS = "test rows in scope, and for a difference two models of the same target words"

SCORES: Mapping[str, Score] = {
    "accuracy": Score(True, _LABELS, has_interval=True, is_share=True),
    "recall_macro": Score(True, _LABELS, is_share=True),
    "f1_macro": Score(True, _LABELS, is_share=True),
    "out_of_scope_auroc": Score(True, _STRANGERS, is_share=True),
    "out_of_scope_recall": Score(True, _STRANGERS, has_interval=True, is_share=True),
    "in_scope_refused": Score(False, _STRANGERS, has_interval=True, is_share=True),
    "elbo_nats": Score(True, _ROWS, has_interval=True),
    "rate_nats": Score(False, _ROWS, has_interval=True),
    "distortion_nats": Score(False, _ROWS, has_interval=True),
    "active_units": Score(True, "two test rows in scope"),
    "model_bytes": Score(False, "the files of the model"),
    "seconds_per_example": Score(False, "a test row that the model can read"),
}
"""The scores that a policy may name, as registry/measure.py measures them."""


def _known(limits: dict[str, float]) -> dict[str, float]:
    for name, limit in limits.items():
        if name not in SCORES:
            raise ValueError(f"no such score: {name!r} ({_guess(name)})")
        if SCORES[name].is_share and not 0 <= limit <= 1:
            raise ValueError(f"{name}: {limit:g} is no share: {_share(limit)}")
    return limits


def _share(limit: float) -> str:
    if 1 < limit <= 100:
        return f"{limit / 100:g} means {limit:g} %"
    return "it lies between 0 and 1"


def _with_interval(gains: dict[str, float]) -> dict[str, float]:
    for name in gains:
        if not SCORES[name].has_interval:
            known = ", ".join(name for name, score in SCORES.items() if score.has_interval)
            raise ValueError(f"{name} has no interval that a gain could clear; these have: {known}")
    return gains


def _guess(name: str) -> str:
    close = difflib.get_close_matches(name, SCORES, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(SCORES)}"


def _fitting(name: str) -> str:
    if not re.fullmatch(NAME, name):
        raise ValueError(
            "a name has letters (a-z, A-Z), digits and . _ -, begins with a letter or digit and "
            "has at most 200 characters"
        )
    return name


Limits = Annotated[dict[str, float], pydantic.AfterValidator(_known)]
Amounts = Annotated[
    dict[str, Annotated[float, pydantic.Field(ge=0)]], pydantic.AfterValidator(_known)
]


class Settings(Section):
    """Under what name to register, and what a challenger must reach."""

    name: Annotated[str, pydantic.AfterValidator(_fitting)] = pydantic.Field(
        "latentops", description="of the registered model: letters, digits and . _ -"
    )
    min_active_units: int = pydantic.Field(
        2, ge=0, description="below: the posterior has collapsed and nothing is promoted"
    )
    at_least: Limits = pydantic.Field({}, description="score -> what a challenger must reach")
    at_most: Limits = pydantic.Field({}, description="score -> what it must not exceed")
    min_gain: Annotated[Amounts, pydantic.AfterValidator(_with_interval)] = pydantic.Field(
        {}, description="score -> by how much the whole 95 % interval must beat the champion"
    )
    max_loss: Amounts = pydantic.Field(
        {"elbo_nats": 0.5}, description="score -> how much worse than the champion is accepted"
    )
    git_tags: bool = pydantic.Field(
        False, description="seal, promotion and rollback also write git tags that GTO reads"
    )

    def limits(self) -> Iterator[tuple[LimitRule, str, float]]:
        """Rule, score and limit, in the order in which they are shown."""
        rules: dict[LimitRule, dict[str, float]] = {
            "at_least": self.at_least,
            "at_most": self.at_most,
            "min_gain": self.min_gain,
            "max_loss": self.max_loss,
        }
        for rule, limits in rules.items():
            for score, limit in limits.items():
                yield rule, score, limit

    @pydantic.model_validator(mode="after")
    def _fits_an_event(self) -> Self:
        count = len(list(self.limits()))
        if count > MOST_LIMITS:
            raise ValueError(f"at most {MOST_LIMITS} limits can be recorded, and there are {count}")
        return self

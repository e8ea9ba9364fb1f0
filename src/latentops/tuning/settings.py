"""The section `tune` of params.yaml."""

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from latentops.config import Section

Score = Literal["elbo", "accuracy", "macro_recall"]
Pick = Literal["best", "knee", "budget"]
PRUNABLE = ("budget", "score")


class Dimension(Section):
    """The values that one setting may take: from `low` to `high`, or one of `choices`."""

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    step: int | float | None = Field(None, gt=0)
    type: Literal["int", "float"] | None = Field(None, description="null: what the setting is")
    choices: tuple[Any, ...] | None = None
    when: dict[str, tuple[Any, ...]] = Field({}, description="other setting -> its values")

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Self:
        if problem := next(self._problems(), None):
            raise ValueError(problem)
        return self

    def _problems(self) -> Iterator[str]:
        bounds = self.low is not None and self.high is not None
        if self.choices is not None:
            if self.low is not None or self.high is not None or self.log or self.step or self.type:
                yield "give choices, or low and high, not both"
            if not self.choices:
                yield "choices is empty: give at least one value"
            if len(self.choices) != len({repr(value) for value in self.choices}):
                yield "a choice stands twice"
        elif not bounds:
            yield "give low and high, or choices"
        else:
            yield from self._problems_of_bounds(float(self.low or 0), float(self.high or 0))
        if any(not values for values in self.when.values()):
            yield "when names a setting without a value"

    def _problems_of_bounds(self, low: float, high: float) -> Iterator[str]:
        if low > high:
            yield f"the lower bound {low:g} is above the upper bound {high:g}"
        if self.log and low <= 0:
            yield f"a log scale cannot begin at {low:g}: raise low above 0, or leave log out"
        if self.log and self.step:
            yield "a log scale has no step: leave one of them out"


def _listed(score: Any) -> Any:
    return (score,) if isinstance(score, str) else score


class Settings(Section):
    """What a study searches, how, and what it calls better."""

    mode: Literal["pareto", "budget", "score"] = Field(
        "score",
        description="pareto: rate against distortion; budget: the least distortion whose rate is "
        "at most rate_nats; score: the highest score",
    )
    score: Annotated[tuple[Score, ...], BeforeValidator(_listed)] = Field(
        ("elbo",),
        description="of the validation split. elbo: nats, at beta 1 whatever was trained; "
        "accuracy, macro_recall: of a linear head on its latent means. Of several the mean, "
        "standardised",
    )
    labels: int | None = Field(None, ge=1, description="of each class, for the head; null: all")
    rate_nats: float | None = Field(None, ge=0, description="the most, in mode budget")
    pick: Pick = Field("best", description="which trial is chosen; in mode pareto best is by ELBO")
    trials: int = Field(20, ge=1, le=10_000, description="in all: running again tops up")
    seed: int = Field(0, ge=0)
    sampler: Literal["tpe", "random", "gp", "qmc", "grid"] = "tpe"
    pruner: Literal["none", "median", "hyperband"] = "none"
    workers: int = Field(1, ge=0, le=256, description="processes here; 0: other machines' alone")
    epochs: int = Field(8, ge=1, description="of each trial")
    space: dict[str, Dimension] = Field(
        {
            "objective.beta": Dimension(low=0.1, high=10.0, log=True),
            "model.latent": Dimension(low=4, high=64, log=True),
        },
        description="any setting of model, objective or train, by its dotted name",
    )

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if problem := next(self._problems(), None):
            raise ValueError(problem)
        return self

    @property
    def score_name(self) -> str:
        """`elbo`, `accuracy+elbo`: what the column `score` of a study holds."""
        return {"pareto": "elbo", "budget": "-distortion"}.get(self.mode) or "+".join(self.score)

    @property
    def by_head(self) -> bool:
        """Whether only a head's scores decide, and no likelihood."""
        return self.mode == "score" and "elbo" not in self.score

    def _problems(self) -> Iterator[str]:
        if not self.space:
            yield "space is empty: name at least one setting, such as objective.beta"
        if self.rate_nats is None and "budget" in (self.mode, self.pick):
            where = "mode" if self.mode == "budget" else "pick"
            yield f"{where} budget needs rate_nats: the most nats that the code may carry"
        if self.pick == "knee" and self.mode != "pareto":
            yield "pick knee is for mode pareto: the other modes search no front"
        if not self.score:
            yield "score is empty: name elbo, accuracy or macro_recall"
        if len(self.score) != len(set(self.score)):
            yield "score names one twice"
        if self.pruner != "none":
            yield from self._problems_of_pruning()
        yield from self._problems_of_conditions()

    def _problems_of_pruning(self) -> Iterator[str]:
        if self.mode not in PRUNABLE or (self.mode == "score" and len(self.score) > 1):
            what = "mode pareto" if self.mode == "pareto" else "several scores"
            yield f"{what} cannot prune, for no one number says who is behind: set pruner to none"

    def _problems_of_conditions(self) -> Iterator[str]:
        seen: dict[str, Dimension] = {}
        for name, dimension in self.space.items():
            for parent, values in dimension.when.items():
                if parent not in seen:
                    yield f"space.{name}: when names {parent}, which stands nowhere before it"
                elif strange := [value for value in values if not _holds(seen[parent], value)]:
                    yield f"space.{name}: {parent} never is {strange[0]}"
            seen[name] = dimension


def _holds(dimension: Dimension, value: Any) -> bool:
    if dimension.choices is not None:
        return value in dimension.choices
    low, high = dimension.low or 0, dimension.high or 0
    if not isinstance(value, int | float) or not low <= value <= high:
        return False
    steps = (value - low) / dimension.step if dimension.step else 0.0
    return math.isclose(steps, round(steps), abs_tol=1e-9)

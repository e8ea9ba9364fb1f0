"""What follows from a verdict's numbers, before it is put into words or pictures."""

from collections.abc import Iterable
from typing import Literal

from latentops.verdict.results import Budget, Claim, Cost, Score

Outcome = Literal["gain", "loss", "unclear"]

ALL = "all"  # the name of the budget that holds every label
_PER_CLASS = " per class"
_OF_THE_VAE = frozenset({"vae", "hidden"})


def uses_vae(features: str) -> bool:
    return not _OF_THE_VAE.isdisjoint(features.split("+"))


def outcome(claim: Claim) -> Outcome:
    """A difference counts where its interval leaves out 0."""
    if claim.low > 0:
        return "gain"
    return "loss" if claim.high < 0 else "unclear"


def main_claims(budgets: Iterable[Budget]) -> list[tuple[Budget, Claim]]:
    """Of each budget the claim against its strongest baseline, which stands first."""
    return [(budget, budget.claims[0]) for budget in budgets if budget.claims]


def score(budget: Budget, features: str) -> Score:
    return next(each for each in budget.scores if each.features == features)


def front(costs: Iterable[Cost]) -> list[Cost]:
    """Those that no other matches in speed and accuracy at once, the fastest first."""
    found: list[Cost] = []
    for cost in sorted(costs, key=lambda each: (each.microseconds_per_example, -each.accuracy)):
        if not found or cost.accuracy > found[-1].accuracy:
            found.append(cost)
    return found


def is_per_class(budget: Budget) -> bool:
    return budget.name.endswith(_PER_CLASS)


def labels_text(budget: Budget) -> str:
    """1 label per class, 2,500 labels, all 15,000 labels."""
    if budget.name == ALL:
        return f"all {budget.labels:,.0f} labels"
    count = int(budget.name.split()[0])
    each = _PER_CLASS if is_per_class(budget) else ""
    return f"{count:,} {'label' if count == 1 else 'labels'}{each}"

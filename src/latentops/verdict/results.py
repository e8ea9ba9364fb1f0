"""What a study found, as metrics/verdict.json holds it: the report reads this and no tensor.

Accuracies, recalls and AUROC are shares of one; `low` and `high` are the ends of 95 % bootstrap
intervals. Features are named as in `verdict.features`.
"""

from typing import Literal, Self

from latentops.artifacts import Schema


class Score(Schema):
    """One feature set at one label budget, averaged over label samples and VAE seeds."""

    features: str
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    accuracy_sd: float  # over label samples and VAE seeds; 0 where there is one of each
    recall_macro: float
    f1_macro: float
    accuracy_unseen: float | None  # of the test rows that do not stand in train; None: not known
    inner_accuracy: float | None  # inside the labels or on validation; None: nothing was chosen
    classifier: str  # the one chosen most often
    join: float | None  # weight of the later blocks, chosen most often; None: a single block


class Claim(Schema):
    """A paired difference `ours` - `theirs`; it is claimed where the interval leaves out 0."""

    ours: str
    theirs: str
    difference: float
    low: float
    high: float

    @classmethod
    def of(cls, ours: str, theirs: str, found: tuple[float, float, float]) -> Self:
        """`found` is the difference and the ends of its interval."""
        difference, low, high = found
        return cls(ours=ours, theirs=theirs, difference=difference, low=low, high=high)


class Budget(Schema):
    name: str  # "5 per class", "200 labels" or "all"
    labels: float  # mean number; validation labels included where they served the choice
    scores: tuple[Score, ...]
    claims: tuple[Claim, ...]  # the first is against the strongest baseline


class Cost(Schema):
    """One feature set with its classifier at all labels, measured side by side on one thread."""

    features: str
    accuracy: float
    fit_seconds: float | None  # of the features; None: not known
    head_seconds: float
    microseconds_per_example: float  # from counts or pixels to the class, in a batch
    bytes: int  # of the numbers that a prediction needs
    features_in: int  # numbers that the classifier reads of one example
    accuracy_knn5: float | None = None  # images: 5 nearest neighbours in the dense code as it is


class Signal(Schema):
    """How well one number of a row tells strangers from rows in scope."""

    name: str
    auroc: float
    auroc_low: float
    auroc_high: float
    recall: float  # of strangers, at the threshold that refuses `head.refuse` of validation
    recall_low: float
    recall_high: float
    uses_vae: bool


class Strangers(Schema):
    setting: Literal["own", "held_out"]  # the data's own out-of-scope rows, or classes left out
    in_scope_rows: int  # of test
    stranger_rows: int  # of test
    note: str  # a sentence on how it was done, or empty
    signals: tuple[Signal, ...]
    share_auroc: Claim | None = None  # best with the VAE minus best without any
    share_recall: Claim | None = None


class Verdict(Schema):
    """`reason` says why there is no study; budgets and cost are then empty."""

    depth: Literal["quick", "full"]
    source: str
    seeds: int  # of the VAE
    samples: int  # of the labels
    test_rows: int  # labelled and in scope
    test_rows_also_in_train: int | None  # None: not counted (images)
    reason: str = ""
    budgets: tuple[Budget, ...] = ()
    cost: tuple[Cost, ...] = ()
    strangers: tuple[Strangers, ...] = ()

"""What a model is for, and where its answers should not be trusted: sentences from its facts.

Each is a name and a text, for a list.
"""

from collections.abc import Iterable, Mapping

from latentops.artifacts import Spec
from latentops.classifier import HeadFile
from latentops.report import judgement, numbers
from latentops.report.conclusion import listed
from latentops.report.judgement import labels_text, outcome
from latentops.verdict.results import Verdict

Line = tuple[str, str]

FEW_ROWS = 1000  # of which a share is known to about three points only
SYNTHETIC = (
    "a grammar generated the data, nobody said it. What holds here need not hold for what people "
    "say: measure it there first."
)
NOT_EXAMINED = (
    "how it treats different groups of people, inputs made to deceive it, and how its answers age."
)


def intended(spec: Spec, head: HeadFile, scores: Mapping[str, float], latent: int) -> list[Line]:
    """What it is made for, then what it is not for."""
    return [*_uses(spec, head, latent), *_misuses(spec, head, scores)]


def limits(
    spec: Spec,
    rows: Mapping[str, int],
    verdict: Verdict,
    head: HeadFile,
    scores: Mapping[str, float],
) -> list[Line]:
    """What to know before relying on the scores."""
    return [
        *_of_the_data(spec, rows, scores),
        *_of_the_classifier(head, verdict, scores),
        *_of_the_verdict(verdict),
        ("Not examined", NOT_EXAMINED),
    ]


def _uses(spec: Spec, head: HeadFile, latent: int) -> Iterable[Line]:
    inputs = f"{_noun(spec)} like those of {spec.source}"
    if head.chosen:
        yield (
            "To classify",
            f"{inputs}: which of {len(head.classes):,} classes each belongs to and how surely, or "
            "that it is like nothing the model has learned.",
        )
    yield (
        "To encode",
        f"{inputs}: {latent} numbers for each, to compare, search or group them; and how usual "
        "each is.",
    )


def _misuses(spec: Spec, head: HeadFile, scores: Mapping[str, float]) -> Iterable[Line]:
    if head.chosen is None:
        yield "Not to classify", f"it has no classifier: {head.reason}"
    other = "another kind, language or set of classes"
    kind = other if spec.kind == "counts" else "another kind, size or set of classes"
    yield "Not for other inputs", f"{_noun(spec)} of {kind}, which it has never seen."
    if head.chosen and "accuracy" in scores:
        wrong = numbers.percent(1 - scores["accuracy"])
        yield "Not unwatched", f"decisions about people: {wrong} of the test rows come out wrong."
    if spec.synthetic:
        yield "Not for real users yet", "the data is synthetic: see the limits."


def _of_the_data(
    spec: Spec, rows: Mapping[str, int], scores: Mapping[str, float]
) -> Iterable[Line]:
    if spec.synthetic:
        yield "Synthetic data", SYNTHETIC
    few = {
        split: rows[split] for split in ("train", "test") if rows.get(split, FEW_ROWS) < FEW_ROWS
    }
    if few:
        yield "Few rows", _few(few)
    yield _inputs(spec)
    if seen := int(scores.get("test_rows_also_in_train", 0)):
        test = int(scores["test_rows"])
        yield "Seen before", f"{seen:,} of the {test:,} test rows in scope stand in train too."


def _few(rows: Mapping[str, int]) -> str:
    told = listed([f"{count:,} in {split}" for split, count in rows.items()])
    if "test" not in rows:
        return f"{told}."
    points = 98 / max(rows["test"], 1) ** 0.5  # 1.96 standard errors of a share of one half
    return f"{told}. A share of so few test rows may be {points:.0f} points off."


def _inputs(spec: Spec) -> Line:
    if spec.kind == "counts":
        return (
            "Language",
            f"it reads {spec.shape[0]:,} terms, those of its training texts. Another language, a "
            f"new word{_lost_order(spec)} say nothing to it.",
        )
    _, height, width = spec.shape
    return (
        "Pictures",
        f"it reads {height} by {width} pixels, framed and lit as those of its training.",
    )


def _lost_order(spec: Spec) -> str:
    """Where texts are sequences too, a model may know it."""
    return "" if spec.tokens else " and the order of the words beyond a term"


def _of_the_classifier(
    head: HeadFile, verdict: Verdict, scores: Mapping[str, float]
) -> Iterable[Line]:
    if head.chosen is None:
        return
    yield (
        "Classes",
        f"the {len(head.classes):,} of its training labels. A new one takes another training.",
    )
    if head.absent:
        yield "Never predicted", f"{listed(head.absent)}: no training row had that label."
    yield "Strangers", _strangers(verdict, scores)


def _strangers(verdict: Verdict, scores: Mapping[str, float]) -> str:
    if "out_of_scope_recall" in scores:
        missed = numbers.percent(1 - scores["out_of_scope_recall"])
        refused = numbers.percent(scores["in_scope_refused"])
        return (
            f"{missed} of the test rows out of scope are taken for a known class, and {refused} of "
            "the others are refused."
        )
    if verdict.strangers:
        return "measured on classes left out of a training, never on inputs from elsewhere."
    return "nobody measured how many inputs from elsewhere it refuses: test holds none."


def _of_the_verdict(verdict: Verdict) -> Iterable[Line]:
    if verdict.reason:
        yield "No comparison", verdict.reason
        return
    claims = judgement.main_claims(verdict.budgets)
    with_labels = {
        name: [labels_text(budget) for budget, claim in claims if outcome(claim) == name]
        for name in ("unclear", "loss")
    }
    if unclear := with_labels["unclear"]:
        yield "No clear difference", f"from the strongest baseline with {listed(unclear)}."
    if worse := with_labels["loss"]:
        yield "Behind the strongest baseline", f"with {listed(worse)}."
    if verdict.depth == "quick":
        yield (
            "A quick look",
            f"the comparison rests on {verdict.seeds} VAEs and {verdict.samples} samples of "
            "labels; evaluate.depth: full takes more, and leaves classes out.",
        )


def _noun(spec: Spec) -> str:
    return "texts" if spec.kind == "counts" else "pictures"

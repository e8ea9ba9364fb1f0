"""The verdict in words: an answer first, then its numbers; also when it is no, or cannot be given.

Every sentence is made from the numbers of `Verdict` alone, so that none says more than they do.
"""

from collections.abc import Iterable, Mapping, Sequence

from latentops.classifier import HeadFile
from latentops.report import judgement, numbers
from latentops.report.document import Block, Lead, Points
from latentops.report.glossary import feature_title, signal_title, value_text
from latentops.report.judgement import labels_text, outcome
from latentops.verdict.results import Budget, Claim, Cost, Signal, Strangers, Verdict

QUESTION = "Does the VAE make better features here?"
SETTINGS = {"own": "the rows out of scope", "held_out": "rows of classes left out"}
NOT_MEASURED = (
    "not measured. The data has no rows marked out of scope in test, and no classes were left out: "
    "that takes evaluate.depth: full and five classes or more."
)
NEEDED = (
    "For a verdict, label some rows of two classes or more, five of each to begin with, leave the "
    "others empty, and run again: the VAE goes on learning from all of them."
)
SHARES = {"gain": "a gain", "loss": "a loss", "unclear": "no clear difference"}
BOUGHT = {
    "gain": "What the gain costs",
    "loss": "What it costs, although it loses",
    "unclear": "What it costs, for no clear gain",
}
OUTCOMES = {"gain": "gains", "loss": "loses", "unclear": "no clear difference"}

Claimed = Sequence[tuple[Budget, Claim]]  # in the order of the labels


def verdict(
    found: Verdict, scores: Mapping[str, float], head: HeadFile, latent: int
) -> Iterable[Block]:
    """The answer on features, then a line on cost and one on inputs never seen."""
    claims = judgement.main_claims(found.budgets)
    if not claims:
        yield _without_a_verdict(found.reason, scores, latent)
        return
    yield lead(claims)
    told = strangers(found.strangers, head.refuse)
    lines = [("Inputs never seen", f"{shipped(scores)}{told}")]
    if found.cost:
        lines.insert(0, ("Cost", cost(found.cost, claims[-1][1])))
    yield Points(tuple(lines))


def _without_a_verdict(reason: str, scores: Mapping[str, float], latent: int) -> Lead:
    """What the model gives without labels, and what a verdict takes."""
    return Lead(
        QUESTION,
        f"It cannot be said: {reason}",
        f"What the model gives all the same: a code of {latent} numbers for each example, of which "
        f"{int(scores['active_units'])} are in use, and the cost of each example, on average "
        f"{-scores['elbo_nats']:.1f} nats ({scores['rate_nats']:.1f} for its code, "
        f"{scores['distortion_nats']:.1f} for what the code leaves open). {NEEDED}",
    )


def lead(claims: Claimed) -> Lead:
    """The answer, then the budget where the VAE does best and the one with most labels."""
    best = max(claims, key=_merit)
    shown = [best] if best == claims[-1] else [best, claims[-1]]
    return Lead(QUESTION, _answer(claims), " ".join(_against(*claim) for claim in shown))


def _merit(claim: tuple[Budget, Claim]) -> tuple[bool, float]:
    """A clear gain before a larger difference that may be chance."""
    return claim[1].low > 0, claim[1].difference


def _answer(claims: Claimed) -> str:
    """Yes or no in as few words as the numbers of labels allow, and where a gain ends."""
    outcomes = [outcome(claim) for _, claim in claims]
    texts = [labels_text(budget) for budget, _ in claims]
    gains = [each == "gain" for each in outcomes]
    count = sum(gains)
    tried = f"with {texts[0]}" if len(texts) == 1 else "with every number of labels tried"
    if count in (0, len(gains)):
        no = "No" if "loss" in outcomes else "No clear difference"
        return f"{'Yes' if count else no}, {tried}."
    if all(gains[:count]):
        return f"Yes, with up to {texts[count - 1]}; no longer with {texts[count]}."
    if all(gains[-count:]):
        return f"Only with many labels: from {texts[-count]} on."
    yes = [text for text, gain in zip(texts, gains, strict=True) if gain]
    no_gain = [text for text, gain in zip(texts, gains, strict=True) if not gain]
    no = "no" if "loss" in outcomes else "no clear difference"
    return f"With {listed(yes)} yes, with {listed(no_gain)} {no}."


def _against(budget: Budget, claim: Claim) -> str:
    """What the VAE reaches at a budget, and how far that is from the strongest baseline."""
    ours, theirs = feature_title(claim.ours), feature_title(claim.theirs)
    reached = f"{ours} reaches {reached_text(budget, claim.ours)}"
    if outcome(claim) == "unclear":
        return (
            f"With {labels_text(budget)} there is no clear difference: {reached}, the strongest "
            f"baseline, {theirs}, {reached_text(budget, claim.theirs)} "
            f"({numbers.signed_points(claim.difference, claim.low, claim.high)} points)."
        )
    away = f"{distance(claim)} the strongest baseline, {theirs}"
    return f"With {labels_text(budget)}, {reached}, {away}."


def reached_text(budget: Budget, features: str) -> str:
    found = judgement.score(budget, features)
    return numbers.measured(found.accuracy, found.accuracy_low, found.accuracy_high)


def distance(claim: Claim) -> str:
    """1.7 points [1.2, 2.2] above, or below; both ends as positive numbers."""
    if claim.difference < 0:
        return f"{numbers.points(-claim.difference, -claim.high, -claim.low)} below"
    return f"{numbers.points(claim.difference, claim.low, claim.high)} above"


def cost(costs: Sequence[Cost], claim: Claim) -> str:
    """Time and size of both sides of a claim, and what the one takes beside the other."""
    by_name = {each.features: each for each in costs}
    ours, theirs = by_name[claim.ours], by_name[claim.theirs]
    times = ours.microseconds_per_example / theirs.microseconds_per_example
    size = ours.bytes / theirs.bytes
    return (
        f"with all labels, {feature_title(ours.features)} classifies an example in {_costs(ours)}; "
        f"the strongest baseline, {feature_title(theirs.features)}, in {_costs(theirs)}. "
        f"{BOUGHT[outcome(claim)]}: {_times(times)} the time and {_times(size)} the size."
    )


def _times(ratio: float) -> str:
    return f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.2g} times"


def _costs(cost: Cost) -> str:
    microseconds = value_text(cost.microseconds_per_example, "µs")
    return f"{microseconds} µs with {value_text(cost.bytes, 'bytes')}"


def shipped(scores: Mapping[str, float]) -> str:
    """What the detector in the model does; empty where test has no rows out of scope."""
    if "out_of_scope_recall" not in scores:
        return ""
    return (
        f"the detector in the model recognises {numbers.percent(scores['out_of_scope_recall'])} of "
        f"the rows out of scope and refuses {numbers.percent(scores['in_scope_refused'])} of the "
        f"others (AUROC {numbers.percent(scores['out_of_scope_auroc'])}). With more signals than "
        "it has, "
    )


def strangers(found: Sequence[Strangers], refuse: float) -> str:
    """How many strangers are told, setting by setting, and what of that is the VAE's own."""
    if not found:
        return NOT_MEASURED
    return " ".join(f"{_told(setting, refuse)} {share(setting)}" for setting in found)


def _told(setting: Strangers, refuse: float) -> str:
    signal = best_signal(setting)
    recall = numbers.measured(signal.recall, signal.recall_low, signal.recall_high)
    auroc = numbers.measured(signal.auroc, signal.auroc_low, signal.auroc_high)
    return (
        f"{recall} of {SETTINGS[setting.setting]} are recognised where {numbers.percent(refuse)} "
        f"of known validation inputs are refused ({signal_title(signal.name)}, AUROC {auroc})."
    )


def best_signal(setting: Strangers) -> Signal:
    """The one whose share is claimed; without a claim, the best of AUROC."""
    if setting.share_auroc:
        return next(each for each in setting.signals if each.name == setting.share_auroc.ours)
    return max(setting.signals, key=lambda signal: signal.auroc)


def share(setting: Strangers) -> str:
    """The VAE's own share, with its interval, and whether there is one."""
    if not setting.share_auroc or not setting.share_recall:
        return "The VAE's own share was not measured."
    claims = {"recall": setting.share_recall, "AUROC": setting.share_auroc}
    parts = [
        f"{numbers.signed_points(claim.difference, claim.low, claim.high)} points of {name} "
        f"({SHARES[outcome(claim)]})"
        for name, claim in claims.items()
    ]
    beside = signal_title(setting.share_auroc.theirs)
    return f"The VAE's own share of this, beside {beside}, is {listed(parts)}."


def listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)

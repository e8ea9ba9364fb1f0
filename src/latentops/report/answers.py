"""The three answers of a verdict, each with a picture, a table and what it is compared with."""

from collections.abc import Iterable, Sequence

from latentops.report import canvas, conclusion, judgement, numbers, verdict_pictures
from latentops.report.document import Block, Cell, Noted, Picture, Points, Section, Table, Text
from latentops.report.facts import Facts
from latentops.report.glossary import (
    CLASSIFIERS,
    FEATURES,
    SIGNALS,
    feature_title,
    metric,
    signal_title,
    value_text,
)
from latentops.report.judgement import labels_text, outcome
from latentops.verdict.results import Budget, Claim, Cost, Score, Signal, Strangers, Verdict

INTERVALS = (
    "Brackets hold 95 % intervals: a bootstrap over test rows, samples of labels and VAE seeds "
    "together. A difference is paired, over the same rows and "
    "samples, and is called one only where its interval leaves out 0."
)
QUICK = "This was a quick look: evaluate.depth: full adds budgets, VAEs and classes left out."
CHOICES = (
    "The classifier, its strength and the weight of joined features are chosen inside the labels "
    "of each budget, or on validation where all labels are used, never on test. Both logistic "
    "regression and a linear SVM are tried on two classes; of more, sparse features try the SVM "
    "alone, and dense ones of many classes logistic regression alone. The VAE and LSA or PCA learn "
    "from the training rows, labelled or not."
)


def accuracy(facts: Facts) -> Section | None:
    """What each feature set reaches at each label budget, and which differences are claimed."""
    verdict = facts.verdict
    if not verdict.budgets:
        return None
    blocks: tuple[Block, ...] = (
        Text(_how_compared(verdict)),
        _lines(verdict.budgets),
        _claims(verdict.budgets),
        Text(CHOICES),
        *(_scores(budget) for budget in verdict.budgets),
        _explained(verdict.budgets[0]),
    )
    return Section("Accuracy by number of labels", blocks)


def _how_compared(verdict: Verdict) -> str:
    seen = verdict.test_rows_also_in_train
    also = (
        f", of which {seen:,} stand in train too (“unseen” leaves these out)"
        if seen is not None
        else ""
    )
    quick = f" {QUICK}" if verdict.depth == "quick" else ""
    return (
        f"On {verdict.test_rows:,} labelled test rows{also}; "
        f"{_counted(verdict.samples, 'sample')} of labels for each number of labels, "
        f"{_counted(verdict.seeds, 'VAE')}. {INTERVALS}{quick}"
    )


def _counted(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"


def _lines(budgets: Sequence[Budget]) -> Picture:
    heard = "; ".join(
        f"{labels_text(budget)}: {feature_title(best.features)} {numbers.percent(best.accuracy)}"
        for budget in budgets
        for best in [max(budget.scores, key=lambda score: score.accuracy)]
    )
    return Picture(
        "accuracy_by_labels",
        canvas.png(verdict_pictures.accuracy_by_labels(budgets)),
        alt=f"Accuracy of each feature set by number of labels; the best of each: {heard}. Below, "
        "the difference between the VAE and the strongest baseline.",
        caption="Above: accuracy by number of labels, on a log scale, with 95 % intervals; "
        "features with the VAE in colour, baselines in grey and broken lines. Below: the VAE's "
        "features that did best inside the labels, minus the baseline that did best on test, "
        "which favours the baseline; a hollow circle is no clear difference.",
    )


def _claims(budgets: Iterable[Budget]) -> Table:
    rows = tuple(_claim(budget, claim) for budget in budgets for claim in budget.claims)
    return Table(
        ("Labels", "Features", "Points"),
        rows,
        numeric=frozenset({2}),
        caption="What is claimed",
    )


def _claim(budget: Budget, claim: Claim) -> tuple[Cell, ...]:
    return (
        labels_text(budget).removesuffix(" labels"),
        Noted(feature_title(claim.ours), f"against {feature_title(claim.theirs)}"),
        Noted(
            numbers.signed_points(claim.difference, claim.low, claim.high),
            conclusion.OUTCOMES[outcome(claim)],
        ),
    )


def _scores(budget: Budget) -> Table:
    unseen = _knows_unseen(budget)
    header = ("Features", "Accuracy, %", "Macro recall", "Macro F1")
    claimed = {claim.ours for claim in budget.claims[:1]}
    count = f" ({budget.labels:,.0f})" if judgement.is_per_class(budget) else ""
    return Table(
        (*header, *(["Unseen"] if unseen else []), "Classifier"),
        tuple(_score(score, unseen) for score in budget.scores),
        numeric=frozenset(range(1, len(header) + unseen)),
        marked=frozenset(
            place for place, score in enumerate(budget.scores) if score.features in claimed
        ),
        caption=f"With {labels_text(budget)}{count}",
    )


def _score(score: Score, unseen: bool) -> tuple[Cell, ...]:
    shares = [score.recall_macro, score.f1_macro]
    known = [] if score.accuracy_unseen is None else [score.accuracy_unseen]
    return (
        feature_title(score.features),
        numbers.bare(score.accuracy, score.accuracy_low, score.accuracy_high),
        *(numbers.tenths(share) for share in shares),
        *([numbers.tenths(share) for share in known] or [""] if unseen else []),
        _classifier(score.classifier, score.join),
    )


def _classifier(name: str, join: float | None) -> Cell:
    return CLASSIFIERS[name] if join is None else Noted(CLASSIFIERS[name], f"joined at {join:g}")


def _explained(budget: Budget) -> Points:
    """What each name in the tables means."""
    parts = dict.fromkeys(part for score in budget.scores for part in score.features.split("+"))
    features = [(FEATURES[part].title, FEATURES[part].meaning) for part in parts]
    names = ["accuracy", "recall_macro", "f1_macro"]
    if _knows_unseen(budget):
        names.append("accuracy_unseen")
    measures = [(metric(name).title, metric(name).meaning) for name in names]
    return Points((*features, *measures))


def _knows_unseen(budget: Budget) -> bool:
    return any(score.accuracy_unseen is not None for score in budget.scores)


def cost(facts: Facts) -> Section | None:
    """Accuracy against what it takes, measured side by side."""
    verdict = facts.verdict
    if not verdict.cost:
        return None
    note = Text(
        "With all labels, measured side by side in one run on one thread: microseconds of an "
        "example in a batch of 1,000, from its counts or pixels to its class; bytes of the numbers "
        "that a prediction needs; numbers that the classifier reads. The seconds in which the VAE "
        "was fitted are those of its own training, on the device and threads of section train."
    )
    return Section("Cost", (note, _front(verdict.cost), _cost_table(verdict.cost)))


def _front(costs: Sequence[Cost]) -> Picture:
    front = conclusion.listed([feature_title(each.features) for each in judgement.front(costs)])
    heard = "; ".join(
        f"{feature_title(each.features)} {numbers.percent(each.accuracy)} in "
        f"{value_text(each.microseconds_per_example, 'µs')} µs"
        for each in costs
    )
    return Picture(
        "accuracy_by_cost",
        canvas.png(verdict_pictures.accuracy_by_cost(costs)),
        alt=f"Accuracy by microseconds per example: {heard}.",
        caption=f"On the front, the thick line: {front}. Nothing else is both as fast and as "
        "accurate as one of these. The larger a mark, the more bytes.",
    )


def _cost_table(costs: Sequence[Cost]) -> Table:
    neighbours = any(each.accuracy_knn5 is not None for each in costs)
    front = judgement.front(costs)
    return Table(
        (
            "Features",
            "Accuracy, %",
            "Fit features, s",
            "Fit classifier, s",
            "Classify one, µs",
            "Size",
            "Numbers in",
            *(["5-NN, %"] if neighbours else []),
        ),
        tuple(_cost(each, neighbours) for each in costs),
        numeric=frozenset(range(1, 7 + neighbours)),
        marked=frozenset(place for place, each in enumerate(costs) if each in front),
        caption="Cost, with the front in bold",
    )


def _cost(each: Cost, neighbours: bool) -> tuple[Cell, ...]:
    fit = "" if each.fit_seconds is None else value_text(each.fit_seconds, "s")
    knn = "" if each.accuracy_knn5 is None else numbers.tenths(each.accuracy_knn5)
    return (
        feature_title(each.features),
        numbers.tenths(each.accuracy),
        fit,
        value_text(each.head_seconds, "s"),
        value_text(each.microseconds_per_example, "µs"),
        value_text(each.bytes, "bytes"),
        f"{each.features_in:,}",
        *([knn] if neighbours else []),
    )


def strangers(facts: Facts) -> Section | None:
    """How well inputs of a kind never seen are told from known ones, by signal."""
    verdict = facts.verdict
    if not verdict.budgets:
        return None
    if not verdict.strangers:
        said = conclusion.NOT_MEASURED
        return Section("Inputs never seen", (Text(f"{said[0].upper()}{said[1:]}"),))
    tables = tuple(block for setting in verdict.strangers for block in _setting(setting))
    names = dict.fromkeys(each.name for setting in verdict.strangers for each in setting.signals)
    meanings = Points(
        (
            ("AUROC", "The chance that a stranger looks stranger than a known input; 50 is luck."),
            (
                "Recall",
                "Strangers refused, at the threshold where "
                f"{numbers.percent(facts.head.refuse)} of known validation inputs are refused.",
            ),
            *((SIGNALS[name].title, SIGNALS[name].meaning) for name in names if name in SIGNALS),
        )
    )
    drawn = Text(
        "One VAE and one classifier for each setting: these intervals are over test rows alone."
    )
    return Section("Inputs never seen", (_bars(verdict.strangers), drawn, *tables, meanings))


def _bars(settings: Sequence[Strangers]) -> Picture:
    panels = [(_panel_title(setting), setting.signals) for setting in settings]
    heard = "; ".join(
        f"{signal_title(each.name)} {numbers.percent(each.auroc)}"
        for setting in settings
        for each in setting.signals
    )
    return Picture(
        "strangers",
        canvas.png(verdict_pictures.strangers(panels)),
        alt=f"Bars of AUROC with intervals, by signal: {heard}.",
        caption="How well each signal tells strangers from known inputs, with 95 % intervals. Bars "
        "start at 50, where a signal says nothing.",
    )


def _panel_title(setting: Strangers) -> str:
    name = {"own": "Rows out of scope", "held_out": "Classes left out"}[setting.setting]
    return f"{name}: {setting.stranger_rows:,} beside {setting.in_scope_rows:,} known"


def _setting(setting: Strangers) -> Iterable[Block]:
    note = f" {setting.note}" if setting.note else ""
    yield Text(f"{conclusion.share(setting)}{note}")
    best = conclusion.best_signal(setting)
    yield Table(
        ("Signal", "AUROC, %", "Recall, %"),
        tuple(_signal(each) for each in setting.signals),
        numeric=frozenset({1, 2}),
        marked=frozenset({setting.signals.index(best)}),
        caption=_panel_title(setting),
    )


def _signal(signal: Signal) -> tuple[Cell, ...]:
    return (
        Noted(signal_title(signal.name), "with the VAE" if signal.uses_vae else "without it"),
        numbers.bare(signal.auroc, signal.auroc_low, signal.auroc_high),
        numbers.bare(signal.recall, signal.recall_low, signal.recall_high),
    )

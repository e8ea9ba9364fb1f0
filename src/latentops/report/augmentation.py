"""The section of the report on augmentation."""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from latentops.applications.results import Augmentation, Augmented, AugmentedBudget, MadeTexts
from latentops.report import canvas, images, judgement, numbers
from latentops.report.canvas import BLUE, GREY, INK, styled
from latentops.report.document import Block, Cell, Noted, Picture, Points, Section, Table, Text
from latentops.report.facts import Facts
from latentops.report.glossary import Term, feature_title

TITLE = "Augmentation"

METHODS = {
    "none": Term("labels alone", "No new rows."),
    "repeated": Term("rows repeated", "The same rows again: what more weight on the labels does."),
    "swap": Term("words swapped", "A tenth of the words, two at least, take each other's places."),
    "delete": Term("words deleted", "A tenth of the words, one at least, are left out."),
    "typo": Term("words misspelt", "A tenth of the words, one at least, get a slip of the keys."),
    "shift": Term("shifted", "The image moves by a few pixels."),
    "noise": Term("noisy", "Gaussian noise on the pixels, standard deviation 0.1."),
    "vae": Term(
        "decoded around each row",
        "Documents as long as the row, or mean images, that the VAE decodes from z ~ q(z given x).",
    ),
    "latent": Term(
        "codes around each row", "z ~ q(z given x) stands in for the mean; all else is as it was."
    ),
    "extrapolation": Term(
        "codes beyond each row",
        "z + (z - z') / 2, z' the code of another row of its class; decoded where the classifier "
        "reads no codes.",
    ),
    "class": Term(
        "codes of each class",
        "From a normal with the moments of the codes that the labels of the class have; decoded "
        "where the classifier reads no codes.",
    ),
}
OF_THE_VAE = ("vae", "latent", "extrapolation", "class")

_HELP = {"gain": "help", "loss": "hurt", "unclear": "make no clear difference"}


def augmentation(facts: Facts) -> Section | None:
    found = facts.applications.augmentation
    if found is None:
        return None
    if found.reason:
        return Section(TITLE, (Text(found.reason),))
    blocks = (
        Text(" ".join(finding(budget) for budget in found.budgets)),
        Text(_how(found)),
        *(_table(budget) for budget in found.budgets),
        _picture(found.budgets),
        _meanings(found.budgets[0]),
        *_examples(found.examples),
        *_grid(found.shown, facts.images.get("augmentation.made")),
    )
    return Section(TITLE, blocks)


def finding(budget: AugmentedBudget) -> str:
    """Of the VAE's best way, as validation tells; in a sentence, whatever it is."""
    ours = _ours(budget)
    assert ours.gain is not None
    assert ours.over_repeated is not None
    gain, repeated = ours.gain, ours.over_repeated
    points = numbers.signed_points(gain.difference, gain.low, gain.high)
    beside = numbers.signed_points(repeated.difference, repeated.low, repeated.high)
    return (
        f"With {_labels(budget)} and {feature_title(budget.features)}, rows made with the VAE "
        f"{_HELP[judgement.outcome(gain)]}: {points} points of accuracy on "
        f"{numbers.percent(budget.scores[0].accuracy)} ({METHODS[ours.method].title}; beside the "
        f"same rows repeated {beside})."
    )


def _ours(budget: AugmentedBudget) -> Augmented:
    of_the_vae = [score for score in budget.scores if score.method in OF_THE_VAE]
    return max(of_the_vae, key=lambda score: score.valid_accuracy or 0.0)


def _labels(budget: AugmentedBudget) -> str:
    return f"{budget.per_class} labels per class"


def _how(found: Augmentation) -> str:
    chosen = (
        "How many rows are made of each (1, 2 or 4) and whether they weigh 1 or 0.25 is chosen on "
        "validation with the first sample, and so is the VAE's best way, which the sentences name."
    )
    if _ours(found.budgets[0]).valid_accuracy is None:
        chosen = (
            "Validation has no label to choose by: one row is made of each, of weight 1, and the "
            "sentences name the VAE's first way."
        )
    return (
        f"Accuracy on {found.test_rows:,} test rows, over {found.samples} samples of labels, with "
        "the VAE that is shipped, which learned from all training rows without their labels. Kind, "
        "strength and join of the classifier are chosen inside the labels alone and hold for every "
        f"method. {chosen} Brackets hold 95 % intervals over test rows and samples of labels; "
        "differences are paired."
    )


def _table(budget: AugmentedBudget) -> Table:
    ours = _ours(budget)
    return Table(
        ("New rows", "Accuracy, %", "Beside labels alone", "Beside rows repeated"),
        tuple(_row(score) for score in budget.scores),
        numeric=frozenset({1, 2, 3}),
        marked=frozenset({budget.scores.index(ours)}),
        caption=_title(budget),
    )


def _title(budget: AugmentedBudget) -> str:
    return f"{feature_title(budget.features)}, {_labels(budget)} ({budget.labels:,.0f})"


def _row(score: Augmented) -> tuple[Cell, ...]:
    title = METHODS[score.method].title
    differences = (
        "" if each is None else numbers.signed_points(each.difference, each.low, each.high)
        for each in (score.gain, score.over_repeated)
    )
    return (
        Noted(title, f"{score.made} of each, weight {score.weight:g}") if score.made else title,
        numbers.bare(score.accuracy, score.accuracy_low, score.accuracy_high),
        *differences,
    )


def _picture(budgets: Sequence[AugmentedBudget]) -> Picture:
    heard = "; ".join(
        f"{_title(budget)}: "
        + ", ".join(
            f"{METHODS[score.method].title} {numbers.tenths(score.gain.difference)}"
            for score in budget.scores
            if score.gain
        )
        for budget in budgets
    )
    return Picture(
        "augmentation",
        canvas.png(gains(budgets)),
        alt=f"Points of accuracy that new rows add to the labels alone: {heard}.",
        caption="What new rows add to the labels alone, with 95 % intervals: a method helps where "
        "its interval lies to the right of 0.",
    )


@styled
def gains(budgets: Sequence[AugmentedBudget]) -> Figure:
    """The difference that each method makes, a titled panel for each budget."""
    rows = [len(budget.scores) - 1 for budget in budgets]
    figure = canvas.blank(0.9 + 0.62 * len(budgets) + 0.24 * sum(rows))
    all_axes = figure.subplots(len(budgets), sharex=True, squeeze=False, height_ratios=rows)[:, 0]
    for axes, budget in zip(all_axes, budgets, strict=True):
        _draw_gains(axes, [score for score in budget.scores if score.gain])
        axes.set_title(_title(budget))
    all_axes[-1].xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g}"))
    all_axes[-1].set_xlabel("points of accuracy beside the labels alone")
    handles = [Patch(color=BLUE, label="with the VAE"), Patch(color=GREY, label="without it")]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _draw_gains(axes: Axes, scores: Sequence[Augmented]) -> None:
    for place, score in enumerate(scores):
        assert score.gain is not None
        color = BLUE if score.method in OF_THE_VAE else GREY
        axes.plot([score.gain.low, score.gain.high], [place] * 2, color=color, linewidth=2)
        axes.plot(score.gain.difference, place, color=color, marker="o")
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(scores)), labels=[METHODS[score.method].title for score in scores])
    axes.set_ylim(len(scores) - 0.5, -0.5)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)


def _meanings(budget: AugmentedBudget) -> Points:
    terms = (METHODS[score.method] for score in budget.scores)
    return Points(tuple((term.title.capitalize(), term.meaning) for term in terms))


def _examples(examples: Iterable[MadeTexts]) -> Iterable[Table]:
    rows = tuple(
        row
        for example in examples
        for row in (
            ("as it is", example.text),
            *((METHODS[name].title, made or "nothing") for name, made in example.made.items()),
        )
    )
    if rows:
        yield Table(("New rows", "Text"), rows, caption="Texts of validation, and what is made")


def _grid(shown: Sequence[str], made: np.ndarray | None) -> Iterable[Block]:
    """`made` [methods, rows, C, H, W]."""
    if made is None or not shown:
        return
    short = {"none": "as it is", "vae": "decoded"}
    titles = [short.get(name) or METHODS[name].title for name in shown]
    yield Picture(
        "augmentation_images",
        canvas.png(images.named_rows(list(made), titles)),
        alt=f"Images of validation in the first row, and below what is made: {', '.join(titles)}.",
        caption="Images of validation, and below each what is made of it.",
    )

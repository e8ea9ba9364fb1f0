"""The section of the report on denoising."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from latentops.applications.results import Damaged, Denoising, Pictured, Recognised, Repair
from latentops.report import canvas, conclusion, images, numbers
from latentops.report.document import Block, Cell, Noted, Picture, Section, Table, Text
from latentops.report.facts import Facts
from latentops.report.glossary import feature_title

TITLE = "Denoising"
TWIN = "twin"

_DAMAGE = {
    "drop": "words dropped",
    "swap": "words swapped",
    "misspell": "words misspelt",
    "noise": "noise on the pixels",
    "flip": "pixels flipped",
    "blank": "pixels blanked",
}
_WHO = {"pca": "PCA", "vae": "the VAE", "twin": "its twin"}
_BY = {
    "clean": "clean",
    "input": "damaged",
    "pca": "PCA",
    "vae": "VAE",
    "twin": TWIN,
}


def denoising(facts: Facts) -> Section | None:
    found = facts.applications.denoising
    if found is None:
        return None
    if found.reason:
        return Section(TITLE, (Text(found.reason),))
    return Section(TITLE, tuple(_blocks(found, facts)))


def _blocks(found: Denoising, facts: Facts) -> Iterable[Block]:
    yield Text(" ".join(_findings(found)))
    yield Text(_which_is_which(found))
    for kind in dict.fromkeys(each.kind for each in found.damaged):
        steps = [found.clean, *(each for each in found.damaged if each.kind == kind)]
        unmoved = kind == "swap" and _leaves_bags(found)
        yield Text(SWAPPED) if unmoved else _repairs(steps, found)
        if not found.without_heads:
            yield _heads(steps)
        yield from (_grid(each, facts) for each in found.pictured if each.kind == kind)
    if found.mended:
        yield _mended(found)


SWAPPED = (
    "Swapped words leave a bag of single words as it was, and that is what the VAE reads and "
    "returns; only pairs of neighbours change, where TF-IDF counts them."
)
HEADS = (
    "Classifiers are fitted on clean training rows; differences are to the baseline on the same "
    "rows, paired. One VAE of each kind: the intervals are over test rows alone."
)


def _findings(found: Denoising) -> Iterable[str]:
    """What to remember, at the middle strength of the first damage."""
    shown = found.damaged[1]
    told = [] if found.without_heads else [_regained(shown, found)]
    told.insert(0 if found.reference == "pca" else 1, _returned(shown, found))
    yield f"With {_told(shown)} {told[0]}"
    yield from (f"{text[0].upper()}{text[1:]}" for text in told[1:])
    yield f"No accuracy: {found.without_heads}" if found.without_heads else HEADS


def _regained(shown: Damaged, found: Denoising) -> str:
    """How much of the accuracy that the damage takes comes back."""
    clean, baseline = found.clean.recognised[0], shown.recognised[0]
    lost = clean.accuracy - baseline.accuracy
    name = feature_title(baseline.features)
    fall = (
        f"a classifier on {name} falls from {numbers.percent(clean.accuracy)} "
        f"to {numbers.percent(baseline.accuracy)}."
    )
    ours = next((each for each in shown.recognised if each.features == found.leading), None)
    if ours is None or lost <= 0:
        return fall
    return f"{fall} {_outcome(ours, lost)}{_without_vae(shown)}"


def _outcome(ours: Recognised, lost: float) -> str:
    gain, low, high = ours.gain or 0.0, ours.low or 0.0, ours.high or 0.0
    who = f"With {_features(ours.features)} as features, the best on damaged validation rows,"
    of_lost = f"of the {numbers.tenths(lost)} points lost"
    told = numbers.points(gain, low, high)
    if low > 0:
        return f"{who} {told} {of_lost} come back."
    if high < 0:
        return f"{who} none {of_lost} come back: {told}."
    return f"{who} none {of_lost} come back that could be told from chance: {told}."


def _without_vae(shown: Damaged) -> str:
    """A baseline that gains too is named beside the VAE."""
    for each in shown.recognised[1:]:
        if each.features in ("lsa", "pca") and each.low is not None and each.low > 0:
            told = numbers.points(each.gain or 0.0, each.low, each.high or 0.0)
            return f" {feature_title(each.features)} alone, without a VAE, brings back {told}."
    return ""


def _returned(shown: Damaged, found: Denoising) -> str:
    by, clean = _by(shown), _by(found.clean)
    if found.reference == "pca":
        answers = [_psnr_told(by[name]) for name in ("pca", "vae", TWIN) if name in by]
        return (
            f"the images have a PSNR of {_decibels(by['input'])} dB against "
            f"the clean ones. What comes back has {conclusion.listed(answers)}."
        )
    twin = f", by its twin {_nats(by[TWIN])}" if TWIN in by else ""
    return (
        f"given the code of what is left, a clean text costs {_nats(by['vae'])} nats{twin}; given "
        f"its own {_nats(clean['vae'])}, and {_nats(by['nothing'])} where nothing is known."
    )


def _psnr_told(repair: Repair) -> str:
    over = "" if repair.gain is None else f" ({_signed(repair)} against PCA)"
    size = " of as many dimensions" if repair.by == "pca" else ""
    return f"{_decibels(repair)} dB from {_WHO[repair.by]}{size}{over}"


def _which_is_which(found: Denoising) -> str:
    if not found.damage_in_training:
        return "There is no twin, for no setting damages what a model of sentences reads."
    if not found.has_twin:
        return "No twin was trained: applications.denoising was off in stage repeat."
    shipped, other = ("the VAE", "the twin") if found.reads_damaged else ("the twin", "the VAE")
    return (
        f"Two trainings of the same seed and settings: {shipped} read damaged inputs "
        f"({found.damage_in_training}) and was asked for the clean ones, {other} read clean ones; "
        f"the VAE is the model of this report. On {found.rows:,} test rows."
    )


def _leaves_bags(found: Denoising) -> bool:
    swapped = [_by(each)["vae"].error for each in found.damaged if each.kind == "swap"]
    return all(error == _by(found.clean)["vae"].error for error in swapped)


def _repairs(steps: Sequence[Damaged], found: Denoising) -> Table:
    what = _DAMAGE[steps[-1].kind]
    of_images = found.reference == "pca"
    rows = _repair_rows(steps, _psnr_cell if of_images else _nats_cell)
    if of_images:
        caption = (
            f"PSNR in dB with {what}: -10 log10 of the squared error per pixel, of the mean over "
            "rows; below it the difference to PCA, paired"
        )
    else:
        rows += _repair_rows(steps, _f1_cell)
        caption = (
            f"With {what}: nats of the clean text given the code of the damaged one, below it what "
            "is saved over the VAE, paired; and F1 of the words given and returned, in %"
        )
    header = ("Returned by", "Clean", *(f"{each.strength:g}" for each in steps[1:]))
    return Table(header, rows, frozenset(range(1, len(header))), caption=caption)


def _repair_rows(
    steps: Sequence[Damaged], cell: Callable[[Repair], Cell]
) -> tuple[tuple[Cell, ...], ...]:
    """A row for each who returns something; a row without any number is left out."""
    rows = (
        (_BY[name], *(cell(_by(each)[name]) for each in steps))
        for name in _by(steps[-1])
        if name in _BY
    )
    return tuple(row for row in rows if any(row[1:]))


def _psnr_cell(repair: Repair) -> Cell:
    return _beside(_decibels(repair), repair)


def _nats_cell(repair: Repair) -> Cell:
    return _beside(_nats(repair), repair)


def _f1_cell(repair: Repair) -> Cell:
    return "" if repair.words_f1 is None else f"F1 {numbers.tenths(repair.words_f1)}"


def _beside(text: str, repair: Repair) -> Cell:
    return text if repair.gain is None else Noted(text, _signed(repair))


def _heads(steps: Sequence[Damaged]) -> Table:
    header = ("Features", "Clean", *(f"{each.strength:g}" for each in steps[1:]))
    rows = tuple(
        (_features(features), *(_head_cell(_heads_by(each)[features]) for each in steps))
        for features in _heads_by(steps[-1])
    )
    what = _DAMAGE[steps[-1].kind]
    caption = f"Accuracy in % with {what}, below it the points over the first line, paired"
    return Table(header, rows, frozenset(range(1, len(header))), caption=caption)


def _head_cell(found: Recognised) -> Cell:
    accuracy = numbers.tenths(found.accuracy)
    if found.gain is None or found.low is None or found.high is None:
        return Noted(accuracy, numbers.interval(found.accuracy_low, found.accuracy_high))
    return Noted(accuracy, numbers.signed_points(found.gain, found.low, found.high))


def _grid(pictured: Pictured, facts: Facts) -> Picture:
    rows = facts.images[f"denoising.{pictured.kind}"]
    names = [_BY[by] for by in pictured.rows]
    told = _told(pictured)
    listed = ", ".join(names[2:])
    return Picture(
        f"denoising_{pictured.kind}",
        canvas.png(images.named_rows(list(rows), names)),
        alt=f"{rows.shape[1]} validation images: clean, with {told}, and returned by {listed}.",
        caption=f"Validation images, with {told}, and what each returns of the damaged ones.",
    )


def _mended(found: Denoising) -> Table:
    rows = tuple(
        (
            each.clean,
            each.damaged,
            " ".join(each.by_vae),
            *([" ".join(each.by_twin)] if found.has_twin else []),
        )
        for each in found.mended
    )
    header = ("Clean", "Damaged", "Words from the VAE", *(["From the twin"] * found.has_twin))
    caption = "Validation texts with a third of the words dropped, and task denoise on them"
    return Table(header, rows, caption=caption)


def _told(shown: Damaged | Pictured) -> str:
    if shown.kind == "noise":
        return f"noise of standard deviation {shown.strength:g}"
    return f"{100 * shown.strength:.0f}{numbers.HARD_SPACE}% of the {_DAMAGE[shown.kind]}"


def _features(name: str) -> str:
    """As the glossary has it, with the twin in the VAE's place where it is the twin's."""
    parts = (TWIN if part == TWIN else feature_title(part) for part in name.split("+"))
    return " + ".join(parts)


def _by(shown: Damaged) -> Mapping[str, Repair]:
    return {each.by: each for each in shown.repairs}


def _heads_by(shown: Damaged) -> Mapping[str, Recognised]:
    return {each.features: each for each in shown.recognised}


def _decibels(repair: Repair) -> str:
    return "∞" if repair.psnr_db is None else f"{repair.psnr_db:.1f}"


def _nats(repair: Repair) -> str:
    return "" if repair.error is None else f"{repair.error:.1f}"


def _signed(repair: Repair) -> str:
    ends = (
        ""
        if repair.low is None or repair.high is None
        else (f" [{repair.low:.1f},{numbers.HARD_SPACE}{repair.high:.1f}]")
    )
    return f"{repair.gain:+.1f}{ends}"

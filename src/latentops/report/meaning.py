"""The section of the report on meaning."""

from collections.abc import Iterable, Sequence

import numpy as np

from latentops.applications.results import Direction, End, Meaning, ScoredCodes, Spread
from latentops.report import canvas, images, meaning_pictures, numbers
from latentops.report.document import Block, Cell, Noted, Picture, Points, Section, Table, Text
from latentops.report.facts import Facts

TITLE = "Meaning"
LONGEST_TEXT = 120
EXAMPLES = 2

DISENTANGLEMENT = "dci_disentanglement"
SCORES = {
    "mig": "MIG",
    "sap": "SAP",
    DISENTANGLEMENT: "Disentangled",
    "dci_completeness": "Complete",
    "dci_informativeness": "Informative",
    "factor_vae": "FactorVAE",
    "modularity": "Modular",
}
_MEANINGS = (
    ("MIG", "How much more the best dimension tells of a factor than the second best."),
    ("SAP", "The same of the balanced accuracy with which a dimension alone predicts it."),
    ("Disentangled", "DCI: 1 where each dimension serves to predict one factor alone."),
    ("Complete", "DCI: 1 where each factor is predicted from one dimension alone."),
    ("Informative", "DCI: accuracy of boosted trees on all dimensions, mean over factors."),
    ("FactorVAE", "Votes on which factor some rows share, by what varies least among them."),
    ("Modular", "1 where each dimension tells of one factor alone, by mutual information."),
)
_MODULARITY = "Modularity is governed by the factor with the most values, which tells most nats."
_CODES = {"vae": "This model", "random": "Random weights", "lsa": "LSA", "pca": "PCA"}
_LEAST_FOR_AN_INTERVAL = 3


def meaning(facts: Facts) -> Section | None:
    found = facts.applications.meaning
    if found is None:
        return None
    if found.reason:
        return Section(TITLE, (Text(found.reason),))
    return Section(TITLE, tuple(_blocks(found, facts)))


def _blocks(found: Meaning, facts: Facts) -> Iterable[Block]:
    betas = [each for each in found.codes if each.code == "beta"]
    yield Text(" ".join(_findings(found, betas)))
    yield _scores([each for each in found.codes if each.code != "beta"])
    if betas:
        yield from _by_beta(betas, found)
    defined = {SCORES[name] for each in found.codes for name in each.mean}
    yield Points(tuple(line for line in _MEANINGS if line[0] in defined))
    yield Text(_how(found))
    yield _heat_map(found)
    yield from _along(found, facts)


def _findings(found: Meaning, betas: Sequence[ScoredCodes]) -> Iterable[str]:
    if found.by_label:
        yield (
            "Of these rows the label alone is known: how well single dimensions stand for it can "
            "be said, not whether dimensions tell factors apart."
        )
    if betas:
        yield of_betas(betas)
    yield _beside(found)


def of_betas(betas: Sequence[ScoredCodes]) -> str:
    """Whether a beta above 1 disentangles more than 1, with the interval that says so."""
    gains = {
        each.beta: each.gain[DISENTANGLEMENT]
        for each in betas
        if each.beta is not None and each.beta > 1 and DISENTANGLEMENT in each.gain
    }
    if not gains:
        return "No β above 1 was trained beside β = 1, or disentanglement is not defined here."
    beta = max(gains, key=lambda beta: gains[beta].low or 0.0)
    seeds = len(betas[0].each[DISENTANGLEMENT])
    gain = f"{_signed(gains[beta])} over {seeds} seeds; the intervals of all β hold together"
    if (gains[beta].low or 0) > 0:
        return f"β = {beta:g} has a DCI disentanglement above that of β = 1: {gain}."
    if all((each.high or 0) < 0 for each in gains.values()):
        return f"Every β above 1 disentangles less than β = 1 by DCI; {beta:g} least so: {gain}."
    return (
        "No β above 1 was found to have a DCI disentanglement above that of β = 1; the nearest to "
        f"it is {beta:g}: {gain}."
    )


def _beside(found: Meaning) -> str:
    name = "mig" if found.by_label else DISENTANGLEMENT
    means = {each.code: each.mean[name].mean for each in found.codes if name in each.mean}
    if "vae" not in means:
        name, means = "mig", {each.code: each.mean["mig"].mean for each in found.codes}
    theirs = ", ".join(
        f"{_CODES[code]} {mean:.3f}" for code, mean in means.items() if code not in ("vae", "beta")
    )
    title = "MIG" if name == "mig" else "DCI disentanglement"
    return f"{title} of this model's dimensions is {means['vae']:.3f}; beside it: {theirs}."


def _scores(rows: Sequence[ScoredCodes]) -> Table:
    names = [name for name in SCORES if any(name in each.mean for each in rows)]
    return Table(
        ("Code", "Seeds", *(SCORES[name] for name in names)),
        tuple((_CODES[each.code], _seeds(each), *_cells(each, names)) for each in rows),
        numeric=frozenset(range(1, len(names) + 2)),
        caption="Scores on the test rows, mean over seeds; under it half the 95 % t interval, or "
        "the values of two seeds",
    )


def _by_beta(betas: Sequence[ScoredCodes], found: Meaning) -> Iterable[Block]:
    beside = [each for each in found.codes if each.code in ("random", "lsa", "pca")]
    heard = "; ".join(
        f"β = {each.beta:g} {each.mean[name].mean:.3f}"
        for name in (DISENTANGLEMENT, "mig")
        for each in betas
        if name in each.mean
    )
    yield Picture(
        "meaning_by_beta",
        canvas.png(meaning_pictures.by_beta(betas, beside, SCORES)),
        alt=f"Scores against β, a point for each seed. DCI disentanglement, then MIG: {heard}.",
        caption="Each score against β: a point for each seed, their mean, and the means of random "
        "weights and of LSA or PCA.",
    )
    names = [name for name in SCORES if name in betas[0].mean]
    yield Table(
        ("β", *(SCORES[name] for name in names)),
        tuple((f"{each.beta:g}", *_cells(each, names)) for each in betas),
        numeric=frozenset(range(len(names) + 1)),
        caption=f"Scores by β, mean of {_seeds(betas[0])} seeds and half the 95 % t interval",
    )
    if any(each.gain for each in betas):
        yield _gains(betas, names)
    yield _parts(betas)


def _gains(betas: Sequence[ScoredCodes], names: Sequence[str]) -> Table:
    return Table(
        ("β", *(SCORES[name] for name in names)),
        tuple(
            (f"{each.beta:g}", *(_gain(each.gain[name]) for name in names))
            for each in betas
            if each.gain
        ),
        numeric=frozenset(range(len(names) + 1)),
        caption="What is gained over β = 1, seed by seed, with t intervals that hold for all β "
        "together (95 %, Bonferroni)",
    )


def _parts(betas: Sequence[ScoredCodes]) -> Table:
    return Table(
        ("β", "Active", "Mutual information", "Total correlation", "Dimension-wise KL"),
        tuple(
            (
                f"{each.beta:g}",
                _number(each.active),
                _number(each.mutual_information_nats),
                _number(each.total_correlation_nats),
                _number(each.dimension_wise_kl_nats),
            )
            for each in betas
        ),
        numeric=frozenset(range(5)),
        caption="Dimensions in use, and the parts of the rate in nats, mean over seeds. Together "
        "they are the rate",
    )


def _how(found: Meaning) -> str:
    dead = f" {found.dead} dimensions of this model are dead and count as 0." if found.dead else ""
    modular = "" if found.by_label else f" {_MODULARITY}"
    same = " ".join(
        f"{factor.name} is left out of the scores: {factor.determined_by} says all of it."
        for factor in found.factors
        if factor.determined_by
    )
    return (
        f"Codes are posterior means of {found.judged_rows:,} test rows; what is fitted is fitted "
        f"to {found.fitted_rows:,} training rows. Intervals are over seeds, for these rows. Noise "
        "does not score 0 where rows are few: random weights show how much is chance."
        f"{modular}{dead} {same}"
    ).strip()


def _heat_map(found: Meaning) -> Picture:
    shares = np.array([factor.information for factor in found.factors])
    order = np.argsort(-shares.max(axis=0), kind="stable")
    dimensions = sorted(order[: meaning_pictures.MOST_DIMENSIONS].tolist())
    best = "; ".join(
        f"{factor.name} z{int(np.argmax(factor.information))} "
        f"{numbers.percent(max(factor.information))}"
        for factor in found.factors
    )
    return Picture(
        "meaning_information",
        canvas.png(meaning_pictures.information(found.factors, dimensions)),
        alt=f"Mutual information of factors and dimensions; the most telling: {best}.",
        caption="How much of a factor (row) a dimension (column) tells, in per cent of the "
        f"factor's entropy: the {len(dimensions)} most telling dimensions of this model.",
    )


def _along(found: Meaning, facts: Facts) -> Iterable[Block]:
    """The dimensions that tell most, in numbers, then in images or in words."""
    if not found.directions:
        return
    yield _ends(found.directions)
    pixels = facts.images.get("meaning.traversal")
    if pixels is not None:
        yield _traversal(found.directions, pixels)
    if any(each.rising for each in found.directions):
        yield _words(found.directions)
    if any(each.low.texts for each in found.directions):
        yield _examples(found.directions)


def _ends(directions: Sequence[Direction]) -> Table:
    return Table(
        ("Factor", "Dimension", "Lowest tenth", "Highest tenth"),
        tuple((each.factor, f"z{each.dimension}", *_both(each)) for each in directions),
        caption="Validation rows at both ends of the dimension that tells most of each factor: the "
        "value that is commoner there than among all rows",
    )


def _both(direction: Direction) -> tuple[Cell, Cell]:
    return _end(direction.low), _end(direction.high)


def _end(end: End) -> Cell:
    return Noted(
        f"{end.value}: {numbers.percent(end.share)}", f"of all {numbers.percent(end.share_of_all)}"
    )


def _traversal(directions: Sequence[Direction], pixels: np.ndarray) -> Picture:
    moved = [each.dimension for each in directions][: images.MOST_ROWS]
    named = ", ".join(f"z{each.dimension} ({each.factor})" for each in directions)
    return Picture(
        "meaning_traversal",
        canvas.png(images.traversal(pixels, moved)),
        alt=f"Rows of decoded images in which one latent dimension moves: {named}.",
        caption="In each row one of these dimensions moves from -3 to 3, the others stay at 0.",
    )


def _words(directions: Sequence[Direction]) -> Table:
    return Table(
        ("Factor", "Dimension", "Falling words", "Rising words"),
        tuple(
            (each.factor, f"z{each.dimension}", " ".join(each.falling), " ".join(each.rising))
            for each in directions
        ),
        caption="Words that become less and more likely as the dimension grows",
    )


def _examples(directions: Sequence[Direction]) -> Table:
    return Table(
        ("Dimension", "Low end", "High end"),
        tuple(
            (f"z{each.dimension} ({each.factor})", _cut(low), _cut(high))
            for each in directions
            for low, high in zip(
                each.low.texts[:EXAMPLES], each.high.texts[:EXAMPLES], strict=False
            )
        ),
        caption="Validation rows at the ends",
    )


def _cells(each: ScoredCodes, names: Sequence[str]) -> Iterable[Cell]:
    for name in names:
        if name not in each.mean:
            yield "-"
        else:
            yield _cell(each.mean[name], each.each[name])


def _cell(mean: Spread, values: Sequence[float]) -> Cell:
    text = f"{mean.mean:.3f}"
    if len(values) >= _LEAST_FOR_AN_INTERVAL and mean.high is not None:
        return Noted(text, f"± {mean.high - mean.mean:.3f}")
    return Noted(text, " ".join(f"{value:.3f}" for value in values)) if len(values) > 1 else text


def _gain(gain: Spread) -> Cell:
    return Noted(f"{gain.mean:+.3f}", _interval(gain))


def _signed(gain: Spread) -> str:
    return f"{gain.mean:+.3f} {_interval(gain)}"


def _interval(spread: Spread) -> str:
    if spread.low is None or spread.high is None:
        return ""
    return f"[{spread.low:.3f},{numbers.HARD_SPACE}{spread.high:.3f}]"


def _seeds(each: ScoredCodes) -> str:
    return str(max((len(values) for values in each.each.values()), default=0))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TEXT else f"{line[:LONGEST_TEXT]}…"

"""The page of a study: what was searched, what was chosen, and how to read its pictures.

Everything on it was measured on the validation split: tuning does not touch the test split.
"""

import collections
import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from latentops import artifacts
from latentops.report import html, markdown, measured, study_pictures
from latentops.report.document import (
    Block,
    Command,
    Document,
    Lead,
    Picture,
    Points,
    Section,
    Table,
    Text,
    Warned,
)
from latentops.report.glossary import metric, value_text

PICTURES = "pictures"  # a folder beside the page
MOST_TRIALS = 10
_EDGE = 0.02  # of the width of a dimension
_SCORES = ("elbo_nats", "rate_nats", "distortion_nats", "active_units", "accuracy", "macro_recall")
_GLOSSARY = {"macro_recall": "recall_macro", "elbo": "elbo_nats", "-distortion": "distortion_nats"}
_MODES = {
    "pareto": "rate against distortion: no number weighs one against the other, so that the study "
    "looks for the whole front",
    "budget": "the least distortion among trials whose rate keeps the budget",
    "score": "the highest validation score",
}
_PICKS = {
    "best": "the best trial",
    "knee": "the knee: where the front bends most, so that more rate buys little distortion",
    "budget": "the least distortion within the budget of rate",
}
_SAMPLERS = {
    "tpe": "TPE: tries more where good trials were found",
    "gp": "Gaussian process: models the score and tries where it may be best",
    "qmc": "quasi-random (Sobol): fills the space evenly",
    "random": "random",
    "grid": "grid",
}
_PRUNERS = {
    "none": "none: every trial is trained to its end",
    "median": "median: a trial below the median of the others at the same epoch is stopped",
    "hyperband": "Hyperband: trials get a few epochs first, and only the better ones more",
}
_VERDICTS = {
    "helped": "Yes",
    "no clear difference": "It cannot be told: no clear difference",
    "made it worse": "No: the former settings were better",
}
_ALT = {
    "rate_distortion": "Trials by rate and distortion, with the front and the chosen trial.",
    "active_units": "Trials by beta and number of active units.",
    "importance": "Bars of the importance of each searched setting.",
    "contour": "Score over two searched settings, as coloured areas, with the trials as points.",
    "learning_curves": "Validation ELBO of each trial by epoch.",
}
_CAPTIONS = {
    "rate_distortion": "Each point is a trial. Rate is what the code costs, distortion what the "
    "example costs once its code is known: less of both is better, and β trades one for the other. "
    "The front joins the trials that no other beats in both. On the dotted line rate + distortion, "
    "and so the ELBO, is that of the chosen trial: a point below the line has a better ELBO.",
    "active_units": "How many latent dimensions a trial uses. A larger β switches dimensions off; "
    "at 0 the code is ignored. Where a trial uses all of its dimensions, a larger latent size may "
    "help.",
    "importance": "Share of the variation of the score that follows from each setting, among the "
    "trials of this study and within its bounds (fANOVA). A setting with a short bar can be left "
    "as it is.",
    "contour": "The score between the trials, which are the points: the brighter, the better. "
    "Straight edges are drawn between neighbouring trials; where there are few points, believe "
    "little. A bright area that is cut off by a bound of the space asks for wider bounds.",
    "learning_curves": "ELBO of the validation split after each epoch, higher is better; the "
    "lowest values, of the first epochs, are left out. A line that ends in a point before the "
    "others was stopped early. Lines that still rise at the end ask for more epochs.",
}


def write(
    best: Mapping[str, Any],
    trials: pd.DataFrame,
    importance: pd.DataFrame,
    curves: pd.DataFrame,
    search: Mapping[str, Any],
    compare: Mapping[str, Any] | None = None,
    folder: Path = artifacts.STUDY_BEST.parent,
) -> None:
    """report.html, report.md, pictures/*.png and rate_distortion.csv, which DVC draws, of `folder`.

    `search` is the section `tune` of params.yaml, `compare` is tune/compare.json.
    """
    placed = study_pictures.placed(trials, curves)
    pictures = study_pictures.drawn(placed, importance, curves, best)
    document = page(best, trials, importance, compare, pictures, search)
    for name, png in pictures.items():
        with artifacts.whole_file(folder / PICTURES / f"{name}.png") as partial:
            partial.write_bytes(png)
    artifacts.write_table(placed.drop(columns=["worker", "error"]), folder / "rate_distortion.csv")
    artifacts.write_text(markdown.render(document, PurePosixPath(PICTURES)), folder / "report.md")
    artifacts.write_text(html.render(document), folder / "report.html")


def page(
    best: Mapping[str, Any],
    trials: pd.DataFrame,
    importance: pd.DataFrame,
    compare: Mapping[str, Any] | None,
    pictures: Mapping[str, bytes],
    search: Mapping[str, Any],
) -> Document:
    """All that the page says. A comparison of another study or trial is left out."""
    return Document(
        title=f"LatentOps study: {best['source']}",
        opening=tuple(_opening(best, trials, compare, search)),
        sections=tuple(
            section
            for section in (
                _choice(best),
                _searched(best, search),
                _pictured("Rate and distortion", pictures, ("rate_distortion", "active_units")),
                _what_matters(importance, pictures),
                _pictured("Learning curves", pictures, ("learning_curves",)),
                _trials(best, trials),
            )
            if section.blocks
        ),
    )


def _opening(
    best: Mapping[str, Any],
    trials: pd.DataFrame,
    compare: Mapping[str, Any] | None,
    search: Mapping[str, Any],
) -> Iterator[Block]:
    chosen = ", ".join(f"{name} {_setting(value)}" for name, value in best["settings"].items())
    yield Lead("Which settings did the study choose?", chosen, _why(best))
    if compare and (compare["study"], compare["trial"]) == (best["study"], best["trial"]):
        yield comparison(compare)
    else:
        yield Text(
            "Whether these settings are better than the former ones, or were lucky with their "
            "seed, one trial cannot tell. This trains both with 5 seeds:"
        )
        yield Command("latentops tune compare")
    for warning in warnings(best, trials, search):
        yield Warned(warning)


def _why(best: Mapping[str, Any]) -> str:
    counts = f"{best['trials']:,} complete trials" if best["trials"] != 1 else "1 complete trial"
    return (
        f"Trial {best['trial']} of study {best['study']}, out of {counts}: "
        f"{_PICKS.get(best['pick'], best['pick'])}. On the validation split: {_told(best)}."
    )


def _told(best: Mapping[str, Any]) -> str:
    """ELBO -142 nats, rate 41.8 nats, accuracy 90.1 %."""
    return ", ".join(
        f"{_title(name)} {value_text(best[name], _unit(name))} {_beside(name)}".strip()
        for name in _SCORES
        if best.get(name) is not None
    )


def _title(name: str) -> str:
    title = metric(_GLOSSARY.get(name, name)).title
    return title if title.isupper() else title.lower()


def _unit(name: str) -> str:
    return metric(_GLOSSARY.get(name, name)).unit


def _beside(name: str) -> str:
    return metric(_GLOSSARY.get(name, name)).unit_beside


def warnings(
    best: Mapping[str, Any], trials: pd.DataFrame, search: Mapping[str, Any]
) -> Iterator[str]:
    """What a reader should do something about before taking the choice."""
    if best["active_units"] == 0:
        yield "The chosen model uses no latent dimension: its posterior has collapsed."
    for name, value in best["settings"].items():
        if bound := _bound_at(value, search["space"].get(name, {})):
            yield (
                f"{name} {_setting(value)} lies at its {bound} bound: beyond it may be better "
                f"still. Widen tune.space in params.yaml and run `make tune` again."
            )
    if 2 * best["failed"] > len(trials):
        yield f"More than half of the trials failed, most of them like this: {commonest(trials)}"


def _bound_at(value: Any, dimension: Mapping[str, Any]) -> str:
    """Lower or upper, where the value lies within 2 % of that bound on the dimension's scale."""
    low, high = dimension.get("low"), dimension.get("high")
    if low is None or high is None or low == high or not isinstance(value, int | float):
        return ""
    place = (value - low) / (high - low)
    if dimension.get("log"):
        place = math.log(value / low) / math.log(high / low)
    if place <= _EDGE:
        return "lower"
    return "upper" if place >= 1 - _EDGE else ""


def comparison(compare: Mapping[str, Any]) -> Lead:
    """Of the chosen settings with the former ones: tune/compare.json in words."""
    text = f"{compare['sentence']} {compare['caveat']}"
    return Lead("Did tuning help?", _VERDICTS[compare["verdict"]], text)


def commonest(trials: pd.DataFrame) -> str:
    """The error of most failed trials, as the first of them words it."""
    errors = [str(error) for error in trials.loc[trials["state"] == "failed", "error"]]
    kinds = collections.Counter(_kind(error) for error in errors)
    most = max(kinds, key=lambda kind: kinds[kind])
    return next(error for error in errors if _kind(error) == most)


def _kind(error: str) -> str:
    return re.sub(r"\d[\d.e+-]*", "0", error)


def _choice(best: Mapping[str, Any]) -> Section:
    rows = tuple(
        (name, _setting(best["default"].get(name)), _setting(value))
        for name, value in best["settings"].items()
    )
    settings = Table(("Setting", "Before", "Chosen"), rows, frozenset({1, 2}))
    scores = {
        _GLOSSARY.get(name, name): best[name] for name in _SCORES if best.get(name) is not None
    }
    return Section(
        "The choice",
        (
            settings,
            Text("This writes it into params.yaml, comments kept, and shows what changes:"),
            Command("latentops tune apply"),
            measured.table("Score on validation", scores),
        ),
    )


def _searched(best: Mapping[str, Any], search: Mapping[str, Any]) -> Section:
    space = tuple(
        (name, _values(dimension), _condition(dimension.get("when") or {}))
        for name, dimension in search["space"].items()
    )
    header = ("Setting", "Values", "Only where")
    width = 3 if any(condition for _, _, condition in space) else 2
    table = Table(header[:width], tuple(row[:width] for row in space))
    mode = _MODES[best["mode"]]
    if best.get("rate_budget_nats") is not None:
        mode = f"{mode} ({value_text(best['rate_budget_nats'], 'nats')} nats)"
    if best["mode"] == "score":
        mode = f"{mode}: {best['score_name']}"
    lines = (
        ("Searched for", mode),
        ("Picked", _PICKS.get(best["pick"], str(best["pick"]))),
        ("Budget", f"{search['trials']:,} trials of at most {search['epochs']:,} epochs"),
        ("Sampler", _SAMPLERS.get(search["sampler"], search["sampler"])),
        ("Pruner", _PRUNERS.get(search["pruner"], search["pruner"])),
        ("Held fixed", f"{len(best['fixed'])} other settings, in tune/best.json"),
    )
    return Section("What was searched", (table, Points(lines)))


def _values(dimension: Mapping[str, Any]) -> str:
    """0.1 to 10, log scale; or one of 1, 2, none."""
    if dimension.get("choices") is not None:
        return f"one of {', '.join(_setting(choice) for choice in dimension['choices'])}"
    text = f"{_setting(dimension['low'])} to {_setting(dimension['high'])}"
    step = f", in steps of {_setting(dimension['step'])}" if dimension.get("step") else ""
    return f"{text}{step}{', log scale' if dimension.get('log') else ''}"


def _condition(when: Mapping[str, Any]) -> str:
    return " and ".join(
        f"{name} is {' or '.join(_setting(value) for value in values)}"
        for name, values in when.items()
    )


def _pictured(title: str, pictures: Mapping[str, bytes], names: tuple[str, ...]) -> Section:
    return Section(
        title,
        tuple(
            Picture(name, pictures[name], _ALT[name], _CAPTIONS[name])
            for name in names
            if name in pictures
        ),
    )


def _what_matters(importance: pd.DataFrame, pictures: Mapping[str, bytes]) -> Section:
    drawn = _pictured("What matters", pictures, ("importance", "contour"))
    known = importance.dropna().sort_values("importance", ascending=False)
    if known.empty:
        return drawn
    rows = tuple(
        (str(name), value_text(share, "share"))
        for name, share in zip(known["setting"], known["importance"], strict=True)
    )
    table = Table(("Setting", "Importance"), rows, frozenset({1}))
    return Section(drawn.title, (*drawn.blocks, table))


def _trials(best: Mapping[str, Any], trials: pd.DataFrame) -> Section:
    told = f"{study_pictures.counted(trials)}. {_duration(trials['seconds'].sum())}"
    blocks: list[Block] = [Text(told)]
    if (trials["state"] == "failed").any():
        blocks.append(Text(f"The commonest error: {commonest(trials)}"))
    return Section("Trials", (*blocks, _top(best, trials)))


def _duration(seconds: float) -> str:
    """Of the complete trials, for the others tell none."""
    size, unit = (60, "minutes") if seconds >= 120 else (1, "seconds")
    return f"Training those that completed took {value_text(seconds / size, 's')} {unit}."


def _top(best: Mapping[str, Any], trials: pd.DataFrame) -> Table:
    """The complete trials of the highest scores, and the chosen one wherever it stands."""
    complete = trials[trials["state"] == "complete"].sort_values(
        "score", ascending=False, kind="stable"
    )
    rest = complete.iloc[MOST_TRIALS:]
    shown = pd.concat([complete.head(MOST_TRIALS), rest[rest["trial"] == best["trial"]]])
    settings = list(best["settings"])
    own = [] if best["score_name"] in _GLOSSARY or best["score_name"] in _SCORES else ["score"]
    scores = own + [name for name in _SCORES if name in shown and shown[name].notna().any()]
    return Table(
        header=("Trial", *settings, *(_header(name) for name in scores)),
        rows=tuple(
            (
                str(row["trial"]),
                *(_cell(row.get(name)) for name in settings),
                *(_score(row[name], name) for name in scores),
            )
            for row in shown.to_dict("records")
        ),
        numeric=frozenset(range(1 + len(settings) + len(scores))),
        marked=frozenset(
            place for place, number in enumerate(shown["trial"]) if number == best["trial"]
        ),
        caption=f"The best {len(shown):,} of {len(complete):,} by {best['score_name']}, "
        "the chosen one marked",
    )


def _header(name: str) -> str:
    unit = _beside(name)
    title = metric(_GLOSSARY.get(name, name)).title
    return f"{title}, {unit}" if unit else title


def _score(value: Any, name: str) -> str:
    return "" if pd.isna(value) else value_text(value, _unit(name))


def _cell(held: Any) -> str:
    """Of the table of trials; empty where the setting did not apply."""
    return "" if held is None or pd.isna(held) else _setting(held)


def _setting(value: Any) -> str:
    """As params.yaml writes it, but for the digits of numbers."""
    match value:
        case str():
            return value
        case list() | tuple():
            return f"[{', '.join(map(_setting, value))}]"
        case None | bool():
            return json.dumps(value)
    return value_text(value, "")

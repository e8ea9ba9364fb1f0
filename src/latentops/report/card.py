"""The model card: what one version is for, what it can do, what it cannot, and where it is from.

The facts are of the version and are stored with it as JSON. What changes later (its aliases, its
seal) is given to `compose` by who reads the card.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from latentops.artifacts import Schema, Spec
from latentops.classifier import HeadFile
from latentops.report import conclusion, html, limits, markdown, measured, numbers, origin, shipped
from latentops.report.document import (
    Block,
    Cell,
    Command,
    Document,
    Graph,
    Noted,
    Picture,
    Points,
    Section,
    Table,
    Text,
    Warned,
)
from latentops.report.glossary import feature_title, value_text
from latentops.report.judgement import labels_text, main_claims, outcome, score
from latentops.verdict.results import Budget, Claim, Score, Verdict

FACTS, TEXT, PAGE, PICTURE = "card.json", "card.md", "card.html", "reconstructions"
MOST_PICTURE_BYTES = 220_000  # in base64 not quite 300 kB
LONGEST_TEXT = 240
BY_CHANCE = "Drawn by chance from the validation split; no example of the test split is shown."
BY_OUTCOME = (
    "Of the validation split, never of test: right answers, a mistake and a text out of scope, "
    "where there are, each drawn by chance. They are not as frequent as they stand here."
)
# Of the version's tags, what identifies it; its other tags stand elsewhere in the card.
IDENTITY = {
    "lineage_key": "Lineage key",
    "weights_sha256": "Weights, sha256",
    "head_sha256": "Classifier, sha256",
    "settings_sha256": "Settings, sha256",
    "code_sha256": "Code, sha256",
    "git_commit": "Git commit",
    "dvc_lock_sha256": "dvc.lock, sha256",
    "study": "Study",
    "trial": "Trial",
    "cpu": "Processor",
    "torch": "PyTorch",
}


class Example(Schema):
    """A text of the validation split and what the model says of it."""

    text: str
    label: str  # empty: none
    in_scope: bool = True
    predicted: str = ""  # empty: the model has no classifier
    probability: float = 0.0
    out_of_scope: bool = False  # as the model says
    words: tuple[str, ...] = ()  # the most probable ones, given its code; or one sentence


class CardFacts(Schema):
    """card.json: all that a card says of a version, as it was when it was registered.

    A field that is added later needs a default, or cards written before it cannot be read.
    """

    name: str  # of the registered model
    spec: Spec
    settings: dict[str, Any]  # model/settings.json
    data: dict[str, Any]  # of data/report.json, what `origin.data` reads
    scores: dict[str, float]  # metrics/eval.json
    verdict: Verdict
    head: HeadFile
    min_active_units: int  # that the registry's policy asks for
    lineage: dict[str, str]  # the version's tags
    examples: tuple[Example, ...] = ()
    picture: str = ""  # PNG in base64: validation images and their reconstructions

    @property
    def latent(self) -> int:
        return int(self.settings["model"]["latent"])


def encoded(png: bytes) -> str:
    """A picture for the facts; one that is too large is left out."""
    return base64.b64encode(png).decode("ascii") if len(png) <= MOST_PICTURE_BYTES else ""


def cut(text: str) -> str:
    """A text for the facts: on one line, and of a long one its beginning."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TEXT else f"{line[:LONGEST_TEXT]}…"


def files(facts: CardFacts) -> dict[str, bytes]:
    """What is stored with the version: the facts, the card as text and page, its picture."""
    document = compose(facts)
    written = {
        FACTS: facts.model_dump_json(indent=2).encode(),
        TEXT: markdown.render(document, PurePosixPath()).encode(),
        PAGE: html.render(document).encode(),
    }
    return written | ({f"{PICTURE}.png": _png(facts)} if facts.picture else {})


def compose(
    facts: CardFacts, now: tuple[Section, ...] = (), traced: Graph | None = None
) -> Document:
    """The card; `now` says what the registry knows today and stands first.

    `traced` is the lineage as it was checked today; without it, as it was at registration.
    """
    sections = (
        _intended_use(facts),
        _limits(facts),
        _scores(facts),
        _examples(facts),
        _classifier(facts),
        _collapse(facts),
        Section("Data", tuple(_data(facts))),
        Section("Settings", tuple(origin.listed("Setting", facts.settings))),
        _lineage(facts, traced),
    )
    found = tuple(section for section in sections if section.blocks)
    return Document(f"Model card: {facts.name}", tuple(_opening(facts)), (*now, *found))


def _opening(facts: CardFacts) -> Iterable[Block]:
    spec, head = facts.spec, facts.head
    beta = origin.at(facts.settings, "objective.beta") or 1.0
    source = f"{spec.source}{' (synthetic)' if spec.synthetic else ''}"
    shown = origin.classifier(head.chosen, len(head.classes)) if head.chosen else "no classifier"
    yield Text(
        f"A {origin.model_name(beta)} of {facts.latent} latent dimensions on {source}, "
        f"{origin.kind(spec)}; with {f'a {shown}' if head.chosen else shown}."
    )
    if _has_collapsed(facts):
        yield Warned(_collapse_text(facts))
    yield Points(tuple(_at_a_glance(facts)))


def _at_a_glance(facts: CardFacts) -> Iterable[tuple[str, str]]:
    scores = facts.scores
    if "accuracy" in scores:
        yield (
            "Accuracy",
            f"{numbers.percent(scores['accuracy'])} of {facts.verdict.test_rows:,} test rows.",
        )
    if "out_of_scope_recall" in scores:
        recall, refused = scores["out_of_scope_recall"], scores["in_scope_refused"]
        yield (
            "Out of scope",
            f"{numbers.percent(recall)} recognised; {numbers.percent(refused)} of the others "
            "refused by mistake.",
        )
    if claims := main_claims(facts.verdict.budgets):
        yield "Better features than the baselines", conclusion.lead(claims).answer
    yield "Code", _code(facts)
    yield "Weights", f"{value_text(scores['weights_bytes'], 'bytes')}."


def _intended_use(facts: CardFacts) -> Section:
    lines = limits.intended(facts.spec, facts.head, facts.scores, facts.latent)
    task = "" if facts.head.chosen else " --task encode"
    file = "file.csv" if facts.spec.kind == "counts" else "file.npz"
    call = f"latentops predict models:/{facts.name}@champion --input {file} --output out.parquet"
    return Section("Intended use", (Points(tuple(lines)), Command(f"{call}{task}")))


def _limits(facts: CardFacts) -> Section:
    rows = facts.data.get("rows", {})
    lines = limits.limits(facts.spec, rows, facts.verdict, facts.head, facts.scores)
    return Section("Limits", (Points(tuple(lines)),))


def _scores(facts: CardFacts) -> Section:
    verdict = facts.verdict
    blocks = [*conclusion.verdict(verdict, facts.scores, facts.head, facts.latent)]
    if main_claims(verdict.budgets):
        blocks += [_claims(verdict.budgets), _accuracies(verdict.budgets)]
    return Section("Scores", (*blocks, measured.table("Score on test", facts.scores)))


def _claims(budgets: tuple[Budget, ...]) -> Table:
    return Table(
        ("Labels", "With the VAE, %", "Strongest baseline, %", "Points"),
        tuple(_claim(*claim) for claim in main_claims(budgets)),
        numeric=frozenset({3}),
        caption="The VAE against the strongest baseline, with 95 % intervals",
    )


def _claim(budget: Budget, claim: Claim) -> tuple[Cell, ...]:
    sides = [score(budget, name) for name in (claim.ours, claim.theirs)]
    return (
        labels_text(budget).removesuffix(" labels"),
        *(Noted(_accuracy(each), feature_title(each.features)) for each in sides),
        Noted(
            numbers.signed_points(claim.difference, claim.low, claim.high),
            conclusion.OUTCOMES[outcome(claim)],
        ),
    )


def _accuracies(budgets: tuple[Budget, ...]) -> Table:
    by_features: dict[str, dict[str, Score]] = {}
    for budget in budgets:
        for each in budget.scores:
            by_features.setdefault(each.features, {})[budget.name] = each
    return Table(
        ("Features", *(labels_text(budget).removesuffix(" labels") for budget in budgets)),
        tuple(
            (feature_title(name), *(_noted(found.get(budget.name)) for budget in budgets))
            for name, found in by_features.items()
        ),
        numeric=frozenset(range(1, len(budgets) + 1)),
        caption="Accuracy in per cent of every feature set by number of labels",
    )


def _noted(found: Score | None) -> Cell:
    if found is None:
        return ""
    interval = numbers.interval(found.accuracy_low, found.accuracy_high)
    return Noted(numbers.tenths(found.accuracy), interval)


def _accuracy(found: Score) -> str:
    return numbers.bare(found.accuracy, found.accuracy_low, found.accuracy_high)


def _examples(facts: CardFacts) -> Section:
    if facts.picture:
        alt = "Validation images, each above its reconstruction."
        caption = "Images of the validation split, and under each what the model returns."
        return Section("Examples", (Picture(PICTURE, _png(facts), alt, caption),))
    if not facts.examples:
        return Section("Examples", ())
    chosen = facts.head.chosen
    table = _answers(facts.examples) if chosen else _codes(facts.examples)
    return Section("Examples", (Text(BY_OUTCOME if chosen else BY_CHANCE), table))


def _answers(examples: Iterable[Example]) -> Table:
    return Table(
        ("Text", "Label", "The model says", "Probability"),
        tuple(_answer(each) for each in examples),
        numeric=frozenset({3}),
    )


def _answer(example: Example) -> tuple[Cell, ...]:
    known = example.label or ("none" if example.in_scope else "out of scope")
    said = Noted("out of scope", f"nearest: {example.predicted}")
    return (
        example.text,
        known,
        said if example.out_of_scope else example.predicted,
        numbers.percent(example.probability),
    )


def _codes(examples: Iterable[Example]) -> Table:
    rows = tuple((each.text, " ".join(each.words)) for each in examples)
    return Table(("Text", "What its code makes most probable"), rows)


def _classifier(facts: CardFacts) -> Section:
    head = facts.head
    if head.chosen is None:
        return Section("Classifier and detector", (Text(f"There is none: {head.reason}"),))
    return Section("Classifier and detector", tuple(shipped.tables(head, head.chosen)))


def _collapse(facts: CardFacts) -> Section:
    return Section("Collapse check", (Text(_collapse_text(facts)),))


def _has_collapsed(facts: CardFacts) -> bool:
    return facts.scores["active_units"] < min(facts.min_active_units, facts.latent)


def _collapse_text(facts: CardFacts) -> str:
    verdict = "has collapsed" if _has_collapsed(facts) else "has not collapsed"
    return (
        f"The posterior {verdict}: {_code(facts)} The registry's policy promotes no model with "
        f"fewer than {facts.min_active_units} active dimensions."
    )


def _code(facts: CardFacts) -> str:
    active, rate = int(facts.scores["active_units"]), facts.scores["rate_nats"]
    return f"{active} of {facts.latent} latent dimensions are active and carry {rate:.2f} nats."


def _data(facts: CardFacts) -> Iterable[Block]:
    spec = facts.spec
    synthetic = "yes, a grammar generated it" if spec.synthetic else "no"
    licence = spec.licence or "not stated"
    lines = (("Source", spec.source), ("Licence", licence), ("Synthetic", synthetic))
    yield Points(lines)
    if facts.data:
        yield from origin.data(facts.data)


def _lineage(facts: CardFacts, traced: Graph | None) -> Section:
    tags = facts.lineage
    sha256 = tags.get("weights_sha256", "")
    rows = facts.data.get("rows", {})
    made = origin.chain(facts.spec, rows, facts.settings, sha256, facts.head, facts.scores)
    known = {title: tags[name] for name, title in IDENTITY.items() if name in tags}
    data_md5 = json.loads(tags.get("data_md5", "{}"))
    digests = (*origin.listed("Identity", known), *origin.listed("md5 of the data", data_md5))
    return Section("Lineage", (traced or made, Text(_commit(tags)), *digests))


def _commit(tags: Mapping[str, str]) -> str:
    commit = tags.get("git_commit", "none")
    if commit == "none":
        return "It was registered outside git."
    dirty = tags.get("git_dirty") == "true"
    changed = ", with changes that no commit held yet" if dirty else ""
    return f"It was registered on top of commit {commit[: origin.DIGEST]}{changed}."


def _png(facts: CardFacts) -> bytes:
    return base64.b64decode(facts.picture)

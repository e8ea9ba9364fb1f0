"""What `latentops monitor` found, as a page: what changed, by how much, and texts that show it."""

from collections.abc import Iterable

from latentops.monitor.results import Comparison, Finding, TestName
from latentops.report import numbers
from latentops.report.document import (
    Block,
    Cell,
    Document,
    Lead,
    Noted,
    Points,
    Section,
    Table,
    Text,
)

TITLES: dict[TestName, str] = {
    "unknown_words": "Unknown words",
    "nats_per_word": "Nats per word",
    "classes": "Predicted classes",
    "out_of_scope": "Out of scope",
    "latent": "Codes",
}
_MEANING: dict[TestName, str] = {
    "unknown_words": "Words of a text that the model's vocabulary does not have: it cannot see "
    "them. New topics, another language or other spelling bring them.",
    "nats_per_word": "What the VAE finds surprising, by known word (of images by pixel): a higher "
    "value is less like the rows of training.",
    "classes": "How often each class is predicted. 1 is what chance alone gives on average, "
    "whatever the number of classes; the classes that moved most are named.",
    "out_of_scope": "Rows that the classifier's detector refuses.",
    "latent": "A classifier learned to tell codes of the window from codes of validation: the "
    "chance that it puts a row of the window above one of validation. 50 % is no difference.",
}
_METHOD = (
    "Each p-value is by permutation: the share of all ways to say which rows are the window's that "
    "make it as unlike validation. The corrected one allows for all tests of this window (Holm "
    "1979), and a change is told where it is below the level. Rows are taken as independent; rows "
    "of one session are not."
)
_TEXTS = "Texts of the window stand here. Pass the page on only where these may go."


def compose(found: Comparison) -> Document:
    """The page."""
    sections = (
        Section("The tests", (table(found), Text(_METHOD), _meanings(found))),
        *(_section(found, one) for one in found.changed),
        Section("Not tested", tuple(_untested(found))),
    )
    shown = tuple(section for section in sections if section.blocks)
    return Document(f"Window: {found.window}", (lead(found), *_note(found)), shown)


def _meanings(found: Comparison) -> Points:
    return Points(tuple((TITLES[one.test], _MEANING[one.test]) for one in found.findings))


def lead(found: Comparison) -> Lead:
    """The answer first."""
    names = [TITLES[one.test].lower() for one in found.changed]
    answer = f"Yes: {', '.join(names)}." if names else "No change was found."
    return Lead("Does use differ from validation?", answer, _subject(found))


def table(found: Comparison) -> Table:
    return Table(
        ("Test", "Validation", "Window", "p", "p, corrected", ""),
        tuple(_row(one) for one in found.findings),
        numeric=frozenset({1, 2, 3, 4}),
        marked=frozenset(place for place, one in enumerate(found.findings) if one.changed),
        caption=f"A change is told where the corrected p-value is below {found.level:g}",
    )


def _subject(found: Comparison) -> str:
    sample = "" if found.rows_seen == found.rows else f", a sample of {found.rows_seen:,}"
    blank = f"; {found.without_text:,} more have no text" if found.without_text else ""
    return (
        f"{numbers.counted(found.rows, 'row')}{sample}{blank}, beside "
        f"{numbers.counted(found.profile_rows, 'validation row')} of version {found.version} of "
        f"{found.name}."
    )


def _note(found: Comparison) -> Iterable[Block]:
    if found.examples or found.unknown_words:
        yield Text(_TEXTS)


def _row(one: Finding) -> tuple[Cell, ...]:
    return (
        Noted(TITLES[one.test], numbers.counted(one.rows, "row")),
        quantity(one.test, one.before),
        quantity(one.test, one.now),
        p_text(one.p),
        p_text(one.p_holm),
        "changed" if one.changed else "",
    )


def quantity(test: TestName, value: float) -> str:
    """What a test is about, in its unit."""
    if test in ("unknown_words", "out_of_scope", "latent"):
        return numbers.percent(value)
    return f"{value:.2f}"


def p_text(p: float) -> str:
    """No smaller than the permutations can tell."""
    return f"{p:.4f}" if p > 0.0001 else "0.0001 or less"


def _section(found: Comparison, one: Finding) -> Section:
    return Section(TITLES[one.test], tuple(_shown(found, one)))


def _shown(found: Comparison, one: Finding) -> Iterable[Block]:
    if one.moved:
        yield _moved(one)
    if one.test == "unknown_words" and found.unknown_words:
        yield _words(found)
    examples = [each for each in found.examples if each.test == one.test]
    if examples:
        rows = tuple((each.text, each.note) for each in examples)
        yield Table(("Text of the window", "Why it is shown"), rows)


def _moved(one: Finding) -> Table:
    rows = tuple(
        (each.name, numbers.percent(each.before), numbers.percent(each.now)) for each in one.moved
    )
    return Table(("Class", "Validation", "Window"), rows, numeric=frozenset({1, 2}))


def _words(found: Comparison) -> Table:
    rows = tuple((each.word, f"{each.texts:,}") for each in found.unknown_words)
    return Table(("Unknown word", "Texts of the window"), rows, numeric=frozenset({1}))


def _untested(found: Comparison) -> Iterable[Block]:
    if found.untested:
        yield Points(tuple((TITLES[each.test], each.reason) for each in found.untested))

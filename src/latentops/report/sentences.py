"""The section on what a model of sentences writes."""

from latentops.report.document import Block, Section, Table
from latentops.report.facts import Facts

LONGEST_TEXT = 240


def sentences(facts: Facts) -> Section | None:
    """Validation sentences and what comes back, new ones, and ways from one to another."""
    found = facts.evaluation.sentences
    if found is None:
        return None
    returned = Table(
        ("Validation sentence", "What comes back of its code"),
        tuple(
            (_cut(original), _returned(original, text)) for original, text in found.reconstructions
        ),
        caption="Reconstructions, written greedily from the mean of each code",
    )
    made = Table(
        ("Sentence",),
        tuple((_cut(text),) for text in found.samples),
        caption="Written token by token from codes of the prior: no sentence was put in",
    )
    ways = (_way(number, steps) for number, steps in enumerate(found.crossings, start=1))
    return Section("Sentences", (returned, made, *ways))


def _way(number: int, steps: tuple[str, ...]) -> Block:
    return Table(
        ("Step", "What is written there"),
        tuple((str(place), _cut(step)) for place, step in enumerate(steps, start=1)),
        caption=f"From one validation sentence to another, {number}: a straight line between the "
        "means of their codes",
    )


def _returned(original: str, text: str) -> str:
    return "the same" if text == original else _cut(text)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TEXT else f"{line[:LONGEST_TEXT]}…"

"""The section on the topics of a model of documents."""

from latentops.report.document import Section, Table, Text
from latentops.report.facts import Facts

MOST_TOPICS = 20


def topics(facts: Facts) -> Section | None:
    """The clearest topics by their top words, and how clear they are together."""
    found, scores = facts.evaluation.topics, facts.evaluation.scores
    if not found:
        return None
    rows = tuple(
        (" ".join(topic.words), f"{topic.npmi:.2f}", f"z{topic.dimension}")
        for topic in found[:MOST_TOPICS]
    )
    note = (
        f"The mean NPMI of {len(found)} topics is {scores['topic_npmi']:.2f}, and of their top "
        f"words {100 * scores['topic_diversity']:.0f} % are different ones. NPMI says whether the "
        "words of a topic share documents of the training split: 1 where they come only together, "
        "0 where they do not know of each other, -1 where they never meet. It rates the words that "
        "are shown, not the fit of the model: the one may be good without the other."
    )
    caption = f"The {len(rows)} topics of the highest NPMI" if len(rows) < len(found) else ""
    table = Table(("Top words", "NPMI", "Dimension"), rows, frozenset({1}), caption=caption)
    return Section("Topics", (Text(note), table))

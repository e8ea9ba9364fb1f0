"""The report's section on topics."""

from dataclasses import replace

from report_samples import digits

from latentops.evaluation.results import Topic
from latentops.report import topics
from latentops.report.document import Table, Text
from latentops.report.facts import Facts


def facts(*found: Topic) -> Facts:
    sample = digits()
    scores = {
        **sample.evaluation.scores,
        "topics": len(found),
        "topic_npmi": 0.25,
        "topic_diversity": 0.875,
    }
    return replace(sample, evaluation=replace(sample.evaluation, topics=list(found), scores=scores))


def test_a_model_without_topics_has_no_section() -> None:
    assert topics.topics(facts()) is None


def test_the_clearest_topics_stand_there_with_their_words() -> None:
    found = [Topic(4, ("ball", "goal"), 0.5), *[Topic(7, ("disk", "file"), 0.125)] * 30]
    section = topics.topics(facts(*found))
    assert section is not None
    note, table = section.blocks
    assert isinstance(note, Text)
    assert isinstance(table, Table)
    assert "31 topics is 0.25" in note.text
    assert "88 % are different ones" in note.text
    assert table.rows[:2] == (("ball goal", "0.50", "z4"), ("disk file", "0.12", "z7"))
    assert len(table.rows) == topics.MOST_TOPICS
    assert table.caption == "The 20 topics of the highest NPMI"

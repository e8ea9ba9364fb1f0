"""The section of the report on generation."""

from latentops.report.document import Section, Text
from latentops.report.facts import Facts

TITLE = "Generation"


def generation(facts: Facts) -> Section | None:
    found = facts.applications.generation
    if found is None:
        return None
    return Section(TITLE, (Text(found.reason),))

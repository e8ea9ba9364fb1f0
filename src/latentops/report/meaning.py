"""The section of the report on meaning."""

from latentops.report.document import Section, Text
from latentops.report.facts import Facts

TITLE = "Meaning"


def meaning(facts: Facts) -> Section | None:
    found = facts.applications.meaning
    if found is None:
        return None
    return Section(TITLE, (Text(found.reason),))

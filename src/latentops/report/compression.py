"""The section of the report on compression."""

from latentops.report.document import Section, Text
from latentops.report.facts import Facts

TITLE = "Compression"


def compression(facts: Facts) -> Section | None:
    found = facts.applications.compression
    if found is None:
        return None
    return Section(TITLE, (Text(found.reason),))

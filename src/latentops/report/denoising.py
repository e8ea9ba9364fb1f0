"""The section of the report on denoising."""

from latentops.report.document import Section, Text
from latentops.report.facts import Facts

TITLE = "Denoising"


def denoising(facts: Facts) -> Section | None:
    found = facts.applications.denoising
    if found is None:
        return None
    return Section(TITLE, (Text(found.reason),))

"""The section of the report on augmentation."""

from latentops.report.document import Section, Text
from latentops.report.facts import Facts

TITLE = "Augmentation"


def augmentation(facts: Facts) -> Section | None:
    found = facts.applications.augmentation
    if found is None:
        return None
    return Section(TITLE, (Text(found.reason),))

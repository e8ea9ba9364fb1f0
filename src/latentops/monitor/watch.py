"""A window beside the profile of a version, with texts of the window that show what changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from latentops.artifacts import Vocabulary
from latentops.errors import DataError
from latentops.monitor import examples
from latentops.monitor.compare import LEVEL, compare
from latentops.monitor.profile import Profile
from latentops.monitor.results import Comparison
from latentops.observations import About, Observations


@dataclass(frozen=True)
class Window:
    """Rows of use: what the model saw in them, and their texts where these are at hand."""

    name: str
    seen: Observations
    about: About  # the version that saw them
    without_text: int = 0  # rows that were left out
    texts: Sequence[str] = ()
    vocabulary: Vocabulary | None = None  # None: no texts may be told


def watch(known: Profile, window: Window, level: float = LEVEL) -> Comparison:
    """Raises DataError for a window without rows."""
    compared = compare(known, window.seen, level)
    found = Comparison(
        name=window.about.name,
        version=window.about.version,
        lineage_key=window.about.lineage_key,
        window=window.name,
        rows=len(window.seen),
        rows_seen=window.about.rows_seen,
        without_text=window.without_text,
        profile_rows=known.rows,
        level=level,
        findings=compared.findings,
        untested=compared.untested,
    )
    if window.vocabulary is None or not found.changed:
        return found
    told = examples.Told(known, compared, window.seen, window.texts, window.vocabulary)
    words = "unknown_words" in [one.test for one in found.changed]
    return found.model_copy(
        update={
            "examples": examples.of(told),
            "unknown_words": examples.words(told) if words else (),
        }
    )


def require_same(asked: About, counted: About) -> None:
    """Raises DataError where a window was counted by another version than the one asked about."""
    if (asked.name, asked.version, asked.lineage_key) == (
        counted.name,
        counted.version,
        counted.lineage_key,
    ):
        return
    raise DataError(
        f"The window was counted by version {counted.version} of {counted.name}, and the profile "
        f"is of version {asked.version} of {asked.name}: what two models see differs by itself. "
        f"Name the first by --model {counted.name}/{counted.version}."
    )

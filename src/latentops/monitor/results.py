"""What a comparison of a window with a profile found."""

from typing import Literal

from latentops.artifacts import Schema

TestName = Literal["unknown_words", "nats_per_word", "classes", "out_of_scope", "latent"]


class Moved(Schema):
    """A class that is predicted more often than before, or less: shares of all rows."""

    name: str
    before: float
    now: float


class Finding(Schema):
    """One test. `before` and `now` are the quantity that it is about, of profile and window:

    the share of unknown words in a text, nats per word, the share out of scope; of classes
    chi-square by degree of freedom, which chance makes 1, and of codes the chance that the
    classifier puts a row of the window above one of the reference. These two have a `before`
    without any window.
    """

    test: TestName
    before: float
    now: float
    statistic: float
    p: float  # alone
    p_holm: float  # of all tests of the window together
    changed: bool
    rows: int  # of the window that had what it tests
    moved: tuple[Moved, ...] = ()


class Untested(Schema):
    """A test that could not be made, and why."""

    test: TestName
    reason: str


class Word(Schema):
    """One that the model does not know, and how many texts of the window hold it."""

    word: str
    texts: int


class Example(Schema):
    """A text of the window that shows what changed."""

    test: TestName
    text: str
    note: str


class Comparison(Schema):
    """A window beside the profile of a version. The last two alone hold words of the window."""

    name: str  # of the model
    version: str
    lineage_key: str
    window: str  # its file's name
    rows: int
    rows_seen: int  # as many, or more: then the rows are a sample of these
    without_text: int = 0  # rows that were left out
    profile_rows: int
    level: float  # a change is told where p_holm is below
    findings: tuple[Finding, ...]
    untested: tuple[Untested, ...] = ()
    unknown_words: tuple[Word, ...] = ()
    examples: tuple[Example, ...] = ()

    @property
    def changed(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.changed)

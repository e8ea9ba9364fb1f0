"""What a report says, apart from how it looks: sections of blocks that html and markdown render.

Every string is plain text; the renderers escape it.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Noted:
    """A table cell with a line of explanation under it."""

    text: str
    note: str


Cell = str | Noted


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Lead:
    """What to remember: a question, its answer, and the numbers behind the answer."""

    question: str
    answer: str
    text: str


@dataclass(frozen=True)
class Points:
    """Lines that each begin with a name."""

    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Command:
    """What to type into a terminal."""

    text: str


@dataclass(frozen=True)
class Warned:
    """A paragraph that a reader must not miss."""

    text: str


@dataclass(frozen=True)
class Table:
    """Cells under `header`; columns in `numeric` are numbers, rows in `marked` stand out."""

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: frozenset[int] = frozenset()
    marked: frozenset[int] = frozenset()
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """A PNG, the file name it is saved under, and what it shows for who cannot see it."""

    name: str
    png: bytes
    alt: str
    caption: str


State = Literal["ok", "failed", "absent", "none"]  # none: nobody checked it


@dataclass(frozen=True)
class Node:
    """A box of a graph."""

    title: str
    text: str
    state: State = "none"


@dataclass(frozen=True)
class Graph:
    """A chain of boxes, each of which leads to the next, and what it says for who cannot see it."""

    nodes: tuple[Node, ...]
    name: str
    alt: str
    caption: str


Block = Text | Lead | Points | Command | Warned | Table | Picture | Graph


@dataclass(frozen=True)
class Section:
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """`opening` stands above the table of contents, without a heading of its own."""

    title: str
    opening: tuple[Block, ...]
    sections: tuple[Section, ...]

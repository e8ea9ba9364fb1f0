"""A document as GitHub-flavoured Markdown; pictures are linked, every text escaped."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from latentops.report import graph
from latentops.report.document import (
    Block,
    Cell,
    Command,
    Document,
    Graph,
    Lead,
    Noted,
    Picture,
    Points,
    Section,
    Table,
    Text,
    Warned,
)

# What Markdown, or the HTML and mathematics in it, would take for more than itself.
_SPECIAL = re.compile(r"([\\`*_\[\]|~$#])")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def render(document: Document, pictures: PurePosixPath) -> str:
    """The whole text; `pictures` is their folder, seen from the folder of the text."""
    opening = [_block(block, pictures) for block in document.opening]
    sections = [_section(section, pictures) for section in document.sections]
    return "\n\n".join([f"# {escaped(document.title)}", *opening, *sections]) + "\n"


def escaped(text: str) -> str:
    """Text on one line that renders as itself."""
    line = " ".join(text.split())
    return _SPECIAL.sub(r"\\\1", line).translate(_ENTITIES)


def _section(section: Section, pictures: PurePosixPath) -> str:
    blocks = [_block(block, pictures) for block in section.blocks]
    return "\n\n".join([f"## {escaped(section.title)}", *blocks])


def _block(block: Block, pictures: PurePosixPath) -> str:
    match block:
        case Text(text):
            return escaped(text)
        case Lead(question, answer, text):
            return f"{escaped(question)} **{escaped(answer)}**\n\n{escaped(text)}"
        case Points(lines):
            return "\n".join(f"- **{escaped(name)}**: {escaped(text)}" for name, text in lines)
        case Command(text):
            return f"```sh\n{text}\n```"
        case Warned(text):
            return f"> **{escaped(text)}**"
        case Table():
            return table(block)
        case Picture():
            return _picture(block, pictures)
        case Graph():
            return f"```mermaid\n{graph.mermaid(block)}\n```\n\n{escaped(block.caption)}".rstrip()


def _picture(picture: Picture, pictures: PurePosixPath) -> str:
    link = f"![{escaped(picture.alt)}]({pictures / picture.name}.png)"
    return f"{link}\n\n{escaped(picture.caption)}"


def table(table: Table) -> str:
    rules = ["---:" if place in table.numeric else "---" for place in range(len(table.header))]
    rows = [
        _line([_cell(cell, strong=place in table.marked) for cell in row])
        for place, row in enumerate(table.rows)
    ]
    lines = [_line([escaped(text) for text in table.header]), _line(rules), *rows]
    return "\n".join([f"{escaped(table.caption)}\n", *lines] if table.caption else lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell, strong: bool) -> str:
    text = escaped(cell.text if isinstance(cell, Noted) else cell)
    text = f"**{text}**" if strong and text else text
    return f"{text}<br>{escaped(cell.note)}" if isinstance(cell, Noted) else text

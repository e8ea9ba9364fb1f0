"""A document as one HTML file: no script, nothing to fetch, every text escaped."""

import base64
from collections.abc import Iterable
from html import escape

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
from latentops.report.style import CSS

# The browser itself refuses scripts and the network, should an escape ever be missed.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def render(document: Document) -> str:
    """The whole page."""
    title = escape(document.title)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{title}</title>",
            f"<style>{CSS}</style>",
            "</head>",
            "<body>",
            "<main>",
            f'<header><h1 dir="auto">{title}</h1>',
            *map(_block, document.opening),
            "</header>",
            _contents(document.sections),
            *(_section(place, section) for place, section in enumerate(document.sections, 1)),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _contents(sections: Iterable[Section]) -> str:
    links = "".join(
        f'<li><a href="#s{place}">{escape(section.title)}</a></li>'
        for place, section in enumerate(sections, start=1)
    )
    return f'<nav aria-label="Contents"><ol>{links}</ol></nav>'


def _section(place: int, section: Section) -> str:
    heading = f'<h2 id="s{place}">{escape(section.title)}</h2>'
    blocks = "\n".join(map(_block, section.blocks))
    return f'<section aria-labelledby="s{place}">\n{heading}\n{blocks}\n</section>'


def _block(block: Block) -> str:
    match block:
        case Text(text):
            return f'<p dir="auto">{escape(text)}</p>'
        case Lead(question, answer, text):
            return (
                f'<p class="question" dir="auto">{escape(question)}</p>\n'
                f'<p class="answer" dir="auto">{escape(answer)}</p>\n'
                f'<p class="lead" dir="auto">{escape(text)}</p>'
            )
        case Points(lines):
            return f"<ul>\n{''.join(_point(*line) for line in lines)}</ul>"
        case Command(text):
            return f'<pre tabindex="0"><code>{escape(text)}</code></pre>'
        case Warned(text):
            return f'<p class="warned" role="note" dir="auto">{escape(text)}</p>'
        case Table():
            return _table(block)
        case Picture():
            return _figure(_image(block), block.caption)
        case Graph():
            return _figure(graph.svg(block), block.caption)


def _point(name: str, text: str) -> str:
    return f'<li dir="auto"><strong>{escape(name)}</strong>: {escape(text)}</li>\n'


def _image(picture: Picture) -> str:
    data = base64.b64encode(picture.png).decode("ascii")
    return f'<img src="data:image/png;base64,{data}" alt="{escape(picture.alt)}">'


def _figure(drawn: str, caption: str) -> str:
    told = f'\n<figcaption dir="auto">{escape(caption)}</figcaption>' if caption else ""
    return f"<figure>\n{drawn}{told}\n</figure>"


def _table(table: Table) -> str:
    header = "".join(
        f'<th scope="col"{_number_class(table, place)}>{escape(text)}</th>'
        for place, text in enumerate(table.header)
    )
    rows = "\n".join(_row(table, place) for place in range(len(table.rows)))
    caption = (
        f'<p class="caption" dir="auto">{escape(table.caption)}</p>\n' if table.caption else ""
    )
    name = escape(table.caption or " / ".join(table.header))
    return (
        f'{caption}<div class="scroll" role="region" tabindex="0" aria-label="{name}">\n'
        f"<table>\n<thead><tr>{header}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>\n"
        "</div>"
    )


def _row(table: Table, place: int) -> str:
    cells = "".join(
        f"<td{_number_class(table, column)}>{_cell(cell)}</td>"
        for column, cell in enumerate(table.rows[place])
    )
    marked = ' class="marked"' if place in table.marked else ""
    return f"<tr{marked}>{cells}</tr>"


def _number_class(table: Table, column: int) -> str:
    return ' class="number"' if column in table.numeric else ' dir="auto"'


def _cell(cell: Cell) -> str:
    if isinstance(cell, Noted):
        return f"{escape(cell.text)}<small>{escape(cell.note)}</small>"
    return escape(cell)

"""A chain of boxes as SVG, for a page or a file of its own, and as Mermaid, for Markdown.

The SVG holds no script and fetches nothing. Its light colours are attributes, which every viewer
knows; a style swaps them where the reader's device is dark. A state is told by a mark, a word, the
outline and the colour.
"""

import unicodedata
from html import escape

from latentops.report.document import Graph, Node, State

WIDTH = 440  # pixels, of the whole drawing
MOST_LINES = 3  # of a box's text
LONGEST_LABEL = 160  # characters of a text in Mermaid, which wraps lines itself
_DASH = "\u2013"
MARKS: dict[State, str] = {"ok": "✓", "failed": "✗", "absent": _DASH, "none": ""}

_HARMLESS = f" .,-_()/…✓✗{_DASH}"  # beside letters and digits, in a label of Mermaid
_FONT = "system-ui, -apple-system, Segoe UI, Roboto, Liberation Sans, sans-serif"
_PADDING, _MARK_ROOM, _WORD_ROOM, _GAP = 14, 44, 56, 24
_TITLE_SIZE, _TEXT_SIZE, _LINE = 14.5, 13, 18
# Fill and outline; the mark and the word have the colour of the outline.
_LIGHT: dict[State, tuple[str, str]] = {
    "ok": ("#edf7f2", "#006b47"),
    "failed": ("#fdf1ec", "#b3411c"),
    "absent": ("#ffffff", "#5c6670"),
    "none": ("#f4f6f8", "#aab2b9"),
}
_DARK: dict[State, tuple[str, str]] = {
    "ok": ("#12261d", "#56c596"),
    "failed": ("#2e1d16", "#f0936d"),
    "absent": ("#14171a", "#a0a9b2"),
    "none": ("#1d2226", "#5a636b"),
}
_INK, _MUTED, _PAPER = ("#1d2126", "#e4e7ea"), ("#4d565e", "#b4bcc4"), ("#ffffff", "#14171a")
_OUTLINES: dict[State, str] = {
    "ok": "",
    "failed": ' stroke-width="2.5"',
    "absent": ' stroke-dasharray="5 4"',
    "none": "",
}
_STROKES: dict[State, str] = {
    "ok": "M-4.5 .5 L-1.5 3.5 L4.5 -3.5",
    "failed": "M-3.5 -3.5 L3.5 3.5 M3.5 -3.5 L-3.5 3.5",
    "absent": "M-4.5 0 H4.5",
    "none": "",
}


def svg(graph: Graph) -> str:
    """One drawing, from top to bottom; what does not fit into a box is cut."""
    left = _MARK_ROOM if any(node.state != "none" for node in graph.nodes) else _PADDING
    parts, top = [], 1
    for place, node in enumerate(graph.nodes):
        if place:
            parts.append(_arrow(top))
            top += _GAP
        lines = _wrapped(node.text, (WIDTH - left - _PADDING) / _TEXT_SIZE, MOST_LINES)
        parts.append(_box(node, lines, left, top))
        top += _height(lines)
    return "\n".join(
        [
            f'<svg class="graph" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top + 1}"'
            f' width="{WIDTH}" height="{top + 1}" role="img" aria-label="{_escaped(graph.alt)}"'
            f' font-family="{_FONT}">',
            f"<title>{_escaped(graph.name)}</title>",
            f"<style>{_dark_style()}</style>",
            f'<rect class="paper" width="{WIDTH}" height="{top + 1}" fill="{_PAPER[0]}"/>',
            *parts,
            "</svg>",
        ]
    )


def mermaid(graph: Graph) -> str:
    """A flowchart. A label holds letters, digits and entities only, so it cannot end itself."""
    boxes = [f'  n{place}["{_label(node)}"]' for place, node in enumerate(graph.nodes)]
    arrows = [f"  n{place - 1} --> n{place}" for place in range(1, len(graph.nodes))]
    classes = [f"  class n{place} {node.state}" for place, node in enumerate(graph.nodes)]
    styles = [
        f"  classDef {state} fill:{fill},stroke:{stroke},color:{_INK[0]}{_dashes(state)}"
        for state, (fill, stroke) in _LIGHT.items()
        if any(node.state == state for node in graph.nodes)
    ]
    return "\n".join(["flowchart TD", *boxes, *arrows, *classes, *styles])


def plain(text: str) -> str:
    """On one line, without characters that cannot be drawn or that turn the reading direction."""
    return "".join(char for char in " ".join(text.split()) if char.isprintable())


def _box(node: Node, lines: list[str], left: int, top: int) -> str:
    fill, stroke = _LIGHT[node.state]
    room = WIDTH - left - (_PADDING if node.state == "none" else _WORD_ROOM)
    title = "".join(_wrapped(node.title, 0.92 * room / _TITLE_SIZE, 1))
    baseline = top + _PADDING + 11
    texts = "".join(
        f'<text class="muted" x="{left}" y="{baseline + _LINE * place}" font-size="{_TEXT_SIZE}"'
        f' fill="{_MUTED[0]}">{_escaped(line)}</text>'
        for place, line in enumerate(lines, start=1)
    )
    return (
        f'<g class="{node.state}">'
        f'<rect class="box" x="1.5" y="{top}" width="{WIDTH - 3}" height="{_height(lines)}" rx="7"'
        f' fill="{fill}" stroke="{stroke}"{_OUTLINES[node.state]}/>'
        f"{_mark(node.state, top)}"
        f'<text class="ink" x="{left}" y="{baseline}" font-size="{_TITLE_SIZE}" font-weight="600"'
        f' fill="{_INK[0]}">{_escaped(title)}</text>{texts}</g>'
    )


def _mark(state: State, top: int) -> str:
    if state == "none":
        return ""
    color, middle = _LIGHT[state][1], top + _PADDING + 6
    return (
        f'<circle class="disc" cx="{_MARK_ROOM / 2}" cy="{middle}" r="9.5" fill="{color}"/>'
        f'<path class="stroke" transform="translate({_MARK_ROOM / 2} {middle})" fill="none"'
        f' stroke="{_PAPER[0]}" stroke-width="2" stroke-linecap="round" d="{_STROKES[state]}"/>'
        f'<text class="word" x="{WIDTH - _PADDING}" y="{middle + 4.5}" font-size="12"'
        f' text-anchor="end" fill="{color}">{state}</text>'
    )


def _arrow(top: int) -> str:
    x, tip = WIDTH / 2, top + _GAP - 3
    return (
        f'<path class="arrow" d="M{x} {top + 3} V{tip - 2} M{x - 4} {tip - 6} L{x} {tip - 1}'
        f' L{x + 4} {tip - 6}" fill="none" stroke="{_MUTED[0]}" stroke-width="1.5"'
        ' stroke-linecap="round" stroke-linejoin="round"/>'
    )


def _height(lines: list[str]) -> int:
    return 2 * _PADDING + 14 + _LINE * len(lines)


def _dark_style() -> str:
    """Of classes below .graph: in a page it must not reach anything else."""
    rules = [
        f".graph .paper{{fill:{_PAPER[1]}}}.graph .ink{{fill:{_INK[1]}}}",
        f".graph .muted{{fill:{_MUTED[1]}}}.graph .arrow{{stroke:{_MUTED[1]}}}",
        f".graph .stroke{{stroke:{_PAPER[1]}}}",
    ]
    for state, (fill, stroke) in _DARK.items():
        rules.append(f".graph .{state} .box{{fill:{fill};stroke:{stroke}}}")
        rules.append(f".graph .{state} .disc,.graph .{state} .word{{fill:{stroke}}}")
    return f"@media screen and (prefers-color-scheme:dark){{{''.join(rules)}}}"


def _wrapped(text: str, room: float, most: int) -> list[str]:
    """At most so many lines, each of at most `room` em."""
    rest = plain(text)
    lines: list[str] = []
    while rest and len(lines) < most:
        fits = _fitting(rest, room)
        if fits < len(rest) and len(lines) == most - 1:
            return [*lines, f"{rest[: _fitting(rest, room - 1)].rstrip()}…"]
        if fits < len(rest):
            fits = rest.rfind(" ", 1, fits + 1) if " " in rest[1 : fits + 1] else fits
        lines.append(rest[:fits])
        rest = rest[fits:].lstrip()
    return lines


def _fitting(text: str, room: float) -> int:
    """How many of its first characters fit; at least one."""
    for place, char in enumerate(text):
        room -= _em(char)
        if room < 0:
            return max(1, place)
    return len(text)


def _em(char: str) -> float:
    """The width of a character in the widest of the fonts, about."""
    if unicodedata.east_asian_width(char) in "WF" or char in "MWmw@%":
        return 1.0
    if unicodedata.combining(char):
        return 0.0
    if char in " .,:;'|!ijl":
        return 0.36
    return 0.76 if char.isupper() else 0.62


def _escaped(text: str) -> str:
    return escape(plain(text))


def _label(node: Node) -> str:
    title = f"{MARKS[node.state]} {node.title}".strip()
    return "<br/>".join(_entities(_cut(text)) for text in (title, node.text) if text)


def _cut(text: str) -> str:
    line = plain(text)
    return line if len(line) <= LONGEST_LABEL else f"{line[:LONGEST_LABEL]}…"


def _entities(text: str) -> str:
    """Mermaid writes an entity with # for &. Its directives (%%{...}%%) work inside quotes too."""
    names = {'"': "quot", "&": "amp", "<": "lt", ">": "gt"}
    return "".join(
        char if char.isalnum() or char in _HARMLESS else f"#{names.get(char, ord(char))};"
        for char in text
    )


def _dashes(state: State) -> str:
    return ",stroke-dasharray:5 4" if state == "absent" else ""

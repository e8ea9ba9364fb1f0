"""A drawn chain is well-formed, keeps to its boxes, needs no colour, and runs nothing."""

import re
import xml.etree.ElementTree as ET
from html import unescape
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import get_args

import matplotlib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from report_samples import CHINESE, HOSTILE

from latentops.report import graph, html, markdown
from latentops.report.document import Document, Graph, Node, Section, State

SVG = "{http://www.w3.org/2000/svg}"
STATES: tuple[State, ...] = get_args(State)
FONT = Path(matplotlib.get_data_path(), "fonts/ttf")  # DejaVu Sans, the widest that pages ask for
SHA256 = "4c6d7c5632c7dc8835d6567bcc819dfed3ae70fdf25eefcd67474ef86d444ad1"
ATTACKS = (
    HOSTILE,
    "</svg><script>alert(1)</script>",
    '"]; click n0 "javascript:alert(1)"',
    '%%{init: {"securityLevel": "loose"}}%%',
    "```\n# out of the fence",
    "]]><!-- \x00\x1b[31m \ud800 \u202e reversed",
    "javascript:alert(1)",
    "end\nsubgraph x; n0-->n9",
)
anything = st.text(max_size=300) | st.sampled_from(ATTACKS)
nodes = st.builds(Node, anything, anything, st.sampled_from(STATES))


def of(*nodes: Node, name: str = "Lineage", alt: str = "A chain.") -> Graph:
    return Graph(nodes, name, alt, caption="What it shows.")


def drawn(*nodes: Node) -> ET.Element:
    return ET.fromstring(graph.svg(of(*nodes)))


def texts(root: ET.Element) -> list[ET.Element]:
    return [each for each in root.iter(f"{SVG}text") if each.get("class") != "word"]


@given(st.lists(nodes, max_size=4), anything, anything)
@settings(max_examples=150, deadline=None)
def test_whatever_the_texts_the_svg_is_well_formed_and_runs_and_fetches_nothing(nodes, name, alt):
    drawing = graph.svg(of(*nodes, name=name, alt=alt))
    root = ET.fromstring(drawing)
    shapes = {"svg", "title", "style", "rect", "g", "circle", "path", "text"}
    assert {each.tag.removeprefix(SVG) for each in root.iter()} <= shapes
    for each in root.iter():
        assert not [key for key in each.keys() if key.startswith("on") or "href" in key]  # noqa: SIM118
        assert "style" not in each.attrib
        assert not any("url(" in value for key, value in each.items() if key != "aria-label")
    (style,) = root.iter(f"{SVG}style")
    assert "@import" not in style.text
    assert "url(" not in style.text
    boxes = list(root.iter(f"{SVG}g"))
    assert len(boxes) == len(nodes)
    assert all(len(list(box.iter(f"{SVG}text"))) <= graph.MOST_LINES + 2 for box in boxes)


@given(st.lists(nodes, min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_whatever_the_texts_mermaid_has_lines_of_our_own_making_only(nodes):
    lines = graph.mermaid(of(*nodes)).split("\n")
    harmless, entity = r"[^\"%#&<>;{}`\[\]|:]*", r"#(?:\d+|quot|amp|lt|gt);"
    ours = re.compile(
        r"flowchart TD"
        rf'|  n\d+\["{harmless}(?:(?:{entity}|<br/>){harmless})*"\]'
        r"|  n\d+ --> n\d+"
        r"|  class n\d+ (?:ok|failed|absent|none)"
        r"|  classDef (?:ok|failed|absent|none) fill:#\w{6},stroke:#\w{6},color:#\w{6}"
        r"(?:,stroke-dasharray:5 4)?"
    )
    assert [line for line in lines if not ours.fullmatch(line)] == []
    assert sum(" --> " in line and '"' not in line for line in lines) == len(nodes) - 1


def test_mermaid_gives_the_text_back_once_its_entities_are_read():
    text = 'a "b" <c> & #d; %e% {f} [g] `h` 100 % i:j — ' + CHINESE
    (label,) = re.findall(r'n0\["(.*)"\]', graph.mermaid(of(Node("T", text))))
    read = unescape(re.sub(r"#(\d+);", r"&#\1;", re.sub(r"#([a-z]+);", r"&\1;", label)))
    assert read == f"T<br/>{text}"


def test_mermaid_cuts_a_long_text():
    assert "x" * graph.LONGEST_LABEL + "…" in graph.mermaid(of(Node("T", "x" * 5000)))


@pytest.mark.parametrize(
    "text",
    [
        SHA256,
        f"sha256 {SHA256}, and {SHA256}",
        "W" * 400,
        "deleted by mlflow gc: the tags of the version carry what it said of its training",
        "data/train.safetensors has md5 " + "ab" * 16 + ", dvc.lock at that commit " + "cd" * 16,
        "Öl, ÜBER GROẞ & MIT UMLAUTEN " * 9,
        "Быстрая лиса перепрыгивает через собаку " * 9,
        "MMMM iiii " * 60,
    ],
)
@pytest.mark.parametrize("state", STATES)
def test_measured_in_the_widest_font_every_line_stays_inside_its_box(text, state):
    root = drawn(Node(text, text, state))
    (box,) = (each for each in root.iter(f"{SVG}rect") if each.get("class") == "box")
    words = [each for each in root.iter(f"{SVG}text") if each.get("class") == "word"]
    ends = [float(box.get("x")) + float(box.get("width"))]
    ends += [float(word.get("x")) - _width(word) for word in words]
    for place, line in enumerate(texts(root)):
        room = min(ends) if place == 0 else ends[0]  # the first is the title, beside the word
        assert float(line.get("x")) + _width(line) <= room
        assert float(line.get("y")) < float(box.get("y")) + float(box.get("height")) - 4


def _width(line: ET.Element) -> float:
    file = "DejaVuSans-Bold.ttf" if line.get("font-weight") else "DejaVuSans.ttf"
    font = FontProperties(fname=str(FONT / file), size=float(line.get("font-size")))
    return TextPath((0, 0), line.text, prop=font).get_extents().x1


def test_long_text_is_cut_and_says_so():
    shown = texts(drawn(Node("T", "word " * 500)))
    assert len(shown) == 1 + graph.MOST_LINES
    assert shown[-1].text.endswith("…")
    assert [each.text for each in texts(drawn(Node("T", "a short text")))] == ["T", "a short text"]
    whole = " ".join(each.text for each in texts(drawn(Node("T", "some words " * 12)))[1:])
    assert whole == ("some words " * 12).strip()


def test_boxes_stand_below_each_other_with_an_arrow_between():
    root = drawn(*(Node(f"T{place}", "x" * 90 * place) for place in range(4)))
    boxes = [each for each in root.iter(f"{SVG}rect") if each.get("class") == "box"]
    for upper, lower in pairwise(boxes):
        assert float(upper.get("y")) + float(upper.get("height")) < float(lower.get("y"))
    assert sum(each.get("class") == "arrow" for each in root.iter(f"{SVG}path")) == 3
    _, _, width, height = map(float, root.get("viewBox").split())
    last = boxes[-1]
    assert float(last.get("y")) + float(last.get("height")) < height
    assert (root.get("width"), root.get("height")) == (f"{width:g}", f"{height:g}")


def test_states_differ_without_their_colours_in_both_forms():
    seen = set()
    for state in STATES:
        box = graph.svg(of(Node("T", "t", state))).partition("</style>")[2]
        seen.add(re.sub(r'#[0-9a-f]{6}|class="\w+"', "", box))
    assert len(seen) == len(STATES)
    labels = {graph.mermaid(of(Node("T", "t", state))).split("\n")[1] for state in STATES}
    assert labels == {f'  n0["{start}T<br/>t"]' for start in ("✓ ", "✗ ", "\u2013 ", "")}


def test_an_outline_alone_tells_what_failed_and_what_is_absent():
    seen = set()
    for state in ("ok", "failed", "absent"):
        (box,) = (
            each for each in drawn(Node("T", "t", state)).iter(f"{SVG}rect") if "rx" in each.attrib
        )
        seen.add((box.get("stroke-width"), box.get("stroke-dasharray")))
    assert len(seen) == 3


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("state", STATES)
def test_text_stands_out_from_its_box_by_the_contrast_that_wcag_asks_for(state, dark):
    root = drawn(Node("T", "t", state))
    colors = _dark(root, state) if dark else _light(root)
    for text in ("ink", "muted", *(["word"] if state != "none" else [])):
        assert _contrast(colors[text], colors["box"]) >= 4.5
    if state != "none":
        assert _contrast(colors["outline"], colors["paper"]) >= 3
        assert _contrast(colors["stroke"], colors["disc"]) >= 3


def _light(root: ET.Element) -> dict[str, str]:
    found = {}
    for each in root.iter():
        if name := each.get("class"):
            found[name] = each.get("fill") if name != "stroke" else each.get("stroke")
            if name == "box":
                found["outline"] = each.get("stroke")
    return found


def _dark(root: ET.Element, state: State) -> dict[str, str]:
    (style,) = root.iter(f"{SVG}style")
    assert "prefers-color-scheme:dark" in style.text
    found = {}
    for selectors, rules in re.findall(r"([^{}]+)\{((?:fill|stroke)[^{}]*)\}", style.text):
        for selector in selectors.split(","):
            *parents, name = re.findall(r"\.([\w-]+)", selector)
            if parents in (["graph"], ["graph", state]):
                values = dict(rule.split(":") for rule in rules.split(";"))
                found[name] = values.get("fill", values.get("stroke"))
                if name == "box":
                    found["outline"] = values["stroke"]
    return found


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2: (L1 + 0.05) / (L2 + 0.05) of the relative luminances."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    shares = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return sum(weight * s for weight, s in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_it_says_itself_to_who_cannot_see_it():
    root = ET.fromstring(graph.svg(of(Node("T", "t", "failed"), name="N", alt='a "b" <c>')))
    assert (root.get("role"), root.get("aria-label")) == ("img", 'a "b" <c>')
    assert root.find(f"{SVG}title").text == "N"


def test_a_page_holds_the_drawing_and_a_text_the_fence():
    drawing = of(Node("Weights", SHA256, "ok"))
    document = Document("t", (), (Section("Lineage", (drawing,)),))
    page = html.render(document)
    assert graph.svg(drawing) in page
    assert '<figcaption dir="auto">What it shows.</figcaption>' in page
    text = markdown.render(document, PurePosixPath("p"))
    assert f"```mermaid\n{graph.mermaid(drawing)}\n```\n\nWhat it shows." in text


def test_nothing_is_said_below_a_drawing_without_a_caption():
    bare = Document("t", (), (Section("s", (Graph((Node("T", "t"),), "n", "a", ""),)),))
    assert "figcaption>" not in html.render(bare)
    assert markdown.render(bare, PurePosixPath("p")).endswith("```\n")

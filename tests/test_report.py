"""The report says what was found, escapes what people wrote, and needs nothing but itself."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath

import pandas as pd
import pytest
import report_samples as samples
import yaml

from latentops.report import html, markdown, page, provenance, sections
from latentops.report.document import (
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
from latentops.report.glossary import METRICS, metric, plain_text, value_text
from latentops.stages import verdict

ROOT = Path(__file__).resolve().parents[1]
FACTS = {
    "digits": samples.digits,
    "hostile": samples.hostile,
    "unlabelled": samples.unlabelled,
    "two_classes": samples.two_classes,
    "many_classes": samples.many_classes,
    "chinese": samples.chinese,
}
WIDTHS = (360, 390, 1100)
PAPER = 718  # pixels between the margins of an A4 page
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)


@cache
def composed(name: str) -> Document:
    """Drawn once for all tests."""
    return page.compose(FACTS[name]())


class Reader(HTMLParser):
    """What a browser would find: tags with attributes, text, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(params=FACTS)
def document(request: pytest.FixtureRequest) -> Document:
    return composed(request.param)


def pictures_of(document: Document) -> list[Picture]:
    return [
        block
        for section in document.sections
        for block in section.blocks
        if isinstance(block, Picture)
    ]


def said(document: Document) -> str:
    """With plain spaces for hard ones."""
    return " ".join(" ".join(Reader(html.render(document)).text).split())


def lead_of(document: Document) -> Lead:
    return next(block for block in document.opening if isinstance(block, Lead))


def test_the_page_needs_nothing_but_itself(document):
    reader = Reader(html.render(document))
    assert {tag for tag, _ in reader.tags}.isdisjoint(
        {"script", "link", "iframe", "object", "base"}
    )
    for _, attributes in reader.tags:
        assert attributes.get("src", "data:image/png;base64,").startswith("data:image/png;base64,")
        assert attributes.get("href", "#").startswith("#")
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
    assert "url(" not in html.render(document)
    assert "default-src 'none'" in html.render(document)


def test_headings_pictures_and_tables_can_be_read_aloud(document):
    reader = Reader(html.render(document))
    assert [tag for tag, _ in reader.tags if tag in ("h1", "h2")] == ["h1"] + ["h2"] * len(
        document.sections
    )
    ids = [attributes["id"] for _, attributes in reader.tags if attributes.get("id")]
    assert len(set(ids)) == len(ids)
    assert {attributes["href"] for attributes in reader.all("a")} == {f"#{name}" for name in ids}
    assert len(reader.all("img")) == len(pictures_of(document))
    assert all(attributes["alt"] for attributes in reader.all("img"))
    assert all(attributes["scope"] == "col" for attributes in reader.all("th"))
    assert all(
        attributes["aria-label"]
        for attributes in reader.all("div")
        if attributes.get("role") == "region"
    )


def test_text_that_is_code_elsewhere_is_only_text_here():
    document = composed("hostile")
    page_text = html.render(document)
    assert "<script" not in page_text
    assert "<script>alert(1)</script>|" in said(document)
    for line in markdown.render(document, PurePosixPath("p")).splitlines():
        assert "<script" not in line


def test_markdown_tables_have_as_many_cells_in_each_row_as_in_their_header(document):
    text = markdown.render(document, PurePosixPath("pictures"))
    for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(cells) == 1


def test_markdown_escapes_give_the_text_back():
    text = "a|b *c* _d_ `e` [f](g) <h> &amp; \\ $i$ ~j~ #k"
    escaped = markdown.escaped(f"{text}\n\nsecond")
    assert unescape(re.sub(r"\\(.)", r"\1", escaped)) == f"{text} second"
    assert not re.search(r"(?<!\\)[|*_`\[\]$~#]", escaped)
    assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", escaped)


def test_page_and_text_say_the_same(document):
    escaped = re.sub(r"\\(.)", r"\1", markdown.render(document, PurePosixPath("p")))
    text = unescape(re.sub(r"#(\d+);", r"&#\1;", re.sub(r"#([a-z]+);", r"&\1;", escaped)))
    for block in (*document.opening, *(b for section in document.sections for b in section.blocks)):
        for string in strings_of(block):
            assert " ".join(string.split()) in text
        if isinstance(block, Picture):
            assert f"(p/{block.name}.png)" in text


def strings_of(block) -> list[str]:
    match block:
        case Text(text) | Warned(text) | Command(text):
            return [text]
        case Lead(question, answer, text):
            return [question, answer, text]
        case Points(lines):
            return [text for line in lines for text in line]
        case Picture():
            return [block.alt, block.caption]
        case Graph(nodes, caption=caption):
            return [caption, *(text for node in nodes for text in (node.title, node.text))]
        case Table():
            cells = [cell for row in block.rows for cell in row]
            noted = [cell for cell in cells if isinstance(cell, Noted)]
            plain = [cell for cell in cells if isinstance(cell, str)]
            return [*plain, *(cell.text for cell in noted), *(cell.note for cell in noted)]
    raise AssertionError(block)


def test_the_order_is_the_verdict_first_and_the_lineage_last():
    titles = [section.title for section in composed("digits").sections]
    assert titles == [
        "Accuracy by number of labels",
        "Cost",
        "Inputs never seen",
        "The model that is shipped",
        "Scores",
        "Images",
        "Use of the latent",
        "Latent space",
        "Confusions",
        "Training",
        "Data",
        "Lineage",
    ]
    assert isinstance(composed("digits").opening[0], Lead)


def test_synthetic_data_and_a_collapse_are_said_before_any_section():
    warned = [block for block in composed("hostile").opening if isinstance(block, Warned)]
    assert len(warned) == 1
    assert warned[0].text.startswith("The encoder writes a code that the decoder does not read")
    opening = html.render(composed("hostile")).partition("<nav")[0]
    assert "(synthetic)" in opening
    assert "This data is synthetic" in opening
    assert "synthetic" not in said(composed("digits"))


def test_without_labels_it_says_what_there_is_instead_and_what_a_verdict_takes():
    document = composed("unlabelled")
    lead = lead_of(document)
    assert lead.answer == "It cannot be said: the training rows of 'digits' have no labels."
    assert "a code of 8 numbers for each example, of which 5 are in use" in lead.text
    assert "40.2 nats (15.9 for its code, 24.3 for what the code leaves open)" in lead.text
    assert "label some rows of two classes or more" in lead.text
    titles = {section.title for section in document.sections}
    assert titles.isdisjoint({"Confusions", "Accuracy by number of labels", "Cost"})
    assert "shipped without a classifier: the training rows of 'digits' have no" in said(document)


def test_beta_is_the_one_that_training_ended_with():
    facts = samples.digits()
    assert what_it_is(facts).startswith("A VAE of 8 latent dimensions")
    beta = replace(facts, curve=facts.curve.assign(beta=facts.curve["beta"] * 4))
    assert what_it_is(beta).startswith("A β-VAE (β = 4) of 8 latent dimensions")


def what_it_is(facts) -> str:
    return next(block.text for block in sections.opening(facts) if isinstance(block, Text))


def test_every_metric_has_a_title_and_hidden_ones_speak_for_themselves():
    assert all(known.title for known in METRICS.values())
    assert metric("valid_elbo_nats").title == "ELBO, validation"
    assert (metric("new_thing_nats").title, metric("new_thing_nats").unit) == ("New thing", "nats")
    assert metric("warm_up_seconds").unit == "s"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.12345, "share", "12.3 %"),
        (1_234_567, "bytes", "1.23 MB"),
        (12, "bytes", "12 bytes"),
        (-101.2345, "nats", "-101.2"),
        (12_345.6, "", "12,346"),
        (3.0, "nats", "3"),
        (0.0072834, "s", "0.00728"),
        (4321.5, "s", "4,322"),
        (0.000012, "", "1.2e-05"),
        (1e12, "", "1,000,000,000,000"),
    ],
)
def test_values_are_written_for_people(value, unit, text):
    assert value_text(value, unit).replace("\u00a0", " ") == text


def test_settings_are_written_for_people():
    assert [plain_text(value) for value in (None, True, [1, 2.5], [], "x")] == [
        "none",
        "yes",
        "1, 2.5",
        "none",
        "x",
    ]


def test_labels_without_room_on_the_map_are_counted():
    facts = samples.digits()
    points = facts.evaluation.latent_map.assign(x=0.0, y=0.0)
    crowded = replace(facts, evaluation=replace(facts.evaluation, latent_map=points))
    assert "Room was found for 1 names only" in sections.latent_space(crowded).blocks[1].caption
    assert "Room was found" not in said(composed("digits"))


def test_facts_of_the_data_stand_by_split():
    facts = samples.digits()
    data = {
        "rows": {"train": 1200, "valid": 297, "test": 300},
        "labels": {"largest_share": {"train": 0.25, "valid": 0.5, "test": None}},
        "duplicates": {"across": {"test in train": 4}},
        "refused": {"rows": 1234, "by_reason": {"empty text": 1234}},
    }
    section = provenance.data(replace(facts, data=data))
    tables = [block for block in section.blocks if isinstance(block, Table)]
    assert tables[0].rows == (
        ("Rows", "1,200", "297", "300"),
        ("Share of the largest class", "25.0\u00a0%", "50.0\u00a0%", ""),
    )
    assert [table.rows for table in tables[1:]] == [
        (("test in train", "4"),),
        (("empty text", "1,234"),),
    ]
    assert section.blocks[1].text.startswith("1,234 rows were refused")


def test_the_lineage_is_drawn_from_the_data_to_the_scores():
    drawn, table = provenance.lineage(samples.digits()).blocks
    assert isinstance(drawn, Graph)
    assert [node.text for node in drawn.nodes] == [
        "digits: 1,200 train, 297 valid, 300 test rows",
        "mlp, 8 latent dimensions",
        "sha256 abababababab…",
        "linear SVM on pixels + VAE, for 10 classes",
        "ELBO -40.2 nats",
    ]
    assert {node.state for node in drawn.nodes} == {"none"}
    assert ("data_md5.train", "cd" * 16) in table.rows
    without = provenance.lineage(samples.unlabelled()).blocks[0].nodes[3]
    assert without.text == "none: the training rows of 'digits' have no labels."


def test_everything_is_written_and_linked(tmp_path):
    facts = replace(samples.digits(), data_picture=pictures_of(composed("digits"))[0].png)
    written = tmp_path / "reports" / "report.html", tmp_path / "reports" / "report.md"
    page.write(facts, *written, tmp_path / "plots" / "evaluation")
    links = re.findall(r"\]\((.*?\.png)\)", written[1].read_text(encoding="utf-8"))
    files = sorted((tmp_path / "plots" / "evaluation" / "pictures").iterdir())
    assert sorted((written[1].parent / link).resolve() for link in links) == files
    assert "data.png" in [path.name for path in files]
    assert written[0].read_text(encoding="utf-8").count("data:image/png;base64,") == len(files)


def test_tables_for_dvc_hold_the_evaluation(tmp_path):
    found = samples.digits().evaluation
    page.write_tables(found, tmp_path)
    confusion = pd.read_csv(tmp_path / "confusion.csv", dtype=str)
    pd.testing.assert_frame_equal(confusion, found.confusion, check_dtype=False)
    rate = pd.read_csv(tmp_path / "rate_per_dimension.csv")
    assert rate["rate_nats"].tolist() == found.rate_per_dimension_nats.tolist()
    assert rate["dimension"].tolist() == [f"z{index}" for index in range(8)]


def test_without_labels_the_tables_keep_their_header(tmp_path):
    page.write_tables(samples.unlabelled().evaluation, tmp_path)
    assert (tmp_path / "confusion.csv").read_text() == "actual,predicted\n"


def test_dvc_plots_show_draws_what_dvc_yaml_names(tmp_path):
    plots = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"plots": plots}), encoding="utf-8")
    facts = samples.digits()
    reports = tmp_path / "report.html", tmp_path / "report.md"
    page.write(facts, *reports, tmp_path / "plots" / "evaluation")
    facts.curve.to_csv(tmp_path / "plots" / "training.csv", index=False)
    verdict.write_plots(facts.verdict, tmp_path / "plots" / "verdict")
    dvc("init", "--no-scm", "--quiet", folder=tmp_path)
    shutil.copytree(ROOT / ".dvc" / "plots", tmp_path / ".dvc" / "plots")
    found = dvc("plots", "show", folder=tmp_path)
    shown = (tmp_path / "dvc_plots" / "index.html").read_text(encoding="utf-8")
    specs = [json.loads(spec) for spec in re.findall(r"var spec = (.*);", shown)]
    assert "failed" not in found.stderr
    assert all(specs)
    assert len(specs) == sum(1 for plot in plots if isinstance(plot, dict))
    assert shown.count("<img") == len(pictures_of(composed("digits")))


def dvc(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )


LOOK = """
<!doctype html><meta charset="utf-8"><pre id="found"></pre>
<script>
const found = {};
function look(frame) {
  const page = frame.contentDocument, width = page.documentElement.clientWidth;
  const scrolls = table => table && getComputedStyle(table).overflowX !== "visible";
  const wide = [...page.querySelectorAll("body *")].filter(
    node => node.getBoundingClientRect().right > width + 0.5
      && !scrolls(node.parentElement.closest(".scroll")));
  found[frame.name] = {
    width: width,
    scroll: page.documentElement.scrollWidth,
    wide: wide.map(node => node.outerHTML.slice(0, 80)),
    pictures: page.images.length,
    broken: [...page.images].filter(image => !(image.complete && image.naturalWidth)).length,
  };
  document.getElementById("found").textContent = JSON.stringify(found);
}
</script>
"""


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium here: install one to look at the page in it")
@pytest.mark.parametrize("name", FACTS)
def test_on_a_phone_a_desk_and_paper_nothing_is_cut_off_and_every_picture_is_there(name, tmp_path):
    source = html.render(composed(name))
    on_paper = source.replace("@media print", "@media all")
    frames = [_frame(str(width), width, source) for width in WIDTHS]
    frames.append(_frame("paper", PAPER, on_paper))
    (tmp_path / "look.html").write_text(LOOK + "".join(frames), encoding="utf-8")
    seen = json.loads(_in_chromium(tmp_path / "look.html", tmp_path))
    assert len(seen) == len(frames)
    for found in seen.values():
        assert found["width"] > 300
        assert found["scroll"] <= found["width"]
        assert found["wide"] == []
        assert found["pictures"] == len(pictures_of(composed(name)))
        assert found["broken"] == 0


def _frame(name: str, width: int, source: str) -> str:
    size = f'name="{name}" width="{width}" height="800"'
    return f'<iframe {size} srcdoc="{escape(source)}" onload="look(this)"></iframe>'


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium here: install one to print the page with it")
def test_printed_it_holds_every_picture(tmp_path):
    document = composed("digits")
    (tmp_path / "page.html").write_text(html.render(document), encoding="utf-8")
    _chromium(tmp_path, f"--print-to-pdf={tmp_path / 'page.pdf'}", tmp_path / "page.html")
    printed = (tmp_path / "page.pdf").read_bytes()
    assert 4 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 30
    assert len(re.findall(rb"/Subtype\s*/Image\b", printed)) >= len(pictures_of(document))


def _in_chromium(path: Path, folder: Path) -> str:
    shown = _chromium(folder, "--dump-dom", path)
    found = re.search(r'<pre id="found">(.*?)</pre>', shown, flags=re.DOTALL)
    assert found, shown[-2000:]
    return unescape(found.group(1))


def _chromium(folder: Path, action: str, page_path: Path) -> str:
    quiet = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
        "--disable-background-networking --disable-component-update --virtual-time-budget=10000"
    )
    profile = f"--user-data-dir={folder / 'profile'}"
    command = [CHROMIUM, *quiet.split(), profile, action, page_path.as_uri()]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=180)
    return run.stdout


def test_a_section_can_be_built_and_rendered_alone():
    table = Table(("a", "b"), (("1", Noted("2", "why")),), frozenset({0}), frozenset({0}), "c")
    document = Document("t", (Text("x"),), (Section("s", (table,)),))
    assert 'class="marked"' in html.render(document)
    assert "| **1** | **2**<br>why |" in markdown.render(document, PurePosixPath("p"))

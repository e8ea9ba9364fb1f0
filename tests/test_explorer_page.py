# ruff: noqa: RUF001 - hostile characters are what it is about
"""The page of `latentops explore` in a real browser: its mathematics, its hands and its eyes."""

import json
import shutil
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import explored_models as models
import numpy as np
import pandas as pd
import pytest
import torch
from explored_models import Project

from latentops.artifacts import Spec
from latentops.data import terms
from latentops.data import vocabulary as counting
from latentops.data.prepared import Prepared as Ready
from latentops.errors import ArtifactError
from latentops.explorer import page
from latentops.explorer.payload import Payload
from latentops.inference import latent_space
from latentops.inference.predictor import Predictor
from latentops.networks import bow, conv, mlp, seq

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTHS = (1280, 560, 320)
HOSTILE = (
    '<img src=x onerror="window.hacked=1">',
    "</script><script>window.hacked=2</script>",
    "javascript:window.hacked=3 &lt;b&gt; \u202egnp.exe",
    "'; window.hacked=4; //${window.hacked=5}",
)

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium is on PATH")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Opens a page of these models; fails where it logs an error or asks for anything else."""
    wrong: list[str] = []
    contexts = []

    def opened(
        *shown: Payload, fragment: str = "", width: int = 1280, scheme: str = "light"
    ) -> Any:
        file = tmp_path / "explore.html"
        file.write_text(page.render(shown), encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        found = context.new_page()
        found.on("pageerror", lambda error: wrong.append(str(error)))
        found.on("console", lambda told: wrong.append(told.text) if told.type == "error" else None)
        found.on("request", lambda asked: _only(asked.url, file, wrong))
        found.goto(f"{file.as_uri()}{fragment}")
        found.locator(".panel").first.wait_for()
        return found

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def _only(url: str, file: Path, wrong: list[str]) -> None:
    if not url.startswith(file.as_uri()):
        wrong.append(f"asked for {url}")


@pytest.fixture(scope="module")
def intents(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("intents")
    return models.project(folder, "intents", vocabulary_size=700, target_size=700)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return models.project(tmp_path_factory.mktemp("digits"), "digits")


@pytest.fixture(scope="module")
def words(intents: Project) -> Predictor:
    settings = bow.Settings(latent=16, hidden=(32,), terms="words", input="tfidf")
    return models.trained(intents, settings, epochs=4)


@pytest.fixture(scope="module")
def images(digits: Project) -> Predictor:
    settings = mlp.Settings(latent=8, hidden=(256,), decoder_hidden=(64,))
    return models.trained(digits, settings, epochs=20)


@pytest.fixture(scope="module")
def of_words(words: Predictor, intents: Project) -> Payload:
    return shown_of(words, intents)


@pytest.fixture(scope="module")
def of_images(images: Predictor, digits: Project) -> Payload:
    return shown_of(images, digits)


def shown_of(predictor: Predictor, made: Project) -> Payload:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made.folder)
        return models.payload_of(predictor)


def answers(opened: Any, given: Sequence[Any]) -> pd.DataFrame:
    asked = "given => given.map((each) => latentops.classify(each))"
    return pd.DataFrame(opened.evaluate(asked, list(given)))


# The mathematics

READ = {"terms": "words", "input": "log1p"}  # what the decoder's words allow a tied model
BAGS = {
    "tfidf of words": {"terms": "words", "input": "tfidf"},
    "tfidf of all terms": {"terms": "all", "input": "tfidf", "hidden": (9, 7)},
    "no hidden layer": {"input": "log1p", "hidden": ()},
    "evidence and lengths": {**READ, "posterior": "evidence", "length_features": True},
    "tied": {**READ, "tied": True, "posterior": "evidence", "activation": "gelu"},
    "hidden layers of the decoder": {"decoder_hidden": (8, 6), "activation": "relu"},
    "held means": {"mean_scale": 0.7, "activation": "tanh", "target": "presence"},
    "topics": {"decoder": "topics", "prior": "dirichlet", "likelihood": "dirichlet"},
    "mixture": {"prior": "mixture", "prior_parts": 3},
}


@pytest.mark.parametrize("name", BAGS)
def test_whatever_the_settings_the_page_computes_what_torch_does(
    name: str, intents: Project, show: Open
) -> None:
    settings = bow.Settings.model_validate({"latent": 4, "hidden": (9,), **BAGS[name]})
    predictor = models.untrained(intents, settings)
    shown = shown_of(predictor, intents)
    texts = [*intents.ready.tables["test"]["text"][:60], "", "zzz qqq", "turn turn turn on"]
    require_same(show(shown), models.as_in_the_page(predictor, shown), texts, texts)


PICTURES = {
    "grey levels": ((1, 8, 8), 17, {}),
    "black and white": ((1, 5, 4), 2, {"hidden": (), "decoder_hidden": ()}),
    "mixtures in colour": ((3, 4, 4), 256, {"mixtures": 3, "hidden": (9, 7), "mean_scale": 0.6}),
    "learned prior": ((1, 4, 4), 256, {"prior": "mixture", "activation": "gelu"}),
}


@pytest.mark.parametrize("name", PICTURES)
def test_of_images_too(name: str, digits: Project, tmp_path: Path, show: Open) -> None:
    shape, levels, changed = PICTURES[name]
    settings = mlp.Settings.model_validate({"latent": 4, "hidden": (9,), **changed})
    made = _drawn_images(tmp_path, digits, shape, levels)
    predictor = models.untrained(made, settings)
    shown = shown_of(predictor, made)
    raw = made.ready.arrays["valid"]["x"][:20]
    given = (raw.reshape(len(raw), -1) / (levels - 1)).tolist()
    require_same(show(shown), models.as_in_the_page(predictor, shown), raw, given)


def _drawn_images(folder: Path, like: Project, shape: tuple[int, ...], levels: int) -> Project:
    draw = np.random.default_rng(0)
    spec = Spec(source="drawn", kind="image", shape=shape, levels=levels, classes=("a", "b", "c"))
    rows = 40
    arrays = {
        "x": draw.integers(0, levels, (rows, *shape)).astype(np.uint8),
        "y": draw.integers(0, 3, rows),
        "in_scope": np.ones(rows, dtype=bool),
    }
    table = pd.DataFrame({"row": range(rows)})
    ready = replace(
        like.ready,
        spec=spec,
        arrays=dict.fromkeys(like.ready.arrays, arrays),
        tables=dict.fromkeys(like.ready.tables, table),
    )
    models.write(folder, ready)
    return Project(ready, folder)


def require_same(opened: Any, model: Predictor, raw: Any, given: Sequence[Any]) -> None:
    found, expected = answers(opened, given), model.classify(raw)
    mean_NZ = np.array(found["mean"].tolist())
    np.testing.assert_allclose(mean_NZ, model.encode(raw), rtol=1e-3, atol=1e-3)
    assert found["label"].tolist() == expected["label"].tolist()
    np.testing.assert_allclose(found["probability"], expected["probability"], atol=1e-3)
    strangeness = expected["out_of_scope_score"]
    np.testing.assert_allclose(found["strangeness"], strangeness, rtol=1e-3, atol=1e-2)
    with torch.inference_mode():
        decoded = model.vae.decode(torch.tensor(mean_NZ[:5], dtype=torch.float32)).mean.flatten(1)
    shown = opened.evaluate("z => z.map((each) => latentops.decode(each))", mean_NZ[:5].tolist())
    np.testing.assert_allclose(np.array(shown), decoded, rtol=2e-3, atol=1e-4)


def test_the_page_gives_the_labels_of_the_whole_test_split(
    words: Predictor, of_words: Payload, intents: Project, show: Open
) -> None:
    texts = intents.ready.tables["test"]["text"].tolist()
    require_labels(show(of_words), words, texts, texts)


def test_and_of_all_test_images(
    images: Predictor, of_images: Payload, digits: Project, show: Open
) -> None:
    raw = digits.ready.arrays["test"]["x"]
    require_labels(show(of_images), images, raw, (raw.reshape(len(raw), -1) / 16).tolist())


def require_labels(opened: Any, model: Predictor, raw: Any, given: Sequence[Any]) -> None:
    found, expected = answers(opened, given), model.classify(raw)
    assert len(found) > 300
    assert (found["label"] == expected["label"]).mean() >= 0.995
    assert (found["outOfScope"] == expected["out_of_scope"]).mean() >= 0.99


def test_what_agreement_the_page_states_is_of_the_rows_that_it_shows(
    words: Predictor, of_words: Payload, intents: Project, show: Open
) -> None:
    valid = intents.ready.tables["valid"]["text"].tolist()
    assert len(of_words.facts.texts) == len(valid) <= 2_000
    found = answers(show(of_words), valid)["label"]
    same = (found == words.classify(valid)["label"]).mean()
    assert of_words.facts.agreement == pytest.approx(same, abs=1e-9)


def test_with_few_of_its_terms_the_page_says_what_is_left(
    words: Predictor, of_words: Payload, intents: Project, show: Open
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(intents.folder)
        small = models.payload_of(words, most_bytes=len(of_words.packed()) - 15_000)
    assert 0.2 < small.facts.kept_terms < 1
    texts = intents.ready.tables["test"]["text"][:200].tolist()
    require_same(show(small), models.as_in_the_page(words, small), texts, texts)
    opened = show(small)
    assert "that matter most" in opened.inner_text("footer")


def test_a_way_goes_along_the_same_arc(of_words: Payload, show: Open) -> None:
    opened = show(of_words)
    draw = np.random.default_rng(0)
    pairs = [(draw.normal(size=5), draw.normal(size=5)) for _ in range(5)]
    pairs += [(np.zeros(5), np.ones(5)), (np.ones(5), 2 * np.ones(5)), (np.ones(5), -np.ones(5))]
    for first, second in pairs:
        given = [first.tolist(), second.tolist()]
        asked = "([a, b]) => [0, .25, .5, .75, 1].map((s) => latentops.between(a, b, s))"
        tensors = (torch.tensor(each)[None] for each in (first, second))
        expected = latent_space.between(*tensors, 5)[0].numpy()
        np.testing.assert_allclose(opened.evaluate(asked, given), expected, atol=1e-5)


# Words

STRANGE = [
    "Straße STRASSE ﬁne ΣΊΣΥΦΟΣ İstanbul ıI ŉ ǰ",
    "don’t rock'n'roll 'tis o'clock' ''",
    "yes, please — 3½ ² ① Ⅷ ｆｕｌｌｗｉｄｔｈ",
    "東京タワー へ行く ไปเที่ยวน้ำตก ភាសាខ្មែរ မြန်မာဘာသာ ພາສາລາວ",
    "a\u200db so\u00adft e\u0301 é \u1e9e \u0130",
    "tab\tand\x1cfile\x85next\u2003em\u3000wide\ufeffbom\u180emongol",
    "👩‍👩‍👧 1\ufe0f\u20e3 ❤️ naïve Ω Å",
    "हिन्दी தமிழ் العربية עברית ไทย1ไทย abc中文def",
    "\u0345\u0399 ᾳ ᾼ ῼ ꭰ Ꭰ ß'ß",
]


def test_words_are_found_as_python_finds_them(
    of_words: Payload, intents: Project, show: Open
) -> None:
    opened = show(of_words)
    real = [text for table in intents.ready.tables.values() for text in table["text"][:700]]
    for given, lengths in ((STRANGE, (2, 5)), (real, (3, 4))):
        expected = [terms.analyze(text, True, lengths) for text in given]
        asked = "([texts, of]) => texts.map((text) => latentops.terms(text, true, of))"
        assert opened.evaluate(asked, [given, list(lengths)]) == expected
        pairs = opened.evaluate("texts => texts.map((text) => latentops.pairs(text))", given)
        assert pairs == [_pairs(text) for text in given]


def _pairs(text: str) -> list[str]:
    row = terms.in_a_row(text)
    return [f"{a} {b}" for a, b in pairwise(row) if a and b]


def test_every_character_is_read_as_python_reads_it(of_words: Payload, show: Open) -> None:
    """But for those that Python's own table of Unicode does not have."""
    known = [
        chr(code)
        for code in range(0x110000)
        if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")
    ]
    texts = [f"a{each}b {each}" for each in known]
    asked = "texts => texts.map((text) => latentops.terms(text, true, null).join('|'))"
    found = show(of_words).evaluate(asked, texts)
    expected = ["|".join(terms.analyze(text, True, None)) for text in texts]
    different = [
        hex(ord(each))
        for each, one, other in zip(known, found, expected, strict=True)
        if one != other
    ]
    assert different == []


def test_unknown_words_are_counted_and_make_a_text_stranger(of_words: Payload, show: Open) -> None:
    opened = show(of_words)
    plain, strange = answers(opened, ["turn on the light", "turn on the light zorp blick"]).to_dict(
        "records"
    )
    values = [{part["name"]: part["value"] for part in each["parts"]} for each in (plain, strange)]
    assert values[0]["unknown"] < values[1]["unknown"]
    assert plain["strangeness"] < strange["strangeness"]
    opened.fill("text=Type a text", "turn on the zorp")
    opened.locator(".chip.unknown", has_text="zorp").wait_for()
    assert "1 of 4 words are unknown: zorp." in opened.inner_text(".answer")


# Hands


def test_a_text_is_answered_with_its_label_meter_and_neighbours(
    words: Predictor, of_words: Payload, show: Open
) -> None:
    opened = show(of_words)
    opened.fill("text=Type a text", "play some music please")
    (label,) = words.classify(["play some music please"])["label"]
    opened.locator(".chips", has_text="music").wait_for()
    assert label in opened.inner_text(".verdict")
    assert opened.locator(".parts tbody tr").count() == len(models.SIGNALS)
    nearest = opened.locator(".neighbours .row-button")
    assert nearest.count() == 5
    nearest.first.click()
    assert "Validation row" in opened.inner_text(".answer")


def test_the_keyboard_alone_suffices(of_words: Payload, show: Open) -> None:
    opened = show(of_words)
    _tab_to(opened, "document.activeElement.classList.contains('map')")
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft"):
        opened.keyboard.press(key)
    told = opened.inner_text(".map-card [role=status]")
    assert told.startswith("Row ")
    assert opened.locator(".tip").is_visible()
    opened.keyboard.press("Enter")
    number = told.split(":")[0].removeprefix("Row ")
    assert f"Validation row {number}," in opened.inner_text(".answer")
    opened.keyboard.press("Escape")
    assert not opened.locator(".tip").is_visible()
    _tab_to(
        opened,
        "document.activeElement.closest('.units') && document.activeElement.type === 'range'",
    )
    before = opened.evaluate("document.activeElement.value")
    opened.keyboard.press("ArrowRight")
    after = opened.evaluate("document.activeElement.value")
    assert float(after) == pytest.approx(float(before) + 0.05, abs=0.026)
    assert float(opened.locator(".units input[type=number]").first.input_value()) == float(after)


def _tab_to(opened: Any, wanted: str) -> None:
    for _ in range(200):
        opened.keyboard.press("Tab")
        if opened.evaluate(wanted):
            return
    pytest.fail(f"Tab never reached what {wanted} says")


FOCUSED = "document.activeElement.className"


def test_the_focus_goes_to_the_answer_after_a_neighbour_and_stays_on_the_map(
    of_words: Payload, show: Open
) -> None:
    opened = show(of_words)
    neighbour = opened.locator(".neighbours .row-button").nth(2)
    neighbour.focus()
    opened.keyboard.press("Enter")
    assert opened.evaluate(FOCUSED) == "answer-body"  # what was pressed is not there any more
    opened.keyboard.press("Tab")
    assert opened.evaluate(FOCUSED) == "row-button"  # the first of the new neighbours
    opened.locator(".map").focus()
    opened.keyboard.press("ArrowRight")
    answered = opened.inner_text(".answer")
    opened.keyboard.press("Enter")
    assert opened.inner_text(".answer") != answered
    assert opened.evaluate(FOCUSED) == "map"


def test_the_focus_stays_on_a_row_of_the_table(of_words: Payload, show: Open) -> None:
    opened = show(of_words)
    opened.get_by_text("The map as a table").click()
    row = opened.locator(".map-card tbody .row-button").nth(4)
    row.focus()
    opened.keyboard.press("Enter")
    assert "Validation row 5," in opened.inner_text(".answer")
    assert row.evaluate("button => button === document.activeElement")


# The tip: WCAG 2.2, 1.4.13

PLACE_OF_ROW = """
([row]) => {
  const { map } = latentops.app.panels[0];
  const box = map.frame.getBoundingClientRect();
  const [x, y] = map.pixel(map.points[row]);
  return [box.left + map.frame.clientLeft + x, box.top + map.frame.clientTop + y];
}
"""
POINTED = "latentops.app.panels[0].map.pointed"


def _point_at(opened: Any, row: int) -> int:
    """The row that is pointed at there: that one, or one before which it stands."""
    opened.locator(".map").scroll_into_view_if_needed()
    opened.mouse.move(*opened.evaluate(PLACE_OF_ROW, [row]))
    opened.locator(".tip").wait_for()
    found: int = opened.evaluate(POINTED)
    return found


def test_escape_dismisses_the_tip_wherever_the_focus_is(of_words: Payload, show: Open) -> None:
    opened = show(of_words)
    tip = opened.locator(".tip")
    for row, focused in enumerate((".ask input", ".neighbours .row-button", ".units input", "")):
        if focused:
            opened.locator(focused).first.focus()
        else:
            opened.evaluate("document.activeElement.blur()")
        pointed = _point_at(opened, 10 * row)
        opened.keyboard.press("Escape")
        assert not tip.is_visible()
        x, y = opened.evaluate(PLACE_OF_ROW, [pointed])
        opened.mouse.move(x + 1, y)
        assert not tip.is_visible()  # it was dismissed, and the hand only trembled
        opened.mouse.move(1, 1)
        _point_at(opened, pointed)


def test_escape_that_dismisses_the_tip_leaves_the_search_as_it_is(
    of_words: Payload, show: Open
) -> None:
    opened = show(of_words)
    search = opened.locator("input[type=search]")
    search.fill(of_words.facts.texts[0])
    _point_at(opened, 0)
    search.focus()
    opened.keyboard.press("Escape")
    assert not opened.locator(".tip").is_visible()
    assert search.input_value() == of_words.facts.texts[0]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_pointer_can_go_onto_the_tip_without_losing_it(
    width: int, of_words: Payload, show: Open
) -> None:
    opened = show(of_words, width=width)
    tip = opened.locator(".tip")
    for row in range(0, len(of_words.facts.texts), 7):
        opened.mouse.move(1, 1)
        pointed = _point_at(opened, row)
        box, frame = tip.bounding_box(), opened.locator(".map").bounding_box()
        assert box["y"] >= frame["y"]  # all of it can be read
        assert box["y"] + box["height"] <= frame["y"] + frame["height"]
        x, _ = opened.evaluate(PLACE_OF_ROW, [pointed])
        opened.mouse.move(x, box["y"] + box["height"] / 2, steps=8)
        opened.mouse.move(box["x"] + 5, box["y"] + box["height"] / 2, steps=4)
        assert tip.is_visible()
        assert opened.evaluate(POINTED) == pointed
    opened.mouse.down()
    opened.mouse.up()
    assert f"Validation row {pointed + 1}," in opened.inner_text(".answer")
    opened.mouse.move(1, 1)
    assert not tip.is_visible()


def test_the_tip_stays_till_what_brought_it_is_gone(of_words: Payload, show: Open) -> None:
    opened = show(of_words)
    tip = opened.locator(".tip")
    opened.locator(".map").focus()
    opened.keyboard.press("ArrowRight")
    at = opened.evaluate(PLACE_OF_ROW, [opened.evaluate(POINTED)])
    opened.mouse.move(*at)
    opened.mouse.move(1, 1)
    assert tip.is_visible()  # the focus brought it
    opened.keyboard.press("Tab")
    assert not tip.is_visible()
    opened.locator(".map").focus()
    _point_at(opened, 0)
    opened.keyboard.press("Tab")
    assert tip.is_visible()  # the pointer brought it
    opened.get_by_label("Layout").select_option("far")
    assert not tip.is_visible()  # its row stands elsewhere now


def test_a_slider_changes_what_is_decoded_and_its_number_box_the_slider(
    of_images: Payload, show: Open
) -> None:
    opened = show(of_images)
    pixels = (
        "Array.from(document.querySelector('.units canvas').getContext('2d')"
        ".getImageData(0, 0, 8, 8).data)"
    )
    before = opened.evaluate(pixels)
    box = opened.locator(".units input[type=number]").first
    box.fill("2.5")
    opened.wait_for_timeout(100)
    assert opened.evaluate(pixels) != before
    assert opened.locator(".units input[type=range]").first.input_value() == "2.5"
    box.fill("99")  # out of its range: nothing moves
    assert opened.locator(".units input[type=range]").first.input_value() == "2.5"
    assert "The model reads it as" in opened.inner_text(".units")
    opened.get_by_text("Back to the example").click()
    opened.wait_for_timeout(100)
    assert opened.evaluate(pixels) == before


def test_units_stand_by_their_nats_and_only_active_ones(of_words: Payload, show: Open) -> None:
    opened = show(of_words)
    if (more := opened.locator(".units .buttons button").first).is_visible():
        more.click()
    told = opened.locator(".unit-name small").all_inner_texts()
    nats = [float(each.split()[0]) for each in told if "nats" in each]
    assert nats == sorted(nats, reverse=True)
    assert len(nats) == int(of_words.tensors["units.active"].sum())


def test_the_address_brings_everything_back(of_words: Payload, show: Open) -> None:
    opened = show(of_words)
    opened.fill("text=Type a text", "play some music & more #1")
    opened.fill("text=Find a text", "music")
    opened.wait_for_timeout(400)  # a new text puts the sliders back
    first = opened.locator(".units input[type=number]").first
    moved = first.get_attribute("max") or ""
    first.fill(moved)
    opened.locator(".way input[type=number]").fill("0.25")
    opened.get_by_text("The example becomes A").click()
    opened.wait_for_timeout(400)
    fragment = opened.evaluate("location.hash")
    assert fragment
    again = show(of_words, fragment=fragment)
    assert again.input_value("text=Type a text") == "play some music & more #1"
    assert again.input_value("text=Find a text") == "music"
    brought = again.locator(".units input[type=number]").first.input_value()
    assert float(brought) == pytest.approx(float(moved), abs=0.05)
    assert again.locator(".way input[type=number]").input_value() == "0.25"
    assert "play some music & more #1" in again.inner_text(".between")
    read = "document.querySelector('.cards').innerText"
    assert again.evaluate(read) == opened.evaluate(read)


@pytest.mark.parametrize(
    "fragment",
    ["#row=9999999&shown=7.x&t=NaN&u0=99_1~a_b~1_x~2", "#q=%ZZ&row=-3&u0=", "#%%%", "#map=x"],
)
def test_a_broken_address_is_no_error(fragment: str, of_words: Payload, show: Open) -> None:
    assert show(of_words, fragment=fragment).locator(".verdict").count() == 1


HOSTILE_VALUES = ("NaN", "1e999", "-1e999", "1e308", "-77", "<b>", "", "0x", "3_4", "Infinity")


@pytest.mark.parametrize("value", HOSTILE_VALUES)
def test_the_address_moves_no_unit_out_of_its_slider(
    value: str, of_words: Payload, show: Open
) -> None:
    nats = of_words.tensors["units.nats"] * of_words.tensors["units.active"]
    unit = int(nats.argmax())
    opened = show(of_words, fragment=f"#u0={unit}_{quote(value)}")
    moved = opened.evaluate("latentops.app.panels[0].changes")
    slider = opened.locator(".units input[type=range]").first
    low, high = (float(slider.get_attribute(end)) for end in ("min", "max"))
    expected = {"1e308": {str(unit): high}, "-77": {str(unit): low}, "3_4": {str(unit): 3}}
    assert moved == expected.get(value, {})
    if moved:
        assert float(slider.input_value()) == moved[str(unit)]
    assert np.isfinite(opened.evaluate("Array.from(latentops.app.panels[0].z)")).all()


def test_the_address_moves_no_unit_that_has_no_slider(of_words: Payload, show: Open) -> None:
    asleep = of_words.tensors["units.active"].copy()
    asleep[3] = 0
    shown = replace(of_words, tensors={**of_words.tensors, "units.active": asleep})
    opened = show(shown, fragment="#u0=3_1~16_1~99_1")
    assert opened.evaluate("latentops.app.panels[0].changes") == {}


def test_search_and_legend_fade_the_other_rows(of_words: Payload, show: Open) -> None:
    opened = show(of_words)
    opened.get_by_text("The map as a table").click()
    wanted = sum("music" in text.lower() for text in of_words.facts.texts)
    opened.fill("text=Find a text", "MUSIC ")
    found = int(opened.inner_text(".map-card .pager [role=status]").split(" of ")[1])
    named = [
        at
        for at, y in enumerate(of_words.tensors["rows.y"])
        if y >= 0 and "music" in of_words.facts.classes[y]
    ]
    assert wanted <= found <= wanted + len(named)
    opened.fill("text=Find a text", "no such thing")
    assert "0 of" in opened.inner_text(".map-card")
    assert "No row" in opened.inner_text(".map-card .pager")
    opened.fill("text=Find a text", "")
    key = opened.locator(".key").nth(3)
    key.click()
    assert key.get_attribute("aria-pressed") == "true"
    assert " rows are found" in opened.inner_text(".map-card")


# Several models


def test_two_versions_stand_side_by_side(
    words: Predictor, of_words: Payload, intents: Project, show: Open
) -> None:
    opened = show(of_words.of_version(3), _other(words, intents, beta=4.0).of_version(4))
    assert opened.locator(".panel").count() == 2
    boxes = [opened.locator(".panel").nth(at).bounding_box() for at in (0, 1)]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    opened.fill("text=Type a text", "play some music")
    opened.wait_for_timeout(300)
    assert opened.locator(".verdict").count() == 2
    assert "tiny, version 4" in opened.inner_text(".chooser")


def test_a_slider_goes_over_the_betas(words: Predictor, intents: Project, show: Open) -> None:
    shown = [
        _other(words, intents, beta).of_version(at) for at, beta in ((1, 4.0), (2, 0.5), (3, 1.0))
    ]
    opened = show(*shown)
    slider = opened.get_by_label("β of the left one")
    told = []
    for place in range(3):
        slider.fill(str(place))
        told.append(opened.inner_text(".beta output"))
    assert told == ["β = 0.5", "β = 1", "β = 4"]
    assert "version 1" in opened.locator(".panel h2").first.inner_text()


def _other(model: Predictor, made: Project, beta: float) -> Payload:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made.folder)
        return models.payload_of(model, replace(models.ORIGIN, beta=beta))


# Models that the page does not run


@pytest.fixture(scope="module")
def of_maps(digits: Project) -> Payload:
    """A convolutional network, whose page is of images."""
    settings = conv.Settings(latent=3, channels=(4,), hidden=(8,))
    return shown_of(models.untrained(digits, settings), digits)


@pytest.fixture(scope="module")
def of_sentences(tmp_path_factory: pytest.TempPathFactory) -> Payload:
    """A network of words one after the other."""
    folder = tmp_path_factory.mktemp("sentences")
    made = models.project(folder, "intents", tokens="words", vocabulary_size=200, target_size=200)
    settings = seq.Settings(latent=3, hidden=(6,), decoder_hidden=(6,), embedding=4)
    return shown_of(models.untrained(made, settings), made)


@pytest.fixture(params=["conv", "seq"])
def still(request: pytest.FixtureRequest) -> Payload:
    named = {"conv": "of_maps", "seq": "of_sentences"}
    found: Payload = request.getfixturevalue(named[request.param])
    assert found.facts.kind == request.param
    return found


def test_a_model_that_the_page_does_not_run_has_its_map_and_says_so(
    still: Payload, show: Open
) -> None:
    opened = show(still)
    assert f"does not run tiny, lineage 0123456789ab ({still.facts.kind})" in opened.inner_text(
        ".warned"
    )
    assert opened.locator(".units, .between, .ask").count() == 0
    opened.locator(".map").focus()
    opened.keyboard.press("ArrowRight")
    opened.keyboard.press("Enter")
    row = opened.evaluate(POINTED)
    label = still.facts.classes[still.tensors["rows.label"][row]]
    assert f"Validation row {row + 1}," in opened.inner_text(".answer")
    assert label in opened.inner_text(".verdict")
    seen = opened.locator(".answer").get_by_label("The image of this row")
    assert seen.count() == (0 if still.facts.texts else 1)
    assert opened.locator(".neighbours li").count() == 5
    opened.get_by_text("The map as a table").click()
    assert opened.locator(".map-card tbody tr").count() == 12
    first = opened.locator(".map-card tbody tr").first.inner_text()
    assert still.facts.classes[still.tensors["rows.label"][0]] in first
    opened.locator(".neighbours .row-button").first.focus()
    opened.keyboard.press("Enter")
    assert f"Validation row {row + 1}," not in opened.inner_text(".of-row")


def test_it_stands_beside_one_that_the_page_runs(
    still: Payload, of_words: Payload, of_images: Payload, show: Open
) -> None:
    opened = show(still, of_words if still.facts.texts else of_images)
    assert [opened.locator(part).count() for part in (".map", ".units", ".verdict")] == [2, 1, 2]
    assert "does not run" in opened.inner_text(".warned")
    opened.locator(".neighbours .row-button").first.click()
    assert "Validation row" in opened.locator(".panel").first.inner_text()


def test_a_model_that_has_no_room_in_the_page_is_shown_and_not_run(
    intents: Project, show: Open
) -> None:
    """Its layers leave no room, whatever terms are left out."""
    predictor = models.untrained(intents, bow.Settings(latent=3, hidden=(300, 300)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(intents.folder)
        shown = models.payload_of(predictor, most_bytes=50_000)
        with pytest.raises(ArtifactError, match=r"would have .* 1,000 are allowed"):
            models.payload_of(predictor, most_bytes=1_000)
    assert (shown.facts.live, shown.facts.terms) == (False, ())
    assert len(shown.packed()) <= 50_000
    opened = show(shown)
    assert "does not run" in opened.inner_text(".warned")
    assert opened.locator(".units, .between, .ask").count() == 0
    assert opened.locator(".neighbours li").count() == 5
    assert opened.locator(".verdict").count() == 1


# Eyes, and what must not happen


def test_hostile_texts_are_texts(
    words: Predictor, intents: Project, tmp_path: Path, show: Open
) -> None:
    made = Project(_with_texts(intents, HOSTILE), tmp_path)
    models.write(tmp_path, made.ready)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        shown = models.payload_of(words, replace(models.ORIGIN, name=HOSTILE[1]))
    shown = replace(shown, facts=shown.facts.model_copy(update={"classes": (HOSTILE[0],) * 60}))
    fragment = f"#q={HOSTILE[0]}&find={HOSTILE[1]}&a=t{HOSTILE[0]}"
    for asked in ("", "#row=0", "#row=1", fragment.replace("#", "#x=%23&", 1)):
        opened = show(shown, fragment=asked)
        opened.get_by_text("The map as a table").click()
        opened.wait_for_timeout(100)
        assert opened.evaluate("window.hacked") is None
        assert opened.locator("img").count() == 0
        assert opened.locator("script").count() == 2
    assert HOSTILE[0] in show(shown, fragment="#row=0").inner_text(".answer blockquote")


def _with_texts(made: Project, texts: Sequence[str]) -> Ready:
    """Validation rows that are these."""
    table = made.ready.tables["valid"][: len(texts)].assign(text=list(texts))
    y = {name: made.ready.arrays["valid"][name][: len(texts)] for name in ("y", "in_scope")}
    counts = counting.count(texts, made.ready.vocabulary)
    arrays = {"indptr": counts.indptr, "indices": counts.indices, "counts": counts.data, **y}
    return replace(
        made.ready,
        arrays={**made.ready.arrays, "valid": arrays},
        tables={**made.ready.tables, "valid": table},
    )


RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ASKED = {"runOnly": RULES, "rules": {"label-content-name-mismatch": {"enabled": True}}}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_cut_off(
    width: int,
    scheme: str,
    of_words: Payload,
    of_images: Payload,
    of_maps: Payload,
    show: Open,
) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed"
    )
    for shown in ((of_words,), (of_images, of_maps)):
        opened = show(*shown, width=width, scheme=scheme, fragment="#q=turn+on+the+zorp")
        for summary in opened.locator("summary").all():
            summary.click()
        opened.locator(".map").first.focus()
        opened.keyboard.press("ArrowRight")
        opened.locator(".tip").first.wait_for()
        opened.wait_for_timeout(150)
        found = axe.Axe().run(opened, options=ASKED).response
        told = [(each["id"], each["nodes"][0]["html"][:150]) for each in found["violations"]]
        assert told == []
        held = {each["id"] for each in found["passes"]}
        assert {"target-size", "color-contrast"} <= held  # the first is off where nobody asks
        assert opened.evaluate("document.documentElement.scrollWidth") <= width


def test_in_a_sandbox_that_allows_scripts_only(
    browser: Any, of_words: Payload, tmp_path: Path
) -> None:
    """As MLflow's artifact view shows it."""
    framed = json.dumps(page.render([of_words])).replace("<", "\\u003c")
    (tmp_path / "host.html").write_text(
        '<iframe sandbox="allow-scripts" style="width:560px;height:800px"></iframe>'
        f"<script>document.querySelector('iframe').src = URL.createObjectURL("
        f"new Blob([{framed}], {{type: 'text/html'}}))</script>",
        encoding="utf-8",
    )
    opened = browser.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto((tmp_path / "host.html").as_uri())
    frame = opened.frame_locator("iframe")
    frame.locator(".verdict").wait_for()
    frame.get_by_label("Type a text", exact=True).fill("play some music")
    frame.locator(".chips").get_by_text("music").wait_for()
    opened.wait_for_timeout(300)
    assert errors == []
    opened.close()

"""The card says what a version is for, shows how well, and hides no limit; any facts compose."""

import base64
import json
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import pandas as pd
import pytest
import report_samples as samples
from report_samples import CHINESE, HOSTILE

from latentops.report import card, html, limits
from latentops.report.card import CardFacts, Example
from latentops.report.document import (
    Command,
    Graph,
    Noted,
    Picture,
    Points,
    Section,
    Table,
    Text,
    Warned,
)
from latentops.report.facts import Facts
from latentops.stages import card_facts

PNG = base64.b64decode(  # one white pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mP8/x8AAwMCAO+ip1sAAAAASUVORK5CYII="
)
DATA = {
    "rows": {"train": 12000, "valid": 1500, "test": 4500},
    "refused": {"rows": 93, "by_reason": {"is a duplicate": 90, "is empty": 3}},
    "labels": {"unlabelled": {"train": 7, "valid": 0, "test": 0}},
    "duplicates": {"across": {"test in train": 4}},
}
TAGS = {
    "lineage_key": "1a" * 32,
    "weights_sha256": "2b" * 32,
    "head_sha256": "3c" * 32,
    "data_md5": json.dumps({"data/train.safetensors": "4d" * 16}),
    "git_commit": "5e" * 20,
    "git_dirty": "true",
    "source": "a tag that stands elsewhere",
}
EXAMPLES = (
    Example(text="wake me up", label="alarm", predicted="alarm", probability=0.994),
    Example(text="what is pi", label="", in_scope=False, predicted="alarm", out_of_scope=True),
)


def described(facts: Facts, **changes) -> CardFacts:
    """The card's facts of a sample of the report's."""
    scores = facts.evaluation.scores | {"weights_bytes": 1_770_000, "test_rows": 4500}
    if facts.head.chosen:
        scores |= {"accuracy": 0.97}
    if any(strangers.setting == "own" for strangers in facts.verdict.strangers):
        scores |= {"out_of_scope_recall": 0.9, "in_scope_refused": 0.05, "out_of_scope_auroc": 0.9}
    known = {
        "name": "intents",
        "spec": facts.spec,
        "settings": {**facts.settings, "objective": {"beta": 1.0}, "train": {"epochs": 30}},
        "data": DATA,
        "scores": scores,
        "verdict": facts.verdict,
        "head": facts.head,
        "min_active_units": 2,
        "lineage": TAGS,
        "examples": EXAMPLES if facts.spec.kind == "counts" else (),
        "picture": card.encoded(PNG) if facts.spec.kind == "image" else "",
    }
    return CardFacts.model_validate(known | changes)


CARDS = {
    "texts": lambda: described(samples.clear_yes()),
    "images": lambda: described(samples.digits()),
    "unlabelled": lambda: described(samples.unlabelled()),
    "hostile": lambda: described(
        samples.hostile(),
        data={"rows": {"train": 3, "test": 2}, "refused": {"rows": 7, "by_reason": {HOSTILE: 7}}},
        lineage=dict.fromkeys(TAGS, HOSTILE) | {"data_md5": json.dumps({HOSTILE: HOSTILE})},
        examples=(Example(text=HOSTILE, label=HOSTILE, predicted=HOSTILE, words=(HOSTILE,)),),
    ),
    "chinese": lambda: described(samples.chinese()),
    "two classes": lambda: described(samples.two_classes()),
}


@cache
def facts_of(name: str) -> CardFacts:
    return CARDS[name]()


@pytest.fixture(params=CARDS)
def facts(request: pytest.FixtureRequest) -> CardFacts:
    return facts_of(request.param)


def section(facts: CardFacts, title: str) -> Section:
    (found,) = (each for each in card.compose(facts).sections if each.title == title)
    return found


def lines(facts: CardFacts, title: str) -> dict[str, str]:
    points = next(block for block in section(facts, title).blocks if isinstance(block, Points))
    assert len(dict(points.lines)) == len(points.lines)
    return {name: text.replace("\u00a0", " ") for name, text in points.lines}


def tables(facts: CardFacts, title: str) -> dict[str, Table]:
    found = (block for block in section(facts, title).blocks if isinstance(block, Table))
    return {table.header[0]: table for table in found}


def text_of(*blocks) -> str:
    """All that they say, in any order, with plain spaces."""
    return repr(blocks).replace("\\xa0", " ")


def test_every_part_is_there_in_order(facts):
    titles = [each.title for each in card.compose(facts).sections]
    assert titles == [
        "Intended use",
        "Limits",
        "Scores",
        *(["Examples"] if facts.examples or facts.picture else []),
        "Classifier and detector",
        "Collapse check",
        "Data",
        "Settings",
        "Lineage",
    ]
    assert card.compose(facts).title == "Model card: intents"


def test_the_facts_come_back_from_json_and_compose_the_same_card(facts):
    written = card.files(facts)
    read = CardFacts.model_validate_json(written["card.json"])
    assert read == facts
    assert card.files(read) == written
    assert html.render(card.compose(read)).encode() == written["card.html"]


def test_what_the_registry_knows_today_stands_first_and_changes_nothing_else(facts):
    now = (Section("Today", (Text("It is the champion."),)),)
    assert card.compose(facts, now).sections == (*now, *card.compose(facts).sections)


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]


def test_names_and_texts_that_are_code_elsewhere_are_text_here():
    written = card.files(facts_of("hostile"))
    page, text = written["card.html"].decode(), written["card.md"].decode()
    assert "script" not in Tags(page).found
    assert "default-src 'none'" in page
    assert "<script" not in page + text
    cells = [line.count("|") - line.count("\\|") for line in text.splitlines() if line[:1] == "|"]
    assert min(cells) >= 3


def test_use_and_misuse_are_told_from_the_facts():
    uses = lines(facts_of("texts"), "Intended use")
    assert list(uses) == ["To classify", "To encode", "Not for other inputs", "Not unwatched"]
    assert uses["To classify"].startswith("texts like those of sample: which of 3 classes")
    assert "8 numbers for each" in uses["To encode"]
    assert "3.0 % of the test rows come out wrong" in uses["Not unwatched"]
    assert lines(facts_of("images"), "Intended use")["To encode"].startswith("pictures like")
    assert "synthetic" in lines(facts_of("hostile"), "Intended use")["Not for real users yet"]


def test_without_a_classifier_it_says_so_and_shows_how_to_encode():
    facts = facts_of("unlabelled")
    uses = lines(facts, "Intended use")
    reason = "the training rows of 'digits' have no labels."
    assert "To classify" not in uses
    assert uses["Not to classify"] == f"it has no classifier: {reason}"
    (command,) = (b for b in section(facts, "Intended use").blocks if isinstance(b, Command))
    assert command.text.endswith("--input file.npz --output out.parquet --task encode")
    assert reason in text_of(section(facts, "Classifier and detector"))
    assert lines(facts, "Limits")["No comparison"] == reason
    assert "Strangers" not in lines(facts, "Limits")
    assert list(tables(facts, "Scores")) == ["Score on test"]


def test_the_vae_stands_beside_its_strongest_baseline_with_intervals():
    facts = described(samples.texts(["a", "b"], samples.verdict(samples.MIXED)))
    claims = tables(facts, "Scores")["Labels"]
    assert len(claims.rows) == len(facts.verdict.budgets)
    for budget, row in zip(facts.verdict.budgets, claims.rows, strict=True):
        claim = budget.claims[0]
        by_name = {score.features: score for score in budget.scores}
        for cell, name in zip(row[1:3], (claim.ours, claim.theirs), strict=True):
            score = by_name[name]
            ends = f"[{100 * score.accuracy_low:.1f}, {100 * score.accuracy_high:.1f}]"
            assert cell.text.replace("\u00a0", " ") == f"{100 * score.accuracy:.1f} {ends}"
    assert [row[3].note for row in claims.rows] == ["gains"] * 3 + ["no clear difference"] * 2


def test_every_feature_set_has_its_accuracy_and_interval_at_every_budget():
    facts = facts_of("texts")
    table = tables(facts, "Scores")["Features"]
    assert len(table.rows) == len(samples.TEXT_FEATURES)
    for column, budget in enumerate(facts.verdict.budgets, start=1):
        for row, score in zip(table.rows, budget.scores, strict=True):
            assert row[column] == Noted(
                f"{100 * score.accuracy:.1f}",
                f"[{100 * score.accuracy_low:.1f},\u00a0{100 * score.accuracy_high:.1f}]",
            )


def test_a_feature_set_that_was_not_tried_at_a_budget_leaves_its_cell_empty():
    verdict = samples.verdict([(0.03, 0.01)] * 2, labels={"1 per class": 3, "all": 90})
    first = verdict.budgets[0].model_copy(update={"scores": verdict.budgets[0].scores[1:]})
    facts = described(
        replace(
            samples.clear_yes(),
            verdict=verdict.model_copy(update={"budgets": (first, verdict.budgets[1])}),
        )
    )
    rows = {row[0]: row[1:] for row in tables(facts, "Scores")["Features"].rows}
    assert rows["TF-IDF of words"][0] == ""
    assert isinstance(rows["TF-IDF of words"][1], Noted)


def test_every_score_is_listed():
    facts = facts_of("texts")
    assert len(tables(facts, "Scores")["Score on test"].rows) == len(facts.scores)


# Of a test split without rows out of scope.
SCORES = described(samples.clear_no()).scores
LIMITS = {
    "synthetic": (
        {"spec": samples.clear_yes().spec.model_copy(update={"synthetic": True})},
        "Synthetic data",
        "a grammar generated the data",
    ),
    "few rows": (
        {"data": DATA | {"rows": {"train": 300, "valid": 40, "test": 100}}},
        "Few rows",
        "300 in train and 100 in test. A share of so few test rows may be 10 points off.",
    ),
    "strangers": (
        {
            "scores": facts_of("texts").scores
            | {"out_of_scope_recall": 0.8, "in_scope_refused": 0.06}
        },
        "Strangers",
        "20.0 % of the test rows out of scope are taken for a known class, and 6.0 % of the others",
    ),
    "strangers of left out classes only": (
        {"verdict": samples.verdict(settings=["held_out"]), "scores": SCORES},
        "Strangers",
        "never on inputs from elsewhere",
    ),
    "no strangers": (
        {"verdict": samples.verdict(settings=[]), "scores": SCORES},
        "Strangers",
        "test holds none",
    ),
    "unclear": (
        {"verdict": samples.verdict([(0.01, 0.02)], labels={"all": 90})},
        "No clear difference",
        "from the strongest baseline with all 90 labels.",
    ),
    "worse": (
        {"verdict": samples.verdict([(-0.03, 0.02)], labels={"all": 90})},
        "Behind the strongest baseline",
        "with all 90 labels.",
    ),
    "quick": (
        {"verdict": samples.verdict().model_copy(update={"depth": "quick", "seeds": 2})},
        "A quick look",
        "2 VAEs and 5 samples",
    ),
    "seen": (
        {"scores": facts_of("texts").scores | {"test_rows_also_in_train": 13}},
        "Seen before",
        "13 of the 4,500 test rows",
    ),
    "absent": (
        {"head": samples.head().model_copy(update={"absent": ("b",)})},
        "Never predicted",
        "b: no training row had that label.",
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_told_where_the_facts_hold_it_and_only_there(name):
    changes, title, said = LIMITS[name]
    assert said in lines(described(samples.clear_yes(), **changes), "Limits")[title]
    assert said not in str(lines(facts_of("texts"), "Limits"))


def test_what_nobody_examined_is_always_said(facts):
    assert lines(facts, "Limits")["Not examined"] == limits.NOT_EXAMINED


def test_clear_gains_on_many_real_rows_leave_few_limits():
    assert list(lines(facts_of("texts"), "Limits")) == [
        "Language",
        "Classes",
        "Strangers",
        "Not examined",
    ]


@pytest.mark.parametrize(
    ("active", "latent", "collapsed"), [(1, 8, True), (2, 8, False), (1, 1, False), (0, 1, True)]
)
def test_a_collapse_is_the_first_thing_that_is_said(active, latent, collapsed):
    facts = facts_of("texts")
    facts = described(
        samples.clear_yes(),
        scores=facts.scores | {"active_units": active},
        settings={"model": {"kind": "bow", "latent": latent}},
    )
    warned = [block.text for block in card.compose(facts).opening if isinstance(block, Warned)]
    assert len(warned) == collapsed
    said = "has collapsed" if collapsed else "has not collapsed"
    told = text_of(section(facts, "Collapse check"))
    assert f"The posterior {said}: {active} of {latent} latent dimensions are active" in told
    assert "15.90 nats" in told


def test_the_data_is_named_with_its_licence_and_the_rows_that_were_refused():
    changed = {"licence": "CC BY-SA 3.0"}
    facts = described(samples.digits(), spec=samples.digits().spec.model_copy(update=changed))
    assert lines(facts, "Data") == {
        "Source": "digits",
        "Licence": "CC BY-SA 3.0",
        "Synthetic": "no",
    }
    found = tables(facts, "Data")
    assert found["Per split"].rows[0] == ("Rows", "12,000", "1,500", "4,500")
    assert found["Reason for refusal"].rows == (("is a duplicate", "90"), ("is empty", "3"))
    assert "93 rows were refused" in text_of(section(facts, "Data"))
    assert lines(facts_of("texts"), "Data")["Licence"] == "not stated"


def test_all_settings_are_listed():
    rows = dict(tables(facts_of("texts"), "Settings")["Setting"].rows)
    assert rows["model.latent"] == "8"
    assert rows["train.epochs"] == "30"


def test_the_lineage_is_drawn_and_identified():
    facts = facts_of("texts")
    drawn, commit, *_ = section(facts, "Lineage").blocks
    assert isinstance(drawn, Graph)
    assert [node.title for node in drawn.nodes] == [
        "Data",
        "Settings",
        "Weights",
        "Classifier",
        "Scores on test",
    ]
    assert "2b2b2b2b2b2b…" in drawn.nodes[2].text
    assert "12,000 train, 1,500 valid, 4,500 test rows" in drawn.nodes[0].text
    assert commit.text == (
        "It was registered on top of commit 5e5e5e5e5e5e, with changes that no commit held yet."
    )
    rows = dict(tables(facts, "Lineage")["Identity"].rows)
    assert rows["Weights, sha256"] == "2b" * 32
    assert "a tag that stands elsewhere" not in rows.values()
    assert tables(facts, "Lineage")["md5 of the data"].rows == (
        ("data/train.safetensors", "4d" * 16),
    )


def test_a_clean_commit_and_a_folder_outside_git_are_told_apart():
    clean = described(samples.clear_yes(), lineage=TAGS | {"git_dirty": "false"})
    assert "5e5e5e5e5e5e." in text_of(section(clean, "Lineage"))
    outside = described(samples.clear_yes(), lineage=TAGS | {"git_commit": "none"})
    assert "outside git" in text_of(section(outside, "Lineage"))


def test_examples_show_the_label_and_what_the_model_says():
    (table,) = tables(facts_of("texts"), "Examples").values()
    assert table.rows == (
        ("wake me up", "alarm", "alarm", "99.4\u00a0%"),
        ("what is pi", "out of scope", Noted("out of scope", "nearest: alarm"), "0.0\u00a0%"),
    )


def test_without_a_classifier_examples_show_words():
    facts = replace(samples.clear_yes(), head=samples.unlabelled().head)
    example = Example(text="wake me up", label="", words=("alarm", CHINESE))
    (table,) = tables(described(facts, examples=(example,)), "Examples").values()
    assert table.rows == (("wake me up", f"alarm {CHINESE}"),)


def test_images_are_shown_once_in_the_page_and_once_beside_the_text():
    written = card.files(facts_of("images"))
    (shown,) = section(facts_of("images"), "Examples").blocks
    assert isinstance(shown, Picture)
    assert written["reconstructions.png"] == PNG
    assert b"](reconstructions.png)" in written["card.md"]
    assert base64.b64encode(PNG) in written["card.html"]
    assert set(card.files(facts_of("texts"))) == {"card.json", "card.md", "card.html"}


def test_a_picture_too_large_is_left_out():
    assert card.encoded(b"x" * (card.MOST_PICTURE_BYTES + 1)) == ""
    largest = card.encoded(b"x" * card.MOST_PICTURE_BYTES)
    assert 0 < len(largest) <= 300_000


def test_a_long_text_is_cut_to_one_line():
    assert card.cut("one\n two ") == "one two"
    cut = card.cut("word " * 1000)
    assert cut.endswith("…")
    assert len(cut) <= card.LONGEST_TEXT + 1


def test_a_few_right_answers_a_mistake_and_a_stranger_are_chosen():
    right, wrong = ("a", True, "a", False), ("a", True, "b", False)
    refused, stranger, unknown = (
        ("a", True, "a", True),
        ("", False, "a", True),
        ("", True, "a", False),
    )
    columns = ["label", "in_scope", "predicted", "out_of_scope"]
    rows = [unknown, *[right] * 5, refused, wrong, stranger, stranger]
    table = pd.DataFrame(rows, columns=columns)
    chosen = card_facts.chosen(table)
    assert [tuple(row) for row in chosen.to_numpy()] == [right] * 3 + [refused, stranger]
    assert len(card_facts.chosen(table.iloc[:3])) == 2
    assert len(card_facts.chosen(table[["label", "in_scope"]])) == 5

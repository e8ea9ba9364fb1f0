"""What the report says of a verdict follows from its numbers, whatever the answer is."""

import re
from dataclasses import replace
from typing import get_args

import pytest
import report_samples as samples
from hypothesis import given
from hypothesis import strategies as st

from latentops.classifier import SIGNALS as SHIPPED_SIGNALS
from latentops.report import answers, conclusion, judgement, numbers, shipped
from latentops.report.document import Command, Lead, Noted, Points, Section, Table, Text
from latentops.report.glossary import CLASSIFIERS, SIGNALS, feature_title
from latentops.report.verdict_pictures import LOOKS
from latentops.verdict import features, heads, strangers
from latentops.verdict.results import Cost

GAIN, LOSS, UNCLEAR = (0.02, 0.01), (-0.02, 0.01), (0.002, 0.01)
BLOCKS = (("tfidf_words", "tfidf", "lsa", "vae", "hidden"), ("pixels", "pca", "vae", "hidden"))


def plain(text: str) -> str:
    return text.replace(numbers.HARD_SPACE, " ")


def lead(*gains: samples.Gain, labels=samples.BUDGETS) -> Lead:
    some = dict(list(labels.items())[: len(gains) - 1]) | {"all": labels["all"]}
    return conclusion.lead(judgement.main_claims(samples.verdict(gains, labels=some).budgets))


def table_of(section: Section, place: int = 0) -> Table:
    return [block for block in section.blocks if isinstance(block, Table)][place]


def text_of(section: Section) -> str:
    return plain(" ".join(block.text for block in section.blocks if isinstance(block, Text)))


@pytest.mark.parametrize("name", features.FEATURE_SETS)
def test_every_feature_set_of_a_study_has_a_name_and_a_look(name):
    assert feature_title(name)
    assert name in LOOKS
    assert judgement.uses_vae(name) == features.uses_vae(name)


@pytest.mark.parametrize("blocks", BLOCKS)
def test_no_two_feature_sets_of_one_study_look_the_same(blocks):
    names = features.available(blocks)
    assert len(names) >= 7
    assert len({LOOKS[name].marker for name in names}) == len(names)
    assert len({LOOKS[name].color for name in names}) == len(names)


def test_every_classifier_and_every_shipped_signal_has_a_name():
    assert set(get_args(heads.Kind)) == set(CLASSIFIERS)
    assert set(SHIPPED_SIGNALS) <= set(SIGNALS)
    assert {strangers.COMBINATION, strangers.WITHOUT_VAE} <= set(SIGNALS)


@pytest.mark.parametrize(
    ("gains", "answer"),
    [
        ((GAIN,), "Yes, with all 15,000 labels."),
        ((GAIN, GAIN, GAIN), "Yes, with every number of labels tried."),
        ((LOSS,), "No, with all 15,000 labels."),
        ((UNCLEAR, LOSS, UNCLEAR), "No, with every number of labels tried."),
        ((UNCLEAR, UNCLEAR), "No clear difference, with every number of labels tried."),
        (
            (GAIN, GAIN, UNCLEAR),
            "Yes, with up to 5 labels per class; no longer with all 15,000 labels.",
        ),
        (
            (GAIN, LOSS, LOSS),
            "Yes, with up to 1 label per class; no longer with 5 labels per class.",
        ),
        ((LOSS, UNCLEAR, GAIN), "Only with many labels: from all 15,000 labels on."),
        (
            (GAIN, UNCLEAR, GAIN, LOSS),
            "With 1 label per class and 10 labels per class yes, "
            "with 5 labels per class and all 15,000 labels no.",
        ),
    ],
)
def test_the_answer_says_yes_or_no_and_where_a_gain_ends(gains, answer):
    assert lead(*gains).answer == answer


def test_the_lead_gives_the_numbers_of_the_best_budget_and_of_all_labels():
    text = plain(lead((0.01, 0.02), (0.017, 0.005), (-0.002, 0.003)).text)
    first, last = text.split(". With all ")
    assert re.fullmatch(
        r"With 5 labels per class, TF-IDF \+ VAE reaches \d\d\.\d % \[\d\d\.\d, \d\d\.\d\], "
        r"1\.7 points \[1\.2, 2\.2\] above the strongest baseline, TF-IDF \+ LSA",
        first,
    )
    assert last == (
        "15,000 labels there is no clear difference: TF-IDF + VAE reaches 92.9 % [92.1, 93.8], the "
        "strongest baseline, TF-IDF + LSA, 93.1 % [92.3, 94.0] (-0.2 [-0.5, 0.1] points)."
    )


def test_a_clear_gain_is_told_before_a_larger_difference_that_may_be_chance():
    assert "1.0 points" in plain(lead((0.03, 0.04), (0.01, 0.005), UNCLEAR).text)


def test_a_loss_is_told_with_positive_numbers_from_low_to_high():
    text = plain(lead((-0.009, 0.006)).text)
    assert text.endswith("0.9 points [0.3, 1.5] below the strongest baseline, TF-IDF + LSA.")


def test_totals_of_labels_are_named_as_such():
    answer = lead(GAIN, UNCLEAR, UNCLEAR, labels=samples.FEW_CLASSES).answer
    assert answer == "Yes, with up to 200 labels; no longer with 2,500 labels."


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [(0.001, 0.01, "gain"), (-0.01, -0.001, "loss"), (-0.01, 0.01, "unclear")],
)
def test_a_difference_is_one_where_its_interval_leaves_out_0(low, high, outcome):
    middle = (low + high) / 2
    assert judgement.outcome(samples.claim("vae", "lsa", middle, high - middle)) == outcome
    touching = samples.claim("vae", "lsa", abs(middle), abs(middle))
    assert judgement.outcome(touching) == "unclear"


COSTS = st.lists(
    st.tuples(st.integers(1, 6), st.integers(0, 6)).map(
        lambda pair: samples.cost("vae", 0, samples.TEXT_FEATURES).model_copy(
            update={"microseconds_per_example": float(pair[0]), "accuracy": pair[1] / 6}
        )
    ),
    min_size=1,
)


@given(COSTS)
def test_the_front_is_what_nothing_matches_in_both(costs):
    def beats(one: Cost, other: Cost) -> bool:
        speed = other.microseconds_per_example - one.microseconds_per_example
        accuracy = one.accuracy - other.accuracy
        return min(speed, accuracy) >= 0 and max(speed, accuracy) > 0

    truth = {place(each) for each in costs if not any(beats(one, each) for one in costs)}
    front = judgement.front(costs)
    assert {place(each) for each in front} == truth
    assert len(front) == len(truth)


def place(cost: Cost) -> tuple[float, float]:
    return cost.microseconds_per_example, cost.accuracy


@pytest.mark.parametrize(
    ("difference", "bought"),
    [
        (0.02, "What the gain costs"),
        (0.0, "What it costs, for no clear gain"),
        (-0.02, "What it costs, although it loses"),
    ],
)
def test_the_line_on_cost_says_what_is_bought_and_for_what(difference, bought):
    costs = samples.verdict().cost
    claim = samples.claim("tfidf+vae", "tfidf+lsa", difference, 0.01)
    said = plain(conclusion.cost(costs, claim))
    assert "TF-IDF + VAE classifies an example in 93 µs with 2.8 MB" in said
    assert "TF-IDF + LSA, in 51 µs with 1.6 MB." in said
    assert said.endswith(f"{bought}: 1.8 times the time and 1.8 times the size.")


def test_what_the_detector_in_the_model_does_is_told_where_it_was_measured():
    scores = {"out_of_scope_recall": 0.812, "out_of_scope_auroc": 0.962, "in_scope_refused": 0.046}
    said = plain(conclusion.shipped(scores))
    assert "recognises 81.2 % of the rows out of scope and refuses 4.6 % of the others" in said
    assert "(AUROC 96.2 %)" in said
    assert conclusion.shipped({"elbo_nats": -1.0}) == ""


def test_the_share_of_the_vae_is_told_with_its_interval_and_whether_it_is_one():
    found = samples.strangers("own")
    said = plain(conclusion.strangers([found], 0.05))
    assert said.startswith("80.0 % [78.0, 82.0] of the rows out of scope are recognised")
    assert "where 5.0 % of known validation inputs are refused" in said
    assert "AUROC 96.0 % [95.0, 97.0]" in said
    assert said.endswith(
        "The VAE's own share of this, beside Combined without VAE, is +1.6 [0.9, 2.3] points of "
        "recall (a gain) and +0.8 [0.5, 1.1] points of AUROC (a gain)."
    )
    unclear = found.model_copy(update={"share_auroc": samples.claim("rate", "margin", 0.0, 0.1)})
    assert "+0.0" not in conclusion.strangers([unclear], 0.05)
    assert "0.0 [-10.0, 10.0] points of AUROC (no clear difference)" in plain(
        conclusion.strangers([unclear], 0.05)
    )
    without = found.model_copy(update={"share_auroc": None})
    assert "own share was not measured" in conclusion.strangers([without], 0.05)


def test_strangers_that_could_not_be_measured_are_said_so():
    facts = samples.clear_no()
    section = answers.strangers(facts)
    assert text_of(section).startswith("Not measured. The data has no rows marked out of scope")
    told = conclusion.verdict(facts.verdict, facts.evaluation.scores, facts.head, latent=8)
    points = next(block for block in told if isinstance(block, Points))
    assert dict(points.lines)["Inputs never seen"].startswith("not measured.")


def test_the_claims_are_listed_with_points_and_words():
    facts = replace(
        samples.clear_no(),
        verdict=samples.verdict(
            [UNCLEAR, LOSS, GAIN][:3], labels={"1 per class": 150, "5 per class": 750, "all": 15000}
        ),
    )
    table = table_of(answers.accuracy(facts))
    rows = [
        [plain(f"{cell.text}|{cell.note}") if isinstance(cell, Noted) else cell for cell in row]
        for row in table.rows
    ]
    assert rows[::2] == [
        [
            "1 label per class",
            "TF-IDF + VAE|against TF-IDF + LSA",
            "+0.2 [-0.8, 1.2]|no clear difference",
        ],
        ["5 labels per class", "TF-IDF + VAE|against TF-IDF + LSA", "-2.0 [-3.0, -1.0]|loses"],
        ["all 15,000", "TF-IDF + VAE|against TF-IDF + LSA", "+2.0 [1.0, 3.0]|gains"],
    ]
    assert rows[1] == ["1 label per class", "VAE|against LSA", "+4.0 [3.0, 5.0]|gains"]


def test_a_table_for_each_budget_holds_every_score():
    facts = samples.clear_yes()
    section = answers.accuracy(facts)
    for place_of, budget in enumerate(facts.verdict.budgets, start=1):
        table = table_of(section, place_of)
        assert [row[0] for row in table.rows] == [feature_title(s.features) for s in budget.scores]
        for row, score in zip(table.rows, budget.scores, strict=True):
            low, high = 100 * score.accuracy_low, 100 * score.accuracy_high
            assert plain(row[1]) == f"{100 * score.accuracy:.1f} [{low:.1f}, {high:.1f}]"
            assert row[2:5] == tuple(
                f"{100 * share:.1f}"
                for share in (score.recall_macro, score.f1_macro, score.accuracy_unseen)
            )
        assert [table.rows[place][0] for place in table.marked] == ["TF-IDF + VAE"]
    assert table_of(section, 2).caption == "With 5 labels per class (750)"
    assert table_of(section, 5).caption == "With all 15,000 labels"


def test_scores_without_rows_of_train_are_shown_only_where_they_are_known():
    section = answers.accuracy(samples.digits())
    table = table_of(section, 1)
    assert "Unseen" not in table.header
    assert {len(row) for row in table.rows} == {len(table.header)}
    points = next(block for block in section.blocks if isinstance(block, Points))
    assert "Accuracy, unseen" not in dict(points.lines)


def test_a_quick_study_says_that_it_is_one():
    facts = samples.clear_yes()
    quick = facts.verdict.model_copy(update={"depth": "quick"})
    assert "quick" in text_of(answers.accuracy(replace(facts, verdict=quick)))
    assert "quick" not in text_of(answers.accuracy(facts))


def test_the_cost_of_each_feature_set_is_listed_and_the_front_marked():
    table = table_of(answers.cost(samples.digits()))
    assert [plain(cell) for cell in table.rows[1]] == [
        "PCA",
        "89.4",
        "3.25",
        "1.5",
        "23",
        "800 kB",
        "128",
        "96.9",
    ]
    assert table.rows[0][2] == ""
    assert [table.rows[place][0] for place in sorted(table.marked)] == [
        "pixels",
        "pixels + PCA",
        "VAE",
        "VAE + hidden layers",
    ]
    assert "5-NN, %" not in table_of(answers.cost(samples.clear_yes())).header


def test_every_signal_of_each_setting_is_listed():
    section = answers.strangers(samples.many_classes())
    own, held_out = table_of(section, 0), table_of(section, 1)
    assert own.caption == "Rows out of scope: 1,000 beside 4,500 known"
    assert held_out.caption == "Classes left out: 1,000 beside 4,500 known"
    assert [row[0].text for row in own.rows][:2] == ["Margin", "Margin on TF-IDF"]
    assert plain(own.rows[0][1]) == "95.1 [94.1, 96.1]"
    assert {place for place, row in enumerate(own.rows) if row[0].note == "without it"} == {
        1,
        2,
        3,
        4,
        10,
    }
    assert [own.rows[place][0].text for place in own.marked] == ["All combined"]


def test_the_shipped_model_is_described_and_how_to_call_it():
    section = shipped.shipped(samples.digits())
    facts = dict(table_of(section).rows)
    assert plain(facts["Accuracy where it was chosen"]) == "93.7 %"
    assert plain(facts["Size with what it reads"]) == "4.3 MB"
    assert "A linear SVM on pixels + VAE, for 10 classes" in text_of(section)
    assert any(isinstance(block, Command) for block in section.blocks)
    detector = dict(table_of(section, 1).rows)
    assert detector["Weight of margin"] == "1.2"
    assert detector["Threshold: above, out of scope"] == "1.432"
    assert table_of(section, 2).marked == {0}


def test_the_command_in_the_report_is_one_of_the_command_line():
    from latentops.cli.main import cli

    name, *arguments = shipped.CALL.split()[1:]
    known = {option for parameter in cli.commands[name].params for option in parameter.opts}
    assert {argument for argument in arguments if argument.startswith("--")} <= known


def test_without_a_study_nothing_of_it_is_shown():
    facts = samples.unlabelled()
    assert answers.accuracy(facts) is None
    assert answers.cost(facts) is None
    assert answers.strangers(facts) is None

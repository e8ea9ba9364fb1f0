"""One-line bugs in the model card and the drawn lineage, and the test that catches each."""

BREAKS = [
    (
        "report/graph.py",
        "    return escape(plain(text))",
        "    return plain(text)",
        "tests/test_graph.py::test_whatever_the_texts_the_svg_is_well_formed_and_runs_and_fetches_nothing",
    ),
    (
        "report/graph.py",
        "if char.isprintable())",
        "if char)",
        "tests/test_graph.py::test_whatever_the_texts_the_svg_is_well_formed_and_runs_and_fetches_nothing",
    ),
    (
        "report/graph.py",
        '_HARMLESS = f" .,-_()/',
        '_HARMLESS = f"% .,-_()/',
        "tests/test_graph.py::test_whatever_the_texts_mermaid_has_lines_of_our_own_making_only",
    ),
    (
        "report/graph.py",
        "        return 1.0\n",
        "        return 0.62\n",
        "tests/test_graph.py::test_measured_in_the_widest_font_every_line_stays_inside_its_box",
    ),
    (
        "report/graph.py",
        "        top += _height(lines)",
        "        top += _height(lines[:1])",
        "tests/test_graph.py::test_boxes_stand_below_each_other_with_an_arrow_between",
    ),
    (
        "report/graph.py",
        '    "absent": \' stroke-dasharray="5 4"\',\n',
        "    \"absent\": '',\n",
        "tests/test_graph.py::test_an_outline_alone_tells_what_failed_and_what_is_absent",
    ),
    (
        "report/card.py",
        "min(facts.min_active_units, facts.latent)",
        "facts.min_active_units",
        "tests/test_card.py::test_a_collapse_is_the_first_thing_that_is_said",
    ),
    (
        "report/card.py",
        "for name in (claim.ours, claim.theirs)",
        "for name in (claim.theirs, claim.ours)",
        "tests/test_card.py::test_the_vae_stands_beside_its_strongest_baseline_with_intervals",
    ),
    (
        "report/card.py",
        "said if example.out_of_scope else",
        "said if not example.in_scope and not example.out_of_scope else",
        "tests/test_card.py::test_examples_show_the_label_and_what_the_model_says",
    ),
    (
        "report/card.py",
        "(*now, *found)",
        "(*found, *now)",
        "tests/test_card.py::test_what_the_registry_knows_today_stands_first_and_changes_nothing_else",
    ),
    (
        "report/limits.py",
        '1 - scores["out_of_scope_recall"]',
        'scores["out_of_scope_recall"]',
        "tests/test_card.py::test_a_limit_is_told_where_the_facts_hold_it_and_only_there",
    ),
    (
        "stages/card_facts.py",
        'artifacts.table_path("valid")',
        'artifacts.table_path("test")',
        "tests/test_stages.py::test_the_version_answers_as_its_classifier_did",
    ),
    (
        "registry/register.py",
        "tag: known.get(tag, value) for tag",
        "tag: value for tag",
        "tests/test_stages.py::test_registering_an_unchanged_project_again_logs_nothing",
    ),
]

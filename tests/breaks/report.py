"""One-line bugs in the report, and the test that catches each."""

BREAKS = [
    (
        "report/html.py",
        "return escape(cell)",
        "return cell",
        "tests/test_report.py::test_text_that_is_code_elsewhere_is_only_text_here",
    ),
    (
        "report/markdown.py",
        "[\\\\`*_\\[\\]|~$#]",
        "[\\\\`*_\\[\\]~$#]",
        "tests/test_report.py::test_markdown_tables_have_as_many_cells_in_each_row_as_in_their_header",
    ),
    (
        "report/judgement.py",
        "if claim.low > 0:",
        "if claim.difference > 0:",
        "tests/test_report_verdict.py::test_a_difference_is_one_where_its_interval_leaves_out_0",
    ),
    (
        "report/judgement.py",
        "cost.accuracy > found[-1].accuracy",
        "cost.accuracy >= found[-1].accuracy",
        "tests/test_report_verdict.py::test_the_front_is_what_nothing_matches_in_both",
    ),
    (
        "report/conclusion.py",
        "return claim[1].low > 0, claim[1].difference",
        "return True, claim[1].difference",
        "tests/test_report_verdict.py::test_a_clear_gain_is_told_before_a_larger_difference_that_may_be_chance",
    ),
    (
        "report/conclusion.py",
        "numbers.points(-claim.difference, -claim.high, -claim.low)",
        "numbers.points(-claim.difference, -claim.low, -claim.high)",
        "tests/test_report_verdict.py::test_a_loss_is_told_with_positive_numbers_from_low_to_high",
    ),
    (
        "report/conclusion.py",
        "if all(gains[:count]):",
        "if any(gains[:count]):",
        "tests/test_report_verdict.py::test_the_answer_says_yes_or_no_and_where_a_gain_ends",
    ),
    (
        "report/verdict_pictures.py",
        "signal.auroc - CHANCE, left=CHANCE",
        "signal.auroc, left=0",
        "tests/test_pictures.py::test_bars_of_strangers_run_from_chance_to_the_auroc",
    ),
    (
        "report/verdict_pictures.py",
        "hidden = outside + sum(",
        "hidden = outside + 0 * sum(",
        "tests/test_pictures.py::test_accuracy_by_cost_marks_each_feature_set_and_hides_no_name",
    ),
    (
        "report/answers.py",
        "*(numbers.tenths(share) for share in shares),",
        "*(numbers.tenths(share) for share in shares[::-1]),",
        "tests/test_report_verdict.py::test_a_table_for_each_budget_holds_every_score",
    ),
    (
        "report/style.py",
        "  white-space: pre-wrap; overflow-wrap: anywhere;",
        "  white-space: pre;",
        "tests/test_report.py::test_on_a_phone_a_desk_and_paper_nothing_is_cut_off_and_every_picture_is_there",
    ),
    (
        "report/sections.py",
        "    if ignored := latent_use.ignored(facts):",
        "    if ignored := not latent_use.ignored(facts):",
        "tests/test_report.py::test_synthetic_data_and_a_collapse_are_said_before_any_section",
    ),
    (
        "report/canvas.py",
        '    "text.parse_math": False,  # a label may hold dollar signs\n',
        "",
        "tests/test_pictures.py::test_any_name_can_be_drawn",
    ),
    (
        "report/canvas.py",
        'metadata={"Software": None}',
        "metadata={}",
        "tests/test_pictures.py::test_a_picture_has_the_same_bytes_each_time_whatever_the_matplotlibrc",
    ),
    (
        "report/pictures.py",
        "counts.div(counts.sum(axis=1).clip(lower=1), axis=0)",
        "counts.div(counts.sum(axis=0).clip(lower=1), axis=1)",
        "tests/test_pictures.py::test_a_confusion_matrix_of_any_size_shows_shares_of_the_actual_class",
    ),
]

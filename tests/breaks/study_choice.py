"""One-line bugs in what a study chose, and the test that each must turn red."""

BREAKS = [
    (
        "metrics/rate_distortion.py",
        "cummin().shift(fill_value=np.inf)",
        "shift(fill_value=np.inf)",
        "tests/test_study_choice.py::TestPicks::test_the_front_is_what_no_other_trial_beats",
    ),
    (
        "tuning/picks.py",
        "scaled = (line[PLANE] - line[PLANE].min()) / spans",
        "scaled = (line[PLANE] - line[PLANE].min()) / spans.max()",
        "tests/test_study_choice.py::TestPicks::test_known_knees",
    ),
    (
        "tuning/picks.py",
        "if below.max() > 0:",
        "if len(line) > 2:",
        "tests/test_study_choice.py::TestPicks::test_known_knees",
    ),
    (
        "tuning/choice.py",
        "wanted = best.default | dict(chosen)",
        "wanted = dict(chosen)",
        "tests/test_study_choice.py::TestPick"
        "::test_only_what_differs_needs_writing_and_what_was_not_chosen_goes_back",
    ),
    (
        "tuning/choice.py",
        "return text[:start] + new + rest",
        "return text[:start] + new + text[end:]",
        "tests/test_study_choice.py::TestEdited::test_applying_changes_two_values_and_nothing_else",
    ),
    (
        "tuning/choice.py",
        "any(_loses_a_comment(text, edit) for edit in edits) or ",
        "",
        "tests/test_study_choice.py::TestEdited"
        "::test_what_cannot_be_edited_in_place_is_left_to_the_person",
    ),
    (
        "tuning/choice.py",
        "return {**values, path[0]: _with(values[path[0]], path[1:], value)}",
        "values[path[0]] = _with(values[path[0]], path[1:], value)\n    return values",
        "tests/test_study_choice.py::TestEdited"
        "::test_what_cannot_be_edited_in_place_is_left_to_the_person",
    ),
    (
        "tuning/cells.py",
        '"float64": {int, float}',
        '"float64": {int, float, bool}',
        "tests/test_study_choice.py::TestCells::test_a_setting_comes_back_from_its_column",
    ),
    (
        "tuning/compare.py",
        "stats.t.ppf((1 + _LEVEL) / 2, len(gains) - 1)",
        "stats.norm.ppf((1 + _LEVEL) / 2)",
        "tests/test_study_choice.py::TestCompare::test_the_interval_is_that_of_the_paired_t_test",
    ),
    (
        "tuning/compare.py",
        'if kept["chosen"] != kept["default"]:',
        "if False:",
        "tests/test_study_choice.py::TestCompare"
        "::test_what_keeps_the_budget_is_better_than_what_does_not",
    ),
    (
        "tuning/compare.py",
        "for offset in range(1, seeds + 1)",
        "for offset in range(seeds)",
        "tests/test_study_choice.py::TestCompare"
        "::test_what_is_trained_differs_in_the_arm_and_the_seed_alone",
    ),
    (
        "tuning/compare.py",
        '"train.epochs": train.epochs, ',
        "",
        "tests/test_study_choice.py::TestCompareCommand"
        "::test_it_trains_both_and_says_whether_tuning_helped",
    ),
    (
        "cli/tune.py",
        "    _fitting(best)\n    if",
        "    if",
        "tests/test_study_choice.py::TestApply::test_a_study_of_something_else_is_refused",
    ),
]

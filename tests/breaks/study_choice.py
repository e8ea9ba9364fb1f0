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
]

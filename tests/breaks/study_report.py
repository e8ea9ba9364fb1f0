"""One-line bugs in what people see of a study, and the test that each must turn red."""

_TESTS = "tests/test_study_report.py::"

BREAKS = [
    (
        "report/study_pictures.py",
        "axes.axline(point, slope=-1,",
        "axes.axline(point, slope=1,",
        _TESTS + "TestPictures::test_the_dotted_line_is_where_the_elbo_is_that_of_the_chosen",
    ),
    (
        "report/study_pictures.py",
        "Triangulation(at[:, 0], at[:, 1])",
        "Triangulation(at[:, 1], at[:, 0])",
        _TESTS + "TestPictures::test_the_contour_is_the_function_that_was_sampled",
    ),
    (
        "report/study_pictures.py",
        "fillna(of_last.where(pruned).astype(float))",
        "fillna(of_last.astype(float) * 0)",
        _TESTS + "TestPictures::test_a_pruned_trial_stands_where_it_stopped",
    ),
    (
        "report/study_page.py",
        "place = math.log(value / low) / math.log(high / low)",
        "pass",
        _TESTS + "TestPage::test_a_choice_at_a_bound_asks_for_wider_ones",
    ),
    (
        "report/study_page.py",
        'shown = pd.concat([complete.head(MOST_TRIALS), rest[rest["trial"] == best["trial"]]])',
        "shown = complete.head(MOST_TRIALS)",
        _TESTS + "TestPage::test_the_best_ten_are_listed_and_the_chosen_wherever_it_stands",
    ),
    (
        "tracking.py",
        "sorted(evenly | {best})",
        "sorted(evenly)",
        _TESTS + "TestTracking::test_a_long_curve_keeps_its_first_last_and_best_epoch",
    ),
    (
        "tracking.py",
        "_MOST_IN_A_BATCH - len(listed)",
        "_MOST_IN_A_BATCH + 10",
        _TESTS + "TestTracking::test_a_trial_is_three_writes",
    ),
    (
        "tracking.py",
        "            self._begun[number] = made.info.run_id\n        return self._begun[number]",
        "            return made.info.run_id",
        _TESTS + "TestTracking::test_a_store_that_is_away_costs_the_record_and_not_the_study",
    ),
    (
        "registry/trial.py",
        "{name: default.get(name) for name in _searched(best)}",
        "{}",
        "tests/test_trace.py::test_any_setting_may_have_been_searched",
    ),
]

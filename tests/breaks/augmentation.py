"""Bugs of new rows; see tools/break.py."""

BREAKS = [
    (
        "data/corruption.py",
        "places[: min(count, len(places) - 1)]",
        "places[:count]",
        "tests/test_corruption.py::test_dropped_words_are_gone_and_the_others_stand_in_order",
    ),
    (
        "data/corruption.py",
        "int(share * len(places) + rng.random())",
        "round(share * len(places))",
        "tests/test_corruption.py::test_the_share_is_right_on_average",
    ),
    (
        "inference/augmenting.py",
        "return posterior.mean + posterior.standard_deviation * torch",
        "return posterior.mean + posterior.log_variance.exp() * torch",
        "tests/test_augmentation.py::test_codes_have_the_moments_of_the_posterior",
    ),
    (
        "inference/augmenting.py",
        "[draw_of(seed, rows[place], number) for place, number in each]",
        "[draw_of(seed, place, number) for place, number in each]",
        "tests/test_augmentation.py::test_what_is_made_of_a_row_depends_on_no_other",
    ),
    (
        "applications/made_rows.py",
        "mean_NZ[sources] + STEP_BEYOND * (mean_NZ[sources] - mean_NZ[others])",
        "mean_NZ[sources] - STEP_BEYOND * (mean_NZ[sources] - mean_NZ[others])",
        "tests/test_augmentation.py::"
        "test_extrapolation_goes_on_half_the_way_from_the_other_row_of_the_class",
    ),
    (
        "applications/augmentation.py",
        "head.accuracy(self._valid.blocks, self._valid.y)",
        "head.accuracy(self.test.blocks, self.test.y)",
        "tests/test_augmentation.py::test_no_choice_looks_at_test",
    ),
    (
        "scoring/augmented.py",
        "pyarrow.array(row.to_numpy() - rows_before)",
        "pyarrow.array(row.to_numpy())",
        "tests/test_augmentation.py::test_a_file_gets_what_the_predictor_gives_whatever_its_chunks",
    ),
]

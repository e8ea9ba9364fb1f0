"""Bugs of reading, checking and cutting data; see tools/break.py."""

_SOURCES, _OWN = "tests/test_sources.py", "tests/test_own_data.py"
_VALIDATION, _SPLITS = "tests/test_validation.py", "tests/test_splits.py"

BREAKS = [
    (
        "data/fetch.py",
        "    if found != expected:\n",
        "    if not expected:\n",
        f"{_SOURCES}::test_a_mirror_file_passes_the_same_check",
    ),
    (
        "data/fetch.py",
        "    for name, content in sorted(members.items()):\n",
        "    for name, content in members.items():\n",
        f"{_SOURCES}::test_the_order_of_members_is_no_part_of_the_digest",
    ),
    (
        "data/formats.py",
        "flat[:, 0] - 1",
        "flat[:, 0] % vocabulary_size",
        f"{_SOURCES}::test_bags_are_counted_from_id_one_and_may_be_empty",
    ),
    (
        "data/prepared.py",
        "* (raw.levels - 1) < grey",
        "* raw.levels < grey",
        f"{_SOURCES}::test_static_binarization_draws_each_pixel_once_from_its_grey_level",
    ),
    (
        "data/own.py",
        "str(int(value))",
        "str(value)",
        f"{_OWN}::test_numbers_that_a_missing_label_made_floats_are_whole_again",
    ),
    (
        "data/validation.py",
        'raw.table[["split", "label"]]',
        'raw.table[["label"]]',
        f"{_VALIDATION}::test_the_same_row_in_two_splits_is_no_duplicate_but_is_kept_from_training",
    ),
    (
        "data/validation.py",
        "    if raw.published and not raw.test_only_once:\n",
        "    if raw.published:\n",
        f"{_VALIDATION}::test_a_benchmark_that_says_so_loses_training_rows_that_stand_in_test_alone",
    ),
    (
        "data/splits.py",
        'order = shuffled[np.argsort(strata[shuffled], kind="stable")]',
        'order = np.argsort(strata, kind="stable")',
        f"{_SPLITS}::test_every_candidate_is_drawn_about_as_often",
    ),
]

"""One-line bugs in settings, files and errors, and the test that each must turn red."""

BREAKS = [
    (
        "config.py",
        "        if part not in tags:\n            names.append(str(part))",
        "        names.append(str(part))",
        "tests/test_config.py::test_a_problem_is_named_by_its_place_in_the_file",
    ),
    (
        "config.py",
        'frozen=True, extra="forbid"',
        'frozen=True, extra="ignore"',
        "tests/test_config.py::test_every_problem_is_listed_at_once",
    ),
    (
        "config.py",
        'read_text(encoding="utf-8"), _Loader)',
        'read_text(encoding="utf-8"), yaml.SafeLoader)',
        "tests/test_config.py::test_a_name_that_stands_twice_is_refused",
    ),
    (
        "artifacts.py",
        "        yield partial\n        os.replace(partial, path)",
        "        yield path",
        "tests/test_artifacts.py::TestWholeFile::test_a_kill_leaves_the_file_as_it_was",
    ),
    (
        "artifacts.py",
        'contiguous = {name: np.asarray(array, order="C") for',
        "contiguous = {name: np.ascontiguousarray(array) for",
        "tests/test_artifacts.py::TestTensors::test_arrays_come_back_bit_for_bit",
    ),
    (
        "artifacts.py",
        "|{array.shape}|",
        "|",
        "tests/test_artifacts.py::TestTensors::test_the_digest_is_of_names_types_shapes_and_values",
    ),
    (
        "artifacts.py",
        "ensure_ascii=False, allow_nan=False",
        "ensure_ascii=False",
        "tests/test_artifacts.py::TestJson::test_numbers_that_json_has_not_are_refused",
    ),
    (
        "errors.py",
        "if error.errno not in (errno.ENOSPC, errno.EDQUOT):",
        "if not error.errno:",
        "tests/test_errors.py::test_a_bug_keeps_its_traceback",
    ),
]

"""Bugs of the numpy runtime and of exported folders; see tools/break.py."""

BREAKS = [
    (
        "runtime/bow.py",
        "log_heard_BZ.clip(max=MOST_LOG_EVIDENCE)",
        "log_heard_BZ.clip(*LOG_VARIANCE_RANGE)",
        "tests/test_runtime.py::test_variances_are_held_as_torch_holds_them",
    ),
    (
        "runtime/words.py",
        "said += len(pairs)",
        "said += len(known)",
        "tests/test_runtime.py::test_words_without_a_column_are_counted",
    ),
    (
        "runtime/draws.py",
        "made[-_BLOCK:] = _box_muller(last)",
        "made[whole:] = _box_muller(last)[: count - whole]",
        "tests/test_runtime.py::test_a_seed_gives_the_numbers_of_torch",
    ),
    (
        "runtime/priors.py",
        "read.log_variance_BZ - math.log(self.variance)",
        "read.log_variance_BZ",
        "tests/test_runtime.py::test_documents_get_the_answers_of_torch",
    ),
    (
        "runtime/loading.py",
        "if not _is_for_numpy(folder, spec):",
        "if True:",
        "tests/test_runtime.py::test_neither_torch_nor_tables_are_loaded_for_words",
    ),
    (
        "runtime/weights.py",
        "if kind is None and self._left:",
        "if False:",
        "tests/test_runtime.py::test_weights_of_another_model_are_refused",
    ),
    (
        "runtime/judging.py",
        '"rate": 0.0 if read is None else -float(self._prior.by_dimension(read).sum()),',
        '"rate": 0.0 if read is None else float(self._prior.by_dimension(read).sum()),',
        "tests/test_runtime.py::test_one_text_alone_is_judged_as_among_others",
    ),
    (
        "registry/export.py",
        "_require_new(folder)\n    served",
        "served",
        "tests/test_export.py::test_what_is_there_already_is_left_alone",
    ),
    (
        "registry/export.py",
        'partial = Path(beside) / "model"',
        "partial = folder",
        "tests/test_export.py::test_a_copy_that_fails_leaves_no_folder",
    ),
]

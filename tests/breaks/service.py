"""Bugs of the service; see tools/break.py."""

BREAKS = [
    (
        "service/gate.py",
        "if self._bytes > self._limits.body_bytes:",
        "if False:",
        "tests/test_service_limits.py::test_a_body_without_a_length_is_refused_while_it_is_read",
    ),
    (
        "service/gate.py",
        '_log.error("%s", failures.where(error))',
        '_log.error("%s", failures.where(error), exc_info=error)',
        "tests/test_service_limits.py::test_no_text_reaches_a_log_or_a_metric",
    ),
    (
        "service/tensors.py",
        "if place > len(raw):",
        "if False:",
        "tests/test_service_limits.py::test_bytes_behind_the_json_that_do_not_fit_are_refused",
    ),
    (
        "service/window.py",
        "self._draw.randrange(self._seen)",
        "self._draw.randrange(self._most)",
        "tests/test_service_protocols.py::test_each_row_is_as_likely_to_stay_in_the_window",
    ),
    (
        "service/current.py",
        "_require_same_form(self.loaded, following)",
        "pass",
        "tests/test_service_swap.py::test_a_next_model_that_fails_its_check_leaves_the_old_one",
    ),
]

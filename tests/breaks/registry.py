"""Bugs of tracking, inference, the registry and the service; see tools/break.py."""

BREAKS = [
    (
        "registry/lineage.py",
        '    artifacts.tensors_path("valid"),\n',
        "",
        "tests/test_register.py::test_what_made_the_model_is_its_lineage",
    ),
    (
        "registry/register.py",
        "version = found or _created(store, name, candidate)",
        "version = _created(store, name, candidate)",
        "tests/test_register.py::test_registering_again_finds_the_version",
    ),
    (
        "registry/register.py",
        "with one_line_errors(store.uri), store.lock:",
        "with one_line_errors(store.uri):",
        "tests/test_register.py::test_two_processes_at_once_make_one_version",
    ),
    (
        "store.py",
        "mlflow.set_tracking_uri(None if chosen == variable else chosen)",
        "mlflow.set_tracking_uri(chosen)",
        "tests/test_register.py::test_the_processs_own_choice_of_store_is_left_alone",
    ),
    (
        "store.py",
        "os.replace(partial, database)",
        "pass",
        "tests/test_tracking.py::test_the_store_is_absolute_and_in_the_project_from_any_folder_below",
    ),
    (
        "tracking.py",
        "if step <= self._last_step:",
        "if step < self._last_step:",
        "tests/test_tracking.py::test_a_killed_run_goes_on_and_no_epoch_is_logged_twice",
    ),
    (
        "tracking.py",
        'status = "KILLED"',
        'status = "FINISHED"',
        "tests/test_tracking.py::test_an_error_ends_the_run_and_is_not_hidden",
    ),
    (
        "inference/predictor.py",
        "return log_prob_B - rate_B",
        "return log_prob_B",
        "tests/test_inference.py::test_a_text_without_known_words_costs_its_rate_alone",
    ),
    (
        "inference/raw.py",
        "(images * top).round()",
        "(images * top)",
        "tests/test_inference.py::test_images_come_in_many_forms",
    ),
    (
        "service/questions.py",
        "except DataError as error:",
        "except KeyError as error:",
        "tests/test_service.py::test_what_the_model_cannot_read_is_refused_in_its_words",
    ),
]

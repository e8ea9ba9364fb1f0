"""Bugs of the store on a server, of relocate and of what protects a model; see tools/break.py."""

BREAKS = [
    (
        "store.py",
        "            _require_answer(uri)\n",
        "            pass\n",
        "tests/test_server.py::test_a_server_that_is_not_there_is_one_line_at_once",
    ),
    (
        "store.py",
        'text = text.replace(secret, "***")',
        "pass",
        "tests/test_server.py::test_a_server_that_is_not_there_is_one_line_at_once",
    ),
    (
        "store.py",
        '"INVALID_PARAMETER_VALUE", "PERMISSION_DENIED")',
        '"INVALID_PARAMETER_VALUE")',
        "tests/test_server.py::test_the_models_files_come_over_http_and_are_what_was_registered",
    ),
    (
        "store.py",
        "    return error.__cause__ or (error.__context__ if lost else None)",
        "    return error.__cause__",
        "tests/test_server.py::test_a_server_that_is_not_there_is_one_line_at_once",
    ),
    (
        "registry/register.py",
        "tags=tags, model_id=first",
        "tags=tags",
        "tests/test_server.py::test_the_models_files_come_over_http_and_are_what_was_registered",
    ),
    (
        "registry/register.py",
        "if first.version != made.version:",
        "if False:",
        "tests/test_server.py::test_a_reply_that_is_lost_does_nothing_twice",
    ),
    (
        "registry/audit.py",
        'if kind == "registered" and (known := chain.registered(version)):',
        "if kind == 'registered' and (known := None):",
        "tests/test_server.py::test_two_registrations_make_one_version",
    ),
    (
        "registry/audit.py",
        "                return False\n            raise\n        return True",
        "                return True\n            raise\n        return True",
        "tests/test_server.py::test_of_two_promotions_one_wins_and_the_other_is_refused",
    ),
    (
        "registry/fetch.py",
        "None if store.artifacts else _until_exit()",
        "None",
        "tests/test_server.py::test_predict_leaves_no_copy_of_the_model_behind",
    ),
    (
        "registry/fetch.py",
        "if artifacts.sha256(place / name) != sha256:",
        "if False:",
        "tests/test_security.py::test_a_changed_file_is_not_used_and_named",
    ),
    (
        "registry/settings.py",
        "{0,199}$",
        "*$",
        "tests/test_security.py::test_a_name_with_tricks_is_refused_and_does_nothing",
    ),
    (
        "cli/project.py",
        "name = own if given is None else given",
        "name = given or own",
        "tests/test_security.py::test_so_it_is_on_the_command_line",
    ),
    (
        "store.py",
        "        _require_artifacts(database)\n",
        "        pass\n",
        "tests/test_relocate.py::test_without_its_artifacts_a_database_keeps_its_records",
    ),
    (
        "store.py",
        '    "logged_models": "artifact_location",\n',
        "",
        "tests/test_relocate.py::test_a_moved_or_copied_project_loads_its_champion",
    ),
]

"""Bugs of the registry's commands and of exit statuses; see tools/break.py."""

BREAKS = [
    (
        "errors.py",
        "exit_status = REFUSED",
        "exit_status = ERROR",
        "tests/test_errors.py::test_a_known_error_is_its_message_and_its_status",
    ),
    (
        "cli/registry.py",
        "if not outcome.promoted:",
        "if outcome.promoted:",
        "tests/test_cli_registry.py::TestPromote::test_a_refusal_is_status_3_and_moves_nothing",
    ),
    (
        "cli/registry.py",
        "dry_run=dry_run,",
        "dry_run=False,",
        "tests/test_cli_registry.py::TestPromote::test_a_dry_run_says_it_and_writes_nothing",
    ),
    (
        "cli/registry.py",
        "found = verifying.verify(model, exported)",
        "found = verifying.verify(model)",
        "tests/test_cli_registry.py::TestAudit::test_an_export_is_what_verify_compares_with",
    ),
    (
        "cli/lineage.py",
        "    if failed:\n        sys.exit(CHECK_FAILED)\n",
        "",
        "tests/test_cli_registry.py::TestLineage::test_a_broken_link_is_status_4_in_every_form",
    ),
    (
        "errors.py",
        "char if char.isprintable() else",
        "char if char else",
        "tests/test_cli_registry.py::TestShow::test_what_a_tag_holds_cannot_drive_the_terminal",
    ),
    (
        "cli/tables.py",
        "json.dumps(_finite(value),",
        "json.dumps(value,",
        "tests/test_cli_registry.py::TestShow::test_scores_that_are_no_numbers_are_still_json",
    ),
    (
        "registry/compare.py",
        "return self.second - self.first",
        "return self.first - self.second",
        "tests/test_cli_registry.py::TestDiff::test_only_what_differs",
    ),
]

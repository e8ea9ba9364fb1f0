"""Bugs of the registry's log, of promotion and of going back; see tools/break.py."""

BREAKS = [
    (
        "registry/events.py",
        "del stack[stack.index(after) + 1 :]",
        "stack.append(after)",
        "tests/test_registry_machine.py::test_the_registry_does_what_its_rules_say",
    ),
    (
        "registry/events.py",
        "event.previous_sha256 == (claims.get(number - 1) if number > 1 else START)",
        "True",
        "tests/test_events.py::test_an_altered_event_with_a_new_digest_breaks_the_next",
    ),
    (
        "registry/events.py",
        "*_inserted(claims, records), ",
        "",
        "tests/test_verify.py::test_the_first_event_that_somebody_touched_is_named",
    ),
    (
        "registry/events.py",
        ", *_cut(claims, head)]",
        "]",
        "tests/test_verify.py::test_the_first_event_that_somebody_touched_is_named",
    ),
    (
        "registry/audit.py",
        "if champion is not None and chain.champion != against:",
        "if False:",
        "tests/test_promotion.py::test_whoever_scores_longer_loses_the_race",
    ),
    (
        "registry/audit.py",
        "if chain.unfinished and chain.fault is None:",
        "if False:",
        "tests/test_promotion.py::test_a_process_killed_by_the_system_between_two_writes",
    ),
    (
        "registry/audit.py",
        "if event.moves_champion or (event.kind",
        "if (event.kind",
        "tests/test_promotion.py::test_a_good_challenger_becomes_champion_with_its_verdict",
    ),
    (
        "registry/promotion.py",
        "sealed = chain.sealed(version.number) is not None",
        "sealed = version.sealed_commit is not None",
        "tests/test_promotion.py::test_a_tag_that_says_sealed_is_not_believed_without_the_log",
    ),
    (
        "registry/promotion.py",
        "            fetch.folder(version)\n            log.append(",
        "            log.append(",
        "tests/test_promotion.py::test_one_does_not_go_back_to_changed_weights",
    ),
    (
        "registry/promotion.py",
        "mine = fetch.folder(version)",
        "mine = fetch.checked(version, fetch.stored(store, version))",
        "tests/test_promotion.py::test_changed_digests_beside_changed_weights_do_not_help",
    ),
    (
        "registry/fetch.py",
        "if artifacts.sha256(place / name) != sha256:",
        "if False:",
        "tests/test_verify.py::test_a_changed_file_is_named_and_put_back_where_the_project_has_it",
    ),
    (
        "registry/verify.py",
        "        chain.require_recorded(version.number, version.tags)\n",
        "",
        "tests/test_verify.py::test_a_changed_tag_is_named_and_the_version_not_used",
    ),
    (
        "registry/register.py",
        "and (aliased := log.aliased()) not in (None, number)",
        "and (aliased := None)",
        "tests/test_verify.py::test_a_champion_from_before_there_was_a_log_stays_champion",
    ),
    (
        "registry/promotion.py",
        "with store.lock, _refusals(log, version):",
        "with store.lock:",
        "tests/test_promotion.py::test_whoever_scores_longer_loses_the_race",
    ),
    (
        "registry/verify.py",
        "package.require_whole(store, version.source, version.tags[package.PACKAGE])",
        "pass",
        "tests/test_verify.py::test_what_mlflow_would_run_of_a_version_is_checked_too",
    ),
    (
        "registry/register.py",
        "if recorded and not facts.items() <= recorded.items():",
        "if False:",
        "tests/test_verify.py::test_another_evaluation_is_in_the_log",
    ),
]

"""One-line bugs in where studies live, and the test that each must turn red."""

_FILE = "tests/test_study_storage.py"

BREAKS = [
    (
        "tuning/patience.py",
        "_marked(template_trial) if template_trial and self._marks else template_trial",
        "template_trial",
        f"{_FILE}::TestPatience::test_a_slot_whose_answer_was_lost_is_there_once",
    ),
    (
        "tuning/patience.py",
        "                    return True\n",
        "                    return False\n",
        f"{_FILE}::TestPatience::test_a_trial_finished_twice_by_one_call_is_finished",
    ),
    (
        "tuning/patience.py",
        "error.errno in _AWAY_DISK",
        "True",
        f"{_FILE}::TestPatience::test_what_will_not_pass_is_not_waited_for",
    ),
    (
        "tuning/storage.py",
        "marked_by_caller=True",
        "marked_by_caller=False",
        f"{_FILE}::TestServer::test_the_tries_of_one_call_are_one_trial_to_a_server_too",
    ),
    (
        "tuning/storage.py",
        "timeout=_ANSWER_SECONDS",
        "timeout=None",
        f"{_FILE}::TestServer::test_a_stopped_server_holds_up_nobody_for_ever",
    ),
    (
        "tuning/storage.py",
        "            connection.execute(sqlalchemy.select(lock))\n",
        "",
        f"{_FILE}::TestCluster::test_workers_that_come_at_once_make_the_tables_once",
    ),
    (
        "tuning/journal.py",
        "                os.truncate(self._journal, end)\n",
        "",
        f"{_FILE}::TestJournal::test_nothing_stays_of_a_write_that_failed",
    ),
    (
        "tuning/journal.py",
        "end = _cut_half_line(file)",
        "end = file.seek(0, os.SEEK_END)",
        f"{_FILE}::TestJournal::test_the_next_write_cuts_half_a_line_of_a_killed_process",
    ),
    (
        "tuning/journal.py",
        "for place in reversed(self._illegible):",
        "for place in ():",
        f"{_FILE}::TestJournal::test_a_lost_trial_does_not_shift_the_others",
    ),
    (
        "tuning/alive.py",
        "min(now - looked, patience_seconds / 2)",
        "(now - looked)",
        "tests/test_tuning_study.py::TestAlive::test_elsewhere_only_beats_are_seen",
    ),
]

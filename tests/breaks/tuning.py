"""One-line bugs in studies and choices, and the test that each must turn red."""

BREAKS = [
    (
        "tuning/space.py",
        "np.random.SeedSequence([settings.seed, spent])",
        "np.random.SeedSequence([settings.seed])",
        "tests/test_tuning.py::TestStudy::test_topping_up_asks_what_one_run_would_have_asked",
    ),
    (
        "tuning/study.py",
        "        _take_up(study)\n",
        "",
        "tests/test_tuning.py::TestKills::test_a_killed_study_ends_as_if_it_had_not_been",
    ),
    (
        "tuning/study.py",
        "{_RETRY_OF: trial.number, _ATTEMPT: attempts}",
        "{_RETRY_OF: trial.number}",
        "tests/test_tuning.py::TestKills::test_a_trial_that_kills_its_process_is_tried_three_times",
    ),
    (
        "tuning/study.py",
        "            file.truncate(end)",
        "            pass",
        "tests/test_tuning.py::TestKills::test_half_a_line_and_a_lock_left_by_a_kill_are_mended",
    ),
    (
        "tuning/study.py",
        'direction="maximize"',
        'direction="minimize"',
        "tests/test_tuning.py::TestStudy::test_the_sampler_goes_where_the_score_is_high",
    ),
    (
        "tuning/trial.py",
        'update={"beta": choice.beta}',
        "update={}",
        "tests/test_tuning.py::TestTrainer::test_the_elbo_has_no_beta_in_it",
    ),
    (
        "tuning/trial.py",
        "self.examples: Examples = everything.subset(rows)",
        "self.examples: Examples = everything",
        "tests/test_tuning.py::TestTrainer::test_rows_out_of_scope_change_nothing",
    ),
    (
        "tuning/identity.py",
        '"code": code_md5(),',
        "",
        "tests/test_tuning.py::TestIdentity::test_other_data_or_code_is_another_study",
    ),
    (
        "cli/project.py",
        '(folder / "dvc.yaml").is_file() and (folder / "params.yaml").is_file()',
        '(folder / "dvc.yaml").is_file()',
        "tests/test_cli.py::TestProject::test_commands_work_anywhere_inside",
    ),
    (
        "tracking.py",
        'set_terminated(run.info.run_id, "KILLED")',
        'set_terminated(run.info.run_id, "FINISHED")',
        "tests/test_tuning.py::TestStage"
        "::test_the_store_gets_a_run_and_one_below_it_for_each_trial",
    ),
]

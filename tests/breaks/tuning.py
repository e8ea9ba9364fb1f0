"""One-line bugs in spaces, studies, their workers and trials, and the test each must turn red."""

_SPACE, _STUDY = "tests/test_tuning_space.py", "tests/test_tuning_study.py"
_TRIAL, _STAGE = "tests/test_tuning_trial.py", "tests/test_tuning_stage.py"

BREAKS = [
    (
        "tuning/settings.py",
        "if parent not in seen:",
        "if parent not in self.space:",
        f"{_SPACE}::TestSettings::test_a_condition_on_what_is_not_chosen_before_is_refused",
    ),
    (
        "tuning/space.py",
        "low + step * steps(low, high, step)",
        "high",
        f"{_SPACE}::test_steps_that_do_not_reach_the_upper_bound_end_before_it",
    ),
    (
        "tuning/space.py",
        'if dimension.type == "int" and not whole:',
        "if False:",
        f"{_SPACE}::TestCheck::test_a_space_that_does_not_fit_the_settings_is_one_line",
    ),
    (
        "tuning/proposals.py",
        "sequence = qmc.Sobol(len(settings.space), scramble=True, rng=settings.seed)",
        "sequence = qmc.Sobol(len(settings.space), scramble=True, rng=count)",
        f"{_SPACE}::TestSobol::test_more_trials_go_on_where_fewer_ended",
    ),
    (
        "tuning/proposals.py",
        "np.random.SeedSequence([settings.seed, slot])",
        "np.random.SeedSequence([settings.seed])",
        f"{_STUDY}::TestTotal::test_topping_up_asks_what_one_run_would_have_asked",
    ),
    (
        "tuning/proposals.py",
        "trial.user_attrs.get(SLOT, trial.number)",
        "trial.number",
        f"{_STUDY}::TestTotal::test_slots_that_are_too_many_are_cancelled_and_taken_up_again",
    ),
    (
        "tuning/study.py",
        "        self._ask_again()\n",
        "",
        f"{_STUDY}::TestKills::test_a_trial_that_kills_its_process_is_tried_three_times",
    ),
    (
        "tuning/study.py",
        "kept | {RETRY_OF: trial.number, ATTEMPT: attempt}",
        "kept | {RETRY_OF: trial.number}",
        f"{_STUDY}::TestKills::test_a_trial_that_kills_its_process_is_tried_three_times",
    ),
    (
        "tuning/study.py",
        " + (INTERRUPTED not in trial.user_attrs)",
        " + 1",
        f"{_STUDY}::TestKills::test_interrupting_is_no_attempt",
    ),
    (
        "tuning/study.py",
        "there = [*filter(_counts, self.trials())]",
        "there = [*_waiting(self.trials()), *self.spent(), *self.trials(TrialState.RUNNING)]",
        f"{_STUDY}::TestTotal::test_a_slot_claimed_while_slots_are_counted_is_counted_once",
    ),
    (
        "tuning/study.py",
        "return [StudyDirection.MAXIMIZE]",
        "return [StudyDirection.MINIMIZE]",
        f"{_STUDY}::TestSampling::test_the_sampler_goes_where_the_score_is_high",
    ),
    (
        "tuning/worker.py",
        'trial.set_constraint("rate", excess_nats)',
        'trial.set_constraint("rate", -abs(excess_nats))',
        f"{_STUDY}::TestSampling::test_budget_looks_for_the_least_distortion_that_keeps_it",
    ),
    (
        "tuning/worker.py",
        "if self._trial.should_prune():",
        "if False:",
        f"{_STUDY}::TestSampling::test_trials_that_fall_behind_are_pruned_and_kept",
    ),
    (
        "tuning/worker.py",
        "        except (UpdateFinishedTrialError, _TakenError):",
        "        except _TakenError:",
        f"{_STUDY}::TestTakenAway::test_its_result_is_left_out",
    ),
    (
        "tuning/worker.py",
        "    threading.Thread(target=watch, daemon=True).start()\n",
        "",
        f"{_STUDY}::TestWorkers::test_a_worker_ends_with_who_started_it",
    ),
    (
        "tuning/alive.py",
        "return bool(same and process.status() != psutil.STATUS_ZOMBIE)",
        "return bool(same)",
        f"{_STUDY}::TestAlive::test_a_paused_process_lives_and_a_zombie_does_not",
    ),
    (
        "tuning/trial.py",
        "sections = space.applied(choice, self._sections)",
        "sections = space.applied({}, self._sections)",
        f"{_TRIAL}::TestTrainer::test_the_elbo_has_no_beta_in_it",
    ),
    (
        "tuning/trial.py",
        'rows = torch.from_numpy(np.flatnonzero(arrays["in_scope"]))',
        'rows = torch.arange(len(arrays["in_scope"]))',
        f"{_TRIAL}::TestTrainer::test_rows_out_of_scope_change_nothing",
    ),
    (
        "tuning/trial.py",
        "if self._ready is None or self._ready[0] != read:",
        "if self._ready is None:",
        f"{_TRIAL}::TestTrainer::test_what_a_model_reads_is_made_anew_where_it_is_searched",
    ),
    (
        "tuning/probe.py",
        'classification.scores(self._valid_y, predicted)["recall_macro"]',
        "accuracy",
        f"{_TRIAL}::TestProbe::test_macro_recall_weighs_every_class_alike",
    ),
    (
        "tuning/identity.py",
        '"code": code_md5(),',
        "",
        f"{_TRIAL}::TestIdentity::test_other_data_or_code_is_another_study",
    ),
    (
        "tuning/prepared.py",
        'Path(os.environ.get("DVC_ROOT", ""))',
        "Path()",
        f"{_STAGE}::TestFiles::test_nothing_of_the_study_lies_in_a_temporary_copy_of_the_project",
    ),
    (
        "cli/project.py",
        '(folder / "dvc.yaml").is_file() and (folder / "params.yaml").is_file()',
        '(folder / "dvc.yaml").is_file()',
        "tests/test_cli.py::TestProject::test_commands_work_anywhere_inside",
    ),
]

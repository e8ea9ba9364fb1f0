"""Bugs of the study of features, its budgets, choices, intervals and costs; see tools/break.py."""

BREAKS = [
    (
        "verdict/heads.py",
        "fitted, scored = np.flatnonzero(fold_N != fold), np.flatnonzero(fold_N == fold)",
        "fitted, scored = np.arange(count), np.flatnonzero(fold_N == fold)",
        "tests/test_study_heads.py::test_labels_that_mean_nothing_are_told_inside_the_labels",
    ),
    (
        "verdict/heads.py",
        "joins = [np.float32(1.0 if place == 0 else join) for place in range(len(parts))]",
        "joins = [np.float32(1.0) for place in range(len(parts))]",
        "tests/test_study_heads.py::test_a_join_multiplies_every_block_but_the_first",
    ),
    (
        "verdict/heads.py",
        "fold_N = np.full(len(y), -1)",
        "fold_N = np.zeros(len(y), dtype=int)",
        "tests/test_study_heads.py"
        "::test_two_classes_of_which_one_has_one_label_leave_nothing_to_choose",
    ),
    (
        "verdict/features.py",
        "floored_F = np.maximum(sd_F, least if least > 0 else 1.0)",
        "floored_F = np.where(sd_F > 0, sd_F, 1.0)",
        "tests/test_study.py::test_a_latent_dimension_that_hardly_moves_stays_small",
    ),
    (
        "verdict/budgets.py",
        "np.arange(len(y)) - starts < size",
        "np.arange(len(y)) - starts <= size",
        "tests/test_study.py::test_a_budget_holds_so_many_rows_of_each_class_or_all_that_it_has",
    ),
    (
        "verdict/budgets.py",
        "np.random.default_rng([seed, size, sample])",
        "np.random.default_rng([seed, size])",
        "tests/test_study.py::test_a_budget_holds_so_many_rows_of_each_class_or_all_that_it_has",
    ),
    (
        "verdict/claims.py",
        "max(baselines, key=lambda features: correct[features].mean())",
        "baselines[0]",
        "tests/test_study.py"
        "::test_the_vaes_features_are_chosen_inside_the_labels_and_the_baseline_on_test",
    ),
    (
        "verdict/study.py",
        "valid = (chosen_on.blocks, chosen_on.y) if chosen_on else None",
        "valid = (self.material.test.blocks, self.material.test.y)",
        "tests/test_study.py::test_the_labels_of_test_choose_nothing",
    ),
    (
        "verdict/study.py",
        "self.material.read(task.vae)",
        "self.material.read(0)",
        "tests/test_study.py::test_each_vae_is_read_for_itself_and_baselines_once",
    ),
    (
        "verdict/study.py",
        "every, valid = _in_scope(splits.train), labelled(splits.valid)",
        "every, valid = splits.train, labelled(splits.valid)",
        "tests/test_study.py::test_rows_out_of_scope_serve_nothing",
    ),
    (
        "verdict/verdict.py",
        "unseen_N = None if seen_N is None else ~seen_N",
        "unseen_N = seen_N",
        "tests/test_study.py::test_test_rows_that_stand_in_train_are_counted_and_left_out",
    ),
    (
        "verdict/cost.py",
        "return replace(rows, counts=rows.counts[:, self.columns])",
        "return replace(rows, counts=rows.counts[:, : len(self.columns)])",
        "tests/test_study.py::test_what_is_timed_predicts_what_was_compared",
    ),
    (
        "metrics/bootstrap.py",
        "self._means(ours_SVN) - self._means(theirs_SVN)",
        "self._means(ours_SVN) - self._means(theirs_SVN)[::-1]",
        "tests/test_bootstrap.py::test_a_paired_difference_has_the_variance_of_the_differences",
    ),
    (
        "metrics/bootstrap.py",
        "self._taken(_SAMPLES, samples), self._taken(_SEEDS, seeds)",
        "self._taken(_SAMPLES, samples), np.full((self.draws, seeds), 1 / seeds)",
        "tests/test_bootstrap.py::test_what_needs_no_vae_is_compared_with_every_seed",
    ),
    (
        "metrics/classification.py",
        "present = np.unique(y)",
        "present = np.unique(np.concatenate([y, np.arange(count)]))",
        "tests/test_classification.py"
        "::test_scores_are_those_of_scikit_learn_over_the_classes_that_stand_in_y",
    ),
    (
        "metrics/bootstrap.py",
        "size = max(1, count - 1)",
        "size = count",
        "tests/test_bootstrap.py::test_a_few_label_samples_vary_by_their_unbiased_variance",
    ),
    (
        "stages/repeat.py",
        'kept & (arrays["y"] >= 0) if without else kept',
        "kept",
        "tests/test_head_stage.py::test_a_held_out_training_reads_no_row_of_an_unknown_class",
    ),
]

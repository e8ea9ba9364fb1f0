"""Bugs of the shipped classifier, its detector and the repeated trainings; see tools/break.py."""

BREAKS = [
    (
        "verdict/shipped.py",
        "bias_C = bias_C - scale.mean_F @ weights_FC",
        "bias_C = bias_C + scale.mean_F @ weights_FC",
        "tests/test_classifier.py::test_the_folded_map_decides_as_scikit_learn_does_on_blocks",
    ),
    (
        "verdict/shipped.py",
        "bias_C = bias_C - basis.projection.origin_K @ weights_FC",
        "pass",
        "tests/test_classifier.py::test_the_folded_map_decides_as_scikit_learn_does_on_blocks",
    ),
    (
        "verdict/shipped.py",
        "np.full(len(facts.classes), -np.inf, dtype=np.float32)",
        "np.zeros(len(facts.classes), dtype=np.float32)",
        "tests/test_classifier.py::test_a_class_absent_from_training_is_named_and_never_predicted",
    ),
    (
        "verdict/shipped.py",
        "train = train.subset(np.flatnonzero(train.in_scope))",
        "pass",
        "tests/test_head_stage.py::test_out_of_scope_rows_of_train_change_nothing",
    ),
    (
        "verdict/shipped.py",
        "logits_NC / np.exp(log_temperature)",
        "logits_NC * np.exp(log_temperature)",
        "tests/test_head_stage.py::test_a_temperature_makes_validation_most_probable",
    ),
    (
        "verdict/heads.py",
        "inverse_penalty=choice.inverse_penalty / 10",
        "inverse_penalty=choice.inverse_penalty",
        "tests/test_study_heads.py::test_what_a_part_of_the_labels_prefers_is_weighed_again_on_all",
    ),
    (
        "classifier.py",
        "np.rint(weights_VC / scale_C)",
        "np.floor(weights_VC / scale_C)",
        "tests/test_classifier.py::test_rounded_weights_are_off_by_half_a_step_at_most",
    ),
    (
        "classifier.py",
        "np.abs(weights_VC).max(axis=0, initial=0.0)",
        "np.full(weights_VC.shape[1], np.abs(weights_VC).max(initial=0.0))",
        "tests/test_classifier.py::test_rounded_weights_are_off_by_half_a_step_at_most",
    ),
    (
        "classifier.py",
        "scaled_NC = logits_NC / self.head.temperature",
        "scaled_NC = logits_NC",
        "tests/test_classifier.py::test_a_temperature_changes_probabilities_and_no_label",
    ),
    (
        "classifier.py",
        '"rate": "rate" in signals,',
        '"rate": True,',
        "tests/test_classifier.py::test_it_needs_what_it_reads",
    ),
    (
        "verdict/detector.py",
        "if many < LEAST_STRANGERS:",
        "if not many:",
        "tests/test_strangers.py::test_few_strangers_weigh_nothing",
    ),
    (
        "metrics/detection.py",
        "twice_BS = rows_BN[:, self.below_S] + rows_BN[:, self.up_to_S]",
        "twice_BS = 2 * rows_BN[:, self.below_S]",
        "tests/test_detection.py::test_a_draw_scores_the_rows_that_it_took",
    ),
    (
        "metrics/detection.py",
        "above = int(refuse * len(in_scope_N) + _ROUNDING)",
        "above = int(refuse * len(in_scope_N)) + 1",
        "tests/test_detection.py::test_the_threshold_refuses_the_share_asked_for_and_no_row_more",
    ),
    (
        "verdict/signals.py",
        "np.partition(cosines, -nearest, axis=1)[:, -nearest]",
        "np.partition(cosines, -1, axis=1)[:, -1]",
        "tests/test_strangers.py::test_the_distance_is_to_the_fifth_neighbour",
    ),
    (
        "verdict/strangers.py",
        "train=_as_strangers(splits.train, [*for_valid, *for_test], dropped=[])",
        "train=_as_strangers(splits.train, for_valid, dropped=[])",
        "tests/test_strangers.py::test_no_row_of_a_held_out_class_is_learned_from",
    ),
    (
        "verdict/strangers.py",
        "value_BG[:, one] - value_BG[:, other]",
        "value_BG[:, other] - value_BG[:, one]",
        "tests/test_strangers.py::test_the_difference_of_a_better_signal_is_above_zero",
    ),
    (
        "stages/repeat.py",
        'arrays["in_scope"] & ~np.isin(arrays["y"], without)',
        'arrays["in_scope"]',
        "tests/test_head_stage.py::test_the_held_out_model_never_saw_those_classes",
    ),
    (
        "stages/repeat.py",
        "kept = checkpoint.Checkpoint(CHECKPOINTS / name, mark)",
        "kept = checkpoint.Checkpoint(CHECKPOINTS, mark)",
        "tests/test_head_stage.py::test_a_killed_stage_goes_on_where_it_was",
    ),
    (
        "data/familiarity.py",
        "bool(one and other)",
        "True",
        "tests/test_classifier.py::test_a_run_without_spaces_has_no_neighbours",
    ),
]

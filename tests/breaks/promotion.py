"""Bugs of promotion's gates, of scoring again and of their table; see tools/break.py."""

RULE = "registry/rule.py"
MEASURE = "registry/measure.py"
ANSWERS = "registry/answers.py"
IN_RULE = "tests/test_rule.py::"
IN_MEASURE = "tests/test_measure.py::"
IN_BOOTSTRAP = "tests/test_bootstrap.py::"

BREAKS = [
    (
        RULE,
        "return gain if SCORES[score].more_is_better else -gain",
        "return gain",
        IN_RULE + "test_of_bytes_fewer_are_better",
    ),
    (
        RULE,
        "return _reaches(difference.mean, -limit)",
        "return _reaches(difference.low, -limit)",
        IN_RULE + "test_a_loss_is_asked_of_the_mean",
    ),
    (
        RULE,
        "return _reaches(difference.low, limit)",
        "return _reaches(difference.mean, limit)",
        IN_RULE + "test_a_gain_is_asked_of_the_low_end_of_the_interval",
    ),
    (
        RULE,
        " or math.isclose(value, limit, rel_tol=_ROUNDING, abs_tol=_ROUNDING)",
        "",
        IN_RULE + "test_a_loss_that_only_rounding_makes_larger_than_its_limit_is_accepted",
    ),
    (
        RULE,
        "passed=value is not None and math.isfinite(value),",
        "passed=value is not None,",
        IN_RULE + "test_a_number_that_is_none_is_refused",
    ),
    (
        RULE,
        "return Decision(not against, gates,",
        "return Decision(gates[-1].passed, gates,",
        IN_RULE + "test_an_unsealed_version_is_refused_with_the_command_to_run",
    ),
    (
        "registry/settings.py",
        "if count > MOST_LIMITS:",
        "if count > 20:",
        IN_RULE + "test_more_limits_than_an_event_can_hold_are_refused",
    ),
    (
        MEASURE,
        "            better, worse = worse, better\n",
        "            pass\n",
        IN_MEASURE + "test_a_difference_is_an_improvement_whatever_the_direction",
    ),
    (
        MEASURE,
        "left_out = () if _same_target(models) else _OF_TARGET_WORDS",
        "left_out = ()",
        IN_MEASURE + "test_likelihoods_of_other_words_are_not_compared",
    ),
    (
        MEASURE,
        "_Target((words, settings.target), told)",
        "_Target(words, told)",
        IN_MEASURE + "test_nor_are_likelihoods_of_counts_and_of_presence",
    ),
    (
        MEASURE,
        "statistics.median(seconds[1:])",
        "statistics.fmean(seconds)",
        IN_MEASURE + "test_models_are_timed_in_turns_after_a_warm_up",
    ),
    (
        ANSWERS,
        "names = np.array(predictor.head.classes, dtype=object)",
        "names = np.array(sorted(predictor.head.classes), dtype=object)",
        IN_MEASURE + "test_labels_are_compared_by_name",
    ),
    (
        ANSWERS,
        "portion.arrays_of_texts(texts, predictor.vocabulary, predictor.settings)",
        "portion.arrays_of_texts(texts, self.vocabulary, predictor.settings)",
        IN_MEASURE + "test_each_model_reads_texts_through_its_own_vocabulary",
    ),
    (
        ANSWERS,
        "ROWS_IN_MEMORY = 4 * portion.ROWS_AT_ONCE",
        "ROWS_IN_MEMORY = 4000",
        IN_MEASURE + "test_rows_are_read_some_at_a_time",
    ),
    (
        ANSWERS,
        "return images.frozen(seed).pixels.numpy()",
        "return images.frozen(0).pixels.numpy()",
        IN_MEASURE + "test_scores_are_those_of_evaluation_with_the_same_seed",
    ),
    (
        ANSWERS,
        "    generator = torch.Generator().manual_seed(seed)\n    terms, known = [], []\n"
        "    for some in _portions(predictor, test, test.in_scope_N):\n",
        "    terms, known = [], []\n"
        "    for some in _portions(predictor, test, test.in_scope_N):\n"
        "        generator = torch.Generator().manual_seed(seed)\n",
        IN_MEASURE + "test_scores_are_those_of_evaluation_with_the_same_seed",
    ),
    (
        "metrics/bootstrap.py",
        "gain_N = np.subtract(ours_N, theirs_N, dtype=np.float64)",
        "gain_N = ours_N.astype(np.float32) - theirs_N.astype(np.float32)",
        IN_BOOTSTRAP + "test_a_small_difference_of_large_values_is_not_lost_to_rounding",
    ),
    (
        "metrics/bootstrap.py",
        "        if self.rows == 1:\n            return Interval(mean,",
        "        if False:\n            return Interval(mean,",
        IN_BOOTSTRAP + "test_one_row_says_nothing_of_how_rows_vary",
    ),
    (
        "report/promotion.py",
        'return "-" if value < 0 else "+" if value > 0 else ""',
        'return "+" if value < 0 else "-" if value > 0 else ""',
        "tests/test_report_promotion.py::"
        "test_a_difference_carries_its_sign_and_its_interval_where_it_has_one",
    ),
]

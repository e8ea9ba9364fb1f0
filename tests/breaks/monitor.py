"""Bugs of the statistics of windows and of what is told of them; see tools/break.py."""

BREAKS = [
    (
        "monitor/permutation.py",
        "return (exceeded + 1 + _MARGIN * math.sqrt(exceeded)) / (drawn + 1)",
        "return exceeded / drawn",
        "tests/test_monitor.py::TestPermutation::test_the_arrangement_itself_is_one_of_them",
    ),
    (
        "monitor/latent.py",
        "return np.asarray(all_D - np.square(side_DG) @ own_G)",
        "return np.asarray(all_D)",
        "tests/test_monitor.py::TestLatent::"
        "test_the_statistic_is_that_of_discriminants_made_without_each_group",
    ),
    (
        "monitor/counted.py",
        "weight_C = pooled_C[:-1] / (upto_C * (rows - upto_C))",
        "weight_C = 1 / (upto_C * (rows - upto_C))",
        "tests/test_monitor.py::TestCounted::"
        "test_anderson_darling_is_scipys_before_it_is_standardised",
    ),
    (
        "monitor/holm.py",
        "np.maximum.accumulate(np.array(p_T)[order] * factor_T)",
        "(np.array(p_T)[order] * factor_T)",
        "tests/test_monitor.py::test_holm_is_that_of_a_worked_example",
    ),
    (
        "monitor/webhook.py",
        'exclude={"examples", "unknown_words"}',
        "exclude=set()",
        "tests/test_monitor.py::TestWebhook::test_it_is_told_of_a_change_signed_and_without_a_word",
    ),
]

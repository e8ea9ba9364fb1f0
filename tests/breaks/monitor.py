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
    (
        "monitor/webhook.py",
        "HTTPException, OSError, ValueError)",
        "HTTPException, OSError)",
        "tests/test_monitor.py::TestWebhook::"
        "test_what_cannot_be_reached_is_one_line_and_the_report_is_kept[no host name]",
    ),
    (
        "monitor/webhook.py",
        "HTTPException, OSError, ValueError)",
        "ValueError)",
        "tests/test_monitor.py::TestWebhook::"
        "test_what_cannot_be_reached_is_one_line_and_the_report_is_kept[spaces]",
    ),
    (
        "cli/monitor.py",
        '    except DataError as error:\n        tables.note(f"warning: {error}")',
        '    except SettingsError as error:\n        tables.note(f"warning: {error}")',
        "tests/test_monitor.py::TestWebhook::"
        "test_what_cannot_be_reached_is_one_line_and_the_report_is_kept[unknown host]",
    ),
    (
        "cli/numbers.py",
        "if math.isnan(found)",
        "if not found",
        "tests/test_monitor.py::TestCommand::"
        "test_a_level_out_of_range_is_refused_before_anything_is_read[nan]",
    ),
]

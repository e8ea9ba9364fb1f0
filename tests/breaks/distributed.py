"""Bugs of a training by several ranks, and of its precision; see tools/break.py."""

BREAKS = [
    (
        "training/distributed.py",
        "return ctx.ranks.sum(gradient)[ctx.own], None",
        "return gradient[ctx.own], None",
        "tests/test_distributed.py::test_the_gradient_is_that_of_the_whole_batch",
    ),
    (
        "training/distributed.py",
        "for each in (joined, *large)]",
        "for each in (joined, *large[1:])]",
        "tests/test_distributed.py::test_the_gradient_is_that_of_the_whole_batch",
    ),
    (
        "training/distributed.py",
        "return Terms(rate_BZ=all_of[:, :-1], distortion_B=all_of[:, -1])",
        "return Terms(rate_BZ=own[:, :-1], distortion_B=own[:, -1])",
        "tests/test_distributed.py::test_a_value_that_is_not_finite_on_one_rank_stops_both",
    ),
    (
        "training/loop.py",
        "manual_seed(noise_seed + ranks.rank)",
        "manual_seed(noise_seed)",
        "tests/test_distributed.py::test_no_row_gets_the_noise_of_another",
    ),
    (
        "training/loop.py",
        'self.noise.set_state(state["noise"][self.ranks.rank])',
        'self.noise.set_state(state["noise"][0])',
        "tests/test_distributed.py::test_a_training_goes_on_where_the_last_whole_epoch_ended",
    ),
    (
        "training/loop.py",
        "(self.ranks.sum(sums) / self.valid_examples)",
        "(self.ranks.sum(sums) / len(self.valid))",
        "tests/test_distributed.py::test_a_rank_without_a_row_to_score_knows_the_score",
    ),
    (
        "training/loop.py",
        "    if ranks.first:\n        checkpoint.save(state)",
        "    checkpoint.save(state)",
        "tests/test_distributed.py::test_only_the_first_rank_logs_and_writes",
    ),
    (
        "stages/train.py",
        "    if not ranks.first:\n        fit()\n        return\n",
        "",
        "tests/test_distributed.py::test_a_killed_rank_ends_all_and_the_next_start_goes_on_to_the_score_of_one_process",
    ),
    (
        "networks/layers.py",
        "return parameters.float() if parameters.dtype == torch.bfloat16 else parameters",
        "return parameters",
        "tests/test_precision.py::test_distributions_get_float32_from_networks_in_bfloat16",
    ),
    (
        "training/loop.py",
        'if self.settings.precision == "float32":',
        "if True:",
        "tests/test_precision.py::test_bfloat16_is_used_in_training_and_nowhere_else",
    ),
]

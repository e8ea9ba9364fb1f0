"""Bugs of the parts of the rate, measured and weighed; see tools/break.py."""

BREAKS = [
    (
        "metrics/kl_decomposition.py",
        "torch.cat([-0.5 * precision_MZ,",
        "torch.cat([0.5 * precision_MZ,",
        "tests/test_kl_decomposition.py::test_the_parts_are_those_of_mixture_densities",
    ),
    (
        "metrics/kl_decomposition.py",
        "for some in torch.split(of_z, max(1, _PAIRS_AT_ONCE // len(at_zero_M))):",
        "for some in (of_z[: max(1, _PAIRS_AT_ONCE // len(at_zero_M))],):",
        "tests/test_kl_decomposition.py::test_the_parts_are_those_of_mixture_densities",
    ),
    (
        "metrics/kl_decomposition.py",
        "-dimensions * math.log(count))",
        "-math.log(count))",
        "tests/test_kl_decomposition.py::test_clusters_on_a_grid_have_no_total_correlation",
    ),
    (
        "objectives.py",
        ".fill_diagonal_(1 / examples).log()",
        ".fill_diagonal_(1 / batch).log()",
        "tests/test_objectives.py::test_over_all_batches_the_aggregate_is_estimated_without_bias",
    ),
    (
        "objectives.py",
        "(pairs_BBZ + log_share_BB.unsqueeze(2)).logsumexp(1)",
        "(pairs_BBZ + log_share_BB.unsqueeze(2)).logsumexp(0)",
        "tests/test_objectives.py::test_the_estimates_are_those_of_plain_sums",
    ),
    (
        "objectives.py",
        "+ (settings.total_correlation - rest) * parts.total_correlation_B",
        "+ settings.total_correlation * parts.total_correlation_B",
        "tests/test_objectives.py::test_each_part_has_its_weight_times_beta",
    ),
    (
        "training/cost.py",
        "return Codes(*codes, examples=self.examples)",
        "return Codes(*codes, examples=len(output.z))",
        "tests/test_training.py::test_the_parts_are_estimated_from_each_batch_for_all_examples",
    ),
    (
        "training/distributed.py",
        "mean_BZ, log_variance_BZ, all_z_BZ = self._whole(own).chunk(3, dim=1)",
        "mean_BZ, log_variance_BZ, all_z_BZ = self._put_together(own.detach()).chunk(3, dim=1)",
        "tests/test_distributed.py::test_the_gradient_is_that_of_the_whole_batch",
    ),
]

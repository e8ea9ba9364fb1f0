"""Bugs of models of documents, their priors and their topics; see tools/break.py."""

RECIPE = "tests/test_bow_recipe.py::"

BREAKS = [
    (
        "networks/bow.py",
        "step_BZ = log_variance_BZ.exp() * self._gradient(x, len(self.trust))",
        "step_BZ = self._gradient(x, len(self.trust))",
        RECIPE + "test_the_step_is_the_gradient_of_a_linear_decoder",
    ),
    (
        "networks/bow.py",
        "log_variance_BZ = -torch.log1p(_row_sums(x, said).unsqueeze(1) * heard_BZ)",
        "log_variance_BZ = -torch.log(_row_sums(x, said).unsqueeze(1) * heard_BZ + 1e-6)",
        RECIPE + "test_the_precision_adds_up_over_words",
    ),
    (
        "data/batches.py",
        "targets = values[thinning.in_target.index_select(0, self.input.columns)]",
        "targets = self.target.values",
        RECIPE + "test_what_is_read_and_what_is_reconstructed_lose_the_same_words",
    ),
    (
        "priors.py",
        "(logits_P.log_softmax(-1) - 0.5 * (squares + constant_P)).logsumexp(-1)",
        "(logits_P - 0.5 * (squares + constant_P)).logsumexp(-1)",
        RECIPE + "TestEveryPrior",
    ),
    (
        "metrics/topics.py",
        "values[both == 0] = -1.0",
        "values[both == 0] = 0.0",
        "tests/test_topics.py::TestNpmi",
    ),
]

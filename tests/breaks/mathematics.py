"""One-line bugs in the mathematics, and the test that each must turn red."""

BREAKS = [
    (
        "likelihoods.py",
        "torch.where(x == levels - 1, above_bottom, log_prob)",
        "log_prob",
        "tests/test_likelihoods.py::TestEveryLikelihood"
        "::test_the_probabilities_of_all_outcomes_sum_to_one",
    ),
    (
        "likelihoods.py",
        "(self.logits.log_softmax(0) + parts)",
        "(self.logits + parts)",
        "tests/test_likelihoods.py::TestEveryLikelihood"
        "::test_the_probabilities_of_all_outcomes_sum_to_one",
    ),
    (
        "likelihoods.py",
        "F.softplus((self.location - 1) / scale)",
        "F.softplus(-1 / scale)",
        "tests/test_likelihoods.py::test_the_mean_of_a_mixture_is_that_of_its_levels",
    ),
    (
        "likelihoods.py",
        "scores = counts * log_share",
        "scores = log_share",
        "tests/test_likelihoods.py::test_multinomial_is_the_same_for_csr_and_dense",
    ),
    (
        "elbo.py",
        "return (0.5 * self.log_variance).exp()",
        "return self.log_variance.exp()",
        "tests/test_elbo.py::test_log_prob_agrees_with_torch_for_one_and_many_samples",
    ),
    (
        "elbo.py",
        "- 0.5 * self.log_variance.sum(-1)",
        "+ 0.5 * self.log_variance.sum(-1)",
        "tests/test_elbo.py::test_every_importance_weight_under_the_true_posterior_is_the_evidence",
    ),
    (
        "objectives.py",
        "mean(terms.rate_BZ, weight_B).clamp(",
        "terms.rate_BZ.clamp(",
        "tests/test_objectives.py::test_free_nats_cost_nothing_below_the_threshold",
    ),
    (
        "objectives.py",
        "_cycle(step, steps, settings) % 1.0 / settings.warmup",
        "_cycle(step, steps, settings) / settings.warmup",
        "tests/test_objectives.py::test_cyclical_warm_up",
    ),
    (
        "model.py",
        "posterior.sample(generator)",
        "posterior.sample()",
        "tests/test_networks.py::TestEveryNetwork::test_noise_comes_from_the_generator_alone",
    ),
    (
        "networks/bow.py",
        "if self.training and self.word_dropout > 0:",
        "if self.word_dropout > 0:",
        "tests/test_networks.py::TestWordDropout::test_nothing_is_dropped_in_evaluation",
    ),
    (
        "data/weighting.py",
        "(1 + vocabulary.documents)",
        "vocabulary.documents",
        "tests/test_batches.py::TestWeights::test_tfidf_is_that_of_scikit_learn",
    ),
    (
        "build.py",
        "tensor.cpu().numpy().copy()",
        "tensor.cpu().numpy()",
        "tests/test_build.py::TestWeights::test_are_a_copy_that_training_does_not_touch",
    ),
]

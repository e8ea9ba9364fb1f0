"""Bugs of generation: of codes, of what is made of them and of how it is judged."""

BREAKS = [
    (
        "classifier.py",
        "sd_CZ[y] = np.sqrt(own_NZ.var(axis=0) + inside_NZ.mean(axis=0))",
        "sd_CZ[y] = np.sqrt(own_NZ.var(axis=0))",
        "tests/test_generation.py::test_a_class_has_the_moments_of_its_aggregated_posterior",
    ),
    (
        "inference/latent_space.py",
        "is_arc_B11 = angle_B11.sin() > _LEAST_SINE",
        "is_arc_B11 = angle_B11.sin() > 2",
        "tests/test_generation.py::test_the_way_between_two_codes_is_an_arc_in_equal_steps",
    ),
    (
        "inference/latent_space.py",
        "torch.where(lengths > 0, cosine.clamp(-1, 1).acos(), 0.0)",
        "cosine.clamp(-1, 1).acos()",
        "tests/test_generation.py::test_where_there_is_no_arc_the_way_is_straight",
    ),
    (
        "inference/tasks.py",
        "learned = [name for name in head.classes if name not in head.head.absent]",
        "learned = list(head.classes)",
        "tests/test_generation.py::test_a_class_that_cannot_be_asked_for_is_named",
    ),
    (
        "metrics/generation.py",
        "matched += min(count, second if owner == place else first)",
        "matched += min(count, first)",
        "tests/test_generation_metrics.py::test_self_bleu_is_the_mean_of_bleu_against_all_others",
    ),
    (
        "metrics/generation.py",
        "if count > (other == length))",
        "if count > 0)",
        "tests/test_generation_metrics.py::test_self_bleu_is_the_mean_of_bleu_against_all_others",
    ),
    (
        "metrics/frechet.py",
        "(kernel_NN.sum() - np.trace(kernel_NN)) / (count * (count - 1))",
        "kernel_NN.mean()",
        "tests/test_generation_metrics.py::test_the_kernel_distance_of_equal_distributions_is_nothing_on_average",
    ),
    (
        "metrics/frechet.py",
        "between_DD = root_DD @ second_covariance_DD @ root_DD",
        "between_DD = root_DD @ root_DD @ root_DD @ root_DD",
        "tests/test_generation_metrics.py::test_frechet_has_its_closed_form",
    ),
    (
        "applications/generation_texts.py",
        "draw = _different if different else _repeated",
        "draw = _repeated",
        "tests/test_generation.py::test_different_words_are_drawn_one_after_the_other",
    ),
    (
        "report/generation.py",
        "copied = [each for each in found.made if each.copies_low > real.copies_high]",
        "copied = [each for each in found.made if each.copies_low > 1]",
        "tests/test_generation.py::test_a_model_that_repeats_its_training_rows_is_named",
    ),
    (
        "service/questions.py",
        "return max(self.rows_given - 1, 1) * n",
        "return n",
        "tests/test_service.py::test_a_body_that_does_not_fit_is_refused",
    ),
]

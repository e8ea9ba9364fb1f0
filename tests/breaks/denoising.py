"""One-line bugs in damage, denoising and its measures, and the test that each must turn red."""

BREAKS = [
    (
        "networks/noise.py",
        "(pixels + sd * noise).clamp(0, 1)",
        "pixels + sd * noise",
        "tests/test_noise.py::test_noise_on_black_is_the_half_normal_that_clipping_leaves",
    ),
    (
        "networks/images.py",
        "if self.training and self.pixel_noise > 0:",
        "if self.pixel_noise > 0:",
        "tests/test_noise.py::test_the_encoder_reads_damage_in_training_only",
    ),
    (
        "applications/twin.py",
        "PIXEL_FLIPS if spec.levels_read == 2 else PIXEL_NOISE",
        "PIXEL_NOISE",
        "tests/test_noise.py::test_the_twin_reads_damaged_inputs_where_the_model_does_not",
    ),
    (
        "inference/tasks.py",
        "(1 - share_BW) ** words_B1 < 0.5",
        "words_B1 * share_BW > 0.5",
        "tests/test_denoising.py::test_a_word_comes_in_where_most_documents_of_that_length_hold_it",
    ),
    (
        "applications/repair.py",
        "zip(_targets(clean), _answers(vae, given), strict=True)\n    nats",
        "zip(_targets(given), _answers(vae, given), strict=True)\n    nats",
        "tests/test_denoising.py"
        "::test_nats_are_of_the_clean_text_given_the_code_of_the_damaged_one",
    ),
    (
        "applications/repair.py",
        "mean, worst, best = (-10 *",
        "mean, worst, best = (10 *",
        "tests/test_denoising.py"
        "::test_errors_of_images_are_those_of_scikit_learn_and_of_a_constant",
    ),
    (
        "stages/repeat.py",
        "vae = build.model(self.spec, self.vocabulary, model, seed, unigram)",
        "vae = build.model(self.spec, self.vocabulary, self.settings.model, seed, unigram)",
        "tests/test_denoising.py::test_the_twin_is_the_training_with_damaged_inputs",
    ),
]

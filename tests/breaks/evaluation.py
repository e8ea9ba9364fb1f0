"""Bugs of the metrics and of the evaluation; see tools/break.py."""

BREAKS = [
    (
        "metrics/bounds.py",
        "yield min(most, samples - start)",
        "yield most",
        "tests/test_bounds.py::test_each_batch_is_encoded_once_and_decoded_for_exactly_k_samples",
    ),
    (
        "metrics/bounds.py",
        "math.log(samples) - log_weights_KB.double().logsumexp(0)",
        "-log_weights_KB.double().mean(0)",
        "tests/test_bounds.py::test_a_wrong_posterior_reaches_the_evidence_with_many_samples",
    ),
    (
        "metrics/bounds.py",
        "(nll_N / tokens_N).mean().exp()",
        "(nll_N.mean() / tokens_N.mean()).exp()",
        "tests/test_bounds.py::test_perplexities_weigh_documents_and_words",
    ),
    (
        "portion.py",
        "rows = np.flatnonzero(portion.in_scope)",
        "rows = np.arange(len(portion))",
        "tests/test_evaluation.py::test_rows_out_of_scope_change_nothing",
    ),
    (
        "evaluation/evaluate.py",
        "strangers = np.flatnonzero(~everything.in_scope)",
        "strangers = np.flatnonzero(everything.in_scope)",
        "tests/test_evaluation.py::test_strangers_in_test_are_told_from_rows_in_scope",
    ),
    (
        "evaluation/scores.py",
        "some = texts.at(texts.tokens_N > 0)",
        "some = texts.at(texts.tokens_N >= 0)",
        "tests/test_evaluation.py::test_documents_without_a_target_word_have_no_perplexity",
    ),
    (
        "evaluation/judged.py",
        "unseen = ~seen_in_train",
        "unseen = seen_in_train",
        "tests/test_evaluation.py::test_test_rows_that_stand_in_train_are_counted_and_left_out",
    ),
    (
        "evaluation/evaluate.py",
        "gallery.images(subject.vae, subject.valid.examples",
        "gallery.images(subject.vae, subject.test.examples",
        "tests/test_evaluation.py::test_nothing_of_the_test_split_is_shown",
    ),
    (
        "evaluation/scores.py",
        "kl_decomposition.decompose(posterior, _generator(settings), rows, prior.log_prob)",
        "kl_decomposition.decompose(kl_decomposition._at(posterior, rows), _generator(settings))",
        "tests/test_evaluation.py"
        "::test_mutual_information_is_against_the_whole_split_however_large",
    ),
]

"""Bugs in the scores of sentences and in the diagnosis of a latent; see tools/break.py."""

BREAKS = [
    (
        "metrics/sentences.py",
        "min(0.0, 1 - asked / told)",
        "min(0.0, 1 - told / asked)",
        "tests/test_sentences.py::TestBleu::test_what_is_too_short_pays_and_what_is_too_long_does_not",
    ),
    (
        "metrics/sentences.py",
        "counts = Counter(gram[1:] for gram in longer)",
        "counts = Counter({gram: count for gram, count in seen.items() if gram[0] != START})",
        "tests/test_sentences.py::TestKneserNey::test_it_is_the_formula",
    ),
    (
        "metrics/sentences.py",
        "tokens = sum(map(len, sentences)) + len(sentences)",
        "tokens = sum(map(len, sentences))",
        "tests/test_sentences.py::TestKneserNey::test_the_end_counts_as_a_token",
    ),
    (
        "evaluation/scores.py",
        "(target != PAD).sum(1)",
        "(target >= PAD).sum(1)",
        "tests/test_sentences.py::TestScoresOfAModelOfSentences::"
        "test_where_all_kinds_are_alike_their_number_is_the_perplexity",
    ),
    (
        "evaluation/scores.py",
        "texts.at(torch.from_numpy(~seen_N))",
        "texts.at(torch.from_numpy(seen_N))",
        "tests/test_sentences.py::TestScoresOfAModelOfSentences::"
        "test_perplexity_once_more_of_the_sentences_that_train_does_not_hold",
    ),
    (
        "evaluation/scores.py",
        "index_copy_(0, order, nll_N)",
        "index_copy_(0, order.argsort(), nll_N)",
        "tests/test_sentences.py::TestScoresOfAModelOfSentences::"
        "test_perplexity_once_more_of_the_sentences_that_train_does_not_hold",
    ),
    (
        "evaluation/latent_use.py",
        "index_copy_(0, order, order.roll(1))",
        "index_copy_(0, order, order.flip(0))",
        "tests/test_doctor.py::TestShuffledCodes::"
        "test_no_row_keeps_its_code_and_every_code_is_used_once",
    ),
    (
        "evaluation/diagnosis.py",
        "return self.distortion_shuffled_nats - self.distortion_nats",
        "return self.distortion_nats - self.distortion_shuffled_nats",
        "tests/test_doctor.py::TestDiagnosis::test_the_state_follows_the_numbers",
    ),
    (
        "cli/doctor.py",
        'if found.state == "ignored":',
        'if found.state == "unknown":',
        "tests/test_doctor.py::TestCommand::"
        "test_an_ignored_latent_is_status_4_with_the_next_thing_to_try",
    ),
]

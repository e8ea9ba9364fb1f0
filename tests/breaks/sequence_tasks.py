"""Bugs of what a model of sentences is asked for, and of what is measured of it."""

BREAKS = [
    (
        "inference/neighbours.py",
        "distance_BN.diagonal(start).fill_(torch.inf)",
        "distance_BN.diagonal().fill_(torch.inf)",
        "tests/test_sequence_tasks.py::test_neighbours_of_more_codes_than_a_block_holds",
    ),
    (
        "inference/writing.py",
        "0 < self.top_p <= 1",
        "0 <= self.top_p <= 1",
        "tests/test_sequence_tasks.py::test_values_without_a_meaning_are_named",
    ),
    (
        "inference/predictor.py",
        "(batch.target != PAD).sum(1)",
        "(batch.target != PAD).sum(1) - 1",
        "tests/test_sequence_tasks.py::test_the_score_is_the_elbo_by_hand_and_per_token",
    ),
    (
        "applications/generation_sentences.py",
        "pairwise((None, *sentence, None))",
        "pairwise((None, *sentence))",
        "tests/test_sequence_tasks.py::test_bigrams_are_those_of_the_sentences",
    ),
    (
        "applications/repair.py",
        "return [each[:, END + 1 :] for each in held]",
        "return held",
        "tests/test_sequence_tasks.py::test_the_words_of_two_sentences_are_compared_as_sets",
    ),
]

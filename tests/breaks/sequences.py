"""One-line bugs in the networks of sentences, and the test that each must turn red."""

TESTS = "tests/test_sequences.py"

BREAKS = [
    (
        "likelihoods.py",
        "read_BT = torch.cat([torch.full_like(x[:, :1], START), x[:, :-1]], dim=1)",
        "read_BT = x",
        f"{TESTS}::TestLikelihood::test_the_probabilities_of_all_sentences_sum_to_one",
    ),
    (
        "networks/recurrent.py",
        "lengths - 1]",
        "-1]",
        f"{TESTS}::TestLikelihood::test_padding_changes_no_code",
    ),
    (
        "networks/seq.py",
        "if not (self.training and self.word_dropout > 0):",
        "if not self.word_dropout > 0:",
        f"{TESTS}::TestWordDropout::test_is_off_in_evaluation",
    ),
    (
        "networks/transformer.py",
        "(values_R1H, tuple(known[2 * number : 2 * number + 2]), None)",
        "(values_R1H, None, None)",
        f"{TESTS}::TestLikelihood::test_is_the_product_of_what_each_step_says",
    ),
    (
        "networks/decoding.py",
        "state, last = _taken(state, parents), found",
        "last = found",
        f"{TESTS}::TestWriting::test_each_beam_goes_on_from_its_own_words",
    ),
]

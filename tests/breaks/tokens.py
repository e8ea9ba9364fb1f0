"""Bugs of tokens, of sentences of one's own, and of how they are put into batches; see
tools/break.py."""

_TOKENS = "tests/test_tokens.py::"
_SEQUENCES = "tests/test_batches.py::TestSequences::"

BREAKS = [
    (
        "data/tokens.py",
        'described["added_tokens"] = []',
        "pass",
        _TOKENS + "TestEveryKind::test_no_text_can_spell_the_tokens_that_frame_it",
    ),
    (
        "data/tokens.py",
        'SPECIAL = (" pad", "<unk>", " start", " end")',
        'SPECIAL = ("<pad>", "<unk>", "<s>", "</s>")',
        _TOKENS + "TestEveryKind::test_no_text_can_spell_the_tokens_that_frame_it",
    ),
    (
        "data/tokens.py",
        "vocab_size=settings.tokens_size + 1,",
        "vocab_size=settings.tokens_size,",
        _TOKENS + "TestWords::test_as_many_are_kept_as_asked_for_whether_or_not_the_texts_hold_unk",
    ),
    (
        "data/tokens.py",
        "blank.enable_truncation(settings.tokens_longest)",
        "pass",
        _TOKENS + "TestEveryKind::test_what_is_too_long_is_cut_and_counted",
    ),
    (
        "data/prepared.py",
        "tokens.train(texts, settings)",
        'tokens.train(raw.table["text"], settings)',
        _TOKENS + "test_the_vocabulary_is_that_of_training_alone",
    ),
    (
        "data/own_sentences.py",
        "published=True)",
        "published=False)",
        _TOKENS + "test_a_folder_that_was_cut_keeps_every_row_in_its_split",
    ),
    (
        "data/batches.py",
        "length_N[run].argsort(stable=True)",
        "torch.arange(len(run))",
        _SEQUENCES + "test_rows_of_like_length_share_a_batch",
    ),
    (
        "data/batches.py",
        "order = torch.randperm(len(batches), generator=generator)",
        "order = torch.arange(len(batches))",
        _SEQUENCES + "test_batches_come_neither_by_length_nor_twice_in_one_order",
    ),
    (
        "data/batches.py",
        'tokens = np.insert(arrays["tokens"], ends, END)',
        'tokens = np.insert(arrays["tokens"], ends, PAD)',
        _SEQUENCES + "test_each_sentence_then_its_end_then_pad_to_the_longest",
    ),
]

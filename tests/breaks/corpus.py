"""Bugs of the synthetic corpus, the vocabulary and the data report; see tools/break.py."""

BREAKS = [
    (
        "data/terms.py",
        "if len(padded) <= n:",
        "if len(padded) < n:",
        "tests/test_vocabulary.py::test_ngrams_are_those_of_scikit_learn",
    ),
    (
        "data/terms.py",
        'yield from ("".join(pair) for pair in pairwise(run))',
        "pass",
        "tests/test_vocabulary.py::test_chinese_utterances_become_characters_and_pairs",
    ),
    (
        "data/vocabulary.py",
        "key=lambda term: (-frequency[term], term)",
        "key=lambda term: (frequency[term], term)",
        "tests/test_vocabulary.py::test_terms_are_the_commonest_by_documents_then_by_alphabet",
    ),
    (
        "data/vocabulary.py",
        "frequency.update(set(analyze(text, settings.words, settings.characters)))",
        "frequency.update(analyze(text, settings.words, settings.characters))",
        "tests/test_vocabulary.py::test_terms_are_the_commonest_by_documents_then_by_alphabet",
    ),
    (
        "data/terms.py",
        "yield NGRAM + padded",
        "yield padded",
        "tests/test_vocabulary.py::test_no_word_can_be_taken_for_an_ngram",
    ),
    (
        "data/intents.py",
        "int(rng.random() * len(options))",
        "hash(str(options[0])) % len(options)",
        "tests/test_intents.py::test_the_same_seed_gives_the_same_bytes_in_another_process",
    ),
    (
        "data/intents.py",
        '"typo": typed != plain,',
        '"typo": rng.random() < TYPO_SHARE,',
        "tests/test_intents.py::test_typos_bring_words_that_nobody_else_writes",
    ),
    (
        "data/intents.py",
        "FRAMES[manner.form, manner.tense, manner.polarity])",
        'FRAMES[manner.form, manner.tense, "positive"])',
        "tests/test_intents.py::test_every_factor_changes_the_words",
    ),
    (
        "data/summary.py",
        "rows[later].isin(rows[earlier]).sum()",
        "rows[earlier].isin(rows[later]).sum()",
        "tests/test_summary.py::test_duplicates_within_and_across_splits",
    ),
    (
        "data/summary.py",
        '(np.diff(array["indptr"]) == 0).sum()',
        '(np.diff(array["indptr"]) > 0).sum()',
        "tests/test_summary.py::test_coverage_is_the_share_of_tokens",
    ),
    (
        "report/data_picture.py",
        'synthetic = " (synthetic)" if report["synthetic"] else ""',
        'synthetic = ""',
        "tests/test_summary.py::test_the_picture_says_what_was_refused_and_what_is_synthetic",
    ),
]

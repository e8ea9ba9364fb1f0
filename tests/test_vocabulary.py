"""Terms and counts against scikit-learn's vectorizers, and in the scripts it does not know."""

import tracemalloc
import unicodedata
from collections import Counter
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

from latentops.data import terms, vocabulary
from latentops.data.terms import NGRAM, analyze, kind_of
from latentops.data.vocabulary import build, count
from latentops.errors import DataError

LATIN = [
    "Book a table for two at Chez Marie, please!",
    "book   two tables\tfor the table reading",
    "Set an alarm for 7:30 tomorrow (not 7:15).",
    "ÉTÉ à la plage: été, Été...",
    "a b c",
    "",
    "Straße, STRASSE; ﬁne ﬁve",
]


def choice(**changes):
    neutral = {
        "words": True,
        "word_pairs": False,
        "characters": None,
        "min_documents": 1,
        "vocabulary_size": 10_000,
        "target_size": 10_000,
        "target_pairs": 0,
        "stop_words": "none",
    }
    return SimpleNamespace(**{**neutral, **changes})


def words(text):
    return analyze(text, words=True, characters=None)


def pairs_of(in_a_row):
    return [f"{one} {other}" for one, other in pairwise(in_a_row)]


def dense(texts, built):
    return dict(zip(built.terms, count(texts, built).toarray().T.tolist(), strict=True))


def sklearn_counts(texts, **options):
    vectorizer = CountVectorizer(lowercase=False, **options)
    counts = vectorizer.fit_transform([vocabulary_text(text) for text in texts])
    return dict(zip(vectorizer.get_feature_names_out(), counts.toarray().T.tolist(), strict=True))


def vocabulary_text(text):
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def test_words_are_those_of_scikit_learn_on_latin_text():
    assert dense(LATIN, build(LATIN, choice())) == sklearn_counts(
        LATIN, token_pattern=r"(?u)\b\w+\b"
    )


@pytest.mark.parametrize("lengths", [(2, 5), (1, 1), (3, 3), (4, 9)])
def test_ngrams_are_those_of_scikit_learn(lengths):
    built = build(LATIN, choice(words=False, characters=lengths))
    ours = {term.removeprefix(NGRAM): counts for term, counts in dense(LATIN, built).items()}
    assert ours == sklearn_counts(LATIN, analyzer="char_wb", ngram_range=lengths)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(), max_size=5), st.tuples(st.integers(1, 3), st.integers(0, 3)))
def test_ngrams_are_those_of_scikit_learn_on_any_text(texts, lengths):
    shortest, longest = lengths[0], lengths[0] + lengths[1]
    of_sklearn = CountVectorizer(
        analyzer="char_wb", ngram_range=(shortest, longest), lowercase=False
    ).build_analyzer()
    for text in texts:
        ours = Counter(analyze(text, words=False, characters=(shortest, longest)))
        plain = " ".join(terms._chunks(text))
        assert ours == Counter(NGRAM + ngram for ngram in of_sklearn(plain))


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_takes_a_short_way_to_the_same_words(text):
    with_a_character_more = words(text + " é")
    assert words(text) == with_a_character_more[:-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't panic, rock'n'roll 'quoted' o'clock'", "don't panic rock'n'roll quoted o'clock"),
        ("don\u2019t", "don't"),
        ("co\u00adoperate", "cooperate"),
        ("\uff28\uff45\uff4c\uff4c\uff4f \uff11\uff12", "hello 12"),
        ("I\u0307stanbul cafe\u0301", "i\u0307stanbul caf\u00e9"),
        ("snake_case e-mail a.b", "snake case e mail a b"),
        ("हिन्दी में क्षमा करें", "हिन्दी में क्षमा करें"),
        ("\u0915\u094d\u200d\u0937", "\u0915\u094d\u0937"),
        ("שָׁלוֹם עולם", "שָׁלוֹם עולם"),
        ("안녕하세요 세계", "안녕하세요 세계"),
        ("Привет, МИР", "привет мир"),
    ],
)
def test_words_of_scripts_with_spaces(text, expected):
    assert words(text) == vocabulary_text(expected).split()


def test_chinese_utterances_become_characters_and_pairs():
    assert words("明天天气") == ["明", "天", "天", "气", "明天", "天天", "天气"]
    assert words("用iPhone15听歌。") == ["用", "iphone15", "听", "歌", "听歌"]


def test_japanese_and_thai_utterances_become_characters_and_pairs():
    assert words("コーヒー、を") == ["コ", "ー", "ヒ", "ー", "コー", "ーヒ", "ヒー", "を"]
    assert words("ｶﾞﾑ") == ["ガ", "ム", "ガム"]
    assert words("ที่นี่") == ["ที่", "นี่", "ที่นี่"]  # vowel and tone stay with their consonant


def test_chinese_utterances_are_counted():
    texts = ["帮我定一个闹钟", "取消明天的闹钟", "今天天气怎么样", ""]
    built = build(texts, choice(min_documents=2))
    assert dense(texts, built) == {
        "天": [0, 1, 2, 0],
        "钟": [1, 1, 0, 0],
        "闹": [1, 1, 0, 0],
        "闹钟": [1, 1, 0, 0],
    }


@pytest.mark.parametrize("text", ["", "   \n\t", "😀❤️👩‍👩‍👧 🇫🇷", "?!... -- '", "\ufe0f\u0301"])
def test_text_without_letters_has_no_words(text):
    assert words(text) == []


def test_emoji_are_seen_by_character_ngrams():
    assert NGRAM + "😀" in analyze("😀", words=True, characters=(1, 2))


def test_no_word_can_be_taken_for_an_ngram():
    text = "a band ~and ~~ and and~b"
    ngrams = analyze(text, words=False, characters=(1, 4))
    assert set(words(text)).isdisjoint(ngrams)
    assert all(term.startswith(NGRAM) for term in ngrams)
    both = analyze(text, words=True, characters=(1, 4))
    assert Counter(both) == Counter(words(text)) + Counter(ngrams)


def test_terms_are_the_commonest_by_documents_then_by_alphabet():
    texts = ["b b b a", "b a c", "c d d d d", "e"]
    built = build(texts, choice(vocabulary_size=4, target_size=2))
    assert built.terms == ("a", "b", "c", "d")
    assert built.target == (0, 1)
    assert built.document_frequency == (2, 2, 2, 1)
    assert built.documents == 4


def test_rare_terms_are_left_out():
    built = build(["a b", "a c", "a b"], choice(min_documents=2))
    assert built.terms == ("a", "b")
    assert build(["a b", "a c", "a b"], choice(min_documents=3)).terms == ("a",)


def test_stop_words_leave_the_target_but_not_the_vocabulary():
    texts = ["the cat and the dog", "the cat", "a dog"]
    built = build(texts, choice(stop_words="english"))
    assert set(built.terms) == {"the", "cat", "and", "dog", "a"}
    target = {built.terms[column] for column in built.target}
    assert target == {"cat", "dog"} == set(built.terms) - ENGLISH_STOP_WORDS


def test_the_target_holds_words_alone_and_lies_in_the_vocabulary():
    texts = ["alpha beta", "alpha gamma", "alpine"]
    built = build(texts, choice(characters=(2, 3), vocabulary_size=5, target_size=3))
    assert [built.terms[column] for column in built.target] == ["alpha", "alpine", "beta"]


def test_each_kind_of_term_has_the_whole_size_for_itself():
    texts = ["alpha beta", "alpha gamma", "alpine beta"]
    for size in (1, 2, 3):
        built = build(
            texts,
            choice(word_pairs=True, characters=(2, 3), vocabulary_size=size, target_size=2),
        )
        assert Counter(map(kind_of, built.terms)) == {"word": size, "pair": size, "ngram": size}
        assert [built.terms[at] for at in built.target] == ["alpha", "beta"][:size]


def test_a_target_beyond_the_commonest_words_is_counted_among_the_words():
    texts = ["the cat and the dog", "the cat and", "the and"]
    built = build(texts, choice(stop_words="english", vocabulary_size=3, target_size=2))
    assert set(built.terms) == {"and", "cat", "dog"}


def test_pairs_join_the_target_unless_both_words_are_left_out():
    texts = ["out of the red box", "out of the red box", "the red cat"]
    settings = choice(word_pairs=True, target_size=1, target_pairs=2, stop_words="english")
    built = build(texts, settings)
    assert {built.terms[at] for at in built.target} == {"red", "the red", "red box"}


def test_ngrams_are_the_target_where_there_are_no_words():
    built = build(LATIN, choice(words=False, characters=(2, 2), target_size=7))
    assert len(built.target) == 7


def test_target_is_never_larger_than_the_vocabulary():
    built = build(["a b c", "a b"], choice(vocabulary_size=2, target_size=10))
    assert built.terms == ("a", "b")
    assert built.target == (0, 1)


@pytest.mark.parametrize(
    ("texts", "changes", "setting"),
    [
        (["a b", "c d"], {"min_documents": 2}, "data.min_documents"),
        (["😀", "!"], {}, "data.characters"),
        ([], {}, "data.text_column"),
        (["the and of"], {"stop_words": "english"}, "data.stop_words"),
    ],
)
def test_nothing_left_is_an_error_that_names_the_setting(texts, changes, setting):
    with pytest.raises(DataError, match=setting) as caught:
        build(texts, choice(**changes))
    assert "\n" not in str(caught.value)


def test_counts_are_sorted_int32_csr():
    built = build(LATIN, choice())
    counts = count(LATIN, built)
    assert counts.format == "csr"
    assert counts.dtype == counts.indices.dtype == np.int32
    assert counts.shape == (len(LATIN), len(built.terms))
    assert all(
        (np.diff(counts.indices[start:end]) > 0).all()
        for start, end in zip(counts.indptr, counts.indptr[1:], strict=False)
    )
    assert counts[5].nnz == 0  # the empty text


def test_unknown_terms_and_no_texts_are_counted_as_nothing():
    built = build(["a b"], choice())
    assert count(["x y z"], built).nnz == 0
    assert count([], built).shape == (0, 2)


class TestPairs:
    def test_they_are_those_of_scikit_learn_on_latin_text(self) -> None:
        built = build(LATIN, choice(word_pairs=True))
        pairs = {term: n for term, n in dense(LATIN, built).items() if kind_of(term) == "pair"}
        assert pairs == sklearn_counts(LATIN, token_pattern=r"(?u)\b\w+\b", ngram_range=(2, 2))

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.text("ab é'.\n", max_size=30), max_size=6), st.integers(1, 3))
    def test_they_are_those_of_scikit_learn_on_any_latin_text(self, texts, least) -> None:
        """With the words that are there, and however rare a pair must not be."""
        texts = ["a b", "a b a b", "a b", *texts]
        built = build(texts, choice(word_pairs=True, min_documents=least))
        vectorizer = CountVectorizer(analyzer=lambda text: pairs_of(words(text)), min_df=least)
        truth = vectorizer.fit_transform(texts).toarray()
        names = vectorizer.get_feature_names_out()
        found = {term: n for term, n in dense(texts, built).items() if kind_of(term) == "pair"}
        assert found == dict(zip(names, truth.T.tolist(), strict=True))
        frequency = dict(zip(built.terms, built.document_frequency, strict=True))
        assert {name: frequency[name] for name in names} == dict(
            zip(names, (truth > 0).sum(0).tolist(), strict=True)
        )

    def test_punctuation_and_lines_do_not_separate_neighbours_and_a_run_does(self) -> None:
        built = build(["Yes, PLEASE!\nDon\u2019t 用 iPhone 听 now ... go"], choice(word_pairs=True))
        pairs = {term for term in built.terms if kind_of(term) == "pair"}
        assert pairs == {"yes please", "please don't", "now go"}

    def test_no_pair_reaches_from_one_text_into_the_next(self) -> None:
        built = build(["a b", "c d"], choice(word_pairs=True))
        assert [term for term in built.terms if " " in term] == ["a b", "c d"]
        assert dense(["b c d", "d a b"], built)["c d"] == [1, 0]

    def test_a_pair_is_counted_where_its_words_are_no_terms(self) -> None:
        """The words are capped for themselves: here `a` is the only one."""
        built = build(["a b c", "a c b", "a d b c"], choice(word_pairs=True, vocabulary_size=1))
        assert built.terms == ("a", "b c")
        assert count(["b c b c", "c b", ""], built).toarray().tolist() == [[0, 2], [0, 0], [0, 0]]

    def test_the_target_holds_none(self) -> None:
        built = build(["a b", "a b", "a b c"], choice(word_pairs=True))
        assert [built.terms[at] for at in built.target] == ["a", "b", "c"]
        assert built.pairs

    def test_chinese_has_none_and_ngrams_stay_as_they_are(self) -> None:
        with_pairs = build(["明天天气", "今天"], choice(word_pairs=True, characters=(2, 3)))
        without = build(["明天天气", "今天"], choice(characters=(2, 3)))
        assert with_pairs.terms == without.terms
        assert (count(["明天"], with_pairs) != count(["明天"], without)).nnz == 0

    def test_no_texts_and_no_known_pair(self) -> None:
        built = build(["a b"], choice(word_pairs=True))
        assert count([], built).shape == (0, 3)
        assert count(["b a", ""], built).toarray()[:, built.terms.index("a b")].tolist() == [0, 0]
        assert count(["a"], build(["a"], choice(word_pairs=True))).toarray().tolist() == [[1]]

    def test_counts_are_sorted_int32_csr(self) -> None:
        counts = count(LATIN, build(LATIN, choice(word_pairs=True, characters=(2, 3))))
        assert counts.dtype == counts.indices.dtype == np.int32
        assert counts.has_canonical_format


def test_counts_do_not_depend_on_the_block_a_text_falls_in(monkeypatch):
    built = build(LATIN, choice(word_pairs=True, characters=(2, 3)))
    whole = count(LATIN, built).toarray()
    monkeypatch.setattr(vocabulary, "_DOCUMENTS_AT_ONCE", 2)
    assert (count(iter(LATIN), built).toarray() == whole).all()
    assert build(LATIN, choice(word_pairs=True, characters=(2, 3))) == built


def test_memory_stays_far_below_a_dense_matrix():
    texts = [f"word{index} word{index * 7 % 20_000} common" for index in range(20_000)]
    built = build(texts, choice(vocabulary_size=20_000))
    tracemalloc.start()
    count(texts, built)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 50e6  # dense int32: 1.6e9

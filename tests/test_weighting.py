"""TF-IDF against scikit-learn's, kind by kind."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import normalize

from latentops.artifacts import Vocabulary
from latentops.data import weighting

TERMS = ("set", "~se", "an", "set an", "~ an ", "alarm", "~et")
WORDS, PAIRS, NGRAMS = [0, 2, 5], [3], [1, 4, 6]
TRAIN = np.random.default_rng(0).poisson(0.8, (40, 7)).astype(np.int32)
TEST = np.random.default_rng(1).poisson(0.8, (30, 7)).astype(np.int32)
TEST[3] = 0
TEST[4], TEST[4, 5] = 0, 2  # a word and no n-gram
TEST[5], TEST[5, 1] = 0, 1  # an n-gram and no word


def vocabulary(columns: list[int]) -> Vocabulary:
    terms = tuple(TERMS[column] for column in columns)
    return Vocabulary(
        terms=terms,
        document_frequency=tuple((TRAIN[:, columns] > 0).sum(0).tolist()),
        documents=len(TRAIN),
        pairs="set an" in terms,
        characters=(2, 3) if any(term.startswith("~") for term in terms) else None,
    )


def sklearn_weights(columns: list[int]) -> np.ndarray:
    """Rows of length 1 over those columns, in the width of all of them."""
    transformer = TfidfTransformer(sublinear_tf=True).fit(TRAIN[:, columns])
    wide = np.zeros(TEST.shape)
    wide[:, columns] = transformer.transform(TEST[:, columns]).toarray()
    return wide


def weights(columns: list[int]) -> scipy.sparse.csr_matrix:
    return weighting.tfidf(scipy.sparse.csr_matrix(TEST[:, columns]), vocabulary(columns))


@pytest.mark.parametrize("columns", [WORDS, NGRAMS, WORDS + PAIRS])
def test_terms_of_one_group_are_weighted_as_by_scikit_learn(columns: list[int]) -> None:
    truth = sklearn_weights(columns)[:, columns]
    np.testing.assert_allclose(weights(columns).toarray(), truth, rtol=1e-6)


def test_words_with_pairs_and_ngrams_each_have_half_of_the_squared_length() -> None:
    """As two vectorizers of scikit-learn side by side, made a row of length 1."""
    halves = [sklearn_weights(columns) for columns in (WORDS + PAIRS, NGRAMS)]
    found = weights(list(range(7))).toarray()
    np.testing.assert_allclose(found, sum(halves) / np.sqrt(2), rtol=1e-6)
    full = np.all([half.any(axis=1) for half in halves], axis=0)
    np.testing.assert_allclose(found[full], normalize(found[full]), rtol=1e-6)


def test_a_row_of_one_group_has_its_half_and_an_empty_row_is_empty() -> None:
    lengths = np.linalg.norm(weights(list(range(7))).toarray(), axis=1)
    np.testing.assert_allclose(lengths[[3, 4, 5]], [0, 0.5**0.5, 0.5**0.5], rtol=1e-6)


def test_a_row_weighs_the_same_among_others_and_none_at_all_is_no_error() -> None:
    counts, terms = scipy.sparse.csr_matrix(TEST), vocabulary(list(range(7)))
    alone = weighting.tfidf(counts[[7]], terms)
    assert np.array_equal(alone.toarray(), weighting.tfidf(counts, terms)[[7]].toarray())
    assert weighting.tfidf(counts[:0], terms).shape == (0, 7)
    assert alone.dtype == np.float32


def test_nothing_is_sorted_or_left_out() -> None:
    """So that counts and weights of the same rows share their columns."""
    counts = scipy.sparse.csr_matrix(
        (np.array([2, 1, 1]), np.array([5, 0, 2]), np.array([0, 2, 3])), shape=(2, 7)
    )
    found = weighting.tfidf(counts, vocabulary(list(range(7))))
    assert np.array_equal(found.indices, [5, 0, 2])
    assert np.array_equal(found.indptr, [0, 2, 3])


def test_kinds_are_those_of_which_a_term_is_there() -> None:
    every = vocabulary(list(range(7)))
    assert weighting.kinds(every) == {"word", "pair", "ngram"}
    assert weighting.word_columns(every).tolist() == WORDS
    assert weighting.kinds(vocabulary(NGRAMS)) == {"ngram"}
    assert weighting.word_columns(vocabulary(NGRAMS)).tolist() == []
    assert weighting.kinds(Vocabulary()) == frozenset()


def test_ready_terms_are_words_whatever_their_form() -> None:
    ready = Vocabulary(terms=("~20", "new york"), document_frequency=(1, 1), documents=2)
    assert weighting.kinds(ready) == {"word"}


def test_single_words_are_weighted_as_if_there_were_no_other_terms() -> None:
    words = weighting.single_words(vocabulary(list(range(7))))
    assert words.terms == ("set", "an", "alarm")
    found = weighting.tfidf(scipy.sparse.csr_matrix(TEST[:, WORDS]), words)
    np.testing.assert_allclose(found.toarray(), sklearn_weights(WORDS)[:, WORDS], rtol=1e-6)

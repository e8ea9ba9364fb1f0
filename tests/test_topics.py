"""Topics: coherence and diversity by hand, and the words of decoders whose topics are known."""

import math

import numpy as np
import pytest
import scipy.sparse
import torch

from latentops.artifacts import Vocabulary
from latentops.data.batches import Bags, Rows
from latentops.evaluation import text
from latentops.metrics import topics
from latentops.model import VAE
from latentops.networks import bow

WORDS = ("ball", "goal", "team", "disk", "file", "port")
DOCUMENTS = scipy.sparse.csr_matrix(
    [
        [3, 1, 1, 0, 0, 0],
        [1, 2, 0, 0, 0, 0],
        [1, 1, 0, 1, 0, 0],
        [0, 0, 0, 2, 1, 1],
        [0, 0, 1, 1, 1, 0],
        [0, 0, 0, 1, 4, 1],
    ]
)


def bags() -> Bags:
    tensors = (torch.from_numpy(np.asarray(each)) for each in (DOCUMENTS.indptr, DOCUMENTS.indices))
    rows = Rows(*tensors, torch.from_numpy(DOCUMENTS.data), len(WORDS))
    return Bags(input=rows, target=rows)


def vocabulary() -> Vocabulary:
    return Vocabulary(terms=WORDS, target=tuple(range(len(WORDS))))


class TestNpmi:
    def test_words_that_come_only_together_have_1(self) -> None:
        assert topics.npmi([[0, 1]], DOCUMENTS) == pytest.approx([1.0])

    def test_words_that_never_meet_have_minus_1(self) -> None:
        assert topics.npmi([[0, 4]], DOCUMENTS) == pytest.approx([-1.0])

    def test_independent_words_have_0(self) -> None:
        """Half of the documents hold each, a quarter both."""
        counts = scipy.sparse.csr_matrix([[1, 1], [5, 0], [0, 1], [0, 0]])
        assert topics.npmi([[0, 1]], counts) == pytest.approx([0.0])

    def test_is_the_mean_over_the_pairs(self) -> None:
        """ball and team share 1 of 6 documents, 3 and 2 hold them; so do goal and team."""
        pair = math.log((1 / 6) / (3 / 6 * 2 / 6)) / -math.log(1 / 6)
        assert topics.npmi([[0, 1, 2]], DOCUMENTS) == pytest.approx([(1 + 2 * pair) / 3])

    def test_how_often_a_word_comes_in_a_document_is_no_matter(self) -> None:
        assert topics.npmi([[2, 3, 4]], DOCUMENTS) == pytest.approx(
            topics.npmi([[2, 3, 4]], DOCUMENTS.sign())
        )

    def test_words_that_say_nothing_have_finite_values(self) -> None:
        """Of two that all documents hold 0; of one that none holds -1."""
        counts = scipy.sparse.csr_matrix([[1, 1, 0], [1, 1, 0]])
        assert topics.npmi([[0, 1], [0, 2]], counts).tolist() == [0.0, -1.0]


def test_diversity_is_the_share_of_words_that_are_different() -> None:
    assert topics.diversity([[0, 1], [2, 3]]) == 1.0
    assert topics.diversity([[0, 1], [1, 0], [0, 1], [1, 0]]) == 0.25


def vae(kind: type[bow.Decoder] | type[bow.TopicDecoder]) -> VAE:
    """Sports along the first dimension, computers against it; the second says nothing."""
    decoder = "topics" if kind is bow.TopicDecoder else "words"
    settings = bow.Settings(latent=2, hidden=(3,), decoder=decoder)
    made = VAE(bow.Encoder(len(WORDS), settings), kind(len(WORDS), settings), 2).eval()
    sports = torch.tensor([3.0, 2.0, 1.0, -1.0, -2.0, -3.0])
    made.decoder.words.weight.data = torch.stack([sports, 0.1 * sports.flip(0)], dim=1)
    return made


class TestTopicsOfADecoder:
    def test_of_words_are_both_ends_of_each_active_dimension(self) -> None:
        found = text.topics(vae(bow.Decoder), vocabulary(), np.array([True, False]), bags())
        assert {topic.words for topic in found} == {WORDS, WORDS[::-1]}
        assert [topic.dimension for topic in found] == [0, 0]

    def test_of_experts_are_those_that_are_mixed(self) -> None:
        found = text.topics(vae(bow.TopicDecoder), vocabulary(), np.array([True, True]), bags())
        assert {topic.dimension: topic.words for topic in found} == {0: WORDS, 1: WORDS[::-1]}

    def test_are_scored_on_the_documents_and_the_clearest_is_first(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(text, "_TOPIC_WORDS", 2)
        found = text.topics(vae(bow.Decoder), vocabulary(), np.array([True, False]), bags())
        assert [topic.words for topic in found] == [("ball", "goal"), ("port", "file")]
        assert [topic.npmi for topic in found] == pytest.approx(
            topics.npmi([[0, 1], [5, 4]], DOCUMENTS)
        )

    def test_scores_are_means_over_topics(self) -> None:
        model, active = vae(bow.Decoder), np.array([True, False])
        found = text.topics(model, vocabulary(), active, bags())
        scores = text.topic_scores(model, active, found)
        assert scores["topics"] == 2
        assert scores["topic_npmi"] == pytest.approx(np.mean([topic.npmi for topic in found]))
        assert scores["topic_diversity"] == 0.5  # the same six words, twice

    def test_a_collapsed_model_has_none(self) -> None:
        none = np.array([False, False])
        assert text.topics(vae(bow.Decoder), vocabulary(), none, bags()) == []
        assert text.topic_scores(vae(bow.Decoder), none, []) == {}

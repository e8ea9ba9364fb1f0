"""Scores of sentences: BLEU, exact matches and the n-gram model, against others' numbers."""

import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from latentops.metrics.sentences import END, START, KneserNey, bleu, exact_match

REFERENCES = [
    "the cat sat on the mat",
    "a dog barked at the old red car",
    "what is the weather in paris",
    "book a table for two",
]
CANDIDATES = [
    "the cat sat on a mat",
    "a dog barked at the red car today",
    "what is the weather in paris",
    "book table for two",
]


def words(lines: list[str]) -> list[list[str]]:
    return [line.split() for line in lines]


class TestBleu:
    @pytest.mark.parametrize(
        ("order", "published"), [(2, 0.7953178830239258), (4, 0.653032923932381)]
    )
    def test_it_is_that_of_sacrebleu(self, order: int, published: float) -> None:
        """sacrebleu 2.6.0: BLEU(smooth_method="none", tokenize="none", max_ngram_order=order)."""
        found = bleu(words(REFERENCES), words(CANDIDATES), order)
        assert found == pytest.approx(published, abs=1e-12)

    def test_a_word_matches_no_oftener_than_it_stands_in_the_reference(self) -> None:
        """The example of Papineni et al. 2002: 2 of 7, with that one reference."""
        reference, candidate = "the cat is on the mat", "the the the the the the the"
        assert bleu(words([reference]), words([candidate]), 1) == pytest.approx(2 / 7)

    def test_what_is_too_short_pays_and_what_is_too_long_does_not(self) -> None:
        assert bleu(words(["a b c d"]), words(["a b"]), 1) == pytest.approx(math.exp(1 - 4 / 2))
        assert bleu(words(["a b"]), words(["a b c d"]), 1) == pytest.approx(2 / 4)

    def test_a_corpus_has_1_with_itself_however_short_its_sentences(self) -> None:
        assert bleu(words(REFERENCES), words(REFERENCES)) == 1
        assert bleu(words(["stop", "go on"]), words(["stop", "go on"])) == 1

    def test_nothing_in_common_is_0(self) -> None:
        assert bleu(words(["a b"]), words(["c d"])) == 0
        assert bleu(words(["a b", "c"]), [[], []]) == 0

    def test_sentences_without_a_word_are_themselves(self) -> None:
        assert bleu([[], []], [[], []]) == 1
        assert bleu([[]], [["word"]]) == 0


def test_exact_matches_are_of_whole_sentences_in_their_order() -> None:
    assert exact_match(words(["a b", "a b", "a", ""]), words(["a b", "b a", "a a", ""])) == 0.5


TOKENS = 4
CORPUS = [[0, 1, 2], [0, 1], [2, 1, 0, 1], [1], [], [0, 1, 2, 2], [3, 0, 1, 2]]


def by_definition(token: int, context: tuple[int, ...], order: int) -> float:
    """Interpolated Kneser-Ney as the formula has it, counting anew each time; START is "s"."""
    lines = [("s", *sentence, END) for sentence in CORPUS]
    if order == 0:
        return 1 / (TOKENS + 1)
    context = context[max(0, len(context) - order + 1) :] if order > 1 else ()
    if len(context) < order - 1:
        return by_definition(token, context, len(context) + 1)

    def count(gram: tuple[object, ...], highest: bool) -> int:
        places = [
            (line, at)
            for line in lines
            for at in range(len(line) - len(gram) + 1)
            if line[at : at + len(gram)] == gram
        ]
        if highest or gram[0] == "s":
            return len(places)
        return len({line[at - 1] for line, at in places if at > 0})

    highest = order == ORDER
    kinds = [*range(TOKENS), END]
    counts = {kind: count((*context, kind), highest) for kind in kinds}
    total = sum(counts.values())
    shorter = by_definition(token, context[1:], order - 1)
    if total == 0:
        return shorter
    freed = DISCOUNT * sum(each > 0 for each in counts.values())
    return (max(0, counts[token] - DISCOUNT) + freed * shorter) / total


ORDER, DISCOUNT = 3, 0.75  # so few n-grams give no discount of their own


class TestKneserNey:
    @pytest.mark.parametrize("context", [("s",), ("s", 0), ("s", 3), (0, 1), (1, 2), (3, 3), (2,)])
    def test_it_is_the_formula(self, context: tuple[int, ...]) -> None:
        model = KneserNey(CORPUS, ORDER, TOKENS + 1)
        given = [START if each == "s" else each for each in context]
        for token in (*range(TOKENS), END):
            expected = by_definition(token, context, ORDER)
            assert model.probability(token, given) == pytest.approx(expected, abs=1e-12)

    @pytest.mark.parametrize("order", [1, 2, 3, 5])
    def test_the_probabilities_of_all_kinds_sum_to_1(self, order: int) -> None:
        rng = np.random.default_rng(0)
        corpus = [rng.zipf(1.6, rng.integers(8)).clip(max=9).tolist() for _ in range(300)]
        model = KneserNey(corpus, order, 12)
        for context in [(), *product(range(0, 12, 3), repeat=2)]:
            every = [model.probability(kind, context) for kind in (*range(11), END)]
            assert sum(every) == pytest.approx(1, abs=1e-12)
            assert min(every) > 0

    def test_all_sentences_of_a_length_and_what_is_longer_sum_to_1(self) -> None:
        """Sentences of none and one token, and the first two tokens of longer ones."""
        model = KneserNey(CORPUS, 2, TOKENS + 1)
        short = [(), *((token,) for token in range(TOKENS))]
        ended = sum(math.exp(-model.nll_nats(each)) for each in short)
        going_on = sum(
            model.probability(first, (START,)) * model.probability(second, (START, first))
            for first, second in product(range(TOKENS), repeat=2)
        )
        assert ended + going_on == pytest.approx(1, abs=1e-12)

    def test_before_any_sentence_all_kinds_are_alike(self) -> None:
        assert KneserNey([], 3, 7).perplexity([[1, 2], []]) == pytest.approx(7)

    def test_the_end_counts_as_a_token(self) -> None:
        model = KneserNey(CORPUS, 2, TOKENS + 1)
        nats = model.nll_nats([0, 1]) + model.nll_nats([2])
        assert model.perplexity([[0, 1], [2]]) == pytest.approx(math.exp(nats / (3 + 2)))

    def test_it_has_the_published_perplexity_of_the_penn_treebank(self, mirror: Path) -> None:
        """KN3 of Mikolov et al. 2011 (Empirical Evaluation and Combination of Advanced Language
        Modeling Techniques, table 1): 148.3, by SRILM."""
        ids: dict[str, int] = {}
        train, test = (
            [
                [ids.setdefault(word, len(ids)) for word in line.split()]
                for line in (mirror / "ptb" / f"{part}.txt").read_text().splitlines()
            ]
            for part in ("train", "test")
        )
        assert sum(map(len, test)) + len(test) == 82430  # what PTB's perplexity divides by
        assert KneserNey(train, 3, len(ids) + 1).perplexity(test) == pytest.approx(148.3, abs=0.05)

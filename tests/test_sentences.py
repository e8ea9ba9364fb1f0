"""Scores of sentences: BLEU, exact matches and the n-gram model, against others' numbers."""

import math
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import report_samples
import torch
from torch import Tensor, nn

from latentops.artifacts import PAD, Spec, Split, Vocabulary
from latentops.data import settings as data_settings
from latentops.data import tokens
from latentops.data import vocabulary as counting
from latentops.data.batches import sequenced
from latentops.elbo import Posterior
from latentops.evaluation import scores, sentences
from latentops.evaluation.evaluate import evaluate
from latentops.evaluation.results import Evaluation, Sentences
from latentops.evaluation.settings import Settings
from latentops.likelihoods import Autoregressive, State
from latentops.metrics.sentences import END, START, KneserNey, bleu, exact_match
from latentops.model import VAE
from latentops.networks import seq
from latentops.portion import Prepared
from latentops.report import sentences as section

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


KNOWN = [
    "turn the light on",
    "turn the music off please",
    "play it",
    "what is the weather like today",
    "stop",
]
TOKENIZED = data_settings.Settings(tokens="spaces", tokens_min_count=1)
TOKENIZER = tokens.train(KNOWN, TOKENIZED)
KINDS = tokens.kinds(TOKENIZER)
SENTENCES = sequenced(tokens.encode(KNOWN, TOKENIZER))
VOCABULARY = Vocabulary(tokenizer=TOKENIZER)
SURE = 50.0


class Reader(nn.Module):
    """The mean is the place of a sentence among those that are known, as an indicator."""

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Posterior:
        places = [KNOWN.index(text) for text in tokens.decode(x.tolist(), TOKENIZER)]
        mean_BZ = torch.eye(len(KNOWN))[places]
        return Posterior(mean_BZ, torch.full_like(mean_BZ, -20.0))


class Teller(nn.Module):
    """Tells one of some sentences by heart, the one that z points at; else all kinds are alike."""

    def __init__(self, told: list[str] | None) -> None:
        super().__init__()
        self.told = None
        if told is not None:
            self.told = sequenced(tokens.encode(told, TOKENIZER)).batch(torch.arange(5)).target

    def forward(self, z: Tensor, generator: torch.Generator | None = None) -> Autoregressive:
        return Autoregressive(self, z, generator)

    def begin(self, z: Tensor) -> State:
        return z.argmax(1), torch.zeros(len(z), dtype=torch.int64)

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        told_R, place_R = state
        logits = torch.zeros(len(told_R), KINDS)
        if self.told is not None:
            last = self.told.shape[1] - 1
            logits[torch.arange(len(told_R)), self.told[told_R, place_R.clamp(max=last)]] = SURE
        return logits, (told_R, place_R + 1)

    def log_prob(
        self, read: Tensor, wanted: Tensor, z: Tensor, generator: torch.Generator | None
    ) -> Tensor:
        state, columns = self.begin(z), []
        for column in wanted.T:
            logits, state = self.step(column, state)
            columns.append(logits.log_softmax(1)[torch.arange(len(column)), column])
        return torch.stack(columns, 1).masked_fill(wanted == PAD, 0.0)


def vae_telling(told: list[str] | None) -> VAE:
    return VAE(Reader(), Teller(told), latent=len(KNOWN)).eval()


class TestScoresOfAModelOfSentences:
    def test_who_tells_by_heart_reconstructs_everything(self) -> None:
        found = sentences.reconstruction_scores(vae_telling(KNOWN), SENTENCES, VOCABULARY)
        assert found == {"reconstruction_exact_match": 1, "reconstruction_bleu": 1}

    def test_a_wrong_word_costs_one_sentence(self) -> None:
        told = [KNOWN[0], "turn the music on please", *KNOWN[2:]]
        found = sentences.reconstruction_scores(vae_telling(told), SENTENCES, VOCABULARY)
        assert found["reconstruction_exact_match"] == 4 / 5
        words_of = [each.split() for each in KNOWN], [each.split() for each in told]
        assert found["reconstruction_bleu"] == pytest.approx(bleu(*words_of))
        assert found["reconstruction_bleu"] < 1

    def test_where_all_kinds_are_alike_their_number_is_the_perplexity(self) -> None:
        """With the end of each sentence counted, and no padding."""
        spec = Spec(source="known", kind="counts", shape=(3,), tokens=KINDS)
        settings = Settings(importance_samples=3)
        found = scores.bound_scores(vae_telling(None), SENTENCES, spec, settings)
        count = sum(len(text.split()) + 1 for text in KNOWN)
        assert found["tokens_scored"] == count
        assert found["distortion_nats"] == pytest.approx(count * math.log(KINDS) / 5, rel=1e-6)
        rate = found["rate_nats"] * 5 / count
        assert found["perplexity_token_elbo"] == pytest.approx(KINDS * math.exp(rate), rel=1e-6)
        assert found["nll_is_nats_per_token"] == pytest.approx(
            found["nll_is_nats"] * 5 / count, rel=1e-9
        )
        assert math.log(found["perplexity_token_is"]) == found["nll_is_nats_per_token"]
        assert not any(name.startswith(("perplexity_doc", "documents")) for name in found)

    def test_perplexity_once_more_of_the_sentences_that_train_does_not_hold(self) -> None:
        spec = Spec(source="known", kind="counts", shape=(3,), tokens=KINDS)
        settings = Settings(importance_samples=3)
        seen_N = np.array([True, False, False, True, False])
        vae = vae_telling(["stop", *KNOWN[1:]])
        found = scores.bound_scores(vae, SENTENCES, spec, settings, seen_N)
        rate, distortion, _ = scores.elbo_terms(vae, SENTENCES, torch.Generator().manual_seed(0))
        lengths_N = SENTENCES.starts.diff()
        unseen = torch.from_numpy(~seen_N)
        nats = (rate + distortion)[unseen].sum() / lengths_N[unseen].sum()
        assert found["perplexity_token_elbo_unseen"] == pytest.approx(nats.exp().item())
        assert found["perplexity_token_elbo"] > 2 * found["perplexity_token_elbo_unseen"]
        assert found["perplexity_token_is"] > 2 * found["perplexity_token_is_unseen"]
        assert "tokens_scored_unseen" not in found

    @pytest.mark.parametrize("seen", [None, [True] * 5, [False] * 5])
    def test_there_is_no_second_perplexity_where_all_or_none_are_seen(
        self, seen: list[bool] | None
    ) -> None:
        spec = Spec(source="known", kind="counts", shape=(3,), tokens=KINDS)
        seen_N = None if seen is None else np.array(seen)
        settings = Settings(importance_samples=1)
        found = scores.bound_scores(vae_telling(None), SENTENCES, spec, settings, seen_N)
        assert not any(name.endswith("_unseen") for name in found)

    def test_the_gallery_shows_what_comes_back_and_ways_between(self) -> None:
        vae = vae_telling(KNOWN)
        found = sentences.gallery(
            vae, SENTENCES, np.eye(5, dtype=np.float32), VOCABULARY, torch.Generator()
        )
        assert found.reconstructions == tuple((text, text) for text in KNOWN)
        assert set(found.samples) <= set(KNOWN)
        assert [(way[0], way[-1]) for way in found.crossings] == [
            (KNOWN[0], KNOWN[1]),
            (KNOWN[2], KNOWN[3]),
        ]

    def test_what_is_cut_off_is_no_longer_than_its_tokens_tell(self) -> None:
        assert sentences.originals_of(SENTENCES, VOCABULARY) == KNOWN


def prepared(texts: list[str]) -> Prepared:
    counts = counting.count(pd.Series(texts), COUNTED)
    arrays = {
        "indptr": counts.indptr.astype(np.int64),
        "indices": counts.indices,
        "counts": counts.data,
        "y": np.full(len(texts), -1),
        "in_scope": np.ones(len(texts), dtype=bool),
        **tokens.encode(texts, TOKENIZER),
    }
    return Prepared(arrays, pd.DataFrame({"row": np.arange(len(texts)), "text": texts}))


COUNTED = counting.build(pd.Series(KNOWN * 3), data_settings.Settings(min_documents=1))


@pytest.fixture(scope="module")
def found() -> Evaluation:
    texts = {"train": KNOWN[:3] * 4, "valid": KNOWN * 3, "test": KNOWN}
    splits: dict[Split, Prepared] = {name: prepared(each) for name, each in texts.items()}
    vocabulary = COUNTED.model_copy(update={"tokenizer": TOKENIZER})
    spec = Spec(source="known", kind="counts", shape=(len(COUNTED.terms),), tokens=KINDS)
    model = seq.Settings(latent=len(KNOWN))
    settings = Settings(importance_samples=2)
    return evaluate(vae_telling(KNOWN), None, spec, vocabulary, splits, model, settings)


class TestEvaluation:
    def test_it_has_every_score_of_sentences(self, found: Evaluation) -> None:
        assert found.scores["reconstruction_exact_match"] == 1
        assert found.scores["test_rows_also_in_train"] == 3
        assert found.scores["distortion_nats"] == pytest.approx(0, abs=1e-6)
        assert found.scores["distortion_shuffled_nats"] > SURE
        assert found.scores["perplexity_token_is_unseen"] > 1

    def test_it_shows_sentences_of_validation_and_no_words_of_a_bag(
        self, found: Evaluation
    ) -> None:
        assert found.dimensions == []
        assert found.sentences is not None
        assert len(found.sentences.reconstructions) == 10
        assert found.use.gain_nats > SURE


def test_the_report_says_where_a_sentence_came_back_as_it_was() -> None:
    facts = report_samples.digits()
    assert section.sentences(facts) is None
    told = Sentences(
        reconstructions=(("play it", "play it"), ("stop", "stop it")),
        samples=("please " * 100,),
        crossings=(("a", "b", "c"),),
    )
    found = section.sentences(replace(facts, evaluation=replace(facts.evaluation, sentences=told)))
    assert found is not None
    returned, made, way = found.blocks
    assert returned.rows == (("play it", "the same"), ("stop", "stop it"))
    assert len(made.rows[0][0]) == section.LONGEST_TEXT + 1
    assert way.rows == (("1", "a"), ("2", "b"), ("3", "c"))

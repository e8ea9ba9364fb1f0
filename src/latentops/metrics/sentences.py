"""How near sentences come to others: BLEU, exact matches, and perplexity under an n-gram model.

A sentence is a sequence of tokens without its start and its end. How varied sentences are,
`generation.self_bleu` and `generation.distinct` say.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence

Sentence = Sequence[Hashable]
Gram = tuple[int, ...]

START, END = -2, -1  # no tokens: those count from 0
_USUAL_DISCOUNTS = (0.0, 0.75, 0.75, 0.75)  # where counts of counts give none


def exact_match(references: Sequence[Sentence], candidates: Sequence[Sentence]) -> float:
    """Share of candidates that are their reference, token by token."""
    pairs = list(zip(references, candidates, strict=True))
    return sum(tuple(reference) == tuple(candidate) for reference, candidate in pairs) / len(pairs)


def bleu(references: Sequence[Sentence], candidates: Sequence[Sentence], order: int = 4) -> float:
    """Corpus BLEU of Papineni et al. 2002 in [0, 1], one reference each, not smoothed.

    Matches are summed over all sentences before they are divided, so that it is no mean over
    sentences; 0 where no n-gram of some length matches. Lengths up to `order` that no reference
    has are left out, so that a corpus has BLEU 1 with itself.
    """
    pairs = list(zip(references, candidates, strict=True))
    told = sum(map(len, candidates))
    asked = sum(map(len, references))
    if told == 0:
        return float(asked == 0)
    orders = min(order, max(map(len, references)))
    matches = [_matches(pairs, n) for n in range(1, orders + 1)]
    if not matches or not all(matched for matched, _ in matches):
        return 0.0
    log_precision = sum(math.log(matched / made) for matched, made in matches) / orders
    return math.exp(log_precision + min(0.0, 1 - asked / told))


def _matches(pairs: Sequence[tuple[Sentence, Sentence]], n: int) -> tuple[int, int]:
    """Of the candidates' n-grams those that stand in their reference, as often, and all."""
    matched = made = 0
    for reference, candidate in pairs:
        own = Counter(_grams(candidate, n))
        matched += (own & Counter(_grams(reference, n))).total()
        made += own.total()
    return matched, made


def _grams(sentence: Sentence, n: int) -> Iterator[tuple[Hashable, ...]]:
    return zip(*(sentence[at:] for at in range(n)), strict=False)


class KneserNey:
    """An interpolated Kneser-Ney model of n-grams up to `order` tokens; the end is predicted.

    Modified Kneser-Ney of Chen and Goodman 1999: three discounts for each length. N-grams shorter
    than `order` count by how many different tokens stand before them, but for those at the start
    of a sentence, where nothing does. Below the shortest all `kinds` of token, the end among them,
    are equally likely: so no token has probability 0, and those of all kinds sum to 1 after every
    context. On the Penn Treebank's test part: perplexity 148.28 at order 3, 141.19 at
    order 5, as published (Mikolov et al. 2011: 148.3, 141.2).
    """

    def __init__(self, sentences: Sequence[Sequence[int]], order: int, kinds: int) -> None:
        self.order, self.kinds = order, kinds
        seen = [_seen(sentences, n) for n in range(1, order + 1)]
        self._levels = [
            _Level(_continuations(shorter, longer))
            for shorter, longer in zip(seen, [*seen[1:], None], strict=True)
        ]

    def probability(self, token: int, context: Sequence[int]) -> float:
        """Of a token, or of `END`, after the tokens before it; at most the last ones count."""
        probability = 1 / self.kinds
        for length, level in enumerate(self._levels):
            if length <= len(context):
                kept = tuple(context[len(context) - length :])
                probability = level.interpolated(token, kept, probability)
        return probability

    def nll_nats(self, sentence: Sequence[int]) -> float:
        """Minus the log-probability of the sentence and its end."""
        line = (START, *sentence, END)
        return -sum(
            math.log(self.probability(line[at], line[max(0, at - self.order + 1) : at]))
            for at in range(1, len(line))
        )

    def perplexity(self, sentences: Sequence[Sequence[int]]) -> float:
        """exp of all nats over all tokens, the ends counted."""
        tokens = sum(map(len, sentences)) + len(sentences)
        return math.exp(sum(map(self.nll_nats, sentences)) / tokens)


class _Level:
    """N-grams of one length."""

    def __init__(self, counts: Counter[Gram]) -> None:
        self.counts = counts
        self.discounts = _discounts(counts)
        self.total: Counter[Gram] = Counter()
        self.freed: dict[Gram, float] = defaultdict(float)  # what discounts take of the total
        for gram, count in counts.items():
            self.total[gram[:-1]] += count
            self.freed[gram[:-1]] += self.discounts[min(count, 3)]

    def interpolated(self, token: int, context: Gram, shorter: float) -> float:
        """`shorter`: the probability after one token of context less."""
        total = self.total[context]
        if total == 0:
            return shorter
        count = self.counts[(*context, token)]
        return (count - self.discounts[min(count, 3)] + self.freed[context] * shorter) / total


def _seen(sentences: Sequence[Sequence[int]], n: int) -> Counter[Gram]:
    """The n-grams that end in a token or in an end, and how often each stands."""
    grams: Counter[Gram] = Counter()
    for sentence in sentences:
        line = (START, *sentence, END)
        grams.update(zip(*(line[at:] for at in range(n)), strict=False))
    grams.pop((START,), None)
    return grams


def _continuations(seen: Counter[Gram], longer: Counter[Gram] | None) -> Counter[Gram]:
    """How many different tokens stand before each n-gram; at the start, how often it stands."""
    if longer is None:
        return seen
    counts = Counter(gram[1:] for gram in longer)
    counts.update({gram: count for gram, count in seen.items() if gram[0] == START})
    return counts


def _discounts(counts: Counter[Gram]) -> tuple[float, float, float, float]:
    """Of n-grams that stand never, once, twice and more often: Chen and Goodman 1999, equation 17.

    The usual ones where some count of counts is 0, or where one would not be above 0.
    """
    of_count = Counter(counts.values())
    n1, n2, n3, n4 = (of_count[count] for count in (1, 2, 3, 4))
    if not (n1 and n2 and n3 and n4):
        return _USUAL_DISCOUNTS
    once = n1 / (n1 + 2 * n2)
    found = (1 - 2 * once * n2 / n1, 2 - 3 * once * n3 / n2, 3 - 4 * once * n4 / n3)
    return (0.0, *found) if min(found) > 0 else _USUAL_DISCOUNTS

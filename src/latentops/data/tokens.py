"""Texts -> the tokens of a sentence in their order, by the `tokenizers` library, and back.

A tokenizer travels as the library's own JSON. Its first four tokens are those of `artifacts`; the
names of three of them hold a space, which no token of a text does, so that no text can spell them:
a text that says "</s>" says just that. Only UNKNOWN has a name that can be read, `<unk>`, as the
Penn Treebank comes with it; where tokens are pieces of bytes nothing is unknown.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from latentops.artifacts import END, PAD, START, UNKNOWN, Arrays
from latentops.errors import DataError

if TYPE_CHECKING:  # slow to load, and only where texts are sequences
    from tokenizers import Tokenizer

SPECIAL = (" pad", "<unk>", " start", " end")
"""The names of PAD, UNKNOWN, START and END."""

_TEXTS_AT_ONCE = 4096
_WITHOUT_SPACES = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_LETTER = rf"(?:(?![{_WITHOUT_SPACES}])[\p{{L}}\p{{M}}\p{{N}}])"
_WORD_OR_MARK = rf"{SPECIAL[UNKNOWN]}|{_LETTER}+(?:'{_LETTER}+)*|[{_WITHOUT_SPACES}]\p{{M}}*|."


class Choice(Protocol):
    """The settings of section `data` that choose the tokens."""

    @property
    def tokens(self) -> Literal["none", "spaces", "words", "bpe"]: ...
    @property
    def tokens_size(self) -> int: ...
    @property
    def tokens_min_count(self) -> int: ...
    @property
    def tokens_longest(self) -> int: ...


def train(texts: Iterable[str], settings: Choice) -> str:
    """The JSON of a tokenizer that knows the commonest words, or byte pairs, of `texts`.

    It cuts what is longer than `tokens_longest`. The same texts give the same JSON.
    """
    blank = _pieces() if settings.tokens == "bpe" else _words(settings)
    blank.train_from_iterator(texts, trainer=_trainer(settings))
    blank.enable_truncation(settings.tokens_longest)
    described = json.loads(blank.to_str())
    described["added_tokens"] = []  # the library would look for these in the text itself
    vocabulary = described["model"]["vocab"]
    if settings.tokens != "bpe":
        vocabulary = _after_special(vocabulary, settings.tokens_size)
        described["model"]["vocab"] = vocabulary
    if len(vocabulary) == len(SPECIAL):
        raise DataError(
            f"No word stands {settings.tokens_min_count} times in the training texts, so there "
            "are no tokens. Lower data.tokens_min_count, or bring more texts."
        )
    return json.dumps(described, ensure_ascii=False)


def encode(texts: Iterable[str], tokenizer: str) -> Arrays:
    """`tokens_indptr` int64 [N + 1] and `tokens` int32: each text's, without START and END."""
    rows = [encoding.ids for encoding in _encodings(texts, _loaded(tokenizer))]
    ends = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    flat = np.fromiter((token for row in rows for token in row), np.int32, count=int(ends[-1]))
    return {"tokens_indptr": ends, "tokens": flat}


def decode(rows: Iterable[Iterable[int]], tokenizer: str) -> list[str]:
    """The text of each row of tokens up to its END; PAD and START say nothing."""
    loaded = _loaded(tokenizer)
    return [loaded.decode(_said(row), skip_special_tokens=False) for row in rows]


def kinds(tokenizer: str) -> int:
    """How many kinds of token there are, the special ones among them."""
    return _loaded(tokenizer).get_vocab_size()


def names(tokenizer: str) -> tuple[str, ...]:
    """What each token is called: a word, or a piece in the letters that GPT-2 gave to bytes."""
    vocabulary = _loaded(tokenizer).get_vocab()
    return tuple(sorted(vocabulary, key=vocabulary.__getitem__))


def cut(texts: Iterable[str], tokenizer: str) -> int:
    """How many of the texts are longer than the tokenizer lets them be."""
    return sum(bool(encoding.overflowing) for encoding in _encodings(texts, _loaded(tokenizer)))


def _words(settings: Choice) -> "Tokenizer":
    """Untrained; what stands between white space, or lower-cased words and single marks."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    blank = Tokenizer(models.WordLevel({}, unk_token=SPECIAL[UNKNOWN]))
    blank.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if settings.tokens == "words":
        marks = pre_tokenizers.Split(Regex(_WORD_OR_MARK), "isolated")
        blank.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), marks])
        spelling = [normalizers.NFKC(), normalizers.Replace("\u2019", "'"), normalizers.Lowercase()]
        blank.normalizer = normalizers.Sequence(spelling)
        blank.decoder = decoders.WordPiece()  # no space before . , ? !
    return blank


def _pieces() -> "Tokenizer":
    """Untrained; byte pairs as in GPT-2 (Sennrich et al. 2016; Radford et al. 2019)."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    blank = Tokenizer(models.BPE())
    blank.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    blank.decoder = decoders.ByteLevel()
    return blank


def _trainer(settings: Choice) -> Any:
    from tokenizers import pre_tokenizers, trainers

    if settings.tokens != "bpe":
        return trainers.WordLevelTrainer(
            vocab_size=settings.tokens_size + 1,  # the texts may hold a word that is special
            min_frequency=settings.tokens_min_count,
            show_progress=False,
        )
    return trainers.BpeTrainer(
        vocab_size=settings.tokens_size + len(SPECIAL),
        min_frequency=settings.tokens_min_count,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )


def _after_special(vocabulary: dict[str, int], size: int) -> dict[str, int]:
    """The commonest `size` words behind the special ones, whether or not the texts hold these."""
    ranked = [
        word for word in sorted(vocabulary, key=vocabulary.__getitem__) if word not in SPECIAL
    ]
    return {word: token for token, word in enumerate([*SPECIAL, *ranked[:size]])}


@lru_cache(maxsize=4)
def _loaded(tokenizer: str) -> "Tokenizer":
    """Remembered, for a service encodes one text at a time."""
    from tokenizers import Tokenizer

    return Tokenizer.from_str(tokenizer)


def _encodings(texts: Iterable[str], loaded: "Tokenizer") -> Iterator[Any]:
    texts = list(texts)
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        block = texts[start : start + _TEXTS_AT_ONCE]
        yield from loaded.encode_batch(block, add_special_tokens=False)


def _said(row: Iterable[int]) -> Sequence[int]:
    tokens = takewhile(lambda token: token != END, map(int, row))
    return [token for token in tokens if token not in (PAD, START)]

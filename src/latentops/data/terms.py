"""Text in any script -> terms.

A term is a word, a pair of words, which alone holds a space inside, or a character n-gram, which
begins with `NGRAM` as no word does. Words are casefolded runs of letters, marks and digits with
inner apostrophes. Where a script writes no spaces (Chinese, Japanese, Thai, ...) its characters
and their pairs stand for words.

Neighbours are two words of one text with no third between them, whatever punctuation, white space
or symbols are: "yes, please" has the pair "yes please". A run of a script without spaces separates
the words before it from those behind, and is in no pair itself: its characters are paired already.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import regex

NGRAM = "~"

Kind = Literal["word", "pair", "ngram"]

WITHOUT_SPACES = "".join(
    rf"\p{{scx={script}}}" for script in ("Hani", "Hira", "Kana", "Thai", "Laoo", "Khmr", "Mymr")
)
_START = rf"[[\p{{L}}\p{{N}}]--[{WITHOUT_SPACES}]]"
_INNER = rf"[[\p{{L}}\p{{N}}\p{{M}}]--[{WITHOUT_SPACES}]]"
_WORD_OR_RUN = regex.compile(
    rf"(?V1)(?P<word>{_START}{_INNER}*(?:'{_INNER}+)*)"
    rf"|(?P<run>[[\p{{L}}\p{{N}}\p{{M}}]&&[{WITHOUT_SPACES}]]+)"
)
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*")  # what _WORD_OR_RUN finds there, sooner
_CHARACTER = regex.compile(r"\X")  # with its vowel signs and tone marks

# Curly apostrophes are apostrophes. What only shapes letters (soft hyphens, joiners, the emoji
# selectors and keycap) would otherwise split words or stand as words.
_SPELLING = {
    0x2019: "'",
    **dict.fromkeys((0xAD, 0x200C, 0x200D, 0x2060, 0x20E3, 0xFE0E, 0xFE0F, 0xFEFF)),
}

_REMEMBERED_CHUNKS = 50_000  # 60 MB where n-grams of 2 to 5 characters are terms


def kind_of(term: str) -> Kind:
    if term.startswith(NGRAM):
        return "ngram"
    return "pair" if " " in term else "word"


def analyze(text: str, words: bool, characters: tuple[int, int] | None) -> list[str]:
    """Every word and every n-gram of `text`, as often as it stands there."""
    if characters is None and text.isascii():
        return _ASCII_WORD.findall(text.lower()) if words else []
    return [term for chunk in _chunks(text) for term in _terms(chunk, words, characters)]


def in_a_row(text: str) -> list[str]:
    """The words of `text`; an empty one for each run of a script without spaces.

    Two that follow each other and are not empty are neighbours.
    """
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return [word for chunk in _chunks(text) for word in _words_and_gaps(chunk)]


def _chunks(text: str) -> list[str]:
    """The normalized text, cut at white space: no word or n-gram reaches over it."""
    if text.isascii():
        return text.lower().split()
    normalized = unicodedata.normalize("NFKC", text.translate(_SPELLING)).casefold()
    return unicodedata.normalize("NFKC", normalized).split()


@lru_cache(maxsize=_REMEMBERED_CHUNKS)
def _terms(chunk: str, words: bool, characters: tuple[int, int] | None) -> tuple[str, ...]:
    """Few chunks make up most of any text, so their terms are remembered."""
    of_words = _words(chunk) if words else ()
    of_characters = _ngrams(f" {chunk} ", *characters) if characters else ()
    return (*of_words, *of_characters)


@lru_cache(maxsize=_REMEMBERED_CHUNKS)
def _words_and_gaps(chunk: str) -> tuple[str, ...]:
    return tuple(match["word"] or "" for match in _WORD_OR_RUN.finditer(chunk))


def _words(chunk: str) -> Iterator[str]:
    for match in _WORD_OR_RUN.finditer(chunk):
        if match["run"] is None:
            yield match["word"]
        else:
            run = _CHARACTER.findall(match["run"])
            yield from run
            yield from ("".join(pair) for pair in pairwise(run))


def _ngrams(padded: str, shortest: int, longest: int) -> Iterator[str]:
    """scikit-learn's `char_wb`: a chunk shorter than n is given whole, and once."""
    for n in range(shortest, longest + 1):
        for start in range(max(1, len(padded) - n + 1)):
            yield NGRAM + padded[start : start + n]
        if len(padded) <= n:
            return

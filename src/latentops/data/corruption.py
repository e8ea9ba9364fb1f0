"""Texts damaged as people damage them: words left out, in another order, misspelt.

Two of the operations of easy data augmentation (Wei and Zou 2019), without its synonyms, and typing
errors. A word is a run without white space that holds a letter or a digit, punctuation included; of
a script that writes no spaces it is a character.
"""

from typing import Literal

import numpy as np
import regex

from latentops.data.terms import WITHOUT_SPACES

Kind = Literal["drop", "swap", "misspell"]

_PIECE = regex.compile(rf"(?V1)[{WITHOUT_SPACES}]\p{{M}}*|[\S--[{WITHOUT_SPACES}]]+|\s+")
_CHARACTER = regex.compile(r"\X")  # with its accents and vowel signs

_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def corrupt(text: str, kind: Kind, share: float, rng: np.random.Generator) -> str:
    """`text` with about `share` of its words dropped, moved or misspelt, drawn by `rng`.

    The number of words is share times all, rounded up or down by chance, so that it is right on
    average. One word always stays; those that are swapped, two at least, take each other's places.
    A misspelt one has a letter missing, doubled, hit on a neighbouring key or exchanged with the
    next. A text without a word stays as it is.
    """
    gaps_and_words = _cut(text)
    places = 2 * rng.permutation(len(gaps_and_words) // 2) + 1
    count = int(share * len(places) + rng.random())
    if kind == "drop":
        return _without(gaps_and_words, places[: min(count, len(places) - 1)])
    if kind == "swap":
        return _turned(gaps_and_words, places[: max(count, 2)] if count else places[:0])
    for place in places[:count]:
        gaps_and_words[place] = _misspelt(gaps_and_words[place], rng)
    return "".join(gaps_and_words)


def word_count(text: str) -> int:
    """How many words `corrupt` can damage."""
    return len(_cut(text)) // 2


def _cut(text: str) -> list[str]:
    """A gap, a word, a gap, ..., a gap: together the text. Gaps may be empty."""
    pieces = [""]
    for piece in _PIECE.findall(text):
        if any(map(str.isalnum, piece)):
            pieces += [piece, ""]
        else:
            pieces[-1] += piece
    return pieces


def _without(gaps_and_words: list[str], places: np.ndarray) -> str:
    """Each word goes with the gap behind it."""
    if not len(places):
        return "".join(gaps_and_words)
    gone = {*places.tolist(), *(places + 1).tolist()}
    return "".join(each for at, each in enumerate(gaps_and_words) if at not in gone).strip()


def _turned(gaps_and_words: list[str], places: np.ndarray) -> str:
    """Every word at `places` stands at the next of them, the last at the first."""
    words = [gaps_and_words[place] for place in places]
    for place, word in zip(np.roll(places, -1), words, strict=True):
        gaps_and_words[place] = word
    return "".join(gaps_and_words)


def _misspelt(word: str, rng: np.random.Generator) -> str:
    """Never `word` itself, and never without a letter: what cannot be done doubles a letter."""
    characters = _CHARACTER.findall(word)
    letters = [at for at, each in enumerate(characters) if any(map(str.isalnum, each))]
    at = letters[rng.integers(len(letters))]
    before, letter, behind = characters[:at], characters[at], characters[at + 1 :]
    made = [letter, letter]
    slip = rng.integers(4)
    if slip == 0 and len(letters) > 1:
        made = []
    elif slip == 1 and letter.lower() in _NEIGHBOURS:
        keys = _NEIGHBOURS[letter.lower()]
        key = keys[rng.integers(len(keys))]
        made = [key.upper() if letter.isupper() else key]
    elif slip == 2 and behind and behind[0] != letter:
        made, behind = [behind[0], letter], behind[1:]
    return "".join([*before, *made, *behind])


def _neighbours() -> dict[str, str]:
    """The keys beside, above and below each; each row of keys stands half a key to the right."""
    key_at = {(row, at): key for row, keys in enumerate(_KEYBOARD) for at, key in enumerate(keys)}
    around = ((0, -1), (0, 1), (-1, 0), (-1, 1), (1, -1), (1, 0))
    return {
        key: "".join(key_at.get((row + down, at + right), "") for down, right in around)
        for (row, at), key in key_at.items()
    }


_NEIGHBOURS = _neighbours()

"""Damage to texts: as much as was asked for, of the kind that was asked for, and no more."""

from collections import Counter
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentops.data import corruption
from latentops.data.corruption import Kind, corrupt

KINDS = get_args(Kind)
LONG = " ".join(f"word{number}" for number in range(1000))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def edits(one: str, other: str) -> int:
    """The Damerau-Levenshtein distance (optimal string alignment), by its recurrence."""
    table = np.zeros((len(one) + 1, len(other) + 1), dtype=int)
    table[:, 0], table[0] = range(len(one) + 1), range(len(other) + 1)
    for i, a in enumerate(one, 1):
        for j, b in enumerate(other, 1):
            found = [table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a != b)]
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                found.append(table[i - 2, j - 2] + 1)
            table[i, j] = min(found)
    return int(table[-1, -1])


@given(st.text(), st.sampled_from(KINDS), st.floats(0, 1), st.integers(0, 99))
def test_no_text_is_emptied_and_the_same_draw_gives_the_same_text(
    text: str, kind: Kind, share: float, seed: int
) -> None:
    damaged = corrupt(text, kind, share, rng(seed))
    assert damaged == corrupt(text, kind, share, rng(seed))
    if corruption.word_count(text) == 0:
        assert damaged == text
    else:
        assert corruption.word_count(damaged) >= 1
    damaged.encode()


@given(st.text(), st.sampled_from(KINDS))
def test_a_share_of_nothing_changes_nothing(text: str, kind: Kind) -> None:
    assert corrupt(text, kind, 0.0, rng()) == text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["", "   ", "?! -- ...", "\n\t"])
def test_a_text_without_a_word_stays_as_it_is(text: str, kind: Kind) -> None:
    assert corrupt(text, kind, 1.0, rng()) == text


@pytest.mark.parametrize("share", [0.1, 1 / 3, 0.5])
def test_the_share_is_right_on_average(share: float) -> None:
    """Also of three words, of which no tenth can be taken."""
    draws = rng()
    left = [len(corrupt("one two three four", "drop", share, draws).split()) for _ in range(4000)]
    assert 4 - np.mean(left) == pytest.approx(4 * share, abs=0.03)


def test_dropped_words_are_gone_and_the_others_stand_in_order() -> None:
    left = corrupt(LONG, "drop", 0.3, rng()).split()
    assert len(left) in (700, 699)
    numbers = [int(word.removeprefix("word")) for word in left]
    assert numbers == sorted(set(numbers))
    assert corrupt("alone", "drop", 1.0, rng()) == "alone"
    assert corrupt("one two three", "drop", 1.0, rng()) in ("one", "two", "three")


def test_swapped_words_are_the_same_words_in_other_places() -> None:
    moved = corrupt(LONG, "swap", 0.3, rng())
    assert Counter(moved.split()) == Counter(LONG.split())
    changed = sum(a != b for a, b in zip(moved.split(), LONG.split(), strict=True))
    assert changed in (300, 301)
    assert corrupt("turn off,  please", "swap", 0.0001, rng(4)) == "turn off,  please"
    assert corrupt("on off", "swap", 0.5, rng()) == "off on"


def test_a_misspelt_word_is_one_slip_away() -> None:
    words = LONG.split()
    wrong = corrupt(LONG, "misspell", 0.3, rng()).split()
    distances = [edits(a, b) for a, b in zip(words, wrong, strict=True)]
    assert set(distances) == {0, 1}
    assert sum(distances) in (300, 301)
    lengths = Counter(len(b) - len(a) for a, b in zip(words, wrong, strict=True) if a != b)
    assert lengths[-1] > 40
    assert lengths[1] > 40
    assert lengths[0] > 80


def test_a_replaced_letter_is_a_neighbour_on_the_keyboard_of_the_same_case() -> None:
    draws = rng()
    made = {corrupt("G", "misspell", 1.0, draws) for _ in range(500)}
    assert made == {"GG", *"TYFHVB"}
    made = {corrupt("q", "misspell", 1.0, draws) for _ in range(500)}
    assert made == {"qq", *"wa"}


def test_a_letter_behind_a_character_of_format_is_one() -> None:
    assert corrupt("\u06001", "misspell", 1.0, rng()) != "\u06001"


def test_letters_with_accents_and_other_scripts_stay_whole() -> None:
    draws = rng()
    for _ in range(200):
        assert corrupt("e\u0301", "misspell", 1.0, draws) in ("e\u0301e\u0301",)
        assert "\N{REPLACEMENT CHARACTER}" not in corrupt("Привет мир", "misspell", 1.0, draws)


def test_characters_are_the_words_of_a_script_without_spaces() -> None:
    assert corruption.word_count("我要退款。") == 4
    assert len(corrupt("我要退款", "drop", 0.5, rng())) == 2
    assert Counter(corrupt("我要退款", "swap", 1.0, rng())) == Counter("我要退款")
    assert corruption.word_count("iPhone を 買う") == 4


def test_what_stands_between_words_stays_when_they_move() -> None:
    assert corrupt("yes - no", "swap", 1.0, rng()) == "no - yes"


def test_a_long_line_without_a_letter_takes_no_time() -> None:
    """A pattern that tried every start would take hours."""
    assert corrupt("-" * 200_000, "drop", 0.5, rng()) == "-" * 200_000

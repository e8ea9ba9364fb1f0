"""The synthetic corpus `intents`: utterances of a grammar, with the factors that made them.

The same seed gives the same bytes on every platform: all draws come from `random.Random.random`,
the one method whose stream Python promises to keep.
"""

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pandas as pd

from latentops.data.intents_frames import (
    AUXILIARY,
    DOUBTS,
    FRAMES,
    HELPED,
    POLITENESS,
    SHORTHAND,
    TERSE_FRAMES,
)
from latentops.data.intents_grammar import CIRCUMSTANCES, DOMAINS, OUT_OF_SCOPE, SLOTS, Intent

FACTORS = ("domain", "intent", "person", "tense", "polarity", "politeness", "form", "typo")

OUT_OF_SCOPE_SHARE = 0.07
TERSE_SHARE = 0.4  # of commands to the assistant
ASKED_SHARE = 0.5  # of questions that an intent has words of its own for
HELP_SHARE = 0.25
CIRCUMSTANCE_SHARE = 0.1
TYPO_SHARE = 0.15
SHORTHAND_SHARE = 0.06
NO_APOSTROPHE_SHARE = 0.2
CAPITAL_SHARE = 0.15
FULL_STOP_SHARE = 0.2

# How people speak depends on the form, never on the intent.
FORMS = {"command": 0.5, "statement": 0.2, "question": 0.3}
PERSONS = {
    "command": {"first": 0.12, "second": 0.75, "third": 0.13},
    "statement": {"first": 0.65, "second": 0.12, "third": 0.23},
    "question": {"first": 0.4, "second": 0.4, "third": 0.2},
}
TENSES = {
    "command": {"present": 0.8, "past": 0.1, "future": 0.1},
    "statement": {"present": 0.5, "past": 0.25, "future": 0.25},
    "question": {"present": 0.5, "past": 0.25, "future": 0.25},
}
POLARITIES = {
    "command": {"positive": 0.85, "negative": 0.15},
    "statement": {"positive": 0.65, "negative": 0.35},
    "question": {"positive": 0.75, "negative": 0.25},
}
MANNERS = {"neutral": 0.6, "polite": 0.25, "curt": 0.15}

T = TypeVar("T")


@dataclass(frozen=True)
class Cast:
    """Who is spoken of."""

    subject: str
    object: str
    possessive: str
    number: int  # 0: I, 1: one other, 2: many, or you


@dataclass(frozen=True)
class Manner:
    """How it is said, whatever the intent."""

    person: str
    tense: str
    polarity: str
    politeness: str
    form: str


Draw = Callable[[random.Random, Sequence[str]], str]
Slots = dict[str, list[str]]

_ME = Cast("i", "me", "my", 0)
_US = Cast("we", "us", "our", 2)
_YOU = Cast("you", "you", "your", 2)
_SHE = Cast("she", "her", "her", 1)
_HE = Cast("he", "him", "his", 1)
_THEY = Cast("they", "them", "their", 2)
_OTHERS: tuple[tuple[Cast, tuple[str, ...]], ...] = (
    (_SHE, ("she", "my wife", "my sister", "my mum", "our daughter", "my boss")),
    (_HE, ("he", "my husband", "my brother", "dad", "our son", "my flatmate")),
    (_THEY, ("they", "the kids", "my parents", "our guests", "my friends", "the others")),
)

_AGREEMENT = {
    "be": ("am", "is", "are"),
    "be not": ("am not", "isn't", "aren't"),
    "was": ("was", "was", "were"),
    "was not": ("wasn't", "wasn't", "weren't"),
    "do": ("do", "does", "do"),
    "do not": ("don't", "doesn't", "don't"),
    "have": ("have", "has", "have"),
}
_PERSON_DIGITS = {"first": "1", "second": "2", "third": "3"}
_CHOICE = re.compile(r"\(([^()]*)\)")
_SLOT = re.compile(r"\{([a-z_]+)\}")
_VERB = re.compile(r"<([a-z ]+)>")
_ARTICLE = re.compile(r"\b(a) (?=[aeiou](?!ne\b|se|u))")
_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def generate(seed: int, utterances: int = 12_000) -> pd.DataFrame:
    """Columns: text, label, in_scope, `FACTORS`, and slots as JSON {slot: [fillers]}.

    Label, domain and intent are null where `in_scope` is false. No other factor depends on the
    intent; how person, tense and polarity are spread depends on the form. A question whether
    something was done, and a wish that it were, carry the intent of doing it.
    """
    rng = random.Random(seed)
    return pd.DataFrame([_row(rng) for _ in range(utterances)])


def _row(rng: random.Random) -> dict[str, object]:
    domain, name, intent = _topic(rng)
    manner = _manner(rng)
    slots: Slots = {}
    plain = _shorten(rng, _sentence(rng, intent, manner, slots))
    typed = _mistype(rng, plain) if _chance(rng, TYPO_SHARE) else plain
    return {
        "text": _punctuate(rng, typed, manner.form),
        "label": name,
        "in_scope": name is not None,
        "domain": domain,
        "intent": name,
        **vars(manner),
        "typo": typed != plain,
        "slots": json.dumps(slots, sort_keys=True),
    }


def _topic(rng: random.Random) -> tuple[str | None, str | None, Intent]:
    if _chance(rng, OUT_OF_SCOPE_SHARE):
        return None, None, _pick(rng, OUT_OF_SCOPE)
    domain = _pick(rng, tuple(DOMAINS))
    name = _pick(rng, tuple(DOMAINS[domain]))
    return domain, name, DOMAINS[domain][name]


def _manner(rng: random.Random) -> Manner:
    form = _draw(rng, FORMS)
    return Manner(
        person=_draw(rng, PERSONS[form]),
        tense=_draw(rng, TENSES[form]),
        polarity=_draw(rng, POLARITIES[form]),
        politeness=_draw(rng, MANNERS),
        form=form,
    )


def _sentence(rng: random.Random, intent: Intent, manner: Manner, slots: Slots) -> str:
    """One utterance in plain spelling."""
    named, spoken = _cast(rng, manner.person)
    can_ask = manner.form == "question" and manner.person != "second" and intent.asks
    write = _ask if can_ask and _chance(rng, ASKED_SHARE) else _frame
    core = write(rng, intent, manner, named, spoken, slots)
    if _chance(rng, CIRCUMSTANCE_SHARE):
        core = _with_circumstance(rng, core, spoken)
    before, after = _pick(rng, POLITENESS[manner.politeness])
    return _ARTICLE.sub(r"\1n ", before + core + after)


def _cast(rng: random.Random, person: str) -> tuple[Cast, Cast]:
    """The subject of the sentence, and whom its pronouns mean: `my wife`, then `she` and `her`."""
    if person == "first":
        who = _ME if _chance(rng, 0.8) else _US
        return who, who
    if person == "second":
        return _YOU, _ME
    pronouns, names = _pick(rng, _OTHERS)
    name = _pick(rng, names)
    if name == pronouns.subject:
        return pronouns, pronouns
    return Cast(name, name, f"{name}'s", pronouns.number), pronouns


def _frame(
    rng: random.Random, intent: Intent, manner: Manner, named: Cast, spoken: Cast, slots: Slots
) -> str:
    ordered = manner.form == "command" and manner.person == "second"
    if ordered and _chance(rng, TERSE_SHARE):
        frames = TERSE_FRAMES[manner.tense, manner.polarity]
        deed = _phrase(rng, intent.terse, slots)
    else:
        frames = _frames_for(manner)
        deed = _deed(rng, intent, manner, slots)
    frame = _expand(rng, _pick(rng, frames)).replace("{him}", spoken.object)
    sentence = _refer(frame, named)
    return sentence.replace("{do}", _refer(deed, spoken))


def _frames_for(manner: Manner) -> tuple[str, ...]:
    digit = _PERSON_DIGITS[manner.person]
    entries = (entry.split(": ", 1) for entry in FRAMES[manner.form, manner.tense, manner.polarity])
    return tuple(frame for persons, frame in entries if digit in persons)


def _deed(rng: random.Random, intent: Intent, manner: Manner, slots: Slots) -> str:
    to_assistant = manner.person == "second"
    if not _chance(rng, HELP_SHARE) or (manner.form == "command" and not to_assistant):
        return _phrase(rng, intent.acts, slots)
    deed = _phrase(rng, intent.helps, slots)
    return deed if to_assistant else _pick(rng, HELPED).replace("{do}", deed)


def _ask(
    rng: random.Random, intent: Intent, manner: Manner, named: Cast, spoken: Cast, slots: Slots
) -> str:
    word, deed = _prefer(rng, intent.asks)
    polarity, doubt = manner.polarity, ""
    if word and polarity == "negative":  # nobody asks "how much don't i have"
        polarity, doubt = "positive", _pick(rng, DOUBTS)
    clause = _refer(f"{AUXILIARY[manner.tense, polarity]} {{S}}", named)
    deed = _refer(_phrase(rng, (deed,), slots), spoken)
    return f"{doubt}{word} {clause} {deed}".strip()


def _with_circumstance(rng: random.Random, sentence: str, spoken: Cast) -> str:
    circumstance = _refer(_expand(rng, _pick(rng, CIRCUMSTANCES)), spoken)
    if _chance(rng, 0.5):
        return f"{circumstance}, {sentence}"
    return f"{sentence} {circumstance}"


def _phrase(rng: random.Random, templates: Sequence[str], slots: Slots) -> str:
    """Words for the intent, the usual ones more often than the rare; its fillers go to `slots`."""
    template = _choose(rng, _prefer(rng, templates), _prefer)

    def fill(slot: re.Match[str]) -> str:
        filler = _expand(rng, slot[0])
        if slot[1] in SLOTS:
            slots.setdefault(slot[1], []).append(filler)
        return filler

    return _SLOT.sub(fill, template)


def _expand(rng: random.Random, template: str) -> str:
    """Make every choice and fill every slot; what stands for a person stays."""
    return _SLOT.sub(
        lambda slot: _expand(rng, _pick(rng, SLOTS[slot[1]])) if slot[1] in SLOTS else slot[0],
        _choose(rng, template, _pick),
    )


def _choose(rng: random.Random, template: str, draw: Draw) -> str:
    """Make every choice, the innermost first."""
    while "(" in template:
        template = _CHOICE.sub(lambda choice: draw(rng, choice[1].split("|")), template)
    return template


def _refer(template: str, cast: Cast) -> str:
    """Replace what stands for a person, and let the verbs agree."""
    text = _VERB.sub(lambda verb: _agree(verb[1], cast.number), template)
    pronouns = {"{S}": cast.subject, "{O}": cast.object, "{me}": cast.object}
    for placeholder, pronoun in {**pronouns, "{my}": cast.possessive}.items():
        text = text.replace(placeholder, pronoun)
    return text


def _agree(verb: str, number: int) -> str:
    return _AGREEMENT.get(verb, (verb, f"{verb}s", verb))[number]


def _shorten(rng: random.Random, text: str) -> str:
    """Leave out what thumbs leave out: letters, and apostrophes."""
    if _chance(rng, SHORTHAND_SHARE):
        text = " ".join(SHORTHAND.get(word, word) for word in text.split())
    return text.replace("'", "") if _chance(rng, NO_APOSTROPHE_SHARE) else text


def _punctuate(rng: random.Random, text: str, form: str) -> str:
    if _chance(rng, FULL_STOP_SHARE):
        text += "?" if form == "question" else _pick(rng, (".", ".", "!"))
    return text[0].upper() + text[1:] if _chance(rng, CAPITAL_SHARE) else text


def _mistype(rng: random.Random, text: str) -> str:
    """One slip, or two, in words of four letters and more."""
    words = text.split(" ")
    for _ in range(1 if _chance(rng, 0.7) else 2):
        long = [index for index, word in enumerate(words) if len(word) > 3 and word.isalpha()]
        if long:
            index = _pick(rng, long)
            words[index] = _slip(rng, words[index])
    return " ".join(words)


def _slip(rng: random.Random, word: str) -> str:
    """A neighbouring key, a letter lost, doubled, or swapped with the next."""
    at = 1 + int(rng.random() * (len(word) - 2))
    letter, following = word[at], word[at + 1]
    return word[:at] + _pick(
        rng,
        (
            _neighbour(rng, letter) + word[at + 1 :],
            word[at + 1 :],
            letter + word[at:],
            following + letter + word[at + 2 :],
        ),
    )


def _neighbour(rng: random.Random, letter: str) -> str:
    row = next((row for row in _KEYBOARD if letter in row), letter)
    at = row.index(letter)
    return _pick(rng, row[max(at - 1, 0) : at] + row[at + 1 : at + 2] or letter)


def _pick(rng: random.Random, options: Sequence[T]) -> T:
    return options[int(rng.random() * len(options))]


def _prefer(rng: random.Random, options: Sequence[T]) -> T:
    """The first of the options most often: of two with 0.87, of ten with 0.63."""
    u = rng.random()
    return options[int(u * u * u * u * u * len(options))]  # u**5 is not the same bits everywhere


def _draw(rng: random.Random, shares: Mapping[str, float]) -> str:
    point = rng.random()
    for value, share in shares.items():
        if point < share:
            return value
        point -= share
    return value  # the shares sum to one but for rounding


def _chance(rng: random.Random, share: float) -> bool:
    return rng.random() < share

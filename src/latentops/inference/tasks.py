"""What the tasks promise, whoever runs the networks: limits, draws, and DataError in their words.

No torch here: `inference.predictor` and `runtime.predictor` share it.

Shape suffixes: B texts, M new rows, W target words.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from latentops.artifacts import Spec, Vocabulary
from latentops.classifier import ClassCodes, Classifier
from latentops.errors import DataError
from latentops.inference.writing import DEFAULT, Writing

if TYPE_CHECKING:
    from torch import Tensor

SCORE_SAMPLES = 16
TOP_WORDS = 10
DOCUMENT_WORDS = 12
LEAST_LIKELY = 0.5  # of a word's share where nothing is known of the text: below, it is odd

_MOST_NAMED = 8  # classes in a message

Draws = Sequence[np.random.Generator]


@dataclass(frozen=True)
class Options:
    """What a task is asked beside its input; what it does not read it ignores.

    `n` is read by augment, generate, interpolate and nearest, `label` and `around` by generate,
    which reads no input; the last four, see `Writing`, by generate, of which beams also by
    reconstruct, denoise and interpolate.
    """

    n: int = 1
    seed: int = 0
    label: str = ""
    around: str = ""
    temperature: float = DEFAULT.temperature
    top_k: int = DEFAULT.top_k
    top_p: float = DEFAULT.top_p
    beams: int = DEFAULT.beams

    @property
    def writing(self) -> Writing:
        return Writing(self.temperature, self.top_k, self.top_p, self.beams)


def no_words() -> DataError:
    return DataError("A model of images knows no words.")


_Numbers = TypeVar("_Numbers", "Tensor", np.ndarray)


def target_words(vocabulary: Vocabulary) -> np.ndarray:
    """That the decoder of bags gives, [W]."""
    return np.array([vocabulary.terms[column] for column in vocabulary.target])


def cleaned(share_BW: _Numbers, counts_BW: _Numbers, anyway_W: _Numbers) -> _Numbers:
    """Which words the cleaned text holds, bool [B, W].

    `share_BW` is what the model makes of the texts whose words `counts_BW` counts; a text of which
    n are known is taken for n draws from its shares. A word that is missing comes in where a text
    drawn so is more likely to hold it than not: 1 - (1 - share) ** n > 1/2. A word goes, whether it
    stood there or not, where its share is less than half of `anyway_W`, its share where nothing is
    known of the text. A text without a known word stays without.
    """
    words_B1 = counts_BW.sum(1)[:, None]
    likely_BW = (1 - share_BW) ** words_B1 < 0.5
    plausible_BW = share_BW >= LEAST_LIKELY * anyway_W
    held_BW: _Numbers = ((counts_BW > 0) | likely_BW) & plausible_BW
    return held_BW


def draw_of(seed: int, row: int, made: int) -> np.random.Generator:
    """The randomness of one of the new rows of a row."""
    return np.random.default_rng([seed % 2**64, row, made])


def drawn_weights(logits_MW: np.ndarray, draws_M: Draws) -> np.ndarray:
    """Of each word in each document of a Dirichlet-multinomial, float64 [M, W], to any sum.

    The concentrations are the exponentials of the logits.
    """
    concentrations_MW = np.exp(logits_MW.astype(np.float64))
    drawn = [draw.standard_gamma(row) for row, draw in zip(concentrations_MW, draws_M, strict=True)]
    return np.stack(drawn).clip(min=np.finfo(np.float64).tiny)


def drawn_words(weight_MW: np.ndarray, lengths_M: np.ndarray, draws_M: Draws) -> list[np.ndarray]:
    """So many words of each document, drawn one after the other: places among the target words."""
    upto_MW = weight_MW.astype(np.float64).cumsum(-1)
    last = upto_MW.shape[-1] - 1
    return [
        np.searchsorted(upto_W, draw.random(length) * upto_W[-1], side="right").clip(max=last)
        for upto_W, length, draw in zip(upto_MW, lengths_M, draws_M, strict=True)
    ]


def classifier_of(head: Classifier | str) -> Classifier:
    """Raises DataError with the sentence on why there is none."""
    if isinstance(head, str):
        raise DataError(f"This model cannot classify: {head}")
    return head


def class_codes(head: Classifier | str) -> ClassCodes:
    """Where the classes lie. Raises DataError where the model does not know."""
    if isinstance(head, str):
        raise DataError(f"This model cannot generate by class: {head}")
    if head.codes is None:
        raise DataError(
            "This model cannot generate by class: its classifier was made before models kept where "
            "the classes lie. Register it again: `dvc repro`."
        )
    return head.codes


def class_index(head: Classifier, label: str) -> int:
    """Of a class that was learned from. Raises DataError where `label` is none."""
    learned = [name for name in head.classes if name not in head.head.absent]
    if label in learned:
        return head.classes.index(label)
    if label in head.classes:
        problem = f"Class {label!r} had no training row."
    else:
        guess = difflib.get_close_matches(label, learned, n=1)
        problem = f"There is no class {label!r}."
        problem += f" Did you mean {guess[0]!r}?" if guess else ""
    raise DataError(f"{problem} There {_listed(learned)}.")


def require_task(task: str, known: Sequence[str]) -> None:
    if task not in known:
        raise DataError(f"task should be one of {', '.join(known)}. Got {task!r}.")


def require_generated(n: int) -> None:
    if n < 1:
        raise DataError(f"n should be at least 1 example to generate. Got {n}.")


def require_new_rows(n: int) -> None:
    if n < 1:
        raise DataError(f"n should be at least 1 new row for each row. Got {n}.")


def require_path(rows: int) -> None:
    if rows < 2:
        raise DataError("Interpolation goes from each row to the next: give two rows or more.")


def require_steps(n: int) -> None:
    if n < 2:
        raise DataError(f"n should be at least 2 steps, which are the two ends. Got {n}.")


def require_neighbours(n: int, rows: int) -> None:
    if n < 1:
        raise DataError(f"n should be at least 1 neighbour. Got {n}.")
    if rows < 2:
        raise DataError(
            "Neighbours are looked for among the examples that are given: give two or more."
        )


def require_one_wish(label: str, around: str, spec: Spec) -> None:
    if label and around:
        raise DataError("Ask for a label, or for a text to be around: not for both.")
    if around and spec.kind == "image":
        raise DataError("An image model knows no text to be around: ask for task augment.")


def _listed(names: list[str]) -> str:
    named = ", ".join(map(repr, names[:_MOST_NAMED]))
    more = len(names) - _MOST_NAMED
    return f"are {named}" + (f" and {more} more" if more > 0 else "")

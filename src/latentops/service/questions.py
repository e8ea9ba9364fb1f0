"""What is asked of a model, in whatever protocol it came, and the answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from latentops.errors import DataError
from latentops.service.limits import Limits
from latentops.service.loaded import Loaded
from latentops.service.refusal import unusable

Answer = list[Any]
"""For each row a mapping of its columns, or an image [C, H, W] as lists, in [0, 1]."""

TASKS: Mapping[str, str] = {
    "classify": "The class of each input, its probability, and whether the input is out of scope.",
    "encode": "The code of each input in the latent space.",
    "reconstruct": "Each input as its code gives it back.",
    "denoise": "Damaged inputs as the model would have them.",
    "generate": "New examples: of all, of a class, or around a text.",
    "score": "The evidence lower bound of each input, in nats.",
    "interpolate": "Steps from each input to the next.",
    "nearest": "Of each input, the other inputs whose codes lie nearest.",
    "augment": "New examples around each input.",
}
"""Those that are served, and what each answers."""

_QUICK = ("classify", "encode")
_NOT_OVER_HTTP = ("compress", "decompress")
_MAKES_N_OF_EACH = ("augment", "nearest")


@dataclass(frozen=True)
class Question:
    """`options` are those of `Predictor.predict` that the task reads."""

    task: str
    inputs: Any  # texts, or images as lists or an array; generate reads none
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rows_given(self) -> int:
        return len(self.inputs)

    @property
    def rows_asked(self) -> int:
        """As many as the answer has."""
        n = int(self.options.get("n", 1))
        if self.task == "generate":
            return n
        if self.task == "interpolate":
            return max(self.rows_given - 1, 1) * n
        return self.rows_given * (n if self.task in _MAKES_N_OF_EACH else 1)


def is_quick(question: Question, loaded: Loaded) -> bool:
    """Whether it costs less than a change of threads."""
    return loaded.quick and question.task in _QUICK and question.rows_given == 1


def require_allowed(question: Question, limits: Limits) -> None:
    """RefusalError 422 with what is allowed."""
    if question.task in _NOT_OVER_HTTP:
        raise unusable(f"Task {question.task} is not served over HTTP: use the model in Python.")
    if question.task not in TASKS:
        raise unusable(f"task should be one of {', '.join(TASKS)}. Got {question.task!r}.")
    if question.rows_given > limits.rows:
        raise unusable(
            f"A request may have {limits.rows:,} rows, and this one has {question.rows_given:,}."
        )
    if question.rows_asked > limits.rows:
        raise unusable(
            f"An answer may have {limits.rows:,} rows, and this one would have "
            f"{question.rows_asked:,}. Send fewer inputs, or a smaller n."
        )
    beams = int(question.options.get("beams", 1))
    if question.rows_asked * beams > limits.rows:
        raise unusable(
            f"Rows times beams may be {limits.rows:,}, and here they are "
            f"{question.rows_asked * beams:,}. Send fewer inputs, or fewer beams."
        )
    around = question.options.get("around", "")
    texts = (one for one in (*question.inputs, around) if isinstance(one, str))
    longest = max(map(len, texts))
    if longest > limits.text_characters:
        raise unusable(
            f"A text may have {limits.text_characters:,} characters, and one of these has "
            f"{longest:,}."
        )


def ask(loaded: Loaded, question: Question) -> Answer:
    """RefusalError 422, in the model's words, for what it cannot read."""
    try:
        return loaded.model.rows(question.inputs, question.task, **question.options)
    except DataError as error:
        raise unusable(str(error)) from error

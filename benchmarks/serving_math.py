"""`python -m benchmarks.serving_math FOLDER`: one utterance through a model, without HTTP.

The mathematics of `latentops serve`: the numpy runtime beside the same model by torch, in turns, on
one thread. FOLDER is a model of bags of words, as `latentops export` writes it. Utterances are
drawn from its vocabulary, as often as words stood in the documents of training, and a tenth of
their words is unknown.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.__main__ import machine
from latentops.artifacts import Vocabulary
from latentops.inference.predictor import Predictor
from latentops.runtime import loading

UTTERANCES = 200
WORDS = 8
ROUNDS = 15
UNKNOWN_SHARE = 0.1

Task = Callable[[list[str]], object]


def main() -> None:
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    numpy_runtime, by_torch = loading.load(folder), Predictor.from_folder(folder)
    texts = utterances(numpy_runtime.vocabulary)
    tasks: dict[str, tuple[Task, Task]] = {
        "encode": (numpy_runtime.encode_rows, by_torch.encode),
        "classify": (numpy_runtime.classify_rows, by_torch.classify),
        "score": (lambda text: numpy_runtime.rows(text, "score"), by_torch.score),
    }
    print(f"python -m benchmarks.serving_math\n{machine()}\n")
    print("one utterance, CPU microseconds  numpy    torch    torch / numpy")
    for name, pair in tasks.items():
        ours, theirs = in_turns(texts, *pair)
        print(f"{name:30} {ours:8.1f} {theirs:8.1f} {theirs / ours:12.1f}")


def utterances(vocabulary: Vocabulary) -> list[str]:
    draw = np.random.default_rng(0)
    words = [term for term in vocabulary.terms if term.isalnum()]
    share = np.array(
        [
            frequency
            for term, frequency in zip(vocabulary.terms, vocabulary.document_frequency, strict=True)
            if term.isalnum()
        ],
        dtype=float,
    )
    drawn = draw.choice(len(words), (UTTERANCES, WORDS), p=share / share.sum())
    is_unknown = draw.random(drawn.shape) < UNKNOWN_SHARE
    return [
        " ".join("unheardof" if odd else words[at] for at, odd in zip(row, odds, strict=True))
        for row, odds in zip(drawn, is_unknown, strict=True)
    ]


def in_turns(texts: list[str], ours: Task, theirs: Task) -> tuple[float, float]:
    """Microseconds of the processor for each utterance: of each side the median over the rounds."""
    rounds = [(seconds(texts, ours), seconds(texts, theirs)) for _ in range(ROUNDS + 1)]
    first, second = np.median(rounds[1:], axis=0)  # the first is to warm up
    return 1e6 * first / len(texts), 1e6 * second / len(texts)


def seconds(texts: list[str], task: Task) -> float:
    started = time.process_time()
    for text in texts:
        task([text])
    return time.process_time() - started


if __name__ == "__main__":
    main()

"""How far a training is, on stderr."""

import sys
import time
from typing import Self

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 5.0


class Progress:
    """A bar in a terminal; elsewhere a line every few seconds, so that a log stays readable."""

    def __init__(self, epochs: int, shown: bool) -> None:
        terminal = sys.stderr.isatty()
        self._bar = tqdm(total=epochs, unit="epoch", disable=not (shown and terminal))
        self._lines = shown and not terminal
        self._epochs = epochs
        self._last_line = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, row: dict[str, float]) -> None:
        """`row` has the columns of plots/training.csv."""
        epoch = int(row["epoch"])
        terms = ", ".join(
            f"{name} {row[f'valid_{name}_nats']:.2f}" for name in ("elbo", "rate", "distortion")
        )
        self._bar.set_postfix_str(terms, refresh=False)
        self._bar.update(epoch - self._bar.n)
        if self._lines and self._line_is_due(epoch):
            print(f"epoch {epoch} of {self._epochs}: validation {terms} nats", file=sys.stderr)

    def _line_is_due(self, epoch: int) -> bool:
        now = time.monotonic()
        due = epoch == self._epochs or now - self._last_line >= _SECONDS_BETWEEN_LINES
        if due:
            self._last_line = now
        return due

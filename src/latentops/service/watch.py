"""What the service remembers of what it answered: counts, and a window for `latentops monitor`."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from latentops.service.loaded import Loaded
from latentops.service.metrics import Metrics
from latentops.service.questions import Answer, Question

if TYPE_CHECKING:
    from latentops.service.window import Window


@dataclass(frozen=True)
class Watch:
    """No text is kept in `metrics`, nor written by `window`."""

    metrics: Metrics = field(default_factory=Metrics)
    window: "Window | None" = None

    def answered(self, loaded: Loaded, question: Question, answer: Answer) -> None:
        """Count rows that were answered; classified and scored ones are looked at."""
        self.metrics.rows.labels(question.task).inc(len(answer))
        if question.task == "classify":
            strangers = sum(bool(row["out_of_scope"]) for row in answer)
            self.metrics.out_of_scope.inc(strangers)
        if question.task in ("classify", "score"):
            self._look(loaded, question.inputs)

    def _look(self, loaded: Loaded, inputs: Any) -> None:
        if loaded.reads_texts:
            self.metrics.saw(loaded.model.unknown_share(inputs).tolist())
        if self.window is not None:
            self.window.offer(loaded, inputs)

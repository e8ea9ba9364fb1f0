"""Generation, measured: new examples beside those of a simple sampler and real ones."""

from latentops.applications import generation_images, generation_sentences, generation_texts
from latentops.applications.results import Generation
from latentops.applications.subject import Measured, Subject


def measure(subject: Subject) -> Measured[Generation]:
    if subject.predictor.writes_sentences:
        return Measured(generation_sentences.measure(subject), {})
    if subject.predictor.spec.kind == "counts":
        return Measured(generation_texts.measure(subject), {})
    return generation_images.measure(subject)

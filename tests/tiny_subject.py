"""What applications are measured on, of the rows of tiny_splits in scope: in memory."""

import numpy as np
from tiny_splits import Sample

from latentops.applications.subject import Subject
from latentops.inference.predictor import Predictor
from latentops.portion import Portion


def subject(sample: Sample) -> Subject:
    parts = sample.subject
    predictor = Predictor(
        parts.vae, parts.spec, parts.vocabulary, sample.model, "it was not fitted."
    )
    train, valid, test = map(_in_scope, (sample.train, sample.valid, sample.test))
    return Subject(predictor, train, valid, test, depth="quick", seed=0)


def _in_scope(rows: Portion) -> Portion:
    return rows.subset(np.flatnonzero(rows.in_scope))

"""The section `head` of params.yaml."""

import difflib
from typing import Literal

import pydantic

from latentops.config import Section

AUTO = "auto"

# By kind of data, what the shipped classifier may read. `tfidf_words`, which a study compares,
# is not among them: its rows have a length of their own, so that it is no linear map of all terms.
CHOICES = {
    "counts": ("tfidf", "lsa", "tfidf+lsa", "vae", "vae+hidden", "tfidf+vae", "lsa+vae"),
    "image": ("pixels", "pca", "pixels+pca", "vae", "vae+hidden", "pixels+vae", "pca+vae"),
}
# What `auto` compares.
CANDIDATES = {
    "counts": ("tfidf", "lsa", "vae", "vae+hidden", "tfidf+vae", "lsa+vae"),
    "image": ("pixels", "pca", "vae", "vae+hidden", "pixels+vae"),
}
# Where there are too few labels to compare anything.
DEFAULTS = {"counts": "tfidf+vae", "image": "pixels+vae"}


class HeadSettings(Section):
    """The classifier that is shipped in the model, and its detector of strangers."""

    features: str = pydantic.Field(
        AUTO, description="what it reads; auto: the best on the validation split"
    )
    classifier: Literal["auto", "logistic", "svm"] = pydantic.Field(
        "auto", description="auto: the better on the validation split"
    )
    refuse: float = pydantic.Field(
        0.05, gt=0, lt=1, description="share of in-scope validation rows called out of scope"
    )

    @pydantic.field_validator("features")
    @classmethod
    def _is_known(cls, features: str) -> str:
        known = (AUTO, *dict.fromkeys(name for names in CHOICES.values() for name in names))
        if features not in known:
            guess = difflib.get_close_matches(features, known, n=1)
            hint = f" Did you mean {guess[0]!r}?" if guess else ""
            raise ValueError(f"there are {', '.join(known)}.{hint}")
        return features

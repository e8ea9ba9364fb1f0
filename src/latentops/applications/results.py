"""What was measured of the applications, as metrics/applications.json holds it.

The report reads this and no tensor. An application that is switched off is None; one that the model
or its data cannot serve has a `reason`, one sentence, and nothing else. Of validation rows only are
examples shown.
"""

from latentops.artifacts import Schema


class Served(Schema):
    """An application that was asked for."""

    reason: str = ""  # why there is nothing; empty: there is something
    seconds: float = 0.0  # that measuring took


class Generation(Served):
    """New examples, and how new and how good they are."""


class Augmentation(Served):
    """A classifier with and without made rows."""


class Denoising(Served):
    """Damaged inputs, and what the model makes of them."""


class Compression(Served):
    """Bytes without loss, and bytes against what is lost."""


class Meaning(Served):
    """Latent dimensions against known factors."""


class Applications(Schema):
    """metrics/applications.json."""

    generation: Generation | None = None
    augmentation: Augmentation | None = None
    denoising: Denoising | None = None
    compression: Compression | None = None
    meaning: Meaning | None = None

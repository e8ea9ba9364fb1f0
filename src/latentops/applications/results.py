"""What was measured of the applications, as metrics/applications.json holds it.

The report reads this and no tensor. An application that is switched off is None; one that the model
or its data cannot serve has a `reason`, one sentence, and nothing else. Of validation rows only are
examples shown.
"""

from typing import Literal

from latentops.artifacts import Schema


class Served(Schema):
    """An application that was asked for."""

    reason: str = ""  # why there is nothing; empty: there is something
    seconds: float = 0.0  # that measuring took


class Made(Schema):
    """Examples of one source, judged; what does not apply to them is None.

    Intervals of shares are over rows and VAE seeds, those of distances from the lowest to the
    highest VAE seed.
    """

    source: str  # valid: real rows | vae | unigram | pca
    by_class: bool  # each was asked for by a class
    rows: int
    nearest: float  # median distance to the nearest training row: 1 - cosine, or RMS of pixels
    copies: float  # share that repeats a training row
    copies_low: float
    copies_high: float
    distinct_1: float | None = None
    distinct_2: float | None = None
    self_bleu: float | None = None
    agreement: float | None = None  # share that an independent classifier puts into its class
    agreement_low: float | None = None
    agreement_high: float | None = None
    frechet: float | None = None  # to test images; the mean over VAE seeds
    frechet_low: float | None = None
    frechet_high: float | None = None
    kernel: float | None = None
    kernel_low: float | None = None
    kernel_high: float | None = None


class Gain(Schema):
    """Agreement of the VAE's examples by class minus that of the baseline's, paired by row."""

    difference: float
    low: float
    high: float


class Written(Schema):
    """A generated document, and the training document nearest to it."""

    label: str  # empty: from the prior
    words: tuple[str, ...]  # the most probable ones
    document: str
    nearest: str
    nearest_label: str
    cosine: float


class Crossing(Schema):
    """The most probable words in steps from one validation document to another."""

    first: str
    last: str
    words: tuple[tuple[str, ...], ...]


class Generation(Served):
    """New examples, and how new and how good they are."""

    seeds: int = 0  # VAEs
    made: tuple[Made, ...] = ()
    gain: Gain | None = None
    without_classes: str = ""  # why nothing was made by class; empty: it was
    seen_by: str = ""  # the classifier whose hidden layer gives the distances between images
    written: tuple[Written, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    shown_classes: tuple[str, ...] = ()  # of the rows of image `by_class`


class Augmentation(Served):
    """A classifier with and without made rows."""


class Denoising(Served):
    """Damaged inputs, and what the model makes of them."""


class Change(Schema):
    """A difference of means, and its 95 % interval; without ends where it is of one row."""

    mean: float
    low: float | None
    high: float | None


class LossyPoint(Schema):
    """A code stored in one way: its bytes, and what is lost by keeping it alone."""

    code: Literal["vae", "pca", "lsa"]
    coding: Literal["float32", "float16", "even", "allocated"]  # bits: the same for all, or not
    bits_per_dimension: float  # mean
    dimensions: int  # that get any
    bytes: int  # of one row, without the decoder
    distortion: float  # mean of the rows, in `Lossy.unit`
    accuracy: float | None  # of a linear head fitted on whole codes; None: no labels


class Beside(Schema):
    """What differs from another code, paired by row."""

    distortion: Change
    accuracy: Change | None


class LossyChoice(Schema):
    """The VAE's code of the fewest bytes that cost next to nothing on validation."""

    coding: Literal["float32", "float16", "even", "allocated"]
    bits_per_dimension: float
    beside_float32: Beside
    beside_baseline: Beside | None  # stored in the same way


class Lossy(Schema):
    """Bytes of a code against distortion and accuracy, on test rows."""

    unit: Literal["mse_pixel", "nats"]  # squared error of pixels in [0, 1], or nats of the words
    rows: int
    labelled_rows: int
    row_bytes: float | None  # mean, of a row as it is, uncompressed; None: counts without texts
    words_per_row: float | None  # mean, that the decoder is asked for; None: images
    baseline: Literal["pca", "lsa"] | None  # None: there is one pixel or term
    points: tuple[LossyPoint, ...]  # the VAE's first, each with the fullest first
    chosen: LossyChoice


class Compression(Served):
    """Bytes without loss, and bytes against what is lost."""

    lossy: Lossy | None = None


class Meaning(Served):
    """Latent dimensions against known factors."""


class Applications(Schema):
    """metrics/applications.json."""

    generation: Generation | None = None
    augmentation: Augmentation | None = None
    denoising: Denoising | None = None
    compression: Compression | None = None
    meaning: Meaning | None = None

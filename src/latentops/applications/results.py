"""What was measured of the applications, as metrics/applications.json holds it.

The report reads this and no tensor. An application that is switched off is None; one that the model
or its data cannot serve has a `reason`, one sentence, and nothing else. Of validation rows only are
examples shown.
"""

from typing import Literal

import pydantic

from latentops.artifacts import Schema
from latentops.verdict.results import Claim


class Served(Schema):
    """An application that was asked for."""

    reason: str = ""  # why there is nothing; empty: there is something
    seconds: float = 0.0  # that measuring took


class Made(Schema):
    """Examples of one source, judged; what does not apply to them is None.

    Intervals of shares are over rows and VAE seeds, those of distances from the lowest to the
    highest VAE seed.
    """

    source: str  # valid: real rows | vae | unigram | bigram | pca
    way: Literal["real", "prior", "class", "around", "between"]  # of a real row, of two
    rows: int
    nearest: float  # median distance to the nearest training row: 1 - cosine, or RMS of pixels
    copies: float  # share that repeats a training row
    copies_low: float
    copies_high: float
    distinct_1: float | None = None
    distinct_2: float | None = None
    self_bleu: float | None = None
    forward_perplexity: float | None = None  # of sentences, by a language model of training
    reverse_perplexity: float | None = None  # of test sentences, by one of what was made
    agreement: float | None = None  # share that an independent classifier puts into its class
    agreement_low: float | None = None
    agreement_high: float | None = None
    frechet: float | None = None  # to test images; the mean over VAE seeds
    frechet_low: float | None = None
    frechet_high: float | None = None
    kernel: float | None = None
    kernel_low: float | None = None
    kernel_high: float | None = None


class Written(Schema):
    """A generated document, and the training document nearest to it."""

    label: str  # empty: from the prior
    words: tuple[str, ...]  # the most probable ones; none beside a sentence
    document: str
    nearest: str
    nearest_label: str
    cosine: float


class Crossing(Schema):
    """The most probable words, or sentences, in steps from one validation document to another."""

    first: str
    last: str
    words: tuple[tuple[str, ...], ...]


class Generation(Served):
    """New examples, and how new and how good they are."""

    seeds: int = 0  # VAEs
    sentences: bool = False  # of texts: documents are sentences, not bags of words
    made: tuple[Made, ...] = ()
    gain: Claim | None = None  # in agreement with the class, paired by what was asked for
    without_classes: str = ""  # why nothing was made by class; empty: it was
    seen_by: str = ""  # the classifier whose hidden layer gives the distances between images
    written: tuple[Written, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    shown_classes: tuple[str, ...] = ()  # of the rows of image `by_class`


class Augmented(Schema):
    """A classifier that learned from the labels and from rows made of them by one method."""

    method: str  # a name of `made_rows.methods`; none: from the labels alone
    made: int  # of each row
    weight: float  # of a made row, beside 1 of a real one
    valid_accuracy: float | None = None  # with the first label sample; None: nothing was chosen
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    gain: Claim | None  # on the labels alone
    over_repeated: Claim | None  # on the same rows repeated


class AugmentedBudget(Schema):
    """One feature set with so many labels of each class."""

    features: str
    per_class: int
    labels: float  # mean over label samples
    scores: tuple[Augmented, ...]  # the first is `none`


class MadeTexts(Schema):
    """A text of validation, and what each method made of it."""

    text: str
    made: dict[str, str]


class Augmentation(Served):
    """A classifier with and without made rows, with the VAE that is shipped."""

    samples: int = 0  # of the labels
    test_rows: int = 0
    budgets: tuple[AugmentedBudget, ...] = ()
    examples: tuple[MadeTexts, ...] = ()
    shown: tuple[str, ...] = ()  # methods of the images `made` [methods, rows, C, H, W]


class Repair(Schema):
    """How far from the clean originals something is: the lower the error, the better.

    `by`: input (as it is), pca (of the clean training rows, as many directions as the latent has),
    vae, twin, or nothing (what the VAE expects where it knows nothing). A gain is of the mean over
    that of `Denoising.reference`, paired by row: decibels of images, nats of texts.
    """

    by: str
    error: float | None = None  # squared error per pixel in [0, 1], or nats of a clean text
    psnr_db: float | None = None  # of the error; None: no image, or no error at all
    words_f1: float | None = None  # of the words, or tokens, of a text against the clean one's
    gain: float | None = None
    low: float | None = None
    high: float | None = None


class Recognised(Schema):
    """Accuracy of a head that was fitted on clean rows, and its gain over the baseline's.

    The baseline reads the same inputs: TF-IDF or pixels. In `features` twin is vae of the twin.
    """

    features: str
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    gain: float | None = None
    low: float | None = None
    high: float | None = None


class Damaged(Schema):
    """Test rows with one damage of one strength; kind none: the clean ones."""

    kind: str  # none | drop | swap | misspell | noise | flip | blank
    strength: float  # share of words or pixels, or standard deviation
    repairs: tuple[Repair, ...] = ()
    recognised: tuple[Recognised, ...] = ()  # the baseline first


class Mended(Schema):
    """A validation text, damaged, and what the models return: words, or one sentence."""

    clean: str
    damaged: str
    by_vae: tuple[str, ...]
    by_twin: tuple[str, ...]


class Pictured(Schema):
    """Validation images with one damage: what each row of the grid of that name shows."""

    kind: str
    strength: float
    rows: tuple[str, ...]  # clean, and as in `Repair.by`


class Denoising(Served):
    """Damaged inputs, and what the model makes of them."""

    rows: int = 0
    labelled_rows: int = 0  # on which heads are judged
    reads_damaged: bool = False  # in training: then its twin does not, else its twin does
    damage_in_training: str = ""  # of the one that does; empty: a model of sentences has no twin
    has_twin: bool = False
    reference: str = ""  # what gains of repairs are over: pca | vae
    clean: Damaged = Damaged(kind="none", strength=0.0)
    damaged: tuple[Damaged, ...] = ()
    leading: str = ""  # the VAE's features that did best on damaged validation rows
    without_heads: str = ""  # why there is no accuracy; empty: there is
    mended: tuple[Mended, ...] = ()
    pictured: tuple[Pictured, ...] = ()


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
    words_per_row: float | None  # mean, or tokens, that the decoder is asked for; None: images
    baseline: Literal["pca", "lsa"] | None  # None: there is one pixel or term, or order of words
    points: tuple[LossyPoint, ...]  # the VAE's first, each with the fullest first
    chosen: LossyChoice


class OfCount(Schema):
    """The first so many images in one file each, in bits per dimension of all its bytes."""

    images: int
    vae: float
    gzip: float
    bz2: float
    xz: float


class Lossless(Schema):
    """Test images through the coder and back. The bound is -ELBO; `low` and `high` its interval."""

    rows: int
    dimensions: int  # pixels of an image, of all its channels
    levels: int
    identical: bool  # every pixel of every image came back
    bound: float  # bits per dimension, mean of several codes of each image
    low: float | None  # None: of one image
    high: float | None
    by_count: tuple[OfCount, ...]  # the last of all rows
    decoder_bytes: int
    encoder_bytes: int
    compressed_per_second: float  # images
    decompressed_per_second: float


class Compression(Served):
    """Bytes without loss, and bytes against what is lost."""

    lossless: Lossless | None = None
    without_lossless: str = ""  # why there is none; empty: there is
    lossy: Lossy | None = None


class Factor(Schema):
    """Something that is known of every example, and what each dimension tells of it."""

    name: str
    values: int
    entropy_nats: float  # over test rows
    determined_by: str = ""  # another factor that says it all: then no score counts it
    information: tuple[float, ...]  # mutual information as a share of the entropy, [Z]


class Spread(Schema):
    """The mean over seeds and the ends of its 95 % t interval, None with one seed."""

    mean: float
    low: float | None
    high: float | None


class ScoredCodes(Schema):
    """Codes of one kind from one or more seeds. A score that is not defined is left out.

    The intervals of one score's gains, of all betas, hold together.
    """

    code: str  # vae: the model and its repeats | beta | random: weights as drawn | pca | lsa
    beta: float | None = None
    each: dict[str, tuple[float, ...]]  # by score: a value for each seed
    mean: dict[str, Spread]
    gain: dict[str, Spread] = pydantic.Field(default_factory=dict)  # over beta = 1, seed by seed
    active: float | None = None  # dimensions, mean over seeds
    mutual_information_nats: float | None = None  # this and the next: parts of the rate, means
    total_correlation_nats: float | None = None
    dimension_wise_kl_nats: float | None = None


class End(Schema):
    """A tenth of the validation rows, at one end of a dimension."""

    value: str  # of the factor: the one that gained most
    share: float  # of the rows here
    share_of_all: float
    texts: tuple[str, ...] = ()  # the outermost


class Direction(Schema):
    """A factor, and a dimension that tells much of it."""

    factor: str
    dimension: int
    low: End
    high: End
    rising: tuple[str, ...] = ()  # words, as the dimension grows
    falling: tuple[str, ...] = ()


class Meaning(Served):
    """Latent dimensions against known factors."""

    by_label: bool = False  # nothing but the label is known
    factors: tuple[Factor, ...] = ()
    codes: tuple[ScoredCodes, ...] = ()
    directions: tuple[Direction, ...] = ()  # of images, the rows of image `traversal`
    dead: int = 0  # dimensions of the model
    fitted_rows: int = 0
    judged_rows: int = 0


class Applications(Schema):
    """metrics/applications.json."""

    generation: Generation | None = None
    augmentation: Augmentation | None = None
    denoising: Denoising | None = None
    compression: Compression | None = None
    meaning: Meaning | None = None

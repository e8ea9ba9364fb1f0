"""What each name in metrics/*.json means to a reader, and how its value is written."""

from dataclasses import dataclass
from typing import Any

from latentops.report.numbers import HARD_SPACE, percent


@dataclass(frozen=True)
class Metric:
    """`unit` decides how a value is written: share as per cent, bytes and seconds by their size."""

    title: str
    unit: str
    meaning: str

    @property
    def unit_beside(self) -> str:
        """The unit to write beside a value that does not carry it already."""
        return "" if self.unit in ("share", "bytes") else self.unit


_BOUND = "mean over the examples, at β = 1 whatever was trained"

METRICS = {
    "elbo_nats": Metric(
        "ELBO",
        "nats",
        f"Lower bound on log p(x), higher is better: {_BOUND}.",
    ),
    "rate_nats": Metric(
        "Rate", "nats", "Cost of the code: KL from the posterior of z to the prior. 0: no code."
    ),
    "distortion_nats": Metric(
        "Distortion", "nats", "Cost of the example given its code. Rate + distortion = -ELBO."
    ),
    "distortion_shuffled_nats": Metric(
        "Distortion with another's code",
        "nats",
        "The same where each example is told by the code of another one. What it lies above the "
        "distortion is what codes are worth: 0 where the decoder ignores them.",
    ),
    "code_gain_nats": Metric(
        "Worth of the code", "nats", "Distortion with another's code - distortion."
    ),
    "nll_is_nats": Metric(
        "Negative log-likelihood, importance-sampled",
        "nats",
        "A tighter bound than -ELBO from several samples of z: lower is better.",
    ),
    "nll_is_samples": Metric("Importance samples", "", "The k of that bound."),
    "bits_per_dim": Metric(
        "Bits per dimension", "bits", "-ELBO shared out over the pixels: lower is better."
    ),
    "mse_pixel": Metric(
        "Squared error per pixel",
        "",
        "Of the image decoded at the posterior mean, pixels in [0, 1]: lower is better.",
    ),
    "perplexity_doc_elbo": Metric(
        "Perplexity per document, ELBO",
        "",
        "exp of the mean over documents of nats per word: as if choosing among so many words.",
    ),
    "perplexity_corpus_elbo": Metric(
        "Perplexity of the corpus, ELBO",
        "",
        "exp of all nats over all words: long ones weigh more.",
    ),
    "perplexity_doc_is": Metric(
        "Perplexity per document, importance-sampled", "", "The same from the tighter bound."
    ),
    "perplexity_corpus_is": Metric(
        "Perplexity of the corpus, importance-sampled", "", "The same from the tighter bound."
    ),
    "documents_scored": Metric(
        "Documents with a perplexity", "", "Test documents that hold a word the decoder knows."
    ),
    "perplexity_token_elbo": Metric(
        "Perplexity of the tokens, ELBO",
        "",
        "exp of all nats over all tokens, the end of each sentence being one.",
    ),
    "perplexity_token_is": Metric(
        "Perplexity of the tokens, importance-sampled", "", "The same from the tighter bound."
    ),
    "nll_is_nats_per_token": Metric(
        "Negative log-likelihood of a token, importance-sampled",
        "nats",
        "All nats over all tokens, the end of each sentence being one.",
    ),
    "tokens_scored": Metric("Tokens scored", "", "Of the test sentences, their ends among them."),
    "reconstruction_exact_match": Metric(
        "Reconstructed exactly",
        "share",
        "Sentences that come back word for word, written greedily from the mean of their code.",
    ),
    "reconstruction_bleu": Metric(
        "BLEU of reconstructions",
        "share",
        "Runs of up to 4 words of those that stand in the original: corpus BLEU, not smoothed.",
    ),
    "active_units": Metric(
        "Active units",
        "",
        "Latent dimensions whose mean varies by more than 0.01.",
    ),
    "mutual_information_nats": Metric(
        "Mutual information of example and code",
        "nats",
        "How far codes tell examples apart. At most the logarithm of the examples counted.",
    ),
    "mutual_information_rows": Metric("Examples in the aggregate posterior", "", ""),
    "total_correlation_nats": Metric(
        "Total correlation",
        "nats",
        "How far the dimensions of a code depend on each other. 0: they are independent.",
    ),
    "dimension_wise_kl_nats": Metric(
        "KL of each dimension by itself",
        "nats",
        "How far the single dimensions, summed, stray from the prior. Mutual information + total "
        "correlation + this = rate, but for the sampling of z.",
    ),
    "aggregate_kl_nats": Metric(
        "KL of the aggregate posterior",
        "nats",
        "How far the codes together stray from the prior: total correlation + the KL of each "
        "dimension by itself.",
    ),
    "topics": Metric("Topics", "", "Two ends of each active dimension, or one expert for each."),
    "topic_npmi": Metric(
        "NPMI of topics",
        "",
        "Whether the 10 top words of a topic share training documents: 1 always, 0 by chance, -1 "
        "never.",
    ),
    "topic_diversity": Metric(
        "Diversity of topics", "share", "Different words among the 25 top words of all topics."
    ),
    "parameters": Metric("Parameters", "", "Numbers that training sets."),
    "weights_bytes": Metric("Weights", "bytes", ""),
    "test_rows": Metric("Test examples", "", "In scope, with and without a label."),
    "test_rows_also_in_train": Metric(
        "Test examples that stand in train too", "", "Equal texts, case and spaces apart."
    ),
    "mse_pixel_pca": Metric(
        "Squared error per pixel, PCA", "", "Of a PCA with as many components as latent dimensions."
    ),
    "accuracy": Metric("Accuracy", "share", "Examples that the classifier puts right."),
    "recall_macro": Metric(
        "Macro recall",
        "share",
        "Mean over classes of the share found: small classes count as much.",
    ),
    "f1_macro": Metric(
        "Macro F1", "share", "Mean over classes of F1, which precision and recall pull down alike."
    ),
    "accuracy_unseen": Metric(
        "Accuracy, unseen", "share", "On the test examples that do not stand in train."
    ),
    "out_of_scope_auroc": Metric(
        "Out of scope, AUROC",
        "share",
        "Chance that a row out of scope looks stranger than one in scope; 50 % is luck.",
    ),
    "out_of_scope_recall": Metric(
        "Out of scope, recall", "share", "Of the rows out of scope, those that are refused."
    ),
    "in_scope_refused": Metric(
        "In scope, refused", "share", "Of the rows in scope, those that are refused by mistake."
    ),
    "model_bytes": Metric("Model", "bytes", "All files that a prediction needs."),
    "seconds_per_example": Metric(
        "Time per example", "s", "From the raw input to the answer, in a batch, on one thread."
    ),
    "sealed_commit": Metric("Git commit", "", "It is proved to make the version."),
    "train_seconds": Metric("Training time", "s", ""),
    "epochs": Metric("Epochs trained", "", ""),
}


@dataclass(frozen=True)
class Term:
    """A name in the report, and what it stands for."""

    title: str
    meaning: str


FEATURES = {
    "tfidf_words": Term(
        "TF-IDF of words", "Counts of single words, rare words weighted up, rows of unit length."
    ),
    "tfidf": Term(
        "TF-IDF", "The same over every term: words, and pairs or character n-grams if there are."
    ),
    "lsa": Term("LSA", "TF-IDF put into as few numbers as the VAE's code has, linearly."),
    "pixels": Term("pixels", "The image as it is."),
    "pca": Term("PCA", "Pixels put into as few numbers as the VAE's code has, linearly."),
    "vae": Term("VAE", "The means that its encoder gives; it learned them without labels."),
    "hidden": Term("hidden layers", "What the layers of the VAE's encoder hold before the means."),
}

SIGNALS = {
    "margin": Term("Margin", "How little the shipped classifier prefers any class."),
    "margin_tfidf": Term("Margin on TF-IDF", "The same of a classifier that reads TF-IDF alone."),
    "margin_pixels": Term("Margin on pixels", "The same of a classifier that reads pixels alone."),
    "knn_tfidf": Term("kNN in TF-IDF", "Distance to the 5th nearest training row."),
    "knn_pixels": Term("kNN in pixels", "Distance to the 5th nearest training image."),
    "known": Term("Known words", "How few words of the text stand in the vocabulary."),
    "unknown": Term("Unknown words", "How many words of the text do not stand in it."),
    "rate": Term("Rate", "How near the code stays to the prior: a low KL marks a stranger."),
    "elbo": Term("ELBO", "How badly the VAE explains the input."),
    "knn_latent": Term("kNN in the latent", "Distance to the 5th nearest training code."),
    "mahalanobis": Term("Mahalanobis", "Distance of the code from the nearest class."),
    "combination": Term("All combined", "Weighted sum of the signals, fitted on validation."),
    "combination_without_vae": Term(
        "Combined without VAE", "The same of the signals that need no VAE."
    ),
}

CLASSIFIERS = {"svm": "linear SVM", "logistic": "logistic regression"}

_UNSEEN = "_unseen"
_UNIT_OF_SUFFIX = {"_nats": "nats", "_bytes": "bytes", "_seconds": "s"}


def metric(name: str) -> Metric:
    """What `name` means; where nobody wrote it down, what the name itself says."""
    if name in METRICS:
        return METRICS[name]
    if name.startswith("valid_"):
        known = metric(name.removeprefix("valid_"))
        return Metric(f"{known.title}, validation", known.unit, "")
    if name.endswith(_UNSEEN):
        known = metric(name.removesuffix(_UNSEEN))
        return Metric(f"{known.title}, unseen", known.unit, "Without rows that stand in train.")
    for suffix, unit in _UNIT_OF_SUFFIX.items():
        if name.endswith(suffix):
            return Metric(_spelt_out(name.removesuffix(suffix)), unit, "")
    return Metric(_spelt_out(name), "", "")


def _spelt_out(name: str) -> str:
    return name.replace("_", " ").capitalize()


def feature_title(name: str) -> str:
    """Joined features are named by their parts: tfidf+vae."""
    return " + ".join(FEATURES[part].title for part in name.split("+"))


def signal_title(name: str) -> str:
    return SIGNALS[name].title if name in SIGNALS else _spelt_out(name)


def value_text(value: float, unit: str) -> str:
    """A number as a reader wants it; its unit too where it is scaled by its size."""
    if unit == "share":
        return percent(value)
    if unit == "bytes":
        return _bytes_text(value)
    if unit in ("s", "µs"):
        return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
    if float(value).is_integer():
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def plain_text(value: Any) -> str:
    """A setting or a fact as a reader wants it."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return value_text(value, "")
        case list() | tuple():
            return ", ".join(map(plain_text, value)) or "none"
    return str(value)


def _bytes_text(value: float) -> str:
    for name, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= size:
            return f"{value / size:.3g}{HARD_SPACE}{name}"
    return f"{value:.0f}{HARD_SPACE}bytes"

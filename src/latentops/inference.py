"""Raw utterances or images in, one of five tasks out: what a registered model and the service do.

Shape suffixes: N examples, B rows of a batch, K samples, Z latent dimensions, W target words.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse
import torch
from torch import Tensor

from latentops import artifacts, build, classifier, portion
from latentops.artifacts import Arrays, Spec, Vocabulary
from latentops.classifier import Classifier, HeadFile
from latentops.data import vocabulary as counting
from latentops.data.batches import Batch, Examples, in_batches
from latentops.errors import DataError
from latentops.likelihoods import Likelihood
from latentops.model import VAE

Task = Literal["classify", "encode", "reconstruct", "generate", "score"]
Raw = npt.ArrayLike | pd.DataFrame | pd.Series
Result = pd.DataFrame | np.ndarray

FILES = (artifacts.WEIGHTS, artifacts.MODEL_SETTINGS, artifacts.SPEC, artifacts.VOCABULARY)
"""A model folder holds files of these names."""

HEAD_FILES = (artifacts.HEAD, artifacts.HEAD_FACTS)
"""And of these, unless it was made before models had a classifier."""

TOP_WORDS = 10
DOCUMENT_WORDS = 12
SCORE_SAMPLES = 16
_BATCH = 256


class Predictor:
    """A trained model that takes what a person has.

    Counts models take texts: a list, a Series, or a table with a column `text` (or one column).
    Image models take [N, H, W] or [N, C, H, W]: whole grey levels, or shares in [0, 1] as floats;
    those of black and white take 0 and 255 too.
    The answers depend on the seed and on no other row, but for images that are made binary by
    chance. Raises DataError for anything else.
    """

    def __init__(
        self,
        vae: VAE,
        spec: Spec,
        vocabulary: Vocabulary,
        settings: build.Model,
        head: Classifier | str,
    ) -> None:
        """`head` is the classifier, or a sentence on why there is none."""
        self.vae = vae
        self.spec = spec
        self.head = head
        self.vocabulary = vocabulary
        self.settings = settings
        self._words_W = np.array([vocabulary.terms[column] for column in vocabulary.target])

    @classmethod
    def from_folder(cls, folder: Path) -> "Predictor":
        weights, settings, spec, vocabulary = (folder / path.name for path in FILES)
        parts = (
            artifacts.read_schema(Spec, spec),
            artifacts.read_schema(Vocabulary, vocabulary),
            build.read_settings(settings),
        )
        vae = build.load_model(*parts, artifacts.read_tensors(weights))
        return cls(vae, *parts, _head(folder))

    def predict(self, raw: Raw, task: str = "encode", n: int = 1, seed: int = 0) -> Result:
        """`n` is read by generate alone, which does not read `raw`."""
        if task == "classify":
            return self.classify(raw, seed)
        if task == "encode":
            return self.encode(raw, seed)
        if task == "reconstruct":
            return self.reconstruct(raw, seed)
        if task == "generate":
            return self.generate(n, seed)
        if task == "score":
            return self.score(raw, seed)
        raise DataError(f"task should be one of {', '.join(get_args(Task))}. Got {task!r}.")

    @torch.inference_mode()
    def classify(self, raw: Raw, seed: int = 0) -> pd.DataFrame:
        """Columns label, probability (of that label), out_of_scope and out_of_scope_score.

        The score is higher for an input less like those of training, and out of scope above the
        threshold of the classifier's detector. Raises DataError where the model has no classifier.
        """
        if isinstance(self.head, str):
            raise DataError(f"This model cannot classify: {self.head}")
        arrays = self._arrays(raw)
        examples = self._examples(arrays).frozen(seed)
        is_text = self.spec.kind == "counts"
        counts, texts = (self._counts(arrays), _texts(raw)) if is_text else (None, None)
        starts = range(0, len(examples), _BATCH)
        parts = [self._judged(self.head, examples, counts, texts, start) for start in starts]
        return pd.concat(parts, ignore_index=True)

    def _judged(
        self,
        head: Classifier,
        examples: Examples,
        counts: scipy.sparse.csr_matrix | None,
        texts: list[str] | None,
        start: int,
    ) -> pd.DataFrame:
        stop = min(start + _BATCH, len(examples))
        given = portion.inputs(
            head,
            self.vae,
            examples.subset(torch.arange(start, stop)),
            None if counts is None else counts[start:stop],
            self.vocabulary,
            None if texts is None else texts[start:stop],
        )
        judged = head.judge(given)
        return pd.DataFrame(
            {
                "label": [head.classes[index] for index in judged.label_N],
                "probability": judged.probability_N.astype(np.float32),
                "out_of_scope": judged.out_of_scope_N,
                "out_of_scope_score": judged.strangeness_N.astype(np.float32),
            }
        )

    @torch.inference_mode()
    def encode(self, raw: Raw, seed: int = 0) -> pd.DataFrame:
        """Posterior means: a column z0, z1, ... for each latent dimension."""
        mean_NZ = torch.cat([self.vae.encode(batch.input).mean for batch in self._read(raw, seed)])
        return pd.DataFrame(mean_NZ.numpy(), columns=[f"z{z}" for z in range(self.vae.latent)])

    @torch.inference_mode()
    def reconstruct(self, raw: Raw, seed: int = 0) -> Result:
        """From the posterior mean: the most probable words, or images [N, C, H, W] in [0, 1]."""
        means = (self.vae.encode(batch.input).mean for batch in self._read(raw, seed))
        return _joined([self._shown(self.vae.decode(mean_BZ)) for mean_BZ in means])

    @torch.inference_mode()
    def generate(self, n: int = 1, seed: int = 0) -> Result:
        """From the prior: images, or the most probable words and a document drawn from them."""
        if n < 1:
            raise DataError(f"n should be at least 1 example to generate. Got {n}.")
        generator = _seeded(seed)
        z_NZ = torch.randn((n, self.vae.latent), generator=generator)
        batches = [z_NZ[start : start + _BATCH] for start in range(0, n, _BATCH)]
        return _joined([self._dreamt(self.vae.decode(z_BZ), generator) for z_BZ in batches])

    @torch.inference_mode()
    def score(self, raw: Raw, seed: int = 0) -> pd.DataFrame:
        """Column elbo_nats, over 16 samples of z whose noise is the same for every example."""
        noise_KZ = torch.randn((SCORE_SAMPLES, self.vae.latent), generator=_seeded(seed))
        elbo_N = torch.cat([self._elbo(batch, noise_KZ) for batch in self._read(raw, seed)])
        return pd.DataFrame({"elbo_nats": elbo_N.numpy()})

    def _elbo(self, batch: Batch, noise_KZ: Tensor) -> Tensor:
        posterior = self.vae.encode(batch.input)
        log_prob_B = torch.zeros(len(posterior.mean))
        for noise_Z in noise_KZ:  # one at a time: K x B x W would not fit in memory
            z_BZ = posterior.mean + posterior.standard_deviation * noise_Z
            log_prob_B += self.vae.decode(z_BZ).log_prob(batch.target) / len(noise_KZ)
        return log_prob_B - posterior.kl().sum(-1)

    def _read(self, raw: Raw, seed: int) -> Iterator[Batch]:
        return in_batches(self._examples(self._arrays(raw)).frozen(seed), _BATCH)

    def _arrays(self, raw: Raw) -> Arrays:
        if self.spec.kind == "image":
            return {"x": _pixels(raw, self.spec)}
        counts = counting.count(_texts(raw), self.vocabulary)
        return {"indptr": counts.indptr, "indices": counts.indices, "counts": counts.data}

    def _examples(self, arrays: Arrays) -> Examples:
        return build.examples(self.spec, self.vocabulary, arrays, self.settings)

    def _counts(self, arrays: Arrays) -> scipy.sparse.csr_matrix:
        parts = (arrays["counts"], arrays["indices"], arrays["indptr"])
        shape = len(arrays["indptr"]) - 1, self.spec.shape[0]
        return scipy.sparse.csr_matrix(parts, shape=shape)

    def _shown(self, likelihood: Likelihood) -> Result:
        if self.spec.kind == "image":
            return likelihood.mean.numpy()
        best = likelihood.mean.topk(min(TOP_WORDS, len(self._words_W))).indices
        return pd.DataFrame({"words": self._words_W[best.numpy()].tolist()})

    def _dreamt(self, likelihood: Likelihood, generator: torch.Generator) -> Result:
        shown = self._shown(likelihood)
        if isinstance(shown, pd.DataFrame):
            shown["document"] = [self._document(row_W, generator) for row_W in likelihood.mean]
        return shown

    def _document(self, share_W: Tensor, generator: torch.Generator) -> str:
        drawn = torch.multinomial(share_W, DOCUMENT_WORDS, replacement=True, generator=generator)
        return " ".join(self._words_W[drawn.numpy()])


def export(project: Path, folder: Path) -> None:
    """Copy the files of a trained model into a model folder, which needs nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in (*FILES, *HEAD_FILES):
        shutil.copyfile(project / path, folder / path.name)


def _head(folder: Path) -> Classifier | str:
    facts = folder / artifacts.HEAD_FACTS.name
    if not facts.exists():
        return "it was made before models had a classifier. Register it again: `dvc repro`."
    return classifier.load(folder) or artifacts.read_schema(HeadFile, facts).reason


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _joined(parts: list[Result]) -> Result:
    tables = [part for part in parts if isinstance(part, pd.DataFrame)]
    return pd.concat(tables, ignore_index=True) if tables else np.concatenate(parts)


def _texts(raw: Raw) -> list[str]:
    if isinstance(raw, pd.DataFrame):
        raw = _text_column(raw)
    if isinstance(raw, str | Mapping) or not isinstance(raw, Iterable):
        raise DataError("A list of texts was expected, as in ['turn on the light'].")
    texts = list(raw)
    if not texts:
        raise DataError("At least one text was expected. The list is empty.")
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"Every example should be a text. Row {row} is {text!r}.")
    return texts


def _text_column(table: pd.DataFrame) -> pd.Series:
    if "text" in table.columns:
        return table["text"]
    if len(table.columns) == 1:
        return table.iloc[:, 0]
    raise DataError(
        f"A table of texts should have a column 'text'. Found {', '.join(map(str, table.columns))}."
    )


def _pixels(raw: Raw, spec: Spec) -> np.ndarray:
    """uint8 [N, C, H, W] in 0..levels-1."""
    images = _numbers(raw)
    channels, height, width = spec.shape
    if channels == 1 and images.ndim == 3:
        images = images[:, None]
    if images.shape[1:] != spec.shape or len(images) == 0:
        raise DataError(
            f"Images of shape [N, {channels}, {height}, {width}] were expected, N at least 1. "
            f"Found {list(images.shape)}."
        )
    top = (spec.levels or 2) - 1
    if images.dtype.kind == "f":
        _check_range(images, 1, f"shares in [0, 1], or of a whole type and in 0..{top}")
        return (images * top).round().astype(np.uint8)
    if top == 1 and np.isin(images, (0, 255)).all():
        return (images > 0).astype(np.uint8)  # as pictures of black and white are stored
    _check_range(images, top, f"whole numbers from 0 to {top}")
    return images.astype(np.uint8)


def _numbers(raw: Raw) -> np.ndarray:
    try:
        images = np.asarray(raw)
    except ValueError as error:  # lists of unequal lengths
        raise DataError("Images should all have the same height and width.") from error
    if images.dtype.kind not in "buif":
        raise DataError(f"Images should be arrays of numbers. Found {images.dtype}.")
    return images


def _check_range(images: np.ndarray, top: int, expected: str) -> None:
    if not np.isfinite(images).all():
        raise DataError("Images should be finite. Found NaN or infinity.")
    if images.min() < 0 or images.max() > top:
        raise DataError(
            f"Pixels of type {images.dtype} should be {expected}. "
            f"Found {images.min():g} to {images.max():g}."
        )

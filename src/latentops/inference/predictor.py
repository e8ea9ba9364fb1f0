"""Raw utterances or images in, a task's answer out: what a registered model and the service do.

Shape suffixes: N examples, B rows of a batch, K samples, Z latent dimensions, W target words,
P pairs of rows, S steps.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse
import torch
from torch import Tensor

from latentops import artifacts, build, portion
from latentops.artifacts import Arrays, Spec, Vocabulary
from latentops.classifier import Classifier
from latentops.codec import container
from latentops.data import vocabulary as counting
from latentops.data.batches import Bags, Batch, Examples, Images, in_batches
from latentops.errors import DataError
from latentops.inference import augmenting, coding, denoising, latent_space
from latentops.inference import folder as folders
from latentops.inference import raw as raws
from latentops.inference.raw import Raw
from latentops.likelihoods import Likelihood
from latentops.model import VAE

Result = pd.DataFrame | np.ndarray

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
        """Of a model folder, as `folder.export` makes it."""
        return cls._read(*(folder / path.name for path in (*folders.FILES, folders.HEAD_FILES[0])))

    @classmethod
    def from_project(cls, project: Path) -> "Predictor":
        """Of the folder that holds dvc.yaml."""
        return cls._read(*(project / path for path in (*folders.FILES, folders.HEAD_FILES[0])))

    @classmethod
    def _read(
        cls, weights: Path, settings: Path, spec: Path, vocabulary: Path, head: Path
    ) -> "Predictor":
        parts = (
            artifacts.read_schema(Spec, spec),
            artifacts.read_schema(Vocabulary, vocabulary),
            build.read_settings(settings),
        )
        vae = build.load_model(*parts, artifacts.read_tensors(weights))
        return cls(vae, *parts, folders.head(head.parent))

    def predict(
        self, raw: Raw, task: str = "encode", n: int = 1, seed: int = 0, label: str = ""
    ) -> Result:
        """`n` is read by augment, generate and interpolate, `label` by generate, which reads no
        `raw`."""
        tasks: dict[str, Callable[[], Result]] = {
            "classify": lambda: self.classify(raw, seed),
            "encode": lambda: self.encode(raw, seed),
            "reconstruct": lambda: self.reconstruct(raw, seed),
            "denoise": lambda: self.denoise(raw, seed),
            "generate": lambda: self.generate(n, seed, label),
            "score": lambda: self.score(raw, seed),
            "interpolate": lambda: self.interpolate(raw, n, seed),
            "augment": lambda: self.augment(raw, n, seed),
            "compress": lambda: self.compress(raw),
            "decompress": lambda: self.decompress(raw),
        }
        if task not in tasks:
            raise DataError(f"task should be one of {', '.join(tasks)}. Got {task!r}.")
        return tasks[task]()

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
        counts, texts = (self._counts(arrays), raws.texts(raw)) if is_text else (None, None)
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
        mean_NZ = self._means(raw, seed)
        return pd.DataFrame(mean_NZ.numpy(), columns=[f"z{z}" for z in range(self.vae.latent)])

    @torch.inference_mode()
    def reconstruct(self, raw: Raw, seed: int = 0) -> Result:
        """From the posterior mean: the most probable words, or images [N, C, H, W] in [0, 1]."""
        means = (self.vae.encode(batch.input).mean for batch in self._batches(raw, seed))
        return _joined([self._shown(self.vae.decode(mean_BZ)) for mean_BZ in means])

    @torch.inference_mode()
    def denoise(self, raw: Raw, seed: int = 0) -> Result:
        """Damaged inputs as the model would have them.

        Images [N, C, H, W] in [0, 1], from the posterior mean; of texts a column `words`: those
        that `denoising.cleaned` leaves or adds, the most probable first, none where none is known.
        """
        if self.spec.kind == "image":
            return self.reconstruct(raw, seed)
        anyway_W = denoising.expected_anyway(self.vae)
        found = [self._cleaned(batch, anyway_W) for batch in self._batches(raw, seed)]
        return pd.DataFrame({"words": [words for part in found for words in part]})

    def _cleaned(self, batch: Batch, anyway_W: Tensor) -> list[list[str]]:
        share_BW = self.vae.decode(self.vae.encode(batch.input).mean).mean
        held_BW = denoising.cleaned(share_BW, batch.target.to_dense(), anyway_W)
        order_BW = share_BW.argsort(dim=1, descending=True, stable=True)
        return [
            self._words_W[order_W[held_W[order_W]].numpy()].tolist()
            for order_W, held_W in zip(order_BW, held_BW, strict=True)
        ]

    @torch.inference_mode()
    def generate(self, n: int = 1, seed: int = 0, label: str = "") -> Result:
        """From the prior: images, or the most probable words and a document drawn from them.

        With a `label`, from where the codes of that class lie. Raises DataError for a class that
        was not learned from.
        """
        if n < 1:
            raise DataError(f"n should be at least 1 example to generate. Got {n}.")
        generator = _seeded(seed)
        z_NZ = self._codes(n, generator, label)
        return self._decoded(z_NZ, lambda likelihood: self._dreamt(likelihood, generator))

    def _codes(self, n: int, generator: torch.Generator, label: str) -> Tensor:
        if not label:
            return self.vae.prior.sample(n, generator)
        codes = latent_space.codes_of(self.head)
        assert isinstance(self.head, Classifier)
        y = latent_space.class_index(self.head, label)
        return latent_space.of_classes(codes, np.full(n, y), generator)

    @torch.inference_mode()
    def interpolate(self, raw: Raw, n: int, seed: int = 0) -> Result:
        """n steps from each row's code to the next row's, both ends included.

        Of N rows: images [(N - 1) * n, C, H, W], or a table with the columns pair and step, which
        count from 0, and words, the most probable ones. Raises DataError for fewer than two rows.
        """
        mean_NZ = self._means(raw, seed)
        if len(mean_NZ) < 2:
            raise DataError("Interpolation goes from each row to the next: give two rows or more.")
        path_PSZ = latent_space.between(mean_NZ[:-1], mean_NZ[1:], n)
        shown = self._decoded(path_PSZ.flatten(0, 1), self._shown)
        if isinstance(shown, pd.DataFrame):
            pair, step = np.divmod(np.arange(len(shown)), n)
            return pd.DataFrame({"pair": pair, "step": step, "words": shown["words"]})
        return shown

    @torch.inference_mode()
    def augment(
        self, raw: Raw, n: int = 1, seed: int = 0, rows: Sequence[int] | None = None
    ) -> Result:
        """n new rows around each row: see `augmenting`.

        A table with the columns row, of `rows` (from 0 where there are none), and text, without the
        rows of which no word is known; or images [N * n, C, H, W] in [0, 1].
        """
        examples = self._examples(self._arrays(raw)).frozen(seed)
        numbers = range(len(examples)) if rows is None else rows
        if isinstance(examples, Bags):
            return augmenting.documents(self.vae, examples, self._words_W, n, seed, numbers)
        assert isinstance(examples, Images)
        return augmenting.images(self.vae, examples, n, seed, numbers)

    def compress(self, raw: Raw) -> np.ndarray:
        """A file's bytes, uint8 [1, 1, 1, bytes], from which `decompress` gives these very levels.

        Raises DataError for a model of texts, and for grey images where it knows black and white.
        """
        coded_by = coding.model(self.vae, self.spec, self.settings)
        return np.frombuffer(coding.compress(coded_by, raw), np.uint8)[None, None, None]

    def decompress(self, raw: Raw) -> np.ndarray:
        """The levels that `compress` was given, uint8 [N, C, H, W].

        Raises DataError for what another model made, and for what is damaged.
        """
        coded_by = coding.model(self.vae, self.spec, self.settings)
        return container.decompress(coded_by, coding.file_bytes(raw))

    def _decoded(self, z_NZ: Tensor, show: Callable[[Likelihood], Result]) -> Result:
        return _joined([show(self.vae.decode(z_BZ)) for z_BZ in torch.split(z_NZ, _BATCH)])

    @torch.inference_mode()
    def score(self, raw: Raw, seed: int = 0) -> pd.DataFrame:
        """Column elbo_nats, over 16 samples of z whose noise is the same for every example."""
        noise_KZ = torch.randn((SCORE_SAMPLES, self.vae.latent), generator=_seeded(seed))
        elbo_N = torch.cat([self._elbo(batch, noise_KZ) for batch in self._batches(raw, seed)])
        return pd.DataFrame({"elbo_nats": elbo_N.numpy()})

    def _elbo(self, batch: Batch, noise_KZ: Tensor) -> Tensor:
        posterior = self.vae.encode(batch.input)
        log_prob_B = torch.zeros(len(posterior.mean))
        rate_B = torch.zeros(len(posterior.mean))
        for noise_Z in noise_KZ:  # one at a time: K x B x W would not fit in memory
            z_BZ = posterior.mean + posterior.standard_deviation * noise_Z
            log_prob_B += self.vae.decode(z_BZ).log_prob(batch.target) / len(noise_KZ)
            rate_B += self.vae.prior.rate(posterior, z_BZ).sum(-1) / len(noise_KZ)
        return log_prob_B - rate_B

    def _means(self, raw: Raw, seed: int) -> Tensor:
        """The code of each row, [N, Z]."""
        return torch.cat([self.vae.encode(batch.input).mean for batch in self._batches(raw, seed)])

    def _batches(self, raw: Raw, seed: int) -> Iterator[Batch]:
        return in_batches(self._examples(self._arrays(raw)).frozen(seed), _BATCH)

    def _arrays(self, raw: Raw) -> Arrays:
        if self.spec.kind == "image":
            return {"x": raws.pixels(raw, self.spec)}
        counts = counting.count(raws.texts(raw), self.vocabulary)
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


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _joined(parts: list[Result]) -> Result:
    tables = [part for part in parts if isinstance(part, pd.DataFrame)]
    return pd.concat(tables, ignore_index=True) if tables else np.concatenate(parts)

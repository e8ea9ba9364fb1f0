"""Raw utterances or images in, a task's answer out: what a registered model and the service do.

Shape suffixes: N examples, B rows of a batch, K samples, Z latent dimensions, W target words,
P pairs of rows, S steps.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
import torch
from torch import Tensor

from latentops import artifacts, build, portion
from latentops.artifacts import PAD, Arrays, Spec, Vocabulary
from latentops.classifier import Classifier
from latentops.codec import container
from latentops.data.batches import Bags, Batch, Examples, Images, Sequences, in_batches
from latentops.inference import (
    augmenting,
    coding,
    denoising,
    forms,
    latent_space,
    neighbours,
)
from latentops.inference import folder as folders
from latentops.inference import raw as raws
from latentops.inference import tasks as promised
from latentops.inference import writing as writings
from latentops.inference.forms import Result
from latentops.inference.raw import Raw
from latentops.inference.tasks import SCORE_SAMPLES
from latentops.inference.writing import DEFAULT, Writing
from latentops.likelihoods import Likelihood
from latentops.model import VAE

_BATCH = 256

Progress = Callable[[Sequence[Tensor]], Iterable[Tensor]]


class Predictor:
    """A trained model that takes what a person has.

    Models of texts take a list, a Series, or a table with a column `text` (or one column).
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
        progress: Progress = iter,
    ) -> None:
        """`head` is the classifier, or a sentence on why there is none; `progress` is given the
        blocks of codes that are decoded, which of sentences takes time."""
        self.vae = vae
        self.spec = spec
        self.head = head
        self.vocabulary = vocabulary
        self.settings = settings
        self.progress = progress
        self.form = forms.of(spec, vocabulary, settings)
        self._words_W = promised.target_words(vocabulary)

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

    @property
    def writes_sentences(self) -> bool:
        return isinstance(self.form, forms.Sentences)

    def predict(self, raw: Raw, task: str = "encode", **options: Any) -> Result:
        """The answer of a task; `options` are fields of `tasks.Options`."""
        asked = promised.Options(**options)
        n, seed, writing = asked.n, asked.seed, asked.writing
        tasks: dict[str, Callable[[], Result]] = {
            "classify": lambda: self.classify(raw, seed),
            "encode": lambda: self.encode(raw, seed),
            "reconstruct": lambda: self.reconstruct(raw, seed, writing),
            "denoise": lambda: self.denoise(raw, seed, writing),
            "generate": lambda: self.generate(n, seed, asked.label, asked.around, writing),
            "score": lambda: self.score(raw, seed),
            "interpolate": lambda: self.interpolate(raw, n, seed, writing),
            "nearest": lambda: self.nearest(raw, n, seed),
            "augment": lambda: self.augment(raw, n, seed),
            "compress": lambda: self.compress(raw),
            "decompress": lambda: self.decompress(raw),
        }
        promised.require_task(task, list(tasks))
        return tasks[task]()

    @torch.inference_mode()
    def classify(self, raw: Raw, seed: int = 0) -> pd.DataFrame:
        """Columns label, probability (of that label), out_of_scope and out_of_scope_score.

        The score is higher for an input less like those of training, and out of scope above the
        threshold of the classifier's detector. Raises DataError where the model has no classifier.
        """
        head = promised.classifier_of(self.head)
        arrays = self._arrays(raw)
        examples = self._examples(arrays).frozen(seed)
        is_text = self.spec.kind == "counts"
        counts, texts = (self._counts(arrays), raws.texts(raw)) if is_text else (None, None)
        starts = range(0, len(examples), _BATCH)
        parts = [self._judged(head, examples, counts, texts, start) for start in starts]
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
    def reconstruct(self, raw: Raw, seed: int = 0, writing: Writing = DEFAULT) -> Result:
        """From the posterior mean: images [N, C, H, W] in [0, 1], or a table with a column `words`,
        the most probable ones, or `text`, the sentence that is most likely."""
        return self._shown(self._means(raw, seed), writing)

    @torch.inference_mode()
    def denoise(self, raw: Raw, seed: int = 0, writing: Writing = DEFAULT) -> Result:
        """Damaged inputs as the model would have them.

        Images [N, C, H, W] in [0, 1] and sentences, from the posterior mean; of bags of words a
        column `words`: those that `tasks.cleaned` leaves or adds, the most probable first, none
        where none is known.
        """
        if not isinstance(self.form, forms.Words):
            return self.reconstruct(raw, seed, writing)
        self._require_writer(writing)
        anyway_W = denoising.expected_anyway(self.vae)
        found = [self._cleaned(batch, anyway_W) for batch in self._batches(raw, seed)]
        return pd.DataFrame({"words": [words for part in found for words in part]})

    def _cleaned(self, batch: Batch, anyway_W: Tensor) -> list[list[str]]:
        share_BW = self.vae.decode(self.vae.encode(batch.input).mean).mean
        held_BW = promised.cleaned(share_BW, batch.target.to_dense(), anyway_W)
        order_BW = share_BW.argsort(dim=1, descending=True, stable=True)
        return [
            self._words_W[order_W[held_W[order_W]].numpy()].tolist()
            for order_W, held_W in zip(order_BW, held_BW, strict=True)
        ]

    @torch.inference_mode()
    def generate(
        self,
        n: int = 1,
        seed: int = 0,
        label: str = "",
        around: str = "",
        writing: Writing = DEFAULT,
    ) -> Result:
        """From the prior: images, sentences, or the most probable words and a document of them.

        With a `label` from where the codes of that class lie, with a text to be `around` from its
        posterior. Raises DataError for a class that was not learned from.
        """
        promised.require_generated(n)
        self._require_writer(writing)
        writings.require_one_beam(writing)
        generator = _seeded(seed)
        z_NZ = self._codes(n, generator, label, around)
        return self._decoded(
            z_NZ, lambda likelihood: self.form.dreamt(likelihood, writing, generator)
        )

    def _codes(self, n: int, generator: torch.Generator, label: str, around: str) -> Tensor:
        promised.require_one_wish(label, around, self.spec)
        if around:
            return self._codes_around(n, generator, around)
        if not label:
            return self.vae.prior.sample(n, generator)
        codes = promised.class_codes(self.head)
        y = promised.class_index(promised.classifier_of(self.head), label)
        return latent_space.of_classes(codes, np.full(n, y), generator)

    def _codes_around(self, n: int, generator: torch.Generator, text: str) -> Tensor:
        (batch,) = self._batches([text], seed=0)
        return self.vae.encode(batch.input).sample(generator, samples=n)[:, 0]

    @torch.inference_mode()
    def interpolate(self, raw: Raw, n: int, seed: int = 0, writing: Writing = DEFAULT) -> Result:
        """n steps from each row's code to the next row's, both ends included.

        Of N rows: images [(N - 1) * n, C, H, W], or a table with the columns pair and step, which
        count from 0, and what `reconstruct` gives. Raises DataError for fewer than two rows.
        """
        mean_NZ = self._means(raw, seed)
        promised.require_path(len(mean_NZ))
        path_PSZ = latent_space.between(mean_NZ[:-1], mean_NZ[1:], n)
        shown = self._shown(path_PSZ.flatten(0, 1), writing)
        if isinstance(shown, pd.DataFrame):
            pair, step = np.divmod(np.arange(len(shown)), n)
            return pd.concat([pd.DataFrame({"pair": pair, "step": step}), shown], axis=1)
        return shown

    @torch.inference_mode()
    def nearest(self, raw: Raw, n: int = 1, seed: int = 0) -> pd.DataFrame:
        """Of each row the n other rows whose codes lie nearest, the nearest first.

        Columns row, neighbour (which count from 0), distance and, of texts, the neighbour's text.
        Raises DataError for fewer than two rows.
        """
        found = neighbours.nearest(self._means(raw, seed), n)
        rows, kept = found.place_NK.shape
        table = pd.DataFrame(
            {
                "row": np.repeat(np.arange(rows), kept),
                "neighbour": found.place_NK.ravel(),
                "distance": found.distance_NK.ravel(),
            }
        )
        if self.spec.kind == "image":
            return table
        return table.assign(text=np.array(raws.texts(raw), dtype=object)[table["neighbour"]])

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
        if isinstance(examples, Sequences):
            assert isinstance(self.form, forms.Sentences)
            return augmenting.sentences(self.vae, examples, self.form, n, seed, numbers)
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

    def _shown(self, z_NZ: Tensor, writing: Writing) -> Result:
        self._require_writer(writing)
        writings.require_undrawn(writing)
        return self._decoded(z_NZ, lambda likelihood: self.form.shown(likelihood, writing))

    def _decoded(self, z_NZ: Tensor, show: Callable[[Likelihood], Result]) -> Result:
        blocks = torch.split(z_NZ, forms.CODES_AT_ONCE)
        return _joined([show(self.vae.decode(z_BZ)) for z_BZ in self.progress(blocks)])

    def _require_writer(self, writing: Writing) -> None:
        if not self.writes_sentences:
            writings.require_default(writing)

    @torch.inference_mode()
    def score(self, raw: Raw, seed: int = 0) -> pd.DataFrame:
        """Column elbo_nats, over 16 samples of z whose noise is the same for every example.

        Of sentences also nats_per_token: -ELBO by the number of tokens, the end counted.
        """
        noise_KZ = torch.randn((SCORE_SAMPLES, self.vae.latent), generator=_seeded(seed))
        batches = list(self._batches(raw, seed))
        elbo_N = torch.cat([self._elbo(batch, noise_KZ) for batch in batches])
        found = pd.DataFrame({"elbo_nats": elbo_N.numpy()})
        if not self.writes_sentences:
            return found
        tokens_N = torch.cat([(batch.target != PAD).sum(1) for batch in batches])
        return found.assign(nats_per_token=(-elbo_N / tokens_N).numpy())

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
        return portion.arrays_of_texts(raws.texts(raw), self.vocabulary, self.settings)

    def _examples(self, arrays: Arrays) -> Examples:
        return build.examples(self.spec, self.vocabulary, arrays, self.settings)

    def _counts(self, arrays: Arrays) -> scipy.sparse.csr_matrix:
        parts = (arrays["counts"], arrays["indices"], arrays["indptr"])
        shape = len(arrays["indptr"]) - 1, self.spec.shape[0]
        return scipy.sparse.csr_matrix(parts, shape=shape)


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _joined(parts: list[Result]) -> Result:
    tables = [part for part in parts if isinstance(part, pd.DataFrame)]
    return pd.concat(tables, ignore_index=True) if tables else np.concatenate(parts)

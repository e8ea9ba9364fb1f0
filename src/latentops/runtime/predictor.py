"""Raw utterances or images in, a task's answer out, without torch: bags of words and dense images.

The twin of `inference.predictor`, which says what each task is: the same answers for the same seed
but for the last digits of single precision, and the same errors. Where shares are compared or
words are drawn, those digits may let another word in, seldom.

Shape suffixes: K samples, N examples, B rows of a block, W target words, Z latent dimensions,
P pairs of rows, S steps, M new rows.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from latentops.artifacts import Spec, Vocabulary
from latentops.classifier import Classifier
from latentops.inference import raw as raws
from latentops.inference import tasks as promised
from latentops.inference import writing as writings
from latentops.inference.raw import Raw
from latentops.inference.tasks import DOCUMENT_WORDS, SCORE_SAMPLES, TOP_WORDS
from latentops.inference.writing import DEFAULT, Writing
from latentops.runtime import latent_space
from latentops.runtime.documents import Documents
from latentops.runtime.draws import Draws
from latentops.runtime.judging import Judge
from latentops.runtime.likelihoods import Likelihood, Words
from latentops.runtime.model import Result
from latentops.runtime.pictures import Pictures

if TYPE_CHECKING:
    import pandas as pd

    from latentops.inference.predictor import Predictor as Whole

_BATCH = 256
_NUMBERS_AT_ONCE = 2**20  # that a decoder gives: 4 MB of each step of the way

Columns = dict[str, Any]
"""A table: the name of each column, and a list or an array."""

Answer = Columns | np.ndarray
Given = Any  # of `Documents` a list of bags, of `Pictures` an array: both can be cut


class Predictor:
    """A trained model of bags of words, or of images by a fully connected network."""

    writes_sentences = False

    def __init__(
        self,
        network: Documents | Pictures,
        spec: Spec,
        vocabulary: Vocabulary,
        head: Classifier | str,
        folder: Path,
    ) -> None:
        """`head` is the classifier, or a sentence on why there is none."""
        self.network = network
        self.spec = spec
        self.vocabulary = vocabulary
        self.head = head
        self.folder = folder
        self._words_W = promised.target_words(vocabulary)
        self._judge: Judge | None = None
        if isinstance(head, Classifier):
            self._needs, self._needs_encoder = head.needs, head.needs_encoder
            if isinstance(network, Documents):
                self._judge = Judge(head, network.weighting, network.prior)

    @property
    def latent(self) -> int:
        return self.network.latent

    def predict(self, raw: Raw, task: str = "encode", **options: Any) -> Result:
        """See `inference.predictor.Predictor.predict`."""
        return _framed(self._answer(raw, task, promised.Options(**options)))

    def rows(self, raw: Raw, task: str = "encode", **options: Any) -> list[Any]:
        """The same as plain lists, dicts, numbers and texts, without pandas."""
        asked = promised.Options(**options)
        if task == "classify":  # a single text has a shorter way
            return self.classify_rows(raw, asked.seed)
        return _listed(self._answer(raw, task, asked))

    def classify_rows(self, raw: Raw, seed: int = 0) -> list[dict[str, Any]]:
        head = promised.classifier_of(self.head)
        given = self._given(raw, seed)
        if len(given) > 1 or self._judge is None:
            return _records(self._judged_in_blocks(head, given))
        return [self._judge(given[0], self.network.encode(given) if self._needs_encoder else None)]

    def encode_rows(self, raw: Raw, seed: int = 0) -> np.ndarray:
        return self._means(self._given(raw, seed))

    def unknown_share(self, texts: Sequence[str]) -> np.ndarray:
        if not isinstance(self.network, Documents):
            raise promised.no_words()
        return np.array([bag.unknown_share for bag in self.network.given(texts, seed=0)])

    def classify(self, raw: Raw, seed: int = 0) -> "pd.DataFrame":
        return _table(self._classify(raw, seed))

    def encode(self, raw: Raw, seed: int = 0) -> "pd.DataFrame":
        return _table(self._encode(raw, seed))

    def reconstruct(self, raw: Raw, seed: int = 0, writing: Writing = DEFAULT) -> Result:
        return _framed(self._reconstruct(raw, seed, writing))

    def denoise(self, raw: Raw, seed: int = 0, writing: Writing = DEFAULT) -> Result:
        return _framed(self._denoise(raw, seed, writing))

    def generate(
        self,
        n: int = 1,
        seed: int = 0,
        label: str = "",
        around: str = "",
        writing: Writing = DEFAULT,
    ) -> Result:
        return _framed(self._generate(n, seed, label, around, writing))

    def interpolate(self, raw: Raw, n: int, seed: int = 0, writing: Writing = DEFAULT) -> Result:
        return _framed(self._interpolate(raw, n, seed, writing))

    def nearest(self, raw: Raw, n: int = 1, seed: int = 0) -> "pd.DataFrame":
        return _table(self._nearest(raw, n, seed))

    def augment(
        self, raw: Raw, n: int = 1, seed: int = 0, rows: Sequence[int] | None = None
    ) -> Result:
        return _framed(self._augment(raw, n, seed, rows))

    def score(self, raw: Raw, seed: int = 0) -> "pd.DataFrame":
        return _table(self._score(raw, seed))

    def compress(self, raw: Raw) -> np.ndarray:
        """By the whole package: what was compressed there is decompressed here, to the bit."""
        return self._whole().compress(raw)

    def decompress(self, raw: Raw) -> np.ndarray:
        return self._whole().decompress(raw)

    def _answer(self, raw: Raw, task: str, asked: promised.Options) -> Answer:
        n, seed, writing = asked.n, asked.seed, asked.writing
        tasks: dict[str, Callable[[], Answer]] = {
            "classify": lambda: self._classify(raw, seed),
            "encode": lambda: self._encode(raw, seed),
            "reconstruct": lambda: self._reconstruct(raw, seed, writing),
            "denoise": lambda: self._denoise(raw, seed, writing),
            "generate": lambda: self._generate(n, seed, asked.label, asked.around, writing),
            "score": lambda: self._score(raw, seed),
            "interpolate": lambda: self._interpolate(raw, n, seed, writing),
            "nearest": lambda: self._nearest(raw, n, seed),
            "augment": lambda: self._augment(raw, n, seed),
            "compress": lambda: self.compress(raw),
            "decompress": lambda: self.decompress(raw),
        }
        promised.require_task(task, list(tasks))
        return tasks[task]()

    def _classify(self, raw: Raw, seed: int) -> Columns:
        head = promised.classifier_of(self.head)
        return self._judged_in_blocks(head, self._given(raw, seed))

    def _judged_in_blocks(self, head: Classifier, given: Given) -> Columns:
        return _joined([self._judged(head, block) for block in _blocks(given)])

    def _judged(self, head: Classifier, block: Given) -> Columns:
        read = self.network.encode(block) if self._needs_encoder else None
        judged = head.judge(self.network.inputs(block, read, self._needs))
        return {
            "label": [head.classes[index] for index in judged.label_N],
            "probability": judged.probability_N.astype(np.float32),
            "out_of_scope": judged.out_of_scope_N,
            "out_of_scope_score": judged.strangeness_N.astype(np.float32),
        }

    def _encode(self, raw: Raw, seed: int) -> Columns:
        mean_NZ = self._means(self._given(raw, seed))
        return {f"z{z}": mean_NZ[:, z] for z in range(self.latent)}

    def _reconstruct(self, raw: Raw, seed: int, writing: Writing) -> Answer:
        mean_NZ = self._means(self._given(raw, seed))
        writings.require_default(writing)
        return self._decoded(mean_NZ, self._shown)

    def _denoise(self, raw: Raw, seed: int, writing: Writing) -> Answer:
        if isinstance(self.network, Pictures):
            return self._reconstruct(raw, seed, writing)
        writings.require_default(writing)
        anyway_W = self.network.decode(self.network.prior.mean_Z[None]).mean[0]
        bags = self._given(raw, seed)
        blocks = [self._cleaned(self.network, block, anyway_W) for block in _blocks(bags)]
        return {"words": [words for block in blocks for words in block]}

    def _cleaned(self, network: Documents, bags: Given, anyway_W: np.ndarray) -> list[list[str]]:
        share_BW = network.decode(network.encode(bags).mean_BZ).mean
        counts_BW = np.zeros_like(share_BW)
        for row, bag in enumerate(bags):
            columns_n, counts_n = network.target.of(bag)
            counts_BW[row, columns_n] = counts_n
        held_BW = promised.cleaned(share_BW, counts_BW, anyway_W)
        order_BW = np.argsort(-share_BW, axis=1, kind="stable")
        return [
            self._words_W[order_W[held_W[order_W]]].tolist()
            for order_W, held_W in zip(order_BW, held_BW, strict=True)
        ]

    def _generate(self, n: int, seed: int, label: str, around: str, writing: Writing) -> Answer:
        promised.require_generated(n)
        writings.require_default(writing)
        draws = Draws(seed)
        z_NZ = self._codes(n, draws, label, around)
        return self._decoded(z_NZ, lambda likelihood: self._dreamt(likelihood, draws))

    def _codes(self, n: int, draws: Draws, label: str, around: str) -> np.ndarray:
        promised.require_one_wish(label, around, self.spec)
        if around:
            read = self.network.encode(self._given([around], seed=0))
            return np.asarray(read.mean_BZ + read.sd_BZ * draws.normal(n, self.latent))
        if not label:
            return self.network.prior.sample(n, draws)
        codes = promised.class_codes(self.head)
        y = promised.class_index(promised.classifier_of(self.head), label)
        return np.asarray(codes.mean_CZ[y] + codes.sd_CZ[y] * draws.normal(n, self.latent))

    def _interpolate(self, raw: Raw, n: int, seed: int, writing: Writing) -> Answer:
        mean_NZ = self._means(self._given(raw, seed))
        promised.require_path(len(mean_NZ))
        path_PSZ = latent_space.between(mean_NZ[:-1], mean_NZ[1:], n)
        writings.require_default(writing)
        shown = self._decoded(path_PSZ.reshape(-1, self.latent), self._shown)
        if isinstance(shown, np.ndarray):
            return shown
        pair, step = np.divmod(np.arange(path_PSZ.shape[0] * n), n)
        return {"pair": pair, "step": step, **shown}

    def _nearest(self, raw: Raw, n: int, seed: int) -> Columns:
        place_NK, distance_NK = latent_space.nearest(self._means(self._given(raw, seed)), n)
        rows, kept = place_NK.shape
        columns = {
            "row": np.repeat(np.arange(rows), kept),
            "neighbour": place_NK.ravel(),
            "distance": distance_NK.ravel(),
        }
        if self.spec.kind == "image":
            return columns
        texts = raws.texts(raw)
        return {**columns, "text": [texts[place] for place in columns["neighbour"]]}

    def _augment(self, raw: Raw, n: int, seed: int, rows: Sequence[int] | None = None) -> Answer:
        given = self._given(raw, seed)
        numbers = range(len(given)) if rows is None else rows
        promised.require_new_rows(n)
        if isinstance(self.network, Documents):
            return self._documents(self.network, given, n, seed, numbers)
        parts = [likelihood.mean for *_, likelihood in self._around(given, n, seed, numbers)]
        return self._images(np.concatenate(parts))

    def _documents(
        self, network: Documents, bags: Given, n: int, seed: int, numbers: Sequence[int]
    ) -> Columns:
        lengths_N = np.array([int(network.target.of(bag)[1].sum()) for bag in bags])
        told = np.flatnonzero(lengths_N)
        made: Columns = {"row": [], "text": []}
        kept = [bags[place] for place in told], [numbers[int(place)] for place in told]
        for source_M, draws_M, likelihood in self._around(kept[0], n, seed, kept[1]):
            lengths_M = lengths_N[told[source_M]]
            drawn = promised.drawn_words(_weights(likelihood, draws_M), lengths_M, draws_M)
            made["row"] += [kept[1][int(place)] for place in source_M]
            made["text"] += [" ".join(self._words_W[each]) for each in drawn]
        return made

    def _around(
        self, given: Given, n: int, seed: int, numbers: Sequence[int]
    ) -> Iterator[tuple[np.ndarray, promised.Draws, Likelihood]]:
        """Each of the rows n times: its place, its own randomness, and p(x given z) [M, ...]."""
        source, made = np.repeat(np.arange(len(given)), n), np.tile(np.arange(n), len(given))
        for start in range(0, len(source), _BATCH):
            source_M, made_M = source[start : start + _BATCH], made[start : start + _BATCH]
            pairs = zip(source_M, made_M, strict=True)
            draws_M = [
                promised.draw_of(seed, numbers[int(row)], int(number)) for row, number in pairs
            ]
            noise_MZ = [draw.standard_normal(self.latent, dtype=np.float32) for draw in draws_M]
            read = self.network.encode(_taken(given, source_M))
            yield source_M, draws_M, self.network.decode(read.mean_BZ + read.sd_BZ * noise_MZ)

    def _score(self, raw: Raw, seed: int) -> Columns:
        noise_KZ = Draws(seed).normal(SCORE_SAMPLES, self.latent)
        numbers = SCORE_SAMPLES * self.network.numbers_per_example
        blocks = _blocks(self._given(raw, seed), max(1, _NUMBERS_AT_ONCE // numbers))
        elbos = [self._elbo(block, noise_KZ) for block in blocks]
        return {"elbo_nats": np.concatenate(elbos).astype(np.float32)}

    def _elbo(self, block: Given, noise_KZ: np.ndarray) -> np.ndarray:
        """[B], averaged over the samples."""
        read = self.network.encode(block)
        z_KBZ = read.mean_BZ + read.sd_BZ * noise_KZ[:, None]
        log_prob_KB = self.network.log_prob(z_KBZ, block)
        return np.asarray((log_prob_KB - self.network.prior.rate(read, z_KBZ)).mean(axis=0))

    def _given(self, raw: Raw, seed: int) -> Given:
        return self.network.given(raw, seed)

    def _means(self, given: Given) -> np.ndarray:
        """The code of each row, [N, Z]."""
        return np.concatenate([self.network.encode(block).mean_BZ for block in _blocks(given)])

    def _decoded(self, z_NZ: np.ndarray, show: Callable[[Likelihood], Answer]) -> Answer:
        starts = range(0, len(z_NZ), _BATCH)
        parts = [show(self.network.decode(z_NZ[start : start + _BATCH])) for start in starts]
        tables = [part for part in parts if not isinstance(part, np.ndarray)]
        arrays = [part for part in parts if isinstance(part, np.ndarray)]
        return _joined(tables) if tables else np.concatenate(arrays)

    def _shown(self, likelihood: Likelihood) -> Answer:
        mean = likelihood.mean
        if isinstance(self.network, Pictures):
            return self._images(mean)
        best = np.argsort(-mean, axis=1, kind="stable")[:, :TOP_WORDS]
        return {"words": self._words_W[best].tolist()}

    def _dreamt(self, likelihood: Likelihood, draws: Draws) -> Answer:
        shown = self._shown(likelihood)
        if isinstance(shown, np.ndarray):
            return shown
        assert isinstance(likelihood, Words)
        shares_NW = likelihood.shares(draws)
        places = [draws.places(share_W, DOCUMENT_WORDS) for share_W in shares_NW]
        return {**shown, "document": [" ".join(self._words_W[each]) for each in places]}

    def _images(self, mean_BP: np.ndarray) -> np.ndarray:
        return mean_BP.reshape(len(mean_BP), *self.spec.shape)

    def _whole(self) -> "Whole":
        """The same model by torch."""
        from latentops.inference.predictor import Predictor as Whole

        return Whole.from_folder(self.folder)


def _weights(likelihood: Likelihood, draws_M: promised.Draws) -> np.ndarray:
    """Of each word in each document, [M, W], to any sum: its share, or a drawn one."""
    if isinstance(likelihood, Words) and likelihood.dirichlet:
        return promised.drawn_weights(likelihood.logits, draws_M)
    return likelihood.mean


def _blocks(given: Given, rows: int = _BATCH) -> Iterator[Given]:
    return (given[start : start + rows] for start in range(0, len(given), rows))


def _taken(given: Given, places: np.ndarray) -> Given:
    if isinstance(given, np.ndarray):
        return given[places]
    return [given[place] for place in places]


def _joined(parts: list[Columns]) -> Columns:
    if len(parts) == 1:
        return parts[0]
    return {
        name: np.concatenate([part[name] for part in parts])
        if isinstance(parts[0][name], np.ndarray)
        else [each for part in parts for each in part[name]]
        for name in parts[0]
    }


def _records(columns: Columns) -> list[dict[str, Any]]:
    names = list(columns)
    values = (each.tolist() if isinstance(each, np.ndarray) else each for each in columns.values())
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def _listed(answer: Answer) -> list[Any]:
    if isinstance(answer, np.ndarray):
        listed: list[Any] = answer.tolist()
        return listed
    return _records(answer)


def _framed(answer: Answer) -> Result:
    return answer if isinstance(answer, np.ndarray) else _table(answer)


def _table(columns: Columns) -> "pd.DataFrame":
    import pandas as pd  # slow to import, and a model is served without it

    return pd.DataFrame(columns)

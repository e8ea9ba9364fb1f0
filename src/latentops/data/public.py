"""The public sets: what each is, and how it is read.

The splits, orders and labels are those of the publishers; where a set has no validation split,
prepare cuts one from train. Every row count here was checked against the files.
"""

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import scipy.sparse
from sklearn.datasets import _twenty_newsgroups as twenty_newsgroups

from latentops.data import formats, pins
from latentops.data.fetch import File, read, read_members
from latentops.data.raw import Kind, Raw, make_table
from latentops.data.settings import Settings

Files = dict[str, File]


@dataclass(frozen=True)
class PublicSet:
    """One entry of the catalogue; `rows` are train / valid / test as published."""

    kind: Kind
    rows: str
    licence: str
    origin: str
    files: Files
    load: Callable[[Files, Settings], Raw]


FASHION_CLASSES = (
    *("t-shirt/top", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)
NEWSGROUPS = (
    *("alt.atheism", "comp.graphics", "comp.os.ms-windows.misc", "comp.sys.ibm.pc.hardware"),
    *("comp.sys.mac.hardware", "comp.windows.x", "misc.forsale", "rec.autos", "rec.motorcycles"),
    *("rec.sport.baseball", "rec.sport.hockey", "sci.crypt", "sci.electronics", "sci.med"),
    *("sci.space", "soc.religion.christian", "talk.politics.guns", "talk.politics.mideast"),
    *("talk.politics.misc", "talk.religion.misc"),
)
_MNIST_CLASSES = tuple("0123456789")


def _load_mnist(files: Files, settings: Settings) -> Raw:
    return _labelled_images("mnist", files, _MNIST_CLASSES)


def _load_fashion_mnist(files: Files, settings: Settings) -> Raw:
    return _labelled_images("fashion-mnist", files, FASHION_CLASSES)


def _labelled_images(name: str, files: Files, classes: tuple[str, ...]) -> Raw:
    parts = ("train", "test")
    images = [formats.read_idx(read(files[f"{part} images"], gzip.decompress)) for part in parts]
    labels = [formats.read_idx(read(files[f"{part} labels"], gzip.decompress)) for part in parts]
    table = make_table(
        sum(map(len, labels)),
        label=(classes[y] for y in np.concatenate(labels)),
        split=np.repeat(parts, [len(part) for part in labels]),
    )
    pixels = np.concatenate(images)[:, None]
    return Raw(name, "image", table, images=pixels, levels=256, published=True)


def _load_binarized_mnist(files: Files, settings: Settings) -> Raw:
    parts = {part: read(file, formats.read_binary_pixels) for part, file in files.items()}
    images = np.frombuffer(b"".join(parts.values()), dtype=np.uint8).reshape(-1, 1, 28, 28)
    split = np.repeat(list(parts), [len(pixels) // 784 for pixels in parts.values()])
    table = make_table(len(images), split=split)
    return Raw("binarized-mnist", "image", table, images=images, levels=2, published=True)


def _load_clinc150(files: Files, settings: Settings) -> Raw:
    parts = json.loads(read(files["all"]))
    rows = [
        (text, None if outside else label, split, not outside)
        for split, key in (("train", "train"), ("valid", "val"), ("test", "test"))
        for outside, part in ((False, parts[key]), (True, parts[f"oos_{key}"]))
        for text, label in part
    ]
    text, label, split, in_scope = zip(*rows, strict=True)
    table = make_table(len(rows), text=text, label=label, split=split, in_scope=in_scope)
    return Raw("clinc150", "text", table, published=True)


def _load_snips(files: Files, settings: Settings) -> Raw:
    text, label, split = [], [], []
    for part in ("train", "valid", "test"):
        utterances = read(files[f"{part} text"]).decode().splitlines()
        text += [utterance.strip() for utterance in utterances]
        label += [line.strip() for line in read(files[f"{part} label"]).decode().splitlines()]
        split += [part] * len(utterances)
    table = make_table(len(text), text=text, label=label, split=split)
    return Raw("snips", "text", table, published=True)


_NEWSGROUP_POST = re.compile(r"20news-bydate-(train|test)/[a-z.-]+/\d+")


def _load_20news(files: Files, settings: Settings) -> Raw:
    """Posts as scikit-learn reads them, in the order of their file names."""
    posts = read_members(files["all"], _NEWSGROUP_POST, count=18_846)
    paths = [PurePosixPath(name) for name in posts]
    texts = (content.decode("latin-1") for content in posts.values())
    table = make_table(
        len(posts),
        text=map(strip_post, texts) if settings.strip else texts,
        label=(path.parts[1] for path in paths),
        split=(path.parts[0].rpartition("-")[2] for path in paths),
    )
    return Raw("20news", "text", table, published=True)


def strip_post(text: str) -> str:
    """A post without headers, footer and quotes, by scikit-learn's own rules and in its order."""
    text = twenty_newsgroups.strip_newsgroup_header(text)
    text = twenty_newsgroups.strip_newsgroup_footer(text)
    return str(twenty_newsgroups.strip_newsgroup_quoting(text))


_REVIEW = re.compile(r"aclImdb/(?:train/(?:pos|neg|unsup)|test/(?:pos|neg))/\d+_\d+\.txt")


def _load_imdb(files: Files, settings: Settings) -> Raw:
    """Reviews in the order of their file names; `unsup` is part of train and has no label."""
    reviews = read_members(files["all"], _REVIEW, count=100_000)
    wanted = [name for name in reviews if settings.unlabelled or "/unsup/" not in name]
    paths = [PurePosixPath(name) for name in wanted]
    table = make_table(
        len(paths),
        text=(reviews[name].decode() for name in wanted),
        label=(None if path.parts[2] == "unsup" else path.parts[2] for path in paths),
        split=(path.parts[1] for path in paths),
    )
    return Raw("imdb", "text", table, published=True, test_only_once=True)


def _load_nvdm(files: Files, settings: Settings) -> Raw:
    """Miao, Yu and Blunsom 2016; a term's id is its line in the vocabulary, from 1."""
    lines = read(files["vocabulary"]).decode().splitlines()
    terms = tuple(line.split()[0] for line in lines)
    counts, labels, split = _bags(files, len(terms))
    table = make_table(len(labels), label=(NEWSGROUPS[y - 1] for y in labels), split=split)
    return Raw("nvdm-20news", "counts", table, counts=counts, terms=terms, published=True)


def _load_prodlda(files: Files, settings: Settings) -> Raw:
    """Srivastava and Sutton 2017; every line has the label 1, so there are no labels."""
    pairs = (line.split() for line in read(files["vocabulary"]).decode().splitlines())
    terms = tuple(word for word, _ in sorted(pairs, key=lambda pair: int(pair[1])))
    counts, labels, split = _bags(files, len(terms))
    table = make_table(len(labels), split=split)
    return Raw("prodlda-20news", "counts", table, counts=counts, terms=terms, published=True)


def _bags(files: Files, size: int) -> tuple[scipy.sparse.csr_matrix, list[int], np.ndarray]:
    parts = ("train", "test")
    counts, labels = zip(
        *(formats.read_bags(read(files[part]), size) for part in parts), strict=True
    )
    split = np.repeat(parts, [len(part) for part in labels])
    return scipy.sparse.csr_matrix(scipy.sparse.vstack(counts)), [*labels[0], *labels[1]], split


_NEWSGROUPS_LICENCE = "none stated; public posts"

PUBLIC = {
    "mnist": PublicSet(
        "image",
        "60,000 / - / 10,000",
        "CC BY-SA 3.0",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        pins.MNIST,
        _load_mnist,
    ),
    "fashion-mnist": PublicSet(
        "image",
        "60,000 / - / 10,000",
        "MIT",
        "https://github.com/zalandoresearch/fashion-mnist",
        pins.FASHION_MNIST,
        _load_fashion_mnist,
    ),
    "binarized-mnist": PublicSet(
        "image",
        "50,000 / 10,000 / 10,000, no labels",
        "as MNIST: CC BY-SA 3.0",
        "Larochelle and Murray 2011, http://www.cs.toronto.edu/~larocheh/public/datasets/",
        pins.BINARIZED_MNIST,
        _load_binarized_mnist,
    ),
    "clinc150": PublicSet(
        "text",
        "15,100 / 3,100 / 5,500, 1,200 of them out of scope",
        "CC BY 3.0",
        "https://github.com/clinc/oos-eval",
        pins.CLINC150,
        _load_clinc150,
    ),
    "snips": PublicSet(
        "text",
        "13,084 / 700 / 700",
        "CC0 1.0",
        "https://github.com/MiuLab/SlotGated-SLU",
        pins.SNIPS,
        _load_snips,
    ),
    "20news": PublicSet(
        "text",
        "11,314 / - / 7,532",
        _NEWSGROUPS_LICENCE,
        "http://qwone.com/~jason/20Newsgroups/",
        pins.NEWSGROUPS,
        _load_20news,
    ),
    "imdb": PublicSet(
        "text",
        "25,000 + 50,000 unlabelled / - / 25,000",
        "none stated; cite Maas et al. 2011",
        "https://ai.stanford.edu/~amaas/data/sentiment/",
        pins.IMDB,
        _load_imdb,
    ),
    "nvdm-20news": PublicSet(
        "counts",
        "11,268 / - / 7,505, 2,000 terms",
        _NEWSGROUPS_LICENCE,
        "https://github.com/ysmiao/nvdm",
        pins.NVDM_20NEWS,
        _load_nvdm,
    ),
    "prodlda-20news": PublicSet(
        "counts",
        "11,258 / - / 7,487, 1,994 terms, no labels",
        "MIT (of the repository)",
        "https://github.com/YongfeiYan/Neural-Document-Modeling",
        pins.PRODLDA_20NEWS,
        _load_prodlda,
    ),
}

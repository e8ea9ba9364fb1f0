"""Three small splits with classes and strangers, and a VAE that was not trained: in memory."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from latentops import build, portion
from latentops.artifacts import Spec, Split, Vocabulary
from latentops.data import settings as data_settings
from latentops.data import vocabulary as counting
from latentops.networks import bow, mlp
from latentops.portion import Portion, Prepared
from latentops.verdict.shipped import Subject

LATENT = 4
COMMON = ("please", "can", "you", "tell", "me", "what", "the", "is", "of", "my", "a", "to", "for")


@dataclass(frozen=True)
class Sample:
    subject: Subject
    model: build.Model
    train: Portion
    valid: Portion
    test: Portion


def texts(
    classes: int = 5, rows: int = 24, strangers: int = 25, seed: int = 0, hard: bool = False
) -> Sample:
    """Every class has words of its own; strangers use the common ones and unknown ones.

    Where it is hard, strangers use words of two classes and no unknown one.
    """
    drawn = {
        split: _drawn_texts(classes, rows, strangers, seed + at, hard) for at, split in _SPLITS
    }
    own = drawn["train"]
    settings = data_settings.Settings(word_pairs=True, characters=(2, 3), min_documents=2)
    vocabulary = counting.build(own["text"][own["in_scope"]], settings)
    arrays = {split: _counted(table, vocabulary) for split, table in drawn.items()}
    model = bow.Settings(latent=LATENT, hidden=(6, 5), input="tfidf")
    names = tuple(f"class {y}" for y in range(classes))
    spec = Spec(
        source="tiny", kind="counts", shape=(len(vocabulary.terms),), classes=names, synthetic=True
    )
    prepared = {split: Prepared(arrays[split], drawn[split]) for split in drawn}
    return _sample(spec, vocabulary, model, prepared)


def images(classes: int = 4, rows: int = 24, strangers: int = 25, seed: int = 0) -> Sample:
    """Every class is a picture with noise on it; strangers are noise."""
    pictures = np.random.default_rng(seed).integers(0, 256, (classes, 1, 4, 4))
    prepared = {
        split: _drawn_images(pictures, rows, strangers, seed + 1 + at) for at, split in _SPLITS
    }
    names = tuple(f"class {y}" for y in range(classes))
    spec = Spec(source="tiny", kind="image", shape=(1, 4, 4), levels=256, classes=names)
    model = mlp.Settings(latent=LATENT, hidden=(6, 5), decoder_hidden=(5,))
    return _sample(spec, Vocabulary(), model, prepared)


_SPLITS: tuple[tuple[int, Split], ...] = ((0, "train"), (1, "valid"), (2, "test"))


def _drawn_texts(classes: int, rows: int, strangers: int, seed: int, hard: bool) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.repeat(np.arange(classes), rows), np.full(strangers, -1)])
    words = []
    for label in y:
        few = [f"word{label}x{number}" for number in rng.integers(6, size=3)]
        strange = [f"strange{number}" for number in rng.integers(10**9, size=2)]
        if hard:
            strange = [f"word{either}x{rng.integers(6)}" for either in rng.integers(2, size=3)]
        common = rng.choice(COMMON, 3).tolist()
        words.append(rng.permutation([*common, *(few if label >= 0 else strange)]).tolist())
    return pd.DataFrame({"text": [" ".join(each) for each in words], "y": y, "in_scope": y >= 0})


def _counted(table: pd.DataFrame, vocabulary: Vocabulary) -> dict[str, np.ndarray]:
    counts = counting.count(table["text"], vocabulary)
    return {
        "indptr": counts.indptr.astype(np.int64),
        "indices": counts.indices,
        "counts": counts.data,
        "y": table["y"].to_numpy(),
        "in_scope": table["in_scope"].to_numpy(),
    }


def _drawn_images(pictures: np.ndarray, rows: int, strangers: int, seed: int) -> Prepared:
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.repeat(np.arange(len(pictures)), rows), np.full(strangers, -1)])
    noise = rng.integers(0, 256, (len(y), 1, 4, 4))
    mixed = np.where(y[:, None, None, None] >= 0, 0.6 * pictures[y] + 0.4 * noise, noise)
    arrays = {"x": mixed.astype(np.uint8), "y": y, "in_scope": y >= 0}
    return Prepared(arrays, pd.DataFrame({"label": y}))


def _sample(
    spec: Spec, vocabulary: Vocabulary, model: build.Model, prepared: dict[Split, Prepared]
) -> Sample:
    vae = build.model(spec, vocabulary, model, seed=0).eval()
    portions = {
        split: portion.whole(split, each, spec, vocabulary, model, seed=0)
        for split, each in prepared.items()
    }
    return Sample(Subject(vae, spec, vocabulary), model, **portions)

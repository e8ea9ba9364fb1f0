"""One data set made ready: source -> checks -> cuts -> terms or grey levels -> arrays."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from latentops.artifacts import Arrays, Spec, Split, Vocabulary
from latentops.data import sources, splits, tokens, validation, vocabulary
from latentops.data.raw import Raw
from latentops.data.settings import Settings
from latentops.errors import SettingsError

_STATIC_STREAM = 3  # beside the streams of splits
_PIXELS_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Prepared:
    """What stage prepare writes."""

    spec: Spec
    vocabulary: Vocabulary
    tables: dict[Split, pd.DataFrame]
    arrays: dict[Split, Arrays]
    refused: pd.DataFrame
    checks: dict[str, int]
    notes: tuple[str, ...]


def prepare(settings: Settings) -> Prepared:
    """Read, check and cut `settings.source`; the same settings and files give the same bytes."""
    raw = sources.read(settings)
    _require_sense(raw, settings)
    raw = validation.check_splits(validation.check(raw))  # what stands in test is not cut for valid
    raw = validation.check_splits(splits.cut(raw, settings))
    validation.require_rows_in_every_split(raw)
    raw = _binarize(raw, settings)
    terms = _vocabulary(raw, settings)
    if raw.kind == "text":
        raw = replace(raw, counts=vocabulary.count(raw.table["text"], terms))
    spec = _spec(raw, terms, settings)
    rows = {split: np.flatnonzero(raw.table["split"] == split) for split in validation.SPLITS}
    return Prepared(
        spec=spec,
        vocabulary=terms,
        tables={split: _table(raw, at) for split, at in rows.items()},
        arrays={split: _arrays(raw, spec, terms, at) for split, at in rows.items()},
        refused=raw.refused.sort_values("row", kind="stable", ignore_index=True),
        checks=validation.counts(raw),
        notes=raw.notes,
    )


def _require_sense(raw: Raw, settings: Settings) -> None:
    if settings.tokens != "none" and raw.kind != "text":
        raise SettingsError(
            f"data.tokens: {settings.tokens} is for texts, and {raw.name} holds {raw.kind}. "
            "Set it to none."
        )
    if settings.binarize == "none":
        return
    if raw.kind != "image":
        raise SettingsError(
            f"data.binarize: {settings.binarize} is for images, and {raw.name} holds {raw.kind}. "
            "Set it to none."
        )
    if raw.levels == 2:
        raise SettingsError(
            f"data.binarize: {settings.binarize} has nothing to do, for the pixels of {raw.name} "
            "are black or white already. Set it to none."
        )


def _binarize(raw: Raw, settings: Settings) -> Raw:
    """Pixels drawn once, white with probability level / (levels - 1), where that is wanted."""
    if settings.binarize != "static" or raw.images is None or raw.levels is None:
        return raw
    rng = np.random.default_rng([settings.seed, _STATIC_STREAM])
    at_once = max(1, _PIXELS_AT_ONCE // raw.images[0].size)
    drawn = np.empty_like(raw.images)
    for start in range(0, len(drawn), at_once):
        grey = raw.images[start : start + at_once]
        drawn[start : start + at_once] = rng.random(grey.shape) * (raw.levels - 1) < grey
    return replace(raw, images=drawn, levels=2)


def _vocabulary(raw: Raw, settings: Settings) -> Vocabulary:
    """Terms, and a tokenizer, of the training texts in scope; ready counts came with theirs."""
    learned = (raw.table["split"] == "train") & raw.table["in_scope"]
    if raw.kind == "text":
        texts = raw.table["text"][learned]
        known = vocabulary.build(texts, settings)
        if settings.tokens == "none":
            return known
        return known.model_copy(update={"tokenizer": tokens.train(texts, settings)})
    if raw.counts is None:
        return Vocabulary()
    bags = raw.counts[np.flatnonzero(learned)]
    frequency = np.bincount(bags.indices, minlength=len(raw.terms))
    return Vocabulary(
        terms=raw.terms,
        target=tuple(range(len(raw.terms))),
        document_frequency=tuple(frequency.tolist()),
        documents=bags.shape[0],
    )


def _spec(raw: Raw, terms: Vocabulary, settings: Settings) -> Spec:
    shape = (len(terms.terms),) if raw.images is None else raw.images.shape[1:]
    return Spec(
        source=raw.name,
        kind="counts" if raw.images is None else "image",
        shape=shape,
        levels=raw.levels,
        binarization=settings.binarize,
        classes=classes(raw.table["label"]),
        factors=raw.factors,
        synthetic=raw.synthetic,
        tokens=tokens.kinds(terms.tokenizer) if terms.tokenizer else None,
        licence=raw.licence,
    )


def classes(labels: "pd.Series[Any]") -> tuple[str, ...]:
    """The labels in order: by value where all are whole numbers, else by alphabet."""
    names = sorted(labels.dropna().unique())
    return tuple(sorted(names, key=int) if all(map(_is_whole, names)) else names)


def _is_whole(name: str) -> bool:
    return name.removeprefix("-").isdecimal()


def _table(raw: Raw, at: np.ndarray) -> pd.DataFrame:
    return raw.table.drop(columns="split").iloc[at].reset_index(drop=True)


def _arrays(raw: Raw, spec: Spec, terms: Vocabulary, at: np.ndarray) -> Arrays:
    table = raw.table.iloc[at]
    y = pd.Categorical(table["label"], categories=list(spec.classes)).codes.astype(np.int64)
    labels = {"y": y, "in_scope": table["in_scope"].to_numpy(dtype=bool)}
    if not terms.tokenizer:
        return {**_seen(raw, at), **labels}
    return {**_seen(raw, at), **tokens.encode(table["text"], terms.tokenizer), **labels}


def _seen(raw: Raw, at: np.ndarray) -> Arrays:
    if raw.counts is None:
        return {} if raw.images is None else {"x": raw.images[at]}
    bags = raw.counts[at]
    return {
        "indptr": bags.indptr.astype(np.int64),
        "indices": bags.indices.astype(np.int32),
        "counts": bags.data.astype(np.int32),
    }

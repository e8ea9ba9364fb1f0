"""The data report: what a person should know of the prepared splits, as plain JSON values.

A part that means nothing for the kind of data is left out; a share of nothing is null.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pandas as pd

from latentops.artifacts import UNKNOWN, Arrays, Spec, Split, Vocabulary
from latentops.data import tokens, weighting
from latentops.data.terms import analyze

QUANTILES = {"min": 0.0, "p05": 0.05, "median": 0.5, "p95": 0.95, "max": 1.0}
MOST_BINS = 30
_IMAGES_AT_ONCE = 4096

Report = dict[str, Any]


def summarize(
    spec: Spec,
    tables: Mapping[Split, pd.DataFrame],
    arrays: Mapping[Split, Arrays],
    vocabulary: Vocabulary,
    refused: pd.DataFrame,
) -> Report:
    """Describe the splits as written (`tables`, `arrays`), and the rows that were refused."""
    report: Report = {
        "source": spec.source,
        "kind": spec.kind,
        "synthetic": spec.synthetic,
        "licence": spec.licence,
        "rows": {split: len(table) for split, table in tables.items()},
        "refused": _refused(refused),
        "labels": _labels(spec, tables),
        "duplicates": _duplicates(tables, arrays),
    }
    if spec.kind == "image":
        return report | {"images": _images(spec, arrays)}
    report |= _text(tables, arrays, vocabulary)
    if vocabulary.tokenizer:
        report["sentences"] = _sentences(tables, arrays, vocabulary.tokenizer)
    return report


def _refused(refused: pd.DataFrame) -> Report:
    """A row with two faults is one row, and counts under both reasons."""
    return {
        "rows": int(refused["row"].nunique()),
        "by_reason": _counts(refused["reason"]),
    }


def _labels(spec: Spec, tables: Mapping[Split, pd.DataFrame]) -> Report:
    in_scope = {split: table.loc[table["in_scope"], "label"] for split, table in tables.items()}
    counts = {
        split: dict.fromkeys(spec.classes, 0) | _counts(labels.dropna())
        for split, labels in in_scope.items()
    }
    return {
        "classes": len(spec.classes),
        "counts": counts,
        "largest_share": {
            split: _share(max(count.values(), default=0), sum(count.values()))
            for split, count in counts.items()
        },
        "unlabelled": {split: int(labels.isna().sum()) for split, labels in in_scope.items()},
        "out_of_scope": {
            split: len(table) - len(in_scope[split]) for split, table in tables.items()
        },
    }


def _duplicates(tables: Mapping[Split, pd.DataFrame], arrays: Mapping[Split, Arrays]) -> Report:
    """Rows equal to an earlier one of their split, and rows of a split that another holds too."""
    rows = {split: pd.Series(_identities(tables[split], arrays[split])) for split in tables}
    return {
        "within": {split: int(row.duplicated().sum()) for split, row in rows.items()},
        "across": {
            f"{later} in {earlier}": int(rows[later].isin(rows[earlier]).sum())
            for earlier, later in combinations(rows, 2)
        },
    }


def _identities(table: pd.DataFrame, arrays: Arrays) -> Sequence[str | bytes]:
    if "text" in table:
        return [str(text) for text in table["text"]]
    return [hashlib.blake2b(row, digest_size=16).digest() for row in _row_bytes(arrays)]


def _row_bytes(arrays: Arrays) -> Iterator[bytes]:
    if "x" in arrays:
        yield from (image.tobytes() for image in arrays["x"])
        return
    ends = arrays["indptr"].tolist()
    for start, end in pairwise(ends):
        yield arrays["indices"][start:end].tobytes() + arrays["counts"][start:end].tobytes()


def _text(
    tables: Mapping[Split, pd.DataFrame], arrays: Mapping[Split, Arrays], vocabulary: Vocabulary
) -> Report:
    """Lengths and coverage in words; in n-grams where the vocabulary holds no words."""
    is_unit = _is_unit(vocabulary)
    is_target = np.zeros(len(vocabulary.terms), dtype=bool)
    is_target[list(vocabulary.target)] = True
    known = {split: _row_sums(array, is_unit) for split, array in arrays.items()}
    target = {split: _row_sums(array, is_target) for split, array in arrays.items()}
    length = {
        split: _lengths(table["text"], vocabulary) if "text" in table else known[split]
        for split, table in tables.items()
    }
    report: Report = {
        "terms_per_text": _distribution(length),
        "vocabulary": {
            "terms": len(vocabulary.terms),
            "target": len(vocabulary.target),
            "known_share": _shares(known, length),
            "target_share": _shares(target, length),
            "texts_without_a_term": {
                split: int((np.diff(array["indptr"]) == 0).sum()) for split, array in arrays.items()
            },
        },
    }
    if all("text" in table for table in tables.values()):
        report["characters_per_text"] = _distribution(
            {
                split: np.array([len(text) for text in table["text"]], dtype=np.int64)
                for split, table in tables.items()
            }
        )
    return report


def _sentences(
    tables: Mapping[Split, pd.DataFrame], arrays: Mapping[Split, Arrays], tokenizer: str
) -> Report:
    """Of the texts as sequences; lengths without the end."""
    return {
        "kinds": tokens.kinds(tokenizer),
        "tokens": {split: len(array["tokens"]) for split, array in arrays.items()},
        "unknown_share": {
            split: _share((array["tokens"] == UNKNOWN).sum(), len(array["tokens"]))
            for split, array in arrays.items()
        },
        "cut": {split: tokens.cut(table["text"], tokenizer) for split, table in tables.items()},
        "tokens_per_text": _distribution(
            {split: np.diff(array["tokens_indptr"]) for split, array in arrays.items()}
        ),
    }


def _is_unit(vocabulary: Vocabulary) -> np.ndarray:
    """bool [V]."""
    is_unit = np.full(len(vocabulary.terms), not vocabulary.words)
    is_unit[weighting.word_columns(vocabulary)] = True
    return is_unit


def _lengths(texts: pd.Series, vocabulary: Vocabulary) -> np.ndarray:
    characters = None if vocabulary.words else vocabulary.characters
    return np.array(
        [len(analyze(text, vocabulary.words, characters)) for text in texts], dtype=np.int64
    )


def _row_sums(arrays: Arrays, columns: np.ndarray) -> np.ndarray:
    """Sum of the counts in the chosen columns for each CSR row."""
    chosen = arrays["counts"].astype(np.int64) * columns[arrays["indices"]]
    running = np.concatenate([[0], np.cumsum(chosen)])
    return np.diff(running[arrays["indptr"]])


def _distribution(lengths: Mapping[Split, np.ndarray]) -> Report:
    """Quantiles for each split, and one histogram whose last bin takes all that is longer."""
    everything = np.concatenate(list(lengths.values()))
    edges = _edges(everything)
    return {
        "quantiles": {split: _quantiles(values) for split, values in lengths.items()},
        "histogram": {
            "edges": edges.tolist(),
            "counts": {
                split: np.histogram(np.minimum(values, edges[-1]), bins=edges)[0].tolist()
                for split, values in lengths.items()
            },
        },
    }


def _edges(lengths: np.ndarray) -> np.ndarray:
    """Whole-numbered bins up to the 99th percentile, from 0."""
    longest = int(np.quantile(lengths, 0.99)) + 1 if len(lengths) else 1
    step = -(-longest // MOST_BINS)
    return np.arange(0, longest + step, step)


def _quantiles(values: np.ndarray) -> dict[str, float | None]:
    if len(values) == 0:
        return dict.fromkeys([*QUANTILES, "mean"], None)
    quantiles: dict[str, float | None] = {
        name: float(np.quantile(values, share)) for name, share in QUANTILES.items()
    }
    return quantiles | {"mean": float(np.mean(values))}


def _shares(
    parts: Mapping[Split, np.ndarray], wholes: Mapping[Split, np.ndarray]
) -> dict[str, float | None]:
    return {split: _share(part.sum(), wholes[split].sum()) for split, part in parts.items()}


def _images(spec: Spec, arrays: Mapping[Split, Arrays]) -> Report:
    levels = spec.levels or 256
    return {
        "shape": list(spec.shape),
        "levels": levels,
        "pixels": {split: _pixels(array["x"], levels) for split, array in arrays.items()},
    }


def _pixels(images: np.ndarray, levels: int) -> Report:
    """Mean and standard deviation in [0, 1]; `blank` images hold one grey value throughout."""
    histogram = np.zeros(levels, dtype=np.int64)
    blank = 0
    for start in range(0, len(images), _IMAGES_AT_ONCE):
        flat = images[start : start + _IMAGES_AT_ONCE].reshape(-1, int(np.prod(images.shape[1:])))
        histogram += np.bincount(flat.ravel(), minlength=levels)
        blank += int((flat == flat[:, :1]).all(axis=1).sum())
    return {**_moments(histogram), "blank": blank, "histogram": histogram.tolist()}


def _moments(histogram: np.ndarray) -> dict[str, float | None]:
    if histogram.sum() == 0:
        return {"mean": None, "standard_deviation": None}
    values = np.linspace(0.0, 1.0, len(histogram))
    mean = float(np.average(values, weights=histogram))
    variance = float(np.average((values - mean) ** 2, weights=histogram))
    return {"mean": mean, "standard_deviation": variance**0.5}


def _counts(values: pd.Series) -> dict[str, int]:
    """How often each value stands there, commonest first, ties in alphabetical order."""
    counts = values.astype(str).value_counts()
    ranked = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return {str(value): int(count) for value, count in ranked}


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None

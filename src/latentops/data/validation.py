"""Which rows can be learned from: what is refused, why, and what is only counted.

Rows are refused once, for the first reason that holds, so that rows read = kept + refused. In a
published benchmark nothing is refused for standing twice: its scores compare with others' only
on all of its rows. A person's own rows are; otherwise test would hold what training has seen.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from latentops.artifacts import Split
from latentops.data.raw import Raw, refusals
from latentops.errors import DataError

SPLITS: tuple[Split, ...] = ("train", "valid", "test")

_NOT_TEXT = "is not text"
_BLANK = "is empty"


def check(raw: Raw) -> Raw:
    """`raw` without the rows that cannot be used; they join `refused`. Its types are then right."""
    checked = _refuse(raw, _schema_failures(raw))
    if not raw.published:
        checked = _refuse(checked, _duplicates(checked))
        checked = _refuse(checked, _labels_seen_once(checked))
    _require_half(checked, read=len(raw.table) + len(raw.refused))
    if not raw.published:
        _require_two_labels(checked)
    types = {name: "str" for name in ("text", "label", "split") if name in checked.table}
    table = checked.table.astype({**types, "in_scope": bool})
    table.loc[~table["in_scope"], "label"] = None
    return replace(checked, table=table)


def check_splits(raw: Raw) -> Raw:
    """`raw` without the rows of a split that stand in a later one too; uncut rows are in none.

    The later split keeps the row: valid before train, test before both. Of a benchmark only those
    that say so (`test_only_once`) lose the training rows that stand in test.
    """
    if raw.published and not raw.test_only_once:
        return raw
    later: list[tuple[Split, Split]] = [("train", "test")]
    if not raw.published:
        later += [("train", "valid"), ("valid", "test")]
    before = len(raw.table) + len(raw.refused)
    for early, late in later:
        raw = _refuse(raw, _standing_in_both(raw, early, late))
    _require_half(raw, read=before)
    return raw


def require_rows_in_every_split(raw: Raw) -> None:
    """A split needs a row in scope, for out of it nothing is learned or scored."""
    for split in SPLITS:
        if not (raw.table["in_scope"] & raw.table["split"].eq(split)).any():
            raise DataError(
                f"{raw.name}: no row is left for {split} after {len(raw.refused)} were refused. "
                "Bring more rows, or leave the split column out."
            )


def counts(raw: Raw) -> dict[str, int]:
    """What the data report cannot see in the splits alone."""
    labels = raw.table["label"].groupby(contents(raw)).nunique()
    return {
        "rows_read": len(raw.table) + len(raw.refused),
        "rows_refused": len(raw.refused),
        "contents_with_several_labels": int(labels.gt(1).sum()),
    }


def contents(raw: Raw) -> "pd.Series[Any]":
    """What makes two rows the same: the text, or a digest of the pixels or the counts."""
    if raw.kind == "text":
        return raw.table["text"]
    rows = _image_bytes(raw.images) if raw.images is not None else _bag_bytes(raw.counts)
    digests = [hashlib.blake2b(row, digest_size=16).hexdigest() for row in rows]
    return pd.Series(digests, index=raw.table.index, dtype="str")


def _image_bytes(images: np.ndarray) -> Iterable[bytes]:
    return (image.tobytes() for image in images)


def _bag_bytes(bags: Any) -> Iterable[bytes]:
    for start, end in zip(bags.indptr[:-1], bags.indptr[1:], strict=True):
        yield bags.indices[start:end].tobytes() + bags.data[start:end].tobytes()


def _holds(predicate: Callable[[Any], bool], reason: str) -> pa.Check:
    """A check of single values that are not null."""
    return pa.Check(predicate, element_wise=True, error=reason)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_TEXT = pa.Column(
    object,
    [
        _holds(_is_text, _NOT_TEXT),
        _holds(lambda value: not isinstance(value, str) or bool(value.strip()), _BLANK),
    ],
)
_LABEL = pa.Column(
    object,
    [
        _holds(_is_text, "is not a word or a whole number"),
    ],
    nullable=True,
)
_SPLIT = pa.Column(object, pa.Check.isin(SPLITS, error=f"is none of {', '.join(SPLITS)}"))
_IN_SCOPE = pa.Column(object, _holds(lambda value: isinstance(value, bool), "is not true or false"))


def schema(raw: Raw) -> pa.DataFrameSchema:
    """What the table of a source should be. A split is needed in every row or in none."""
    columns = {"label": _LABEL, "in_scope": _IN_SCOPE}
    if raw.kind == "text":
        columns = {"text": _TEXT, **columns}
    if raw.table["split"].notna().any():
        columns["split"] = _SPLIT
    return pa.DataFrameSchema(columns)


def _schema_failures(raw: Raw) -> pd.DataFrame:
    """position, column, reason, value: the first failure of each row."""
    wanted = schema(raw)
    names = list(wanted.columns)
    try:
        wanted.validate(raw.table[names].astype(object).reset_index(drop=True), lazy=True)
    except pa.errors.SchemaErrors as error:
        found = error.failure_cases
    else:
        return _failures([], [], "", [])
    found = found.assign(rank=found["column"].map(names.index))
    first = found.sort_values(["index", "rank", "check_number"]).drop_duplicates("index")
    reasons = first["check"].replace("not_nullable", "is missing")
    return _failures(first["index"].astype(int), first["column"], reasons, first["failure_case"])


def _failures(position: Any, column: Any, reason: Any, value: Any) -> pd.DataFrame:
    frame = {"position": position, "column": column, "reason": reason, "value": value}
    return pd.DataFrame(frame)


def _duplicates(raw: Raw) -> pd.DataFrame:
    """Rows whose content and label stand earlier in the same split."""
    again = raw.table[["split", "label"]].assign(content=contents(raw)).duplicated()
    return _failures_at(raw, again, "is a duplicate: the same content and label stand earlier")


def _labels_seen_once(raw: Raw) -> pd.DataFrame:
    label = raw.table["label"]
    once = label.map(label.value_counts()).eq(1) & raw.table["in_scope"].astype(bool)
    return _failures_at(raw, once, "is a label seen once", column="label")


def _standing_in_both(raw: Raw, early: Split, late: Split) -> pd.DataFrame:
    split, key = raw.table["split"], contents(raw)
    both = split.eq(early) & key.isin(key[split == late])
    return _failures_at(raw, both, f"stands in {late} too: left out of {early}")


def _failures_at(raw: Raw, where: Any, reason: str, column: str | None = None) -> pd.DataFrame:
    name = column or {"text": "text", "image": "image", "counts": "counts"}[raw.kind]
    positions = np.flatnonzero(np.asarray(where))
    value = raw.table[name].iloc[positions] if name in raw.table else ""
    return _failures(positions, name, reason, value)


def _refuse(raw: Raw, failures: pd.DataFrame) -> Raw:
    """`raw` without the rows at the failures' positions, which join its refused rows."""
    if failures.empty:
        return raw
    positions = failures["position"].to_numpy(dtype=np.int64)
    row = raw.table["row"].to_numpy()[positions]
    listed = zip(row, failures["column"], failures["reason"], failures["value"], strict=True)
    keep = np.delete(np.arange(len(raw.table)), positions)
    return replace(
        raw,
        table=raw.table.iloc[keep].reset_index(drop=True),
        images=None if raw.images is None else raw.images[keep],
        counts=None if raw.counts is None else raw.counts[keep],
        refused=pd.concat([raw.refused, refusals(listed)], ignore_index=True),
    )


def _require_half(raw: Raw, read: int) -> None:
    if len(raw.refused) <= read / 2:
        return
    worst = raw.refused.groupby(["column", "reason"]).size().sort_values().index[-1]
    example = raw.refused[(raw.refused[["column", "reason"]] == list(worst)).all(axis=1)].iloc[0]
    raise DataError(
        f"{raw.name}: {len(raw.refused)} of {read} rows would be refused, more than half. "
        f"Mostly: {' '.join(worst).strip()}, as in row {example['row']} ({example['value']!r}). "
        "Nothing was written: mend the file, or the settings that name its columns."
    )


def _require_two_labels(raw: Raw) -> None:
    label = raw.table["label"][raw.table["in_scope"].astype(bool)].dropna()
    if len(label) and label.nunique() == 1:
        raise DataError(
            f"{raw.name}: every label is {label.iloc[0]!r}, so there is nothing to tell apart. "
            "Bring rows of another label, or leave labels out (data.label_column: null)."
        )

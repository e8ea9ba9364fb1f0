"""Tensors of the V2 protocol: in JSON, or as bytes behind it (its binary extension).

https://github.com/kserve/open-inference-protocol, and Triton's extension of binary data.
"""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from latentops.service.refusal import unusable

BYTES = "BYTES"
_TYPES: dict[str, DTypeLike] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "INT64": np.dtype("<i8"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
_LENGTH = struct.Struct("<I")  # before each element of BYTES


def of_json(name: str, datatype: str, shape: Sequence[int], data: Any) -> np.ndarray:
    """Values in row-major order, flat or nested; BYTES become texts."""
    elements = flat(data)
    if datatype == BYTES:
        if not all(isinstance(element, str) for element in elements):
            raise unusable(f"inputs.{name}: elements of BYTES should be texts in JSON.")
        return _shaped(name, np.array(elements, dtype=object), shape)
    dtype = np.dtype(_dtype(name, datatype))
    numbers = (int, float) if dtype.kind == "f" else int
    if not all(isinstance(element, numbers) for element in elements):
        raise unusable(f"inputs.{name}: not all elements are of {datatype}.")
    try:
        return _shaped(name, np.array(elements, dtype), shape)
    except OverflowError as error:
        raise unusable(f"inputs.{name}: not all elements are of {datatype}.") from error


def of_bytes(name: str, datatype: str, shape: Sequence[int], raw: bytes) -> np.ndarray:
    if datatype == BYTES:
        return _shaped(name, np.array(_texts(name, raw), dtype=object), shape)
    dtype = np.dtype(_dtype(name, datatype))
    if len(raw) % dtype.itemsize:
        raise unusable(f"inputs.{name}: {len(raw)} bytes are no whole number of {datatype}.")
    return _shaped(name, np.frombuffer(raw, dtype), shape)


def datatype_of(array: np.ndarray) -> str:
    return next((name for name, dtype in _TYPES.items() if array.dtype == dtype), BYTES)


def to_bytes(array: np.ndarray) -> bytes:
    if array.dtype != object:
        return array.tobytes()
    encoded = [element.encode() for element in array.ravel()]
    return b"".join(_LENGTH.pack(len(element)) + element for element in encoded)


def _dtype(name: str, datatype: str) -> DTypeLike:
    if datatype not in _TYPES:
        known = ", ".join((BYTES, *_TYPES))
        raise unusable(f"inputs.{name}: the datatype should be one of {known}. Got {datatype!r}.")
    return _TYPES[datatype]


def _shaped(name: str, array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    try:
        if min(shape, default=0) >= 0:
            return array.reshape(shape)
    except ValueError:
        pass
    raise unusable(f"inputs.{name}: {array.size} elements do not have the shape {list(shape)}.")


def flat(data: Any) -> list[Any]:
    """Nested lists of whatever depth, without recursion: somebody else chose the depth."""
    found: list[Any] = []
    entered = [iter([data])]
    while entered:
        for one in entered[-1]:
            if isinstance(one, list):
                entered.append(iter(one))
                break
            found.append(one)
        else:
            entered.pop()
    return found


def _texts(name: str, raw: bytes) -> list[str]:
    """RefusalError 422 for what is cut off, or no UTF-8."""
    texts, place = [], 0
    while place < len(raw):
        start = place + _LENGTH.size
        length = _LENGTH.unpack_from(raw, place)[0] if start <= len(raw) else len(raw)
        place = start + length
        if place > len(raw):
            raise unusable(f"inputs.{name}: the bytes end within an element.")
        texts.append(_text(name, raw[start:place]))
    return texts


def _text(name: str, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise unusable(f"inputs.{name}: an element of BYTES is no UTF-8.") from error

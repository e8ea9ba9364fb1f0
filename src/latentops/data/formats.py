"""Readers of the file formats of public sets: bytes in, arrays out."""

import io

import numpy as np
import scipy.io
import scipy.sparse

_IDX_UINT8 = 0x08


def read_idx(content: bytes) -> np.ndarray:
    """The uint8 array of an IDX file, the format of MNIST: zeros, type, rank, sizes, values."""
    kind, rank = content[2], content[3]
    if content[:2] != b"\0\0" or kind != _IDX_UINT8:
        raise ValueError(f"not an IDX file of bytes: it begins with {content[:4]!r}")
    shape = np.frombuffer(content, dtype=">u4", count=rank, offset=4)
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * rank).reshape(tuple(shape))


def read_binary_pixels(content: bytes) -> bytes:
    """One byte, 0 or 1, a pixel: from a text of digits (.amat), or from `X` in a MATLAB file."""
    if content.startswith(b"MATLAB"):
        return _matlab_matrix(content, "X").astype(np.uint8).tobytes()
    text = np.frombuffer(content, dtype=np.uint8)
    return (text[text >= ord("0")] - ord("0")).tobytes()


def _matlab_matrix(content: bytes, name: str) -> np.ndarray:
    try:
        matrix: np.ndarray = scipy.io.loadmat(io.BytesIO(content))[name]  # type: ignore[arg-type]
    except (scipy.io.matlab.MatReadError, TypeError) as error:
        raise ValueError(f"not a MATLAB file: {error}") from error
    return matrix


def read_bags(content: bytes, vocabulary_size: int) -> tuple[scipy.sparse.csr_matrix, list[int]]:
    """Counts int32 [N, V] and the labels of lines `label id:count id:count ...`, ids from 1."""
    labels, lengths, pairs = [], [0], []
    for line in content.decode("ascii").splitlines():
        label, *document = line.split()
        labels.append(int(label))
        lengths.append(len(document))
        pairs.extend(document)
    flat = np.array(" ".join(pairs).replace(":", " ").split(), dtype=np.int32).reshape(-1, 2)
    shape = (len(labels), vocabulary_size)
    csr = scipy.sparse.csr_matrix((flat[:, 1], flat[:, 0] - 1, np.cumsum(lengths)), shape=shape)
    csr.sum_duplicates()
    return csr, labels

"""Examples as tensors that stay where the model is, and batches of them by row number.

Shape suffixes: N examples, B rows of a batch, V terms, W target words, T places of a sentence.
"""

import functools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, Self

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from latentops.artifacts import END, PAD, Arrays, Vocabulary
from latentops.data import weighting

_BATCHES_SORTED = 64
LEAST_KEPT = 0.3  # of the words of a thinned document


class Batch(NamedTuple):
    """What the encoder reads and what the likelihood is asked for.

    Images: both [B, C, H, W]; input in [0, 1], target in whole levels. Bags: both CSR,
    input [B, V] weighted, target [B, W] counts. Sentences: both the same tokens [B, T], int64, END
    behind each and then PAD.
    """

    input: Tensor
    target: Tensor


class Examples(Protocol):
    """One split. Values never change: each method returns new examples."""

    def __len__(self) -> int: ...

    def batch(self, rows: Tensor, generator: torch.Generator | None = None) -> Batch:
        """The examples at `rows` [B]; the generator, on their device, serves binarization."""

    def passes(self, batch_size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """The rows of each batch of one pass over all, in random order drawn on the CPU."""

    def to(self, device: torch.device | str) -> Self: ...

    def subset(self, rows: Tensor) -> Self: ...

    def frozen(self, seed: int) -> Self:
        """With every random choice made, so that two readings are the same."""


def in_batches(
    examples: Examples, batch_size: int, generator: torch.Generator | None = None
) -> Iterator[Batch]:
    """Every example once, in order."""
    for start in range(0, len(examples), batch_size):
        stop = min(start + batch_size, len(examples))
        yield examples.batch(torch.arange(start, stop), generator)


def shuffled(count: int, batch_size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Row numbers 0..count-1 in random order, `batch_size` at a time."""
    return torch.split(torch.randperm(count, generator=generator), batch_size)


@dataclass(frozen=True)
class Images:
    """Pixels [N, C, H, W], uint8, 0..levels-1; with `dynamic`, made binary anew in each batch.

    A dynamic pixel is 1 with the probability that its grey value states.
    """

    pixels: Tensor
    levels: int
    dynamic: bool = False

    def __len__(self) -> int:
        return len(self.pixels)

    def batch(self, rows: Tensor, generator: torch.Generator | None = None) -> Batch:
        pixels = self.pixels.index_select(0, rows.to(self.pixels.device))
        if not self.dynamic:
            levels = pixels.float()
            scaled = levels if self.levels == 2 else levels / (self.levels - 1)
            return Batch(input=scaled, target=levels)
        # A level x is above x of the levels - 1 equally likely thresholds: exact, and on a CPU
        # several times faster than torch.bernoulli.
        thresholds = torch.randint(
            self.levels - 1,
            pixels.shape,
            generator=generator,
            dtype=torch.uint8,
            device=pixels.device,
        )
        binary = (pixels > thresholds).float()
        return Batch(input=binary, target=binary)

    def passes(self, batch_size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        return shuffled(len(self), batch_size, generator)

    def to(self, device: torch.device | str) -> Self:
        return replace(self, pixels=self.pixels.to(device))

    def subset(self, rows: Tensor) -> Self:
        return replace(self, pixels=self.pixels[rows.to(self.pixels.device)])

    def frozen(self, seed: int) -> Self:
        """Drawn on the CPU: the same pixels whatever the device."""
        if not self.dynamic:
            return self
        generator = torch.Generator().manual_seed(seed)
        here = self.to("cpu")
        drawn = [batch.target.byte() for batch in in_batches(here, 4096, generator)]
        pixels = torch.cat(drawn) if drawn else here.pixels
        return replace(self, pixels=pixels.to(self.pixels.device), levels=2, dynamic=False)


@dataclass(frozen=True)
class Rows:
    """A CSR matrix whose rows can be taken: indptr [N + 1], columns and values [nnz]."""

    indptr: Tensor
    columns: Tensor
    values: Tensor
    width: int

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def take(self, rows: Tensor) -> Self:
        return self.at(*self.places(rows))

    def places(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """For those rows: their indptr, and where their values are stored."""
        rows = rows.to(self.indptr.device)
        starts = self.indptr.index_select(0, rows)
        lengths = self.indptr.index_select(0, rows + 1) - starts
        indptr = _offsets(lengths)
        within = torch.arange(int(indptr[-1]), device=rows.device)
        shift = torch.repeat_interleave(starts - indptr[:-1], lengths, output_size=len(within))
        return indptr, within + shift

    def at(self, indptr: Tensor, places: Tensor) -> Self:
        return replace(  # index_select: half the time of an index in brackets
            self,
            indptr=indptr,
            columns=self.columns.index_select(0, places),
            values=self.values.index_select(0, places),
        )

    def to(self, device: torch.device | str) -> Self:
        return replace(
            self,
            indptr=self.indptr.to(device),
            columns=self.columns.to(device),
            values=self.values.to(device),
        )

    def csr(self) -> Tensor:
        """float32 [N, width]."""
        _hear_the_csr_warning()
        return torch.sparse_csr_tensor(
            self.indptr,
            self.columns.long(),
            self.values.float(),
            (len(self), self.width),
            check_invariants=False,
        )

    def sums(self, values: Tensor) -> Tensor:
        """The sum of `values` [nnz] in each row, [N]."""
        zeros = values.new_zeros(len(self))
        return zeros.scatter_add(0, self.row_numbers(), values)

    def row_numbers(self) -> Tensor:
        """The row of each stored value, [nnz]."""
        return torch.repeat_interleave(self.indptr.diff(), output_size=len(self.values))


@dataclass(frozen=True)
class Thinning:
    """Documents without some of their words, others each time, in `share` of the cases.

    Each occurrence of a word stays with one probability, drawn for the document between
    `LEAST_KEPT` and 1. What is read and what is to be reconstructed lose the same ones.
    """

    share: float
    in_target: Tensor  # [V], bool: which of the terms that are read the target has too

    def to(self, device: torch.device | str) -> Self:
        return replace(self, in_target=self.in_target.to(device))


@dataclass(frozen=True)
class Bags:
    """Documents: what the encoder reads of them and what is to be reconstructed."""

    input: Rows
    target: Rows
    thinning: Thinning | None = None  # both are counts then, and the input has all target words

    def __len__(self) -> int:
        return len(self.input)

    def batch(self, rows: Tensor, generator: torch.Generator | None = None) -> Batch:
        taken = self.subset(rows)
        if taken.thinning is not None:
            taken = taken._thinned(taken.thinning, generator)
        return Batch(input=taken.input.csr(), target=taken.target.csr())

    def passes(self, batch_size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        return shuffled(len(self), batch_size, generator)

    def to(self, device: torch.device | str) -> Self:
        thinning = self.thinning and self.thinning.to(device)
        return replace(
            self, input=self.input.to(device), target=self.target.to(device), thinning=thinning
        )

    def subset(self, rows: Tensor) -> Self:
        indptr, places = self.input.places(rows)
        taken = self.input.at(indptr, places)
        if self.target.columns is not self.input.columns:
            return replace(self, input=taken, target=self.target.take(rows))
        values = self.target.values.index_select(0, places)  # both store the same words
        return replace(self, input=taken, target=replace(taken, values=values))

    def frozen(self, seed: int) -> Self:
        """Whole documents: what is scored is not thinned."""
        return self if self.thinning is None else replace(self, thinning=None)

    def _thinned(self, thinning: Thinning, generator: torch.Generator | None) -> Self:
        """A count of which nothing stays is stored as 0."""
        chance, place = torch.rand(
            (2, len(self)), generator=generator, device=self.input.indptr.device
        )
        kept_B = torch.where(chance < thinning.share, LEAST_KEPT + (1 - LEAST_KEPT) * place, 1)
        kept = kept_B.index_select(0, self.input.row_numbers())
        values = torch.binomial(self.input.values.float(), kept, generator=generator)
        targets = values[thinning.in_target.index_select(0, self.input.columns)]
        return replace(
            self,
            input=replace(self.input, values=values),
            target=replace(self.target, values=targets),
        )


@dataclass(frozen=True)
class Sequences:
    """Sentences, END behind each.

    `starts` [N + 1] stays on the CPU, where batches are put together without waiting for a device;
    `tokens` [nnz] are those of all of them.
    """

    starts: Tensor
    tokens: Tensor

    def __len__(self) -> int:
        return len(self.starts) - 1

    def batch(self, rows: Tensor, generator: torch.Generator | None = None) -> Batch:
        """Input and target are one tensor, int64 [B, T], T the longest of the batch."""
        starts_B, lengths_B = self._places(rows)
        at_T = torch.arange(int(lengths_B.max()) if len(rows) else 1)
        inside_BT = at_T < lengths_B[:, None]
        places_BT = torch.where(inside_BT, starts_B[:, None] + at_T, 0).to(self.tokens.device)
        read_BT = self.tokens[places_BT].long()
        tokens_BT = read_BT.masked_fill(~inside_BT.to(read_BT.device), PAD)
        return Batch(input=tokens_BT, target=tokens_BT)

    def passes(self, batch_size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Rows of like length share a batch, so that little is padded; the batches come mixed.

        The rows are mixed, then sorted by length within each run of `_BATCHES_SORTED` batches: only
        the last run holds a batch that is not full.
        """
        length_N = self.starts.diff()
        runs = shuffled(len(self), batch_size * _BATCHES_SORTED, generator)
        by_length = [run[length_N[run].argsort(stable=True)] for run in runs]
        batches = [batch for run in by_length for batch in torch.split(run, batch_size)]
        order = torch.randperm(len(batches), generator=generator)
        return tuple(batches[place] for place in order)

    def to(self, device: torch.device | str) -> Self:
        return replace(self, tokens=self.tokens.to(device))

    def subset(self, rows: Tensor) -> Self:
        starts_B, lengths_B = self._places(rows)
        starts = _offsets(lengths_B)
        shift = torch.repeat_interleave(starts_B - starts[:-1], lengths_B)
        places = torch.arange(len(shift)) + shift
        return replace(self, starts=starts, tokens=self.tokens[places.to(self.tokens.device)])

    def frozen(self, seed: int) -> Self:
        return self

    def _places(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Where the sentences at `rows` begin, and their lengths with END; on the CPU."""
        rows = rows.cpu()
        starts_B = self.starts[rows]
        return starts_B, self.starts[rows + 1] - starts_B


def sequenced(arrays: Arrays) -> Sequences:
    """The sentences of a prepared split, with END behind each."""
    ends = arrays["tokens_indptr"][1:]
    tokens = np.insert(arrays["tokens"], ends, END)
    starts = arrays["tokens_indptr"] + np.arange(len(ends) + 1)
    return Sequences(starts=torch.from_numpy(starts), tokens=torch.from_numpy(tokens))


def counted(arrays: Arrays, terms: int) -> Rows:
    """The CSR word counts of a prepared split, [N, V]."""
    return Rows(
        indptr=torch.tensor(arrays["indptr"], dtype=torch.int64),
        columns=torch.tensor(arrays["indices"], dtype=torch.int32),
        values=torch.tensor(arrays["counts"], dtype=torch.int32),
        width=terms,
    )


def log1p_weighted(counts: Rows, scale: float) -> Rows:
    """log(1 + count), each row of length `scale`."""
    return _of_length(replace(counts, values=counts.values.float().log1p()), scale)


def tfidf_weighted(counts: Rows, vocabulary: Vocabulary, scale: float) -> Rows:
    """TF-IDF as `weighting.tfidf` gives it, times `scale`."""
    shape = (len(counts), counts.width)
    parts = (counts.values.numpy(), counts.columns.numpy(), counts.indptr.numpy())
    weighted = weighting.tfidf(scipy.sparse.csr_matrix(parts, shape=shape), vocabulary)
    return replace(counts, values=torch.from_numpy(weighted.data) * scale)


def restricted(counts: Rows, columns: tuple[int, ...]) -> Rows:
    """Only those columns, in their order; the rows themselves where that is all of them."""
    if columns == tuple(range(counts.width)):
        return counts
    new_V = torch.full((counts.width,), -1, dtype=torch.int32)
    new_V[list(columns)] = torch.arange(len(columns), dtype=torch.int32)
    new = new_V[counts.columns.long()]
    kept = new >= 0
    lengths = counts.sums(kept.long())
    return Rows(_offsets(lengths), new[kept], counts.values[kept], len(columns))


def presence(counts: Rows) -> Rows:
    """1 for every word that occurs."""
    return replace(counts, values=counts.values.clamp(max=1))


def _of_length(rows: Rows, length: float) -> Rows:
    norms = rows.sums(rows.values.double().square()).sqrt()
    return replace(rows, values=(rows.values * (length / norms)[rows.row_numbers()]).float())


def _offsets(lengths: Tensor) -> Tensor:
    return torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])


@functools.cache
def _hear_the_csr_warning() -> None:
    """Torch says once in each process that CSR is in beta; other warnings stay."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta", UserWarning)
        torch.sparse_csr_tensor([0, 0], [], [], (1, 1), check_invariants=False)

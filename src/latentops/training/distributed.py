"""One training by several processes, the ranks, which torchrun starts; each takes a share of rows.

Every rank holds the whole data, the same weights and the same order of rows. Of each batch it
reads its share; the terms of the ELBO, and the codes where the loss needs them, are then put
together out of all ranks', so that every rank computes the loss of the whole batch, whatever its
form, and decides alike. The gradient of the
whole batch is the sum of the ranks' gradients, however unequal their shares. Only rank 0 writes.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import joblib
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from latentops.data.batches import Examples
from latentops.elbo import Posterior, Terms
from latentops.errors import RanksError, SettingsError

_LARGE = 1_000_000  # values of one gradient

T = TypeVar("T")


class Ranks:
    """A single process: what `ManyRanks` does among several is nothing here."""

    rank = 0
    number = 1

    @property
    def first(self) -> bool:
        """Whether this process writes files, the run and the progress."""
        return self.rank == 0

    def threads(self, wanted: int | None) -> int:
        """Of this process, where the settings ask for `wanted` (None: all)."""
        return wanted or torch.get_num_threads()

    def device(self, chosen: torch.device) -> torch.device:
        return chosen

    def share(self, rows: Tensor) -> Tensor:
        """Those rows of the next batch that this rank reads."""
        return rows

    def portion(self, examples: Examples) -> Examples:
        """Those examples that this rank scores."""
        return examples

    def whole(self, terms: Terms) -> Terms:
        """The terms of the whole batch out of each rank's; gradients reach this rank's own."""
        return terms

    def whole_codes(self, posterior: Posterior, z_BZ: Tensor) -> tuple[Posterior, Tensor]:
        """The same of what the batch was coded as."""
        return posterior, z_BZ

    def whole_values(self, values_B: Tensor) -> Tensor:
        """The same of a value for each example."""
        return values_B

    def add_gradients(self, network: nn.Module) -> None:
        """Make each gradient the sum over the ranks."""

    def sum(self, values: Tensor) -> Tensor:
        return values

    def each(self, values: Tensor) -> list[Tensor]:
        """A CPU tensor, of the same shape on every rank, from each of them."""
        return [values]

    def from_first(self, make: Callable[[], T]) -> T:
        """What `make` gives on rank 0, on every rank."""
        return make()

    def require_same(self, mark: str) -> None:
        """Raises SettingsError on every rank where the ranks' marks differ."""

    @contextmanager
    def normalised_together(self, network: nn.Module) -> Iterator[None]:
        """Have BatchNorm in training take its statistics over the whole batch."""
        yield


class ManyRanks(Ranks):
    """One of several processes that have met in torch's default process group."""

    def __init__(self) -> None:
        self.rank = dist.get_rank()
        self.number = dist.get_world_size()
        self._on_machine = int(os.environ["LOCAL_WORLD_SIZE"])
        self._rank_on_machine = int(os.environ["LOCAL_RANK"])
        self._own = slice(0, 0)  # this rank's share of the batch of _rows that was last shared
        self._rows = 0

    def threads(self, wanted: int | None) -> int:
        """No more than this rank's part of the machine's cores."""
        part = max(1, int(joblib.cpu_count()) // self._on_machine)
        return min(wanted or part, part)

    def device(self, chosen: torch.device) -> torch.device:
        if chosen.type != "cuda":
            return chosen
        return torch.device("cuda", self._rank_on_machine)

    def share(self, rows: Tensor) -> Tensor:
        """Shares differ by one row at most; they are empty where there are more ranks than rows."""
        self._rows = len(rows)
        self._own = self._of(len(rows))
        return rows[self._own]

    def portion(self, examples: Examples) -> Examples:
        own = self._of(len(examples))
        return examples.subset(torch.arange(own.start, own.stop))

    def whole(self, terms: Terms) -> Terms:
        all_of = self._whole(torch.cat([terms.rate_BZ, terms.distortion_B.unsqueeze(1)], dim=1))
        return Terms(rate_BZ=all_of[:, :-1], distortion_B=all_of[:, -1])

    def whole_codes(self, posterior: Posterior, z_BZ: Tensor) -> tuple[Posterior, Tensor]:
        own = torch.cat([posterior.mean, posterior.log_variance, z_BZ], dim=1)
        mean_BZ, log_variance_BZ, all_z_BZ = self._whole(own).chunk(3, dim=1)
        return Posterior(mean_BZ, log_variance_BZ), all_z_BZ

    def whole_values(self, values_B: Tensor) -> Tensor:
        return self._whole(values_B)

    def add_gradients(self, network: nn.Module) -> None:
        """Small ones in one message, for each costs its own time; large ones are not copied."""
        gradients = [each.grad for each in network.parameters() if each.grad is not None]
        large = [gradient for gradient in gradients if gradient.numel() >= _LARGE]
        small = [gradient for gradient in gradients if gradient.numel() < _LARGE]
        joined = parameters_to_vector(small)
        with _one_line_where_a_rank_is_lost():
            for sent in [dist.all_reduce(each, async_op=True) for each in (joined, *large)]:
                sent.wait()
        vector_to_parameters(joined, small)

    def sum(self, values: Tensor) -> Tensor:
        total = values.clone()
        with _one_line_where_a_rank_is_lost():
            dist.all_reduce(total)
        return total

    def each(self, values: Tensor) -> list[Tensor]:
        found = [torch.empty_like(values) for _ in range(self.number)]
        with _one_line_where_a_rank_is_lost():
            dist.all_gather(found, values)
        return found

    def from_first(self, make: Callable[[], T]) -> T:
        box: list[Any] = [make() if self.first else None]
        with _one_line_where_a_rank_is_lost():
            dist.broadcast_object_list(box)
        made: T = box[0]
        return made

    def require_same(self, mark: str) -> None:
        marks: list[Any] = [None] * self.number
        with _one_line_where_a_rank_is_lost():
            dist.all_gather_object(marks, mark)
        strange = [rank for rank, other in enumerate(marks) if other != marks[0]]
        if strange:
            raise SettingsError(
                f"Rank {strange[0]} has other settings, data, code or torch than rank 0. Bring all "
                "machines to the same commit, run `dvc pull` on each and start again."
            )

    @contextmanager
    def normalised_together(self, network: nn.Module) -> Iterator[None]:
        """BatchNorm is given the rows of all ranks, and of what it returns each keeps its own.

        Unlike torch's SyncBatchNorm it works on a CPU, and where a share is empty.
        """

        def before(norm: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor] | None:
            return (_Together.apply(*inputs, self),) if norm.training else None  # type: ignore[no-untyped-call]

        def after(norm: nn.Module, _: tuple[Tensor], output: Tensor) -> Tensor | None:
            return output[self._own] if norm.training else None

        norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d)]
        hooks = [norm.register_forward_pre_hook(before) for norm in norms]
        hooks += [norm.register_forward_hook(after) for norm in norms]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _of(self, rows: int) -> slice:
        return slice(rows * self.rank // self.number, rows * (self.rank + 1) // self.number)

    def _whole(self, own: Tensor) -> Tensor:
        """The rows of all ranks, in order; gradients reach this rank's own."""
        all_of = self._put_together(own.detach())
        return torch.cat([all_of[: self._own.start], own, all_of[self._own.stop :]])

    def _put_together(self, own: Tensor) -> Tensor:
        """The rows of all ranks, in order; `own` has no gradient."""
        rows = own.new_zeros(self._rows, *own.shape[1:])
        rows[self._own] = own
        return self.sum(rows)


class _Together(torch.autograd.Function):
    """The rows of all ranks, for what mixes rows: each rank's gradient reaches every row."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, ranks: ManyRanks) -> Tensor:
        ctx.ranks, ctx.own = ranks, ranks._own
        return ranks._put_together(own)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.ranks.sum(gradient)[ctx.own], None


ALONE = Ranks()
_SET_BY_TORCHRUN = ("RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@contextmanager
def ranks(device: torch.device) -> Iterator[Ranks]:
    """The ranks that torchrun started this process among; a single one without torchrun.

    They speak over nccl where they train on GPUs, else over gloo.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE
        return
    _require_launcher()
    _require_device(device)
    with _one_line_where_a_rank_is_lost():
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    try:
        yield ManyRanks()
    finally:
        dist.destroy_process_group()


def _require_launcher() -> None:
    missing = [name for name in _SET_BY_TORCHRUN if name not in os.environ]
    if missing:
        raise SettingsError(
            f"WORLD_SIZE asks for {os.environ['WORLD_SIZE']} processes, but {', '.join(missing)} "
            "is not set. Start them with torchrun, or unset WORLD_SIZE."
        )


def _require_device(device: torch.device) -> None:
    """Take this rank's GPU, where GPUs are asked for."""
    if device.type != "cuda":
        return
    local, found = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if local >= found:
        raise SettingsError(
            f"torchrun started more processes than this machine has GPUs: {found}. Start it with "
            f"--nproc-per-node={found}, or set train.device to cpu."
        )
    torch.cuda.set_device(local)


@contextmanager
def _one_line_where_a_rank_is_lost() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # gloo has no class of its own
        reason = str(error).splitlines()[0]
        raise RanksError(
            "The ranks of this training lost touch, as they do when one of them ends. Start it "
            f"again: it goes on from its last whole epoch. torch said: {reason}"
        ) from error

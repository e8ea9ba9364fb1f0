"""Weights averaged over the steps of a training (Polyak, Juditsky 1992; as an exponential mean).

With a share kept of d, the average after t steps is that of the weights of each step, weighted by
d to the power of their age: no weight that training never reached, such as the first, is in it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from latentops.training.checkpoint import State


class Average:
    """Of the parameters of a network in training; buffers, such as BatchNorm's, are as they are."""

    def __init__(self, network: nn.Module, kept: float) -> None:
        self._parameters: list[Tensor] = list(network.parameters())
        self._means = [torch.zeros_like(each) for each in self._parameters]
        self._kept = kept
        self._steps = 0

    @torch.no_grad()
    def add(self) -> None:
        """The parameters as they are now."""
        self._steps += 1
        share = (1 - self._kept) / (1 - self._kept**self._steps)
        torch._foreach_lerp_(self._means, self._parameters, share)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Have the network hold the averages, then its own weights again."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def state(self) -> State:
        return {"means": self._means, "steps": self._steps}

    def restore(self, state: State) -> None:
        for mean, kept in zip(self._means, state["means"], strict=True):
            mean.copy_(kept)
        self._steps = state["steps"]

    def _exchange(self) -> None:
        for place, parameter in enumerate(self._parameters):
            parameter.data, self._means[place] = self._means[place], parameter.data

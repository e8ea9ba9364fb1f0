"""GRU and LSTM for sentences (Bowman et al. 2016): z is the first state, and read at every step.

Shape suffixes as in `seq`.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from latentops.likelihoods import State
from latentops.networks import seq

_KINDS = {"gru": nn.GRU, "lstm": nn.LSTM}


class Encoder(seq.Encoder):
    """The state of the last layer after END."""

    def __init__(self, tokens: int, settings: seq.Settings) -> None:
        super().__init__(tokens, settings)
        self.layers = _layers(settings.network, [settings.embedding, *settings.hidden])

    def summary(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        values_BTH = embedded
        for layer in self.layers:
            values_BTH, _ = layer(values_BTH)
        return values_BTH[torch.arange(len(lengths), device=lengths.device), lengths - 1]


class Decoder(seq.Decoder):
    """The first layer reads z beside each embedding; every layer's first state is made of z."""

    def __init__(
        self, tokens: int, settings: seq.Settings, log_unigram: Tensor | None = None
    ) -> None:
        super().__init__(tokens, settings, log_unigram)
        widths = settings.decoder_hidden
        self.layers = _layers(settings.network, [settings.embedding + settings.latent, *widths])
        self.states_of_each = 2 if settings.network == "lstm" else 1
        self.sizes = [width for width in widths for _ in range(self.states_of_each)]
        self.first = nn.Linear(settings.latent, sum(self.sizes))

    def last_layer(self, embedded: Tensor, z: Tensor) -> Tensor:
        z_RTZ = z.unsqueeze(1).expand(-1, embedded.shape[1], -1)
        return self._run(torch.cat([embedded, z_RTZ], dim=-1), self._first(z))[0]

    def begin(self, z: Tensor) -> State:
        return z, *self._first(z)

    def last_layer_after(self, embedded: Tensor, state: State) -> tuple[Tensor, State]:
        z, *states = state
        values, after = self._run(torch.cat([embedded, z], dim=-1).unsqueeze(1), states)
        return values[:, 0], (z, *after)

    def _first(self, z: Tensor) -> list[Tensor]:
        """Of each layer its states, [R, H]."""
        return list(self.first(z).tanh().split(self.sizes, dim=-1))

    def _run(self, values: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The last layer [R, T, H] and the states after the last place."""
        after: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            start = number * self.states_of_each
            own = [each.unsqueeze(0) for each in states[start : start + self.states_of_each]]
            if self.states_of_each == 2:
                values, ended = layer(values, tuple(own))
            else:
                values, *ended = layer(values, own[0])
            after += [each[0] for each in ended]
        return values, after


def _layers(network: str, widths: Sequence[int]) -> nn.ModuleList:
    return nn.ModuleList(
        _KINDS[network](before, width, batch_first=True) for before, width in pairwise(widths)
    )

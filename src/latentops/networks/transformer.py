"""A small Transformer pair for sentences (Vaswani et al. 2017; layer norm first), z at every place.

Shape suffixes as in `seq`, and D heads, K places that are read, C width of a head.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from latentops.likelihoods import State
from latentops.networks import layers, seq

_LONGEST_WAVE = 10_000.0


class Encoder(seq.Encoder):
    """The mean of the last layer over the places of a sentence."""

    def __init__(self, tokens: int, settings: seq.Settings) -> None:
        super().__init__(tokens, settings)
        width = settings.hidden[0]
        self.widen = nn.Linear(settings.embedding, width)
        self.blocks = nn.ModuleList(Block(width, settings) for _ in settings.hidden)
        self.norm = nn.LayerNorm(width)

    def summary(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        places = torch.arange(embedded.shape[1], device=embedded.device)
        real_BT = places < lengths[:, None]
        values_BTH = self.widen(embedded) + waves(places, self.widen.out_features)
        for block in self.blocks:
            values_BTH, _ = block(values_BTH, None, real_BT[:, None, None, :])
        kept_BTH = self.norm(values_BTH).masked_fill(~real_BT[..., None], 0)
        mean_BH: Tensor = kept_BTH.sum(1) / lengths[:, None]
        return mean_BH


class Decoder(seq.Decoder):
    """A linear map of z is added to what every place reads."""

    def __init__(
        self, tokens: int, settings: seq.Settings, log_unigram: Tensor | None = None
    ) -> None:
        super().__init__(tokens, settings, log_unigram)
        width = settings.decoder_hidden[0]
        self.widen = nn.Linear(settings.embedding, width)
        self.heads = settings.heads
        self.told = nn.Linear(settings.latent, width, bias=False)
        self.blocks = nn.ModuleList(Block(width, settings) for _ in settings.decoder_hidden)
        self.norm = nn.LayerNorm(width)

    def last_layer(self, embedded: Tensor, z: Tensor) -> Tensor:
        places = torch.arange(embedded.shape[1], device=embedded.device)
        before_TT = places <= places[:, None]
        values_RTH = self._entered(embedded, z.unsqueeze(1), places)
        for block in self.blocks:
            values_RTH, _ = block(values_RTH, None, before_TT)
        normed_RTH: Tensor = self.norm(values_RTH)
        return normed_RTH

    def begin(self, z: Tensor) -> State:
        """z, and for each block the keys and values of all places so far: none."""
        none = z.new_zeros(len(z), self.heads, 0, self.widen.out_features // self.heads)
        return z, *(none for _ in range(2 * len(self.blocks)))

    def last_layer_after(self, embedded: Tensor, state: State) -> tuple[Tensor, State]:
        z, *known = state
        place = torch.tensor([known[0].shape[2]], device=z.device)
        values_R1H = self._entered(embedded.unsqueeze(1), z.unsqueeze(1), place)
        after: list[Tensor] = []
        for number, block in enumerate(self.blocks):
            values_R1H, read = block(values_R1H, tuple(known[2 * number : 2 * number + 2]), None)
            after += read
        return self.norm(values_R1H)[:, 0], (z, *after)

    def _entered(self, embedded: Tensor, z: Tensor, places: Tensor) -> Tensor:
        width = self.widen.out_features
        entered: Tensor = self.widen(embedded) + self.told(z) + waves(places, width)
        return entered


class Block(nn.Module):
    """Attention and a hidden layer of four times the width, each added to what it reads."""

    def __init__(self, width: int, settings: seq.Settings) -> None:
        super().__init__()
        self.heads = settings.heads
        self.width = width // settings.heads
        self.before_attention, self.before_hidden = nn.LayerNorm(width), nn.LayerNorm(width)
        self.asked_and_read = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.hidden = layers.perceptron([width, 4 * width, width], settings.activation)

    def forward(
        self, values: Tensor, known: tuple[Tensor, ...] | None, seen: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """`values` [R, T, H] after the block, and the keys and values [R, D, K, C] that were read.

        Those of places before are `known`; `seen` broadcasts to [R, D, T, K].
        """
        heads_RTDC = self.asked_and_read(self.before_attention(values)).unflatten(
            -1, (3 * self.heads, self.width)
        )
        asked, key, value = heads_RTDC.transpose(1, 2).chunk(3, dim=1)
        if known is not None:
            key, value = torch.cat([known[0], key], dim=2), torch.cat([known[1], value], dim=2)
        attended_RDTC = F.scaled_dot_product_attention(asked, key, value, attn_mask=seen)
        values = values + self.attended(attended_RDTC.transpose(1, 2).flatten(-2))
        return values + self.hidden(self.before_hidden(values)), (key, value)


def waves(places: Tensor, width: int) -> Tensor:
    """[T, H]: sines and cosines of the places, whose waves grow from 1 to 10,000 / (2 pi)."""
    steps = torch.arange(0, width, 2, device=places.device) / width
    angles = places[:, None] * torch.exp(-math.log(_LONGEST_WAVE) * steps)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)

"""An encoder that is trained ahead of its decoder (He et al. 2019), so that the latter has a code.

Before each update of the decoder the encoder alone is updated some times, on batches drawn at
random, until the mutual information of examples and codes no longer rises on the validation split
(estimated after each epoch): from then on both are updated together. He et al. end each run of
the encoder's updates where its loss no longer falls; here their number is a setting, so that
nothing waits for the device and the cost is known.
"""

import math

import torch

from latentops import objectives
from latentops.data.batches import Examples, in_batches
from latentops.model import VAE
from latentops.objectives import Codes
from latentops.training.checkpoint import State


class Lead:
    """How many updates the encoder is ahead; 0 once the information has fallen."""

    def __init__(self, updates: int) -> None:
        self.updates = updates
        self._information_nats = -math.inf

    def look(self, information_nats: float) -> None:
        """After each epoch of the lead: it ends where this is not more than after the last."""
        if information_nats <= self._information_nats:
            self.updates = 0
        self._information_nats = information_nats

    def state(self) -> State:
        return {"updates": self.updates, "information_nats": self._information_nats}

    def restore(self, state: State) -> None:
        self.updates = state["updates"]
        self._information_nats = state["information_nats"]


@torch.no_grad()
def information_nats(
    vae: VAE, examples: Examples, of: int, batch_size: int, noise: torch.Generator
) -> float:
    """The mutual information of examples and codes, estimated batch by batch, summed over rows.

    `examples` are a part of `of`.
    """
    vae.eval()
    total = 0.0
    for batch in in_batches(examples, batch_size):
        posterior = vae.encode(batch.input)
        codes = Codes(posterior, posterior.sample(noise), examples=of)
        total += float(objectives.estimated_parts(codes).mutual_information_B.sum())
    return total

"""What a model expects of a text of which nothing is known: see `tasks.cleaned`.

Shape suffixes: W target words.
"""

import torch
from torch import Tensor

from latentops.model import VAE


@torch.no_grad()
def expected_anyway(vae: VAE) -> Tensor:
    """The share of each word where nothing is known of the text: at the prior's mean; [W]."""
    return vae.decode(torch.zeros(1, vae.latent)).mean[0]

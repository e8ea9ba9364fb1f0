"""What a model expects of a text of which nothing is known: see `tasks.cleaned`.

Shape suffixes: W target words.
"""

import torch
from torch import Tensor

from latentops.model import VAE


@torch.no_grad()
def expected_anyway(vae: VAE) -> Tensor:
    """The share of each word where nothing is known of the text: at the prior's mean; [W]."""
    mean_Z, _ = vae.prior.moments()
    return vae.decode(mean_Z.unsqueeze(0)).mean[0]

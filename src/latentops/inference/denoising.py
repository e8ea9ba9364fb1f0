"""Which words stand in a text, as the model sees it: those left out come back, odd ones go.

Shape suffixes: B texts, W target words.
"""

import torch
from torch import Tensor

from latentops.model import VAE

LEAST_LIKELY = 0.5  # of a word's share where nothing is known of the text: below, it is odd


@torch.no_grad()
def expected_anyway(vae: VAE) -> Tensor:
    """The share of each word where nothing is known of the text: at the prior's mean; [W]."""
    mean_Z, _ = vae.prior.moments()
    return vae.decode(mean_Z.unsqueeze(0)).mean[0]


def cleaned(share_BW: Tensor, counts_BW: Tensor, anyway_W: Tensor) -> Tensor:
    """Which words the cleaned text holds, bool [B, W].

    `share_BW` is what the model makes of the texts whose words `counts_BW` counts; a text of which
    n are known is taken for n draws from its shares. A word that is missing comes in where a text
    drawn so is more likely to hold it than not: 1 - (1 - share) ** n > 1/2. A word goes, whether it
    stood there or not, where its share is less than half of `anyway_W`. A text without a known word
    stays without.
    """
    words_B1 = counts_BW.sum(1, keepdim=True)
    likely_BW = (1 - share_BW) ** words_B1 < 0.5
    plausible_BW = share_BW >= LEAST_LIKELY * anyway_W
    return ((counts_BW > 0) | likely_BW) & plausible_BW

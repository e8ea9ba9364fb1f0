"""What a model's codes are worth to its decoder, measured on the rows of a split.

Shape suffixes: N rows, Z latent dimensions.
"""

import torch
from torch import Tensor

from latentops.data.batches import Examples, in_batches
from latentops.evaluation import scores
from latentops.evaluation.diagnosis import Use
from latentops.evaluation.scores import Scores
from latentops.evaluation.settings import Settings
from latentops.model import VAE
from latentops.portion import ROWS_AT_ONCE, encode


def shuffled_scores(vae: VAE, test: Examples, settings: Settings) -> Scores:
    """Empty of a single row, which there is no other to exchange codes with."""
    if len(test) < 2:
        return {}
    return {"distortion_shuffled_nats": shuffled_distortion(vae, test, settings.seed)}


def measure(vae: VAE, examples: Examples, split: str, settings: Settings) -> Use:
    """Of every row; `vae` in evaluation mode."""
    generator = torch.Generator().manual_seed(settings.seed)
    terms = scores.elbo_terms(vae, examples, generator)
    distortion = terms.distortion_N.mean().item()
    code = scores.code_scores(encode(vae, examples), vae.prior, settings)
    alone = len(examples) < 2
    return Use(
        split=split,
        rows=len(examples),
        latent=vae.latent,
        active_units=int(code["active_units"]),
        least_active_units=settings.min_active_units,
        rate_nats=terms.rate_N.mean().item(),
        mutual_information_nats=code["mutual_information_nats"],
        distortion_nats=distortion,
        distortion_shuffled_nats=(
            distortion if alone else shuffled_distortion(vae, examples, settings.seed)
        ),
    )


@torch.no_grad()
def shuffled_distortion(vae: VAE, examples: Examples, seed: int) -> float:
    """Mean of -log p(x given z), nats, where each row has a sample z of another row's code.

    A decoder that does not read z gives what it gives with the row's own; the excess over that is
    what the code tells. Every code is used once. At least two rows.
    """
    generator = torch.Generator().manual_seed(seed)
    z_NZ = encode(vae, examples).sample(generator)
    other_NZ = z_NZ[another(len(examples), generator)]
    distortions, start = [], 0
    for batch in in_batches(examples, ROWS_AT_ONCE):
        some_BZ = other_NZ[start : start + ROWS_AT_ONCE]
        distortions.append(-vae.decode(some_BZ).log_prob(batch.target))
        start += ROWS_AT_ONCE
    return torch.cat(distortions).double().mean().item()


def another(count: int, generator: torch.Generator) -> Tensor:
    """A random order of the rows in which none stands at its own place, [N]: one long cycle."""
    order = torch.randperm(count, generator=generator)
    return torch.empty_like(order).index_copy_(0, order, order.roll(1))

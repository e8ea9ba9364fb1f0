"""What the objective makes of a batch; every rank computes the same, of the whole batch.

Shape suffixes: K samples, B examples of a batch.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from latentops import elbo, objectives
from latentops.artifacts import PAD
from latentops.data.batches import Batch
from latentops.model import VAE, Output
from latentops.objectives import Codes
from latentops.training.distributed import Ranks
from latentops.training.schedule import Moment


class Cost(NamedTuple):
    """The loss to follow downhill, and the terms of the ELBO, which are reported."""

    loss: Tensor
    terms: elbo.Terms


@dataclass(frozen=True)
class Costs:
    """Those of batches of `examples` training examples; the networks work in `precision`."""

    vae: VAE
    objective: objectives.Settings
    examples: int
    ranks: Ranks
    noise: torch.Generator
    precision: Callable[[], AbstractContextManager[object]]

    def of(self, batch: Batch, moment: Moment, multiplier: Tensor | None) -> Cost:
        """The multiplier, where a rate is held, is the weight of the rate."""
        objective = (
            objectives.of_autoencoder(self.objective) if moment.pretraining else self.objective
        )
        if objective.samples > 1:
            return self._importance_weighted(batch, moment)
        with self.precision():
            output = self.vae(batch.input, self.noise)
        terms = self.ranks.whole(elbo.terms(output.rate_BZ, output.likelihood, batch.target))
        loss = objectives.loss(
            terms,
            moment.step,
            moment.steps,
            objective,
            codes=self._codes(output, objective),
            weight_B=self._weights(batch),
            multiplier=multiplier,
        )
        return Cost(loss, terms)

    def _importance_weighted(self, batch: Batch, moment: Moment) -> Cost:
        with self.precision():
            posterior = self.vae.encode(batch.input, self.noise)
            z_KBZ = posterior.sample(self.noise, self.objective.samples)
            likelihood = self.vae.decode(z_KBZ, self.noise)
        log_likelihood_KB = likelihood.log_prob(batch.target)
        log_ratio_KB = posterior.log_prob(z_KBZ) - self.vae.prior.log_prob(z_KBZ)
        beta = objectives.beta_at(moment.step, moment.steps, self.objective)
        loss_B = objectives.importance_loss(log_likelihood_KB, log_ratio_KB, beta)
        rate_BZ = self.vae.prior.rate(posterior, z_KBZ[0])
        terms = self.ranks.whole(elbo.Terms(rate_BZ, -log_likelihood_KB.mean(0)))
        weight_B = self._weights(batch)
        return Cost(objectives.mean(self.ranks.whole_values(loss_B), weight_B), terms)

    def _codes(self, output: Output, objective: objectives.Settings) -> Codes | None:
        """Of the whole batch, where the objective needs them."""
        if not objectives.needs_codes(objective):
            return None
        codes = self.ranks.whole_codes(output.posterior, output.z)
        return Codes(*codes, examples=self.examples)

    def _weights(self, batch: Batch) -> Tensor | None:
        """Of each document of the whole batch, [B]; none where all weigh the same."""
        if self.objective.length_power == 0:
            return None
        weight_B = objectives.weight_of_length(lengths(batch.target), self.objective)
        return self.ranks.whole_values(weight_B)


def lengths(target: Tensor) -> Tensor:
    """How many words each document [B, ...] has, float32 [B]: counts, dense or CSR, or tokens."""
    if target.layout == torch.sparse_csr:
        rows = torch.repeat_interleave(
            target.crow_indices().diff(), output_size=len(target.values())
        )
        return target.values().new_zeros(len(target)).index_add_(0, rows, target.values())
    words = target if target.is_floating_point() else target != PAD
    return words.flatten(1).sum(1).float()

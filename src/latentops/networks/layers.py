"""What the networks of every modality share."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from latentops.elbo import Posterior
from latentops.networks.settings import LOG_VARIANCE_RANGE, Activation, Common

_ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
}


class Encoder(nn.Module, ABC):
    """Examples to a posterior: `enter`, the layers of `body`, then the two heads.

    A network of one modality says what `enter` does and fills `body`.
    """

    def __init__(self, settings: Common) -> None:
        super().__init__()
        self.body = nn.Sequential()
        self.mean: nn.Module = nn.Identity()
        if settings.mean_scale is not None:
            self.mean = ScaledMean(settings.latent, settings.mean_scale)

    @abstractmethod
    def enter(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """What the first layer of `body` reads, [B, D]; the generator serves dropout."""

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Posterior:
        return self.posterior(self._through(self.enter(x, generator))[0], x)

    def read(self, x: Tensor) -> tuple[Posterior, Tensor]:
        """The posterior, and all hidden layers after their activation, side by side, [B, H]."""
        entered_BD = self.enter(x, None)
        heads, hidden = self._through(entered_BD)
        return self.posterior(heads, x), torch.cat([entered_BD[:, :0], *hidden], dim=1)

    def posterior(self, heads: Tensor, x: Tensor) -> Posterior:
        """Of the last layer's values [B, 2 Z]; what else of `x` it needs, a network says."""
        plain = posterior(heads)
        return Posterior(self.mean(plain.mean), plain.log_variance)

    def _through(self, values: Tensor) -> tuple[Tensor, list[Tensor]]:
        hidden = []
        for layer in self.body:
            values = layer(values)
            if isinstance(layer, tuple(_ACTIVATIONS.values())):
                hidden.append(values)
        return values, hidden


class BatchNorm(nn.BatchNorm1d):
    """Reads one example alone by its running statistics, in training too: it has no spread."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training and len(x) == 1:
            mean, variance = self.running_mean, self.running_var
            return F.batch_norm(x, mean, variance, self.weight, self.bias, eps=self.eps)
        return super().forward(x)


class ScaledMean(nn.Module):
    """Latent means [B, Z] of standard deviation `scale` around a learned shift.

    The mean KL of a dimension is then `scale` ** 2 / 2 nats or more, so that none collapses
    (BN-VAE, Zhu et al. 2020, with a scale that is not learned).
    """

    def __init__(self, latent: int, scale: float) -> None:
        super().__init__()
        self.norm = BatchNorm(latent, affine=False)
        self.scale = scale
        self.shift = nn.Parameter(torch.zeros(latent))

    def forward(self, mean_BZ: Tensor) -> Tensor:
        normed_BZ: Tensor = self.norm(mean_BZ)
        return self.scale * normed_BZ + self.shift


def activation(name: Activation) -> nn.Module:
    return _ACTIVATIONS[name]()


def widened(parameters: Tensor) -> Tensor:
    """Of a distribution: float32 where autocast made them bfloat16, for no density bears that."""
    return parameters.float() if parameters.dtype == torch.bfloat16 else parameters


def perceptron(widths: Sequence[int], name: Activation) -> nn.Sequential:
    """Linear layers from width to width, with an activation between two of them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), activation(name)]
    return nn.Sequential(*layers[:-1])


def posterior(heads: Tensor) -> Posterior:
    """Mean and log-variance out of [B, 2 Z]; the log-variance is clamped: exp() stays harmless."""
    mean_BZ, log_variance_BZ = widened(heads).chunk(2, dim=-1)
    return Posterior(mean_BZ, log_variance_BZ.clamp(*LOG_VARIANCE_RANGE))

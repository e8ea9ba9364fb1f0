"""How near to the clean originals the answers to damaged inputs are.

Shape suffixes: N rows, B rows of a batch, D pixels, W target words.
"""

import math
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from latentops.applications.results import Repair
from latentops.artifacts import END
from latentops.data.batches import Batch, Examples, Sequences, in_batches
from latentops.inference import denoising, forms, tasks
from latentops.likelihoods import Likelihood
from latentops.metrics.bootstrap import Bootstrap, Interval
from latentops.model import VAE
from latentops.portion import ROWS_AT_ONCE, Portion
from latentops.verdict.features import Projection

REFERENCE = {"image": "pca", "counts": "vae"}
"""What gains are over: PCA of the same size, and of texts, for which it has no cost, the VAE."""


def of_images(
    clean: Portion, given: Portion, vaes: Mapping[str, VAE], pca: Projection | None, seed: int
) -> tuple[Repair, ...]:
    """Of the damaged images `given` as they are, and of what PCA and the VAEs return."""
    clean_ND = np.asarray(clean.matrix())
    error_N = {
        by: np.square(pixels_ND - clean_ND).mean(axis=1, dtype=np.float64)
        for by, pixels_ND in returned_pixels(given, vaes, pca).items()
    }
    bootstrap, reference_N = Bootstrap(len(clean), seed), error_N.get(REFERENCE["image"])
    gains = {
        by: _decibels(bootstrap, each_N, reference_N)
        for by, each_N in error_N.items()
        if reference_N is not None and each_N is not reference_N
    }
    means = {by: float(each_N.mean()) for by, each_N in error_N.items()}
    return tuple(
        Repair(by=by, error=mean, psnr_db=psnr_db(mean), **_ends(gains.get(by)))
        for by, mean in means.items()
    )


def returned_pixels(
    given: Portion, vaes: Mapping[str, VAE], pca: Projection | None
) -> dict[str, np.ndarray]:
    """[N, D] in [0, 1]: the input as it is, and what each makes of it."""
    given_ND = np.asarray(given.matrix())
    returned = {"input": given_ND}
    if pca is not None and pca.mean_D is not None:
        returned["pca"] = (pca(given_ND) @ pca.components_DK.T + pca.mean_D).clip(0, 1)
    for by, vae in vaes.items():
        means = [likelihood.mean.flatten(1) for _, likelihood in _answers(vae, given.examples)]
        returned[by] = torch.cat(means).numpy()
    return returned


def psnr_db(squared_error: float) -> float | None:
    """Peak signal-to-noise ratio of pixels in [0, 1]; None where there is no error."""
    return None if squared_error == 0 else -10 * math.log10(squared_error)


def of_texts(
    clean: Portion, given: Portion, vaes: Mapping[str, VAE], seed: int
) -> tuple[Repair, ...]:
    """Nats of the clean texts given the codes of the damaged ones, and the words that come back."""
    nats_N = {by: _nats(vae, clean.examples, given.examples) for by, vae in vaes.items()}
    nats_N["nothing"] = _nats_anyway(vaes["vae"], clean.examples)
    words_f1 = {by: _cleaned_f1(vae, clean.examples, given.examples) for by, vae in vaes.items()}
    bootstrap, reference_N = Bootstrap(len(clean), seed), nats_N[REFERENCE["counts"]]
    gains = {
        by: bootstrap.mean_difference(reference_N, each_N)
        for by, each_N in nats_N.items()
        if each_N is not reference_N
    }
    as_it_is = Repair(by="input", words_f1=_given_f1(clean.examples, given.examples))
    return as_it_is, *(
        Repair(
            by=by,
            error=float(each_N.mean()),
            words_f1=words_f1.get(by),
            **_ends(gains.get(by)),
        )
        for by, each_N in nats_N.items()
    )


def f1(found_BW: Tensor, true_BW: Tensor) -> Tensor:
    """Of two sets of words in each row, [B]; 1 where both are empty."""
    right_B = (found_BW & true_BW).sum(1)
    held_B = found_BW.sum(1) + true_BW.sum(1)
    return torch.where(held_B == 0, 1.0, 2 * right_B / held_B.clamp(min=1))


@torch.no_grad()
def _answers(vae: VAE, given: Examples) -> Iterator[tuple[Batch, Likelihood]]:
    for batch in in_batches(given, ROWS_AT_ONCE):
        yield batch, vae.decode(vae.encode(batch.input).mean)


def _targets(clean: Examples) -> Iterator[Tensor]:
    """Those of the same batches."""
    return (batch.target for batch in in_batches(clean, ROWS_AT_ONCE))


@torch.no_grad()
def _nats(vae: VAE, clean: Examples, given: Examples) -> np.ndarray:
    pairs = zip(_targets(clean), _answers(vae, given), strict=True)
    nats = [-likelihood.log_prob(target) for target, (_, likelihood) in pairs]
    return torch.cat(nats).double().numpy()


@torch.no_grad()
def _nats_anyway(vae: VAE, clean: Examples) -> np.ndarray:
    mean_Z, _ = vae.prior.moments()
    nats = [
        -vae.decode(mean_Z.expand(target.shape[0], -1)).log_prob(target)
        for target in _targets(clean)
    ]
    return torch.cat(nats).double().numpy()


def _cleaned_f1(vae: VAE, clean: Examples, given: Examples) -> float:
    if isinstance(clean, Sequences):
        return _rewritten_f1(vae, clean, given)
    anyway_W = denoising.expected_anyway(vae)
    pairs = zip(_targets(clean), _answers(vae, given), strict=True)
    found = [
        f1(
            tasks.cleaned(likelihood.mean, batch.target.to_dense(), anyway_W),
            target.to_dense() > 0,
        )
        for target, (batch, likelihood) in pairs
    ]
    return float(torch.cat(found).mean())


def _rewritten_f1(vae: VAE, clean: Examples, given: Examples) -> float:
    """Of the tokens of the most probable sentences."""
    pairs = zip(_targets(clean), _answers(vae, given), strict=True)
    found = [f1(*_tokens_held(forms.greedy(answer), target)) for target, (_, answer) in pairs]
    return float(torch.cat(found).mean())


def _given_f1(clean: Examples, given: Examples) -> float:
    held = _tokens_held if isinstance(clean, Sequences) else _words_held
    pairs = zip(_targets(given), _targets(clean), strict=True)
    return float(torch.cat([f1(*held(*pair)) for pair in pairs]).mean())


def _words_held(*counts_BW: Tensor) -> list[Tensor]:
    return [each.to_dense() > 0 for each in counts_BW]


def _tokens_held(*tokens_BT: Tensor) -> list[Tensor]:
    """Which known tokens stand in each sentence, bool [B, V] of each."""
    kinds = 1 + max(int(each.max()) for each in tokens_BT)
    held = [torch.zeros(len(each), kinds).scatter(1, each, 1.0) > 0 for each in tokens_BT]
    return [each[:, END + 1 :] for each in held]


def _decibels(bootstrap: Bootstrap, ours_N: np.ndarray, theirs_N: np.ndarray) -> Interval | None:
    """By how much the PSNR of `ours` is higher; None where that has no measure."""
    if not (ours_N.any() and theirs_N.all()):
        return None
    ratio = bootstrap.mean_ratio(ours_N, theirs_N)
    with np.errstate(divide="ignore"):
        mean, worst, best = (-10 * np.log10(each) for each in ratio)
    return Interval(float(mean), float(best), float(worst))


def _ends(gain: Interval | None) -> dict[str, float | None]:
    """As fields; what is not finite, as the ends of one row's interval, is left out."""
    if gain is None or not math.isfinite(gain.mean):
        return {}
    low, high = (each if math.isfinite(each) else None for each in (gain.low, gain.high))
    return {"gain": gain.mean, "low": low, "high": high}

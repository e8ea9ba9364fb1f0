"""The twin of a training: the same with damaged inputs, or without where it has them already.

A VAE that reads damaged inputs and is asked for them whole is a denoising VAE (Vincent et al. 2008,
Im et al. 2017).
"""

from latentops import build
from latentops.artifacts import Spec
from latentops.networks import bow, seq

WORD_DROPOUT = 0.3
PIXEL_NOISE = 0.3  # the largest standard deviation on grey pixels
PIXEL_FLIPS = 0.1  # the largest share of binary ones


def possible(settings: build.Model) -> bool:
    """Not of sentences: no setting damages what their encoder reads."""
    return not isinstance(settings, seq.Settings)


def reads_damaged(settings: build.Model) -> bool:
    """Whether training with these settings is that of a denoising VAE."""
    if isinstance(settings, seq.Settings):
        return False
    if isinstance(settings, bow.Settings):
        return settings.word_dropout >= WORD_DROPOUT
    return settings.pixel_noise > 0 or settings.pixel_blank > 0


def of(settings: build.Model, spec: Spec) -> build.Model:
    """The other of the two, where there are two."""
    assert not isinstance(settings, seq.Settings), "ask `possible` first"
    damaged = not reads_damaged(settings)
    if isinstance(settings, bow.Settings):
        return settings.model_copy(update={"word_dropout": WORD_DROPOUT if damaged else 0.0})
    noise = PIXEL_FLIPS if spec.levels_read == 2 else PIXEL_NOISE
    return settings.model_copy(
        update={"pixel_noise": noise if damaged else 0.0, "pixel_blank": 0.0}
    )


def described(settings: build.Model, spec: Spec) -> str:
    """What is done to the inputs of the one of the two that reads them damaged; empty: no one."""
    if not possible(settings):
        return ""
    damaged = settings if reads_damaged(settings) else of(settings, spec)
    assert not isinstance(damaged, seq.Settings)
    if isinstance(damaged, bow.Settings):
        return f"{damaged.word_dropout:g} of the words left out"
    binary = spec.levels_read == 2
    noise = (
        "up to {:g} of the pixels flipped" if binary else "noise of standard deviation up to {:g}"
    )
    told = ((noise, damaged.pixel_noise), ("up to {:g} of the pixels blanked", damaged.pixel_blank))
    return " and ".join(text.format(strength) for text, strength in told if strength > 0)

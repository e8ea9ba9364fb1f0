"""Whether a model uses its latent, and what to try next where it does not: plain values."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["used", "weak", "ignored", "unknown"]

NOTHING_NATS = 0.1
LITTLE_NATS = 1.0  # a code of 1 nat tells one of e = 2.7 equally likely examples from the others
_LEAST_ROWS = 10


@dataclass(frozen=True)
class Use:
    """What the rows of one split tell of the latent; nats are means over them, at beta = 1."""

    split: str
    rows: int
    latent: int
    active_units: int
    least_active_units: int  # below: collapsed
    rate_nats: float
    mutual_information_nats: float
    distortion_nats: float
    distortion_shuffled_nats: float  # where each row is told by the code of another one

    @property
    def gain_nats(self) -> float:
        """What a row's own code is worth to the decoder, over that of another row."""
        return self.distortion_shuffled_nats - self.distortion_nats


@dataclass(frozen=True)
class Diagnosis:
    """A sentence on what was found, and one that names the next setting to try, or is empty."""

    state: State
    finding: str
    advice: str = ""


def diagnose(use: Use, settings: Mapping[str, Any]) -> Diagnosis:
    """By flat names of settings, "objective.beta"; advice is only on those that are given."""
    state = _state(use)
    if state in ("used", "unknown"):
        return Diagnosis(state, _FINDINGS[state](use))
    finding = _unread(use) if _pays_for_nothing(use) else _FINDINGS[state](use)
    return Diagnosis(state, finding, next_thing(settings))


def _state(use: Use) -> State:
    if use.rows < _LEAST_ROWS:
        return "unknown"
    few = use.active_units < min(use.least_active_units, use.latent)
    if few or min(use.rate_nats, use.gain_nats) < NOTHING_NATS:
        return "ignored"
    return "weak" if min(use.mutual_information_nats, use.gain_nats) < LITTLE_NATS else "used"


def _pays_for_nothing(use: Use) -> bool:
    return use.gain_nats < NOTHING_NATS <= use.rate_nats


def _numbers(use: Use) -> str:
    return (
        f"{use.active_units} of {use.latent} latent dimensions are active, the rate is "
        f"{use.rate_nats:.2f} nats, the mutual information {use.mutual_information_nats:.2f} nats, "
        f"and its own code in the place of another's saves an example {use.gain_nats:.2f} of "
        f"{use.distortion_shuffled_nats:.2f} nats, on {use.rows:,} {use.split} rows"
    )


def _used(use: Use) -> str:
    capped = use.mutual_information_nats > 0.95 * math.log(use.rows)
    cap = f" Mutual information cannot pass ln {use.rows:,} = {math.log(use.rows):.2f} nats."
    return f"The latent is used: {_numbers(use)}.{cap if capped else ''}"


def _unread(use: Use) -> str:
    return f"The encoder writes a code that the decoder does not read: {_numbers(use)}."


_FINDINGS: dict[State, Callable[[Use], str]] = {
    "used": _used,
    "weak": lambda use: f"The latent is hardly used: {_numbers(use)}.",
    "ignored": lambda use: (
        f"The latent is ignored, the posterior has collapsed: {_numbers(use)} (at least "
        f"{use.least_active_units} active were expected)."
    ),
    "unknown": lambda use: f"{use.rows} {use.split} rows are too few to tell.",
}


@dataclass(frozen=True)
class _Cure:
    """Advice for where none of `tried` holds; settings that a model does not have are not."""

    setting: str
    tried: Callable[[Mapping[str, Any]], bool]
    advice: str
    sequences: bool = False  # of no use but to a decoder that reads what it has written


def _holds_a_rate(given: Mapping[str, Any]) -> bool:
    return given.get("objective.rate_nats") is not None


def _weighs_otherwise(given: Mapping[str, Any]) -> bool:
    """An objective beside which no rate can be aimed at."""
    parts = ("mutual_information", "total_correlation", "dimension_wise")
    weighed = any(given.get(f"objective.{part}", 1) != 1 for part in parts)
    return weighed or given.get("objective.samples", 1) > 1


def _takes_no_free_nats(given: Mapping[str, Any]) -> bool:
    has_dimensions = given.get("model.prior") != "mixture"
    return (
        _holds_a_rate(given)
        or _aims_at_a_capacity(given)
        or _weighs_otherwise(given)
        or not has_dimensions
    )


def _aims_at_a_capacity(given: Mapping[str, Any]) -> bool:
    return given.get("objective.capacity_nats") is not None


def _needs_its_beta(given: Mapping[str, Any]) -> bool:
    """There it is no weight of the rate alone."""
    return _holds_a_rate(given) or _aims_at_a_capacity(given)


def _moves_its_means(given: Mapping[str, Any]) -> bool:
    return given.get("model.kind") == "bow" and bool(given.get("model.tied"))


_CURES = (
    _Cure(
        "objective.beta",
        lambda given: given["objective.beta"] <= 1 or _needs_its_beta(given),
        "objective.beta: 1, for a larger one buys less and less rate",
    ),
    _Cure(
        "train.pretrain_epochs",
        lambda given: given["train.pretrain_epochs"] > 0 or _takes_no_free_nats(given),
        "train.pretrain_epochs: a third of train.epochs, with objective.free_nats: 0.1 and "
        "objective.warmup: 0.3. First an autoencoder is trained, then its decoder anew "
        "(Li et al. 2019)",
        sequences=True,
    ),
    _Cure(
        "objective.warmup",
        lambda given: given["objective.warmup"] > 0 or _holds_a_rate(given),
        "objective.warmup: 0.3, so that the rate costs nothing before the decoder reads the code",
    ),
    _Cure(
        "model.mean_scale",
        lambda given: given["model.mean_scale"] is not None or _moves_its_means(given),
        "model.mean_scale: 0.6, which holds the spread of the codes by BatchNorm at no cost "
        "(Zhu et al. 2020)",
    ),
    _Cure(
        "objective.free_nats",
        lambda given: given["objective.free_nats"] > 0 or _takes_no_free_nats(given),
        "objective.free_nats: 0.1, so that no dimension gains by carrying less",
    ),
    _Cure(
        "model.word_dropout",
        lambda given: given["model.word_dropout"] >= 0.3,
        "model.word_dropout: 0.4, so that the decoder cannot rely on the words before "
        "(Bowman et al. 2016)",
        sequences=True,
    ),
    _Cure(
        "objective.rate_nats",
        lambda given: _holds_a_rate(given) or _weighs_otherwise(given),
        "objective.rate_nats: 10, which holds the rate there, with objective.warmup, free_nats and "
        "capacity_nats left out",
    ),
    _Cure(
        "train.encoder_updates",
        lambda given: given["train.encoder_updates"] > 0,
        "train.encoder_updates: 10, more of the encoder before each of the decoder, at several "
        "times the cost (He et al. 2019)",
    ),
    _Cure(
        "objective.beta",
        lambda given: given["objective.beta"] <= 0.2 or _needs_its_beta(given),
        "objective.beta: 0.2; the rate returns at some weight, if the examples differ at all",
    ),
)


def next_thing(settings: Mapping[str, Any]) -> str:
    """The first cure that is not tried yet, strongest evidence and least cost first."""
    sequences = settings.get("model.kind") == "seq"
    for cure in _CURES:
        applies = cure.setting in settings and (sequences or not cure.sequences)
        if applies and not cure.tried(settings):
            return f"Try {cure.advice}."
    return (
        "Every cure of docs/models.md is set. Train longer, or take a weaker decoder: one that "
        "explains the examples without a code needs none."
    )

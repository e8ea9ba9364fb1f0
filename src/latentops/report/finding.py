"""The one sentence of a report: how good the latent features are, beside what they must beat."""

import math
from collections.abc import Mapping

from latentops.report.glossary import feature_title

Probes = Mapping[str, Mapping[str, float]]


def sentence(probes: Probes, scores: Mapping[str, float], test_examples: int) -> str:
    """The accuracy of the VAE's features against each other kind; without labels, the ELBO.

    A difference counts as one when it exceeds the 95 % margin of two independent shares, which is
    wider than a paired test's: no gain is claimed that might be chance.
    """
    ours = our_features(probes)
    if not ours:
        return (
            f"A test example costs {-scores['elbo_nats']:.1f} nats: {scores['rate_nats']:.1f} for "
            f"its code and {scores['distortion_nats']:.1f} for what the code leaves open."
        )
    accuracy = probes[ours]["accuracy"]
    others = [
        _against(feature_title(name), probe["accuracy"], accuracy, test_examples)
        for name, probe in probes.items()
        if name != ours
    ]
    against = f", against {_listed(others)}" if others else ""
    return (
        f"From the VAE's means, a linear classifier puts {100 * accuracy:.1f} % of the "
        f"{test_examples:,} test examples in the right class{against}."
    )


def our_features(probes: Probes) -> str:
    """The name of the features that are the VAE's alone; empty where there are none."""
    return next((name for name in probes if name.startswith("vae") and "+" not in name), "")


def margin(first: float, second: float, examples: int) -> float:
    """Half the width of the 95 % interval of the difference of two independent shares.

    Agresti and Caffo's: each with one more hit and one more miss, so that all right of a few
    examples still leaves room for chance.
    """
    tried = examples + 2
    shares = [(share * examples + 1) / tried for share in (first, second)]
    return 1.96 * math.sqrt(sum(share * (1 - share) for share in shares) / tried)


def widest_margin(probes: Probes, examples: int) -> float:
    """The largest margin between our features and another kind."""
    ours = probes[our_features(probes)]["accuracy"]
    return max(margin(ours, probe["accuracy"], examples) for probe in probes.values())


def _against(name: str, accuracy: float, ours: float, test_examples: int) -> str:
    points = 100 * (ours - accuracy)
    if abs(ours - accuracy) <= margin(ours, accuracy, test_examples):
        verdict = "no clear difference"
    else:
        verdict = f"the VAE {'gains' if points > 0 else 'loses'} {abs(points):.1f} points"
    return f"{100 * accuracy:.1f} % from {name} ({verdict})"


def _listed(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)

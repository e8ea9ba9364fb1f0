"""Whether a version becomes the champion: a pure function of scores, with its reasons."""

import math
from dataclasses import dataclass

from latentops.registry.settings import Settings


@dataclass(frozen=True)
class Scores:
    """Of one version, on the test data with that md5."""

    elbo_nats: float
    active_units: int
    test_md5: str


@dataclass(frozen=True)
class Decision:
    """What to do, and why; a refusal lists every reason."""

    promote: bool
    reasons: tuple[str, ...]


def decide(candidate: Scores, champion: Scores | None, policy: Settings) -> Decision:
    """Without a champion only the candidate's own scores count."""
    against = [*_own_faults(candidate, policy), *_losses(candidate, champion, policy)]
    if against:
        return Decision(False, tuple(against))
    return Decision(True, (_merit(candidate, champion),))


def _own_faults(candidate: Scores, policy: Settings) -> list[str]:
    faults = []
    if not math.isfinite(candidate.elbo_nats):
        faults.append(f"the test ELBO is {candidate.elbo_nats}")
    if candidate.active_units < policy.min_active_units:
        faults.append(
            f"active units {candidate.active_units} < {policy.min_active_units}: "
            "the posterior has collapsed"
        )
    return faults


def _losses(candidate: Scores, champion: Scores | None, policy: Settings) -> list[str]:
    if champion is None:
        return []
    if candidate.test_md5 != champion.test_md5:
        return [
            "the scores cannot be compared: the test data has md5 "
            f"{candidate.test_md5}, the champion's {champion.test_md5}. "
            "Give models of other data another registry.name"
        ]
    loss_nats = champion.elbo_nats - candidate.elbo_nats
    if loss_nats > policy.max_elbo_loss_nats:
        return [
            f"test ELBO {candidate.elbo_nats:.2f} nats is {loss_nats:.2f} below the champion's "
            f"{champion.elbo_nats:.2f}; at most {policy.max_elbo_loss_nats:g} is accepted"
        ]
    return []


def _merit(candidate: Scores, champion: Scores | None) -> str:
    if champion is None:
        return f"test ELBO {candidate.elbo_nats:.2f} nats, and there is no champion"
    return (
        f"test ELBO {candidate.elbo_nats:.2f} nats against the champion's {champion.elbo_nats:.2f}"
    )

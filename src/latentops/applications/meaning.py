"""What the latent dimensions stand for, measured against known factors.

Shape suffixes: N rows, Z latent dimensions, F factors.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch

from latentops import portion
from latentops.applications import codes, directions, factors
from latentops.applications.codes import Codes
from latentops.applications.factors import Factors
from latentops.applications.results import Direction, Factor, Meaning, ScoredCodes, Spread
from latentops.applications.subject import Measured, Subject
from latentops.artifacts import Arrays
from latentops.evaluation import gallery
from latentops.metrics import disentanglement, kl_decomposition, over_seeds
from latentops.metrics.bootstrap import Interval
from latentops.metrics.disentanglement import Rows, Scores
from latentops.model import VAE
from latentops.portion import Portion

_FITTED = {"quick": 2_000, "full": 10_000}  # training rows
_JUDGED = 10_000  # test rows
_PROJECTED = 20_000  # training rows that LSA and PCA learn from
_SEEDS_OF_CHANCE = {"quick": 2, "full": 5}
_SEEDS_BESIDE_BETAS = 5
_DECOMPOSED_PAIRS = 2_000_000  # samples times examples: about a second for 20 dimensions
_PARTS = ("mutual_information_nats", "total_correlation_nats", "dimension_wise_kl_nats")


def measure(subject: Subject) -> Measured[Meaning]:
    """Scores are of test rows; what is shown is of validation rows."""
    train = subject.train.sample(_FITTED[subject.depth], subject.seed)
    test = subject.test.sample(_JUDGED, subject.seed)
    known = factors.of((train, subject.valid, test), subject.predictor.spec)
    if isinstance(known, str):
        return Measured(Meaning(reason=known), {})
    comparison = _Comparison(subject, known, train, test)
    own = codes.of_vae(subject.vae, train, test)
    shown, images = _shown(subject, known)
    result = Meaning(
        by_label=known.names == (factors.LABEL,),
        factors=tuple(_factors(known, own)),
        codes=tuple(comparison.scored(own)),
        directions=tuple(shown),
        dead=int((~own.alive_Z).sum()),
        fitted_rows=len(train),
        judged_rows=len(test),
    )
    return Measured(result, images)


def _factors(known: Factors, own: Codes) -> Iterator[Factor]:
    rows = Rows(own.test_NZ, known.each_NF[-1])
    entropy_F = disentanglement.entropies_nats(rows)
    share_FZ = _shares(rows)
    for at, name in enumerate(known.names):
        yield Factor(
            name=name,
            values=len(known.values[at]),
            entropy_nats=entropy_F[at],
            determined_by=known.determined_by[at],
            information=tuple(share_FZ[at].tolist()),
        )


def _shares(rows: Rows) -> np.ndarray:
    """What each dimension tells of each factor, as a share of its entropy, [F, Z]; 0 of none."""
    entropy_F = disentanglement.entropies_nats(rows)
    known_F = np.where(entropy_F > 0, entropy_F, 1.0)
    return np.asarray(disentanglement.mutual_information_nats(rows) / known_F[:, None])


def _shown(subject: Subject, known: Factors) -> tuple[list[Direction], Arrays]:
    """The most telling dimensions, in words, or as images of which each row is one of them.

    Validation says which they are, and its rows are shown.
    """
    vae, predictor = subject.vae, subject.predictor
    mean_NZ = portion.encode(vae, subject.valid.examples).mean.numpy()
    pairs = directions.telling(_shares(Rows(mean_NZ, known.each_NF[1])))
    found = directions.described(pairs, subject.valid, mean_NZ, known.each_NF[1], known)
    if predictor.writes_sentences:
        return found, {}
    if predictor.spec.kind == "counts":
        return directions.worded(found, vae, predictor.vocabulary), {}
    moved = [direction.dimension for direction in found]
    return found, {"traversal": gallery.traversal(vae, moved)} if moved else {}


@dataclass(frozen=True)
class _Comparison:
    """Codes of the same rows, scored against the same factors."""

    subject: Subject
    known: Factors
    train: Portion
    test: Portion

    def scored(self, own: Codes) -> Iterator[ScoredCodes]:
        """The model and its repeats, each beta, chance, and LSA or PCA."""
        repeats = (self._of_vae(vae) for vae in self.subject.repeats)
        yield self._summary("vae", chain([own], repeats))
        yield from self._by_beta()
        yield self._summary("random", self._of_chance())
        yield from self._of_projection()

    def _by_beta(self) -> list[ScoredCodes]:
        found = [
            self._summary("beta", map(self._of_vae, vaes), beta)
            for beta, vaes in sorted(self.subject.by_beta.items())
        ]
        return _with_gains(found)

    def _of_vae(self, vae: VAE) -> Codes:
        return codes.of_vae(vae, self.train, self.test)

    def _of_chance(self) -> Iterator[Codes]:
        predictor, depth = self.subject.predictor, self.subject.depth
        parts = predictor.spec, predictor.vocabulary, predictor.settings
        count = _SEEDS_BESIDE_BETAS if self.subject.by_beta else _SEEDS_OF_CHANCE[depth]
        for seed in range(self.subject.seed, self.subject.seed + count):
            yield codes.of_chance(*parts, seed, self.train, self.test)

    def _of_projection(self) -> Iterator[ScoredCodes]:
        subject = self.subject
        fitted_to = subject.train.sample(_PROJECTED, subject.seed)
        found = codes.of_projection(
            subject.vae,
            subject.predictor.vocabulary,
            fitted_to,
            subject.seed,
            self.train,
            self.test,
        )
        if found is not None:
            yield self._summary(found[0], [found[1]])

    def _summary(
        self, code: str, of_seeds: Iterator[Codes] | Sequence[Codes], beta: float | None = None
    ) -> ScoredCodes:
        """Of the codes of each seed, which are read one after the other."""
        scores, active, parts = [], [], []
        for each in of_seeds:
            scores.append(self._scores(each))
            active.append(int(each.alive_Z.sum()))
            parts.append(self._parts(each) if beta is not None else {})
        by_score = _by_name(scores)
        return ScoredCodes(
            code=code,
            beta=beta,
            each=by_score,
            mean={name: _spread(over_seeds.mean(values)) for name, values in by_score.items()},
            active=float(np.mean(active)) if code in ("vae", "beta") else None,
            **{name: float(np.mean(values)) for name, values in _by_name(parts).items()},
        )

    def _scores(self, each: Codes) -> Scores:
        """Of the factors that no other determines."""
        scored = self.known.scored
        train_NF, test_NF = (self.known.each_NF[at][:, scored] for at in (0, -1))
        rows = Rows(each.train_NZ, train_NF), Rows(each.test_NZ, test_NF)
        return disentanglement.scores(*rows, self.subject.seed)

    def _parts(self, each: Codes) -> Scores:
        """Of the rate."""
        assert each.posterior is not None  # of a VAE
        generator = torch.Generator().manual_seed(self.subject.seed)
        count = len(self.test)
        rows = torch.randperm(count, generator=generator)[: max(1, _DECOMPOSED_PAIRS // count)]
        found = kl_decomposition.decompose(each.posterior, generator, rows)
        return {name: getattr(found, name) for name in _PARTS}


def _by_name(scores: Sequence[Scores]) -> dict[str, tuple[float, ...]]:
    """The values of all seeds, of the scores that are defined for all."""
    together = {name: [each[name] for each in scores] for name in scores[0]}
    return {
        name: tuple(value for value in values if value is not None)
        for name, values in together.items()
        if None not in values
    }


def _with_gains(of_betas: Sequence[ScoredCodes]) -> list[ScoredCodes]:
    """Over beta = 1, where it is among them."""
    neutral = next((each for each in of_betas if each.beta == 1), None)
    if neutral is None:
        return list(of_betas)
    others = [each for each in of_betas if each is not neutral]
    gains: Mapping[float | None, dict[str, Spread]] = {each.beta: {} for each in others}
    for name, theirs in neutral.each.items():
        ours = [each.each[name] for each in others]
        for each, gain in zip(others, over_seeds.gains(ours, theirs), strict=True):
            gains[each.beta][name] = _spread(gain)
    return [each.model_copy(update={"gain": gains.get(each.beta, {})}) for each in of_betas]


def _spread(interval: Interval) -> Spread:
    low, high = (None if math.isnan(end) else end for end in (interval.low, interval.high))
    return Spread(mean=interval.mean, low=low, high=high)

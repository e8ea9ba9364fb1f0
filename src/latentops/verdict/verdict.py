"""All that a study finds: on label budgets, in cost, and on inputs never seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from latentops import build, portion
from latentops.artifacts import HeldOut
from latentops.classifier import HeadFile
from latentops.model import VAE
from latentops.portion import Portion
from latentops.verdict import budgets, cost, strangers, study
from latentops.verdict.budgets import Depth
from latentops.verdict.results import Strangers, Verdict
from latentops.verdict.shipped import Subject
from latentops.verdict.strangers import Splits
from latentops.verdict.study import Progress
from latentops.verdict.threads import one_thread


@dataclass(frozen=True)
class Trained:
    """Every model there is of the data, in evaluation mode."""

    subject: Subject  # the VAE that is shipped
    model: build.Model
    head: HeadFile  # of what is shipped
    training_seconds: float  # of that VAE
    repeats: tuple[VAE, ...]  # from other seeds
    held_out: tuple[VAE, HeldOut] | None  # one that never saw some classes


def reach(
    trained: Trained, splits: Splits, depth: Depth, seed: int, progress: Progress = iter
) -> Verdict:
    """What the VAE is worth to a classifier, or the reason why that cannot be told.

    On one thread, so that times compare and sums come in one order.
    """
    with one_thread():
        return _reach(trained, splits, depth, seed, progress)


def _reach(
    trained: Trained, splits: Splits, depth: Depth, seed: int, progress: Progress
) -> Verdict:
    spec = trained.subject.spec
    test = study.labelled(splits.test)
    seen_N = _seen(splits.train, test)
    found = Verdict(
        depth=depth,
        source=spec.source,
        seeds=1 + len(trained.repeats),
        samples=budgets.SAMPLES,
        test_rows=len(test),
        test_rows_also_in_train=None if seen_N is None else int(seen_N.sum()),
        reason=study.no_study(splits, spec.source),
        strangers=_strangers(trained, splits, seed),
    )
    if found.reason:
        return found
    unseen_N = None if seen_N is None else ~seen_N
    vaes = (trained.subject.vae, *trained.repeats)
    compared = study.compare(trained.subject, vaes, splits, unseen_N, depth, seed, progress)
    costs = cost.measure(trained.subject, trained.model, compared, test, trained.training_seconds)
    if spec.kind == "image":
        train = study.labelled(splits.train)
        costs = cost.with_neighbours(costs, trained.subject, compared.basis, train, test)
    return found.model_copy(update={"budgets": compared.budgets, "cost": costs})


def _seen(train: Portion, test: Portion) -> np.ndarray | None:
    """Which test rows stand in train too, [N]; None for images."""
    if test.counts is None:
        return None
    return portion.seen_in_train(train.subset(np.flatnonzero(train.in_scope)), test)


def _strangers(trained: Trained, splits: Splits, seed: int) -> tuple[Strangers, ...]:
    """Of the settings that the data allows; none without a classifier."""
    if trained.head.chosen is None:
        return ()
    found: Sequence[Strangers | None] = [strangers.own(trained.subject, splits, trained.head, seed)]
    if trained.held_out is not None:
        vae, held = trained.held_out
        subject = replace(trained.subject, vae=vae)
        found = [*found, strangers.held_out(subject, splits, trained.head, held, seed)]
    return tuple(each for each in found if each is not None)

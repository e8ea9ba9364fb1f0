"""Which features make the better classifier, at few labels and at many.

Shape suffixes: N test rows, S label samples, V VAE seeds.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from latentops import portion
from latentops.metrics.bootstrap import Bootstrap
from latentops.model import VAE
from latentops.portion import Code, Portion
from latentops.verdict import budgets, claims, heads
from latentops.verdict.budgets import Depth, LabelBudget
from latentops.verdict.claims import Outcome
from latentops.verdict.features import Basis, Blocks, available, uses_vae
from latentops.verdict.heads import Choice, Head
from latentops.verdict.results import Budget
from latentops.verdict.selection import SEED
from latentops.verdict.shipped import Subject
from latentops.verdict.strangers import Splits

# `all` is at most so many labels, and LSA and PCA are fitted to at most so many rows.
MOST_LABELS = 25_000
MOST_FITTED = 100_000


@dataclass(frozen=True)
class Task:
    """One head to choose and to fit."""

    vae: int  # place among the VAEs
    budget: int  # place among the budgets
    sample: int
    features: str


Progress = Callable[[Sequence[Task]], Iterable[Task]]


@dataclass(frozen=True)
class AllLabels:
    """A feature set at the largest budget, with the first VAE."""

    head: Head
    head_seconds: float


@dataclass(frozen=True)
class Comparison:
    budgets: tuple[Budget, ...]
    heads: Mapping[str, AllLabels]  # by features
    basis: Basis  # with the first VAE


def no_study(splits: Splits, source: str) -> str:
    """Why nothing can be compared, or empty."""
    train, test = (labelled(rows) for rows in (splits.train, splits.test))
    known = np.unique(train.y)
    if not len(known):
        return f"The training rows of {source!r} have no labels."
    if len(known) == 1:
        return f"All labelled training rows of {source!r} are of one class."
    if not len(test):
        return f"The test rows of {source!r} have no labels."
    if not np.isin(test.y, known).any():
        return (
            f"No class of the test rows of {source!r} stands in its training rows: each class "
            "needs a row in both."
        )
    return ""


def compare(
    subject: Subject,
    vaes: Sequence[VAE],
    splits: Splits,
    unseen_N: np.ndarray | None,
    depth: Depth,
    seed: int,
    progress: Progress = iter,
) -> Comparison:
    """Every feature set at every label budget, with `vaes` (the subject's first) from other seeds.

    A choice is made once for each label sample, with the first VAE, and holds for the others.
    `unseen_N` marks the labelled test rows that do not stand in train, or is None. Where `no_study`
    gives a reason this fails.
    """
    study = _Study(subject, vaes, splits, depth, seed)
    for task in progress(study.plan()):
        study.do(task)
    bootstrap = Bootstrap(len(study.material.test.y), seed)
    return Comparison(
        budgets=tuple(study.budget(at, unseen_N, bootstrap) for at in range(len(study.budgets))),
        heads=study.heads,
        basis=study.material.basis,
    )


def _some(rows: Portion, most: int, seed: int) -> Portion:
    """At most that many rows, and beside them one of each class that they would miss."""
    drawn = np.random.default_rng(seed).permutation(len(rows))
    first_of_each = np.unique(rows.y[drawn], return_index=True)[1]
    return rows.subset(np.union1d(drawn[:most], drawn[first_of_each]))


def labelled(rows: Portion) -> Portion:
    """Those in scope that have a label."""
    return _in_scope(rows).labelled()


class _Rows:
    """Labelled rows in scope, and their blocks with the VAE that was read last."""

    def __init__(self, rows: Portion, basis: Basis) -> None:
        self.portion, self.y = rows, rows.y
        self._baselines = basis.baseline_blocks(rows)
        self.blocks = self._baselines

    def read(self, code: Code, basis: Basis) -> None:
        self.blocks = self._baselines | basis.code_blocks(code)


class _Material:
    """Baselines are made ready once; the code of one VAE at a time is kept."""

    def __init__(self, subject: Subject, vaes: Sequence[VAE], splits: Splits, seed: int) -> None:
        self._vaes = vaes
        every, valid = _in_scope(splits.train), labelled(splits.valid)
        train = _some(every.labelled(), MOST_LABELS, seed)
        self.complete = len(train) == np.count_nonzero(every.y >= 0)
        fitted_to, size = every.sample(MOST_FITTED, seed), subject.vae.latent
        code = portion.read(vaes[0], train.examples)
        self.basis = Basis.fit(fitted_to, code, subject.vocabulary, size, SEED)
        self.train = _Rows(train, self.basis)
        self.valid = _Rows(valid, self.basis) if len(valid) else None
        self.test = _Rows(labelled(splits.test), self.basis)
        self._use(0, code)

    def read(self, vae: int) -> None:
        """Make the blocks those of this VAE."""
        if vae != self._used:
            self._use(vae, portion.read(self._vaes[vae], self.train.portion.examples))

    def _use(self, vae: int, train_code: Code) -> None:
        self._used, basis = vae, self.basis.with_code(train_code)
        self.train.read(train_code, basis)
        for rows in (self.valid, self.test):
            if rows is not None:
                rows.read(portion.read(self._vaes[vae], rows.portion.examples), basis)


class _Study:
    def __init__(
        self, subject: Subject, vaes: Sequence[VAE], splits: Splits, depth: Depth, seed: int
    ) -> None:
        self._vaes, self._seed = range(len(vaes)), seed
        self.material = _Material(subject, vaes, splits, seed)
        train = self.material.train
        self.budgets = budgets.budgets(train.y, depth, seed, self.material.complete)
        self.features = available(train.blocks)
        self.heads: dict[str, AllLabels] = {}
        self._choices: dict[tuple[int, int, str], tuple[Choice, float | None]] = {}
        self._predicted: dict[Task, np.ndarray] = {}

    def plan(self) -> list[Task]:
        """The VAEs one after the other; what needs none with the first."""
        return [
            Task(vae, at, sample, features)
            for vae, at in product(self._vaes, range(len(self.budgets)))
            for sample in range(len(self.budgets[at].samples))
            for features in self.features
            if vae == 0 or uses_vae(features)
        ]

    def do(self, task: Task) -> None:
        self.material.read(task.vae)
        budget, train = self.budgets[task.budget], self.material.train
        rows = budget.samples[task.sample]
        blocks, y = heads.sliced(train.blocks, rows), train.y[rows]
        choice = self._choice(task, blocks, y)
        started = time.perf_counter()
        head = heads.fit(blocks, y, task.features, choice)
        seconds = time.perf_counter() - started
        self._predicted[task] = head.predict(self.material.test.blocks).astype(np.int32)
        if budget.takes_all and task.vae == 0:
            self.heads[task.features] = AllLabels(head, seconds)
            if self.material.valid is not None:
                accuracy = head.accuracy(self.material.valid.blocks, self.material.valid.y)
                self._choices[task.budget, task.sample, task.features] = choice, accuracy

    def budget(self, at: int, unseen_N: np.ndarray | None, bootstrap: Bootstrap) -> Budget:
        budget, y = self.budgets[at], self.material.test.y
        outcomes = [self._outcome(at, features) for features in self.features]
        chosen_on = self._chosen_on(budget)
        return Budget(
            name=budget.name,
            labels=budget.mean_labels + (len(chosen_on.y) if chosen_on else 0),
            scores=tuple(claims.score(each, y, unseen_N, bootstrap) for each in outcomes),
            claims=claims.claims(outcomes, y, bootstrap),
        )

    def _chosen_on(self, budget: LabelBudget) -> _Rows | None:
        """Validation rows: they are labels too, so that they serve the largest budget alone."""
        return self.material.valid if budget.takes_all else None

    def _choice(self, task: Task, blocks: Blocks, y: np.ndarray) -> Choice:
        key = task.budget, task.sample, task.features
        if key not in self._choices:
            chosen_on = self._chosen_on(self.budgets[task.budget])
            valid = (chosen_on.blocks, chosen_on.y) if chosen_on else None
            self._choices[key] = heads.choose(blocks, y, task.features, self._seed, valid)
        return self._choices[key][0]

    def _outcome(self, at: int, features: str) -> Outcome:
        samples = range(len(self.budgets[at].samples))
        vaes = self._vaes if uses_vae(features) else self._vaes[:1]
        made = [self._choices[at, sample, features] for sample in samples]
        inner = [accuracy for _, accuracy in made if accuracy is not None]
        predicted_SVN = [
            [self._predicted[Task(vae, at, sample, features)] for vae in vaes] for sample in samples
        ]
        return Outcome(
            features=features,
            predicted_SVN=np.array(predicted_SVN),
            choices=tuple(choice for choice, _ in made),
            inner_accuracy=float(np.mean(inner)) if inner else None,
        )


def _in_scope(rows: Portion) -> Portion:
    return rows.subset(np.flatnonzero(rows.in_scope))

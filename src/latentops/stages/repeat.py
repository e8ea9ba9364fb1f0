"""Stage repeat: the same training again with other seeds, without some classes, or with one change.

A difference between features is claimed over VAE seeds; strangers of held-out classes need a VAE
that never saw them; the dimensions of models are compared over betas and seeds. A killed stage goes
on from its last whole epoch.
"""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch

from latentops import artifacts, build, config, objectives, provenance
from latentops.applications import twin
from latentops.applications.settings import Trainings
from latentops.artifacts import Arrays, HeldOut, OfBeta, Repeat, Repeats, Spec, Split, Vocabulary
from latentops.data.batches import Examples
from latentops.errors import exit_on_known_error
from latentops.evaluation.settings import Depth
from latentops.training import checkpoint, loop
from latentops.training.settings import Settings as TrainSettings

CHECKPOINTS = Path(".latentops/repeats")
REPEATS = {"quick": 1, "full": 2}
SEEDS_OF_A_BETA = 5
LEAST_CLASSES = 5  # fewer leave too little when some are held out
_HELD_OUT_SHARE = 0.2
_SPLITS: tuple[Split, Split] = ("train", "valid")


class Settings(config.Section):
    """Equals `params:` of the stage in dvc.yaml."""

    evaluate: Depth
    applications: Trainings


class Trained(config.Section):
    """model/settings.json: what the training to be repeated was made with."""

    model: build.Model
    objective: objectives.Settings
    train: TrainSettings


class Fitted(NamedTuple):
    weights: Arrays
    seconds: float


@dataclass(frozen=True)
class Training:
    """The data and the settings of the training that is repeated."""

    spec: Spec
    vocabulary: Vocabulary
    settings: Trained
    arrays: dict[Split, Arrays]
    digests: tuple[str, ...]

    def changed(self, **sections: build.Model | objectives.Settings) -> Self:
        """With other sections of the settings."""
        return replace(self, settings=self.settings.model_copy(update=sections))

    def repeat(self, path: Path, seed: int) -> Repeat:
        """Trained with another seed and written."""
        fitted = self.fit(path.stem, seed)
        artifacts.write_tensors(fitted.weights, path)
        return Repeat(seed=seed, file=path.name, train_seconds=fitted.seconds)

    def fit(self, name: str, seed: int, without: Sequence[int] = ()) -> Fitted:
        """With another seed, or without the rows of the classes whose indices are given."""
        print(f"{name}:", file=sys.stderr)
        model = self.settings.model
        sections = self.settings.objective, self.settings.train.model_copy(update={"seed": seed})
        train, valid = (self._examples(self.arrays[split], without) for split in _SPLITS)
        unigram = build.unigram(train)
        vae = build.model(self.spec, self.vocabulary, model, seed, unigram)
        identity = (*self.digests, *map(str, without))
        mark = checkpoint.fingerprint(vae, [model, *sections], identity)
        kept = checkpoint.Checkpoint(CHECKPOINTS / name, mark)
        fit = loop.fit(vae, train, valid, *sections, checkpoint=kept, progress=True)
        return Fitted(build.weights(vae), fit.seconds)

    def _examples(self, arrays: Arrays, without: Sequence[int]) -> Examples:
        rows = np.flatnonzero(learned_from(arrays, without))
        examples = build.examples(self.spec, self.vocabulary, arrays, self.settings.model)
        return examples.subset(torch.from_numpy(rows))


def learned_from(arrays: Arrays, without: Sequence[int]) -> np.ndarray:
    """Which rows are learned from, bool: where classes are held out, none of an unknown class."""
    kept = arrays["in_scope"] & ~np.isin(arrays["y"], without)
    return np.asarray(kept & (arrays["y"] >= 0) if without else kept)


def main() -> None:
    settings = config.load(Settings)
    depth = settings.evaluate
    training = _read()
    first = training.settings.train.seed
    count = REPEATS[depth.depth]
    seeds = tuple(
        training.repeat(artifacts.repeat_path(offset), first + offset)
        for offset in range(1, count + 1)
    )
    held_out = _hold_out(training, depth.seed) if depth.depth == "full" else None
    denoising = _twin(training, first) if settings.applications.denoising else None
    betas = settings.applications.betas if settings.applications.meaning else ()
    by_beta = tuple(_of_beta(training, beta, first) for beta in betas)
    repeats = Repeats(seeds=seeds, held_out=held_out, denoising=denoising, by_beta=by_beta)
    artifacts.write_json(repeats, artifacts.REPEATS_LIST)
    shutil.rmtree(CHECKPOINTS, ignore_errors=True)


def _read() -> Training:
    paths = {split: artifacts.tensors_path(split) for split in _SPLITS}
    data = map(artifacts.md5, (artifacts.SPEC, artifacts.VOCABULARY, *paths.values()))
    return Training(
        spec=artifacts.read_schema(Spec, artifacts.SPEC),
        vocabulary=artifacts.read_schema(Vocabulary, artifacts.VOCABULARY),
        settings=artifacts.read_schema(Trained, artifacts.MODEL_SETTINGS),
        arrays={split: artifacts.read_tensors(path) for split, path in paths.items()},
        digests=(*data, provenance.code_sha256(["repeat"])),
    )


def _twin(training: Training, seed: int) -> Repeat | None:
    """With damaged inputs, or without: see `applications.twin`."""
    if not twin.possible(training.settings.model):
        return None
    other = training.changed(model=twin.of(training.settings.model, training.spec))
    return other.repeat(artifacts.REPEATS / "denoising.safetensors", seed)


def _of_beta(training: Training, beta: float, first: int) -> OfBeta:
    objective = training.settings.objective.model_copy(update={"beta": beta})
    other = training.changed(objective=objective)
    repeats = tuple(
        other.repeat(artifacts.REPEATS / f"beta-{beta}-seed-{seed}.safetensors", seed)
        for seed in range(first, first + SEEDS_OF_A_BETA)
    )
    return OfBeta(beta=beta, repeats=repeats)


def _hold_out(training: Training, seed: int) -> HeldOut | None:
    y_train, y_valid = (training.arrays[split]["y"] for split in _SPLITS)
    drawn = held_out_classes(y_train, y_valid, seed)
    if drawn is None:
        return None
    for_valid, for_test = drawn
    left = np.count_nonzero(learned_from(training.arrays["train"], [*for_valid, *for_test]))
    if left < training.settings.train.batch_size:
        print(f"held-out: left out, for {left} rows would remain to learn from", file=sys.stderr)
        return None
    path = artifacts.HELD_OUT_WEIGHTS
    fitted = training.fit(path.stem, training.settings.train.seed, [*for_valid, *for_test])
    artifacts.write_tensors(fitted.weights, path)
    names = training.spec.classes
    return HeldOut(
        classes_valid=tuple(names[y] for y in for_valid),
        classes_test=tuple(names[y] for y in for_test),
        file=path.name,
        train_seconds=fitted.seconds,
    )


def held_out_classes(
    y_train: np.ndarray, y_valid: np.ndarray, seed: int
) -> tuple[list[int], list[int]] | None:
    """Classes, by index, that are strangers in validation and others that are so in test.

    A fifth of those that stand in both splits, two at least; none where there are fewer than
    `LEAST_CLASSES`.
    """
    classes = np.intersect1d(y_train[y_train >= 0], y_valid)
    if len(classes) < LEAST_CLASSES:
        return None
    count = max(2, round(_HELD_OUT_SHARE * len(classes)))
    drawn = np.random.default_rng(seed).choice(classes, count, replace=False)
    half = count // 2
    return sorted(drawn[:half].tolist()), sorted(drawn[half:].tolist())


if __name__ == "__main__":
    with exit_on_known_error():
        main()

# ruff: noqa: N815 - names end in their shape suffixes
"""Images from the prior and by class, beside those of a PCA with normals and real ones.

Where the model reads binary pixels, those of an image that is made are drawn with the decoder's
probabilities, so that they are like those of real images; else they are its means.

Shape suffixes: N images, M training images, D pixels, K directions of PCA, P pairs, S steps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from latentops.applications import by_class
from latentops.applications.by_class import MOST, Coder, Judged, Way, spread
from latentops.applications.judges import ImageJudge
from latentops.applications.results import Generation, Made
from latentops.applications.subject import Measured, Subject
from latentops.artifacts import Arrays
from latentops.classifier import ClassCodes
from latentops.metrics import frechet
from latentops.portion import Portion

Of = TypeVar("Of")
_FITTED = {"quick": 5_000, "full": 20_000}  # training images that the judge and PCA learn from
_STEPS_OF_THE_JUDGE = {"quick": 500, "full": 2_000}
_AT_ONCE = 256
_SHOWN_CLASSES = 10
_COLUMNS = 8
_CROSSINGS = 6


def measure(subject: Subject) -> Measured[Generation]:
    rows = min(MOST[subject.depth], len(subject.valid), len(subject.test))
    if rows < 2:
        return Measured(Generation(reason="Fewer than two validation or test images."), {})
    study = _Study.of(subject, rows)
    if study is None:
        return Measured(Generation(reason="All training images are alike."), {})
    nobody, gain = np.full(rows, -1), None
    judged = [study.of_real(), *study.both(nobody)]
    if len(y_N := study.asked(rows)):
        vae, pca = study.both(y_N)
        judged += [vae, pca]
        gain = by_class.gain(vae, pca, subject.seed)
    real, coder = study.real, study.coder
    judged += [
        study.judged("vae", "around", study.by_vae(coder.around, real), coder.learned(real.y)),
        study.judged("vae", "between", study.by_vae(coder.between, real), nobody),
    ]
    shown = spread(np.unique(y_N), _SHOWN_CLASSES)
    result = Generation(
        seeds=len(study.coder.vaes),
        made=tuple(each.made for each in judged),
        gain=gain,
        without_classes=study.coder.without_classes,
        seen_by=study.judge.name,
        shown_classes=tuple(subject.predictor.spec.classes[y] for y in shown),
    )
    return Measured(result, study.images(shown))


@dataclass(frozen=True)
class PcaSampler:
    """As linear as can be: coordinates from a normal, of all rows or of a class, mapped back."""

    pca: PCA
    codes: ClassCodes  # of the coordinates; the last row is of all images

    @classmethod
    def fit(
        cls, pixels_MD: np.ndarray, y_M: np.ndarray, size: int, classes: int, seed: int
    ) -> Self:
        """Of at most `size` directions."""
        pca = PCA(min(size, *pixels_MD.shape), random_state=seed).fit(pixels_MD)
        at_MK = pca.transform(pixels_MD)
        exact_MK = np.full_like(at_MK, -np.inf)  # log variance of a coordinate
        own = ClassCodes.of(at_MK, exact_MK, y_M, classes)
        every = ClassCodes.of(at_MK, exact_MK, np.zeros(len(at_MK), dtype=int), 1)
        mean_CK = np.concatenate([own.mean_CZ, every.mean_CZ])
        return cls(pca, ClassCodes(mean_CK, np.concatenate([own.sd_CZ, every.sd_CZ])))

    def draw(self, y_N: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """[N, D], each of its class, or of all where y is -1; clipped to [0, 1]."""
        noise_NK = rng.standard_normal((len(y_N), self.codes.mean_CZ.shape[1]))
        at_NK = self.codes.mean_CZ[y_N] + self.codes.sd_CZ[y_N] * noise_NK
        return np.asarray(self.pca.inverse_transform(at_NK), dtype=np.float32).clip(0, 1)


@dataclass(frozen=True)
class _Study:
    """What makes images, and what they are judged by."""

    subject: Subject
    coder: Coder
    judge: ImageJudge
    sampler: PcaSampler
    real: Portion  # validation rows, as many as are made
    test_features_ND: np.ndarray

    @classmethod
    def of(cls, subject: Subject, rows: int) -> Self | None:
        """None where the training images are all alike."""
        depth, seed = subject.depth, subject.seed
        pixels_MD = _pixels(subject.train)
        real = subject.valid.sample(rows, seed)
        judge = ImageJudge.fit(
            pixels_MD,
            subject.train.y,
            _pixels(real),
            _FITTED[depth],
            _STEPS_OF_THE_JUDGE[depth],
            seed,
        )
        if judge is None:
            return None
        few = subject.train.sample(_FITTED[depth], seed)
        classes = len(subject.predictor.spec.classes)
        sampler = PcaSampler.fit(_pixels(few), few.y, subject.vae.latent, classes, seed)
        features_ND = judge.features(_pixels(subject.test.sample(rows, seed)))
        return cls(subject, Coder(subject), judge, sampler, real, features_ND)

    def asked(self, rows: int) -> np.ndarray:
        """Classes of real validation rows, as many as images are made; none without classes."""
        y_N = self.coder.learned(self.real.y)
        known_N = y_N[y_N >= 0]
        if not len(known_N):
            return known_N
        rng = np.random.default_rng(self.subject.seed)
        return rng.choice(known_N, rows, replace=len(known_N) < rows)

    def of_real(self) -> Judged:
        return self.judged("valid", "real", [_pixels(self.real)], self.coder.learned(self.real.y))

    def both(self, y_N: np.ndarray) -> tuple[Judged, Judged]:
        """Images of every VAE, and of the PCA; by class unless y is -1."""
        way: Way = "prior" if (y_N < 0).any() else "class"
        rng = np.random.default_rng(self.subject.seed)
        ours = self.by_vae(self.coder.codes, y_N)
        theirs = self._like_real(self.sampler.draw(y_N, rng))
        return self.judged("vae", way, ours, y_N), self.judged("pca", way, [theirs], y_N)

    def by_vae(self, codes: Callable[[int, Of], Tensor], of: Of) -> list[np.ndarray]:
        """Pixels [N, D] of every VAE, from the codes that it has of rows or classes."""
        places = range(len(self.coder.vaes))
        means = (self._decoded(codes(place, of), place) for place in places)
        return [self._like_real(mean.reshape(len(mean), -1)) for mean in means]

    @torch.no_grad()
    def _decoded(self, z_NZ: Tensor, place: int = 0) -> np.ndarray:
        """Means [N, C, H, W]."""
        vae = self.coder.vaes[place]
        return np.concatenate(
            [vae.decode(z_BZ).mean.numpy() for z_BZ in torch.split(z_NZ, _AT_ONCE)]
        )

    def _like_real(self, mean_ND: np.ndarray) -> np.ndarray:
        spec = self.subject.predictor.spec
        if spec.levels != 2 and spec.binarization != "dynamic":
            return mean_ND
        rng = np.random.default_rng(self.subject.seed)
        return (rng.random(mean_ND.shape) < mean_ND).astype(np.float32)

    def judged(
        self, source: str, way: Way, pixels: Sequence[np.ndarray], y_N: np.ndarray
    ) -> Judged:
        """Images of each VAE seed; agreement is of those that have a class."""
        seed = self.subject.seed
        near = [self.judge.nearest(each) for each in pixels]
        copies = by_class.interval([self.judge.copied(each) for each in near], seed)
        told = np.flatnonzero(y_N >= 0)
        correct = [self._correct(each[told], y_N[told]) for each in pixels]
        agreement = by_class.interval(correct, seed) if len(told) else None
        features = [self.judge.features(each) for each in pixels]
        distances = [frechet.frechet(each, self.test_features_ND) for each in features]
        kernels = [frechet.kernel_distance(each, self.test_features_ND) for each in features]
        made = Made(
            source=source,
            way=way,
            rows=len(y_N),
            nearest=float(np.median(near[0].distance_NK[:, 0])),
            copies=copies.mean,
            copies_low=copies.low,
            copies_high=copies.high,
            agreement=agreement.mean if agreement else None,
            agreement_low=agreement.low if agreement else None,
            agreement_high=agreement.high if agreement else None,
            frechet=float(np.mean(distances)),
            frechet_low=min(distances),
            frechet_high=max(distances),
            kernel=float(np.mean(kernels)),
            kernel_low=min(kernels),
            kernel_high=max(kernels),
        )
        return Judged(made, np.stack(correct)[None])

    def _correct(self, pixels_ND: np.ndarray, y_N: np.ndarray) -> np.ndarray:
        return self.judge.label(pixels_ND) == y_N if len(y_N) else np.zeros(0, dtype=bool)

    def images(self, classes: np.ndarray) -> Arrays:
        """What the section shows: means, which have no noise of pixels."""
        shape = self.subject.predictor.spec.shape
        prior = self._decoded(self.coder.codes(0, np.full(_COLUMNS, -1)))
        flat_ND = prior.reshape(len(prior), -1)
        nearest = self.judge.known_MD[self.judge.nearest(flat_ND).row_NK[:, 0]]
        shown = {
            "nearest": np.stack([prior, nearest.reshape(prior.shape)]),
            "crossings": self._crossings(),
        }
        if len(classes):
            by_rows = self._decoded(self.coder.codes(0, np.repeat(classes, _COLUMNS)))
            shown["by_class"] = by_rows.reshape(len(classes), _COLUMNS, *shape)
        return shown

    def _crossings(self) -> np.ndarray:
        """Rows [P, S, C, H, W]: an image, the steps to another with both ends, and the other."""
        ends, path_PSZ = by_class.crossed(self.subject.vae, self.real, _CROSSINGS, _COLUMNS - 2)
        half = len(path_PSZ)
        pixels = _pixels(ends).reshape(len(ends), 1, *self.subject.predictor.spec.shape)
        between = np.stack([self._decoded(path_SZ) for path_SZ in path_PSZ])
        return np.concatenate([pixels[:half], between, pixels[half : 2 * half]], axis=1)


def _pixels(rows: Portion) -> np.ndarray:
    return np.asarray(rows.matrix(), dtype=np.float32)

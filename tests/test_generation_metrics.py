"""Variety, nearness and distances of sets, against formulas written out and closed forms."""

import math
from collections import Counter

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
from sklearn.neighbors import NearestNeighbors

from latentops.metrics import frechet, generation

CAT = ("the", "cat", "sat", "on", "the", "mat")
DOG = ("the", "dog", "sat", "on", "the", "cat")
OWL = ("an", "owl", "flew")


def bleu(hypothesis: tuple[str, ...], references: list[tuple[str, ...]], order: int) -> float:
    """As nltk's sentence_bleu with method 1 computes it, term by term."""
    logs = []
    for n in range(1, order + 1):

        def grams(words: tuple[str, ...], n: int = n) -> Counter[tuple[str, ...]]:
            return Counter(words[at : at + n] for at in range(len(words) - n + 1))

        own = grams(hypothesis)
        matched = sum(
            min(count, max(grams(reference)[gram] for reference in references))
            for gram, count in own.items()
        )
        if n == 1 and matched == 0:
            return 0.0
        logs.append(math.log((matched or 0.1) / max(1, sum(own.values()))))
    closest = min(map(len, references), key=lambda length: (abs(length - len(hypothesis)), length))
    brevity = 1.0 if len(hypothesis) >= closest else math.exp(1 - closest / len(hypothesis))
    return brevity * math.exp(sum(logs) / order)


# Variety


def test_distinct_n_counts_different_grams_in_all() -> None:
    assert generation.distinct([CAT, DOG], 1) == 6 / 12  # the cat sat on mat dog
    # the-cat cat-sat sat-on on-the the-mat | the-dog dog-sat (sat-on on-the the-cat again)
    assert generation.distinct([CAT, DOG], 2) == 7 / 10
    assert generation.distinct([CAT, CAT], 6) == 1 / 2
    assert generation.distinct([OWL], 4) is None
    assert generation.distinct([], 1) is None


def test_self_bleu_of_two_documents_by_hand() -> None:
    # 5 of 6 words of each stand in the other, and 3 of 5 pairs: sat-on, on-the, the-cat.
    assert generation.self_bleu([CAT, DOG], 2) == pytest.approx(math.sqrt(5 / 6 * 3 / 5))
    assert generation.self_bleu([CAT, CAT, CAT], 4) == pytest.approx(1.0)
    assert generation.self_bleu([CAT, OWL], 2) == 0.0
    assert generation.self_bleu([CAT], 2) is None


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_self_bleu_is_the_mean_of_bleu_against_all_others(order: int) -> None:
    rng = np.random.default_rng(order)
    drawn = [tuple(rng.choice(list("abcdefg"), rng.integers(3, 8))) for _ in range(25)]
    drawn += [("z",) * 9, ("a", "b"), ("a", "a", "a", "a", "a"), ()]
    others = [drawn[:at] + drawn[at + 1 :] for at in range(len(drawn))]
    expected = [
        bleu(each, rest, order) if each else 0.0 for each, rest in zip(drawn, others, strict=True)
    ]
    assert generation.self_bleu(drawn, order) == pytest.approx(np.mean(expected))


# Nearness


def test_the_nearest_rows_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    made_ND, known_MD = (rng.normal(size=(rows, 8)).astype(np.float32) for rows in (300, 90))
    found = generation.nearest_by_distance(made_ND, known_MD, 5)
    distance_NK, row_NK = NearestNeighbors(n_neighbors=5).fit(known_MD).kneighbors(made_ND)
    assert np.array_equal(found.row_NK, row_NK)
    np.testing.assert_allclose(found.distance_NK, distance_NK / math.sqrt(8), rtol=1e-5)
    assert generation.nearest_by_distance(made_ND, known_MD, 500).row_NK.shape == (300, 90)


def test_a_copy_far_from_the_origin_is_at_distance_nothing() -> None:
    known_MD = 1000 + np.random.default_rng(0).random((50, 30)).astype(np.float32)
    found = generation.nearest_by_distance(known_MD[7:9], known_MD, 50)
    assert found.row_NK[:, 0].tolist() == [7, 8]
    assert found.distance_NK[:, 0].tolist() == [0, 0]


def test_the_nearest_by_angle_ignores_length_of_text() -> None:
    known_MD = scipy.sparse.csr_matrix(np.array([[1.0, 0, 0], [0, 1, 0], [0.6, 0.8, 0]]))
    made_ND = scipy.sparse.csr_matrix(np.array([[0.8, 0.6, 0], [0.0, 0, 1], [0, 0, 0]]))
    found = generation.nearest_by_angle(made_ND, known_MD)
    assert found.row_NK[0, 0] == 2
    np.testing.assert_allclose(found.distance_NK[:, 0], [1 - 0.96, 1, 1])


def test_an_image_near_to_one_row_alone_stands_out() -> None:
    distance_NK = np.array([[0.0, 2, 2, 4], [1, 1, 1, 1], [0, 0, 0, 0]])
    assert generation.lone_distance(distance_NK).tolist() == [0, 1, 1]
    scaled = generation.lone_distance(distance_NK[:2] + 1)
    assert scaled.tolist() == generation.lone_distance(3 * (distance_NK[:2] + 1)).tolist()


def test_equal_documents_are_found() -> None:
    assert generation.standing_in([CAT, OWL, ()], [DOG, CAT]).tolist() == [True, False, False]


# Distances of sets


def spread(rng: np.random.Generator) -> np.ndarray:
    root_DD = rng.normal(size=(4, 4))
    return root_DD @ root_DD.T


def test_frechet_has_its_closed_form() -> None:
    rng = np.random.default_rng(0)
    zero, ones, identity = np.zeros(4), np.ones(4), np.eye(4)
    assert frechet.frechet_of_moments(zero, identity, ones, identity) == pytest.approx(4)
    # Of commuting covariances: the sum of squared differences of standard deviations.
    first, second = np.array([1.0, 4, 9, 0]), np.array([4.0, 1, 9, 16])
    apart = frechet.frechet_of_moments(zero, np.diag(first), zero, np.diag(second))
    assert apart == pytest.approx(np.square(np.sqrt(first) - np.sqrt(second)).sum())
    # Of others: with the matrix root of scipy, as the reference implementation takes it.
    a_DD, b_DD = spread(rng), spread(rng)
    root_DD = scipy.linalg.sqrtm(a_DD @ b_DD)
    expected = 4 + np.trace(a_DD + b_DD - 2 * root_DD).real
    assert frechet.frechet_of_moments(zero, a_DD, ones, b_DD) == pytest.approx(expected)


def test_frechet_of_samples_nears_that_of_their_normals() -> None:
    rng = np.random.default_rng(1)
    a_DD, b_DD = spread(rng), spread(rng)
    one = rng.multivariate_normal(np.zeros(4), a_DD, 100_000)
    other = rng.multivariate_normal(np.ones(4), b_DD, 100_000)
    truth = frechet.frechet_of_moments(np.zeros(4), a_DD, np.ones(4), b_DD)
    assert frechet.frechet(one, other) == pytest.approx(truth, rel=0.03)


@pytest.mark.parametrize("distance", [frechet.frechet, frechet.kernel_distance])
def test_distances_are_symmetric_and_do_not_see_a_rotation(distance: object) -> None:
    assert callable(distance)
    rng = np.random.default_rng(2)
    one, other = rng.normal(size=(60, 5)), 2 + rng.normal(size=(60, 5)) * [1, 2, 3, 1, 1]
    turn_DD = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    found = distance(one, other)
    assert found > 1
    assert distance(other, one) == pytest.approx(found)
    assert distance(one @ turn_DD, other @ turn_DD) == pytest.approx(found)
    assert distance(one[::-1], other) == pytest.approx(found)


def test_frechet_of_a_set_and_itself_is_nothing() -> None:
    rows = np.random.default_rng(0).normal(size=(3, 8))  # fewer rows than features
    assert frechet.frechet(rows, rows) == pytest.approx(0, abs=1e-6)
    assert frechet.frechet(rows[:, :1], rows[:, :1]) == pytest.approx(0, abs=1e-9)


def test_the_kernel_distance_is_that_of_all_pairs_written_out() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(4, 3)), rng.normal(size=(6, 3))

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / 3 + 1) ** 3)

    def within(rows: np.ndarray) -> float:
        pairs = [kernel(x, y) for i, x in enumerate(rows) for j, y in enumerate(rows) if i != j]
        return float(np.mean(pairs))

    across = np.mean([kernel(x, y) for x in one for y in other])
    expected = within(one) + within(other) - 2 * across
    assert frechet.kernel_distance(one, other) == pytest.approx(expected)


def test_the_kernel_distance_of_equal_distributions_is_nothing_on_average() -> None:
    rng = np.random.default_rng(0)
    found = [frechet.kernel_distance(*rng.normal(size=(2, 40, 4))) for _ in range(200)]
    assert abs(np.mean(found)) < 4 * np.std(found) / math.sqrt(200)
    assert min(found) < 0
    shifted = frechet.kernel_distance(rng.normal(size=(40, 4)), 1 + rng.normal(size=(40, 4)))
    assert shifted > max(found)

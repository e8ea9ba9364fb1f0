"""Scores of codes whose score is known, and mutual information against scikit-learn's."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import mutual_info_score

from latentops.metrics import disentanglement as measure
from latentops.metrics.disentanglement import MISSING, Rows, Scores

VALUES = (2, 2, 4)  # of each factor
Coded = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def perfect(factors_NF: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return factors_NF + rng.uniform(-0.01, 0.01, factors_NF.shape)


def constant(factors_NF: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.full((len(factors_NF), 3), 0.7)


def duplicated(factors_NF: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.tile(perfect(factors_NF, rng), 2)


def noise(factors_NF: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(len(factors_NF), 3))


def rotated(factors_NF: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """No axis of a factor is left, and nothing is lost."""
    rotation = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    standardized = (factors_NF - factors_NF.mean(0)) / factors_NF.std(0)
    return np.asarray((standardized + rng.uniform(-0.01, 0.01, factors_NF.shape)) @ rotation)


def with_dead(factors_NF: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.pad(perfect(factors_NF, rng), ((0, 0), (1, 2)))


def drawn(rows: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(count, size=rows) for count in VALUES], axis=1)


def of(coded: Coded, rows: int = 3_000) -> tuple[Rows, Rows]:
    parts = (drawn(rows, seed) for seed in (1, 2))
    rng = np.random.default_rng(3)
    train, test = (Rows(coded(factors_NF, rng), factors_NF) for factors_NF in parts)
    return train, test


def scored(coded: Coded) -> Scores:
    return measure.scores(*of(coded), seed=0)


def test_a_perfect_code_has_every_best_score() -> None:
    found = scored(perfect)
    best = ("dci_disentanglement", "dci_completeness", "dci_informativeness", "factor_vae")
    assert {name: found[name] for name in best} == pytest.approx(
        dict.fromkeys(best, 1.0), abs=0.002
    )
    # By chance, about (B - 1)(K - 1) / 2N nats of any other factor stand in a dimension.
    assert found["mig"] == pytest.approx(1, abs=0.01)
    assert found["modularity"] == pytest.approx(1, abs=1e-3)
    # Thresholds separate all values, and a dimension of another factor guesses: 1 of 2 and of 4.
    assert found["sap"] == pytest.approx((0.5 + 0.5 + 0.75) / 3, abs=0.03)


def test_a_constant_code_tells_nothing() -> None:
    found = scored(constant)
    guessed = found.pop("dci_informativeness")
    assert found == dict.fromkeys(found, 0.0)
    assert guessed == pytest.approx((0.5 + 0.5 + 0.25) / 3, abs=0.03)


def test_a_duplicated_code_is_disentangled_and_half_as_complete() -> None:
    found = scored(duplicated)
    assert found["mig"] == found["sap"] == 0
    assert found["dci_disentanglement"] == pytest.approx(1)
    assert found["dci_completeness"] == pytest.approx(1 - np.log(2) / np.log(6))
    assert found["modularity"] == pytest.approx(1, abs=1e-3)
    assert found["factor_vae"] == 1


def test_a_rotated_code_tells_as_much_and_is_entangled() -> None:
    found, straight = scored(rotated), scored(perfect)
    for name in ("mig", "sap", "dci_disentanglement", "dci_completeness", "modularity"):
        assert found[name] < straight[name] - 0.25, name
    assert found["dci_informativeness"] == pytest.approx(straight["dci_informativeness"], abs=0.02)


def test_noise_scores_what_chance_allows() -> None:
    found = scored(noise)
    for name in ("mig", "sap", "dci_disentanglement", "dci_completeness"):
        assert found[name] == pytest.approx(0, abs=0.08), name
    assert found["dci_informativeness"] < 0.48
    assert found["factor_vae"] == pytest.approx(1 / 3, abs=0.12)


def test_importances_are_near_those_of_exact_trees() -> None:
    train, test = of(rotated)
    found_FZ, _ = measure.importances(train, test)
    for factor, found_Z in enumerate(found_FZ):
        exact = GradientBoostingClassifier(n_estimators=measure.ROUNDS, random_state=0)
        exact.fit(train.code_NZ, train.factors_NF[:, factor])
        assert found_Z == pytest.approx(exact.feature_importances_, abs=0.05)


def test_dead_dimensions_change_nothing_but_the_base_of_completeness() -> None:
    found, without = scored(with_dead), scored(perfect)
    assert found.pop("sap") == pytest.approx(without.pop("sap"), abs=0.01)  # it guesses too
    assert found == pytest.approx(without)


def test_mutual_information_is_that_of_scikit_learn() -> None:
    _, test = of(rotated, rows=500)
    found_FZ = measure.mutual_information_nats(test)
    for factor, values_N in enumerate(test.factors_NF.T):
        for z, column_N in enumerate(test.code_NZ.T):
            edges = np.histogram(column_N, measure.BINS)[1][:-1]
            expected = mutual_info_score(values_N, np.digitize(column_N, edges))
            assert found_FZ[factor, z] == pytest.approx(expected, abs=1e-9)
        entropy = mutual_info_score(values_N, values_N)
        assert measure.entropies_nats(test)[factor] == pytest.approx(entropy)


def test_the_gap_of_a_known_table() -> None:
    information_FZ = np.array([[0.6, 0.1, 0.2], [0.0, 0.5, 0.5]])
    assert measure.gap(information_FZ, np.array([0.8, 1.0])) == pytest.approx((0.5 + 0) / 2)
    assert measure.gap(information_FZ[:1, :1], np.array([0.8])) == pytest.approx(0.75)


def test_purity_of_known_importances() -> None:
    """Of dimension 0 half for each factor, of dimension 1 all for one; they weigh 1 and 3."""
    importance_FZ = np.array([[0.5, 3.0], [0.5, 0.0]])
    assert measure.disentanglement(importance_FZ) == pytest.approx((0 * 1 + 1 * 3) / 4)
    share = 0.5 / 3.5
    entropy = -(share * np.log2(share) + (1 - share) * np.log2(1 - share))
    assert measure.completeness(importance_FZ) == pytest.approx(((1 - entropy) * 3.5 + 0.5) / 4)


def test_modularity_of_a_known_table() -> None:
    """1 - 0.2² / 0.4² of three factors' two others; a dead dimension has no say."""
    information_FZ = np.array([[0.4, 0.0, 0.3], [0.2, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert measure.modularity(information_FZ) == pytest.approx((1 - 0.25 / 2 + 1) / 2)


def test_rows_without_a_value_are_left_out() -> None:
    train, test = of(perfect)
    rng = np.random.default_rng(4)
    missing = [rng.random(rows.factors_NF.shape) < 0.3 for rows in (train, test)]
    holed = [
        Rows(rows.code_NZ, np.where(gone, MISSING, rows.factors_NF))
        for rows, gone in zip((train, test), missing, strict=True)
    ]
    found, whole = measure.scores(holed[0], holed[1], 0), measure.scores(train, test, 0)
    assert found == pytest.approx(whole, abs=0.03)


def test_shares_and_scales_of_dimensions_do_not_matter() -> None:
    train, test = of(rotated)
    scale_Z, shift_Z = np.array([1e-3, 1.0, 1e3]), np.array([5.0, -5.0, 0.0])
    moved = [Rows(rows.code_NZ * scale_Z + shift_Z, rows.factors_NF) for rows in (train, test)]
    expected = measure.scores(train, test, 0)
    assert measure.scores(moved[0], moved[1], 0) == pytest.approx(expected, abs=2e-3)


def test_one_factor_and_one_dimension_leave_some_scores_undefined() -> None:
    one = [Rows(rows.code_NZ[:, :1], rows.factors_NF[:, :1]) for rows in of(perfect)]
    found = measure.scores(one[0], one[1], 0)
    undefined = {"dci_disentanglement", "dci_completeness", "modularity", "factor_vae"}
    assert {name for name, score in found.items() if score is None} == undefined
    assert found["mig"] == pytest.approx(1)


def test_a_value_that_stands_in_one_split_alone_stops_nothing() -> None:
    train, test = of(perfect, rows=200)
    rare = test.factors_NF.copy()
    rare[0, 2] = VALUES[2]  # a value that train never saw, in one row
    found = measure.scores(train, Rows(test.code_NZ, rare), 0)
    other_way = measure.scores(Rows(test.code_NZ, rare), train, 0)
    assert all(score is not None for score in (*found.values(), *other_way.values()))


def test_the_seed_decides_the_votes_alone() -> None:
    train, test = of(noise)
    first, again, other = (measure.scores(train, test, seed) for seed in (0, 0, 1))
    assert first == again
    assert {name for name in first if first[name] != other[name]} <= {"factor_vae"}

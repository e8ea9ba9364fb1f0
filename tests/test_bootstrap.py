"""Bootstrap intervals against closed forms, and what is drawn together."""

import math

import numpy as np
import pytest

from latentops.metrics.bootstrap import Bootstrap


def rows_right(share: float, rows: int, seed: int = 0) -> np.ndarray:
    """[1, 1, N] of which that share is right, in any order."""
    right = np.arange(rows) < round(share * rows)
    return np.random.default_rng(seed).permutation(right)[None, None]


def test_over_rows_alone_the_interval_is_that_of_a_binomial_share() -> None:
    mean, low, high = Bootstrap(rows=1_000, seed=0).interval(rows_right(0.7, 1_000))
    half = 1.96 * math.sqrt(0.7 * 0.3 / 1_000)
    assert mean == pytest.approx(0.7)
    assert (low, high) == pytest.approx((0.7 - half, 0.7 + half), abs=0.003)


def test_nine_intervals_of_ten_and_more_hold_the_truth() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        found = Bootstrap(rows=300, seed=seed, draws=400).interval(rng.random((1, 1, 300)) < 0.8)
        held += found.low <= 0.8 <= found.high
    assert 0.90 <= held / 200 <= 0.99


@pytest.mark.parametrize("axis", [0, 1])
def test_label_samples_and_vae_seeds_are_drawn_too(axis: int) -> None:
    """Of two, one always right and one always wrong, a draw takes both alike or one twice."""
    both = np.repeat([True, False], 50).reshape(2, 50)
    correct = np.expand_dims(both, 1 - axis)
    assert Bootstrap(rows=50, seed=0).interval(correct) == (0.5, 0.0, 1.0)


def test_more_samples_of_the_same_spread_say_more() -> None:
    def width(samples: int) -> float:
        shares = np.linspace(0.4, 0.6, samples)
        correct = np.concatenate([rows_right(share, 2_000) for share in shares])
        found = Bootstrap(rows=2_000, seed=0).interval(correct)
        return found.high - found.low

    assert width(20) < 0.7 * width(3)


def test_a_paired_difference_has_the_variance_of_the_differences() -> None:
    """Where 30 of 1,000 rows are mended and none is broken, 700 shared errors add nothing."""
    theirs = rows_right(0.2, 1_000)
    ours = theirs.copy()
    ours[0, 0, np.flatnonzero(~theirs[0, 0])[:30]] = True
    mean, low, high = Bootstrap(rows=1_000, seed=0).paired_difference(ours, theirs)
    half = 1.96 * math.sqrt(0.03 * 0.97 / 1_000)
    assert mean == pytest.approx(0.03)
    assert (low, high) == pytest.approx((0.03 - half, 0.03 + half), abs=0.003)


def test_label_samples_are_paired() -> None:
    """Hard and easy samples are so for both sides: they cancel in the difference."""
    theirs = np.concatenate([rows_right(share, 400) for share in (0.2, 0.5, 0.8)])
    ours = theirs.copy()
    for sample in ours[:, 0]:
        sample[np.flatnonzero(~sample)[:20]] = True
    found = Bootstrap(rows=400, seed=0).paired_difference(ours, theirs)
    assert found.mean == pytest.approx(0.05)
    assert found.high - found.low < 0.06


def test_what_needs_no_vae_is_compared_with_every_seed() -> None:
    """Ours gains .1 with one seed and loses .1 with the other: nothing can be claimed."""
    theirs = rows_right(0.5, 500)
    gains, loses = theirs.copy(), theirs.copy()
    gains[0, 0, np.flatnonzero(~theirs[0, 0])[:50]] = True
    loses[0, 0, np.flatnonzero(theirs[0, 0])[:50]] = False
    ours = np.concatenate([gains, loses], axis=1)
    found = Bootstrap(rows=500, seed=0).paired_difference(ours, theirs)
    assert found.mean == pytest.approx(0.0)
    assert found.low < -0.08
    assert found.high > 0.08


def test_the_same_seed_draws_the_same() -> None:
    correct = np.random.default_rng(0).random((5, 3, 200)) < 0.6
    assert Bootstrap(200, seed=4).interval(correct) == Bootstrap(200, seed=4).interval(correct)
    assert Bootstrap(200, seed=4).interval(correct) != Bootstrap(200, seed=5).interval(correct)


@pytest.mark.parametrize("right", [[1, 0], [1, 1, 0, 0, 0]])
def test_a_few_label_samples_vary_by_their_unbiased_variance(right: list[int]) -> None:
    """Every row of a sample is right or wrong, so that rows add nothing."""
    correct_SVN = np.repeat(np.array(right, dtype=bool), 50).reshape(len(right), 1, 50)
    means_B = Bootstrap(rows=50, seed=0, draws=20_000)._means(correct_SVN)
    truth = np.var(right, ddof=1) / len(right)
    assert np.var(means_B) == pytest.approx(truth, rel=0.05)


def test_where_no_row_is_wrong_the_rule_of_three_leaves_room_for_chance() -> None:
    """Of 47 rows: exactly, 1 - 0.025 ** (1 / 47) = 7.5 %, and 3 / 47 = 6.4 %."""
    right_SVN = np.ones((5, 2, 47), dtype=bool)
    bootstrap = Bootstrap(rows=47, seed=0)
    assert bootstrap.interval(right_SVN) == pytest.approx((1.0, 1 - 3 / 47, 1.0))
    assert bootstrap.interval(~right_SVN) == pytest.approx((0.0, 0.0, 3 / 47))
    assert bootstrap.paired_difference(right_SVN, right_SVN) == pytest.approx((0, -3 / 47, 3 / 47))


# Differences of means of real values


def nats(rows: int, mean: float = 0.0, seed: int = 0) -> np.ndarray:
    """Skewed, as the ELBOs of documents of many lengths are."""
    return mean - 20 * np.random.default_rng(seed).exponential(size=rows)


def test_a_difference_of_means_has_the_normal_interval_of_the_rows_differences() -> None:
    theirs = nats(2_000)
    ours = theirs + np.random.default_rng(1).normal(0.3, 2.0, size=2_000)
    mean, low, high = Bootstrap(rows=2_000, seed=0).mean_difference(ours, theirs)
    gain = ours - theirs
    half = 1.96 * gain.std() / math.sqrt(2_000)
    assert mean == pytest.approx(gain.mean())
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=0.1 * half)


def test_nine_intervals_of_ten_and_more_hold_the_true_difference_of_means() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        gain = 1.0 + rng.gamma(2.0, 3.0, size=200) - 6.0  # of mean 1
        found = Bootstrap(rows=200, seed=seed, draws=400).mean_difference(gain, np.zeros(200))
        held += found.low <= 1.0 <= found.high
    assert 0.90 <= held / 200 <= 0.99


def test_what_differs_by_as_much_in_every_row_has_no_spread() -> None:
    theirs = nats(500, mean=-900.0)
    assert Bootstrap(rows=500, seed=0).mean_difference(theirs, theirs) == (0, 0, 0)
    found = Bootstrap(rows=500, seed=0).mean_difference(theirs + 0.25, theirs)
    assert found == pytest.approx((0.25, 0.25, 0.25), abs=1e-9)


def test_differences_of_means_follow_shift_scale_and_sign() -> None:
    ours, theirs = nats(300, seed=1), nats(300, seed=2)
    bootstrap = Bootstrap(rows=300, seed=0)
    mean, low, high = bootstrap.mean_difference(ours, theirs)
    assert bootstrap.mean_difference(3 * ours + 5, 3 * theirs) == pytest.approx(
        (3 * mean + 5, 3 * low + 5, 3 * high + 5)
    )
    assert bootstrap.mean_difference(theirs, ours) == pytest.approx((-mean, -high, -low))


def test_a_small_difference_of_large_values_is_not_lost_to_rounding() -> None:
    """float32 holds -1e6 to a sixteenth."""
    theirs = np.full(100, -1e6)
    ours = theirs + np.linspace(0, 2e-3, 100)
    mean, low, high = Bootstrap(rows=100, seed=0).mean_difference(ours, theirs)
    assert mean == pytest.approx(1e-3, rel=1e-3)
    assert 0.8e-3 < low < mean < high < 1.2e-3


def test_one_row_says_nothing_of_how_rows_vary() -> None:
    found = Bootstrap(rows=1, seed=0).mean_difference(np.array([2.0]), np.array([1.5]))
    assert found == (0.5, -math.inf, math.inf)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_gives_no_interval(wrong: float) -> None:
    values = np.array([1.0, wrong, 3.0])
    for ours, theirs in ((values, np.ones(3)), (np.ones(3), values), (values, values)):
        found = Bootstrap(rows=3, seed=0).mean_difference(ours, theirs)
        assert all(map(math.isnan, found))

"""Sign flips: all of them by brute force where they are few, and how often nulls are called different."""

from __future__ import annotations

import itertools
import math
import time
import tracemalloc

import numpy as np
import pytest

from regbench.evidence.flips import Flips, draw_signs, flip, flip_statistics
from regbench.evidence.intervals import measure_difference


def statistic(values: np.ndarray) -> float:
    """T of differences `[R]`, by definition."""
    error = values.std(ddof=1) / math.sqrt(len(values))
    return abs(values.mean()) / error


def statistics(matrix: np.ndarray) -> np.ndarray:
    return np.array([measure_difference(row).statistic for row in matrix])


def brute_force(matrix: np.ndarray) -> tuple[list[float], np.ndarray]:
    """Return step-down p-values over all 2^R flips, and the largest statistic of each flip, by plain loops."""
    observed = [statistic(row) for row in matrix]
    flipped = [[statistic(row * np.array(signs)) for row in matrix] for signs in every_sign(matrix.shape[1])]
    order = sorted(range(len(matrix)), key=lambda arm: -observed[arm])
    adjusted, reached = [0.0] * len(matrix), 0.0
    for place, arm in enumerate(order):
        count = sum(max(row[other] for other in order[place:]) >= observed[arm] - 1e-9 for row in flipped)
        reached = max(reached, count / len(flipped))
        adjusted[arm] = reached
    return adjusted, np.sort([max(row) for row in flipped])


def every_sign(replicates: int) -> list[tuple[int, ...]]:
    return list(itertools.product((1, -1), repeat=replicates))


@pytest.mark.parametrize("seed", range(4))
def test_few_replicates_are_exact(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(4, 7)) + rng.normal(size=7) + np.array([[1.5], [0.0], [0.8], [-0.4]])
    adjusted, largest = brute_force(matrix)
    flips = flip(matrix)
    assert flips.complete
    assert flips.adjust(statistics(matrix)) == pytest.approx(adjusted, abs=1e-12)
    for alpha in (0.025, 0.05, 0.3):
        rank = math.ceil((1 - alpha) * 128)
        assert flips.critical(alpha) == pytest.approx(largest[rank - 1], rel=1e-9)


def test_signs_are_listed_up_to_the_limit_and_drawn_beyond() -> None:
    signs, complete = draw_signs(13)
    assert complete
    assert len(np.unique(signs, axis=0)) == len(signs) == 2**12
    assert not any((row == -signs[0]).all() for row in signs)
    drawn, complete = draw_signs(14)
    assert not complete
    assert drawn.shape == (10_000, 14)
    assert set(np.unique(drawn)) == {-1.0, 1.0}
    assert abs(drawn.mean()) < 4 / math.sqrt(drawn.size)


def test_random_flips_are_those_of_their_seed_and_near_the_exact_ones() -> None:
    matrix = np.random.default_rng(3).normal(0.4, 1.0, size=(5, 11))
    observed, exact = statistics(matrix), flip(matrix, flips=4000)
    first, second = (Flips(flip_statistics(matrix, draw_signs(11, 2000, seed)[0]), False) for seed in (0, 1))
    again = flip(np.hstack([matrix, matrix]), flips=500, seed=5), flip(np.hstack([matrix, matrix]), flips=500, seed=5)
    assert (again[0].statistics == again[1].statistics).all()
    assert exact.complete
    assert not (first.statistics == second.statistics).all()
    for flips in (first, second):
        assert flips.adjust(observed) == pytest.approx(exact.adjust(observed), abs=0.05)


def test_the_plus_one_rule_keeps_random_p_values_above_zero() -> None:
    flips = Flips(np.zeros((99, 1)), complete=False)
    assert flips.adjust(np.array([5.0])) == pytest.approx([1 / 100])
    assert flips.adjust(np.array([0.0])) == pytest.approx([1.0])
    assert Flips(np.array([[5.0], [1.0]]), complete=True).adjust(np.array([5.0])) == pytest.approx([0.5])


def test_order_of_arms_permutes_results() -> None:
    rng = np.random.default_rng(4)
    matrix = rng.normal(0.3, 1.0, size=(8, 20)) + rng.normal(size=20)
    order = rng.permutation(8)
    adjusted, permuted = (flip(values).adjust(statistics(values)) for values in (matrix, matrix[order]))
    assert permuted == pytest.approx(adjusted[order], abs=1e-12)
    assert flip(matrix).critical(0.05) == pytest.approx(flip(matrix[order]).critical(0.05), rel=1e-12)
    assert len(np.unique(adjusted)) > 3


def test_p_values_never_fall_with_the_statistic_and_step_down_gains() -> None:
    rng = np.random.default_rng(5)
    matrix = rng.normal(size=(30, 16)) + np.linspace(0, 1.2, 30)[:, None]
    flips, observed = flip(matrix), statistics(matrix)
    adjusted = flips.adjust(observed)
    largest = flips.statistics.max(axis=1)
    single = np.array([flips.share(int((largest >= value - 1e-9).sum())) for value in observed])
    assert (np.diff(adjusted[np.argsort(-observed)]) >= 0).all()
    assert (adjusted <= single + 1e-12).all()
    assert (adjusted < single - 0.01).any()


@pytest.mark.parametrize("alpha", [0.05, 0.025, 0.0125])
def test_a_statistic_above_the_critical_value_has_p_below_alpha(alpha: float) -> None:
    for replicates in (9, 16):
        flips = flip(np.random.default_rng(6).normal(size=(6, replicates)))
        above = np.nextafter(flips.critical(alpha) * (1 + 1e-8), np.inf)
        assert flips.adjust(np.full(6, above)).max() <= alpha
        assert flips.adjust(np.full(6, flips.critical(alpha))).max() > alpha


def test_differences_without_variance_are_compared_without_nan() -> None:
    matrix = np.array([np.zeros(10), np.full(10, 0.02), np.full(10, 0.1) + 1e-17, np.r_[0.1, np.zeros(9)]])
    flips = flip(matrix)
    assert not np.isnan(flips.statistics).any()
    assert (flips.statistics[:, 0] == 0).all()
    assert np.isinf(flips.statistics[:, 1]).sum() == 1
    adjusted = flips.adjust(statistics(matrix))
    assert adjusted == pytest.approx([1.0, 1 / 512, 1 / 512, 1.0])
    assert math.isfinite(flips.critical(0.05))


@pytest.mark.parametrize("replicates", [7, 10, 13])
def test_constant_differences_are_seen_through_rounding(replicates: int) -> None:
    sizes = np.random.default_rng(7).uniform(1e-6, 10, size=300)
    flips = flip(np.repeat(sizes[:, None], replicates, axis=1))
    assert (np.isinf(flips.statistics).sum(axis=0) == 1).all()
    assert np.where(np.isinf(flips.statistics), 0.0, flips.statistics).max() < replicates


def test_nulls_are_called_different_as_often_as_alpha_says() -> None:
    rng, studies, called, kept = np.random.default_rng(8), 1200, 0, 0
    for _ in range(studies):
        matrix = rng.laplace(size=(15, 10)) + rng.laplace(size=10)
        flips, observed = flip(matrix), statistics(matrix)
        called += flips.adjust(observed).min() <= 0.05
        kept += observed.max() <= flips.critical(0.05)
    error = math.sqrt(0.05 * 0.95 / studies)
    assert 0.05 - 3 * error <= called / studies <= 0.05 + 2 * error
    assert kept / studies >= 0.95 - 2 * error


def test_an_effect_among_nulls_is_found() -> None:
    rng, found, wrong = np.random.default_rng(9), 0, 0
    for _ in range(100):
        matrix = rng.normal(size=(12, 12)) + 0.5 * rng.normal(size=12)
        matrix[0] += 2.0
        adjusted = flip(matrix).adjust(statistics(matrix))
        found += adjusted[0] <= 0.05
        wrong += adjusted[1:].min() <= 0.05
    assert found >= 80
    assert wrong <= 10


def test_ninety_arms_take_less_than_a_second_and_little_memory() -> None:
    matrix = np.random.default_rng(10).normal(size=(90, 40))
    observed = statistics(matrix)
    started = time.process_time()
    flips = flip(matrix)
    flips.adjust(observed)
    flips.critical(0.025)
    assert time.process_time() - started < 1.0
    tracemalloc.start()
    flip(matrix).adjust(observed)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6


@pytest.mark.parametrize("shape", [(0, 10), (3, 1)])
def test_what_cannot_be_flipped_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least one arm"):
        flip(np.zeros(shape))

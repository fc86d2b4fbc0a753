"""Cohort sizes against closed forms and against every possible size."""

from __future__ import annotations

import math
from heapq import heappop, heappush

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regbench.sweeps.plan.cohort_size import (
    LADDER,
    Measurement,
    Sample,
    choose_size,
    makespan,
    step_seconds,
    worth_climbing,
)


def measure(a: float, b: float, sizes: tuple[int, ...] = LADDER, *, memory: float = 1e15) -> Measurement:
    """What a trial shows where a step of S runs takes a + b·S seconds; a run has one byte."""
    samples = tuple(Sample(size, a + b * size) for size in sizes)
    return Measurement(samples, steps=100, overhead=0.5, bytes_per_run=1, available=int(memory))


def spread(samples: tuple[Sample, ...], size: int, runs: int, workers: int) -> float:
    """Hand out the cohorts one by one to whoever is free, the last and smallest at the end."""
    free = [0.0] * workers
    while runs:
        part = min(size, runs)
        heappush(free, heappop(free) + step_seconds(samples, part))
        runs -= part
    return max(free)


def test_a_step_between_measured_sizes_is_on_the_line() -> None:
    samples = measure(2.0, 0.5).samples
    for size in range(1, LADDER[-1] + 1):
        assert step_seconds(samples, size) == pytest.approx(2.0 + 0.5 * size)
    assert step_seconds(samples, 256) == pytest.approx(2 * (2.0 + 0.5 * LADDER[-1])), "a run costs what it did there"
    assert step_seconds(samples[1:], 1) == samples[1].seconds


def test_seconds_of_a_run() -> None:
    assert measure(2.0, 0.5).run_seconds(4) == pytest.approx((2.0 + 0.5 * 4) / 4 * 100 * 1.5)


def test_where_every_run_costs_the_same_each_is_trained_alone() -> None:
    cut = choose_size(measure(0.0, 1.0), 64, 2)
    assert cut.size == 1
    assert "does not pay" in cut.reason


@pytest.mark.parametrize(("runs", "workers", "size"), [(64, 2, 32), (64, 1, 64), (7, 2, 4), (256, 2, 128), (5, 8, 1)])
def test_where_only_the_step_costs_each_worker_has_one_cohort(runs: int, workers: int, size: int) -> None:
    assert choose_size(measure(1.0, 0.0), runs, workers).size == size


def test_whole_rounds_beat_a_last_cohort_for_one_worker_only() -> None:
    # With cohorts of 64, 192 runs on 2 workers take two rounds of which the second leaves one idle; 96 or 48 do not.
    assert 192 % (2 * choose_size(measure(1.0, 1.0, (1, 4, 16, 64)), 192, 2).size) == 0


@pytest.mark.parametrize(("memory", "most"), [(80, 20), (8, 2), (1, 1), (0, 1)])
def test_all_workers_together_take_half_of_the_memory(memory: int, most: int) -> None:
    cut = choose_size(measure(1.0, 0.0, memory=memory), 1000, 2)
    assert cut.size <= most
    assert cut.size > most // 2
    assert f"memory allows {most}" in cut.reason


def test_of_sizes_within_two_percent_the_smaller_is_taken() -> None:
    def with_last(seconds: float) -> int:
        samples = (Sample(1, 1.0), Sample(4, 2.0), Sample(16, seconds))
        return choose_size(Measurement(samples, 10**9, 0.0, 1, 10**9), 16, 1).size

    assert with_last(8.0 / 1.01) == 4
    assert with_last(8.0 / 1.2) == 16


def test_the_trial_climbs_while_it_pays() -> None:
    assert worth_climbing([])
    assert worth_climbing([Sample(1, 1.0)])
    assert worth_climbing([Sample(1, 1.0), Sample(4, 3.0)])
    assert not worth_climbing([Sample(1, 1.0), Sample(4, 3.95)])
    assert not worth_climbing([Sample(1, 1.0), Sample(4, 4.2)])


COSTS = st.tuples(st.floats(0.0, 10.0), st.floats(0.001, 1.0))


@given(COSTS, st.integers(1, 300), st.integers(1, 300), st.integers(1, 9))
def test_the_makespan_is_that_of_handing_out(costs: tuple[float, float], size: int, runs: int, workers: int) -> None:
    samples = measure(*costs).samples
    assert makespan(samples, size, runs, workers) == pytest.approx(spread(samples, size, runs, workers))


@given(COSTS, st.integers(1, 200), st.integers(1, 6))
def test_no_other_size_is_much_better(costs: tuple[float, float], runs: int, workers: int) -> None:
    measured = measure(*costs)
    size = choose_size(measured, runs, workers).size
    assert 1 <= size <= max(1, math.ceil(runs / workers), *(s for s in LADDER if s <= runs))
    best = min(spread(measured.samples, other, runs, workers) for other in range(1, min(runs, LADDER[-1]) + 1))
    assert spread(measured.samples, size, runs, workers) <= 1.021 * best


@given(COSTS, st.integers(1, 5000), st.integers(1, 64), st.integers(0, 10**6))
def test_memory_is_never_exceeded(costs: tuple[float, float], runs: int, workers: int, memory: int) -> None:
    size = choose_size(measure(*costs, memory=memory), runs, workers).size
    assert size == 1 or size * workers <= memory / 2
    assert size <= runs

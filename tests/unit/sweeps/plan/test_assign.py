"""Pieces of work: every run in exactly one, and what becomes of pieces whose worker was lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regbench.config.run_config import RunConfig
from regbench.sweeps.plan.assign import (
    TOLERATED_LOSSES,
    StackPlan,
    assign,
    assign_again,
    estimate_seconds,
    plan_stack,
    split_turn,
)
from regbench.sweeps.plan.cohort_size import Cut, Measurement, Sample
from regbench.sweeps.plan.stacking import Stack
from regbench.sweeps.workers.train import Assignment
from tests.unit.sweeps.folders import configure

RUNS = tuple(configure({"l2": {"strength": 0.1}}, seed=seed) for seed in range(400))
STOP = Path("stop")


def plan(runs: Sequence[RunConfig], size: int, seconds: float | None = 1.0) -> StackPlan:
    return StackPlan(Stack("a label", tuple(runs)), Cut(size, "told"), seconds, 10)


def pieces(plans: Sequence[StackPlan], workers: int = 2) -> list[Assignment]:
    return assign(plans, workers, Path("/base"), STOP, parent=5)


def seeds(assignments: Sequence[Assignment]) -> list[int]:
    return [run.seed for assignment in assignments for run in assignment.runs]


@given(st.lists(st.tuples(st.integers(1, 90), st.integers(1, 100)), min_size=1, max_size=4), st.integers(1, 20))
def test_every_run_is_in_exactly_one_piece(stacks: list[tuple[int, int]], workers: int) -> None:
    plans, begin = [], 0
    for count, size in stacks:
        plans.append(plan(RUNS[begin : begin + count], size, seconds=float(size)))
        begin += count
    assigned = pieces(plans, workers)
    assert sorted(seeds(assigned)) == list(range(begin))
    assert [piece.number for piece in assigned] == list(range(len(assigned)))
    lengths = [len(piece.runs) * float(piece.size) for piece in assigned]
    assert lengths == sorted(lengths, reverse=True), "the longest first"
    for piece in assigned:
        whole = next(p for p in plans if piece.runs[0] in p.stack.runs)
        assert set(map(id, piece.runs)) <= set(map(id, whole.stack.runs)), "of one stack"
        assert piece.size == whole.cut.size


@given(st.integers(1, 400), st.integers(1, 50), st.integers(1, 8))
def test_work_is_enough_for_all_workers_and_not_in_crumbs(runs: int, size: int, workers: int) -> None:
    assigned = pieces([plan(RUNS[:runs], size)], workers)
    cohorts = -(-runs // size)
    assert len(assigned) >= min(workers, cohorts)
    assert len(assigned) <= 8 * workers + 1
    assert all(len(piece.runs) % size == 0 for piece in assigned if piece.runs[-1] is not RUNS[runs - 1])


def test_groups_that_were_not_measured_are_assigned_all_the_same() -> None:
    plans = [plan(RUNS[:5], 2, None), plan(RUNS[5:9], 4, 3.0)]
    assert sorted(seeds(pieces(plans))) == list(range(9))
    assert estimate_seconds(plans, 2) is None
    assert estimate_seconds(plans[1:], 2) == pytest.approx(4 * 3.0 / 2)
    assert estimate_seconds([], 2) == 0.0


def test_a_group_is_cut_as_told_as_measured_or_evenly() -> None:
    stack = Stack("a label", RUNS[:10])
    measured = Measurement((Sample(1, 1.0), Sample(10, 1.0)), steps=10, overhead=0.0, bytes_per_run=7, available=10**9)
    assert plan_stack(stack, measured, 3, 2).cut.size == 3
    assert plan_stack(stack, measured, 300, 2).cut.size == 10
    assert plan_stack(stack, measured, None, 2).cut.size == 5
    assert plan_stack(stack, None, None, 3).cut.size == 4
    assert plan_stack(stack, None, 3, 2).run_seconds is None
    assert plan_stack(stack, measured, 10, 1).run_seconds == pytest.approx(1.0)
    assert plan_stack(stack, measured, 10, 1).bytes_per_run == 7


def again(
    before: Sequence[Assignment], returned: Sequence[int], done: Sequence[int], *, lost: bool, workers: int = 2
) -> tuple[list[Assignment], list[int]]:
    finished = {RUNS[seed].run_id() for seed in done}
    todo, given_up = assign_again(before, dict.fromkeys(returned), lost, workers, lambda name: name not in finished)
    return todo, [run.seed for run in given_up]


def test_a_piece_lost_twice_goes_alone() -> None:
    before = pieces([plan(RUNS[:12], 3)])
    assert split_turn(before) == (before, [])
    doubted = [replace(piece, attempts=piece.number, number=7) for piece in before]
    now, later = split_turn(doubted)
    assert [(piece.number, piece.attempts, piece.runs) for piece in now] == [(0, 2, before[2].runs)]
    assert later == [doubted[0], doubted[1], doubted[3]]
    once = [piece for piece in doubted if piece.attempts < 2]
    assert ([piece.number for piece in split_turn(once)[0]], split_turn(once)[1]) == ([0, 1], [])
    assert split_turn([]) == ([], [])


def test_what_is_complete_is_not_done_again() -> None:
    before = pieces([plan(RUNS[:12], 3)])
    todo, given_up = again(before, range(len(before)), range(12), lost=False)
    assert (todo, given_up) == ([], [])
    todo, given_up = again(before, range(len(before)), [0, 2, 3, 4, 5], lost=False)
    assert sorted(seeds(todo)) == [1, 6, 7, 8, 9, 10, 11]
    assert {piece.attempts for piece in todo} == {0}, "busy elsewhere is no loss"


def test_only_what_was_being_done_is_suspected_after_a_loss() -> None:
    before = pieces([plan(RUNS[:18], 3)])
    todo, _ = again(before, [1], range(3, 6), lost=True)
    assert [piece.attempts for piece in todo] == [1, 1, 0, 0, 0]
    assert seeds(todo) == [0, 1, 2, *range(6, 18)]


def test_a_cohort_lost_again_is_halved_and_a_run_is_given_up_in_the_end() -> None:
    (piece,) = pieces([plan(RUNS[:4], 4)], workers=1)
    todo, lost = again([piece], [], [], lost=True, workers=1)
    assert [len(part.runs) for part in todo] == [4]
    todo, lost = again(todo, [], [], lost=True, workers=1)
    assert ([len(part.runs) for part in todo], lost) == ([2, 2], [])
    todo, lost = again(todo[:1], [], [], lost=True, workers=1)
    assert ([len(part.runs) for part in todo], lost) == ([1, 1], [])
    first, other = todo
    todo, lost = again([first], [], [], lost=True, workers=1)
    assert (todo, lost) == ([], [0])
    assert again([other], [0], [1], lost=False)[0] == []


@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 4), st.integers(0, 39))
def test_one_run_that_kills_its_worker_costs_only_itself(runs: int, size: int, workers: int, bad: int) -> None:
    """Simulate workers that take pieces in order and that all die when one reaches the bad run."""
    bad %= runs
    work = pieces([plan(RUNS[:runs], size)], workers)
    done: set[int] = set()
    lost: list[int] = []
    for _ in range(200):
        if not work:
            break
        now, later = split_turn(work)
        deadly = next((piece.number for piece in now if bad in seeds([piece])), len(now))
        done.update(seeds(now[:deadly]))
        work, given_up = again(now, range(deadly), sorted(done), lost=deadly < len(now), workers=workers)
        work += later
        lost += given_up
    assert not work
    assert lost == [bad]
    assert sorted(done) == [seed for seed in range(runs) if seed != bad]


def test_tolerance_is_what_the_tests_above_count_on() -> None:
    assert TOLERATED_LOSSES == 3

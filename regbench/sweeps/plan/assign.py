"""From stacks of runs to pieces of work: cohorts of a chosen size, and what is tried again after a loss."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from regbench.config.run_config import RunConfig
from regbench.sweeps.cohorts import cut_cohorts
from regbench.sweeps.plan.cohort_size import Cut, Measurement, choose_size
from regbench.sweeps.plan.stacking import Stack
from regbench.sweeps.workers.train import Assignment

UNMEASURED = 32
"""Most runs in a cohort of which no trial could be made."""

PIECES_PER_WORKER = 4
"""Small cohorts are handed out in bundles, so many to each worker: enough to even out, few enough to cost nothing."""

TOLERATED_LOSSES = 3
"""Losses of the process of a single run after which the run counts as failed."""

DOUBTFUL_LOSSES = 2
"""Losses of a piece after which it is halved and handed out alone."""


@dataclass(frozen=True)
class StackPlan:
    """A stack, into what it is cut, and how long its runs should take; seconds are None where nothing was measured."""

    stack: Stack
    cut: Cut
    run_seconds: float | None
    bytes_per_run: int | None


def plan_stack(stack: Stack, measured: Measurement | None, told: int | None, workers: int) -> StackPlan:
    """Decide the cohort size of a stack: as told, as measured, or all at once where nothing could be measured."""
    runs = len(stack.runs)
    if told is not None:
        cut = Cut(min(told, runs), f"sweep.cohort={told}")
    elif measured is not None:
        cut = choose_size(measured, runs, workers)
    else:
        cut = Cut(min(math.ceil(runs / workers), UNMEASURED), "not measured")
    if measured is None:
        return StackPlan(stack, cut, None, None)
    return StackPlan(stack, cut, measured.run_seconds(cut.size), measured.bytes_per_run)


def assign(
    plans: Sequence[StackPlan], workers: int, base: Path, stop_file: Path, parent: int | None
) -> list[Assignment]:
    """Cut the stacks into assignments, those that take longest first, so that the last ones to end are short."""
    pieces: list[tuple[float, StackPlan, tuple[RunConfig, ...]]] = []
    for plan in plans:
        runs, size = plan.stack.runs, plan.cut.size
        cohorts = cut_cohorts(runs, size)
        bundle = max(1, len(runs) // (size * workers * PIECES_PER_WORKER))
        for at in range(0, len(cohorts), bundle):
            part = tuple(config for cohort in cohorts[at : at + bundle] for config in cohort)
            pieces.append((len(part) * (plan.run_seconds or 0.0), plan, part))
    pieces.sort(key=lambda piece: -piece[0])
    return [
        Assignment(
            number=number,
            label=plan.stack.label,
            runs=part,
            size=plan.cut.size,
            base=base,
            stop_file=stop_file,
            parent=parent,
        )
        for number, (_, plan, part) in enumerate(pieces)
    ]


def estimate_seconds(plans: Sequence[StackPlan], workers: int) -> float | None:
    """Estimate how long all stacks take together; None when one of them was not measured."""
    seconds = [None if plan.run_seconds is None else plan.run_seconds * len(plan.stack.runs) for plan in plans]
    known = [value for value in seconds if value is not None]
    return sum(known) / workers if len(known) == len(seconds) else None


def assign_again(
    before: Sequence[Assignment], returned: Mapping[int, object], lost: bool, workers: int, open_: Callable[[str], bool]
) -> tuple[list[Assignment], list[RunConfig]]:
    """Return the work that is left after a round, and the runs to give up.

    A lost process says nothing about what it was doing. Work is handed out in order, so the first `workers` pieces that
    did not come back were being done: when that happens to a piece again it is halved, in case its memory was the
    cause, and a single run is given up in the end.

    Args:
        before: the round's assignments.
        returned: numbers of those that came back.
        lost: whether a worker was lost.
        workers: pieces done at once.
        open_: tells by its run id whether a run is still to be done.
    """
    again: list[Assignment] = []
    given_up: list[RunConfig] = []
    gone = [a.number for a in before if a.number not in returned and any(open_(c.run_id()) for c in a.runs)]
    suspects = gone[:workers] if lost else []
    for assignment in before:
        runs = tuple(config for config in assignment.runs if open_(config.run_id()))
        if not runs:
            continue
        suspect = assignment.number in suspects
        came_back = assignment.number in returned  # so whatever was lost with it before was not its fault
        attempts = 0 if came_back else assignment.attempts + suspect
        if suspect and attempts >= TOLERATED_LOSSES and len(runs) == 1:
            given_up += runs
            continue
        halved = suspect and attempts >= DOUBTFUL_LOSSES
        middle = len(runs) // 2 if halved else 0
        size = max(1, min(assignment.size, len(runs)) // 2) if halved else assignment.size
        for part in (runs[:middle], runs[middle:]):
            if part:
                again.append(dataclasses.replace(assignment, runs=part, size=size, attempts=attempts))
    return again, given_up


def split_turn(assignments: Sequence[Assignment]) -> tuple[list[Assignment], list[Assignment]]:
    """Return what to hand out now, numbered, and what later.

    When a worker is lost all others are, so a piece that was lost twice goes alone: the next loss can only be its own.
    """
    doubtful = [assignment for assignment in assignments if assignment.attempts >= DOUBTFUL_LOSSES][:1]
    now = doubtful or assignments
    later = [assignment for assignment in assignments if doubtful and assignment is not doubtful[0]]
    return [dataclasses.replace(assignment, number=number) for number, assignment in enumerate(now)], later

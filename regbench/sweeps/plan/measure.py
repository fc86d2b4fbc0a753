"""From runs to a plan: stacks, a short trial of each, and the sizes of their cohorts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from regbench.config.run_config import RunConfig
from regbench.config.sweep_settings import SweepSettings
from regbench.errors import ConfigError
from regbench.formatting import format_seconds
from regbench.sweeps.backends import Backend
from regbench.sweeps.plan.assign import StackPlan, estimate_seconds, plan_stack
from regbench.sweeps.plan.cohort_size import GPU_LADDER, LADDER, Measurement
from regbench.sweeps.plan.stacking import Stack, drop_cut, group_by_cut
from regbench.sweeps.plan.trial import Trial, TrialReport, measure_stack
from regbench.sweeps.workers.dispatch import work_on

FEW_RUNS = 8
"""Of stacks smaller than this, one for each data set and model is measured for all."""

MOST_TRIALS = 32
"""Further stacks are treated as if they were small: trials must not outlast what they save."""


def measure_stacks(
    stacks: Sequence[Stack], settings: SweepSettings, backend: Backend, whole: bool
) -> Mapping[Stack, Measurement]:
    """Return what a short trial of each stack showed; a stack whose data or model were refused has no entry.

    Args:
        stacks: runs that can be stacked.
        settings: how the sweep is executed; of a cohort size that is given only that one is tried.
        backend: where the trials are made: what counts is the machine that will train.
        whole: whether these are all stacks of the sweep; else, runs that are refused fail like any other.

    Raises:
        ConfigError: every stack of the whole sweep was refused.
    """
    base = Path.cwd()
    ladder = LADDER if stacks[0].runs[0].device == "cpu" else GPU_LADDER
    sizes = ladder if settings.cohort is None else (settings.cohort,)
    most = max(sizes[-1], ladder[-1])
    reports: dict[Stack, TrialReport] = {}
    while tried := _next_to_try(stacks, reports):
        trials = [
            Trial(number, spread(stack.runs, most), sizes, base, _count_cuts(stack) / len(stack.runs))
            for number, stack in enumerate(tried)
        ]
        found = {report.number: report for report in work_on(backend, measure_stack, trials).results}
        reports |= {stack: found.get(number, TrialReport(number)) for number, stack in enumerate(tried)}
    refusals = [reports[stack].refusal for stack in stacks if stack in reports]
    if whole and refusals and None not in refusals:
        raise ConfigError(str(refusals[0]))
    small = {_name_task(stack): report for stack, report in reports.items() if _counts_for_all(stack, reports)}
    like = {stack: reports.get(stack) or small[_name_task(stack)] for stack in stacks}
    return {stack: report.measured for stack, report in like.items() if report.measured is not None}


def plan_stacks(
    stacks: Sequence[Stack], measured: Mapping[Stack, Measurement], settings: SweepSettings, workers: int
) -> list[StackPlan]:
    """Decide into what cohorts each stack is cut, its share of the workers being in proportion to its runs."""
    total = sum(len(stack.runs) for stack in stacks)
    plans = []
    for stack in stacks:
        share, found = max(1, round(workers * len(stack.runs) / total)), measured.get(stack)
        if found is not None:  # all workers may have cohorts of this stack at once, however few its share is
            found = replace(found, available=found.available * share // workers)
        plans.append(plan_stack(stack, found, settings.cohort, share))
    return plans


def spread(runs: Sequence[RunConfig], most: int) -> tuple[RunConfig, ...]:
    """Return at most so many runs, evenly from all over the stack: neighbours differ in little but the seed."""
    if len(runs) <= most:
        return tuple(runs)
    return tuple(runs[place * len(runs) // most] for place in range(most))


def describe_plans(plans: Sequence[StackPlan], workers: int) -> Iterator[str]:
    """Yield lines for the sweep's log: each stack with its cohorts and why, and what the whole should take."""
    for plan in plans:
        yield f"{plan.stack.label}: {len(plan.stack.runs)} runs in cohorts of {plan.cut.size}; {plan.cut.reason}"
    seconds = estimate_seconds(plans, workers)
    took = f"about {format_seconds(seconds)}" if seconds is not None else "not estimated"
    sizes = [plan.bytes_per_run * plan.cut.size for plan in plans if plan.bytes_per_run is not None]
    memory = f", about {max(sizes) / 1e6:.0f} MB for a cohort" if sizes else ""
    yield f"{workers} worker{'s' if workers > 1 else ''}, one thread each; training takes {took}{memory}"


def _count_cuts(stack: Stack) -> int:
    """Return how many cuts of the data a cohort of all runs holds; 0 where there is one, which each worker has once."""
    cuts = len(group_by_cut(stack.runs))
    return cuts if cuts > 1 else 0


def _next_to_try(stacks: Sequence[Stack], reports: Mapping[Stack, TrialReport]) -> list[Stack]:
    """Return the stacks to try next: large ones, and one small one for each data set and model without a trial.

    One whose techniques were refused says nothing of the others.
    """
    settled = {_name_task(stack) for stack in reports if _counts_for_all(stack, reports)}
    chosen: list[Stack] = []
    for stack in (stack for stack in stacks if stack not in reports):
        if len(stack.runs) >= FEW_RUNS and len(reports) + len(chosen) < MOST_TRIALS:
            chosen.append(stack)
        elif (task := _name_task(stack)) not in settled:
            settled.add(task)
            chosen.append(stack)
    return chosen


def _counts_for_all(stack: Stack, reports: Mapping[Stack, TrialReport]) -> bool:
    small = len(stack.runs) < FEW_RUNS or len(reports) >= MOST_TRIALS
    return small and reports[stack].refusal is None


def _name_task(stack: Stack) -> str:
    first = stack.runs[0]
    return json.dumps(
        [drop_cut(first.dataset), first.model, first.schedule.get("batch_size")], sort_keys=True, default=dict
    )

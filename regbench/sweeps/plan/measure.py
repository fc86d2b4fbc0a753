"""From runs to a plan: groups, a short trial of each, and the sizes of their cohorts."""

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
from regbench.sweeps.plan.assign import GroupPlan, estimate_seconds, plan_group
from regbench.sweeps.plan.cohort_size import LADDER, Measurement
from regbench.sweeps.plan.stacking import Group
from regbench.sweeps.plan.trial import Trial, TrialReport, measure_group
from regbench.sweeps.workers.dispatch import do

FEW_RUNS = 8
"""Of groups smaller than this, one for each data set and model is measured for all."""

MOST_TRIALS = 32
"""Further groups are treated as if they were small: trials must not outlast what they save."""


def measure_groups(
    groups: Sequence[Group], settings: SweepSettings, backend: Backend, whole: bool
) -> Mapping[Group, Measurement]:
    """Return what a short trial of each group showed; a group whose data or model were refused has no entry.

    Args:
        groups: runs that can be stacked.
        settings: how the sweep is executed; of a cohort size that is given only that one is tried.
        backend: where the trials are made: what counts is the machine that will train.
        whole: whether these are all groups of the sweep; else, runs that are refused fail like any other.

    Raises:
        ConfigError: every group of the whole sweep was refused.
    """
    base = Path.cwd()
    sizes = LADDER if settings.cohort is None else (settings.cohort,)
    most = max(sizes[-1], LADDER[-1])
    reports: dict[Group, TrialReport] = {}
    while tried := _next_to_try(groups, reports):
        trials = [Trial(number, spread(group.runs, most), sizes, base) for number, group in enumerate(tried)]
        found = {report.number: report for report in do(backend, measure_group, trials).results}
        reports |= {group: found.get(number, TrialReport(number)) for number, group in enumerate(tried)}
    refusals = [reports[group].refusal for group in groups if group in reports]
    if whole and refusals and None not in refusals:
        raise ConfigError(str(refusals[0]))
    small = {_name_task(group): report for group, report in reports.items() if _counts_for_all(group, reports)}
    like = {group: reports.get(group) or small[_name_task(group)] for group in groups}
    return {group: report.measured for group, report in like.items() if report.measured is not None}


def plan_groups(
    groups: Sequence[Group], measured: Mapping[Group, Measurement], settings: SweepSettings, workers: int
) -> list[GroupPlan]:
    """Decide into what cohorts each group is cut, its share of the workers being in proportion to its runs."""
    total = sum(len(group.runs) for group in groups)
    plans = []
    for group in groups:
        share, found = max(1, round(workers * len(group.runs) / total)), measured.get(group)
        if found is not None:  # all workers may have cohorts of this group at once, however few its share is
            found = replace(found, available=found.available * share // workers)
        plans.append(plan_group(group, found, settings.cohort, share))
    return plans


def spread(runs: Sequence[RunConfig], most: int) -> tuple[RunConfig, ...]:
    """Return at most so many runs, evenly from all over the group: neighbours differ in little but the seed."""
    if len(runs) <= most:
        return tuple(runs)
    return tuple(runs[place * len(runs) // most] for place in range(most))


def describe_plans(plans: Sequence[GroupPlan], workers: int) -> Iterator[str]:
    """Yield lines for the sweep's log: each group with its cohorts and why, and what the whole should take."""
    for plan in plans:
        yield f"{plan.group.label}: {len(plan.group.runs)} runs in cohorts of {plan.cut.size}; {plan.cut.reason}"
    seconds = estimate_seconds(plans, workers)
    took = f"about {format_seconds(seconds)}" if seconds is not None else "not estimated"
    sizes = [plan.bytes_per_run * plan.cut.size for plan in plans if plan.bytes_per_run is not None]
    memory = f", about {max(sizes) / 1e6:.0f} MB for a cohort" if sizes else ""
    yield f"{workers} worker{'s' if workers > 1 else ''}, one thread each; training takes {took}{memory}"


def _next_to_try(groups: Sequence[Group], reports: Mapping[Group, TrialReport]) -> list[Group]:
    """Return the groups to try next: large ones, and one small one for each data set and model without a trial.

    One whose techniques were refused says nothing of the others.
    """
    settled = {_name_task(group) for group in reports if _counts_for_all(group, reports)}
    chosen: list[Group] = []
    for group in (group for group in groups if group not in reports):
        if len(group.runs) >= FEW_RUNS and len(reports) + len(chosen) < MOST_TRIALS:
            chosen.append(group)
        elif (task := _name_task(group)) not in settled:
            settled.add(task)
            chosen.append(group)
    return chosen


def _counts_for_all(group: Group, reports: Mapping[Group, TrialReport]) -> bool:
    small = len(group.runs) < FEW_RUNS or len(reports) >= MOST_TRIALS
    return small and reports[group].refusal is None


def _name_task(group: Group) -> str:
    first = group.runs[0]
    return json.dumps([first.dataset, first.model, first.schedule.get("batch_size")], sort_keys=True, default=dict)

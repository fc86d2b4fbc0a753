"""The answer to `--dry-run`: what a sweep would train."""

from __future__ import annotations

from regbench.sweeps.execute import SweepPlan
from regbench.sweeps.plan.measure import describe_plans


def print_plan(plan: SweepPlan) -> None:
    """Print the runs, then the stacks, cohorts and costs of those that are left."""
    total = len(plan.runs)
    for place, config in enumerate(plan.runs, start=1):
        print(f"[{place}/{total}] {' '.join(config.overrides)}")
    print(f"{total} runs, {total - plan.left} complete, {plan.left} to train")
    for line in describe_plans(plan.stacks, plan.workers) if plan.stacks else ():
        print(line)
    for note in plan.notes:
        print(f"note: {note}")

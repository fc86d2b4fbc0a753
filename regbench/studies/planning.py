"""From a request to a plan: a pilot of every arm, and the largest plan that fits the budget."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from regbench.errors import ConfigError, escape
from regbench.formatting import count_noun
from regbench.studies.cocktail_plan import add_cocktail
from regbench.studies.curve_points import count_points
from regbench.studies.pilot import PilotReport, PilotTask, run_pilot
from regbench.studies.plan import (
    ArmPlan,
    Pilot,
    Sizes,
    StudyPlan,
    choose_sizes,
    estimate_seconds,
)
from regbench.studies.plan_file import make_arm
from regbench.studies.request import StudyRequest
from regbench.studies.survey import Survey
from regbench.sweeps.backends import Backend
from regbench.sweeps.workers.dispatch import work_on

MOST_RUNS = 160
"""Runs of an arm that the pilot allows for before the plan is known: those of the default plan."""


def make_plan(request: StudyRequest, survey: Survey, backend: Backend) -> StudyPlan:
    """Try every arm shortly, and decide how many replicates and trials there are.

    Raises:
        ConfigError: a named arm does not fit the data, or no plan fits the budget.
    """
    settings = request.settings
    _check_replicates(request, survey)
    runs = MOST_RUNS if settings.planned else (settings.replicates or 1) * (settings.trials or 1)
    reports = _run_pilots(request, survey, backend, runs)
    skipped = _find_skipped(request, reports)
    arms = tuple(
        make_arm(contestant, reports[number].pilot)
        for number, contestant in enumerate(request.contestants)
        if contestant.choice.name not in skipped
    )
    if len(arms) < 2:
        raise ConfigError(f"no arm fits these data: {'; '.join(f'{n}: {why}' for n, why in skipped.items())}")
    arms, cocktail = add_cocktail(request, arms)
    sizes = _decide_sizes(request, survey, arms, backend.workers)
    return StudyPlan(
        name=request.name,
        settings=settings,
        baseline=settings.baseline,
        arms=arms,
        skipped=skipped,
        rule=survey.rule,
        metric=survey.metric,
        trials=sizes.trials,
        finalists=sizes.finalists,
        looks=(sizes.replicates,),
        workers=backend.workers,
        points=count_points(settings.curves, survey),
        cocktail=cocktail,
    )


def _check_replicates(request: StudyRequest, survey: Survey) -> None:
    replicates, folds = request.settings.replicates, survey.rule.block
    if replicates is not None and replicates % folds:
        nearest = max(1, round(replicates / folds)) * folds
        raise ConfigError(
            f"study.replicates={replicates} is not allowed; it is a multiple of study.folds={folds}, such as {nearest}"
        )


def _run_pilots(request: StudyRequest, survey: Survey, backend: Backend, runs: int) -> dict[int, PilotReport]:
    tasks = [
        PilotTask(
            number=number,
            config=contestant.config,
            rule=survey.rule,
            metric=survey.metric,
            runs=runs,
            workers=backend.workers,
            base=Path.cwd(),
        )
        for number, contestant in enumerate(request.contestants)
    ]
    done = work_on(backend, run_pilot, tasks)
    found = {report.number: report for report in done.results}
    lost = [task.config.name for task in tasks if task.number not in found]
    if lost:
        raise ConfigError(f"the pilot of {count_noun(len(lost), 'arm')} could not be run: {done.lost or 'interrupted'}")
    return found


def _find_skipped(request: StudyRequest, reports: Mapping[int, PilotReport]) -> dict[str, str]:
    """Return the arms that do not fit the data, with the reason; one that a person named is refused."""
    skipped: dict[str, str] = {}
    for number, contestant in enumerate(request.contestants):
        refusal, choice = reports[number].refusal, contestant.choice
        if refusal is None:
            continue
        if choice.name == request.settings.baseline:
            raise ConfigError(refusal)
        if choice.asked:
            raise ConfigError(f"study.arms: {escape(choice.name)}: {refusal}")
        skipped[choice.name] = refusal
    return skipped


def _decide_sizes(request: StudyRequest, survey: Survey, arms: Sequence[ArmPlan], workers: int) -> Sizes:
    """Return the plan as given, or the largest that fits into the budget.

    Raises:
        ConfigError: not even the smallest fits.
    """
    settings, pilots = request.settings, [arm.pilot for arm in arms]
    if settings.replicates is not None and settings.trials is not None:
        return Sizes(settings.replicates, settings.trials, settings.finalists or 0)
    points = count_points(settings.curves, survey)
    sizes, fits = choose_sizes(pilots, settings.seconds, survey.rule.block, workers, points)
    if fits:
        return sizes
    needed = estimate_seconds(pilots, sizes, workers, points)
    fitting = _count_fitting(pilots, lambda chosen: estimate_seconds(chosen, sizes, workers, points), settings.seconds)
    raise ConfigError(
        f"study.budget={settings.budget} is too little for {count_noun(len(arms), 'arm')}: the smallest study "
        f"({sizes.replicates} replicates x {sizes.trials} trials) takes about {_spell(needed)}; "
        + (f"{fitting} arms fit, named by study.arms" if fitting > 1 else "no two arms fit")
    )


def _count_fitting(pilots: Sequence[Pilot], estimate: Callable[[Sequence[Pilot]], float], budget: float) -> int:
    """Return how many arms fit, the baseline and the cheapest first."""
    chosen = [pilots[0], *sorted(pilots[1:], key=lambda pilot: pilot.run_seconds)]
    count = 1
    while count < len(chosen) and estimate(chosen[: count + 1]) <= budget:
        count += 1
    return count


def _spell(seconds: float) -> str:
    """Return a time as a budget is typed, rounded up."""
    return f"{math.ceil(seconds / 60)}m" if seconds > 120 else f"{math.ceil(seconds)}s"


def default_workers() -> int:
    """Return how many processes a study takes: one for each core."""
    return len(os.sched_getaffinity(0))

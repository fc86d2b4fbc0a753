"""The trials of a study: points of one sequence, or from the second generation on what TPE proposes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from regbench.evidence.arrays import Floats
from regbench.studies.plan import ArmPlan, StudyPlan, TrialRun
from regbench.studies.points import draw_points, encode_settings, settle
from regbench.studies.spaces import MOST
from regbench.studies.variants import draw_seed

GENERATION = 16
"""Trials that TPE proposes together."""


@dataclass(frozen=True)
class Tried:
    """Trials of an arm in a replicate that are done, with their figures on validation rows."""

    runs: Sequence[TrialRun] = field(default_factory=tuple)
    values: Sequence[float] = field(default_factory=tuple)
    higher_is_better: bool = True


def count_generations(plan: StudyPlan) -> int:
    """Return in how many generations the trials of a replicate are proposed: one, unless each learns from the last."""
    return math.ceil(plan.trials / GENERATION) if plan.settings.sampler == "tpe" else 1


def list_trials(plan: StudyPlan, arm: ArmPlan, replicate: int, tried: Tried) -> list[TrialRun]:
    """Return the next generation of an arm's trials in a replicate.

    The first are points of one sequence that all arms share. Coordinate 0, seeds and cuts are the same for all arms, so
    that arms are compared on equal terms.
    """
    first = len(tried.runs)
    count = plan.trials - first if plan.settings.sampler == "sobol" else min(GENERATION, plan.trials - first)
    points = draw_points(plan.settings.seed, MOST, replicate * plan.trials + first, count)
    if first:
        points[:, : len(arm.space.coordinates)] = _propose(plan, arm, replicate, tried, count)
    return [
        TrialRun(
            replicate=replicate,
            trial=first + number,
            repeat=0,
            seed=draw_seed(plan.settings.seed, "trial", replicate, first + number, 0),
            values=tuple(settle(arm.space, point).items()),
        )
        for number, point in enumerate(points)
    ]


def _propose(plan: StudyPlan, arm: ArmPlan, replicate: int, tried: Tried, count: int) -> Floats:
    from regbench.studies.tpe import History, propose, seed_generation

    settings = [dict(run.values) for run in tried.runs]
    points = encode_settings(arm.space, settings)[:, : len(arm.space.coordinates)]
    values = np.array(tried.values) * (1.0 if tried.higher_is_better else -1.0)
    seed = seed_generation(plan.settings.seed, arm.name, replicate, len(settings) // GENERATION)
    return propose(arm.space, History(points, values), count, seed)


def repeat_trial(plan: StudyPlan, trial: TrialRun) -> list[TrialRun]:
    """Return the two further runs of a finalist, each with its own seed and cut."""
    seeds = [draw_seed(plan.settings.seed, "trial", trial.replicate, trial.trial, repeat) for repeat in (1, 2)]
    return [
        TrialRun(trial.replicate, trial.trial, repeat, seed, trial.values) for repeat, seed in enumerate(seeds, start=1)
    ]

"""What an arm costs: training alone, tuning, memory and predictions, and which arms are worth their cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from regbench.evidence.arrays import Floats
from regbench.evidence.student import t_quantile
from regbench.studies.cocktail_plan import mix, read_cocktails
from regbench.studies.plan import ArmPlan, StudyPlan
from regbench.studies.study_scores import Scores

LEVEL = 0.95


@dataclass(frozen=True)
class Cost:
    """What an arm costs; ratios are to the baseline.

    `train_ratio` is the geometric mean over replicates of steps taken times the seconds of a step trained alone, with
    its interval. `epochs` are quartile, median and quartile of the best epoch. Seconds of tuning are processor seconds
    in the cohorts that the pilot chose. A cocktail has no pilot: its seconds are those of its arms multiplied, and all
    but the training ratio is that of its most frequent combination.
    """

    train_ratio: float
    train_low: float
    train_high: float
    epochs: tuple[float, float, float]
    tuning_runs: int
    tuning_seconds: float
    inference_ratio: float
    parameters: int
    memory_bytes: int

    def to_json(self) -> dict[str, object]:
        """Return the figures as verdict.json has them."""
        low, median, high = self.epochs
        return {
            "train_ratio": self.train_ratio,
            "train_low": self.train_low,
            "train_high": self.train_high,
            "epochs_low": low,
            "epochs_median": median,
            "epochs_high": high,
            "tuning_runs": self.tuning_runs,
            "tuning_seconds": self.tuning_seconds,
            "inference_ratio": self.inference_ratio,
            "parameters": self.parameters,
            "memory_bytes": self.memory_bytes,
        }


def measure_costs(
    plan: StudyPlan, trials: pd.DataFrame, fresh: pd.DataFrame, replicates: Sequence[int]
) -> dict[str, Cost]:
    """Return what each arm costs, by name.

    Args:
        plan: of the study, with what the pilot showed.
        trials: trials.csv.
        fresh: fresh.csv.
        replicates: those that all arms have.
    """
    base = plan.arm(plan.baseline)
    spent = {
        arm.name: _count_steps(fresh, arm.name, replicates) * _time_alone(plan, arm, trials, replicates)
        for arm in plan.arms
    }
    return {arm.name: _measure(arm, base, spent, (trials, fresh)) for arm in plan.arms}


def _time_alone(plan: StudyPlan, arm: ArmPlan, trials: pd.DataFrame, replicates: Sequence[int]) -> Floats | float:
    """Return the seconds of a step trained alone; of a cocktail those of what each replicate combined `[R]`."""
    if not arm.combined:
        return arm.pilot.alone
    cocktails = read_cocktails(trials)
    pilots = {names: mix(plan, names).pilot for names in set(cocktails.values())}
    return np.array([pilots[cocktails[replicate]].alone for replicate in replicates])


def _measure(
    arm: ArmPlan, base: ArmPlan, spent: Mapping[str, Floats], tables: tuple[pd.DataFrame, pd.DataFrame]
) -> Cost:
    trials, fresh = tables
    ratios = np.log(np.maximum(spent[arm.name], 1e-12) / np.maximum(spent[base.name], 1e-12))
    mean, half = float(ratios.mean()), 0.0
    if len(ratios) > 1:
        half = t_quantile((1 + LEVEL) / 2, len(ratios) - 1) * float(ratios.std(ddof=1)) / len(ratios) ** 0.5
    own = trials[trials["arm"] == arm.name]
    epochs = fresh.loc[fresh["arm"] == arm.name, "best_epoch"].dropna().to_numpy(float)
    quartiles = np.quantile(epochs, (0.25, 0.5, 0.75)) if len(epochs) else np.zeros(3)
    return Cost(
        train_ratio=float(np.exp(mean)),
        train_low=float(np.exp(mean - half)),
        train_high=float(np.exp(mean + half)),
        epochs=(float(quartiles[0]), float(quartiles[1]), float(quartiles[2])),
        tuning_runs=len(own),
        tuning_seconds=float(own["steps"].sum()) * arm.pilot.step_seconds * (1.0 + arm.pilot.evaluation),
        inference_ratio=arm.pilot.inference / base.pilot.inference,
        parameters=arm.pilot.parameters,
        memory_bytes=arm.pilot.memory,
    )


def _count_steps(fresh: pd.DataFrame, arm: str, replicates: Sequence[int]) -> Floats:
    own = fresh[fresh["arm"] == arm].set_index("replicate")["steps"]
    steps: Floats = own.reindex(list(replicates)).fillna(0.0).to_numpy(float)
    return steps


def find_front(scores: Scores, costs: Mapping[str, float]) -> list[str]:
    """Return the arms that no other is worth more than: none that is cheaper is as good, or not told apart from it.

    Args:
        scores: of the arms and the baseline.
        costs: by arm.
    """
    names = [name for name in scores.names if name in costs]

    def is_dominated(name: str) -> bool:
        for other in names:
            if costs[other] < costs[name]:
                difference = scores.compare(name, other)
                if difference.mean <= 0 or difference.interval().holds(0.0):
                    return True
        return False

    return [name for name in names if not is_dominated(name)]

"""Warnings of a study about its arms: techniques without effect, runs that diverged, few rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regbench.studies.plan import StudyPlan
from regbench.studies.trials import name_columns

INERT = 0.005
"""Share by which a validation figure must change for a technique to count as having an effect."""

FEW_ROWS = 50


def list_arm_warnings(plan: StudyPlan, trials: pd.DataFrame, at_edge: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the warnings about each arm, the first word of each naming its kind."""
    found: dict[str, list[str]] = {arm.name: [] for arm in plan.arms}
    base = trials[trials["arm"] == plan.baseline]
    for arm in plan.arms:
        own = trials[trials["arm"] == arm.name]
        if arm.name != plan.baseline and arm.members and is_inert(plan, own, base):
            found[arm.name].append("inert: no trial changed a validation figure by 0.5 %")
        diverged = int((own["status"] == "diverged").sum())
        if diverged:
            found[arm.name].append(f"diverged {diverged}/{len(own)}")
        found[arm.name] += [f"edge {key}" for key in at_edge.get(arm.name, [])]
    return found


def is_inert(plan: StudyPlan, own: pd.DataFrame, base: pd.DataFrame) -> bool:
    """Tell whether an arm did nothing: its trials have the figures of the baseline's at equal rate, seed and cut."""
    keys = ["replicate", "trial", "repeat"]
    columns = [name_columns(plan.metric)[2], name_columns(plan.metric)[3]]
    both = own[keys + columns + ["lr"]].merge(base[keys + columns + ["lr"]], on=keys, suffixes=("", "_base"))
    both = both[np.isclose(both["lr"], both["lr_base"])]
    if both.empty:
        return False
    changes = [
        (both[name] - both[f"{name}_base"]).abs() / both[f"{name}_base"].abs().clip(lower=1e-12) for name in columns
    ]
    return bool(all((change.fillna(np.inf) <= INERT).all() for change in changes))

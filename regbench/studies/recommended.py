"""The setting recommended of each arm, from all trials of all replicates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from regbench.compose.spelling import spell_value
from regbench.studies.cocktail import spell_combined
from regbench.studies.cocktail_plan import COLUMN
from regbench.studies.plan import ArmPlan, StudyPlan
from regbench.studies.points import encode_settings, place
from regbench.studies.recommend import recommend
from regbench.studies.search import higher_is_better, select_by
from regbench.studies.variants import shorten_key
from regbench.studies.winners import GOOD


@dataclass(frozen=True)
class Recommended:
    """Overrides that make an arm's recommended run, its values by full key, and what lies at its range's end."""

    overrides: tuple[str, ...]
    values: Mapping[str, object]
    at_edge: tuple[str, ...]
    curves: Mapping[str, Mapping[str, list[float]]] = field(default_factory=dict)
    combined: tuple[str, ...] = ()
    """Of a cocktail: the arms of its most frequent combination."""

    def to_json(self) -> dict[str, Any]:
        """Return it as verdict.json has it."""
        return {
            "overrides": list(self.overrides),
            "values": dict(self.values),
            "at_edge": list(self.at_edge),
            "curves": {key: dict(curve) for key, curve in self.curves.items()},
            **({"combined": list(self.combined)} if self.combined else {}),
        }


def recommend_all(plan: StudyPlan, trials: pd.DataFrame) -> dict[str, Recommended]:
    """Return the recommended setting of each arm, by name."""
    return {arm.name: recommend_arm(plan, arm, trials[trials["arm"] == arm.name]) for arm in plan.arms}


def recommend_arm(plan: StudyPlan, arm: ArmPlan, trials: pd.DataFrame) -> Recommended:
    """Return the tried setting with the best posterior mean over all replicates; those of a cocktail that are alike."""
    first = trials[trials["repeat"] == 0]
    alike = first[first[COLUMN] == spell_combined(arm.combined)] if arm.combined else first
    own = alike.reset_index(drop=True)
    space = arm.space
    settings = [_read_settings(arm, row) for _, row in own.iterrows()]
    values = own[f"val_{select_by(plan)}"].to_numpy(float) * (1.0 if higher_is_better(plan) else -1.0)
    values = np.where(own["status"].isin(GOOD), values, np.nan)  # one that diverged may have had a good epoch before
    points = encode_settings(space, settings)
    found = recommend(points, values, own["replicate"].to_numpy(np.int64), len(space.coordinates))
    chosen = settings[found.place]
    curves = {
        c.key: {
            "x": [place(float(share), c) for share in curve.x],
            "mean": curve.mean.tolist(),
            "low": curve.low.tolist(),
            "high": curve.high.tolist(),
        }
        for c, curve in zip(space.coordinates, found.curves, strict=False)
    }
    edges = tuple(space.coordinates[number].key for number in found.at_edge)
    others = [word for word in arm.overrides if not word.startswith("regularizer=")]
    members = list(arm.config.regularizers)
    chosen_members = [f"regularizer=[{','.join(members)}]"] if members else []
    overrides = (*chosen_members, *others, *(f"{key}={spell_value(value)}" for key, value in chosen.items()))
    return Recommended(overrides, chosen, edges, curves, arm.combined)


def _read_settings(arm: ArmPlan, row: pd.Series[Any]) -> dict[str, object]:
    """Return the settings of a trial by full key, from its row in trials.csv."""
    values: dict[str, object] = {c.key: float(row[shorten_key(c.key)]) for c in arm.space.coordinates}
    for key, options in arm.space.groups:
        values[key] = next(option for option in options if is_option(row[shorten_key(key)], option))
    return values


def is_option(cell: object, option: object) -> bool:
    """Tell whether a cell of a table holds an option: whole numbers in a column with gaps come back as floats."""
    if isinstance(cell, (int, float, np.number)) and isinstance(option, (int, float)):
        return float(cell) == float(option)
    return str(cell) == str(option)

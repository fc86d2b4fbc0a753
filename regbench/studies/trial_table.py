"""trials.csv: a row for each search run, from the committed parts of all arms."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from regbench.studies.cocktail import spell_combined
from regbench.studies.cocktail_plan import COLUMN
from regbench.studies.plan import ArmPlan, StudyPlan
from regbench.studies.search import list_all_parts, read_part
from regbench.studies.study_folder import StudyFolder
from regbench.studies.trials import name_columns
from regbench.studies.variants import shorten_key


def collect_trials(
    plan: StudyPlan, folder: StudyFolder, chosen: Callable[[str, int], int]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return trials.csv and timing.csv, from the parts of all arms.

    Args:
        plan: of the study.
        folder: of the study.
        chosen: returns the trial that was chosen of an arm in a replicate.
    """
    tables = []
    for part in list_all_parts(plan, folder):
        table = read_part(folder, part)
        table.insert(0, "arm", part.arm.name)
        table[COLUMN] = spell_combined(part.arm.combined)
        tables.append(table)
    keys = list(dict.fromkeys(shorten_key(key) for arm in plan.arms for key in list_keys(arm)))
    head = ["arm", *([COLUMN] if plan.cocktail else []), "replicate", "trial", "repeat", "seed"]
    columns = [*head, *keys, "status", "epochs", "best_epoch", *name_columns(plan.metric), "steps", "seconds"]
    joined = pd.concat([table.reindex(columns=columns) for table in tables], ignore_index=True)
    order = {arm.name: number for number, arm in enumerate(plan.arms)}
    joined["order"] = joined["arm"].map(order)
    joined = joined.sort_values(["order", "replicate", "trial", "repeat"], ignore_index=True)
    winners = {(arm.name, r): chosen(arm.name, r) for arm in plan.arms for r in range(plan.replicates)}
    joined["chosen"] = [
        int(winners[arm, replicate] == trial)
        for arm, replicate, trial in zip(joined["arm"], joined["replicate"], joined["trial"], strict=True)
    ]
    trials = joined[[*columns[:-1], "chosen"]]
    timing = joined[["arm", "replicate", "trial", "repeat", "seconds"]]
    return trials, timing


def list_keys(arm: ArmPlan) -> list[str]:
    """Return the keys that an arm's trials vary."""
    return [*(coordinate.key for coordinate in arm.space.coordinates), *(key for key, _ in arm.space.groups)]

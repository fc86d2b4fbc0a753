"""The winners of a study's search; once they are on the disk, the test rows may be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from regbench.studies.plan import StudyPlan, TrialRun
from regbench.studies.search import higher_is_better, list_all_parts, read_part, select_by
from regbench.studies.study_folder import CHOICES, StudyFolder
from regbench.studies.winners import choose

SCHEMA = 1


@dataclass(frozen=True)
class Choice:
    """The setting of an arm in a replicate: values by full key, and the trial that had them."""

    arm: str
    replicate: int
    trial: int
    seed: int
    values: dict[str, object]
    combined: tuple[str, ...] = ()
    """Of a cocktail: the arms that it combines there."""


def choose_all(plan: StudyPlan, folder: StudyFolder) -> list[Choice]:
    """Return the winner of every arm in every replicate, by validation rows alone."""
    tables: dict[str, list[pd.DataFrame]] = {}
    runs: dict[tuple[str, int, int], tuple[TrialRun, tuple[str, ...]]] = {}
    for part in list_all_parts(plan, folder):
        tables.setdefault(part.arm.name, []).append(read_part(folder, part))
        for run in part.trials:
            if run.repeat == 0:
                runs[part.arm.name, run.replicate, run.trial] = run, part.arm.combined
    found = []
    for arm in plan.arms:
        table = pd.concat(tables[arm.name], ignore_index=True)
        for replicate, own in table.groupby("replicate"):
            trial = choose(own, select_by(plan), higher_is_better(plan))
            run, combined = runs[arm.name, int(str(replicate)), trial]
            found.append(Choice(arm.name, run.replicate, trial, run.seed, dict(run.values), combined))
    return found


def write_choices(folder: StudyFolder, choices: Sequence[Choice]) -> None:
    """Write the winners durably."""
    listed: list[dict[str, Any]] = [
        {"arm": c.arm, "replicate": c.replicate, "trial": c.trial, "seed": c.seed, "values": c.values}
        | ({"combined": list(c.combined)} if c.combined else {})
        for c in choices
    ]
    folder.write_json(CHOICES, {"schema": SCHEMA, "choices": listed})


def read_choices(folder: StudyFolder) -> list[Choice]:
    """Return the winners as they were written; none where there are none yet."""
    found = folder.read_json(CHOICES) or {"choices": []}
    return [
        Choice(c["arm"], c["replicate"], c["trial"], c["seed"], c["values"], tuple(c.get("combined", ())))
        for c in found["choices"]
    ]

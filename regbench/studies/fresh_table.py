"""fresh.csv: a row for each fresh run, from its folder and from its outputs on the test rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from regbench.metrics import PARTS
from regbench.statuses import RunState
from regbench.store.run_files import read_result
from regbench.studies.cocktail import spell_combined
from regbench.studies.cocktail_plan import COLUMN, find_arm
from regbench.studies.fresh import FreshRun
from regbench.studies.kept import Row
from regbench.studies.plan import StudyPlan
from regbench.studies.trial_table import list_keys
from regbench.studies.variants import shorten_key

FURTHER = ("brier", "calibration_error")
LAST = ("train", "val")
BATCH = "schedule.batch_size"


def describe_runs(
    plan: StudyPlan, runs: Sequence[FreshRun], kept: Mapping[tuple[str, int], Row]
) -> dict[tuple[str, int], Row]:
    """Return the rows of fresh.csv by arm and replicate, in the order of the runs; those kept have no folders."""
    places = {(run.arm, run.replicate): run for run in runs}
    return {place: kept[place] if place in kept else _describe(plan, run) for place, run in places.items()}


def tabulate_fresh(plan: StudyPlan, rows: Iterable[Row]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return fresh.csv and fresh_timing.csv."""
    keys = list(dict.fromkeys(shorten_key(key) for arm in plan.arms for key in list_keys(arm)))
    table = pd.DataFrame(list(rows))
    head = ["arm", *([COLUMN] if plan.cocktail else []), "replicate", "seed"]
    others = [name for name in table.columns if name not in (*head, *keys, "seconds")]
    return table.reindex(columns=[*head, *keys, *others]), table[["arm", "replicate", "seconds"]]


def _describe(plan: StudyPlan, run: FreshRun) -> dict[str, object]:
    folder = run.config.folder()
    result = read_result(folder / "result.json") or {}
    values = {shorten_key(key): value for key, value in run.values.items() if key != "schedule.stop"}
    row: dict[str, object] = {
        "arm": run.arm,
        **({COLUMN: spell_combined(run.combined)} if plan.cocktail else {}),
        "replicate": run.replicate,
        "seed": run.seed,
        **values,
        **read_state(result),
    }
    names = list(dict.fromkeys(("loss", plan.metric, *FURTHER)))
    row |= {f"{part}_{name}": read_figure(result, "best", part, name) for part in PARTS for name in names}
    judged = ("loss", plan.metric)
    row |= {f"last_{part}_{name}": read_figure(result, "last", part, name) for part in LAST for name in judged}
    epochs = result.get("epochs")
    row["steps"] = epochs * _count_updates(plan, run, result) if isinstance(epochs, int) else None
    row["run"] = run.config.run_id()
    row["seconds"] = result.get("seconds")
    return row


def _count_updates(plan: StudyPlan, run: FreshRun, result: Mapping[str, object]) -> int:
    """Return the updates of an epoch: those of the pilot, unless the study varies the batch size."""
    batch, rows = run.values.get(BATCH), result.get("rows")
    if batch is None or not isinstance(rows, Mapping):
        return find_arm(plan, run.arm, run.combined).pilot.steps
    return math.ceil(rows["train"] / batch) if isinstance(batch, int) else 1


def read_state(result: Mapping[str, object]) -> dict[str, object]:
    """Return how a run ended, by column."""
    return {
        "status": str(result.get("status", RunState.FAILED.value)),
        "best_epoch": result.get("best_epoch"),
        "epochs": result.get("epochs"),
    }


def read_figure(result: Mapping[str, object], *keys: str) -> object:
    """Return a figure of a result; None where there is none."""
    node: object = result
    for key in keys:
        if not isinstance(node, Mapping):
            return None
        node = node.get(key)
    return node

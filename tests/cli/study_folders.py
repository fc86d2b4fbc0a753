"""Folders of studies made by hand: two classes, disjoint test rows, and arms that are right on so many of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROWS = 20
"""Test rows of a replicate."""

MARGIN = 2.0
"""Difference of the logits: a right answer costs log(1 + exp(-MARGIN)), a wrong one log(1 + exp(MARGIN))."""

PILOT = {
    "epochs": 10.0, "steps": 5, "cohort": 4, "step_seconds": 0.001, "alone": 0.001, "inference": 0.001,
    "evaluation": 0.1, "memory": 1000, "parameters": 10,
}  # fmt: skip


def write_study(
    data: str,
    right: Mapping[str, Sequence[int]],
    *,
    name: str | None = None,
    metric: str = "accuracy",
    lost: Sequence[tuple[str, int]] = (),
    reference: float | None = None,
) -> str:
    """Write a study whose arms, the baseline first, are right on so many of the 20 rows of each replicate.

    Args:
        data: name of the data set.
        right: numbers by arm and replicate.
        name: of the folder in runs/.
        metric: the one it was judged by.
        lost: arms and replicates whose outputs are not finite.
        reference: test figure of another model.
    """
    folder = Path("runs") / (name or f"bench-{data}-mlp")
    (folder / "rows").mkdir(parents=True)
    arms, replicates = list(right), len(next(iter(right.values())))
    (folder / "study.json").write_text(json.dumps(_plan(folder.name, data, arms, replicates)))
    (folder / "verdict.json").write_text(json.dumps(_verdict(arms, metric, replicates, reference)))
    _write_rows(folder, {**right, "as_typed": right[arms[0]]}, lost)
    _write_fresh(folder, {**right, "as_typed": right[arms[0]]}, metric)
    return str(folder)


def _plan(name: str, data: str, arms: Sequence[str], replicates: int) -> dict[str, Any]:
    return {
        "schema": 1,
        "name": name,
        "identity": {"dataset": {"name": data, "train_size": None}, "study": {"seed": 0, "select": "metric"}},
        "data": {"name": data, "task": "classification", "checksum": f"rows of {data}"},
        "metric": {"name": "accuracy"},
        "baseline": arms[0],
        "arms": [{"name": arm} for arm in arms],
        "sizes": {"replicates": replicates, "trials": 4, "finalists": 0},
        "looks": [replicates],
        "cut": {"method": "locked", "folds": 5},
        "estimate": {"workers": 2},
        "pilot": dict.fromkeys(arms, PILOT),
    }


def _verdict(arms: Sequence[str], metric: str, replicates: int, reference: float | None) -> dict[str, Any]:
    """The content of verdict.json; arm number n trains 2^n times as long as the baseline."""
    records = [
        {
            "name": arm,
            "cost": {"train_ratio": 2.0**place},
            "warnings": [],
            "recommended": {"overrides": [f"regularizer=[{arm}]"]},
        }
        for place, arm in enumerate(arms)
    ]
    return {
        "complete": True,
        "look": 1,
        "alpha": 0.025,
        "metric": metric,
        "rope": 0.01,
        "replicates": replicates,
        "baseline": records[0],
        "arms": records[1:],
        "references": {} if reference is None else {"boosting": {"mean": reference}},
        "notes": [],
        "warnings": [],
        "diagnosis": None,
    }


def _write_rows(folder: Path, right: Mapping[str, Sequence[int]], lost: Sequence[tuple[str, int]]) -> None:
    replicates = len(next(iter(right.values())))
    rows = np.arange(replicates * ROWS).reshape(replicates, ROWS)
    target = np.tile([0, 1], ROWS // 2)
    for arm, counts in right.items():
        says = np.array([np.where(np.arange(ROWS) < count, target, 1 - target) for count in counts])
        outputs = (np.eye(2)[says] * MARGIN).astype(np.float32)
        for name, replicate in lost:
            if name == arm:
                outputs[replicate] = np.nan
        np.savez(folder / "rows" / f"{arm}.npz", replicate=np.arange(replicates), rows=rows, outputs=outputs)
    np.savez(
        folder / "rows" / "truth.npz",
        rows=np.arange(replicates * ROWS),
        target=np.tile(target, replicates),
        weight=np.ones(replicates * ROWS),
        replicate=np.arange(replicates),
        constant=np.tile([0.0, -1.0], (replicates, 1)),
    )


def _write_fresh(folder: Path, right: Mapping[str, Sequence[int]], metric: str) -> None:
    rows = [
        {"arm": arm, "replicate": place, "status": "complete", f"test_{metric}": count / ROWS, "test_loss": 1 / count}
        for arm, counts in right.items()
        for place, count in enumerate(counts)
    ]
    pd.DataFrame(rows).to_csv(folder / "fresh.csv", index=False)

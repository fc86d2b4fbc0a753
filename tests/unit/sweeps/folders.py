"""Sweeps made by hand: configurations, plans, and the results of runs that nobody trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regbench.config.run_config import RunConfig
from regbench.statuses import RunState, read_state
from regbench.sweeps.manifest import PlannedRun, describe
from regbench.sweeps.run_status import RunStatus, StatusReader

DATASET = {"name": "digits", "layout": "table", "split": {"seed": 0, "val": 0.2}, "train_size": None}
MODEL = {"name": "mlp", "widths": [64, 64], "activation": "relu"}
SCHEDULE = {"optimizer": {"name": "adam", "lr": 0.001}, "stop": {"name": "none"}, "epochs": 50}


def configure(
    techniques: Mapping[str, Mapping[str, Any]] | None = None,
    seed: int = 0,
    *,
    dataset: Mapping[str, Any] = DATASET,
    model: Mapping[str, Any] = MODEL,
    schedule: Mapping[str, Any] = SCHEDULE,
) -> RunConfig:
    """A run with these techniques, whose names are added to their settings as a composed configuration has them."""
    named = {name: {"name": name, **settings} for name, settings in (techniques or {}).items()}
    return RunConfig(dataset=dataset, model=model, schedule=schedule, regularizers=named, seed=seed)


def result(
    val: float | None = 0.9, test: float | None = 0.8, *, status: str = "complete", metric: str = "accuracy"
) -> dict[str, Any]:
    """The content of a complete run's result.json with these metrics; `val=None` has no validation part."""
    figures = {
        "train": {"loss": 0.1, metric: 0.95},
        "val": None if val is None else {"loss": 0.5, metric: val},
        "test": {"loss": 0.6, metric: test},
    }
    facts = {"status": status, "best_epoch": 7, "epochs": 9, "seconds": 1.5, "parameters": 10}
    return {**facts, "best": figures, "last": figures, "stopping": {"rule": "none", "reason": "done"}}


def put_result(folder: Path, run: PlannedRun, content: Mapping[str, Any] | str | bytes) -> None:
    """Write a run's result.json; a text or bytes go in as they are."""
    path = folder / run.run_id / "result.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = content if isinstance(content, (str, bytes)) else json.dumps(content)
    path.write_bytes(raw.encode() if isinstance(raw, str) else raw)


def read_statuses(folder: Path, runs: list[PlannedRun]) -> list[RunStatus]:
    """The states of the runs, as their folders tell them."""
    found = StatusReader(folder, runs)
    found.poll()
    return found.statuses


def make_status(
    values: Mapping[str, Any],
    content: Mapping[str, Any] | None = None,
    run_id: str = "run",
    *,
    left: RunState = RunState.MISSING,
) -> RunStatus:
    """The status of a run with these values and this result, without any folder; without a result, it is `left`."""
    state = left if content is None else read_state(content["status"])
    assert state is not None
    return RunStatus(PlannedRun(run_id, values), state, content, (content or {}).get("error"))


def small_sweep(folder: Path) -> list[PlannedRun]:
    """Six runs: two complete, one diverged, one failed, two missing."""
    runs = describe([configure(t, seed) for t in ({}, {"l2": {"strength": 0.1}}) for seed in range(3)])
    contents = (result(0.9), result(0.7), result(status="diverged"), {"status": "failed", "error": "no\nmore"})
    for run, content in zip(runs, contents, strict=False):
        put_result(folder, run, content)
    return runs

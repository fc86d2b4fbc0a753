"""The stage of a study in which test rows are read: outputs of all fresh runs, tables, and other models for scale."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench.config.run_config import RunConfig
from regbench.errors import RegbenchError
from regbench.store.run_files import read_result
from regbench.studies.fresh import FreshRun
from regbench.studies.kept import NOTHING, Kept
from regbench.studies.outputs import OutputsTask, ReplicateOutputs, compute_outputs
from regbench.studies.plan import StudyPlan
from regbench.studies.study_folder import REFERENCES, ROWS, StudyFolder
from regbench.studies.variants import draw_seed
from regbench.sweeps.backends import Backend
from regbench.sweeps.workers.dispatch import work_on

TRUTH = f"{ROWS}/truth.npz"


def find_complete(runs: Sequence[FreshRun], replicates: int, kept: Collection[int] = ()) -> list[int]:
    """Return the replicates in which no run is still to be trained; those that are kept need no folders."""
    unended = {run.replicate for run in runs if run.replicate not in kept and is_missing(run.config)}
    return [replicate for replicate in range(replicates) if replicate not in unended]


def is_missing(config: RunConfig) -> bool:
    """Tell whether a run is still to be trained."""
    try:
        return read_result(config.folder() / "result.json") is None
    except RegbenchError:
        return True


def predict_all(
    plan: StudyPlan, runs: Sequence[FreshRun], replicates: Sequence[int], backend: Backend, kept: Kept = NOTHING
) -> list[ReplicateOutputs]:
    """Return the outputs of the fresh runs of some replicates, in their order.

    Those that are kept are not computed again, but for other models that were not asked for then.

    Raises:
        RegbenchError: workers were lost.
    """
    known = {part.replicate: part for part in kept.outputs}
    by_replicate: dict[int, dict[str, RunConfig]] = {replicate: {} for replicate in replicates}
    for run in runs:
        if run.replicate in by_replicate:
            by_replicate[run.replicate][run.arm] = run.config
    tasks = [
        OutputsTask(
            replicate=replicate,
            configs=configs,
            metric=plan.metric,
            reference=plan.settings.reference,
            repeats=replicate == replicates[0],
            predicted=replicate not in known,
            seed=draw_seed(plan.settings.seed, "reference", replicate),
            base=Path.cwd(),
        )
        for replicate, configs in by_replicate.items()
        if replicate not in known or (plan.settings.reference and not known[replicate].references)
    ]
    if not tasks:
        return [known[replicate] for replicate in replicates]
    done = work_on(backend, compute_outputs, tasks)
    if len(done.results) < len(tasks):
        raise RegbenchError(f"a worker was lost while it predicted ({done.lost}); the same command resumes from here")
    found = {part.replicate: part for part in done.results}
    found |= {r: replace(part, references=found[r].references) if r in found else part for r, part in known.items()}
    return [found[replicate] for replicate in replicates]


def write_rows(folder: StudyFolder, parts: Sequence[ReplicateOutputs]) -> None:
    """Write the outputs of each arm, the truth by row number, and what each constant predictor says."""
    for arm in parts[0].outputs:
        outputs = [_fill(part, arm) for part in parts]
        if len({own.shape for own in outputs}) > 1:
            continue  # replicates that test different numbers of rows: too few rows to matter, or groups
        folder.write_arrays(
            f"{ROWS}/{arm}.npz",
            {
                "replicate": np.array([part.replicate for part in parts]),
                "rows": np.stack([part.rows for part in parts]),
                "outputs": np.stack(outputs),
            },
        )
    folder.write_arrays(TRUTH, _gather_truth(parts))


def _fill(part: ReplicateOutputs, arm: str) -> NDArray[np.float32]:
    outputs = part.outputs[arm]
    if outputs is None:
        outputs = np.full((len(part.rows), len(part.constant)), np.nan)
    return outputs.astype(np.float32)


def _gather_truth(parts: Sequence[ReplicateOutputs]) -> Mapping[str, NDArray[Any]]:
    rows = np.concatenate([part.rows for part in parts])
    targets = np.concatenate([part.target for part in parts])
    weights = np.concatenate([part.weight for part in parts])
    numbers, first = np.unique(rows, return_index=True)
    return {
        "rows": numbers,
        "target": targets[first],
        "weight": weights[first],
        "replicate": np.array([part.replicate for part in parts]),
        "constant": np.stack([part.constant for part in parts]),
    }


def write_references(folder: StudyFolder, parts: Sequence[ReplicateOutputs], asked: bool) -> pd.DataFrame | None:
    """Write what other models reach; None where they were not asked for."""
    rows = [row for part in parts for row in part.references]
    if not asked or not rows:
        return None
    table = pd.DataFrame(rows)
    folder.write_table(REFERENCES, table)
    return table

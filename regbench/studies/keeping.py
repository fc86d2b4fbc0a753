"""The folders of a study's runs: removed once their figures are kept, or made for every trial too."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pandas as pd

from regbench.errors import RegbenchError
from regbench.signals import StopSignal
from regbench.store.run_files import read_result
from regbench.studies.fresh import FreshRun, discard_runs, train_fresh
from regbench.studies.kept import Kept, write_kept
from regbench.studies.plan import StudyPlan
from regbench.studies.search import list_all_parts
from regbench.studies.study_folder import KEPT, RUNS, StudyFolder
from regbench.studies.variants import vary
from regbench.sweeps.backends import Backend
from regbench.sweeps.manifest import forget, read_planned


def list_trial_runs(plan: StudyPlan, folder: StudyFolder) -> tuple[list[FreshRun], pd.DataFrame]:
    """Return every trial as an ordinary run on the same cut, with the same seed; and the table that names its folder.

    An ordinary run has its test figures too: it is made once nothing is chosen any more.
    """
    runs, rows = [], []
    order = {arm.name: number for number, arm in enumerate(plan.arms)}
    for part in list_all_parts(plan, folder):
        for trial in part.trials:
            values, split = dict(trial.values), plan.rule.settings(trial.replicate, trial.stage)
            config = replace(vary(part.arm.config, values, trial.seed, split), name=plan.name, overrides=())
            runs.append(FreshRun(part.arm.name, trial.replicate, trial.seed, values, config, part.arm.combined))
            rows.append((part.arm.name, trial.replicate, trial.trial, trial.repeat, config.run_id()))
    table = pd.DataFrame(rows, columns=["arm", "replicate", "trial", "repeat", "run"])
    table = table.sort_values(
        ["arm", "replicate", "trial", "repeat"],
        key=lambda column: column.map(order) if column.name == "arm" else column,
        ignore_index=True,
    )
    return runs, table


def train_all(
    plan: StudyPlan,
    folder: StudyFolder,
    backend: Backend,
    stop: StopSignal,
    tell: tuple[Callable[[int, int], None], Callable[[str], None]],
) -> None:
    """Make a folder for every trial that has none, by training it once more; `runs.csv` names them.

    Raises:
        ConfigError: what is there of some was made from other data or by other code.
    """
    runs, table = list_trial_runs(plan, folder)
    folder.write_table(RUNS, table)
    errors = train_fresh(plan, runs, backend, stop, tell)
    for line in sorted(set(errors.values())):
        tell[1](f"a trial failed as a run of its own: {line}")


def keep_figures(folder: StudyFolder, runs: Sequence[FreshRun], kept: Kept) -> None:
    """Write what is kept of all runs, and then remove their folders."""
    write_kept(folder, replace(kept, trained=find_trained(runs, kept)))
    remove_folders(folder, runs)


def find_trained(runs: Sequence[FreshRun], kept: Kept) -> dict[str, int]:
    """Return the training rows of each run by its id, as its result says, or what is kept of it."""
    found = dict(kept.trained)
    for run in runs:
        if run.config.run_id() not in found and (rows := count_trained(run)) is not None:
            found[run.config.run_id()] = rows
    return found


def count_trained(run: FreshRun) -> int | None:
    """Return the training rows of a run that has a folder; None where it never began."""
    rows = (read_result(run.config.folder() / "result.json") or {}).get("rows")
    count = rows.get("train") if isinstance(rows, dict) else None
    return count if isinstance(count, int) else None


def remove_folders(folder: StudyFolder, runs: Sequence[FreshRun]) -> None:
    """Remove the folders of fresh runs and of trials, and the plans that name no others."""
    trials = folder.read_table(RUNS)
    mine = {run.config.run_id() for run in runs} | (set() if trials is None else set(map(str, trials["run"])))
    remove_runs(folder.path / run_id for run_id in sorted(mine))
    folder.remove(RUNS)
    forget(folder.path, mine)


def remove_runs(folders: Iterable[Path]) -> None:
    """Remove whole folders of runs, but for those that another process has."""
    from regbench.store.run_folder import RunFolder

    for path in folders:
        if path.is_dir():
            with suppress(RegbenchError), RunFolder.claim(path) as claimed:
                claimed.discard()  # its result first: what a kill leaves never passes for complete
                shutil.rmtree(path, ignore_errors=True)


def discard_study(folder: StudyFolder) -> None:
    """Remove a study with its fresh runs: those that its folder's plans name, whether or not they have ended."""
    planned = read_planned(folder.path, lambda line: None)
    folder.discard()
    discard_runs(folder.path / run.run_id for run in planned)


def drop_kept(folder: StudyFolder) -> None:
    """Remove the kept figures of runs that have folders again."""
    shutil.rmtree(folder.path / KEPT, ignore_errors=True)

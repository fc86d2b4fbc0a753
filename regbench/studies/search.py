"""The search of a study: parts of each arm's trials, trained by workers and committed as they end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regbench.errors import RegbenchError, escape
from regbench.metrics import LOSS, METRICS
from regbench.studies.cocktail_plan import mix, pick_combined
from regbench.studies.plan import ArmPlan, StudyPlan, TrialRun
from regbench.studies.proposals import Tried, count_generations, list_trials, repeat_trial
from regbench.studies.study_folder import GENERATIONS, StudyFolder
from regbench.studies.trials import TrialOutcome, TrialReport, TrialTask, name_columns, train_trials
from regbench.studies.variants import shorten_key
from regbench.studies.winners import Rank, list_finalists, rank_winner

PART_SECONDS = 30.0
"""Training that is committed together: what a kill can cost at most."""

PIECES_PER_WORKER = 2
"""Parts for each worker, where there are few arms: enough to even out."""

FIRST, AGAIN = "", "f"
"""Marks of the parts of the first generation, and of the further runs of finalists."""


@dataclass(frozen=True)
class Part:
    """Trials of one arm that are committed together."""

    arm: ArmPlan
    number: int
    mark: str
    trials: tuple[TrialRun, ...]

    @property
    def name(self) -> str:
        """The name of its files."""
        return f"{GENERATIONS}/{self.arm.name}-{self.number}{self.mark}"


@dataclass(frozen=True)
class PartTask:
    """The work of a worker: a part, and where it is committed."""

    part: Part
    task: TrialTask
    folder: Path


@dataclass(frozen=True)
class PartReport:
    """What became of a part: whether it is committed, or why not."""

    name: str
    interrupted: bool = False
    error: str | None = None


@dataclass(frozen=True)
class Chunk:
    """Replicates of an arm whose trials are committed together, stage by stage."""

    arm: ArmPlan
    number: int
    replicates: tuple[int, ...]


def count_stages(plan: StudyPlan) -> int:
    """Return how many stages the search has: those of the arms, then as many of the cocktail made of their winners."""
    return _count_own_stages(plan) * (2 if plan.cocktail else 1)


def _count_own_stages(plan: StudyPlan) -> int:
    """Return how many stages an arm's search has: generations of trials, then the further runs of finalists."""
    return count_generations(plan) + (1 if plan.finalists else 0)


def list_parts(plan: StudyPlan, folder: StudyFolder, stage: int) -> list[Part]:
    """Return the parts of a stage in the order of the arms; what earlier stages committed decides its trials."""
    of_cocktail, own = divmod(stage, _count_own_stages(plan))
    make = repeat_best if own == count_generations(plan) else partial(propose_trials, generation=own)
    chunks = list_mixed_chunks(plan, folder) if of_cocktail else list_chunks(plan)
    return [make(plan, folder, chunk) for chunk in chunks]


def list_all_parts(plan: StudyPlan, folder: StudyFolder) -> list[Part]:
    """Return the parts of all stages, of which all but the last are committed."""
    return [part for stage in range(count_stages(plan)) for part in list_parts(plan, folder, stage) if part.trials]


def list_chunks(plan: StudyPlan) -> list[Chunk]:
    """Return how the replicates of each arm are cut; no chunk holds replicates of two looks."""
    return [chunk for arm in plan.ordinary for chunk in _cut_arm(plan, arm)]


def _cut_arm(plan: StudyPlan, arm: ArmPlan) -> list[Chunk]:
    pieces = [own for look in _list_looks(plan) for own in _cut(plan, arm, look, len(plan.ordinary))]
    return [Chunk(arm, number, own) for number, own in enumerate(pieces)]


def _list_looks(plan: StudyPlan) -> list[range]:
    """Return the replicates that each look added."""
    return [range(first, last) for first, last in zip((0, *plan.looks), plan.looks, strict=False)]


def _cut(plan: StudyPlan, arm: ArmPlan, replicates: Sequence[int], beside: int) -> Iterator[tuple[int, ...]]:
    """Yield pieces of an arm's replicates, of so many arms that are trained at the same time."""
    seconds = arm.pilot.run_seconds * len(replicates) * plan.trials
    few = math.ceil(plan.workers * PIECES_PER_WORKER / beside) if beside < plan.workers else 1
    count = min(len(replicates), max(few, math.ceil(seconds / PART_SECONDS)))
    for chosen in np.array_split(np.array(replicates), count):
        yield tuple(chosen.tolist())


def list_mixed_chunks(plan: StudyPlan, folder: StudyFolder) -> list[Chunk]:
    """Return how the replicates of the cocktail are cut: those that combine the same arms are trained together.

    Which others are trained beside a replicate's changes the last digits, as in any cohort, and nothing else.
    """
    combined = pick_cocktails(plan, folder)
    chunks: list[Chunk] = []
    for look in _list_looks(plan):
        groups: dict[tuple[str, ...], list[int]] = {}
        for replicate in look:
            groups.setdefault(combined[replicate], []).append(replicate)
        for names, replicates in groups.items():
            arm = mix(plan, names)
            for own in _cut(plan, arm, replicates, len(groups)):
                chunks.append(Chunk(arm, len(chunks), own))
    return chunks


def pick_cocktails(plan: StudyPlan, folder: StudyFolder) -> dict[int, tuple[str, ...]]:
    """Return the arms that each replicate's cocktail combines, by that replicate's validation figures alone."""
    ranks: dict[int, dict[str, Rank]] = {}
    for name, table in _read_tables(plan, folder).items():
        for replicate, own in table.groupby("replicate"):
            ranks.setdefault(int(str(replicate)), {})[name] = rank_winner(own, select_by(plan), higher_is_better(plan))
    return {replicate: pick_combined(plan, own) for replicate, own in ranks.items()}


def _read_tables(plan: StudyPlan, folder: StudyFolder) -> dict[str, pd.DataFrame]:
    """Return all trials of each arm, the cocktail left out."""
    stages = range(_count_own_stages(plan))
    tables: dict[str, list[pd.DataFrame]] = {}
    for part in (part for stage in stages for part in list_parts(plan, folder, stage) if part.trials):
        tables.setdefault(part.arm.name, []).append(read_part(folder, part))
    return {name: pd.concat(own, ignore_index=True) for name, own in tables.items()}


def propose_trials(plan: StudyPlan, folder: StudyFolder, chunk: Chunk, generation: int) -> Part:
    """Return the trials of a generation: points of the sequence, or what TPE makes of the generations before."""
    mark = FIRST if generation == 0 else f"g{generation}"
    before = [propose_trials(plan, folder, chunk, earlier) for earlier in range(generation)]
    tables = [read_part(folder, part) for part in before]
    known = {(run.replicate, run.trial): run for part in before for run in part.trials}
    trials: list[TrialRun] = []
    for replicate in chunk.replicates:
        own = [table[table["replicate"] == replicate] for table in tables]
        runs = [known[replicate, int(trial)] for table in own for trial in table["trial"]]
        values = [float(value) for table in own for value in table[f"val_{select_by(plan)}"]]
        trials += list_trials(plan, chunk.arm, replicate, Tried(runs, values, higher_is_better(plan)))
    return Part(chunk.arm, chunk.number, mark, tuple(trials))


def repeat_best(plan: StudyPlan, folder: StudyFolder, chunk: Chunk) -> Part:
    """Return the further runs of the finalists, which the trials decide."""
    parts = [propose_trials(plan, folder, chunk, generation) for generation in range(count_generations(plan))]
    table = pd.concat([read_part(folder, part) for part in parts], ignore_index=True)
    known = {(run.replicate, run.trial): run for part in parts for run in part.trials}
    chosen: list[TrialRun] = []
    for replicate in chunk.replicates:
        own = table[table["replicate"] == replicate]
        best = list_finalists(own, select_by(plan), higher_is_better(plan), plan.finalists)
        chosen += [run for number in best for run in repeat_trial(plan, known[replicate, number])]
    return Part(chunk.arm, chunk.number, AGAIN, tuple(chosen))


def select_by(plan: StudyPlan) -> str:
    """Return the figure by whose value on validation rows trials are chosen."""
    return LOSS.name if plan.settings.select == "val_loss" else plan.metric


def higher_is_better(plan: StudyPlan) -> bool:
    """Tell whether larger values of that figure are better."""
    return METRICS[select_by(plan)].higher_is_better


def make_tasks(
    plan: StudyPlan, parts: Sequence[Part], folder: StudyFolder, stop_file: Path, parent: int
) -> list[PartTask]:
    """Return the work that is left: parts that are not committed, those that take longest first."""
    left = [part for part in parts if part.trials and not is_committed(folder, part)]
    left.sort(key=lambda part: -len(part.trials) * part.arm.pilot.run_seconds)
    return [
        PartTask(
            part,
            TrialTask(
                number=number,
                config=part.arm.config,
                rule=plan.rule,
                metric=plan.metric,
                trials=part.trials,
                size=part.arm.pilot.cohort,
                base=Path.cwd(),
                stop_file=stop_file,
                parent=parent,
            ),
            folder.path.resolve(),
        )
        for number, part in enumerate(left)
    ]


def train_part(task: PartTask) -> PartReport:
    """Train the trials of a part and commit them, the table last: where it lies, the part is done."""
    report = train_trials(task.task)
    if report.interrupted or report.error is not None:
        return PartReport(task.part.name, report.interrupted, report.error)
    folder = StudyFolder(task.folder)
    folder.write_arrays(f"{task.part.name}.npz", _list_arrays(report))
    folder.write_table(f"{task.part.name}.csv", tabulate(report, task.task.metric))
    return PartReport(task.part.name)


def is_committed(folder: StudyFolder, part: Part) -> bool:
    """Tell whether a part is done."""
    return (folder.path / f"{part.name}.csv").exists()


def read_part(folder: StudyFolder, part: Part) -> pd.DataFrame:
    """Return the table of a committed part.

    Raises:
        RegbenchError: it is missing, or not what was committed.
    """
    table = folder.read_table(f"{part.name}.csv")
    if table is None or len(table) != len(part.trials):
        raise RegbenchError(
            f"{escape(str(folder.path / part.name))}.csv is missing or damaged; remove it to train it again"
        )
    return table


def tabulate(report: TrialReport, metric: str) -> pd.DataFrame:
    """Return a row a trial: where it stands, its settings, and its figures at the best epoch."""
    return pd.DataFrame([_describe(outcome, metric) for outcome in report.outcomes])


def _describe(outcome: TrialOutcome, metric: str) -> dict[str, object]:
    trial = outcome.trial
    return {
        "replicate": trial.replicate,
        "trial": trial.trial,
        "repeat": trial.repeat,
        "seed": trial.seed,
        **{shorten_key(key): value for key, value in trial.values},
        "status": outcome.status,
        "epochs": outcome.epochs,
        "best_epoch": outcome.best_epoch,
        **dict(zip(name_columns(metric), outcome.figures, strict=True)),
        "steps": outcome.steps,
        "seconds": outcome.seconds,
    }


def _list_arrays(report: TrialReport) -> Mapping[str, np.ndarray[Any, Any]]:
    assert report.curves is not None
    numbers = [(o.trial.replicate, o.trial.trial, o.trial.repeat) for o in report.outcomes]
    names = ("replicate", "trial", "repeat")
    columns = {name: np.array(column) for name, column in zip(names, zip(*numbers, strict=True), strict=True)}
    return {**columns, "curves": report.curves}

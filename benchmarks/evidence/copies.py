"""A study with regbench's own trainer whose arms are copies: one technique, each with points and seeds of its own.

The engine gives all arms of a study the same learning rates and seeds. So a copy is a plan with a seed of its own that
has the cuts of the others. All copies are searched in one stack and trained anew in another.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.evidence.fresh_stack import Fresh, train_and_predict
from regbench.compose.loader import PRIMARY, open_loader
from regbench.data.loading import build_dataset
from regbench.data.records import Raw
from regbench.evidence.verdict import Rules, Verdict, judge
from regbench.metrics import METRICS
from regbench.studies.cuts import FRESH, CutRule
from regbench.studies.outputs import ReplicateOutputs
from regbench.studies.plan import Pilot, StudyPlan, TrialRun
from regbench.studies.plan_file import make_arm
from regbench.studies.proposals import Tried, list_trials
from regbench.studies.request import Contestant, StudyRequest, make_request
from regbench.studies.search import tabulate
from regbench.studies.study_scores import score_study
from regbench.studies.trials import TrialReport, TrialTask, train_trials
from regbench.studies.variants import draw_seed
from regbench.studies.winners import choose

ROWS, FOLDS, REPLICATES, TRIALS = 400, 5, 10, 4
COPIES = ("baseline", "copy 1", "copy 2", "copy 3", "copy 4")
TOGETHER = len(COPIES) * REPLICATES * TRIALS
"""Trials in one stack: all."""
UNTRIED = Pilot(1.0, 1, TOGETHER, 0.0, 0.0, 0.0, 0.0, 0, 0)
"""Stands where a pilot's timings would: there is nothing to plan."""


@dataclass(frozen=True)
class Contest:
    """A data set, the technique of which all arms are copies, and what is judged."""

    dataset: str
    technique: str
    task: str
    metric: str


@dataclass(frozen=True)
class Source:
    """A contest with all rows of its data set, and what was composed for a file of some of them."""

    contest: Contest
    raw: Raw
    request: StudyRequest


def open_source(contest: Contest, *words: str) -> Source:
    """Read the rows of a contest's data set and compose its arm, with further overrides if there are any."""
    arms = f"study.arms=[{contest.technique}]"
    with open_loader(None, None, lambda line: None) as loader:
        whole = make_request(loader, PRIMARY, [f"dataset={contest.dataset}", arms])
        file = ("dataset=npz", "dataset.path=rows", f"dataset.task={contest.task}")
        some = make_request(loader, PRIMARY, [*file, arms, *words])
    return Source(contest, build_dataset(whole.base.dataset).read(), some)


def run_copies(source: Source, seed: Sequence[int]) -> Verdict:
    """Return the verdict of one study of copies, on rows that are drawn anew."""
    contest, number = source.contest, draw_seed(0, *seed)
    rows = np.random.default_rng(number).choice(len(source.raw.y), ROWS, replace=False)
    with TemporaryDirectory() as folder:
        path = Path(folder, "rows.npz")
        np.savez(path, x=np.asarray(source.raw.x)[rows], y=source.raw.y[rows])
        plans = [plan_copy(source, path, number, copy) for copy in range(len(COPIES))]
        parts = _confirm(plans, _search(plans, Path(folder)))
    scores = score_study(contest.metric, contest.task, COPIES, parts, {})
    return judge(scores.matrix, COPIES, COPIES[0], Rules(folds=FOLDS, seed=number), scores.rows)


def plan_copy(source: Source, path: Path, seed: int, copy: int) -> StudyPlan:
    """Return the plan of one copy: its points and seeds are its own, its cuts those of all."""
    contestant = source.request.contestants[1]
    config = replace(contestant.config, dataset={**contestant.config.dataset, "path": str(path)})
    arm = make_arm(Contestant(contestant.choice, config, contestant.space), UNTRIED)
    return StudyPlan(
        name=COPIES[copy],
        settings=replace(source.request.settings, seed=draw_seed(seed, "copy", copy)),
        baseline=arm.name,
        arms=(arm,),
        skipped={},
        rule=CutRule("kfold", FOLDS, seed, fixed=False, typed={}),
        metric=source.contest.metric,
        trials=TRIALS,
        finalists=0,
        looks=(REPLICATES,),
        workers=1,
    )


def _search(plans: Sequence[StudyPlan], folder: Path) -> list[list[TrialRun]]:
    """Return the winners `[A][R]` of all copies; no test row is read."""
    first, arm = plans[0], plans[0].arms[0]
    trials = [[run for r in range(REPLICATES) for run in list_trials(plan, arm, r, Tried())] for plan in plans]
    task = TrialTask(
        number=0,
        config=arm.config,
        rule=first.rule,
        metric=first.metric,
        trials=tuple(run for own in trials for run in own),
        size=TOGETHER,
        base=folder,
        stop_file=folder / "stop",
        parent=os.getpid(),
    )
    report = train_trials(task)
    if report.error is not None:
        raise RuntimeError(report.error)
    return [_choose(own, report, copy * len(own), first.metric) for copy, own in enumerate(trials)]


def _choose(trials: Sequence[TrialRun], report: TrialReport, start: int, metric: str) -> list[TrialRun]:
    """Return the winners `[R]` of one copy, whose outcomes the report has from `start` on."""
    table = tabulate(replace(report, outcomes=report.outcomes[start : start + len(trials)]), metric)
    higher = METRICS[metric].higher_is_better
    numbers = [choose(own, metric, higher) for _, own in table.groupby("replicate")]
    return [trials[replicate * TRIALS + number] for replicate, number in enumerate(numbers)]


def _confirm(plans: Sequence[StudyPlan], winners: Sequence[Sequence[TrialRun]]) -> list[ReplicateOutputs]:
    """Train the winners `[A][R]` anew, with other seeds and validation rows, and test them."""
    runs = [
        {
            plan.name: Fresh(draw_seed(plan.settings.seed, "fresh", replicate), dict(own[replicate].values))
            for plan, own in zip(plans, winners, strict=True)
        }
        for replicate in range(REPLICATES)
    ]
    splits = [plans[0].rule.settings(replicate, FRESH) for replicate in range(REPLICATES)]
    return train_and_predict(plans[0].arms[0].config, splits, runs)

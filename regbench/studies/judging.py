"""The verdict of a study: from its tables and the outputs of its fresh runs to verdict.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from regbench.config.study_settings import CORRECTED
from regbench.evidence.verdict import Rules, Verdict
from regbench.evidence.words import Word
from regbench.metrics import METRICS, Metric
from regbench.statuses import RunState
from regbench.studies.arms import AS_TYPED
from regbench.studies.by_fold import judge_scores
from regbench.studies.cocktail_plan import settle_cocktail
from regbench.studies.costs import Cost, measure_costs
from regbench.studies.outputs import ReplicateOutputs
from regbench.studies.plan import StudyPlan
from regbench.studies.recommended import Recommended, recommend_all
from regbench.studies.study_scores import Scores, score_study


@dataclass(frozen=True)
class Evidence:
    """All that a verdict is made of: trials.csv, fresh.csv and the outputs of the replicates."""

    trials: pd.DataFrame
    fresh: pd.DataFrame
    outputs: Sequence[ReplicateOutputs]
    task: str


@dataclass(frozen=True)
class Judged:
    """A study as it was judged: the scores of its arms, what the statistics say, and what arms cost."""

    plan: StudyPlan
    evidence: Evidence
    scores: Scores
    verdict: Verdict
    costs: Mapping[str, Cost]
    recommended: Mapping[str, Recommended]
    dropped: tuple[int, ...]

    @property
    def metric(self) -> Metric:
        """The judged figure."""
        return METRICS[self.plan.metric]

    @property
    def sign(self) -> float:
        """1, or -1 where smaller figures are better: scores are of those of which larger is better."""
        return 1.0 if self.metric.higher_is_better else -1.0


@dataclass(frozen=True)
class Tested:
    """A study as it was judged, what other models reach, and rows of fresh.csv by arm and replicate."""

    judged: Judged
    references: pd.DataFrame | None
    rows: Mapping[tuple[str, int], Mapping[str, object]]

    @property
    def outputs(self) -> tuple[ReplicateOutputs, ...]:
        """The outputs that were judged."""
        return tuple(self.judged.evidence.outputs)


def judge_study(plan: StudyPlan, evidence: Evidence) -> Judged:
    """Judge the arms on the replicates whose fresh runs all have ended.

    The plan that is returned has the most frequent combination in the place of the cocktail.

    Raises:
        ValueError: fewer than two replicates are left.
    """
    plan = settle_cocktail(plan, evidence.trials)
    names = [arm.name for arm in plan.arms]
    lost = find_lost(evidence.fresh, names)
    kept = [part for part in evidence.outputs if part.replicate not in lost]
    given = {name: read_scores(evidence.fresh, name, f"test_{plan.metric}") for name in [*names, AS_TYPED]}
    scores = score_study(plan.metric, evidence.task, [*names, AS_TYPED], kept, given)
    if plan.settings.interval == CORRECTED:
        scores = replace(scores, overlap=measure_overlap(kept))
    metric = METRICS[plan.metric]
    rules = Rules(
        rope=plan.settings.rope,
        alpha=plan.settings.alpha,
        look=len(plan.looks),
        perfect=1.0 if metric.higher_is_better else 0.0,
        seed=plan.settings.seed,
        overlap=scores.overlap,
    )
    scores, verdict = judge_scores(scores, names, plan.baseline, rules, (plan.rule.method, plan.rule.folds))
    costs = measure_costs(plan, evidence.trials, evidence.fresh, scores.replicates)
    return Judged(plan, evidence, scores, verdict, costs, recommend_all(plan, evidence.trials), tuple(sorted(lost)))


def measure_overlap(parts: Sequence[ReplicateOutputs]) -> float:
    """Return n_test/n_train, the mean over replicates; n_train counts the rows that a run stops on too."""
    return float(np.mean([len(part.rows) / part.learnt for part in parts])) if parts else 0.0


def find_lost(fresh: pd.DataFrame, names: Sequence[str]) -> set[int]:
    """Return the replicates in which the fresh run of some arm failed: they are left out for all arms."""
    failed = fresh[(fresh["status"] == RunState.FAILED.value) & fresh["arm"].isin(names)]
    return set(failed["replicate"].astype(int))


def read_scores(fresh: pd.DataFrame, name: str, column: str) -> dict[int, float]:
    """Return a column of an arm's fresh runs by replicate; empty where the table lacks it."""
    own = fresh[fresh["arm"] == name]
    if column not in own:
        return {}
    return {int(r): float(value) for r, value in zip(own["replicate"], own[column], strict=True)}


def choose_arm(judged: Judged) -> str:
    """Return the arm to use: the leader where an arm is better, else the baseline."""
    return name_choice(judged.verdict)


def name_choice(verdict: Verdict) -> str:
    """Return the arm that a verdict says to use."""
    better = any(arm.word is Word.BETTER for arm in verdict.arms)
    return verdict.leader if better else verdict.baseline

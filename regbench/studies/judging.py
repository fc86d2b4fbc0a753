"""The verdict of a study: from its tables and the outputs of its fresh runs to verdict.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from regbench.errors import escape
from regbench.evidence.verdict import ArmVerdict, Rules, Verdict, judge
from regbench.evidence.words import Word
from regbench.formatting import count_noun, join_words
from regbench.metrics import METRICS, Metric
from regbench.statuses import RunState
from regbench.studies.arms import AS_TYPED
from regbench.studies.costs import Cost, find_front, measure_costs
from regbench.studies.outputs import ReplicateOutputs
from regbench.studies.plan import StudyPlan, estimate_seconds
from regbench.studies.recommended import Recommended, recommend_all
from regbench.studies.sentences import (
    describe_few_rows,
    describe_headline,
    describe_how,
    describe_lost_tuning,
    describe_surer,
)
from regbench.studies.study_scores import Scores, score_study
from regbench.studies.warnings import FEW_ROWS, list_arm_warnings

SCHEMA = 1


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


def judge_study(plan: StudyPlan, evidence: Evidence) -> Judged:
    """Judge the arms on the replicates whose fresh runs all have ended.

    Raises:
        ValueError: fewer than two replicates are left.
    """
    names = [arm.name for arm in plan.arms]
    lost = find_lost(evidence.fresh, names)
    kept = [part for part in evidence.outputs if part.replicate not in lost]
    given = {name: read_scores(evidence.fresh, name, f"test_{plan.metric}") for name in [*names, AS_TYPED]}
    scores = score_study(plan.metric, evidence.task, [*names, AS_TYPED], kept, given)
    family = scores.take(names)
    metric = METRICS[plan.metric]
    rules = Rules(
        rope=plan.settings.rope,
        alpha=plan.settings.alpha,
        look=len(plan.looks),
        folds=plan.rule.folds if plan.rule.method == "kfold" else 1,
        perfect=1.0 if metric.higher_is_better else 0.0,
        seed=plan.settings.seed,
    )
    verdict = judge(family.matrix, names, plan.baseline, rules, family.rows)
    costs = measure_costs(plan, evidence.trials, evidence.fresh, scores.replicates)
    return Judged(plan, evidence, scores, verdict, costs, recommend_all(plan, evidence.trials), tuple(sorted(lost)))


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


def describe_verdict(judged: Judged, study_hash: str, complete: bool) -> dict[str, Any]:
    """Return the content of verdict.json, but for diagnosis, calibration and the like."""
    plan, verdict = judged.plan, judged.verdict
    ratios = {name: cost.train_ratio for name, cost in judged.costs.items()}
    family = judged.scores.take([arm.name for arm in plan.arms])
    inference = {name: cost.inference_ratio for name, cost in judged.costs.items()}
    edges = {name: list(found.at_edge) for name, found in judged.recommended.items()}
    warnings = list_arm_warnings(plan, judged.evidence.trials, edges)
    how = judged.recommended[choose_arm(judged)].overrides
    each = (estimate_seconds([a.pilot for a in plan.arms], plan.sizes, plan.workers) - 12.0) / plan.replicates
    return {
        "schema": SCHEMA,
        "study_hash": study_hash,
        "complete": complete,
        "look": verdict.rules.look,
        "alpha": verdict.alpha,
        "metric": judged.metric.name,
        "unit": judged.metric.unit,
        "higher_is_better": judged.metric.higher_is_better,
        "rope": verdict.rules.rope,
        "replicates": verdict.replicates,
        "family": [arm.name for arm in plan.arms if arm.name != plan.baseline],
        "baseline": {
            "name": verdict.baseline,
            "mean": judged.sign * verdict.baseline_mean,
            "sd": verdict.baseline_sd,
            "cost": judged.costs[plan.baseline].to_json(),
            "recommended": judged.recommended[plan.baseline].to_json(),
        },
        "arms": [_describe_arm(judged, arm, warnings[arm.name], each) for arm in verdict.arms],
        "as_typed": _describe_typed(judged),
        "leader": verdict.leader,
        "not_told_apart": list(verdict.not_told_apart),
        "front": {"train": find_front(family, ratios), "inference": find_front(family, inference)},
        "kind": str(verdict.headline),
        "headline": describe_headline(verdict, judged.metric, ratios),
        "how": describe_how(how),
        "recommended": list(how),
        "surer": describe_surer(verdict, each),
        "notes": list(_list_notes(judged)),
        "warnings": [line for name in warnings if name == plan.baseline for line in warnings[name]],
    }


def _describe_arm(judged: Judged, arm: ArmVerdict, warnings: Sequence[str], each: float) -> dict[str, Any]:
    own = judged.evidence.trials[judged.evidence.trials["arm"] == arm.name]
    return {
        **describe_result(arm, judged.sign, each),
        "optimism": _measure_optimism(judged, arm.name),
        "diverged": [int((own["status"] == RunState.DIVERGED.value).sum()), len(own)],
        "warnings": list(warnings),
        "cost": judged.costs[arm.name].to_json(),
        "recommended": judged.recommended[arm.name].to_json(),
    }


def describe_result(arm: ArmVerdict, sign: float, each: float) -> dict[str, Any]:
    """Return what the statistics say of an arm, as verdict.json has it.

    Args:
        arm: the verdict on it.
        sign: -1 where smaller figures are better, else 1.
        each: seconds of a further replicate.
    """
    ends = {"": arm.interval, "_all": arm.together}
    intervals = {
        f"{end}{kind}": value
        for kind, interval in ends.items()
        for end, value in zip(("low", "high"), sorted((sign * interval.low, sign * interval.high)), strict=True)
    }
    return {
        "name": arm.name,
        "word": None if arm.word is None else str(arm.word),
        "identical": arm.identical,
        "needs": _describe_needs(arm, each),
        "mean": sign * arm.mean,
        "difference": sign * arm.difference.mean,
        **intervals,
        "p_adjusted": arm.p_adjusted,
        "s": arm.difference.variance**0.5,
        "q_row": arm.difference.q_row,
        "wins": arm.wins.count,
        "ties": arm.wins.ties,
        "win_share_low": arm.wins.interval.low,
        "win_share_high": arm.wins.interval.high,
        "chance_better": arm.chances.better,
        "chance_same": arm.chances.same,
        "chance_worse": arm.chances.worse,
        "relative_error_change": arm.relative_error_change,
        "standardised": arm.standardised,
    }


def _describe_needs(arm: ArmVerdict, each: float) -> dict[str, object] | None:
    if arm.needs is None:
        return None
    replicates = arm.needs.replicates
    return {
        "replicates": replicates,
        "rows": arm.needs.rows,
        "seconds": None if replicates is None else replicates * each,
    }


def _measure_optimism(judged: Judged, name: str) -> float | None:
    """Return by how much the fresh runs' validation figure is better than their test figure."""
    metric, fresh = judged.plan.metric, judged.evidence.fresh
    own = fresh[fresh["arm"] == name]
    columns = [f"val_{metric}", f"test_{metric}"]
    if any(column not in own for column in columns):
        return None
    return judged.sign * float((own[columns[0]] - own[columns[1]]).mean())


def _describe_typed(judged: Judged) -> dict[str, object] | None:
    if len(judged.scores.replicates) < 2:
        return None
    difference = judged.scores.compare(AS_TYPED, judged.plan.baseline)
    interval = difference.interval()
    low, high = sorted((judged.sign * interval.low, judged.sign * interval.high))
    return {
        "mean": judged.sign * float(judged.scores.of(AS_TYPED).mean()),
        "difference": judged.sign * difference.mean,
        "low": low,
        "high": high,
    }


def choose_arm(judged: Judged) -> str:
    """Return the arm to use: the leader where an arm is better, else the baseline."""
    return name_choice(judged.verdict)


def name_choice(verdict: Verdict) -> str:
    """Return the arm that a verdict says to use."""
    better = any(arm.word is Word.BETTER for arm in verdict.arms)
    return verdict.leader if better else verdict.baseline


def list_losses(dropped: Sequence[int], constant: Mapping[str, Sequence[int]]) -> Iterator[str]:
    """Yield a sentence for the replicates that were left out, and for each arm with runs that diverged."""
    if dropped:
        yield (
            f"{count_noun(len(dropped), 'replicate')} left out for all arms, because a fresh run failed there: "
            f"{join_words([str(number) for number in dropped])}"
        )
    for name, numbers in constant.items():
        if numbers:
            runs = f"{escape(name)}: {count_noun(len(numbers), 'fresh run')} diverged"
            yield f"{runs} and count as a constant guess, or as the worst arm if the figure is no mean over rows"


def _list_notes(judged: Judged) -> Sequence[str]:
    plan, scores = judged.plan, judged.scores
    notes = list(list_losses(judged.dropped, scores.constant))
    typed = scores.compare(AS_TYPED, plan.baseline)
    if typed.mean > plan.settings.rope / 2 and typed.interval().low > 0:
        notes.append(describe_lost_tuning(plan.trials, typed.mean, judged.metric))
    rows = min(len(part.rows) for part in judged.evidence.outputs)
    if rows < FEW_ROWS:
        notes.append(describe_few_rows(rows, judged.metric))
    if plan.rule.fixed:
        notes.append("the validation rows are the same in every replicate, so the intervals lack the noise of that cut")
    return notes

"""The content of verdict.json, but for diagnosis, calibration and the like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from regbench.config.study_settings import CORRECTED
from regbench.evidence.verdict import ArmVerdict
from regbench.statuses import RunState
from regbench.studies.arms import AS_TYPED
from regbench.studies.costs import find_front
from regbench.studies.judging import Judged, choose_arm
from regbench.studies.plan import estimate_training
from regbench.studies.sentences import describe_headline, describe_how, describe_surer
from regbench.studies.verdict_notes import describe_hopeless, list_notes
from regbench.studies.warnings import list_arm_warnings

SCHEMA = 1


def describe_verdict(judged: Judged, study_hash: str, complete: bool) -> dict[str, Any]:
    """Return the content of verdict.json, but for diagnosis, calibration and the like."""
    plan, verdict = judged.plan, judged.verdict
    ratios = {name: cost.train_ratio for name, cost in judged.costs.items()}
    family = judged.scores.take([arm.name for arm in plan.arms])
    inference = {name: cost.inference_ratio for name, cost in judged.costs.items()}
    edges = {name: list(found.at_edge) for name, found in judged.recommended.items()}
    warnings = list_arm_warnings(plan, judged.evidence.trials, edges)
    how = judged.recommended[choose_arm(judged)].overrides
    each = estimate_training([a.pilot for a in plan.arms], plan.sizes, plan.workers, plan.points) / plan.replicates
    return {
        **_describe_interval(judged),
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
        "baseline": _describe_baseline(judged),
        "arms": [_describe_arm(judged, arm, warnings[arm.name], each) for arm in verdict.arms],
        "as_typed": _describe_typed(judged),
        "leader": verdict.leader,
        "not_told_apart": list(verdict.not_told_apart),
        "front": {"train": find_front(family, ratios), "inference": find_front(family, inference)},
        "kind": str(verdict.headline),
        "headline": describe_hopeless(judged) or describe_headline(verdict, judged.metric, ratios),
        "how": describe_how(how),
        "recommended": list(how),
        "surer": describe_surer(verdict, each),
        "notes": list(list_notes(judged)),
        "warnings": list(warnings[plan.baseline]),
    }


def _describe_interval(judged: Judged) -> dict[str, Any]:
    """Return how intervals are made, where it is not the usual way."""
    if judged.plan.settings.interval != CORRECTED:
        return {}
    return {"interval": {"method": CORRECTED, "overlap": judged.scores.overlap}}


def _describe_baseline(judged: Judged) -> dict[str, Any]:
    name = judged.verdict.baseline
    return {
        "name": name,
        "mean": judged.sign * judged.verdict.baseline_mean,
        "sd": judged.verdict.baseline_sd,
        "cost": judged.costs[name].to_json(),
        "recommended": judged.recommended[name].to_json(),
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

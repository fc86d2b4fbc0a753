"""A study judged again from its files: by another figure, another rope, or against another arm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from regbench.errors import ConfigError, escape, suggest
from regbench.evidence.arrays import Floats
from regbench.evidence.verdict import Rules, Verdict
from regbench.metrics import METRICS, Metric, list_metrics
from regbench.studies.arms import AS_TYPED
from regbench.studies.by_fold import judge_scores
from regbench.studies.comparison import ROPE
from regbench.studies.judging import find_lost, name_choice, read_scores
from regbench.studies.outputs import ReplicateOutputs
from regbench.studies.row_values import find_values
from regbench.studies.sentences import describe_headline, describe_how, describe_surer
from regbench.studies.study_files import StoredStudy, read_outputs
from regbench.studies.study_scores import Scores, score_figures, score_study
from regbench.studies.verdict_file import describe_result
from regbench.studies.verdict_notes import list_losses
from regbench.tasks import Task

GUESS = "(constant guess)"
"""Name of the predictor that knows the training targets alone; no arm is called so."""


@dataclass(frozen=True)
class Asked:
    """What a person wants to judge by; None leaves it as the study has it."""

    metric: str | None = None
    rope: float | None = None
    baseline: str | None = None


@dataclass(frozen=True)
class JudgedAgain:
    """A study judged again.

    `scores` are those of the arms, larger being better; `chance` is the score of the constant predictor, None where it
    is not known. `content` is what a terminal shows, as verdict.json has it.
    """

    study: StoredStudy
    metric: Metric
    scores: Scores
    chance: float | None
    verdict: Verdict
    content: Mapping[str, Any]


def judge_again(study: StoredStudy, asked: Asked) -> JudgedAgain:
    """Return the verdict on a study's fresh runs.

    Raises:
        ConfigError: the figure cannot be had from the files, or there is no such baseline.
    """
    stored = study.verdict
    metric = _find_metric(study, asked.metric or str(stored["metric"]))
    baseline = asked.baseline or str(study.plan["baseline"])
    if baseline not in study.names:
        raise ConfigError(f"--baseline {escape(baseline)}: no such arm; {suggest(baseline, study.names)}")
    scored = replace(_score(study, metric), overlap=study.overlap)
    rope = asked.rope or (float(stored["rope"]) if metric.name == stored["metric"] else ROPE)
    look = int(stored["look"])
    rules = Rules(
        rope=rope,
        alpha=float(stored["alpha"]) * 2.0**look,
        look=look,
        perfect=1.0 if metric.higher_is_better else 0.0,
        seed=study.plan["identity"]["study"]["seed"],
        overlap=study.overlap,
    )
    cut = str(study.plan["cut"]["method"]), int(study.plan["cut"]["folds"])
    compared, verdict = judge_scores(scored, study.names, baseline, rules, cut)
    content = _describe(study, metric, scored, verdict) | {
        "notes": list(_list_notes(study, asked, scored, metric, baseline))
    }
    chance = float(scored.of(GUESS).mean()) if GUESS in scored.names else None
    return JudgedAgain(study, metric, compared.take(study.names), chance, verdict, content)


def _find_metric(study: StoredStudy, name: str) -> Metric:
    known = [metric.name for metric in list_metrics(Task(study.task))]
    if name not in known:
        raise ConfigError(f"--metric {escape(name)} is not measured on a {study.task}; {suggest(name, known)}")
    return METRICS[name]


def _score(study: StoredStudy, metric: Metric) -> Scores:
    """Return the scores of the arms, of the untuned baseline, and where rows are known of the constant predictor.

    Raises:
        ConfigError: the files hold neither values of rows nor the runs' own figures.
    """
    names, lost = [*study.names, AS_TYPED], find_lost(study.fresh, study.names)
    column = f"test_{metric.name}"
    given = {name: read_scores(study.fresh, name, column) for name in names}
    parts = read_outputs(study) if find_values(metric.name, study.task) is not None else None
    if parts is not None:
        scored = _score_rows(study, metric, [part for part in parts if part.replicate not in lost], given)
    elif column in study.fresh:
        numbers = tuple(sorted(set(study.fresh["replicate"].astype(int)) - lost))
        scored = score_figures(metric.name, names, numbers, given, {})
    else:
        raise ConfigError(
            f"--metric {metric.name}: the files of {study.shown} hold neither values of single rows for it nor the "
            f"runs' own figures; allowed: {', '.join(_list_known(study))}; or give the study's own command with "
            f"study.metric={metric.name}, which trains nothing again"
        )
    if len(scored.replicates) < 2:
        raise ConfigError(f"{study.shown}: fewer than two replicates are left")
    for name in study.names:
        if missing := int(np.count_nonzero(~np.isfinite(scored.of(name)))):
            raise ConfigError(
                f"--metric {metric.name}: {escape(name)} has none in {missing} of {len(scored.replicates)} replicates "
                "(runs diverged, or a class has no test rows), so it cannot be judged by it; take another metric"
            )
    return scored


def _score_rows(
    study: StoredStudy, metric: Metric, parts: Sequence[ReplicateOutputs], given: Mapping[str, Mapping[int, float]]
) -> Scores:
    guessing = [replace(part, outputs={**part.outputs, GUESS: None}) for part in parts]
    names = [*study.names, AS_TYPED, GUESS]
    scored = score_study(metric.name, study.task, names, guessing, {**given, GUESS: {}})
    return scored if scored.rows is not None else scored.take(names[:-1])


def _list_known(study: StoredStudy) -> list[str]:
    """Return the figures that the files have."""
    rows = read_outputs(study) is not None
    return [
        metric.name
        for metric in list_metrics(Task(study.task))
        if f"test_{metric.name}" in study.fresh or (rows and find_values(metric.name, study.task) is not None)
    ]


def _describe(study: StoredStudy, metric: Metric, scored: Scores, verdict: Verdict) -> dict[str, Any]:
    """Return what a terminal shows, but for the notes; what no figure decides is taken from verdict.json."""
    stored, sign = study.verdict, 1.0 if metric.higher_is_better else -1.0
    records = {str(arm["name"]): arm for arm in [stored["baseline"], *stored["arms"]]}
    base_cost = float(records[verdict.baseline]["cost"]["train_ratio"])
    costs = {name: float(record["cost"]["train_ratio"]) / base_cost for name, record in records.items()}
    warnings = {name: record.get("warnings", stored["warnings"]) for name, record in records.items()}
    each = study.estimate_replicate()
    chosen = name_choice(verdict)
    as_before = metric.name == stored["metric"] and verdict.baseline == stored["baseline"]["name"]
    return {
        **{key: stored[key] for key in ("complete", "look", "alpha", "interval") if key in stored},
        "metric": metric.name,
        "replicates": verdict.replicates,
        "baseline": {
            "name": verdict.baseline,
            "mean": sign * verdict.baseline_mean,
            "cost": {"train_ratio": 1.0},
        },
        "arms": [
            {
                **describe_result(arm, sign, each),
                "warnings": warnings[arm.name],
                "cost": {"train_ratio": costs[arm.name]},
            }
            for arm in verdict.arms
        ],
        "as_typed": _describe_typed(scored, sign),
        "references": stored["references"] if metric.name == stored["metric"] else {},
        "headline": describe_headline(verdict, metric, costs),
        "how": describe_how(records[chosen]["recommended"]["overrides"]),
        "surer": describe_surer(verdict, each, "the study's own command"),
        "diagnosis": stored["diagnosis"] if as_before else None,
        "warnings": warnings[verdict.baseline],
    }


def _describe_typed(scored: Scores, sign: float) -> dict[str, float] | None:
    values: Floats = scored.of(AS_TYPED)
    return {"mean": sign * float(values.mean())} if np.isfinite(values).all() else None


def _list_notes(study: StoredStudy, asked: Asked, scored: Scores, metric: Metric, baseline: str) -> Iterator[str]:
    """Yield what was left out, and what is not as the study was planned."""
    stored, planned = study.verdict, str(study.plan["metric"]["name"])
    if metric.name == stored["metric"] and baseline == stored["baseline"]["name"]:
        yield from stored["notes"]
    else:
        lost = sorted(find_lost(study.fresh, study.names))
        yield from list_losses(lost, {name: scored.constant.get(name, ()) for name in [*study.names, AS_TYPED]})
    if metric.name != planned:
        by = planned if study.plan["identity"]["study"]["select"] == "metric" else "loss"
        yield f"the arms were tuned by validation {by}, and are judged by {metric.name}"
    if scored.rows is None:
        yield f"no row values of {metric.name} here: the intervals lack the noise of having these rows and no others"
    if asked.rope is None and metric.name != stored["metric"] and metric.unit:
        yield f"no practical difference is taken as {ROPE} of {metric.name} ({metric.unit}): --rope X"

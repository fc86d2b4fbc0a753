"""What verdict.json says besides the words: diagnosis, other models, trials, calibration, bias and variance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from regbench.evidence.arrays import Integers
from regbench.metrics import METRICS
from regbench.studies.describing_rows import calibrate, decompose
from regbench.studies.expected_best import summarise_best
from regbench.studies.judging import Judged
from regbench.studies.noise import SIGMAS
from regbench.studies.study_diagnosis import diagnose_study
from regbench.studies.study_scores import measure_spread, stack_outputs
from regbench.studies.variants import read_value
from regbench.studies.winners import GOOD


def describe_findings(
    judged: Judged, references: pd.DataFrame | None, halved: pd.DataFrame | None = None
) -> dict[str, Any]:
    """Return the figures by their keys in verdict.json.

    Args:
        judged: the study.
        references: what other models reach, as references.csv has it.
        halved: runs of the baseline on half the training rows, as `curve_figures.find_halved` returns them.
    """
    return {
        "references": _describe_references(judged, references),
        "diagnosis": _diagnose(judged, references, halved),
        "expected_best": dict(_list_expected(judged)),
        "noise": _describe_noise(judged),
        **_describe_rows(judged),
    }


def _describe_references(judged: Judged, references: pd.DataFrame | None) -> dict[str, dict[str, float]]:
    """Return the mean test figure of each model, in the replicates that were judged."""
    if references is None:
        return {}
    kept = references[references["replicate"].isin(judged.scores.replicates)]
    if judged.plan.metric == "r2":
        kept = _rescale(kept, judged)
    means = kept.groupby("reference", sort=False)[f"test_{judged.plan.metric}"].mean()
    return {str(name): {"mean": float(value)} for name, value in means.items()}


def _rescale(references: pd.DataFrame, judged: Judged) -> pd.DataFrame:
    """Return R2 of other models as the arms' is: over the variance of all rows, not of the replicate's.

    1 - (1 - R2) var(replicate) / var(all). With several targets the mean of R2 does not say each: none is returned.
    """
    parts = [part for part in judged.evidence.outputs if part.replicate in judged.scores.replicates]
    spread = measure_spread(parts)
    if len(spread) > 1:
        return references[:0]
    column = "test_r2"
    share = {
        part.replicate: float(np.cov(part.target.reshape(-1), aweights=part.weight, bias=True)) / float(spread[0])
        for part in parts
    }
    shares = references["replicate"].map(share)
    return references.assign(**{column: 1.0 - (1.0 - references[column]) * shares})


def _diagnose(judged: Judged, references: pd.DataFrame | None, halved: pd.DataFrame | None) -> dict[str, object] | None:
    """Return what is wrong with the fit of the tuned baseline; None without other models to compare with."""
    plan, kept = judged.plan, judged.scores.replicates
    config = plan.arm(plan.baseline).config
    fresh = judged.evidence.fresh if halved is None else pd.concat([judged.evidence.fresh, halved])
    found = diagnose_study(
        fresh[fresh["replicate"].isin(kept)],
        None if references is None else references[references["replicate"].isin(kept)],
        plan.metric,
        plan.baseline,
        int(str(read_value(config, "schedule.epochs"))),
        regularized=bool(config.regularizers),
    )
    return None if found is None else found.to_json()


def _list_expected(judged: Judged) -> list[tuple[str, dict[str, object]]]:
    """Return for each arm the best validation figure that so many trials are expected to find."""
    plan, found = judged.plan, []
    trials = judged.evidence.trials
    for arm in plan.arms:
        own = trials[(trials["arm"] == arm.name) & (trials["repeat"] == 0)]
        known = own.assign(figure=own[f"val_{plan.metric}"].where(own["status"].isin(GOOD)))
        values = known.pivot(index="replicate", columns="trial", values="figure").to_numpy(float)
        seconds = float(own["steps"].mean()) * arm.pilot.step_seconds * (1.0 + arm.pilot.evaluation)
        best = summarise_best(values, seconds, METRICS[plan.metric].higher_is_better)
        if best is not None:
            found.append((arm.name, asdict(best)))
    return found


def _describe_noise(judged: Judged) -> dict[str, dict[str, object]]:
    """Return the mean figure of each arm at each noise, and the area under it over that without noise."""
    found: dict[str, dict[str, object]] = {}
    for arm in judged.plan.arms:
        curves = [part.noise[arm.name] for part in judged.evidence.outputs if arm.name in part.noise]
        if not curves:
            continue
        mean = np.array(curves).mean(0)
        area = float(np.trapezoid(mean, SIGMAS) / (SIGMAS[-1] * mean[0])) if mean[0] else None
        found[arm.name] = {"sigma": list(SIGMAS), "mean": mean, "area": area}
    return found


def _describe_rows(judged: Judged) -> dict[str, Any]:
    """Return calibration, and bias and variance, of each arm on the tested rows."""
    parts = [part for part in judged.evidence.outputs if part.replicate in judged.scores.replicates]
    if len({len(part.rows) for part in parts}) > 1:
        return {"calibration": {}, "decomposition": {}}  # groups that cannot be cut into equal folds
    rows: Integers = np.stack([part.rows for part in parts])
    truth = np.zeros((int(rows.max()) + 1, *parts[0].target.shape[1:]), dtype=parts[0].target.dtype)
    for part in parts:
        truth[part.rows] = part.target
    calibration: dict[str, Mapping[str, object]] = {}
    decomposition: dict[str, Mapping[str, float]] = {}
    for arm in judged.plan.arms:
        outputs = stack_outputs(parts, arm.name)
        held = calibrate(outputs, rows, truth, judged.evidence.task)
        if held is not None:
            calibration[arm.name] = {
                "brier": held.brier,
                "ece": held.error,
                "ece_limit": held.level,
                "word": str(held.trust),
                "bins": held.list_bins(),
            }
        split = decompose(outputs, rows, truth, judged.evidence.task)
        if split is not None:
            decomposition[arm.name] = asdict(split)
    return {"calibration": calibration, "decomposition": decomposition}

"""What verdict.json says besides the words: diagnosis, other models, trials, calibration, bias and variance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from regbench.evidence.arrays import Floats, Integers
from regbench.metrics import LOSS, METRICS
from regbench.statuses import RunState
from regbench.studies.arms import UNSTOPPED
from regbench.studies.describing_rows import calibrate, decompose
from regbench.studies.diagnosis import Observed
from regbench.studies.diagnosis_words import Wording, diagnose
from regbench.studies.expected_best import summarise_best
from regbench.studies.judging import Judged
from regbench.studies.scoring import error_of
from regbench.studies.study_scores import stack_outputs
from regbench.studies.variants import read_value

LATE = 0.9
"""Share of the limit of epochs after which a best epoch counts as at its edge."""


def describe_findings(judged: Judged, references: pd.DataFrame | None) -> dict[str, Any]:
    """Return the figures by their keys in verdict.json."""
    return {
        "references": _describe_references(judged, references),
        "diagnosis": _diagnose(judged, references),
        "expected_best": dict(_list_expected(judged)),
        **_describe_rows(judged),
    }


def _describe_references(judged: Judged, references: pd.DataFrame | None) -> dict[str, dict[str, float]]:
    """Return the mean test figure of each model, in the replicates that were judged."""
    if references is None:
        return {}
    kept = references[references["replicate"].isin(judged.scores.replicates)]
    means = kept.groupby("reference", sort=False)[f"test_{judged.plan.metric}"].mean()
    return {str(name): {"mean": float(value)} for name, value in means.items()}


def _diagnose(judged: Judged, references: pd.DataFrame | None) -> dict[str, object]:
    """Return what is wrong with the fit of the tuned baseline."""
    plan, metric = judged.plan, judged.plan.metric
    base, unstopped = (_take(judged, name) for name in (plan.baseline, UNSTOPPED))
    constant = np.array([part.constant_error for part in judged.evidence.outputs if _is_judged(judged, part.replicate)])
    config = plan.arm(plan.baseline).config

    def errors(table: pd.DataFrame, column: str) -> Floats:
        scores = table[f"{column}_{metric}"].to_numpy(float)
        found: Floats = np.array([error_of(metric, score) for score in scores]) / constant
        return found

    name, reference = _choose_reference(judged, references)
    limit = int(str(read_value(config, "schedule.epochs")))
    best, last = unstopped[f"val_{LOSS.name}"].to_numpy(float), unstopped[f"last_val_{LOSS.name}"].to_numpy(float)
    observed = Observed(
        train=errors(base, "train"),
        val=errors(base, "val"),
        edge=(base["best_epoch"].to_numpy(float) > LATE * limit).astype(np.float64),
        diverged=(base["status"] == RunState.DIVERGED.value).to_numpy().astype(np.float64),
        train_last=errors(unstopped, "last_train"),
        val_last=errors(unstopped, "last_val"),
        rise=(last - best) / best,
        reference=reference,
        regularized=bool(config.regularizers),
        stopped=read_value(config, "schedule.stop.name") != "none",
    )
    wording = Wording(metric=metric, constant=float(constant.mean()), reference=name, compared=True)
    return diagnose(observed, wording).to_json()


def _take(judged: Judged, name: str) -> pd.DataFrame:
    fresh = judged.evidence.fresh
    return fresh[fresh["arm"] == name].set_index("replicate").reindex(list(judged.scores.replicates))


def _is_judged(judged: Judged, replicate: int) -> bool:
    return replicate in judged.scores.replicates


def _choose_reference(judged: Judged, references: pd.DataFrame | None) -> tuple[str, Floats | None]:
    """Return the model with the least mean validation error, and its errors `[R]`."""
    if references is None:
        return "", None
    table = references.pivot(index="replicate", columns="reference", values="val_error")
    table = table.reindex(list(judged.scores.replicates)).dropna(axis=1)
    if table.empty or not len(table.columns):
        return "", None
    name = str(table.mean().idxmin())
    return name, table[name].to_numpy(float)


def _list_expected(judged: Judged) -> list[tuple[str, dict[str, object]]]:
    """Return for each arm the best validation figure that so many trials are expected to find."""
    plan, found = judged.plan, []
    trials = judged.evidence.trials
    for arm in plan.arms:
        own = trials[(trials["arm"] == arm.name) & (trials["repeat"] == 0)]
        values = own.pivot(index="replicate", columns="trial", values=f"val_{plan.metric}").to_numpy(float)
        seconds = float(own["steps"].mean()) * arm.pilot.step_seconds * (1.0 + arm.pilot.evaluation)
        best = summarise_best(values, seconds, METRICS[plan.metric].higher_is_better)
        if best is not None:
            found.append((arm.name, asdict(best)))
    return found


def _describe_rows(judged: Judged) -> dict[str, Any]:
    """Return calibration, and bias and variance, of each arm on the tested rows."""
    parts = [part for part in judged.evidence.outputs if _is_judged(judged, part.replicate)]
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

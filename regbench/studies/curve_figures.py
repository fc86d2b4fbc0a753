"""What a study's curves say: figures on fewer rows and with wrong labels, and whether more rows would help."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from pandas import DataFrame

from regbench.errors import escape
from regbench.formatting import join_words
from regbench.metrics import PARTS
from regbench.statuses import RunState
from regbench.studies.curve_points import HALF
from regbench.studies.diagnosis import Name, measure
from regbench.studies.judging import Judged
from regbench.studies.row_values import find_values
from regbench.studies.sentences import show_change, show_figure
from regbench.studies.study_diagnosis import HALVED
from regbench.studies.study_scores import score_study

FITTED = PARTS[1:]
"""Validation and test: what a part of the training rows says of the training rows themselves compares with nothing."""

Curve = dict[str, list[float | None]]


def describe_curves(judged: Judged, table: DataFrame) -> dict[str, dict[str, Curve]]:
    """Return the curves by arm, as verdict.json has them: means over replicates with their t intervals.

    `learning` is over shares of the training rows, `label_noise` over shares of wrong labels. One point is no curve.

    Args:
        judged: the study.
        table: curves.csv.
    """
    known = _fill_guesses(table, judged)
    found: dict[str, dict[str, Curve]] = {"learning": {}, "label_noise": {}}
    for arm, own in known.groupby("arm", sort=False):
        typed = own[own["anew"] == 0]["label_noise"]
        points = {
            ("learning", "share"): own[own["label_noise"].isin(typed)],
            ("label_noise", "label_noise"): own[own["share"] == 1.0],
        }
        for (name, key), kept in points.items():
            if kept[key].nunique() > 1:
                found[name][str(arm)] = _summarise(kept, key, judged.plan.metric)
    return found


def _fill_guesses(table: DataFrame, judged: Judged) -> DataFrame:
    """Return the table in which a run that never trained has the test figure of a constant guess, as fresh runs have.

    Where a guess has none, it counts as the worst run of its replicate.
    """
    column = f"test_{judged.plan.metric}"
    lacking = table[column].isna() & (table["status"] != RunState.FAILED.value)
    if not lacking.any():
        return table
    guesses = _guess(judged)
    worst = (judged.sign * table[column]).groupby(table["replicate"]).min() * judged.sign
    filled = table["replicate"].map(guesses).fillna(table["replicate"].map(worst))
    return table.assign(**{column: table[column].where(~lacking, filled)})


def _guess(judged: Judged) -> dict[int, float]:
    """Return the test figure of the constant predictor by replicate; none where it is no mean over rows."""
    metric, task = judged.plan.metric, judged.evidence.task
    if find_values(metric, task) is None:
        return {}
    blind = [replace(part, outputs={"guess": None}) for part in judged.evidence.outputs]
    scores = score_study(metric, task, ["guess"], blind, {"guess": {}})
    return {number: judged.sign * float(s) for number, s in zip(scores.replicates, scores.matrix[0], strict=True)}


def _summarise(own: DataFrame, key: str, metric: str) -> Curve:
    curve: Curve = {key: [], "rows": [], "runs": []}
    for at, point in own.groupby(key):
        curve[key].append(float(str(at)))
        rows = float(point["train_rows"].mean())
        curve["rows"].append(int(rows) if rows.is_integer() else rows)
        curve["runs"].append(int(point[f"test_{metric}"].notna().sum()))
        for part in FITTED:
            prefix = "" if part == "test" else f"{part}_"
            found = measure(point[f"{part}_{metric}"].to_numpy(np.float64))
            ends = (None, None, None) if found is None else (found.mean, found.low, found.high)
            for name, value in zip(("mean", "low", "high"), ends, strict=True):
                curve.setdefault(f"{prefix}{name}", []).append(value)
    return curve


def find_halved(table: DataFrame, baseline: str) -> DataFrame:
    """Return the baseline's runs on half the training rows, as the arm that the diagnosis looks for."""
    return table[(table["arm"] == baseline) & (table["share"] == HALF)].assign(arm=HALVED)


def list_row_notes(judged: Judged, verdict: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence where more rows would help: what half of them cost, against what the best technique brings.

    Args:
        judged: the study.
        verdict: its diagnosis and curves, as verdict.json has them.
    """
    names, curves = (verdict["diagnosis"] or {}).get("names", ()), verdict["learning"]
    if Name.SHORT_OF_DATA not in names or judged.verdict.baseline not in curves:
        return
    told = [f"from {_say_fall(judged, own)} ({escape(arm)})" for arm, own in curves.items() if HALF in own["share"]]
    leader = str(verdict["leader"])
    gain = next(arm["difference"] for arm in verdict["arms"] if arm["name"] == leader)
    rows = f"{curves[judged.verdict.baseline]['rows'][-1]:,.0f}"
    figure = judged.metric.name.replace("_", " ")
    yield (
        f"more rows would help: half of the {rows} training rows take {figure} {join_words(told)}; the best "
        f"technique, {escape(leader)}, changes it by {show_change(judged.metric, gain)}"
    )


def _say_fall(judged: Judged, curve: Curve) -> str:
    half, whole = (curve["mean"][curve["share"].index(share)] for share in (HALF, 1.0))
    shown = [show_figure(judged.metric, np.nan if value is None else value) for value in (whole, half)]
    return f"{shown[0]} to {shown[1]}"

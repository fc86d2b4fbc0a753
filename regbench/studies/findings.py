"""What verdict.json says besides the words: other models, what trials bring, calibration, bias and variance."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regbench.studies.judging import Judged


def describe_findings(judged: Judged, references: pd.DataFrame | None) -> dict[str, Any]:
    """Return the figures by their keys in verdict.json."""
    return {"references": _describe_references(judged, references)}


def _describe_references(judged: Judged, references: pd.DataFrame | None) -> dict[str, dict[str, float]]:
    if references is None:
        return {}
    means = references.groupby("reference", sort=False)[f"test_{judged.plan.metric}"].mean()
    return {str(name): {"mean": float(value)} for name, value in means.items()}

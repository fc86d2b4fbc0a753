"""What a dry run says besides the plan: what each arm's pilot showed, and the disk that is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from regbench.config.study_settings import ALL, FIGURES
from regbench.display.study_table import align, say
from regbench.errors import escape

FOLDER_MB, TABLES_MB = 0.2, 5
"""Of a run's folder, and of a study's tables with the page."""


def list_budget(plan: Mapping[str, Any], begun: bool, keep: str, width: int) -> Iterator[str]:
    """Yield the lines; `begun` says that the plan lies in its folder already, `keep` is study.keep."""
    found = plan["pilot"].values()
    columns = [
        ["arm", *map(escape, plan["pilot"])],
        ["epochs", *(f"{pilot['epochs']:.0f}" for pilot in found)],
        ["steps an epoch", *(f"{pilot['steps']}" for pilot in found)],
        ["runs stacked", *(f"{pilot['cohort']}" for pilot in found)],
        ["s a run", *(f"{_time_run(pilot):.3f}" for pilot in found)],
    ]
    yield from align(columns, 2)
    yield from say("disk", _describe_disk(plan, keep), width)
    told = "nothing was trained but this pilot, and nothing was written"
    if begun:
        told = "this study has begun already, with this plan; nothing was trained, and what is left may be less"
    yield from say("dry run", told, width)


def _describe_disk(plan: Mapping[str, Any], keep: str) -> str:
    sizes = plan["sizes"]
    fresh = (len(plan["arms"]) + 2) * sizes["replicates"] + plan.get("curves", {}).get("runs", 0)
    trials = len(plan["arms"]) * sizes["replicates"] * (sizes["trials"] + 2 * sizes["finalists"])
    folders = fresh + trials if keep == ALL else fresh
    about = f"about {folders * FOLDER_MB + TABLES_MB:.0f} MB"
    if keep == ALL:
        return (
            f"{about} ({fresh} fresh runs and {trials} trials with a folder each; for it the trials are trained once "
            "more, which takes about as long as the search)"
        )
    if keep == FIGURES:
        return f"{about} until the end, then {TABLES_MB} MB ({fresh} fresh runs, whose folders are removed)"
    return f"{about} ({fresh} fresh runs with a folder each)"


def _time_run(pilot: Mapping[str, Any]) -> float:
    return float(pilot["epochs"] * pilot["steps"] * pilot["step_seconds"] * (1 + pilot["evaluation"]))

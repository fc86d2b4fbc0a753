"""What a run ends with: figures at the best and at the last epoch, measured on all rows of every part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from regbench.training.cohort import Networks
from regbench.training.evaluation import measure_parts
from regbench.training.spec import Plan
from regbench.training.tracking import Track
from regbench.training.training_set import TrainingSet


def describe_results(
    plan: Plan,
    last: Networks,
    best: Networks,
    data: TrainingSet,
    tracks: Sequence[Track],
    outcomes: Sequence[tuple[str, str]],
    members: int,
    ranked_by: str | None,
) -> list[dict[str, Any]]:
    """Return the content of result.json for each run: its best weights restored, evaluated again, beside its last."""
    at_best = measure_parts(best, data.full, data.full_ends)
    at_last = measure_parts(last, data.full, data.full_ends)
    return [
        {
            "status": status,
            "stopping": {"rule": plan.schedule.stop.name, "reason": reason},
            "best_epoch": track.best_epoch,
            "epochs": track.epoch,
            "rolled_back_to": track.best_epoch if ranked_by or track.best_epoch != track.epoch else None,
            "best": _figures(plan, at_best[place]),
            "last": _figures(plan, at_last[place]),
            "parameters": best.layout.total * members,
            "seconds": track.seconds,
            "techniques": {name: _effects(name, track) for name in plan.techniques},
        }
        for place, (track, (status, reason)) in enumerate(zip(tracks, outcomes, strict=True))
    ]


def _figures(plan: Plan, parts: Tensor) -> dict[str, Any]:
    """Name the figures `[parts, 2]`; without a validation part its entry is None."""
    named = [dict(zip(("loss", plan.metric), values, strict=True)) for values in parts.tolist()]
    return {"train": named[0], "val": named[1] if len(named) == 3 else None, "test": named[-1]}


def _effects(name: str, track: Track) -> dict[str, float | None]:
    prefix = f"{name}."
    return {key.removeprefix(prefix): value for key, value in track.effects.items() if key.startswith(prefix)}

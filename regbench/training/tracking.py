"""What is remembered of each run beside its tensors: the stopping rule's state, the best epoch, the time spent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from regbench.schedules.stopping import Observation, StopRule, StopState, better


@dataclass(frozen=True, kw_only=True)
class Track:
    """The course of one run up to the end of an epoch."""

    epoch: int
    """Epochs trained so far."""
    stop: StopState
    best_epoch: int
    """Epoch whose weights are kept: 0 stands for the initial ones."""
    best_value: float | None
    seconds: float
    effects: Mapping[str, float | None]
    """Last figures that the techniques reported."""
    diverged: str | None = None
    """Why the run diverged, if it did."""

    def to_json(self) -> dict[str, Any]:
        """Return the track as JSON values."""
        return {**asdict(self), "stop": self.stop.to_json(), "effects": dict(self.effects)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Track:
        """Return the track that `to_json` described."""
        return cls(**{**values, "stop": StopState.from_json(values["stop"])})


def begin_track(rule: StopRule) -> Track:
    """Return the track of a run that has not trained yet."""
    return Track(epoch=0, stop=rule.begin(), best_epoch=0, best_value=None, seconds=0.0, effects={})


def follow(
    track: Track,
    row: Mapping[str, float | int | None],
    rule: StopRule,
    ranked_by: str | None,
    seconds: float,
    effects: Mapping[str, float | None],
    diverged: str | None,
) -> Track:
    """Return the track after one more epoch.

    Args:
        track: the course so far.
        row: the epoch's row of metrics.csv.
        rule: the stopping rule.
        ranked_by: the column that decides which epoch is best; None: the last one is.
        seconds: what the epoch took.
        effects: what the techniques reported.
        diverged: why the run diverged in this epoch, if it did; then the epoch is never best.
    """
    epoch = track.epoch + 1
    track = replace(track, epoch=epoch, seconds=track.seconds + seconds, effects=effects, diverged=diverged)
    if diverged is not None:
        return track
    values = {name: value for name, value in row.items() if value is not None}
    stop, _ = rule.observe(track.stop, Observation(epoch, values))
    track = replace(track, stop=stop)
    if ranked_by is None:
        # Nothing to choose by: the last epoch whose training loss is finite counts.
        return replace(track, best_epoch=epoch) if math.isfinite(values["train_loss"]) else track
    value = values[ranked_by]
    if better(ranked_by, value, track.best_value):
        return replace(track, best_epoch=epoch, best_value=value)
    return track


def ending(track: Track, rule: StopRule, epochs: int, ranked_by: str | None) -> tuple[str, str] | None:
    """Return status and reason if a run has ended, else None."""
    if track.diverged is not None:
        return "diverged", track.diverged
    decision = rule.decide(track.stop)
    if not decision.stop and track.epoch < epochs:
        return None
    if track.best_epoch == 0:
        return "diverged", f"{ranked_by or 'train_loss'} was never finite"
    if decision.stop:
        return "stopped_early", decision.reason or ""
    return "finished", f"all {epochs} epochs done"

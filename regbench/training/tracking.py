"""Course of each run besides its tensors: the state of the stopping rule, the best epoch, the time spent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from regbench.schedules.stopping import Observation, StopRule, StopState, better
from regbench.statuses import RunState


@dataclass(frozen=True, kw_only=True)
class Track:
    """The course of one run up to the end of an epoch."""

    epoch: int
    """Epochs trained so far."""
    stop: StopState
    best_epoch: int
    """Epoch whose weights are kept: 0 stands for the initial ones."""
    best_value: float | None
    best_loss: float | None = None
    """Validation loss of the best epoch, which decides between epochs of the same figure."""
    seconds: float
    effects: Mapping[str, float | None]
    """Last figures that the regularizers reported."""
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


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """Outcome of one epoch of a run."""

    row: Mapping[str, float | int | None]
    """Its row of metrics.csv."""
    seconds: float
    effects: Mapping[str, float | None]
    """What the regularizers reported."""
    diverged: str | None
    """Why the run diverged in it, if it did; then it is never the best."""


class Ending(NamedTuple):
    """End of a run: its state and why."""

    state: RunState
    reason: str
    ranked: bool
    """Whether a figure chose the best epoch."""


def follow(track: Track, done: Epoch, rule: StopRule, ranked_by: str | None) -> Track:
    """Return the track after one more epoch.

    Args:
        track: the course so far.
        done: the epoch.
        rule: the stopping rule.
        ranked_by: the column that decides which epoch is best; None: the last one is.
    """
    epoch = track.epoch + 1
    seconds = track.seconds + done.seconds
    track = replace(track, epoch=epoch, seconds=seconds, effects=done.effects, diverged=done.diverged)
    if done.diverged is not None:
        return track
    values = {name: value for name, value in done.row.items() if value is not None}
    stop, _ = rule.observe(track.stop, Observation(epoch, values))
    track = replace(track, stop=stop)
    if ranked_by is None:
        # Nothing to choose by: the last epoch whose training loss is finite counts.
        return replace(track, best_epoch=epoch) if math.isfinite(values["train_loss"]) else track
    value = values[ranked_by]
    loss = values.get("val_loss", math.nan)
    tie = value == track.best_value and better("val_loss", loss, track.best_loss)
    if tie or better(ranked_by, value, track.best_value):
        return replace(track, best_epoch=epoch, best_value=value, best_loss=loss if math.isfinite(loss) else None)
    return track


def find_ending(track: Track, rule: StopRule, epochs: int, ranked_by: str | None) -> Ending | None:
    """Return how a run has ended; None while it trains."""
    ranked = ranked_by is not None
    if track.diverged is not None:
        return Ending(RunState.DIVERGED, track.diverged, ranked)
    decision = rule.decide(track.stop)
    if not decision.stop and track.epoch < epochs:
        return None
    if track.best_epoch == 0:
        return Ending(RunState.DIVERGED, f"{ranked_by or 'train_loss'} was never finite", ranked)
    if decision.stop:
        return Ending(RunState.STOPPED_EARLY, decision.reason or "", ranked)
    return Ending(RunState.COMPLETE, f"all {epochs} epochs done", ranked)

"""How long and how fast a run trains: epochs, batch size, optimizer, learning-rate curve, stopping rule."""

from __future__ import annotations

from regbench.schedules.schedule import Schedule, build_schedule

__all__ = ["Schedule", "build_schedule"]

"""Schedules: epochs, batch size, optimizer, learning-rate curve, stopping rule, ramps."""

from __future__ import annotations

from regbench.schedules.schedule import Schedule, build_schedule

__all__ = ["Schedule", "build_schedule"]

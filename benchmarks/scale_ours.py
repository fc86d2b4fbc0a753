"""regbench on large data: `regbench run` after composition, with every file that it writes."""

from __future__ import annotations

import time
from pathlib import Path

# Both sides have their libraries before the clock starts.
import pandas as pd
import pyarrow.csv as pyarrow_csv
import torch

from benchmarks.scale_tasks import BATCH, Scale
from regbench.compose.loader import PRIMARY, open_loader
from regbench.compose.single_run import compose_run
from regbench.runs.execute import run_one
from regbench.runs.observer import Row, RunStart, SilentRun

LIBRARIES = (pd, pyarrow_csv, torch)


class Clock(SilentRun):
    """Notes the processor time at the first step and after each epoch."""

    def __init__(self) -> None:
        self.moments = [time.process_time()]

    def begin(self, start: RunStart) -> None:
        """Take note of the first step."""
        self.moments.append(time.process_time())

    def epoch(self, row: Row) -> None:
        """Take note of the end of an epoch."""
        self.moments.append(time.process_time())


def train(task: Scale, path: Path, epochs: int) -> list[float]:
    """Return the processor time at the start, at the first step and after each epoch."""
    widths = ",".join(str(width) for width in task.units[1:-1])
    words = [*task.dataset, f"dataset.path={path}", f"model.widths=[{widths}]", "regularizer=dropout", "threads=1"]
    words += [f"schedule.batch_size={BATCH}", f"schedule.epochs={epochs}", "schedule/stop=none"]
    with open_loader(None, None, warn=print) as loader:
        config = compose_run(loader, PRIMARY, words)
    clock = Clock()
    run_one(config, clock)
    return clock.moments

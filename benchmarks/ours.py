"""regbench as a contestant: what `regbench run` does after composition, with every file that it writes."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import pairwise

OVERRIDES = ("dataset=digits", "model=mlp", "regularizer=dropout", "schedule.batch_size=64")
"""The task of `benchmarks/task.py` in regbench's words; digits, 64-64, rate 0.5 and Adam at 1e-3 are its defaults."""


def train(epochs: int) -> list[float]:
    """Train one run in a folder below the working directory; return the seconds of each epoch."""
    return train_seeds(1, epochs)


def train_cohort(epochs: int) -> list[float]:
    """Train 64 runs that differ in seed as one cohort, each with its own folder; return the seconds of each epoch."""
    return train_seeds(64, epochs)


def train_seeds(runs: int, epochs: int) -> list[float]:
    """Train runs that differ in seed only; the last epoch also bears the closing evaluation, commit and result."""
    import torch

    from regbench.compose.loader import PRIMARY, open_loader
    from regbench.compose.sweep_runs import compose_sweep
    from regbench.display.run_progress import open_progress
    from regbench.runs.lifecycle import FolderSink
    from regbench.runs.observer import RunStart
    from regbench.runs.prepare import build_records, prepare_run
    from regbench.store.run_folder import RunFolder
    from regbench.training.cohort_run import Observer, make_run
    from regbench.training.fit import fit

    words = [*OVERRIDES, f"schedule.epochs={epochs}", f"schedule.stop.patience={epochs}", f"seed=range({runs})"]
    with open_loader(None, None, warn=print) as loader:
        configs = compose_sweep(loader, PRIMARY, [words])
    prepared = prepare_run(configs[0], build_records(configs[0]))
    spec, data = prepared.spec, prepared.data
    ends: list[float] = []
    with ExitStack() as stack, torch.no_grad():
        folders = [stack.enter_context(RunFolder.claim(config.folder())) for config in configs]
        for folder, config in zip(folders, configs, strict=True):
            folder.resume(config.config_hash(), spec.header)
        cohort = [
            make_run(spec, config.seed, FolderSink(folder)) for config, folder in zip(configs, folders, strict=True)
        ]
        progress = open_progress(stream=io.StringIO())
        stack.callback(progress.end)

        def note(row: Mapping[str, float | int | None]) -> None:
            progress.epoch(row)
            ends.append(time.perf_counter())

        progress.begin(RunStart("benchmark", epochs, 1, spec.metric.name))
        start = time.perf_counter()
        results = fit(spec, cohort, [data], Observer(epoch=note))
        ends[-1] = time.perf_counter()
    assert all(result["epochs"] == epochs for result in results), "every run must train all epochs"
    each = [start, *ends[runs - 1 :: runs]]
    return [after - before for before, after in pairwise(each)]

"""Runs committed after every epoch, resumed from each, and compared bit for bit."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import torch

from regbench.store.checkpoint import Checkpoint
from regbench.training.cohort_run import CohortRun, Observer
from regbench.training.fit import COMMIT_SECONDS, fit
from tests.contract.conftest import Memory
from tests.unit.training.small_runs import Setting


def train_committed(setting: Setting, runs: Sequence[CohortRun]) -> list[Memory]:
    """Train runs as one cohort, committed after every epoch, each with a sink of its own."""
    sinks = [Memory() for _ in runs]
    ticks = itertools.count(0.0, COMMIT_SECONDS)
    own = [dataclasses.replace(run, sink=sink) for run, sink in zip(runs, sinks, strict=True)]
    with torch.no_grad():
        fit(setting.spec, own, [setting.data], Observer(clock=lambda: next(ticks)))
    return sinks


def resume_after(setting: Setting, runs: Sequence[CohortRun], straight: Sequence[Memory], epoch: int) -> list[Memory]:
    """Train runs from their commits after an epoch to the end; runs that ended before are left out."""
    left = [
        dataclasses.replace(run, checkpoint=Checkpoint(*sink.commits[epoch - 1]))
        for run, sink in zip(runs, straight, strict=True)
        if len(sink.rows) >= epoch
    ]
    return train_committed(setting, left)


def same_bits(found: Memory, expected: Memory) -> bool:
    """Tell whether two runs left the same tensors, weights and states alike, and the same result."""
    assert found.final.keys() == expected.final.keys()
    tensors = all(torch.equal(found.final[name], value) for name, value in expected.final.items())
    return tensors and {**found.result, "seconds": None} == {**expected.result, "seconds": None}


def assert_resumes(setting: Setting, runs: Sequence[CohortRun]) -> list[Memory]:
    """Require that runs resumed after any epoch end with the bits of the same runs straight through, and return these.

    All of them must train the same number of epochs.
    """
    straight = train_committed(setting, runs)
    for epoch in range(1, setting.spec.schedule.epochs + 1):
        for found, expected in zip(resume_after(setting, runs, straight, epoch), straight, strict=True):
            assert found.rows == expected.rows[epoch:]
            assert same_bits(found, expected), f"resumed after epoch {epoch}"
    return straight

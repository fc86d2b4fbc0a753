"""Figures that are not finite, and where the best epoch lies: what a run is marked as and what it is rolled back to."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import torch

from regbench.schedules.schedule import build_schedule
from regbench.schedules.stopping import StopRule, ranking
from regbench.training import fit as fitting
from regbench.training.fit import Job, Watch, fit, make_job
from regbench.training.tracking import Track, begin_track, ending, follow
from tests.contract.conftest import Memory
from tests.unit.trainer import Setting, draw_classes, make_setting, make_split

NAN, INF = math.nan, math.inf
HUGE = 1e38
"""A learning rate that makes any step leave float32."""


def make_small(epochs: int = 5, **schedule: Any) -> Setting:
    split = make_split(*draw_classes(130, (5,), spread=1.5), val=40, test=20)
    techniques: dict[str, dict[str, Any]] = {"batch_norm": {}, "dropout": {}, "ema": {}}
    settings = {"epochs": epochs, "batch_size": 24, "optimizer": {"name": "adam", "lr": 0.05}, **schedule}
    return make_setting(split, {"name": "mlp", "widths": [8]}, techniques, **settings)


def train_cohort(setting: Setting, rates: Sequence[float]) -> list[Memory]:
    """Train one run for each learning rate, side by side, committed after every epoch."""
    sinks = [Memory() for _ in rates]
    like = make_job(setting.plan, 0, sinks[0])
    jobs = [
        dataclasses.replace(like, seed=seed, lr=rate, sink=sink)
        for seed, (rate, sink) in enumerate(zip(rates, sinks, strict=True))
    ]
    run(setting, jobs)
    return sinks


def run(setting: Setting, jobs: Sequence[Job]) -> None:
    ticks = iter(range(10**9))
    with torch.no_grad():
        fit(setting.plan, jobs, setting.data, Watch(clock=lambda: next(ticks) * fitting.COMMIT_SECONDS))


# -- one run of a cohort diverges ------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 3, 7])
def test_neighbours_of_a_diverged_run_are_untouched_bit_for_bit(place: int) -> None:
    setting = make_small()
    rates = [0.01 * (number + 1) for number in range(8)]
    healthy = train_cohort(setting, rates)
    rates[place] = HUGE
    disturbed = train_cohort(setting, rates)
    for number, (mine, theirs) in enumerate(zip(disturbed, healthy, strict=True)):
        if number == place:
            continue
        assert mine.rows == theirs.rows
        assert {**mine.result, "seconds": None} == {**theirs.result, "seconds": None}
        assert all(torch.equal(mine.final[name], tensor) for name, tensor in theirs.final.items())
    assert disturbed[place].result["status"] == "diverged"
    assert len(disturbed[place].rows) == 1, "a run that has diverged leaves the stack"


def test_run_that_diverges_at_once_is_rolled_back_to_its_initial_weights() -> None:
    setting = make_small()
    sink = train_cohort(setting, [HUGE, 0.01])[0]
    assert sink.result["best_epoch"] == sink.result["rolled_back_to"] == 0
    initial = setting.plan.network.initial_weights(seeded(0), setting.plan.dtype)
    assert all(torch.equal(sink.best[name], weight) for name, weight in initial.items())


def seeded(seed: int) -> Any:
    from regbench.randomness import Randomness

    return Randomness(seed)


@pytest.mark.parametrize("stage", ["loss", "gradient"])
def test_run_that_diverges_at_a_later_step_is_rolled_back_to_its_best_epoch(stage: str) -> None:
    setting = make_small(epochs=6)
    clean = train_cohort(setting, [0.01])[0]
    poisoned = make_small(epochs=6)
    sink = Memory()
    with poison(poisoned, update=3 * 3 + 1, gradient=stage == "gradient"):
        run(poisoned, [dataclasses.replace(make_job(poisoned.plan, 0, sink), lr=0.01)])
    assert sink.result["status"] == "diverged"
    assert sink.result["stopping"]["reason"] == "the objective or a gradient was not finite at epoch 4, step 2"
    assert sink.rows[:3] == clean.rows[:3]
    best = min(range(3), key=lambda epoch: clean.rows[epoch]["val_loss"]) + 1
    assert sink.result["best_epoch"] == sink.result["rolled_back_to"] == best
    assert sink.result["best"]["val"]["loss"] == pytest.approx(clean.rows[best - 1]["val_loss"], rel=1e-6)
    assert all(tensor.isfinite().all() for tensor in sink.final.values()), "what follows is kept out of the state"


def poison(setting: Setting, update: int, gradient: bool) -> Any:
    """Let the objective, or one gradient alone, be NaN at one update."""
    from regbench.training import cohort

    real = cohort.compute_gradients

    def compute(plan: Any, run: Any, data: Any, rows: Any, moment: Any, differentiate: Any) -> Any:
        gradients, report = real(plan, run, data, rows, moment, differentiate)
        if moment.update == update and gradient:
            name = next(iter(gradients))
            gradients = {**gradients, name: gradients[name] * NAN}
        elif moment.update == update:
            report = report._replace(loss=report.loss * NAN)
        return gradients, report

    patch = pytest.MonkeyPatch()
    patch.setattr(cohort, "compute_gradients", compute)
    return undoing(patch)


class undoing:
    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.patch = patch

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None:
        self.patch.undo()

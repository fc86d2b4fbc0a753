"""Ramps in training: the value at every step and stage, and evaluation by the value of the epoch it belongs to."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from regbench.config.fields import hyper
from regbench.randomness import Randomness
from regbench.regularizers.base import (
    Context,
    Gradient,
    Hyper,
    Params,
    Regularizer,
    Report,
    Rows,
    State,
    Update,
)
from regbench.regularizers.dropout import Dropout
from regbench.schedules.ramps import Ramp
from regbench.training.cohort_run import CohortRun, make_run
from tests.contract.conftest import Memory
from tests.unit.training.committed import resume_after, same_bits, train_committed
from tests.unit.training.small_runs import Setting, draw_classes, make_setting, make_split, train_alone, with_rate
from tests.unit.training.toys import EPOCHS, STEPS, assert_cohort_equals_alone, make_toy_setting

SHAPES = ("linear", "cosine", "step")
UPDATES = EPOCHS * STEPS


@dataclass(frozen=True, kw_only=True)
class Shown(Regularizer):
    """Reports its hyper-parameter from every stage, and changes nothing."""

    effects: ClassVar[tuple[str, ...]] = ("batch", "row_loss", "penalty", "gradients")
    level: Hyper = hyper(3.0, low=0.0, search=(1.0, 5.0), off=1.0)

    def _show(self, stage: str, ctx: Context) -> None:
        ctx.effect(stage, torch.as_tensor(self.level, dtype=torch.float64))

    def begin(self, weights: Params, rows: Rows, ctx: Context) -> State:
        return {"level": torch.as_tensor(self.level, dtype=torch.float64).clone()}

    def batch(self, batch: Rows, ctx: Context) -> Rows:
        self._show("batch", ctx)
        return batch

    def row_loss(self, losses: Tensor, outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        self._show("row_loss", ctx)
        return losses

    def penalty(self, weights: Params, ctx: Context) -> float:
        self._show("penalty", ctx)
        return 0.0

    def gradient_rule(self, gradient: Gradient[Report], ctx: Context) -> Gradient[Report]:
        return gradient

    def gradients(self, gradients: Params, weights: Params, ctx: Context) -> Params:
        self._show("gradients", ctx)
        return gradients

    def after_update(self, update: Update, ctx: Context) -> tuple[Params, State]:
        return update.weights, {"level": torch.as_tensor(self.level, dtype=torch.float64).clone()}


def ramp(name: str, field: str, **settings: Any) -> dict[str, Any]:
    return {name: {field: settings}}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_stage_of_a_step_has_the_value_of_the_share_of_updates_done(shape: str) -> None:
    record = Ramp(shape=shape, begin=0.2, end=0.7)
    settings = {"shape": shape, "begin": 0.2, "end": 0.7}
    setting = make_toy_setting(
        shown=Shown(), schedule={"precision": "float64", "ramp": ramp("shown", "level", **settings)}
    )
    levels = [1.0 + 2.0 * record.rise(update / UPDATES) for update in range(UPDATES)]
    for sink in assert_cohort_equals_alone(setting):
        for epoch, row in enumerate(sink.rows):
            mean = np.mean(levels[epoch * STEPS : (epoch + 1) * STEPS])
            for stage in ("batch", "row_loss", "penalty", "gradients"):
                assert row[f"shown.{stage}"] == pytest.approx(mean, rel=1e-12)
        assert sink.final["state.shown.level"].item() == levels[-1]


def test_runs_of_a_cohort_rise_each_to_its_own_value() -> None:
    setting = make_toy_setting(
        shown=Shown(), schedule={"ramp": ramp("shown", "level", begin=0.0, end=0.5), "precision": "float64"}
    )
    runs = [
        dataclasses.replace(make_run(setting.spec, 1, Memory()), regularizers={"shown": Shown(level=level)})
        for level in (1.0, 2.0, 5.0)
    ]
    for sink, level in zip(train_committed(setting, runs), (1.0, 2.0, 5.0), strict=True):
        expected = np.mean([1.0 + (level - 1.0) * min(2.0 * k / UPDATES, 1.0) for k in range(STEPS)])
        assert sink.rows[0]["shown.batch"] == pytest.approx(expected, rel=1e-12)
        assert sink.final["state.shown.level"].item() == level


# -- evaluation under dropout's original scaling, which depends on the rate ------------------------------------------

UNITS = 7
STILL = {"name": "sgd", "lr": 1e-30}
"""A rate at which weights stay: what changes from epoch to epoch is the evaluation alone."""


def make_dropped(epochs: int, optimizer: dict[str, Any], rate: float = 0.6, **regularizers: Any) -> Setting:
    split = make_split(*draw_classes(130, (5,), spread=1.5), val=40, test=20)
    own = {"dropout": {"rate": rate, "scaling": "original"}, **regularizers}
    schedule = {"epochs": epochs, "batch_size": 24, "precision": "float64", "optimizer": optimizer}
    return make_setting(
        split, {"name": "mlp", "widths": [UNITS]}, own, ramp=ramp("dropout", "rate", begin=0.25, end=0.75), **schedule
    )


def loss_with(weights: Params, x: Tensor, y: Tensor, rate: float) -> float:
    """Return the cross-entropy of the network whose hidden units are scaled by 1 − rate."""
    hidden = torch.relu(x @ weights["hidden0.weight"].mT + weights["hidden0.bias"]) * (1.0 - rate)
    logits = hidden @ weights["output.weight"].mT + weights["output.bias"]
    return torch.nn.functional.cross_entropy(logits, y).item()


def test_each_epoch_is_evaluated_with_the_rate_at_its_end() -> None:
    setting = make_dropped(8, STILL)
    weights = setting.spec.network.initial_weights(Randomness(0), torch.float64)
    x, y = (part[setting.data.watched_ends[0] :] for part in setting.data.watched[:2])
    sink = train_alone(setting)
    rises = [min(max((epoch / 8 - 0.25) / 0.5, 0.0), 1.0) for epoch in range(1, 9)]
    rates = [round(0.6 * rise * 65536) / 65536 for rise in rises]  # that with which units are really dropped
    expected = [loss_with(weights, x, y, rate) for rate in rates]
    assert len({round(loss, 6) for loss in expected}) == 5
    assert [row["val_loss"] for row in sink.rows] == pytest.approx(expected, rel=1e-12)
    assert sink.result["last"]["val"]["loss"] == pytest.approx(expected[-1], rel=1e-12)
    assert sink.result["best_epoch"] == 1 + int(np.argmin(expected))


def runs_with_rates(setting: Setting) -> list[CohortRun]:
    """Return runs of other learning rates and drop rates, whose best epochs differ."""
    runs = []
    for seed, (lr, rate) in enumerate([(0.5, 0.6), (2.0, 0.3), (0.02, 0.8), (6.0, 0.5)]):
        own = {**setting.spec.regularizers, "dropout": Dropout(rate=rate, scaling="original")}
        run = dataclasses.replace(make_run(setting.spec, seed, Memory()), regularizers=own)
        runs.append(with_rate(run, lr))
    return runs


@pytest.mark.matrix(cases=1)
@pytest.mark.parametrize("ema", [{}, {"ema": {"decay": 0.3}}], ids=["weights", "averages"])
def test_the_best_weights_are_evaluated_with_the_rate_of_their_epoch_after_a_rollback_and_a_resume(
    ema: dict[str, Any],
) -> None:
    setting = make_dropped(8, {"name": "sgd", "lr": 0.5}, **ema)
    runs = runs_with_rates(setting)
    straight = train_committed(setting, runs)
    assert len({sink.result["best_epoch"] for sink in straight}) > 1
    assert any(2 < sink.result["best_epoch"] < 6 for sink in straight), "where the rate is neither off nor full"
    for sink in straight:
        best, last = (sink.result[at]["val"]["loss"] for at in ("best", "last"))
        assert best == pytest.approx(sink.rows[sink.result["best_epoch"] - 1]["val_loss"], rel=1e-12)
        assert last == pytest.approx(sink.rows[-1]["val_loss"], rel=1e-12)
        assert best == pytest.approx(min(row["val_loss"] for row in sink.rows), rel=1e-12)
    for epoch in range(1, 9):
        for found, expected in zip(resume_after(setting, runs, straight, epoch), straight, strict=True):
            assert same_bits(found, expected), f"resumed after epoch {epoch}"
    for run, together in zip(runs, straight, strict=True):
        spec = dataclasses.replace(setting.spec, regularizers=run.regularizers)
        (alone,) = train_committed(dataclasses.replace(setting, spec=spec), [run])
        assert alone.result["best"]["val"]["loss"] == pytest.approx(together.result["best"]["val"]["loss"], rel=1e-9)

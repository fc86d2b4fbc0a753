"""What is minimised: penalties at sites, the loss of the batch as it enters, and how both are reported."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from regbench.config.fields import hyper
from regbench.models.network import Site
from regbench.randomness import Randomness
from regbench.regularizers.base import Context, Hyper, Params, Regularizer, Rows
from regbench.training.cohort_run import make_run
from tests.contract.conftest import Memory
from tests.unit.training.small_runs import (
    Setting,
    Settings,
    draw_classes,
    make_setting,
    make_split,
    train_alone,
    train_cohort,
)
from tests.unit.training.toys import assert_cohort_equals_alone, make_toy_setting

ONE_STEP: dict[str, Any] = {
    "epochs": 1,
    "batch_size": "full",
    "precision": "float64",
    "optimizer": {"name": "sgd", "lr": 0.5},
}
ROWS, INPUTS, UNITS = 40, 5, 7
X, Y = draw_classes(ROWS, (INPUTS,))


def make_one_step(repeats: int = 1, **regularizers: Settings | Regularizer) -> Setting:
    """Return a setting of a single step on all training rows, each of them there so many times; no validation rows."""
    x, y = (np.concatenate([np.repeat(part[:-1], repeats, axis=0), part[-1:]]) for part in (X, Y))
    return make_setting(make_split(x, y), {"name": "mlp", "widths": [UNITS]}, regularizers, **ONE_STEP)


def initial_weights(setting: Setting, seed: int = 0) -> Params:
    return setting.spec.network.initial_weights(Randomness(seed), torch.float64)


def first_loss(setting: Setting, seed: int = 0) -> float:
    """Return the mean cross-entropy of the initial network on all training rows."""
    weights, rows = initial_weights(setting, seed), setting.data.rows
    hidden = torch.relu(rows.x @ weights["hidden0.weight"].mT + weights["hidden0.bias"])
    logits = hidden @ weights["output.weight"].mT + weights["output.bias"]
    return torch.nn.functional.cross_entropy(logits, rows.y).item()


# -- penalties at sites ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Activity(Regularizer):
    """Adds strength times the mean over rows of the absolute activations, before or after others acted on them."""

    site_kinds: ClassVar[tuple[str, ...]] = ("hidden",)
    effects: ClassVar[tuple[str, ...]] = ("zeros_raw", "zeros")
    strength: Hyper = hyper(0.3, search=(0.1, 1.0), off=0.0)
    of_raw: bool = True

    def site_penalty(self, site: Site, raw: Tensor, h: Tensor, batch: Rows, ctx: Context) -> Tensor:
        ctx.effect("zeros_raw", (raw == 0).to(h.dtype).mean())
        ctx.effect("zeros", (h == 0).to(h.dtype).mean())
        return self.strength * (raw if self.of_raw else h).abs().sum() / len(raw)


@dataclass(frozen=True, kw_only=True)
class NoDataLoss(Regularizer):
    """Leaves nothing of the data loss, so that penalties alone move the weights."""

    def batch_loss(self, loss: Tensor, ctx: Context) -> Tensor:
        return 0.0 * loss


def test_a_penalty_on_activations_moves_a_layer_by_its_closed_form() -> None:
    """Of strength / B · Σ |relu(z)| with z = x W^T + b, the gradient is strength / B · Σ_b 1[z > 0] x."""
    setting = make_one_step(activity=Activity(), no_data_loss=NoDataLoss())
    sink = train_alone(setting)
    before, x = initial_weights(setting), setting.data.rows.x
    active = (x @ before["hidden0.weight"].mT + before["hidden0.bias"] > 0).to(x.dtype)
    expected = {
        **before,
        "hidden0.weight": before["hidden0.weight"] - 0.5 * 0.3 * active.mT @ x / len(x),
        "hidden0.bias": before["hidden0.bias"] - 0.5 * 0.3 * active.mean(0),
    }
    torch.testing.assert_close(sink.best, expected, rtol=0, atol=1e-14)


def test_rows_that_are_there_twice_change_nothing_if_the_penalty_is_divided_by_the_batch() -> None:
    once, twice = (train_alone(make_one_step(repeats, activity=Activity())).best for repeats in (1, 2))
    torch.testing.assert_close(twice, once, rtol=0, atol=1e-14)


def test_a_site_penalty_sees_activations_before_and_after_dropout() -> None:
    dropout: dict[str, Settings | Regularizer] = {"dropout": {"rate": 0.5}}
    rows = {
        of_raw: train_alone(make_one_step(activity=Activity(of_raw=of_raw), **dropout)).rows[0]
        for of_raw in (True, False)
    }
    free = train_alone(make_one_step(activity=Activity())).rows[0]
    assert rows[True]["activity.zeros_raw"] == free["activity.zeros_raw"]
    dropped = rows[True]["dropout.drop_fraction"]
    kept = 1.0 - rows[True]["activity.zeros_raw"]
    assert rows[True]["activity.zeros"] == pytest.approx(1.0 - kept * (1.0 - dropped), abs=0.08)
    assert rows[True]["penalty"] == free["penalty"]
    assert rows[False]["penalty"] != pytest.approx(free["penalty"], rel=1e-3)


@dataclass(frozen=True, kw_only=True)
class EverySite(Regularizer):
    """Adds one for each hidden site, and ten for the weights."""

    site_kinds: ClassVar[tuple[str, ...]] = ("hidden",)

    def site_penalty(self, site: Site, raw: Tensor, h: Tensor, batch: Rows, ctx: Context) -> float:
        return 1.0

    def penalty(self, weights: Params, ctx: Context) -> float:
        return 10.0


def test_the_penalties_of_all_sites_and_of_the_weights_add_up_under_one_name() -> None:
    setting = make_toy_setting(every_site=EverySite(), l2={"strength": 0.0}, schedule={"precision": "float64"})
    for sink in assert_cohort_equals_alone(setting):
        for row in sink.rows:
            assert row["penalty"] == 12.0
            assert row["every_site.penalty_over_loss"] * (row["objective"] - 12.0) == pytest.approx(12.0, rel=1e-12)
            assert row["l2.penalty_over_loss"] == 0.0


def test_a_penalty_at_sites_in_a_cohort_equals_it_alone_with_its_own_strength() -> None:
    setting = make_toy_setting(activity=Activity(), dropout={}, schedule={"precision": "float64"})
    assert_cohort_equals_alone(setting)
    strengths = (0.0, 0.3, 2.0)
    runs = [
        dataclasses.replace(
            make_run(setting.spec, 1, Memory()),
            regularizers={**setting.spec.regularizers, "activity": Activity(strength=strength)},
        )
        for strength in strengths
    ]
    train_cohort(setting, runs)
    for run in runs:
        own = dataclasses.replace(setting, spec=dataclasses.replace(setting.spec, regularizers=run.regularizers))
        assert isinstance(run.sink, Memory)
        alone = train_alone(own, 1)
        torch.testing.assert_close(run.sink.final["weights"], alone.final["weights"], rtol=0, atol=1e-10)


# -- the loss of the batch -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Flooding(Regularizer):
    """Minimises |L − level| + level."""

    level: Hyper = hyper(0.5, search=(0.1, 1.0), off=0.0)

    def batch_loss(self, loss: Tensor, ctx: Context) -> Tensor:
        return (loss - self.level).abs() + self.level


def test_flooding_reverses_the_gradient_below_its_level_for_each_run_of_a_cohort() -> None:
    levels = (0.0, 100.0, 0.0, 1e-3)
    setting = make_one_step(flooding=Flooding())
    runs = [
        dataclasses.replace(make_run(setting.spec, seed, Memory()), regularizers={"flooding": Flooding(level=level)})
        for seed, level in enumerate(levels)
    ]
    train_cohort(setting, runs)
    for run, level in zip(runs, levels, strict=True):
        assert isinstance(run.sink, Memory)
        plain = train_alone(make_one_step(), run.seed).best
        before, loss = initial_weights(setting, run.seed), first_loss(setting, run.seed)
        direction = 1.0 if loss > level else -1.0
        expected = {name: w + direction * (plain[name] - w) for name, w in before.items()}
        torch.testing.assert_close(run.sink.best, expected, rtol=0, atol=1e-14)
        assert run.sink.rows[0]["objective"] == pytest.approx(abs(loss - level) + level, rel=1e-14)


def test_the_objective_is_the_loss_of_the_batch_plus_penalties_whose_shares_are_of_the_data_loss() -> None:
    setting = make_one_step(flooding=Flooding(level=2.0), activity=Activity(), l2={"strength": 0.1})
    row, loss = train_alone(setting).rows[0], first_loss(setting)
    before, x = initial_weights(setting), setting.data.rows.x
    activity = 0.3 * torch.relu(x @ before["hidden0.weight"].mT + before["hidden0.bias"]).sum().item() / len(x)
    l2 = 0.05 * sum(w.square().sum().item() for name, w in before.items() if name.endswith(".weight"))
    assert row["penalty"] == pytest.approx(activity + l2, rel=1e-12)
    assert row["activity.penalty_over_loss"] == pytest.approx(activity / loss, rel=1e-12)
    assert row["l2.penalty_over_loss"] == pytest.approx(l2 / loss, rel=1e-12)
    assert row["objective"] == pytest.approx(abs(loss - 2.0) + 2.0 + activity + l2, rel=1e-12)
    assert "flooding.penalty_over_loss" not in row


def test_several_act_on_the_loss_of_the_batch_one_after_the_other() -> None:
    setting = make_one_step(a_flooding=Flooding(level=0.25), b_none=NoDataLoss(), c_flooding=Flooding(level=3.0))
    assert train_alone(setting).rows[0]["objective"] == pytest.approx(6.0, rel=1e-14)

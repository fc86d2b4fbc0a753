"""The protocol of a regularizer, by ones that only this file knows: contexts, row numbers, constants and states."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from regbench.models.network import Network, Site
from regbench.regularizers.base import (
    Context,
    Facts,
    Gradient,
    Moment,
    Params,
    Regularizer,
    Report,
    Rows,
    State,
    Update,
)
from regbench.regularizers.stages import STAGES
from tests.contract.conftest import Memory
from tests.unit.training.small_runs import Setting, train_alone
from tests.unit.training.toys import EPOCHS, STEPS, TRAIN, assert_cohort_equals_alone, make_toy_setting


@pytest.fixture(autouse=True)
def plain_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Regularizers here look at what they are given in every step, so that no step is played back."""
    monkeypatch.setenv("REGBENCH_TAPES", "off")


# -- contexts --------------------------------------------------------------------------------------------------------

AT_SITES = ("activations", "site_penalty")
IN_A_STEP = (
    *("batch", "forward_weights", *AT_SITES, "row_loss", "batch_loss", "penalty"),
    *("gradient_rule", "gradients", "after_update", "average"),
)


@dataclass(frozen=True, kw_only=True)
class Witness(Regularizer):
    """Acts at every stage, changes nothing, and keeps each context."""

    site_kinds: ClassVar[tuple[str, ...]] = ("input", "preactivation", "hidden", "output")
    seen: list[tuple[str, str, Context]] = field(default_factory=list)
    batches: list[tuple[Rows, Context]] = field(default_factory=list)

    def _see(self, stage: str, ctx: Context, site: str = "") -> None:
        self.seen.append((stage, site, ctx))

    def architecture(self, network: Network, facts: Facts) -> Network:
        return network

    def training_data(self, rows: Rows, ctx: Context) -> Rows:
        self._see("training_data", ctx)
        return rows

    def about(self, rows: Rows, ctx: Context) -> Params:
        self._see("about", ctx)
        return {"place": torch.arange(len(rows.weight)), "x": rows.x}

    def begin(self, weights: Params, rows: Rows, ctx: Context) -> State:
        self._see("begin", ctx)
        return {"updates": torch.zeros((), dtype=torch.int64)}

    def row_order(self, numbers: Tensor, rows: Rows, ctx: Context) -> Tensor:
        self._see("row_order", ctx)
        return numbers

    def batch(self, batch: Rows, ctx: Context) -> Rows:
        self._see("batch", ctx)
        self.batches.append((batch, ctx))
        return batch

    def forward_weights(self, weights: Params, rows: int, ctx: Context) -> Params:
        self._see("forward_weights", ctx)
        return weights

    def activations(self, site: Site, h: Tensor, ctx: Context) -> Tensor:
        self._see("activations", ctx, site.name)
        return h

    def site_penalty(self, site: Site, raw: Tensor, h: Tensor, batch: Rows, ctx: Context) -> float:
        self._see("site_penalty", ctx, site.name)
        return 0.0

    def row_loss(self, losses: Tensor, outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        self._see("row_loss", ctx)
        self.batches.append((batch, ctx))
        return losses

    def batch_loss(self, loss: Tensor, ctx: Context) -> Tensor:
        self._see("batch_loss", ctx)
        return loss

    def penalty(self, weights: Params, ctx: Context) -> float:
        self._see("penalty", ctx)
        return 0.0

    def gradient_rule(self, gradient: Gradient[Report], ctx: Context) -> Gradient[Report]:
        self._see("gradient_rule", ctx)
        return gradient

    def gradients(self, gradients: Params, weights: Params, ctx: Context) -> Params:
        self._see("gradients", ctx)
        return gradients

    def after_update(self, update: Update, ctx: Context) -> tuple[Params, State]:
        self._see("after_update", ctx)
        return update.weights, {"updates": ctx.state["updates"] + 1}

    def average(self, weights: Params, ctx: Context) -> State:
        self._see("average", ctx)
        return ctx.state

    def averaged(self, weights: Params, ctx: Context) -> Params:
        self._see("averaged", ctx)
        return weights


def watch(seed: int = 4) -> tuple[Witness, Setting, Memory]:
    witness = Witness()
    setting = make_toy_setting(witness=witness)
    return witness, setting, train_alone(setting, seed)


def steps_of(witness: Witness) -> list[list[tuple[str, str, Context]]]:
    """Return what was seen in each step."""
    steps: dict[int, list[tuple[str, str, Context]]] = {}
    for stage, site, ctx in witness.seen:
        if stage in IN_A_STEP:
            steps.setdefault(ctx.moment.update, []).append((stage, site, ctx))
    return list(steps.values())


def test_a_witness_sees_every_stage_and_changes_nothing() -> None:
    witness, _, sink = watch()
    methods = {"training_data", "row_order", *IN_A_STEP}
    assert {*methods, "architecture", "ensemble_size"} == set(STAGES)
    assert {stage for stage, _, _ in witness.seen} == {*methods, "about", "begin", "averaged"}
    bare = train_alone(make_toy_setting(), 4)
    assert all(torch.equal(sink.best[name], tensor) for name, tensor in bare.best.items())


def test_within_a_step_common_numbers_are_the_same_everywhere_and_others_differ_by_stage_and_site() -> None:
    witness, setting, _ = watch()
    sites = len(setting.spec.network.sites)
    commons = set()
    for step in steps_of(witness):
        assert {stage for stage, _, _ in step} == set(IN_A_STEP)
        (common,) = {ctx.common for _, _, ctx in step}
        commons.add(common)
        sources = {(stage, site): ctx.random for stage, site, ctx in step}
        assert len(sources) == len(IN_A_STEP) - len(AT_SITES) + len(AT_SITES) * sites
        assert len({*sources.values(), common}) == len(sources) + 1
    assert len(commons) == EPOCHS * STEPS, "each step has its own"
    before = [ctx.random for stage, _, ctx in witness.seen if stage in ("training_data", "about", "begin")]
    assert len({*before, *(ctx.random for step in steps_of(witness) for _, _, ctx in step)}) > len(before) == 3


def test_two_regularizers_and_two_seeds_have_numbers_of_their_own() -> None:
    one, other = Witness(), Witness()
    setting = make_toy_setting(one=one, other=other, schedule={"epochs": 1})
    train_alone(setting, 1)
    train_alone(setting, 2)
    sources = [ctx.random for witness in (one, other) for stage, _, ctx in witness.seen if stage == "gradients"]
    assert len(set(sources)) == len(sources) == 2 * 2 * STEPS


def test_every_stage_of_a_step_has_the_same_moment_and_time_counts_as_documented() -> None:
    witness, setting, _ = watch()
    expected = [
        Moment(epoch, step, (epoch - 1) * STEPS + step, step == STEPS - 1, EPOCHS * STEPS)
        for epoch in range(1, EPOCHS + 1)
        for step in range(STEPS)
    ]
    assert [{ctx.moment for _, _, ctx in step} for step in steps_of(witness)] == [{moment} for moment in expected]
    assert [moment.progress for moment in expected] == [k / (EPOCHS * STEPS) for k in range(EPOCHS * STEPS)]
    before = [ctx.moment for stage, _, ctx in witness.seen if stage in ("training_data", "about", "begin")]
    assert {(moment.epoch, moment.update, moment.progress) for moment in before} == {(0, 0, 0.0)}
    evaluated = {(ctx.moment.epoch, ctx.moment.progress) for stage, _, ctx in witness.seen if stage == "averaged"}
    assert evaluated == {(epoch, epoch / EPOCHS) for epoch in range(EPOCHS + 1)}
    assert all(ctx.facts is setting.spec.facts for _, _, ctx in witness.seen)


def test_the_state_is_what_the_last_update_left_at_every_stage() -> None:
    witness, _, sink = watch()
    for update, step in enumerate(steps_of(witness)):
        seen = {stage: ctx.state["updates"].item() for stage, _, ctx in step}
        assert seen == {stage: update + (stage == "average") for stage in IN_A_STEP}
    assert sink.final["state.witness.updates"].item() == EPOCHS * STEPS


def test_further_passes_belong_to_the_loss_of_the_rows_alone() -> None:
    witness, setting, _ = watch()
    x = setting.data.rows.x[:2]
    for stage, _, ctx in witness.seen:
        if stage == "row_loss":
            assert ctx.forward(x).shape == (2, 3)
            continue
        with pytest.raises(LookupError, match="belong to the stage row_loss"):
            ctx.forward(x)


# -- numbers and constants of rows -----------------------------------------------------------------------------------


def test_numbers_are_those_of_the_batchs_rows_and_constants_are_gathered_with_them() -> None:
    witness, setting, _ = watch()
    rows = setting.data.rows
    assert len(witness.batches) == 2 * EPOCHS * STEPS
    for batch, ctx in witness.batches:
        for whole, part in zip(rows, batch, strict=True):
            assert torch.equal(whole[ctx.numbers], part)
    for step in steps_of(witness):
        for _, _, ctx in step:
            assert ctx.numbers.dtype == torch.int64
            assert torch.equal(ctx.about["place"], ctx.numbers)
            assert torch.equal(ctx.about["x"], rows.x[ctx.numbers])
    for stage, _, ctx in witness.seen:
        if stage in ("training_data", "about", "begin"):
            assert torch.equal(ctx.numbers, torch.arange(TRAIN))
    for epoch in range(EPOCHS):
        numbers = [ctx.numbers for _, ctx in witness.batches[1::2]][epoch * STEPS : (epoch + 1) * STEPS]
        assert torch.cat(numbers).sort().values.tolist() == list(range(TRAIN)), "each row once an epoch"


@dataclass(frozen=True, kw_only=True)
class OwnRows(Regularizer):
    """Gives each seed rows of its own, and compares each batch with what was said of them."""

    effects: ClassVar[tuple[str, ...]] = ("difference", "spread")

    def training_data(self, rows: Rows, ctx: Context) -> Rows:
        order = ctx.random.permutation(len(rows.x))[: len(rows.x) - 7]
        return Rows(rows.x[order], rows.y[order], rows.weight[order] * (1.0 + ctx.random.uniform((len(order),))))

    def about(self, rows: Rows, ctx: Context) -> Params:
        return {"x": rows.x, "y": rows.y, "weight": rows.weight}

    def row_loss(self, losses: Tensor, outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        parts = zip(batch, (ctx.about["x"], ctx.about["y"], ctx.about["weight"]), strict=True)
        ctx.effect("difference", torch.stack([(a - b).abs().sum() for a, b in parts]).sum())
        ctx.effect("spread", batch.weight.std())
        return losses


def test_each_run_of_a_cohort_hears_of_its_own_rows() -> None:
    sinks = assert_cohort_equals_alone(make_toy_setting(own_rows=OwnRows(), schedule={"precision": "float64"}))
    assert {row["own_rows.difference"] for sink in sinks for row in sink.rows} == {0.0}
    assert len({sink.rows[0]["own_rows.spread"] for sink in sinks}) == 3

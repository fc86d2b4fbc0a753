"""What regularizers remember: states in every stage, from `begin` on, averaged, and resumed with the same bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from regbench.randomness import Randomness
from regbench.regularizers.base import Context, Params, Regularizer, Rows, State, Update
from regbench.training.cohort import Cohort
from regbench.training.layout import Layout
from tests.unit.training.committed import assert_resumes, resume_after, same_bits, train_committed
from tests.unit.training.small_runs import Setting, draw_classes, make_setting, make_split, train_alone
from tests.unit.training.toys import EPOCHS, STEPS, assert_cohort_equals_alone, make_toy_setting, runs_of


@dataclass(frozen=True, kw_only=True)
class RowMemory(Regularizer):
    """Remembers for each training row how often it was seen and how large the weights were then, and uses both."""

    def begin(self, weights: Params, rows: Rows, ctx: Context) -> State:
        return {"times": torch.zeros(len(rows.weight)), "size": rows.x.new_zeros(len(rows.weight))}

    def row_loss(self, losses: Tensor, outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        return losses * (1.0 + 0.1 * ctx.state["times"] + 0.05 * ctx.state["size"])[ctx.numbers]

    def after_update(self, update: Update, ctx: Context) -> tuple[Params, State]:
        size = torch.stack([w.square().sum() for w in update.weights.values()]).sum()
        times = ctx.state["times"].scatter_add(0, ctx.numbers, torch.ones(len(ctx.numbers)))
        return update.weights, {
            "times": times,
            "size": ctx.state["size"]
            .index_fill(0, ctx.numbers, 0.0)
            .scatter_add(0, ctx.numbers, size.expand(len(ctx.numbers))),
        }


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_state_of_the_size_of_the_training_set_is_each_runs_own_and_is_resumed(precision: str) -> None:
    setting = make_toy_setting(row_memory=RowMemory(), schedule={"precision": precision})
    if precision == "float64":
        assert_cohort_equals_alone(setting)
    for sink in (*assert_resumes(setting, runs_of(setting)), *assert_resumes(setting, runs_of(setting)[:1])):
        assert (sink.final["state.row_memory.times"] == EPOCHS).all()
        assert len(sink.final["state.row_memory.size"].unique()) == STEPS, "one size for each batch of the last epoch"


def test_what_one_regularizer_remembers_survives_the_averaging_of_another() -> None:
    setting = make_toy_setting(row_memory=RowMemory(), ema={"decay": 0.5})
    assert (train_alone(setting).final["state.row_memory.times"] == EPOCHS).all()


@dataclass(frozen=True, kw_only=True)
class Steps(Regularizer):
    """Counts updates in its state and reports the count from the forward pass, where it scales the loss."""

    effects: ClassVar[tuple[str, ...]] = ("seen",)

    def begin(self, weights: Params, rows: Rows, ctx: Context) -> State:
        return {"count": rows.x.new_zeros(())}

    def row_loss(self, losses: Tensor, outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        ctx.effect("seen", ctx.state["count"])
        return losses * (1.0 + ctx.state["count"])

    def after_update(self, update: Update, ctx: Context) -> tuple[Params, State]:
        return update.weights, {"count": ctx.state["count"] + 1.0}


def test_the_forward_pass_of_a_cohort_sees_what_its_last_update_left() -> None:
    for sink in assert_cohort_equals_alone(make_toy_setting(steps=Steps(), schedule={"precision": "float64"})):
        means = [STEPS * epoch + (STEPS - 1) / 2 for epoch in range(EPOCHS)]
        assert [row["steps.seen"] for row in sink.rows] == means


@dataclass(frozen=True, kw_only=True)
class StartingPoint(Regularizer):
    """Pulls the weights to the initial ones, which `begin` alone remembers: ½ Σ (w − w₀)²."""

    def begin(self, weights: Params, rows: Rows, ctx: Context) -> State:
        return {name: w.clone() for name, w in weights.items()}

    def penalty(self, weights: Params, ctx: Context) -> Tensor:
        return 0.5 * torch.stack([(w - ctx.state[name]).square().sum() for name, w in weights.items()]).sum()


def test_begin_alone_makes_a_regularizer_remembered_to_the_end_and_over_a_resume() -> None:
    setting = make_toy_setting(starting_point=StartingPoint())
    for sink in assert_resumes(setting, runs_of(setting)):
        first, last = sink.commits[0][0], sink.final
        kept = [name for name in last if name.startswith("state.starting_point.")]
        assert len(kept) == 6, "weight and bias of three layers"
        assert all(torch.equal(first[name], last[name]) for name in kept)
        assert sink.rows[-1]["penalty"] > 0.0


def test_a_penalty_towards_the_initial_weights_pulls_by_their_distance() -> None:
    schedule = {"batch_size": "full", "epochs": 2, "precision": "float64", "optimizer": {"name": "sgd", "lr": 0.5}}
    free = make_toy_setting(schedule=schedule)
    pulled = make_toy_setting(starting_point=StartingPoint(), schedule=schedule)
    (one, two), (one_free, two_free) = (
        [tensors["weights"][0] for tensors, _ in train_committed(setting, runs_of(setting, 1))[0].commits[:2]]
        for setting in (pulled, free)
    )
    initial = free.spec.network.initial_weights(Randomness(0), torch.float64)
    start = Layout(initial).flatten(initial, stacked=False)
    assert torch.equal(one, one_free), "at the initial weights the penalty has no gradient"
    torch.testing.assert_close(two, two_free - 0.5 * (one - start), rtol=0, atol=1e-14)


# -- averages --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Half(Regularizer):
    """Evaluates half the weights."""

    ranks: ClassVar[Mapping[str, str]] = {"averaged": "average"}

    def averaged(self, weights: Params, ctx: Context) -> Params:
        return {name: 0.5 * w for name, w in weights.items()}


@dataclass(frozen=True, kw_only=True)
class PlusOne(Regularizer):
    """Evaluates the weights plus one."""

    ranks: ClassVar[Mapping[str, str]] = {"averaged": "normalise"}

    def averaged(self, weights: Params, ctx: Context) -> Params:
        return {name: w + 1.0 for name, w in weights.items()}


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_evaluated_weights_pass_through_all_averages_by_rank(names: tuple[str, str]) -> None:
    split = make_split(*draw_classes(70, (5,)))  # without validation rows the last epoch is the best
    half, plus_one = names
    chained = make_setting(split, {"name": "linear"}, {half: Half(), plus_one: PlusOne()}, epochs=2)
    trained = train_alone(make_setting(split, {"name": "linear"}, epochs=2)).best
    for name, tensor in train_alone(chained).best.items():
        assert torch.equal(tensor, 0.5 * trained[name] + 1.0)


# -- a state that enters a matrix product ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Teacher(Regularizer):
    """Pulls the outputs to those of an average of the networks so far."""

    strides: list[dict[str, tuple[int, ...]]] = field(default_factory=list)

    def begin(self, weights: Params, rows: Rows, ctx: Context) -> State:
        return {name: w.clone() for name, w in weights.items()}

    def row_loss(self, losses: Tensor, outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        teacher = ctx.forward(batch.x, weights=ctx.state, training=False).detach()
        return losses + (outputs.softmax(1) - teacher.softmax(1)).square().sum(1)

    def average(self, weights: Params, ctx: Context) -> State:
        self.strides.append({name: w.stride() for name, w in ctx.state.items()})
        return {name: torch.lerp(ctx.state[name], w, 0.3) for name, w in weights.items()}


def make_taught(widths: tuple[int, ...] = (32,), precision: str = "float32") -> tuple[Teacher, Setting]:
    """Return a setting whose first layer is wide and whose products round otherwise in another memory layout.

    Whether they do depends on the processor: with 5 rows and 512 inputs, those with AVX do.
    """
    teacher = Teacher()
    schedule = {"batch_size": 5, "precision": precision}
    return teacher, make_toy_setting(inputs=512, widths=widths, teacher=teacher, schedule=schedule)


@pytest.mark.matrix(cases=3)
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("widths", [(32,), (24, 40)])
@pytest.mark.parametrize("runs", [1, 3])
def test_a_teacher_that_is_resumed_after_any_epoch_has_the_bits_of_one_that_never_stopped(
    runs: int, widths: tuple[int, ...], precision: str
) -> None:
    _, setting = make_taught(widths, precision)
    assert_resumes(setting, runs_of(setting, runs))


@pytest.mark.parametrize("runs", [1, 3])
def test_a_state_lies_in_memory_after_a_resume_as_it_lay_before(runs: int) -> None:
    teacher, setting = make_taught()
    straight = train_committed(setting, runs_of(setting, runs))
    (before,) = {tuple(strides.items()) for strides in teacher.strides}
    assert dict(before)["hidden0.weight"] == (1, 32), "a wide layer's weights lie transposed"
    teacher.strides.clear()
    resume_after(setting, runs_of(setting, runs), straight, 1)
    assert {tuple(strides.items()) for strides in teacher.strides} == {before}


def test_without_restoring_the_layout_the_tests_above_would_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """What they are worth; the bits differ only where the processor rounds products by their layout."""
    teacher, setting = make_taught()
    straight = train_committed(setting, runs_of(setting, 1))
    before = teacher.strides[-1]
    teacher.strides.clear()
    monkeypatch.setattr(Cohort, "_settle", lambda self, states: states)
    (resumed,) = resume_after(setting, runs_of(setting, 1), straight, 1)
    assert teacher.strides[0] != before
    if rounds_by_layout():
        assert not same_bits(resumed, straight[0])


def rounds_by_layout() -> bool:
    """Tell whether a product with a transposed matrix has other bits than with a contiguous one, on this processor."""
    x, weight = Randomness(1).normal((5, 512)), Randomness(2).normal((512, 32)).mT
    return not torch.equal(x @ weight.mT, x @ weight.contiguous().mT)


def test_a_teacher_in_a_cohort_equals_it_alone() -> None:
    _, setting = make_taught((24, 6), "float64")
    assert_cohort_equals_alone(setting, tolerance=1e-9)


@pytest.mark.parametrize("name", ["l1", "max_norm", "weight_decay"])
def test_a_run_may_diverge_at_its_very_first_step(name: str) -> None:
    setting = make_setting(make_split(*draw_classes(40, (4,)), val=10), {"name": "mlp", "widths": [8]}, {name: {}})
    rows = setting.data.rows
    data = replace(setting.data, rows=rows._replace(x=rows.x * 1e30))
    reason = train_alone(replace(setting, data=data)).result["stopping"]["reason"]
    assert reason.startswith("the objective or the gradient was not finite at epoch 1, step 1")

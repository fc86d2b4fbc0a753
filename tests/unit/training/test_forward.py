"""Further passes through the network, `ctx.forward`: their masks, weights, modes and gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from regbench.losses import row_losses
from regbench.randomness import Randomness
from regbench.regularizers.base import Context, Regularizer, Rows
from regbench.training import fit
from regbench.training.cohort import Cohort
from tests.unit.training.small_runs import Settings, train_alone
from tests.unit.training.torch_peer import (
    TOLERANCE,
    Masked,
    Weights,
    assert_same_steps,
    make_mlp,
    mean_loss,
    torch_mlp,
    train_torch,
)
from tests.unit.training.toys import assert_cohort_equals_alone, make_toy_setting

NOISY: dict[str, Settings | Regularizer] = {
    "dropout": {"rate": 0.4, "input_rate": 0.2},
    "activation_noise": {"strength": 0.3},
    "weight_noise": {"strength": 0.1},
    "dropconnect": {"rate": 0.3},
}
Act = Callable[[Tensor, Rows, Context], Tensor]


@dataclass(frozen=True, kw_only=True)
class Passing(Regularizer):
    """Makes further passes and reports a figure of them; the loss of each row gains nothing."""

    effects: ClassVar[tuple[str, ...]] = ("figure",)
    act: Act

    def row_loss(self, losses: Tensor, outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        ctx.effect("figure", self.act(outputs, batch, ctx))
        return losses


def figures(act: Act, **regularizers: Settings | Regularizer) -> list[float]:
    """Return what a further pass comes to in each epoch of three runs, which must be the same alone and in a cohort."""
    setting = make_toy_setting(passing=Passing(act=act), schedule={"precision": "float64"}, **regularizers)
    return [row["passing.figure"] for sink in assert_cohort_equals_alone(setting) for row in sink.rows]


def difference(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).abs().amax()


# -- masks -----------------------------------------------------------------------------------------------------------


def test_the_empty_stream_repeats_the_masks_and_noises_of_the_steps_own_pass() -> None:
    found = figures(lambda outputs, batch, ctx: difference(ctx.forward(batch.x), outputs), **NOISY)
    assert found == [0.0] * 9


@pytest.mark.parametrize("name", NOISY)
def test_another_stream_has_masks_of_its_own_for_each_regularizer(name: str) -> None:
    view = figures(lambda o, batch, ctx: difference(ctx.forward(batch.x, stream="view"), o), **{name: NOISY[name]})
    assert min(view) > 1e-3


def test_a_stream_is_the_same_again_and_differs_from_other_streams() -> None:
    def again(outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        return difference(ctx.forward(batch.x, stream="a"), ctx.forward(batch.x, stream="a"))

    def other(outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        return difference(ctx.forward(batch.x, stream="a"), ctx.forward(batch.x, stream="b"))

    assert figures(again, **NOISY) == [0.0] * 9
    assert min(figures(other, **NOISY)) > 1e-3


def test_a_pass_over_other_rows_than_the_batchs_has_a_mask_for_each_of_them() -> None:
    def act(outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        twice = ctx.forward(torch.cat([batch.x, batch.x]), stream="a")
        assert twice.shape == (2 * len(batch.x), 3)
        return difference(twice[: len(batch.x)], twice[len(batch.x) :])

    assert min(figures(act, dropout={})) > 1e-3


# -- other weights and other modes -----------------------------------------------------------------------------------

FIXED = {
    "hidden0.weight": Randomness(1).normal((24, 5), torch.float64),
    "hidden0.bias": Randomness(2).normal((24,), torch.float64),
    "hidden1.weight": Randomness(3).normal((6, 24), torch.float64),
    "hidden1.bias": Randomness(4).normal((6,), torch.float64),
    "output.weight": Randomness(5).normal((3, 6), torch.float64),
    "output.bias": Randomness(6).normal((3,), torch.float64),
}
"""The parameters of another network of the shape of the toy's."""


def perceptron(x: Tensor, scale: Callable[[int, Tensor], Tensor] = lambda place, h: h) -> Tensor:
    """Return the outputs of the network with the fixed weights; `scale` acts behind each non-linearity."""
    for place in (0, 1):
        x = scale(place, torch.relu(x @ FIXED[f"hidden{place}.weight"].mT + FIXED[f"hidden{place}.bias"]))
    return x @ FIXED["output.weight"].mT + FIXED["output.bias"]


def test_a_pass_in_evaluation_mode_is_the_plain_network() -> None:
    found = figures(
        lambda o, batch, ctx: difference(ctx.forward(batch.x, weights=FIXED, training=False), perceptron(batch.x)),
        **NOISY,
    )
    assert max(found) < 1e-12


def test_evaluation_mode_scales_as_dropouts_original_form_does() -> None:
    found = figures(
        lambda o, batch, ctx: difference(
            ctx.forward(batch.x, weights=FIXED, training=False), perceptron(batch.x, lambda place, h: 0.75 * h)
        ),
        dropout={"rate": 0.25, "scaling": "original"},
    )
    assert max(found) < 1e-12


def test_another_network_sees_the_same_masks_in_training_mode() -> None:
    def act(outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        source = Randomness(ctx.common.seed).at("step", ctx.moment.epoch, ctx.moment.step)

        def drop(place: int, h: Tensor) -> Tensor:
            kept = source.at("dropout", "activations", f"hidden{place}").keep(0.25, h.shape, h.dtype)
            return h * kept / 0.75

        return difference(ctx.forward(batch.x, weights=FIXED), perceptron(batch.x, drop))

    assert max(figures(act, dropout={"rate": 0.25})) < 1e-12


def test_in_evaluation_mode_rows_do_not_depend_on_each_other_under_batch_norm() -> None:
    def rows(training: bool) -> Act:
        def act(outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
            whole = ctx.forward(batch.x, training=training)
            return difference(whole[:3], ctx.forward(batch.x[:3], training=training))

        return act

    assert max(figures(rows(training=False), batch_norm={})) < 1e-12
    assert min(figures(rows(training=True), batch_norm={})) > 1e-3


@dataclass(frozen=True, kw_only=True)
class Elsewhere(Regularizer):
    """Looks with further passes at rows far away, whose outputs enter the loss with weight zero."""

    def row_loss(self, losses: Tensor, outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        far = 10.0 * batch.x + 3.0
        return losses + 0.0 * (ctx.forward(far) + ctx.forward(far, stream="a")).sum(1)


def test_further_passes_move_no_norm_statistics() -> None:
    norms: dict[str, Settings | Regularizer] = {"batch_norm": {}}
    plain = train_alone(make_toy_setting(**norms))
    passed = train_alone(make_toy_setting(elsewhere=Elsewhere(), **norms))
    names = [name for name in plain.final if name.startswith("buffer.")]
    assert len(names) == 4
    assert all(torch.equal(passed.final[name], plain.final[name]) for name in (*names, "weights"))


# -- gradients -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class InputGradient(Regularizer):
    """Adds to the loss of each row strength · ‖∂loss/∂x‖², the gradient being that of the pass with the same masks."""

    strength: float = 0.3

    def row_loss(self, losses: Tensor, outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        def total(x: Tensor) -> Tensor:
            return row_losses(ctx.facts.task, ctx.forward(x), batch.y).sum()

        return losses + self.strength * torch.func.grad(total)(batch.x).square().flatten(1).sum(1)


def double_backprop(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Return the mean loss with that penalty, by torch's own double backpropagation."""
    x = x.clone().requires_grad_()
    losses = nn.functional.cross_entropy(net(x), y.argmax(1), reduction="none")
    (slope,) = torch.autograd.grad(losses.sum(), x, create_graph=True)
    return (losses + 0.3 * slope.square().sum(1)).mean()


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Weights]:
    """The parameters of a run alone after every step."""
    seen: list[Weights] = []
    step = fit.train_step

    def watched(cohort: Cohort, *args: Any) -> Any:
        result = step(cohort, *args)
        seen.append({name: value[0].clone() for name, value in cohort.weights.items()})
        return result

    monkeypatch.setattr(fit, "train_step", watched)
    return seen


SGD = {"name": "sgd", "lr": 0.1, "momentum": 0.8}


def make_sgd(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(net.parameters(), 0.1, momentum=0.8)


@pytest.mark.parametrize("rate", [0.0, 0.25])
@pytest.mark.parametrize("precision", TOLERANCE)
def test_a_penalty_on_the_gradient_by_the_inputs_equals_torchs_double_backpropagation(
    precision: str, rate: float, steps: list[Weights]
) -> None:
    dropout: dict[str, Settings | Regularizer] = {"dropout": {"rate": rate}} if rate else {}
    setting = make_mlp(precision, {"input_gradient": InputGradient(), **dropout}, optimizer=SGD)
    train_alone(setting, seed=3)
    net = torch_mlp(lambda place: {f"drop{place}": Masked(f"hidden{place}", rate)} if rate else {})
    assert_same_steps(steps, train_torch(setting, 3, net, make_sgd, loss=double_backprop), precision)


def test_it_equals_torch_inside_sharpness_aware_minimisation_too(steps: list[Weights]) -> None:
    setting = make_mlp("float64", {"input_gradient": InputGradient(), "sam": {"rho": 0.1}}, optimizer=SGD)
    train_alone(setting, seed=3)

    def sharp(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """Return a loss whose gradient is that of the penalised loss at the perturbed weights."""
        parameters = list(net.parameters())
        ascent = torch.autograd.grad(double_backprop(net, x, y), parameters)
        norm = torch.cat([g.flatten() for g in ascent]).norm()
        with torch.no_grad():
            for parameter, g in zip(parameters, ascent, strict=True):
                parameter += 0.1 * g / norm
        descent = torch.autograd.grad(double_backprop(net, x, y), parameters)
        with torch.no_grad():
            for parameter, g in zip(parameters, ascent, strict=True):
                parameter -= 0.1 * g / norm
        return torch.stack([(p * g).sum() for p, g in zip(parameters, descent, strict=True)]).sum()

    theirs = train_torch(setting, 3, torch_mlp(), make_sgd, loss=sharp)
    assert_same_steps(steps, theirs, "float64")
    plain = train_torch(setting, 3, torch_mlp(), make_sgd, loss=mean_loss)
    assert (steps[-1]["output.weight"] - plain[-1]["output.weight"]).abs().max() > 1e-3


@pytest.mark.matrix(cases=2)
@pytest.mark.parametrize("others", [(), ("dropout",), ("sam",), ("batch_norm", "sam", "dropout")], ids="+".join)
def test_such_a_penalty_in_a_cohort_equals_it_alone(others: tuple[str, ...]) -> None:
    regularizers: dict[str, Any] = {name: {} for name in others}
    optimizer = {"name": "adam", "lr": 0.01, "eps": 1e-4}
    schedule = {"precision": "float64", "optimizer": optimizer}
    assert_cohort_equals_alone(make_toy_setting(input_gradient=InputGradient(), schedule=schedule, **regularizers))

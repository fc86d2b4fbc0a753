"""The whole trainer against torch.nn and torch.optim, step by step: same initial weights, same rows in each batch."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from regbench.regularizers.base import Moment
from regbench.training import fit
from regbench.training.cohort import Cohort
from tests.unit.training.small_runs import train_alone
from tests.unit.training.torch_peer import (
    EPOCHS,
    STEPS,
    TOLERANCE,
    MakeOptimizer,
    MakeScheduler,
    Masked,
    Weights,
    assert_same_steps,
    evaluate,
    make_mlp,
    torch_mlp,
    train_torch,
)

LIMIT = 0.5

OPTIMIZERS: dict[str, tuple[dict[str, Any], MakeOptimizer]] = {
    "sgd": ({"name": "sgd", "lr": 0.3}, lambda net: torch.optim.SGD(net.parameters(), 0.3)),
    "momentum": (
        {"name": "sgd", "lr": 0.1, "momentum": 0.8},
        lambda net: torch.optim.SGD(net.parameters(), 0.1, momentum=0.8),
    ),
    "nesterov": (
        {"name": "sgd", "lr": 0.1, "momentum": 0.8, "nesterov": True},
        lambda net: torch.optim.SGD(net.parameters(), 0.1, momentum=0.8, nesterov=True),
    ),
    "adam": (
        {"name": "adam", "lr": 0.01, "beta1": 0.8, "beta2": 0.99, "eps": 1e-6},
        lambda net: torch.optim.Adam(net.parameters(), 0.01, (0.8, 0.99), 1e-6),
    ),
    "adamw": (
        {"name": "adamw", "lr": 0.01, "weight_decay": 0.3},
        lambda net: torch.optim.AdamW(net.parameters(), 0.01, weight_decay=0.3),
    ),
    "rmsprop": (
        {"name": "rmsprop", "lr": 0.005, "alpha": 0.9, "momentum": 0.5},
        lambda net: torch.optim.RMSprop(net.parameters(), 0.005, 0.9, momentum=0.5),
    ),
}

CURVES: dict[str, tuple[dict[str, Any], MakeScheduler]] = {
    "cosine": (
        {"name": "cosine", "final": 0.1},
        lambda opt: lr_scheduler.CosineAnnealingLR(opt, EPOCHS * STEPS, eta_min=0.1 * opt.param_groups[0]["lr"]),
    ),
    "step": (
        {"name": "step", "every": 2, "gamma": 0.2},
        lambda opt: lr_scheduler.StepLR(opt, 2 * STEPS, 0.2),
    ),
    "one_cycle": (
        {"name": "one_cycle", "rise": 0.4, "start": 0.1, "final": 0.01},
        lambda opt: lr_scheduler.OneCycleLR(
            opt,
            opt.param_groups[0]["lr"],
            total_steps=EPOCHS * STEPS,
            pct_start=0.4,
            cycle_momentum=False,
            div_factor=10.0,
            final_div_factor=10.0,
        ),
    ),
    "warm_restarts": (
        {"name": "warm_restarts", "t0": 1, "t_mult": 2},
        lambda opt: lr_scheduler.CosineAnnealingWarmRestarts(opt, STEPS, 2),
    ),
}


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Weights]:
    """What evaluation sees of a run alone after every step of the trainer: parameters and norm statistics."""
    seen: list[Weights] = []
    step = fit.train_step

    def watched(cohort: Cohort, chosen: Tensor, moment: Moment, lr: Tensor) -> Any:
        result = step(cohort, chosen, moment, lr)
        networks = cohort.evaluated(moment)
        tensors = {**networks.layout.views(networks.flat), **networks.buffers}
        seen.append({name: value[0].clone() for name, value in tensors.items()})
        return result

    monkeypatch.setattr(fit, "train_step", watched)
    return seen


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_equals_torch(name: str, precision: str, steps: list[Weights]) -> None:
    record, make_optimizer = OPTIMIZERS[name]
    setting = make_mlp(precision, optimizer=record)
    train_alone(setting, seed=3)
    assert_same_steps(steps, train_torch(setting, 3, torch_mlp(), make_optimizer), precision)


@pytest.mark.parametrize("optimizer", ["nesterov", "adamw"])
@pytest.mark.parametrize("curve", CURVES)
def test_learning_rate_curve_equals_torch(curve: str, optimizer: str, steps: list[Weights]) -> None:
    record, make_optimizer = OPTIMIZERS[optimizer]
    curve_record, make_scheduler = CURVES[curve]
    setting = make_mlp("float64", optimizer=record, curve=curve_record)
    train_alone(setting, seed=4)
    assert_same_steps(steps, train_torch(setting, 4, torch_mlp(), make_optimizer, make_scheduler), "float64")


@pytest.mark.parametrize("precision", TOLERANCE)
def test_batch_norm_equals_torch(precision: str, steps: list[Weights]) -> None:
    record, make_optimizer = OPTIMIZERS["momentum"]
    setting = make_mlp(precision, {"batch_norm": {"momentum": 0.2, "epsilon": 1e-4}}, optimizer=record)
    sink = train_alone(setting, seed=5)
    net = torch_mlp(lambda place: {f"norm{place}": nn.BatchNorm1d((9, 6)[place], eps=1e-4, momentum=0.2)})
    assert_same_steps(steps, train_torch(setting, 5, net, make_optimizer), precision)
    losses = evaluate(net, setting)
    assert sink.rows[-1]["val_loss"] == pytest.approx(losses["val"], rel=10 * TOLERANCE[precision])


@pytest.mark.parametrize("precision", TOLERANCE)
def test_dropout_equals_a_scaled_mask_in_torch(precision: str, steps: list[Weights]) -> None:
    record, make_optimizer = OPTIMIZERS["adam"]
    setting = make_mlp(precision, {"dropout": {"rate": 0.25}}, optimizer=record)
    sink = train_alone(setting, seed=6)
    net = torch_mlp(lambda place: {f"drop{place}": Masked(f"hidden{place}", 0.25)})
    assert_same_steps(steps, train_torch(setting, 6, net, make_optimizer), precision)
    assert sink.rows[-1]["val_loss"] == pytest.approx(evaluate(net, setting)["val"], rel=10 * TOLERANCE[precision])


@pytest.mark.parametrize("precision", TOLERANCE)
def test_gradient_clipping_equals_torch(precision: str, steps: list[Weights]) -> None:
    record, make_optimizer = OPTIMIZERS["momentum"]
    setting = make_mlp(precision, {"gradient_clipping": {"limit": LIMIT}}, optimizer=record)
    sink = train_alone(setting, seed=7)
    norms: list[float] = []

    def clip(net: nn.Module) -> None:
        norms.append(nn.utils.clip_grad_norm_(net.parameters(), LIMIT).item())

    assert_same_steps(steps, train_torch(setting, 7, torch_mlp(), make_optimizer, before_step=clip), precision)
    clipped = [sum(norm > LIMIT for norm in norms[e : e + STEPS]) / STEPS for e in range(0, len(norms), STEPS)]
    assert 0.0 < sum(clipped) < EPOCHS, "the limit should bind in some steps only"
    assert [row["gradient_clipping.clipped_fraction"] for row in sink.rows] == pytest.approx(clipped, rel=1e-6)


@pytest.mark.parametrize("precision", TOLERANCE)
def test_clipping_by_value_equals_torch(precision: str, steps: list[Weights]) -> None:
    record, make_optimizer = OPTIMIZERS["momentum"]
    setting = make_mlp(precision, {"gradient_clipping": {"limit": 0.02, "by": "value"}}, optimizer=record)
    train_alone(setting, seed=7)
    clip = partial(clip_values, limit=0.02)
    assert_same_steps(steps, train_torch(setting, 7, torch_mlp(), make_optimizer, before_step=clip), precision)


def clip_values(net: nn.Module, limit: float) -> None:
    nn.utils.clip_grad_value_(net.parameters(), limit)


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("scope", ["weights", "all"])
def test_weight_decay_equals_adamw(scope: str, precision: str, steps: list[Weights]) -> None:
    """Under a falling rate, for the decay of AdamW follows the curve."""
    curve, make_scheduler = CURVES["cosine"]
    setting = make_mlp(
        precision,
        {"weight_decay": {"strength": 0.4, "scope": scope}},
        optimizer={"name": "adam", "lr": 0.02, "eps": 1e-6},
        curve=curve,
    )
    train_alone(setting, seed=8)

    def make_optimizer(net: nn.Module) -> torch.optim.Optimizer:
        weights = [p for name, p in net.named_parameters() if name.endswith("weight")]
        biases = [p for name, p in net.named_parameters() if name.endswith("bias")]
        bias_decay = 0.4 if scope == "all" else 0.0
        groups = [{"params": weights, "weight_decay": 0.4}, {"params": biases, "weight_decay": bias_decay}]
        return torch.optim.AdamW(groups, 0.02, eps=1e-6)

    assert_same_steps(steps, train_torch(setting, 8, torch_mlp(), make_optimizer, make_scheduler), precision)


@pytest.mark.parametrize("name", ["adam", "momentum"])
def test_l2_equals_torchs_coupled_decay(name: str, steps: list[Weights]) -> None:
    """torch's `weight_decay` of SGD and Adam is the gradient of the penalty, over all parameters."""
    record, make_optimizer = OPTIMIZERS[name]
    setting = make_mlp("float64", {"l2": {"strength": 0.1, "scope": "all"}}, optimizer=record)
    train_alone(setting, seed=9)

    def decayed(net: nn.Module) -> torch.optim.Optimizer:
        optimizer = make_optimizer(net)
        optimizer.param_groups[0]["weight_decay"] = 0.1
        return optimizer

    assert_same_steps(steps, train_torch(setting, 9, torch_mlp(), decayed), "float64")


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("normed", [False, True])
def test_ema_equals_averaged_model(normed: bool, precision: str, steps: list[Weights]) -> None:
    """What is evaluated is torch's average, of norm statistics too, while training continues with the weights."""
    record, make_optimizer = OPTIMIZERS["momentum"]
    regularizers: dict[str, Any] = {"ema": {"decay": 0.75}, **({"batch_norm": {}} if normed else {})}
    setting = make_mlp(precision, regularizers, optimizer=record)
    sink = train_alone(setting, seed=10)
    net = torch_mlp(lambda place: {f"norm{place}": nn.BatchNorm1d((9, 6)[place])} if normed else {})
    average = AveragedModel(net.to(setting.spec.dtype), multi_avg_fn=get_ema_multi_avg_fn(0.75), use_buffers=True)

    def averaged(net: nn.Module) -> nn.Module:
        average.update_parameters(net)
        return average.module

    assert_same_steps(steps, train_torch(setting, 10, net, make_optimizer, averaged=averaged), precision)
    losses = evaluate(average.module, setting)
    assert sink.rows[-1]["val_loss"] == pytest.approx(losses["val"], rel=10 * TOLERANCE[precision])
    saved = torch.cat([p.detach().flatten() for p in average.module.parameters()])
    assert sink.rows[-1]["weight_norm"] == pytest.approx(saved.norm().item(), rel=10 * TOLERANCE[precision])


def test_figures_equal_torchs_evaluation(steps: list[Weights]) -> None:
    """Each part is measured whole at the end; during training the training loss is that of a fixed subset."""
    record, make_optimizer = OPTIMIZERS["nesterov"]
    setting = make_mlp("float64", optimizer=record)
    sink = train_alone(setting, seed=7)
    net = torch_mlp()
    train_torch(setting, 7, net, make_optimizer)
    for part, loss in evaluate(net, setting).items():
        assert sink.result["last"][part]["loss"] == pytest.approx(loss, rel=1e-12)
    assert sink.rows[-1]["val_loss"] == pytest.approx(evaluate(net, setting)["val"], rel=1e-12)

"""The whole trainer against torch.nn and torch.optim, step by step: same initial weights, same rows in each batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from regbench.randomness import Randomness
from regbench.training.cohort import Cohort
from tests.unit.trainer import Setting, draw_classes, make_setting, make_split, train_alone

EPOCHS, BATCH, TRAIN, VAL, TEST = 3, 16, 72, 20, 8
STEPS = -(-TRAIN // BATCH)
LIMIT = 0.6
TOLERANCE = {"float32": 1e-6, "float64": 1e-12}
DTYPES = {"float32": torch.float32, "float64": torch.float64}

Weights = dict[str, Tensor]
MakeOptimizer = Callable[[nn.Module], torch.optim.Optimizer]
MakeScheduler = Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler]

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
    step = Cohort.step

    def watched(self: Cohort, *args: Any) -> Any:
        result = step(self, *args)
        networks = self.evaluated()
        tensors = {**networks.layout.views(networks.flat), **networks.buffers}
        seen.append({name: value[0].clone() for name, value in tensors.items()})
        return result

    monkeypatch.setattr(Cohort, "step", watched)
    return seen


def make_mlp(precision: str, techniques: Mapping[str, Any] | None = None, **schedule: Any) -> Setting:
    x, y = draw_classes(TRAIN + VAL + TEST, (7,))
    split = make_split(x, y, val=VAL, test=TEST)
    model = {"name": "mlp", "widths": [9, 6], "activation": "tanh"}
    return make_setting(split, model, techniques, epochs=EPOCHS, batch_size=BATCH, precision=precision, **schedule)


class Masked(nn.Module):
    """Inverted dropout with the mask that regbench draws at a site; `random` is the step's source."""

    def __init__(self, site: str, rate: float) -> None:
        super().__init__()
        self.site, self.rate = site, rate
        self.random = Randomness(0)

    def forward(self, h: Tensor) -> Tensor:
        if not self.training:
            return h
        keep = self.random.at("dropout", "activations", self.site).keep(self.rate, h.shape)
        return h * keep / (1.0 - self.rate)


def torch_mlp(extra: Callable[[int], Mapping[str, nn.Module]] = lambda place: {}) -> nn.Sequential:
    """Return the same network in torch.nn; `extra` gives modules of each hidden layer, by name.

    Those whose name begins with `norm` come before the non-linearity, the others after it.
    """
    net = nn.Sequential()
    inputs = 7
    for place, units in enumerate((9, 6)):
        added = extra(place)
        normed = any(name.startswith("norm") for name in added)
        net.add_module(f"hidden{place}", nn.Linear(inputs, units, bias=not normed))  # a norm's shift is its bias
        for name, module in added.items():
            if name.startswith("norm"):
                net.add_module(name, module)
        net.add_module(f"tanh{place}", nn.Tanh())
        for name, module in added.items():
            if not name.startswith("norm"):
                net.add_module(name, module)
        inputs = units
    net.add_module("output", nn.Linear(inputs, 3))
    return net


def rename(name: str) -> str:
    """Return regbench's name of a parameter or buffer of torch: norms have a scale and a shift."""
    if name.startswith("norm"):
        return name.replace("weight", "scale").replace("bias", "shift")
    return name


def read(net: nn.Module) -> Weights:
    """Return parameters and norm statistics by regbench's names."""
    state = {rename(name): value.detach().clone() for name, value in net.state_dict().items()}
    return {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}


def train_torch(
    setting: Setting,
    seed: int,
    net: nn.Sequential,
    make_optimizer: MakeOptimizer,
    make_scheduler: MakeScheduler | None = None,
    before_step: Callable[[nn.Module], object] = lambda net: None,
    averaged: Callable[[nn.Module], nn.Module] = lambda net: net,
) -> list[Weights]:
    """Train with torch alone and return what would be evaluated after every step."""
    rows, dtype = setting.data.rows, setting.plan.dtype
    net = net.to(dtype)
    initial = setting.plan.network.initial_weights(Randomness(seed), dtype)
    for name, parameter in net.named_parameters():
        parameter.data.copy_(initial[rename(name)])
    optimizer = make_optimizer(net)
    scheduler = make_scheduler(optimizer) if make_scheduler else None
    seen = []
    for epoch in range(1, EPOCHS + 1):
        order = Randomness(seed).at("order", epoch).permutation(len(rows.y))
        for number, chosen in enumerate(order.split(BATCH)):
            for module in net:
                if isinstance(module, Masked):
                    module.random = Randomness(seed).at("step", epoch, number)
            net.train()
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(rows.x[chosen]), rows.y[chosen].argmax(1)).backward()
            before_step(net)
            optimizer.step()
            if scheduler:
                scheduler.step()
            seen.append(read(averaged(net)))
    return seen


def assert_same_steps(ours: list[Weights], theirs: list[Weights], precision: str) -> None:
    assert len(ours) == len(theirs) == EPOCHS * STEPS
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        assert mine.keys() == other.keys()
        for name, value in other.items():
            assert mine[name].dtype == DTYPES[precision]
            difference = (mine[name] - value).abs().max().item()
            assert difference <= TOLERANCE[precision], f"step {number + 1}, {name}: {difference:.3g}"


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
    """What is evaluated is torch's average, of norm statistics too, while training goes on with the weights."""
    record, make_optimizer = OPTIMIZERS["momentum"]
    techniques: dict[str, Any] = {"ema": {"decay": 0.75}, **({"batch_norm": {}} if normed else {})}
    setting = make_mlp(precision, techniques, optimizer=record)
    sink = train_alone(setting, seed=10)
    net = torch_mlp(lambda place: {f"norm{place}": nn.BatchNorm1d((9, 6)[place])} if normed else {})
    average = AveragedModel(net.to(setting.plan.dtype), multi_avg_fn=get_ema_multi_avg_fn(0.75), use_buffers=True)

    def averaged(net: nn.Module) -> nn.Module:
        average.update_parameters(net)
        return average.module

    assert_same_steps(steps, train_torch(setting, 10, net, make_optimizer, averaged=averaged), precision)
    losses = evaluate(average.module, setting)
    assert sink.rows[-1]["val_loss"] == pytest.approx(losses["val"], rel=10 * TOLERANCE[precision])
    trained = torch.cat([p.detach().flatten() for p in net.parameters()])
    assert sink.rows[-1]["weight_norm"] == pytest.approx(trained.norm().item(), rel=10 * TOLERANCE[precision])


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


def evaluate(net: nn.Module, setting: Setting) -> dict[str, float]:
    """Return torch's mean cross-entropy on each part, in evaluation mode."""
    net.eval()
    losses = {}
    for name, part in (("train", setting.split.train), ("val", setting.split.val), ("test", setting.split.test)):
        x = torch.from_numpy(np.ascontiguousarray(part.x)).to(setting.plan.dtype)
        losses[name] = nn.functional.cross_entropy(net(x), torch.from_numpy(part.y)).item()
    return losses

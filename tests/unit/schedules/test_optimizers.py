"""Optimizer declarations against the classes of torch.optim that they stand for."""

from __future__ import annotations

import inspect
from dataclasses import asdict
from typing import Any

import pytest
import torch
from torch import Tensor

from regbench.config.containers import declared
from regbench.config.fields import hyper_names
from regbench.errors import ConfigError
from regbench.randomness import Randomness
from regbench.schedules.optimizers import OPTIMIZERS, SGD, Adam, AdamW, Optimizer, RMSprop
from regbench.training.optimizer import StackedOptimizer

PEERS = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
}


@pytest.mark.parametrize("name", PEERS)
def test_defaults_are_torchs_except_the_rate_of_sgd(name: str) -> None:
    peer = {key: value.default for key, value in inspect.signature(PEERS[name]).parameters.items()}
    if "betas" in peer:
        peer["beta1"], peer["beta2"] = peer["betas"]
    ours = asdict(OPTIMIZERS[name]())
    if name == "sgd":
        assert ours.pop("lr") == 0.1  # torch's 1e-3 dates from 2024 and suits no published SGD setting
    assert ours == {key: peer[key] for key in ours}


@pytest.mark.parametrize("name", PEERS)
def test_only_rate_and_decay_may_differ_inside_a_cohort(name: str) -> None:
    assert hyper_names(OPTIMIZERS[name]) == (("lr", "weight_decay") if name == "adamw" else ("lr",))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_field_says_what_it_is(name: str) -> None:
    assert OPTIMIZERS[name].name == name
    assert all(fact.help for fact in declared(OPTIMIZERS[name]).values())


def test_decay_can_be_switched_off() -> None:
    assert declared(AdamW)["weight_decay"].off == 0.0


def test_nesterov_without_momentum_is_refused() -> None:
    with pytest.raises(ValueError, match="Nesterov momentum requires a momentum"):
        torch.optim.SGD([torch.zeros(1)], lr=1.0, nesterov=True)  # torch would, but in the middle of a run
    with pytest.raises(ConfigError, match=r"nesterov=true needs schedule\.optimizer\.momentum in \(0, 1\)"):
        SGD(nesterov=True)


# -- at work on stacked weights --------------------------------------------------------------------------------------

RECORDS = {
    "sgd": SGD(),
    "momentum": SGD(momentum=0.8),
    "nesterov": SGD(momentum=0.8, nesterov=True),
    "adam": Adam(beta1=0.8, beta2=0.95, eps=1e-3),
    "adamw": AdamW(),
    "rmsprop": RMSprop(alpha=0.9, eps=1e-3),
    "rmsprop with momentum": RMSprop(alpha=0.9, momentum=0.6),
}
SHAPE = (3, 5)


def gradients_at(step: int) -> Tensor:
    return Randomness(7).at(step).normal(SHAPE, torch.float64)


def test_every_optimizer_is_at_work_here() -> None:
    assert {type(record) for record in RECORDS.values()} == set(OPTIMIZERS.values())


@pytest.mark.parametrize("missing", ["memory", "step", "gain"])
def test_an_optimizer_without_a_step_of_its_own_cannot_be_made(missing: str) -> None:
    """Otherwise it would train with another's, and nobody would notice."""
    own: dict[str, Any] = {"name": "lazy", "memory": (), "step": lambda *_: None, "gain": lambda *_: None}
    whole = type("Whole", (Optimizer,), {**own, "__doc__": "Complete."})
    assert whole(lr=0.1).lr == 0.1
    del own[missing]
    lazy = type("Lazy", (Optimizer,), {**own, "__doc__": "Incomplete."})
    with pytest.raises(TypeError, match=rf"abstract class Lazy .*{missing}"):
        lazy(lr=0.1)


@pytest.mark.parametrize("name", RECORDS)
def test_the_step_at_rate_one_is_torchs_step_by_step(name: str) -> None:
    record = RECORDS[name]
    settings = {key: value for key, value in asdict(record).items() if key not in ("lr", "beta1", "beta2")}
    if isinstance(record, Adam):
        settings |= {"betas": (record.beta1, record.beta2), "weight_decay": 0.0}
    peer = torch.nn.Parameter(torch.zeros(SHAPE, dtype=torch.float64))
    theirs = PEERS[type(record).name]([peer], lr=1.0, **settings)
    ours, work = torch.zeros(SHAPE, dtype=torch.float64), StackedOptimizer(record, peer.detach())
    assert not any(value.any() for value in work.state().values()), "nothing is remembered before the first step"
    for step in range(12):
        peer.grad = gradients_at(step)
        theirs.step()
        ours = ours + work.step(gradients_at(step))
        torch.testing.assert_close(ours, peer.detach(), rtol=1e-13, atol=1e-13)
    assert work.state()["step"].item() == (0 if isinstance(record, SGD) else 12)


@pytest.mark.parametrize("name", RECORDS)
def test_the_gain_is_the_step_for_a_unit_of_constant_gradient(name: str) -> None:
    """Once the memory has settled: a constant gradient then moves each weight by gradient times gain."""
    gradient = gradients_at(0)
    work = StackedOptimizer(RECORDS[name], gradient)
    for _ in range(400):
        step = work.step(gradient).clone()
    torch.testing.assert_close(step, -gradient * work.gain(), rtol=1e-9, atol=0)


def test_the_gain_follows_its_closed_form_after_changing_gradients() -> None:
    work = {name: StackedOptimizer(record, torch.zeros(SHAPE, dtype=torch.float64)) for name, record in RECORDS.items()}
    squares = {alpha: torch.zeros(SHAPE, dtype=torch.float64) for alpha in (0.9, 0.95)}
    for step in range(6):
        gradient = gradients_at(step)
        squares = {alpha: alpha * square + (1 - alpha) * gradient**2 for alpha, square in squares.items()}
        for optimizer in work.values():
            optimizer.step(gradient)
    expected: dict[str, Tensor | float] = {
        "sgd": 1.0,
        "momentum": 1 / 0.2,
        "nesterov": 1 / 0.2,
        "adam": 1 / ((squares[0.95] / (1 - 0.95**6)).sqrt() + 1e-3),
        "rmsprop": 1 / (squares[0.9].sqrt() + 1e-3),
        "rmsprop with momentum": 1 / (squares[0.9].sqrt() + 1e-8) / 0.4,
    }
    for name, gain in expected.items():
        found = work[name].gain()
        assert found.shape == SHAPE
        torch.testing.assert_close(found, torch.as_tensor(gain, dtype=torch.float64).expand(SHAPE), rtol=1e-12, atol=0)


def test_only_adamw_shrinks_the_weights_each_run_by_its_own_rate_and_decay() -> None:
    lr, decay = torch.tensor([[0.1], [0.01]]), torch.tensor([0.5, 0.0], dtype=torch.float64)
    for record in RECORDS.values():
        found = record.shrink(lr, {"lr": lr[:, 0].double(), "weight_decay": decay})
        if isinstance(record, AdamW):
            torch.testing.assert_close(found, torch.tensor([[0.95], [1.0]]))
        else:
            assert found is None


@pytest.mark.parametrize("name", RECORDS)
def test_runs_that_leave_the_stack_and_a_loaded_memory_change_nothing_for_the_others(name: str) -> None:
    whole = StackedOptimizer(RECORDS[name], gradients_at(0))
    for step in range(3):
        whole.step(gradients_at(step))
    resumed = StackedOptimizer(RECORDS[name], gradients_at(0))
    resumed.load(whole.state())
    rows = torch.tensor([2, 0])
    resumed.keep(rows)
    for step in range(3, 6):
        expected = whole.step(gradients_at(step))[rows]
        torch.testing.assert_close(resumed.step(gradients_at(step)[rows]), expected, rtol=1e-13, atol=1e-13)
        torch.testing.assert_close(resumed.gain(), whole.gain()[rows], rtol=1e-13, atol=0)

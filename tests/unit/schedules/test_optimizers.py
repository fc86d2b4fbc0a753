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


@pytest.mark.parametrize("missing", ["memory", "step", "gain", "absorb"])
def test_an_optimizer_without_a_step_of_its_own_cannot_be_made(missing: str) -> None:
    """Otherwise it would train with another's, and nobody would notice."""
    methods = dict.fromkeys(("step", "gain", "absorb"), lambda *_: None)
    own: dict[str, Any] = {"name": "lazy", "memory": (), **methods}
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
        ours = ours + work.step(gradients_at(step), None)
        torch.testing.assert_close(ours, peer.detach(), rtol=1e-13, atol=1e-13)
    assert work.state()["step"].item() == (0 if isinstance(record, SGD) else 12)


@pytest.mark.parametrize("name", RECORDS)
def test_the_gain_is_how_far_a_change_of_the_gradient_moves_the_weights_in_the_same_step(name: str) -> None:
    """With the divisor held: Adam and RMSprop divide by the size of the `apart` gradient too, which is changed back."""
    change, moves, gains = gradients_at(20), [], []
    for added in (torch.zeros(SHAPE, dtype=torch.float64), change):
        work = StackedOptimizer(RECORDS[name], change)
        for step in range(6):
            work.step(gradients_at(step), None)
        moves.append(work.step(gradients_at(6) + added, -added).clone())
        gains.append(work.gain())
    torch.testing.assert_close(moves[1] - moves[0], -change * gains[0], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(gains[0], gains[1], rtol=1e-12, atol=0)


def test_the_gain_follows_its_closed_form_after_changing_gradients() -> None:
    work = {name: StackedOptimizer(record, torch.zeros(SHAPE, dtype=torch.float64)) for name, record in RECORDS.items()}
    squares = {alpha: torch.zeros(SHAPE, dtype=torch.float64) for alpha in (0.9, 0.95)}
    for step in range(6):
        gradient = gradients_at(step)
        squares = {alpha: alpha * square + (1 - alpha) * gradient**2 for alpha, square in squares.items()}
        for optimizer in work.values():
            optimizer.step(gradient, None)
    expected: dict[str, Tensor | float] = {
        "sgd": 1.0,
        "momentum": 1.0,
        "nesterov": 1.8,
        "adam": 0.2 / (1 - 0.8**6) / ((squares[0.95] / (1 - 0.95**6)).sqrt() + 1e-3),
        "rmsprop": 1 / (squares[0.9].sqrt() + 1e-3),
        "rmsprop with momentum": 1 / (squares[0.9].sqrt() + 1e-8),
    }
    for name, gain in expected.items():
        found = work[name].gain()
        assert found.shape == SHAPE
        torch.testing.assert_close(found, torch.as_tensor(gain, dtype=torch.float64).expand(SHAPE), rtol=1e-12, atol=0)


# -- penalties that act after the step -------------------------------------------------------------------------------


def apart_at(step: int) -> Tensor:
    return 0.3 * Randomness(8).at(step).normal(SHAPE, torch.float64).sign()


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_adam_divides_by_the_size_of_the_whole_gradient_and_moves_along_its_own_part(name: str) -> None:
    record = RECORDS[name]
    assert isinstance(record, Adam)
    work, m, v = StackedOptimizer(record, gradients_at(0)), torch.zeros(()), torch.zeros(())
    for step in range(8):
        g, p = gradients_at(step), apart_at(step)
        m = record.beta1 * m + (1 - record.beta1) * g
        v = record.beta2 * v + (1 - record.beta2) * (g + p) ** 2
        m_hat, v_hat = m / (1 - record.beta1 ** (step + 1)), v / (1 - record.beta2 ** (step + 1))
        torch.testing.assert_close(work.step(g, p), -m_hat / (v_hat.sqrt() + record.eps), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", ["rmsprop", "rmsprop with momentum"])
def test_rmsprop_divides_by_the_size_of_the_whole_gradient_and_moves_along_its_own_part(name: str) -> None:
    record = RECORDS[name]
    assert isinstance(record, RMSprop)
    work, b, v = StackedOptimizer(record, gradients_at(0)), torch.zeros(()), torch.zeros(())
    for step in range(8):
        g, p = gradients_at(step), apart_at(step)
        v = record.alpha * v + (1 - record.alpha) * (g + p) ** 2
        b = record.momentum * b + g / (v.sqrt() + record.eps)
        torch.testing.assert_close(work.step(g, p), -b, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov"])
def test_sgd_does_not_look_at_what_acts_apart(name: str) -> None:
    ours, alone = (StackedOptimizer(RECORDS[name], gradients_at(0)) for _ in range(2))
    for step in range(3):
        expected = alone.step(gradients_at(step), None)
        torch.testing.assert_close(ours.step(gradients_at(step), apart_at(step)), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", RECORDS)
def test_a_penalty_of_zero_apart_changes_no_bit(name: str) -> None:
    ours, alone = (StackedOptimizer(RECORDS[name], gradients_at(0)) for _ in range(2))
    for step in range(5):
        g = gradients_at(step)
        assert torch.equal(ours.step(g, torch.zeros_like(g)), alone.step(g, None))
        assert torch.equal(ours.gain(), alone.gain())


@pytest.mark.parametrize("name", RECORDS)
def test_what_is_absorbed_acts_as_if_it_had_been_in_the_gradient_from_the_beginning(name: str) -> None:
    """The step along g, its penalty p at the scale of the gain, and p absorbed: together the steps along g + p."""
    ours, whole = (StackedOptimizer(RECORDS[name], gradients_at(0)) for _ in range(2))
    for step in range(8):
        g, p = gradients_at(step), apart_at(step)
        moved = ours.step(g, p) - ours.gain() * p
        ours.absorb(p)
        torch.testing.assert_close(moved, whole.step(g + p, None), rtol=1e-10, atol=1e-12)


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
        whole.step(gradients_at(step), None)
    resumed = StackedOptimizer(RECORDS[name], gradients_at(0))
    resumed.load(whole.state())
    rows = torch.tensor([2, 0])
    resumed.keep(rows)
    for step in range(3, 6):
        expected = whole.step(gradients_at(step), None)[rows]
        torch.testing.assert_close(resumed.step(gradients_at(step)[rows], None), expected, rtol=1e-13, atol=1e-13)
        torch.testing.assert_close(resumed.gain(), whole.gain()[rows], rtol=1e-13, atol=0)

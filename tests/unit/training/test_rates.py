"""Learning rate and decay of each run inside one cohort, for every optimizer, against the classes of torch.optim.

Each run is trained again by torch alone: the same network, initial weights and batches, its own rate and decay.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

from regbench.schedules.optimizers import OPTIMIZERS
from regbench.training import fit
from regbench.training.cohort import Cohort
from regbench.training.cohort_run import make_run
from tests.contract.conftest import Memory
from tests.unit.training.small_runs import Setting, train_cohort, with_rate
from tests.unit.training.torch_peer import STEPS, TOLERANCE, Weights, make_mlp, torch_mlp, train_torch

EPOCHS = 11
UPDATES = EPOCHS * STEPS
SCALES = (1.0, 0.1, 2.5, 1e-3, 0.6)
"""The rate of each run, in the optimizer's own."""
DECAYS = (0.3, 0.0, 0.05, 1.0, 0.01)
SEEDS = (3, 3, 8, 1, 20)
"""Two runs differ in rate and decay only."""

Make = Callable[..., torch.optim.Optimizer]
"""Takes the network, `lr` and `decay`, which only AdamW uses."""

PEERS: dict[str, tuple[dict[str, Any], Make]] = {
    "sgd": ({"name": "sgd", "lr": 0.2}, lambda net, lr, decay: torch.optim.SGD(net.parameters(), lr)),
    "momentum": (
        {"name": "sgd", "lr": 0.05, "momentum": 0.8},
        lambda net, lr, decay: torch.optim.SGD(net.parameters(), lr, momentum=0.8),
    ),
    "nesterov": (
        {"name": "sgd", "lr": 0.05, "momentum": 0.8, "nesterov": True},
        lambda net, lr, decay: torch.optim.SGD(net.parameters(), lr, momentum=0.8, nesterov=True),
    ),
    "adam": (
        {"name": "adam", "lr": 0.01, "beta1": 0.8, "beta2": 0.99},
        lambda net, lr, decay: torch.optim.Adam(net.parameters(), lr, (0.8, 0.99)),
    ),
    "adamw": (
        {"name": "adamw", "lr": 0.01, "weight_decay": 0.1},
        lambda net, lr, decay: torch.optim.AdamW(net.parameters(), lr, weight_decay=decay),
    ),
    "rmsprop": (
        {"name": "rmsprop", "lr": 0.003, "alpha": 0.9},
        lambda net, lr, decay: torch.optim.RMSprop(net.parameters(), lr, 0.9),
    ),
    "rmsprop with momentum": (
        {"name": "rmsprop", "lr": 0.003, "alpha": 0.9, "momentum": 0.5},
        lambda net, lr, decay: torch.optim.RMSprop(net.parameters(), lr, 0.9, momentum=0.5),
    ),
}
CURVES: dict[str, tuple[dict[str, Any], Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler] | None]] = {
    "constant": ({"name": "constant"}, None),
    "cosine": (
        {"name": "cosine", "final": 0.1},
        lambda opt: lr_scheduler.CosineAnnealingLR(opt, UPDATES, eta_min=0.1 * opt.param_groups[0]["lr"]),
    ),
}


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Weights]:
    """The weights of all runs after every step of the cohort, `[S, ...]`."""
    seen: list[Weights] = []
    step = fit.train_step

    def watched(cohort: Cohort, *args: Any) -> Any:
        result = step(cohort, *args)
        seen.append({name: value.clone() for name, value in cohort.layout.views(cohort.flat).items()})
        return result

    monkeypatch.setattr(fit, "train_step", watched)
    return seen


def train_together(setting: Setting, peak: float) -> None:
    """Train the runs as one cohort."""
    run = make_run(setting.spec, 0, Memory())
    train_cohort(
        setting,
        [
            with_rate(dataclasses.replace(run, seed=seed, sink=Memory()), peak * scale, decay)
            for seed, scale, decay in zip(SEEDS, SCALES, DECAYS, strict=True)
        ],
    )


def largest_difference(ours: Sequence[Weights], theirs: Sequence[Weights], place: int) -> float:
    """Return the largest difference of one run's weights from torch's, after any step."""
    assert len(ours) == len(theirs) == UPDATES >= 50
    return max(
        (mine[name][place] - value).abs().max().item()
        for mine, other in zip(ours, theirs, strict=True)
        for name, value in other.items()
    )


def test_every_optimizer_is_compared() -> None:
    assert {record["name"] for record, _ in PEERS.values()} == set(OPTIMIZERS)


@pytest.mark.matrix(cases=8)
@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("name", PEERS)
def test_each_run_of_a_cohort_equals_torch_alone(name: str, curve: str, precision: str, steps: list[Weights]) -> None:
    record, make = PEERS[name]
    curve_record, make_scheduler = CURVES[curve]
    setting = make_mlp(precision, optimizer=record, curve=curve_record, epochs=EPOCHS)
    train_together(setting, record["lr"])
    for place, (seed, scale, decay) in enumerate(zip(SEEDS, SCALES, DECAYS, strict=True)):
        optimizer = partial(make, lr=record["lr"] * scale, decay=decay)
        theirs = train_torch(setting, seed, torch_mlp(), optimizer, make_scheduler)
        assert largest_difference(steps, theirs, place) <= TOLERANCE[precision]

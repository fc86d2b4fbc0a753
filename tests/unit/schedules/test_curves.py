"""Curves against torch.optim.lr_scheduler, step by step."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler as peer
from torch.optim.lr_scheduler import LRScheduler

from regbench.schedules.curves import CURVES, Constant, Cosine, Curve, OneCycle, Step, WarmRestarts

EPOCHS, PER_EPOCH = 12, 7
STEPS = EPOCHS * PER_EPOCH
Make = Callable[[torch.optim.Optimizer], LRScheduler]


def torch_factors(make: Make, steps: int) -> list[float]:
    """Return the learning rates of a torch scheduler whose base rate is 1."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return rates


def factors(curve: Curve, steps: int = STEPS, per_epoch: int = PER_EPOCH) -> list[float]:
    return [curve.factor(step, per_epoch, steps) for step in range(steps)]


def stairs(optimizer: torch.optim.Optimizer) -> LRScheduler:
    return peer.MultiStepLR(optimizer, [2 * PER_EPOCH, 3 * PER_EPOCH, 9 * PER_EPOCH], gamma=0.3)


PEERS: dict[str, tuple[Curve, Make]] = {
    "constant": (Constant(), lambda o: peer.ConstantLR(o, factor=1.0)),
    "cosine": (Cosine(), lambda o: peer.CosineAnnealingLR(o, T_max=STEPS)),
    "cosine, floor": (Cosine(final=0.05), lambda o: peer.CosineAnnealingLR(o, T_max=STEPS, eta_min=0.05)),
    "step": (Step(every=5, gamma=0.5), lambda o: peer.StepLR(o, 5 * PER_EPOCH, gamma=0.5)),
    "milestones": (Step(milestones=(2, 3, 9), gamma=0.3), stairs),
    "one cycle": (OneCycle(), lambda o: peer.OneCycleLR(o, 1.0, total_steps=STEPS + 1, cycle_momentum=False)),
    "restarts": (WarmRestarts(t0=3), lambda o: peer.CosineAnnealingWarmRestarts(o, 3 * PER_EPOCH)),
    "restarts, longer": (
        WarmRestarts(t0=2, t_mult=3, final=0.1),
        lambda o: peer.CosineAnnealingWarmRestarts(o, 2 * PER_EPOCH, T_mult=3, eta_min=0.1),
    ),
}


@pytest.mark.parametrize("case", PEERS)
def test_curve_equals_torch(case: str) -> None:
    curve, make = PEERS[case]
    total = STEPS + 1 if case == "one cycle" else STEPS  # torch's own allows one step() less than it has steps
    ours = [curve.factor(step, PER_EPOCH, total) for step in range(STEPS)]
    assert ours == pytest.approx(torch_factors(make, STEPS), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("total", [2, 3, 11, 50])
@pytest.mark.parametrize("rise", [0.0, 0.15, 0.6, 1.0])
@pytest.mark.parametrize(("start_divisor", "final_divisor"), [(25.0, 1e4), (10.0, 20.0)])
def test_one_cycle_equals_torch_at_every_size(
    total: int, rise: float, start_divisor: float, final_divisor: float
) -> None:
    def make(optimizer: torch.optim.Optimizer) -> LRScheduler:
        return peer.OneCycleLR(
            optimizer,
            1.0,
            total_steps=total,
            pct_start=rise,
            cycle_momentum=False,
            div_factor=start_divisor,
            final_div_factor=final_divisor,
        )

    curve = OneCycle(rise=rise, start=1 / start_divisor, final=1 / start_divisor / final_divisor)
    ours = [curve.factor(step, 1, total) for step in range(total - 1)]
    assert ours == pytest.approx(torch_factors(make, total - 1), rel=1e-9)


def test_one_cycle_starts_low_peaks_at_one_and_ends_at_its_final_value() -> None:
    ours = factors(OneCycle(rise=0.5), steps=100)
    assert ours[0] == pytest.approx(0.04)
    assert ours.index(max(ours)) == 49
    assert max(ours) == pytest.approx(1.0)
    assert ours[-1] == pytest.approx(4e-6)


def test_one_cycle_whose_climb_is_one_step_begins_at_the_peak() -> None:
    assert OneCycle(rise=0.1).factor(0, 1, 10) == 1.0  # torch divides by zero here


def test_warm_restarts_in_fractional_epochs_equal_torch() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = peer.CosineAnnealingWarmRestarts(optimizer, T_0=2, T_mult=2)
    curve = WarmRestarts(t0=2, t_mult=2)
    optimizer.step()
    for step in range(30 * 4):
        scheduler.step(step / 4)  # quarters are exact in binary, so torch's own rounding does not move a restart
        assert curve.factor(step, 4, 120) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-9)


@pytest.mark.parametrize("case", ["cosine", "step", "restarts"])
def test_warm_up_then_curve_equals_torch_sequential(case: str) -> None:
    warm = 3 * PER_EPOCH
    kinds: dict[str, tuple[Curve, Make]] = {
        "cosine": (Cosine(warmup=3), lambda o: peer.CosineAnnealingLR(o, T_max=STEPS - warm)),
        "step": (Step(warmup=3, every=2), lambda o: peer.StepLR(o, 2 * PER_EPOCH)),
        "restarts": (WarmRestarts(warmup=3, t0=4), lambda o: peer.CosineAnnealingWarmRestarts(o, 4 * PER_EPOCH)),
    }
    curve, make = kinds[case]

    def both(optimizer: torch.optim.Optimizer) -> LRScheduler:
        climb = peer.LinearLR(optimizer, start_factor=1 / (warm + 1), end_factor=1.0, total_iters=warm)
        return peer.SequentialLR(optimizer, [climb, make(optimizer)], [warm])

    assert factors(curve) == pytest.approx(torch_factors(both, STEPS), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", CURVES)
def test_warm_up_climbs_in_equal_strides_to_the_curves_first_value(name: str) -> None:
    plain, warmed = CURVES[name](), CURVES[name](warmup=2.5)
    warm = round(2.5 * PER_EPOCH)
    first = plain.factor(0, PER_EPOCH, STEPS - warm)
    ours = factors(warmed)
    assert ours[: warm + 1] == pytest.approx([first * (step + 1) / (warm + 1) for step in range(warm + 1)])
    assert ours[warm:] == factors(plain, STEPS - warm)
    assert 0.0 < ours[0] < first


@given(
    name=st.sampled_from(sorted(CURVES)),
    per_epoch=st.integers(1, 50),
    epochs=st.integers(1, 40),
    warmup=st.floats(0.0, 60.0),
)
def test_every_factor_is_a_share_of_the_peak_and_the_last_one_holds(
    name: str, per_epoch: int, epochs: int, warmup: float
) -> None:
    curve, total = CURVES[name](warmup=warmup), per_epoch * epochs
    ours = factors(curve, total, per_epoch)
    assert all(math.isfinite(factor) and 0.0 <= factor <= 1.0 + 1e-12 for factor in ours)
    if warmup < epochs - 1:
        assert curve.factor(total + 5, per_epoch, total) == ours[-1]

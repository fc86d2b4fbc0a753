"""Learning-rate curves: pure functions of the step, so that a resumed run needs no state to find its rate.

At step t (0 for the first update) a run trains with lr · factor(t) · lr_scale, where lr is the run's own learning
rate and lr_scale what the stopping rule has lowered it to. factor is 1 at the curve's peak.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from regbench.config.fields import integer, integers, number


@dataclass(frozen=True, kw_only=True)
class Curve(ABC):
    """A curve, delayed by a linear warm-up of W = round(warmup · steps_per_epoch) steps.

    factor(t) = shape(0) · (t + 1)/(W + 1) for t < W, then shape(t − W): the climb ends on the curve's first value and
    the curve is laid out over the steps that are left. warmup 0 is no warm-up. Past the last step the last value holds.

    Source of the warm-up: Goyal et al. 2017, section 2.2; equals torch's LinearLR then the curve in a SequentialLR.
    """

    name: ClassVar[str]
    warmup: float = number(0.0, low=0.0, help="epochs of linear climb before the curve begins; 0 is off")

    def factor(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Return what multiplies the run's learning rate at a step in [0, total_steps), a number in [0, 1]."""
        warm = round(self.warmup * steps_per_epoch)
        left = max(total_steps - warm, 1)
        if step < warm:
            return self.shape(0, steps_per_epoch, left) * (step + 1) / (warm + 1)
        return self.shape(min(step - warm, left - 1), steps_per_epoch, left)

    @abstractmethod
    def shape(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Return the curve itself, without warm-up, at a step in [0, total_steps)."""


@dataclass(frozen=True, kw_only=True)
class Constant(Curve):
    """Constant rate: 1."""

    name: ClassVar[str] = "constant"

    def shape(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Return 1 at every step."""
        return 1.0


@dataclass(frozen=True, kw_only=True)
class Cosine(Curve):
    """Half a cosine from 1 to `final` over all T steps: final + (1 − final)·(1 + cos(π·t/T))/2.

    Source: Loshchilov & Hutter 2017, eq. 5 without restarts; equals torch's CosineAnnealingLR with T_max = T.
    """

    name: ClassVar[str] = "cosine"
    final: float = number(0.0, low=0.0, high=1.0, help="where the curve ends, as a share of the peak")

    def shape(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Return the half cosine at a step."""
        return descend(step / total_steps, 1.0, self.final)


@dataclass(frozen=True, kw_only=True)
class Step(Curve):
    """Stairs: gamma to the power of the number of drops so far; epochs are counted from the end of the warm-up.

    A drop comes every `every` epochs or, if milestones are given, at the beginning of each of those epochs instead
    (milestone 30: after 30 epochs at the old rate). gamma 1 is a constant rate.

    Source: equals torch's StepLR and MultiStepLR.
    """

    name: ClassVar[str] = "step"
    every: int = integer(30, low=1, help="epochs between two drops; not used when milestones are given")
    gamma: float = number(0.1, low=0.0, high=1.0, open_low=True, help="what a drop multiplies the rate by")
    milestones: tuple[int, ...] = integers((), low=1, help="epochs after which the rate drops; empty: every `every`")

    def shape(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Return gamma to the power of the drops up to a step."""
        epoch = step // steps_per_epoch
        drops = sum(epoch >= stone for stone in self.milestones) if self.milestones else epoch // self.every
        return self.gamma**drops


@dataclass(frozen=True, kw_only=True)
class OneCycle(Curve):
    """One cycle: half a cosine up from `start` to 1 in the first `rise` of the T steps, half a cosine down to `final`.

    The peak is at step rise·T − 1 and the end at T − 1, as torch places them. The momentum is not cycled.

    Source: Smith & Topin 2018; equals torch's OneCycleLR (two phases, cosine, cycle_momentum=False) with
    start = 1/div_factor and final = start/final_div_factor.
    """

    name: ClassVar[str] = "one_cycle"
    rise: float = number(0.3, low=0.0, high=1.0, help="share of the steps in which the rate climbs")
    start: float = number(0.04, low=0.0, high=1.0, help="where the curve begins, as a share of the peak")
    final: float = number(4e-6, low=0.0, high=1.0, help="where the curve ends, as a share of the peak")

    def shape(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Return the rise or the fall at a step."""
        peak, end = self.rise * total_steps - 1, total_steps - 1
        if step <= peak:
            return descend(step / peak if peak > 0 else 1.0, self.start, 1.0)
        return descend((step - peak) / (end - peak), 1.0, self.final)


@dataclass(frozen=True, kw_only=True)
class WarmRestarts(Curve):
    """Cosine from 1 to `final`, begun anew after t0 epochs, then after t0·t_mult, t0·t_mult², ... more.

    Source: Loshchilov & Hutter 2017 (SGDR), eq. 5; equals torch's CosineAnnealingWarmRestarts stepped every batch.
    """

    name: ClassVar[str] = "warm_restarts"
    t0: int = integer(10, low=1, help="epochs of the first cycle")
    t_mult: int = integer(1, low=1, help="how many times longer each cycle is than the one before")
    final: float = number(0.0, low=0.0, high=1.0, help="where each cycle ends, as a share of the peak")

    def shape(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Return the half cosine of the cycle that a step lies in."""
        length = self.t0 * steps_per_epoch
        if self.t_mult == 1:
            step %= length
        while step >= length:
            step -= length
            length *= self.t_mult
        return descend(step / length, 1.0, self.final)


def descend(part: float, first: float, last: float) -> float:
    """Return half a cosine from `first` at part 0 to `last` at part 1: last + (first − last)·(1 + cos(π·part))/2."""
    return last + (first - last) * (1.0 + math.cos(math.pi * part)) / 2.0


CURVES: dict[str, type[Curve]] = {kind.name: kind for kind in (Constant, Cosine, Step, OneCycle, WarmRestarts)}
